-- Indicators joined from several printed ones (registry.spliced_indicator): of each region and year the
-- first part that has a value, in the unit of the joined one. A part under another definition carries its
-- status code along, so that no splice is taken for one print. Slips of units and columns that are declared
-- with their proof are put right here and nowhere else: the printed series keep the print.
with splice as (

    select
        spliced.indicator_id,
        spliced.part_indicator_id,
        spliced.part_rank,
        spliced.converter,
        spliced.obs_status,
        spliced.is_corrected,
        part_unit.scale - own_unit.scale as scale_shift,
    from {{ ref('spliced_indicator') }} as spliced
    inner join {{ ref('indicator') }} as own on spliced.indicator_id = own.indicator_id
    inner join {{ ref('unit') }} as own_unit on own.unit = own_unit.unit
    inner join {{ ref('indicator') }} as part on spliced.part_indicator_id = part.indicator_id
    inner join {{ ref('unit') }} as part_unit on part.unit = part_unit.unit

),

slip as (

    select
        correction.region_level,
        correction.region_code,
        correction.year,
        correction.indicator_id,
        correction.vintage,
        correction.value_corrected,
        reported.unit_printed,
        reported.unit,
    from {{ ref('correction') }} as correction
    inner join {{ ref('int_observations__reported') }} as reported
        on correction.region_level = reported.region_level
            and correction.region_code = reported.region_code
            and correction.year = reported.year
            and correction.indicator_id = reported.indicator_id
            and correction.vintage = reported.vintage
            and correction.value_printed = reported.value_printed
            and reported.is_panel_scope
    where correction.action = 'joined'

),

part as (

    select
        selected.region_level,
        selected.region_code,
        selected.year,
        splice.indicator_id,
        splice.part_rank,
        case
            when splice.is_corrected and slip.value_corrected is not null
                then cast(slip.value_corrected as double) * power(10, printed_unit.scale - kept_unit.scale)
            else selected.value
        end * power(10, splice.scale_shift)
        * case when splice.converter is null then 1 else rate.yuan end as value,
        selected.obs_status_all || coalesce(splice.obs_status, '')
        -- Put right from what stands beside it, not from print: not verified.
        || case
            when splice.is_corrected and slip.value_corrected is not null then 'V'
            else ''
        end as status_codes,
        selected.obs_status_all as status_codes_of_part,
        selected.vintage,
        case
            when splice.is_corrected and slip.value_corrected is not null
                then concat_ws(';', selected.suspect_codes, 'corrected')
            else selected.suspect_codes
        end as suspect_codes,
    from {{ ref('int_observations__selected') }} as selected
    inner join splice on selected.indicator_id = splice.part_indicator_id
    left join slip
        on selected.printed_level = slip.region_level
            and selected.region_code = slip.region_code
            and selected.year = slip.year
            and selected.indicator_id = slip.indicator_id
            and selected.vintage = slip.vintage
    left join {{ ref('unit') }} as printed_unit on slip.unit_printed = printed_unit.unit
    left join {{ ref('unit') }} as kept_unit on slip.unit = kept_unit.unit
    left join {{ ref('exchange_rate') }} as rate
        on splice.converter = rate.currency
            and selected.year = rate.year

),

final as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        min_by(value, part_rank) filter (where value is not null) as value,
        coalesce(
            min_by(status_codes, part_rank) filter (where value is not null),
            {{ dbt.listagg('status_codes_of_part', "''", 'order by part_rank') }}
        ) as status_codes,
        min_by(suspect_codes, part_rank) filter (where value is not null) as suspect_codes,
        coalesce(
            min_by(vintage, part_rank) filter (where value is not null), min_by(vintage, part_rank)
        ) as vintage,
    from part
    group by region_level, region_code, year, indicator_id

)

select * from final
