{{ panel('major_city', 'prefecture_code', 'obs_status') }}
