-- Where would splicing two vintages of GDP make the largest jump?
select
    region.name_zh,
    finding.year,
    finding.vintage,
    finding.evidence,
from {{ ref('finding') }} as finding
inner join {{ ref('region') }} as region
    on finding.region_code = region.region_code
        and finding.region_level = region.region_level
where finding.detector = 'vintage_gap'
    and finding.region_level = 'province'
order by finding.year, finding.region_code
