-- D10: one cell in two releases. Where two vintages of a series agree almost everywhere they are one series
-- in two files; a cell that one leaves blank and the other fills, or that differs, was changed by somebody.
-- Vintages that were revised as a whole do not agree and are left alone.
--
-- What an edition prints is no change, so the finding goes on the vintage that print contradicts: never on
-- print itself, nor on a figure that repeats it. A year that a publication does not print (L) is no blank.
with observation as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        value_reported,
        -- A file of floats prints whole numbers as 143.0: a year of them has no decimals.
        case
            when avg(case when value_reported = round(value_reported, 0) then 1.0 else 0.0 end) over (
                    partition by region_level, indicator_id, vintage, year
                ) > 0.9
                and value_reported = round(value_reported, 0)
                then 0
            else decimals
        end as decimals,
        obs_status_all,
        {{ is_filled('obs_status_all') }} as is_declared,
    from {{ ref('observation') }}
    where is_panel_scope

),

printed_vintage as (

    select vintage from {{ ref('publication') }}
    where is_one_series and kind = 'yearbook'

),

-- First print: of several readings of an edition the first.
printed as (

    select
        observation.region_level,
        observation.region_code,
        observation.year,
        observation.indicator_id,
        min_by(observation.value_reported, observation.vintage) as value_in_print,
        min_by(observation.decimals, observation.vintage) as decimals,
    from observation
    inner join printed_vintage on observation.vintage = printed_vintage.vintage
    where observation.value_reported is not null
    group by observation.region_level, observation.region_code, observation.year, observation.indicator_id

),

paired as (

    select
        one.region_level,
        one.region_code,
        one.year,
        one.indicator_id,
        one.vintage,
        other.vintage as other_vintage,
        one.value_reported as value,
        other.value_reported as other_value,
        one.is_declared,
        one.decimals,
        coalesce(other.obs_status_all like '%L%', false) as is_unpublished,
        power(10, -least(one.decimals, coalesce(other.decimals, one.decimals))) as u,
    from observation as one
    inner join observation as other
        on one.region_level = other.region_level
            and one.region_code = other.region_code
            and one.year = other.year
            and one.indicator_id = other.indicator_id
    where one.vintage <> other.vintage
        and one.value_reported is not null

),

agreement as (

    select
        region_level,
        region_code,
        indicator_id,
        vintage,
        other_vintage,
        count(other_value) as n_common,
        count(*) filter (where abs(value - other_value) <= u) as n_equal,
    from paired
    group by region_level, region_code, indicator_id, vintage, other_vintage

),

final as (

    select
        paired.* exclude (decimals, is_unpublished),
        agreement.n_common,
        agreement.n_equal,
    from paired
    inner join agreement
        on paired.region_level = agreement.region_level
            and paired.region_code = agreement.region_code
            and paired.indicator_id = agreement.indicator_id
            and paired.vintage = agreement.vintage
            and paired.other_vintage = agreement.other_vintage
    left join printed
        on paired.region_level = printed.region_level
            and paired.region_code = printed.region_code
            and paired.year = printed.year
            and paired.indicator_id = printed.indicator_id
    where agreement.n_common >= 3
        and (
            printed.value_in_print is null
            or abs(paired.value - printed.value_in_print)
            > power(10, -least(paired.decimals, printed.decimals))
        )
        and not (paired.other_value is null and paired.is_unpublished)
        and agreement.n_equal >= {{ var('detector_release_agreement') }} * agreement.n_common
        and (paired.other_value is null or abs(paired.value - paired.other_value) > paired.u)

)

select * from final
order by region_level, indicator_id, region_code, year, vintage, other_vintage
