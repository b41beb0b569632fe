-- Every printed text that ships has exactly one place, and every place of a printed column a row of figures:
-- a join that finds none would lose figures without a word.
with text as (

    select
        edition,
        region_level,
        region_code,
        indicator_id,
        value_printed,
    from {{ ref('printed_figure') }}
    unpivot (
        value_printed for indicator_id in ({{ printed_indicators() }})
    )

),

placed as (

    select
        edition,
        region_level,
        region_code,
        indicator_id,
        count(*) as n_places,
    from {{ ref('stg_yearbook__print') }}
    where record <> 'refused' and value_printed is not null
    group by edition, region_level, region_code, indicator_id

),

sheet as (

    select
        edition,
        place_list,
        {{ words('regions') }} as place,
    from {{ ref('printed_place') }}

),

place as (

    select distinct
        edition,
        substr(place, 1, 6) as region_code,
    from sheet

)

select
    'text without one place' as problem,
    text.edition,
    text.region_code,
    text.indicator_id,
    placed.n_places,
from text
left join placed
    on text.edition = placed.edition
        and text.region_level = placed.region_level
        and text.region_code = placed.region_code
        and text.indicator_id = placed.indicator_id
where placed.n_places is distinct from 1
    and text.edition <= {{ env_var('CBEC_AS_OF', '9999') | int }}
union all
select
    'place without figures' as problem,
    place.edition,
    place.region_code,
    cast(null as varchar) as indicator_id,
    cast(null as bigint) as n_places,
from place
left join {{ ref('printed_figure') }} as figure
    on place.edition = figure.edition
        and place.region_code = figure.region_code
where figure.region_code is null
