-- A filled value never overwrites a reported one, and a status never contradicts a value.
select
    observation.*,
    status.value_rule,
from {{ ref('observation') }} as observation
inner join {{ ref('obs_status') }} as status on observation.obs_status = status.obs_status
where (observation.value_reported is not null and observation.value is distinct from observation.value_reported)
    or (observation.value is null) <> (status.value_rule = 'null' or (status.value_rule = 'either' and observation.value is null))
    or (observation.impute_method is not null) <> {{ is_filled('observation.obs_status_all') }}
    or (observation.value is not null and observation.value_reported is null and observation.impute_method is null)
    or observation.obs_status <> substr(observation.obs_status_all, 1, 1)
