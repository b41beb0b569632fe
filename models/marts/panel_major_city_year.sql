{{ panel('major_city', 'prefecture_code', 'value') }}
