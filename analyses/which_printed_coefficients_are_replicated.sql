-- What do our estimates say of each paper's coefficients, and what is missing where they say nothing?
select
    study_id,
    verdict,
    count(*) as n_coefficients,
    round(median(abs(difference_printed_se)), 1) as median_distance_in_printed_se,
    any_value(reason order by result_no) as reason_of_the_first,
from {{ ref('replication') }}
group by study_id, verdict
order by study_id, verdict
