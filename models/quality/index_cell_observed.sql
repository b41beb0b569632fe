-- As int_index_cells__scaled, of observed cells alone: the bounds too are those of observed cells.
{{ index_cells(ref('observed_cell')) }}
