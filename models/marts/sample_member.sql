select * from {{ ref('int_samples__gridded') }}
order by sample_id, region_code, year
