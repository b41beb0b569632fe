{# Fails on text that does not match a regular expression from end to end. #}
{% test pattern(model, column_name, pattern) %}
select {{ column_name }}
from {{ model }}
where not regexp_matches({{ column_name }}, '^({{ pattern }})$')
{% endtest %}
