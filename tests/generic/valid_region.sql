{# Fails on rows whose region does not exist, at this level, in that year. #}
{% test valid_region(model, region_level, code_column="region_code") %}
select child.{{ code_column }}, child.year
from {{ model }} as child
left join {{ ref('region') }} as region
    on child.{{ code_column }} = region.region_code
    and region.region_level = '{{ region_level }}'
    and child.year >= coalesce(region.valid_from_year, child.year)
    and child.year <= coalesce(region.valid_to_year, child.year)
where region.region_code is null
{% endtest %}
