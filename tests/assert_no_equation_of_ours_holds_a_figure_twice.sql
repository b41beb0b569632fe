-- No control, mediator or outcome of our own studies shares a printed quantity with an index in the same
-- equation. T1A(4) does by design: it shows what the index with trade in it says about trade.
select shared.*
from {{ ref('shared_input') }} as shared
inner join {{ ref('study') }} as study on shared.study_id = study.study_id
where study.origin = 'this project'
    and shared.kind = 'quantity'
    and not (shared.study_id = 'province_ecommerce' and shared.table_no = 'T1A' and shared.column_no = 4)
