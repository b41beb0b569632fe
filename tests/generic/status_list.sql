{# Fails on status codes that are unknown, repeated, or out of the order of precedence. #}
{% test status_list(model, column_name) %}
with status_codes as (
    select lists.status_list, string_agg(obs_status.obs_status, '' order by obs_status.precedence) as ordered
    from (select distinct {{ column_name }} as status_list from {{ model }}) as lists
    inner join {{ ref('obs_status') }} as obs_status
        on lists.status_list like '%' || obs_status.obs_status || '%'
    group by lists.status_list
)
select lists.status_list
from (select distinct {{ column_name }} as status_list from {{ model }}) as lists
left join status_codes on lists.status_list = status_codes.status_list
where status_codes.ordered is null or status_codes.ordered <> lists.status_list
{% endtest %}
