-- Every row of the yearbook seeds stands in marts.observation, converted exactly and with its source.
with printed as (

    select 'province' as region_level, * from {{ ref('province_yearbook') }}
    union all
    select 'prefecture' as region_level, * from {{ ref('city_yearbook') }}

),

unit as (

    select unit, scale from {{ ref('unit') }}

)

-- A corrected figure keeps its printed text and says so; assert_corrections_match_the_print checks the rest.
select printed.region_level, printed.region_code, printed.year, printed.indicator_id, printed.vintage
from printed
left join {{ ref('observation') }} as observation
    on printed.region_level = observation.region_level
    and printed.region_code = observation.region_code
    and printed.year = observation.year
    and printed.indicator_id = observation.indicator_id
    and printed.vintage = observation.vintage
    and observation.is_panel_scope
left join unit as printed_unit on printed.unit = printed_unit.unit
left join unit as kept_unit on observation.unit = kept_unit.unit
where observation.value_printed is distinct from printed.value
    or observation.unit_printed is distinct from printed.unit
    or observation.source_id is distinct from printed.source_id
    or coalesce(observation.suspect_codes not like '%corrected%', true) and observation.value_reported is distinct from
    cast(printed.value as decimal(38, 10)) * cast(power(10, printed_unit.scale - kept_unit.scale) as decimal(18, 6))
