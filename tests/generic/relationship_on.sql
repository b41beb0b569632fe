{# Fails on rows whose columns together do not stand in the parent. #}
{% test relationship_on(model, columns, to, to_columns) %}
select distinct {% for c in columns %}child.{{ c }}{{ ", " if not loop.last }}{% endfor %}
from {{ model }} as child
where {% for c in columns %}child.{{ c }} is not null and {% endfor %}not exists (
    select 1 from {{ to }} as parent
    where {% for c in columns %}parent.{{ to_columns[loop.index0] }} = child.{{ c }}{{ " and " if not loop.last }}{% endfor %}
)
{% endtest %}
