-- How many cities and city-years does each treatment definition treat?
select
    rule.rule_id,
    rule.description,
    count(distinct treatment.prefecture_code) as cities,
    count(*) as city_years,
from {{ ref('treatment_city_year') }} as treatment
inner join {{ ref('treatment_rule') }} as rule on treatment.rule_id = rule.rule_id
where treatment.is_treated
group by rule.rule_id, rule.description
order by rule.rule_id
