-- How many statements each rule tested in each table, and what became of them.
with checked as (

    select * from {{ ref('publication_check') }}

),

rule as (

    select * from {{ ref('audit_rule') }}

),

final as (

    select
        study_id,
        table_no,
        rule_id as rule,
        any_value(severity) as severity,
        any_value(name_zh) as name_zh,
        any_value(name_en) as name_en,
        count(*) filter (where outcome <> 'not applicable') as n_tested,
        count(*) filter (where outcome = 'passed') as n_passed,
        count(*) filter (where outcome = 'flagged') as n_flagged,
        count(*) filter (where outcome = 'not applicable') as n_not_applicable,
    from checked
    inner join rule using (rule_id)
    group by all

)

select * from final
order by study_id, table_no, rule
