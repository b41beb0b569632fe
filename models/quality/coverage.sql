-- A year that a publication prints for no city is no gap of a city: it is in quality.publication_coverage.
with grid as (

    select * from {{ ref('int_series__gridded') }}
    where is_panel_vintage and not is_unpublished

),

observation as (

    select * from {{ ref('observation') }}
    where is_panel_scope

),

-- The arms of the default rule: a unit that is ever treated, and one that never is.
arm as (

    select
        'prefecture' as region_level,
        prefecture_code as region_code,
        bool_or(first_treated_year is not null) as is_ever_treated,
    from {{ ref('treatment_city_year') }}
    where rule_id = 'default'
    group by prefecture_code
    union all
    select
        'province' as region_level,
        province_code as region_code,
        bool_or(first_treated_year is not null) as is_ever_treated,
    from {{ ref('treatment_province_year') }}
    where rule_id = 'default'
    group by province_code

),

final as (

    select
        grid.indicator_id,
        grid.year,
        grid.region_level,
        count(*) as n_expected,
        count(observation.value) filter (where not {{ is_filled('observation.obs_status_all') }})
            as n_reported,
        count(observation.value) filter (where {{ is_filled('observation.obs_status_all') }}) as n_imputed,
        count(*) - count(observation.value) as n_missing,
        count(observation.suspect_codes) as n_suspect,
        count(observation.value) filter (
            where arm.is_ever_treated and {{ is_filled('observation.obs_status_all') }}
        ) as n_imputed_treated,
        count(observation.value) filter (
            where not coalesce(arm.is_ever_treated, false) and {{ is_filled('observation.obs_status_all') }}
        ) as n_imputed_control,
        count(*) filter (where arm.is_ever_treated) as n_expected_treated,
    from grid
    left join observation
        on grid.indicator_id = observation.indicator_id
            and grid.region_level = observation.region_level
            and grid.vintage = observation.vintage
            and grid.region_code = observation.region_code
            and grid.year = observation.year
    left join arm
        on grid.region_level = arm.region_level
            and grid.region_code = arm.region_code
    group by grid.indicator_id, grid.year, grid.region_level

)

select * from final
order by indicator_id, region_level, year
