select study_id, table_no, column_no, sum(weight) as total
from {{ ref('bacon') }}
where weight is not null
group by study_id, table_no, column_no
having abs(sum(weight) - 1) > 1e-8
