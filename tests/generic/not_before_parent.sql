{# Fails on rows dated before the parent row they belong to. #}
{% test not_before_parent(model, column, key, to, to_key, to_column) %}
select child.{{ key }}, child.{{ column }}, parent.{{ to_column }} as parent_date
from {{ model }} as child
inner join {{ to }} as parent on child.{{ key }} = parent.{{ to_key }}
where child.{{ column }} < parent.{{ to_column }}
{% endtest %}
