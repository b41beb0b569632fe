-- Cells that no edition can contain: a year that a publication covers, and in which it prints no column of
-- the indicator in the scope that panels read. Such a cell is L: data may exist, the source did not publish
-- them. Written for what panels show or a computed indicator rests on; quality.publication_coverage has the
-- rest. Only what ships can say so: of an imported edition nobody knows whether all its tables are here. A
-- column that is there and blank is O, and a region that an imported table prints is no gap.
with landed as (

    select * from {{ ref('int_observations__landed') }}
    where region_level = 'prefecture' and edition is not null

),

cell as (

    select * from landed
    where is_shipped

),

shown as (

    select {{ words("'" ~ panel_indicators() | join(' ') ~ "'") }} as indicator_id
    union
    select input_indicator_id as indicator_id from {{ ref('derived_input') }}
    union
    select part_indicator_id as indicator_id from {{ ref('spliced_indicator') }}
    union
    select indicator_id from {{ ref('index_component') }}

),

publication as (

    select * from {{ ref('publication') }}

),

edition as (

    select distinct
        publication_id,
        edition,
        year,
    from cell

),

printed as (

    select distinct
        publication_id,
        edition,
        indicator_id,
        scope,
    from cell

),

-- Regions of an indicator: those that any edition prints it for.
region as (

    select distinct
        publication_id,
        indicator_id,
        scope,
        region_code,
    from cell
    where indicator_id in (select indicator_id from shown)

),

unpublished as (

    select
        region.publication_id,
        region.indicator_id,
        region.scope,
        region.region_code,
        edition.edition,
        edition.year,
    from region
    inner join edition on region.publication_id = edition.publication_id
    left join printed
        on region.publication_id = printed.publication_id
            and edition.edition = printed.edition
            and region.indicator_id = printed.indicator_id
            and region.scope = printed.scope
    where printed.publication_id is null

),

final as (

    select
        'prefecture' as region_level,
        unpublished.region_code,
        unpublished.year,
        unpublished.indicator_id,
        unpublished.scope,
        publication.vintage,
        unpublished.edition,
        publication.source_id,
        'edition ' || unpublished.edition || ' prints it for no city in this scope' as obs_comment,
    from unpublished
    inner join publication on unpublished.publication_id = publication.publication_id
    inner join {{ ref('int_region_years__gridded') }} as grid
        on grid.region_level = 'prefecture'
            and unpublished.region_code = grid.region_code
            and unpublished.year = grid.year
    left join landed
        on unpublished.publication_id = landed.publication_id
            and unpublished.region_code = landed.region_code
            and unpublished.year = landed.year
            and unpublished.indicator_id = landed.indicator_id
            and unpublished.scope = landed.scope
    where landed.region_code is null

)

select * from final
order by all
