{# Filled cells whose value and anchors lie on both sides of the approval year: the fill carries the effect of
   the policy into the years before it. condition: whose fills. #}
{% macro straddling_fills(condition) -%}
with approval as (

    select
        'prefecture' as region_level,
        prefecture_code as region_code,
        min(first_treated_year) as first_treated_year
    from {{ ref('treatment_city_year') }}
    where rule_id = 'default'
    group by prefecture_code
    union all
    select
        'province' as region_level,
        province_code as region_code,
        min(first_treated_year) as first_treated_year
    from {{ ref('treatment_province_year') }}
    where rule_id = 'default'
    group by province_code

)

select
    observation.region_level,
    observation.region_code,
    observation.year,
    observation.indicator_id,
    observation.vintage,
    observation.anchor_years,
    approval.first_treated_year
from {{ ref('observation') }} as observation
inner join approval
    on observation.region_level = approval.region_level
    and observation.region_code = approval.region_code
where {{ condition }}
    and least(list_min(observation.anchor_years), observation.year) < approval.first_treated_year
    and greatest(list_max(observation.anchor_years), observation.year) >= approval.first_treated_year
{%- endmacro %}
