-- Indicators computed from others: f(factor * numerator / denominator). The status of a derived cell is
-- the worst of its inputs, and its list of letters is the union of theirs.
with selected as (

    select * from {{ ref('int_observations__selected') }}

),

formula as (

    select * from {{ ref('derived_indicator') }}

),

status as (

    select
        obs_status,
        precedence
    from {{ ref('obs_status') }}

),

paired as (

    select
        numerator.region_level,
        numerator.region_code,
        numerator.year,
        formula.indicator_id,
        formula.transform,
        formula.factor * numerator.value
        / case when formula.denominator is null then 1 else nullif(denominator.value, 0) end as quotient,
        numerator.value is not null
        and (formula.denominator is null or denominator.value is not null) as has_inputs,
        numerator.obs_status_all || coalesce(denominator.obs_status_all, '') as letters,
        concat_ws(';', numerator.suspect_codes, denominator.suspect_codes) as suspect_codes,
    from formula
    inner join selected as numerator on formula.numerator = numerator.indicator_id
    left join selected as denominator
        on formula.denominator = denominator.indicator_id
            and numerator.region_level = denominator.region_level
            and numerator.region_code = denominator.region_code
            and numerator.year = denominator.year
    where formula.denominator is null or denominator.indicator_id is not null

),

unions as (

    select
        lists.letters,
        {{ dbt.listagg('status.obs_status', "''", 'order by status.precedence') }} as obs_status_all,
    from (select distinct letters from paired) as lists
    inner join status on lists.letters like '%' || status.obs_status || '%'
    group by lists.letters

),

computed as (

    select
        paired.region_level,
        paired.region_code,
        paired.year,
        paired.indicator_id,
        case
            when paired.transform = 'identity' then paired.quotient
            when paired.quotient > 0 then ln(paired.quotient)
        end as value,
        -- A normal input adds nothing to the letters of an abnormal one; a quotient by zero or the log
        -- of what is not positive cannot exist.
        case
            when paired.has_inputs and (
                    paired.quotient is null or (paired.transform = 'log' and paired.quotient <= 0)
                ) then 'M'
            when unions.obs_status_all = 'A' then 'A'
            else replace(unions.obs_status_all, 'A', '')
        end as obs_status_all,
        nullif(paired.suspect_codes, '') as suspect_codes,
    from paired
    inner join unions on paired.letters = unions.letters

),

zone_count as (

    select
        'province' as region_level,
        grid.region_code,
        grid.year,
        'pilot_zone_count' as indicator_id,
        cast(count(zone.zone_no) as double) as value,
        'A' as obs_status_all,
        cast(null as varchar) as suspect_codes,
    from {{ ref('int_region_years__gridded') }} as grid
    left join {{ ref('int_zones__timed') }} as zone
        on grid.region_code = zone.province_code
            and zone.rule_id = '{{ var("zone_count_rule") }}'
            and not zone.is_late
            and grid.year >= zone.start_year
            and grid.year < coalesce(zone.end_year, grid.year + 1)
    where grid.region_level = 'province'
    group by grid.region_code, grid.year

),

final as (

    select
        *,
        substr(obs_status_all, 1, 1) as obs_status,
    from computed
    union all
    select
        *,
        substr(obs_status_all, 1, 1) as obs_status,
    from zone_count

)

select * from final
