{{ index_weights(ref('index_cell_observed')) }}
