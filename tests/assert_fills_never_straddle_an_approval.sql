-- A value interpolated across the approval year carries the effect of the policy into the years before it.
{{ straddling_fills("observation.impute_by = 'project'") }}
