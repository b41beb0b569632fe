{{ panel('province', 'province_code', 'obs_status') }}
