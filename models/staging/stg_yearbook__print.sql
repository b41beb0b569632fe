-- A table, not a view: unfolded once, read by several models.
{{ config(materialized='table') }}

-- Printed cells, printed sums and refused cells of the City Statistical Yearbook as they ship, in the columns
-- of a landed file. A region that has a row in a printed column and no text there was left blank in print.
with figure as (

    select
        edition,
        region_level,
        region_code,
        indicator_id,
        value_printed,
    from {{ ref('printed_figure') }}
    unpivot include nulls (
        value_printed for indicator_id in ({{ printed_indicators() }})
    )

),

printed_column as (

    select * from {{ ref('printed_column') }}

),

sheet as (

    select
        edition,
        place_list,
        sheet,
        {{ words('regions') }} as place,
    from {{ ref('printed_place') }}

),

place as (

    select
        edition,
        place_list,
        sheet,
        substr(place, 1, 6) as region_code,
        substr(place, 8) as line,
    from sheet

),

remark as (

    select * from {{ ref('printed_remark') }}

),

refusal as (

    select * from {{ ref('printed_refusal') }}

),

indicator as (

    select
        indicator_id,
        coalesce(panel_scope, 'whole_prefecture') as scope,
    from {{ ref('indicator') }}

),

publication as (

    select * from {{ ref('publication') }}
    where publication_id = 'china_city_statistical_yearbook'

),

printed as (

    select
        case figure.region_level when 'prefecture' then 'cell' else 'total' end as record,
        figure.region_level,
        figure.region_code,
        figure.indicator_id,
        indicator.scope,
        figure.edition,
        figure.value_printed,
        -- Blanks within a figure were closed, and full-width points read, when it was transcribed; a sign
        -- for missing is no number (assert_printed_texts_are_figures).
        -- The narrow type takes a seventeenth of the time where it holds the figure.
        coalesce(
            case
                when length(split_part(figure.value_printed, '.', 2)) <= 8
                    then cast(try_cast(figure.value_printed as decimal(18, 8)) as decimal(38, 10))
            end,
            try_cast(
                replace(regexp_replace(figure.value_printed, '\s', '', 'g'), '．', '.') as decimal(38, 10)
            )
        ) as value_in_printed_unit,
        printed_column.unit as unit_printed,
        case
            when remark.region_code is not null then remark.obs_status_all
            when figure.value_printed is null then 'O'
            else printed_column.obs_status_all
        end as obs_status_all,
        remark.suspect_codes,
        case when remark.region_code is null then printed_column.obs_comment else remark.obs_comment end
            as obs_comment,
        printed_column.source_file,
        printed_column.source_file_sha256,
        place.sheet || '!R' || place.line || 'C' || printed_column.column_no as source_locator,
        cast(null as varchar) as header_zh,
        cast(null as varchar) as refusal,
        cast(null as varchar) as region_printed,
    from figure
    inner join printed_column
        on figure.edition = printed_column.edition
            and figure.indicator_id = printed_column.indicator_id
    -- One key of both: a figure meets the places of its own column, not of every column.
    inner join place
        on printed_column.edition = place.edition
            and printed_column.place_list || figure.region_code = place.place_list || place.region_code
    inner join indicator on printed_column.indicator_id = indicator.indicator_id
    left join remark
        on figure.edition = remark.edition
            and figure.indicator_id = remark.indicator_id
            and figure.region_code = remark.region_code
    union all
    select
        'refused' as record,
        region_level,
        region_code,
        indicator_id,
        scope,
        edition,
        value_printed,
        cast(null as decimal(38, 10)) as value_in_printed_unit,
        cast(null as varchar) as unit_printed,
        cast(null as varchar) as obs_status_all,
        cast(null as varchar) as suspect_codes,
        cast(null as varchar) as obs_comment,
        source_file,
        source_file_sha256,
        source_locator,
        header_zh,
        refusal,
        region_printed,
    from refusal

),

final as (

    select
        printed.*,
        printed.edition - publication.year_offset as year,
        publication.vintage,
        publication.source_id,
        publication.publication_id,
        publication.vintage as series_id,
    from printed
    cross join publication
    where printed.edition <= {{ env_var('CBEC_AS_OF', '9999') | int }}

)

select * from final
