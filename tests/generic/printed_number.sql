{# Fails on a figure that is not plain ASCII digits with at most one sign and one point:
   no thousands separator, dash, full-width digit or blank. #}
{% test printed_number(model, column_name) %}
select {{ column_name }}
from {{ model }}
where not regexp_matches({{ column_name }}, '^-?[0-9]+(\.[0-9]+)?$')
{% endtest %}
