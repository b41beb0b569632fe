-- Which facts of two cities stand side by side, and why may most of them not be subtracted?
select
    concept,
    entity_zh,
    value,
    unit,
    other_entity_zh,
    other_value,
    other_unit,
    difference,
    refusal_reason,
from {{ ref('zone_fact_comparison') }}
order by is_comparable desc, concept, fact_no, other_fact_no
