-- A filled value has a method, an author and anchors in order that are not its own year.
select region_level, region_code, year, indicator_id, vintage, impute_method, impute_by, anchor_years
from {{ ref('observation') }}
where (impute_method is null) <> (impute_by is null)
    or impute_by = 'project' and (
        anchor_years is null
        or list_contains(anchor_years, year)
        or anchor_years <> list_sort(anchor_years)
        or value_reported is not null
    )
