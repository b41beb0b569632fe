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
left join {{ ref('publication') }} as publication on correction.vintage = publication.vintage
left join {{ ref('observation') }} as observation
    on correction.region_level = observation.region_level
    and correction.region_code = observation.region_code
    and correction.year = observation.year
    and correction.indicator_id = observation.indicator_id
    and correction.vintage = observation.vintage
    and observation.is_panel_scope
-- Of editions that a build as of an earlier one leaves out nothing can be said.
where coalesce(correction.year + publication.year_offset, 0) <= {{ env_var('CBEC_AS_OF', '9999') | int }}
    and (
        observation.value_printed is distinct from correction.value_printed
        or (correction.action <> 'joined' and coalesce(observation.suspect_codes not like '%corrected%', true))
    )
