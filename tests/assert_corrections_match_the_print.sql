-- Fails both ways: a correction of a figure that the source no longer prints, and one that did not arrive.
select
    correction.region_level,
    correction.region_code,
    correction.year,
    correction.indicator_id,
    correction.vintage,
    correction.value_printed,
    observation.value_printed as printed_now
from {{ ref('correction') }} as correction
left join {{ ref('observation') }} as observation
    on correction.region_level = observation.region_level
    and correction.region_code = observation.region_code
    and correction.year = observation.year
    and correction.indicator_id = observation.indicator_id
    and correction.vintage = observation.vintage
    and observation.is_panel_scope
where observation.value_printed is distinct from correction.value_printed
    or coalesce(observation.suspect_codes not like '%corrected%', true)
