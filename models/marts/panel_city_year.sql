{{ panel('prefecture', 'prefecture_code', 'value') }}
