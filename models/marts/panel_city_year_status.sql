{{ panel('prefecture', 'prefecture_code', 'obs_status') }}
