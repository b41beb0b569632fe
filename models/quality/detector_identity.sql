-- D11: an identity that printed figures obey and these do not. Who is wrong, the total or a part, the
-- identity cannot say: it stands as a second key beside what other detectors saw on its cells.
with identity as (

    select * from {{ ref('identity') }}

),

region as (

    select distinct
        region_level,
        region_code,
        province_code,
    from {{ ref('region') }}

),

observation as (

    select
        observation.region_level,
        observation.region_code,
        region.province_code,
        observation.year,
        observation.indicator_id,
        observation.vintage,
        cast(observation.value_reported as double) as value,
        power(10, -observation.decimals) / 2 as rounding,
    from {{ ref('observation') }} as observation
    left join region
        on observation.region_level = region.region_level
            and observation.region_code = region.region_code
    where observation.value_reported is not null and observation.is_panel_scope

),

member as (

    select
        identity.identity_id,
        identity.identity_kind,
        identity.role,
        identity.factor,
        identity.tolerance_share,
        observation.*,
    from identity
    inner join observation on identity.indicator_id = observation.indicator_id

),

needed as (

    select
        identity_id,
        count(*) as n_parts,
    from identity
    where role = 'part'
    group by identity_id

),

total as (

    select * from member
    where role = 'total' and (identity_kind <> 'cities' or region_level = 'province')

),

-- Sums and products of one region; cities are added up under their province.
parts as (

    select
        part.identity_id,
        part.identity_kind,
        case when part.identity_kind = 'cities' then 'province' else part.region_level end as region_level,
        case when part.identity_kind = 'cities' then part.province_code else part.region_code end
            as region_code,
        part.year,
        part.vintage,
        round(sum(part.factor * part.value), 9) as sum_of_parts,
        exp(sum(case when part.factor * part.value > 0 then ln(part.factor * part.value) end))
            as product_of_parts,
        sum(part.factor * part.rounding) as rounding,
        count(*) as n_found,
    from member as part
    where part.role = 'part' and (part.identity_kind <> 'cities' or part.region_level = 'prefecture')
    group by
        part.identity_id,
        part.identity_kind,
        case when part.identity_kind = 'cities' then 'province' else part.region_level end,
        case when part.identity_kind = 'cities' then part.province_code else part.region_code end,
        part.year,
        part.vintage

),

combined as (

    select
        *,
        case when identity_kind = 'product' then product_of_parts else sum_of_parts end as combined,
    from parts

),

final as (

    select
        total.region_level,
        total.region_code,
        total.year,
        total.indicator_id,
        total.vintage,
        combined.vintage as parts_vintage,
        total.identity_id,
        total.identity_kind,
        total.value,
        combined.combined,
        total.value - combined.combined as gap,
        total.rounding + case when total.identity_kind = 'product' then 0 else combined.rounding end
        + total.tolerance_share * abs(total.value) as tolerance,
    from total
    inner join needed on total.identity_id = needed.identity_id
    inner join combined
        on total.identity_id = combined.identity_id
            and total.region_level = combined.region_level
            and total.region_code = combined.region_code
            and total.year = combined.year
            and (total.vintage = combined.vintage or total.identity_kind = 'cities')
    where total.identity_kind = 'cities' or combined.n_found = needed.n_parts

)

select
    *,
    -- Cities were revised with some vintage of their province: they break the sum only if they exceed all.
    case
        when identity_kind = 'cities'
            then min(combined - value - tolerance) over (
                    partition by identity_id, region_level, region_code, year, parts_vintage
                ) > 0
        else abs(gap) > tolerance * 1.000001
    end as is_broken,
from final
order by identity_id, region_level, region_code, year, vintage, parts_vintage
