-- Which cells each series must have, and which of them panels read.
with cell as (

    select * from {{ ref('int_series__figured') }}

),

ranked as (

    select * from {{ ref('int_series__ranked') }}

),

chosen as (

    select * from ranked
    where series_rank = 1

),

-- A province's series that prints the same figures as the one that is read is the same series in another
-- publication: what the one leaves open is read from the other, and no revision can show as growth.
same_series as (

    select
        other.region_level,
        other.indicator_id,
        other.series_id,
        other.series_rank,
    from ranked as other
    inner join chosen
        on other.region_level = chosen.region_level
            and other.indicator_id = chosen.indicator_id
    where other.region_level = 'province'
        and other.series_rank > 1
        and not chosen.is_choice
        and (other.is_shipped or (other.is_agreeing and other.n_common >= {{ var('same_series_cells') }}))
        and (chosen.is_shipped or chosen.n_common >= {{ var('same_series_cells') }})

),

-- In a province in which two series differ, if only in one year, neither completes the other.
differing as (

    select distinct
        imported.region_level,
        imported.indicator_id,
        imported.series_id,
        imported.region_code,
    from cell as imported
    inner join cell as shipped
        on imported.region_level = shipped.region_level
            and imported.indicator_id = shipped.indicator_id
            and imported.region_code = shipped.region_code
            and imported.year = shipped.year
    where imported.region_level = 'province'
        and imported.is_candidate
        and imported.is_edition_read
        and not imported.is_shipped
        and shipped.is_candidate
        and shipped.is_shipped
        and abs(imported.value_reported - shipped.value_reported)
        > {{ var('same_series_share') }} * abs(shipped.value_reported)

),

-- Figures that complete a column, the first of them by rank.
completing as (

    select
        cell.region_level,
        cell.indicator_id,
        cell.region_code,
        cell.year,
        min_by(cell.vintage, same_series.series_rank) as vintage,
    from cell
    inner join same_series
        on cell.region_level = same_series.region_level
            and cell.indicator_id = same_series.indicator_id
            and cell.series_id = same_series.series_id
    inner join chosen
        on cell.region_level = chosen.region_level
            and cell.indicator_id = chosen.indicator_id
    left join cell as own
        on chosen.region_level = own.region_level
            and chosen.indicator_id = own.indicator_id
            and chosen.series_id = own.series_id
            and cell.region_code = own.region_code
            and cell.year = own.year
            and own.is_edition_read
    left join differing
        on cell.region_level = differing.region_level
            and cell.indicator_id = differing.indicator_id
            and cell.region_code = differing.region_code
            and differing.series_id in (cell.series_id, chosen.series_id)
    where cell.is_candidate
        and cell.is_edition_read
        and cell.value_reported is not null
        and own.value_reported is null
        and differing.region_code is null
    group by cell.region_level, cell.indicator_id, cell.region_code, cell.year

),

final as (

    select
        cell.indicator_id,
        cell.region_level,
        cell.vintage,
        cell.series_id,
        cell.region_code,
        cell.year,
        cell.is_candidate and cell.is_edition_read and case
            when completing.vintage is null then coalesce(ranked.series_rank = 1, false)
            else cell.vintage = completing.vintage
        end as is_panel_vintage,
        -- What the panel of major cities reads, whatever that of all cities does.
        cell.is_candidate
        and coalesce(cell.region_set = 'major_cities', false)
        and coalesce(ranked.n_figures > 0, false) as is_major_city_vintage,
        cell.is_shipped,
        coalesce(cell.vintage = completing.vintage, false) as is_completing,
        unpublished.year is not null as is_unpublished,
        cell.value_reported is not null as has_figure,
    from cell
    left join ranked
        on cell.region_level = ranked.region_level
            and cell.indicator_id = ranked.indicator_id
            and cell.series_id = ranked.series_id
    left join completing
        on cell.region_level = completing.region_level
            and cell.indicator_id = completing.indicator_id
            and cell.region_code = completing.region_code
            and cell.year = completing.year
    left join {{ ref('int_gaps__published') }} as unpublished
        on cell.indicator_id = unpublished.indicator_id
            and cell.region_level = unpublished.region_level
            and cell.region_code = unpublished.region_code
            and cell.year = unpublished.year
            and cell.vintage = unpublished.vintage

)

select * from final
