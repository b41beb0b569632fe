-- Cells of each index, min-max scaled and shifted (steps 1 of the entropy method), for both weightings:
-- pooled over the years of the sample, or year by year. A region-year with a missing component is left out.
{{ index_cells(ref('int_cells__unioned')) }}
