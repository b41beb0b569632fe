{{ panel('province', 'province_code', 'value') }}
