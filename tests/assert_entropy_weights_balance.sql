-- Weights that exist balance exactly.
select
    study_id,
    table_no,
    column_no,
    covariate,
    smd_after_weighting,
from {{ ref('balance') }}
where abs(smd_after_weighting) > 1e-6
