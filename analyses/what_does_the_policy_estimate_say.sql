-- What do the estimates say, with the share of filled cells and the observed-only variant beside them?
select
    regression.study_id,
    regression.table_no || '(' || regression.column_no || ')' as column_label,
    regression.outcome,
    regression.estimator,
    round(regression.estimate, 3) || regression.stars as estimate,
    round(regression.std_error, 3) as std_error,
    regression.n_obs,
    regression.imputed_share,
    round(observed_only.estimate, 3) as observed_only,
from {{ ref('regression') }} as regression
inner join {{ ref('regression') }} as observed_only
    on regression.study_id = observed_only.study_id
        and regression.table_no = observed_only.table_no
        and regression.column_no = observed_only.column_no
        and regression.term = observed_only.term
        and observed_only.is_observed_only
where not regression.is_observed_only
    and regression.term in (
        'is_treated', 'exposure_share', 'pilot_zone_count', 'cbec_development_province_no_trade_index'
    )
order by regression.study_id, regression.table_no, regression.column_no
