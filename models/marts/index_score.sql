{{ index_scores(ref('int_index_cells__scaled'), ref('index_weight')) }}
