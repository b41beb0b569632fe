-- D10: one cell in two releases. Where two vintages of a series agree almost everywhere they are one series
-- in two files; a cell that one leaves blank and the other fills, or that differs, was changed by somebody.
-- Vintages that were revised as a whole do not agree and are left alone.
with observation as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        value_reported,
        decimals,
        {{ is_filled('obs_status_all') }} as is_declared,
    from {{ ref('observation') }}
    where is_panel_scope

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
        paired.*,
        agreement.n_common,
        agreement.n_equal,
    from paired
    inner join agreement
        on paired.region_level = agreement.region_level
            and paired.region_code = agreement.region_code
            and paired.indicator_id = agreement.indicator_id
            and paired.vintage = agreement.vintage
            and paired.other_vintage = agreement.other_vintage
    where agreement.n_common >= 3
        and agreement.n_equal >= {{ var('detector_release_agreement') }} * agreement.n_common
        and (paired.other_value is null or abs(paired.value - paired.other_value) > paired.u)

)

select * from final
order by region_level, indicator_id, region_code, year, vintage, other_vintage
