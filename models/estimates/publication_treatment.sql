-- Mean of a treatment times its n against the treated city-years that the zone dates give under every rule.
-- A paper may have lost treated cities to missing data only where it prints how many cities it treats.
with moments as (

    select
        result.study_id,
        result.table_no,
        result.row_label,
        design.*,
        string_agg(result.result_no, ' ' order by result.result_no) as cell_list,
        any_value(value) filter (where statistic = 'mean') as mean_value,
        any_value(0.5 * power(10, -length(regexp_extract(printed, '\.([0-9]+)', 1))))
        filter (where statistic = 'mean') as half,
        any_value(value) filter (where statistic = 'n') as n,
    from {{ ref('published_result') }} as result
    inner join {{ ref('published_design') }} as design using (study_id, table_no, row_label)
    where statistic in ('mean', 'n')
    group by all

),

counted as (

    select
        moments.study_id,
        rule_id as treatment_rule,
        count(*) filter (where is_treated) as city_years,
        count(distinct prefecture_code) filter (where is_treated) as cities,
    from moments
    inner join {{ ref('treatment_city_year') }} as treatment
        on treatment.year between moments.first_year and moments.last_year
    group by all

),

listed as (

    select
        study_id,
        string_agg(treatment_rule || ' ' || city_years, ', ' order by treatment_rule) as every_rule,
    from counted
    group by study_id

),

final as (

    select
        moments.study_id,
        table_no,
        row_label,
        null::varchar as column_label,
        'treatment_mean' as rule_id,
        cell_list,
        '(' || mean_value || ' - ' || half || ') * ' || n || ' <= ' || city_years || ' and '
        || city_years || ' - ' || greatest(0, cities - coalesce(treated_cities, cities))
        || ' * ('
        || last_year
        || ' - 2015 + 1) <= ('
        || mean_value
        || ' + '
        || half
        || ') * '
        || n as holds_when,
        'treated city-years under rule '
        || counted.treatment_rule
        || ', less those of treated cities that the paper lacks'
            as reading,
        'city-years by rule: ' || every_rule as suggestion,
    from moments
    inner join counted
        on moments.study_id = counted.study_id and moments.stated_rule = counted.treatment_rule
    inner join listed on moments.study_id = listed.study_id

)

select * from final
