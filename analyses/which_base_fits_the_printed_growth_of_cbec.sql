-- On which figure of the year before does the printed growth rest: the first one or the revised one?
select
    series,
    period,
    revision,
    value_trn_yuan,
    growth_pct,
    growth_base,
    growth_on_each_base,
    verified,
from {{ ref('national_cbec_trade') }}
order by series, period, revision
