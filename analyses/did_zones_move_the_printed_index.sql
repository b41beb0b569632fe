-- Paper 000's index on the dates of the zones: ten cities, every assignment of the dates counted.
select
    reading,
    rule_id,
    term,
    round(estimate, 4) as effect,
    round(std_error, 4) as std_error,
    round(p_conventional, 3) as p_with_ten_clusters,
    round(p_exact, 3) as p_exact,
    n_assignments,
from {{ ref('printed_index_effect') }}
where rule_id in ('default', 'first_five_next_year', 'exposure')
    and (estimator = 'twfe' or term = 'leads')
order by reading, rule_id, term
