-- Where does one cell come from: publication, table, file and its hash?
select
    observation.region_code,
    observation.year,
    observation.indicator_id,
    observation.scope,
    observation.vintage,
    observation.value_printed,
    observation.unit_printed,
    observation.obs_status,
    source.citation,
    observation.source_locator,
    observation.source_file_sha256,
from {{ ref('observation') }} as observation
inner join {{ ref('source') }} as source on observation.source_id = source.source_id
where observation.region_code = '120000'
    and observation.region_level = 'province'
    and observation.indicator_id = 'gdp'
    and observation.year = 2018
order by observation.vintage
