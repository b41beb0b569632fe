-- A printed text that is no number and is not known to be a sign for missing would vanish in silence.
select
    edition,
    indicator_id,
    region_code,
    value_printed
from {{ ref('stg_yearbook__print') }}
where record <> 'refused'
    and value_printed is not null
    and value_in_printed_unit is null
    and coalesce(obs_status_all, '') not in ('O', 'M', 'L')
