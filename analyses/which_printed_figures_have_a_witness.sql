-- Of the figures read from printed tables of whole cities: how many have a witness, by indicator and year.
select
    observation.indicator_id,
    observation.year,
    count(*) as n_figures,
    count(*) filter (where observation.witness <> 'none') as n_witnessed,
    round(100.0 * count(*) filter (where observation.witness <> 'none') / count(*)) as pct_witnessed,
from {{ ref('observation') }} as observation
where observation.edition is not null
    and observation.value_reported is not null
    and observation.scope = 'whole_prefecture'
group by observation.indicator_id, observation.year
order by observation.indicator_id, observation.year
