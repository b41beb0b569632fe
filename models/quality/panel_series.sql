-- Of each column that several series could fill or an imported one fills: which is read, how many cells of
-- each, and why not the others. What ships alone needs no choice and is in quality.coverage.
with ranked as (

    select * from {{ ref('int_series__ranked') }}

),

chosen as (

    select * from ranked
    where series_rank = 1

),

contested as (

    select
        region_level,
        indicator_id,
        count(*) filter (where n_figures > 0) as n_series,
    from ranked
    group by region_level, indicator_id
    having bool_or(not is_shipped and not is_city_series)

),

read as (

    select
        region_level,
        indicator_id,
        series_id,
        count(*) as n_read,
        min(year) as first_year_read,
        max(year) as last_year_read,
    from {{ ref('int_series__gridded') }}
    where is_panel_vintage and has_figure
    group by region_level, indicator_id, series_id

),

final as (

    select
        ranked.region_level,
        ranked.indicator_id,
        ranked.series_id,
        ranked.is_shipped,
        ranked.n_figures,
        ranked.n_common,
        ranked.n_agreeing,
        coalesce(read.n_read, 0) as n_read,
        read.first_year_read,
        read.last_year_read,
        chosen.series_id as chosen_series_id,
        case
            when ranked.is_choice then 'named'
            when ranked.is_city_series then 'city_series'
            when ranked.series_rank = 1 and contested.n_series = 1 then 'only_series'
            when ranked.series_rank = 1 then 'most_figures'
            when read.n_read > 0 then 'completes'
            when chosen.is_choice then 'another_named'
            when chosen.is_city_series then 'another_city_series'
            when not ranked.is_agreeing then 'differs'
            else 'fewer_figures'
        end as reason,
        {{ is_simulated() }} as is_simulated,
    from ranked
    inner join contested
        on ranked.region_level = contested.region_level
            and ranked.indicator_id = contested.indicator_id
    inner join chosen
        on ranked.region_level = chosen.region_level
            and ranked.indicator_id = chosen.indicator_id
    left join read
        on ranked.region_level = read.region_level
            and ranked.indicator_id = read.indicator_id
            and ranked.series_id = read.series_id
    where ranked.n_figures > 0

)

select * from final
order by region_level, indicator_id, series_id
