-- For each column of the panels: the printed indicators that it rests on, and the years for which no region
-- has a figure of one, with the edition that would have to print it. What an equation waits for is read here.
with indicator as (

    select * from {{ ref('indicator') }}

),

unit as (

    select * from {{ ref('unit') }}

),

cell as (

    select distinct
        region_level,
        indicator_id,
        year,
    from {{ ref('int_cells__unioned') }}
    where value is not null

),

covered as (

    select covered.*
    from {{ ref('int_publications__covered') }} as covered
    inner join {{ ref('publication') }} as publication
        on covered.publication_id = publication.publication_id
            and publication.vintage = '{{ var('city_series') }}'

),

edition as (

    select distinct
        'prefecture' as region_level,
        edition,
        year,
    from covered

),

-- Years of which anything is printed at the level, by an edition where it has editions: of a year to come
-- nothing is missing yet.
level_year as (

    select distinct
        selected.region_level,
        selected.year,
    from {{ ref('int_observations__selected') }} as selected
    left join edition
        on selected.region_level = edition.region_level
            and selected.year = edition.year
    where selected.value is not null
        and (
            edition.year is not null
            or selected.region_level not in (select with_editions.region_level from edition as with_editions)
        )

),

panel_column as (

    select
        indicator.indicator_id,
        {{ panel_column('indicator.indicator_id', 'unit.column_suffix') }} as panel_column,
    from indicator
    inner join unit on indicator.unit = unit.unit
    union all
    select distinct
        index_id as indicator_id,
        index_id || '_index' as panel_column,
    from {{ ref('index_component') }}
    union all
    select distinct
        index_id as indicator_id,
        index_id || '_by_year_index' as panel_column,
    from {{ ref('index_component') }}
    union all
    select distinct
        needed.indicator_id,
        needed.indicator_id as panel_column,
    from {{ ref('study_indicator') }} as needed
    left join indicator on needed.indicator_id = indicator.indicator_id
    left join {{ ref('index_component') }} as component on needed.indicator_id = component.index_id
    where indicator.indicator_id is null and component.index_id is null

),

-- What is not computed rests on itself.
input as (

    select distinct
        level_year.region_level,
        panel_column.panel_column,
        panel_column.indicator_id,
        coalesce(traced.input_indicator_id, panel_column.indicator_id) as input_indicator_id,
        level_year.year,
    from panel_column
    cross join level_year
    left join {{ ref('int_inputs__traced') }} as traced
        on level_year.region_level = traced.region_level
            and panel_column.indicator_id = traced.indicator_id

),

-- Of parts that stand for one another a column that reads all needs one a year.
alternative as (

    select
        indicator_id as whole_id,
        part_indicator_id as indicator_id,
    from {{ ref('spliced_indicator') }}
    union all
    select
        'gdp_real' as whole_id,
        indicator_id,
    from indicator
    where indicator_id in ('gdp_growth', 'gdp_index_previous_year')

),

replaced as (

    select distinct
        input.region_level,
        input.panel_column,
        input.input_indicator_id,
        input.year,
    from input
    inner join alternative as own on input.input_indicator_id = own.indicator_id
    inner join alternative as other
        on own.whole_id = other.whole_id
            and own.indicator_id != other.indicator_id
    inner join input as beside
        on input.region_level = beside.region_level
            and input.panel_column = beside.panel_column
            and input.year = beside.year
            and other.indicator_id = beside.input_indicator_id
    inner join cell
        on beside.region_level = cell.region_level
            and beside.input_indicator_id = cell.indicator_id
            and beside.year = cell.year

),

printed as (

    select
        covered.indicator_id,
        covered.edition,
    from covered
    inner join indicator on covered.indicator_id = indicator.indicator_id
    where covered.is_published
        and covered.scope = coalesce(indicator.panel_scope, 'whole_prefecture')

),

final as (

    select
        input.region_level,
        input.panel_column,
        input.indicator_id,
        input.input_indicator_id,
        input.year,
        case when printed.edition is null then edition.edition end as missing_in_edition,
        {{ is_simulated() }} as is_simulated,
    from input
    left join cell
        on input.region_level = cell.region_level
            and input.input_indicator_id = cell.indicator_id
            and input.year = cell.year
    left join replaced
        on input.region_level = replaced.region_level
            and input.panel_column = replaced.panel_column
            and input.input_indicator_id = replaced.input_indicator_id
            and input.year = replaced.year
    left join edition
        on input.region_level = edition.region_level
            and input.year = edition.year
    left join printed
        on input.input_indicator_id = printed.indicator_id
            and edition.edition = printed.edition
    where cell.year is null and replaced.year is null

)

select * from final
order by all
