-- The comparisons add up to the coefficient of the regression that they decompose; the column's coefficient is the
-- one of estimates.regression; and where the two are not on the same rows, a note says why.
with bacon as (

    select
        study_id,
        table_no,
        column_no,
        'bacon' as kind,
        sum(weight * estimate) as estimate_summed,
        any_value(estimate_decomposed) as estimate_decomposed,
        any_value(estimate_column) as estimate_column,
        any_value(n_obs) as n_obs_decomposed,
        any_value(n_obs_column) as n_obs_column,
        any_value(note) as note_decomposed,
    from {{ ref('bacon') }}
    where weight is not null
    group by all

),

weights as (

    select
        study_id,
        table_no,
        column_no,
        'twfe_weight' as kind,
        estimate as estimate_summed,
        estimate as estimate_decomposed,
        estimate_column,
        n_obs as n_obs_decomposed,
        n_obs_column,
        note as note_decomposed,
    from {{ ref('twfe_weight') }}
    where n_weights is not null

),

decomposed as (

    select * from bacon

    union all by name

    select * from weights

),

treatment as (

    select
        regression.study_id,
        regression.table_no,
        regression.column_no,
        regression.estimate as estimate_published,
        regression.n_obs as n_obs_published,
    from {{ ref('regression') }} as regression
    inner join {{ ref('specification') }} as specification
        on
            regression.study_id = specification.study_id
            and regression.table_no = specification.table_no
            and regression.column_no = specification.column_no
            and regression.term = specification.treatment
    where not regression.is_observed_only

)

select *
from decomposed
left join treatment using (study_id, table_no, column_no)
where
    estimate_published is null
    or abs(estimate_summed - estimate_decomposed) > 1e-8
    or abs(estimate_column - estimate_published) > 1e-12
    or n_obs_column <> n_obs_published
    or (note_decomposed is null and abs(estimate_decomposed - estimate_column) > 1e-8)
    -- Weights exist for every two-way column.
    or (kind = 'twfe_weight' and n_obs_decomposed <> n_obs_column)
