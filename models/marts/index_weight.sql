{{ index_weights(ref('int_index_cells__scaled')) }}
