-- Which series each column reads: that of the user's choice; in cities that of var city_series; else, of
-- those that agree with the one that ships, that with most figures. Of equals the one that ships, then the
-- later name, so that a newer version is preferred. One series a column, for all its regions: a column
-- spliced from two would show a revision, or another compiler, as growth.
{% set named = [''] -%}
{% for column, series in var('series_choice').items() -%}
    {% do named.append(column ~ ' ' ~ series) -%}
{% endfor -%}
with figure as (

    select
        region_level,
        indicator_id,
        series_id,
        region_code,
        year,
        is_shipped,
        cast(value_reported as double) as value,
    from {{ ref('int_series__figured') }}
    where is_candidate and is_edition_read

),

counted as (

    select
        region_level,
        indicator_id,
        series_id,
        is_shipped,
        count(value) as n_figures,
    from figure
    group by region_level, indicator_id, series_id, is_shipped

),

-- Figures of one region and year in both, and those that are the same but for rounding.
compared as (

    select
        imported.region_level,
        imported.indicator_id,
        imported.series_id,
        count(*) as n_common,
        count(*) filter (
            where abs(imported.value - shipped.value) <= {{ var('same_series_share') }} * abs(shipped.value)
        ) as n_agreeing,
    from figure as imported
    inner join figure as shipped
        on imported.region_level = shipped.region_level
            and imported.indicator_id = shipped.indicator_id
            and imported.region_code = shipped.region_code
            and imported.year = shipped.year
    where not imported.is_shipped
        and shipped.is_shipped
        and imported.value is not null
        and shipped.value is not null
    group by imported.region_level, imported.indicator_id, imported.series_id

),

judged as (

    select
        counted.*,
        coalesce(compared.n_common, 0) as n_common,
        coalesce(compared.n_agreeing, 0) as n_agreeing,
        coalesce(compared.n_agreeing, 0)
        >= {{ var('same_series_agreement') }} * coalesce(compared.n_common, 0) as is_agreeing,
        concat_ws(' ', counted.region_level, counted.indicator_id, counted.series_id)
        in ('{{ named | join("', '") }}') as is_choice,
        counted.region_level = 'prefecture' and counted.series_id = '{{ var("city_series") }}'
            as is_city_series,
    from counted
    left join compared
        on counted.region_level = compared.region_level
            and counted.indicator_id = compared.indicator_id
            and counted.series_id = compared.series_id

),

final as (

    select
        *,
        row_number() over (
            partition by region_level, indicator_id
            order by
                is_choice desc, is_city_series desc, is_agreeing desc, n_figures desc, is_shipped desc,
                series_id desc
        ) as series_rank,
    from judged

)

select * from final
