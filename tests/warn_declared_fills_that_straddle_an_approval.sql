{{ config(severity='warn') }}
-- Somebody else's fills are kept as they came; those across the approval year bias every estimate that reads
-- them, so whoever builds is told (quality.coverage counts them by arm, is_observed_only leaves them out).
-- Fills whose method nobody states have no anchors to judge.
{{ straddling_fills("observation.impute_by <> 'project' and observation.anchor_years is not null") }}
