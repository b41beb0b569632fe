-- Printed numbers and claims that cannot be right as they stand.
with flagged as (

    select * from {{ ref('publication_check') }}
    where outcome = 'flagged'

),

rule as (

    select * from {{ ref('audit_rule') }}

),

final as (

    select
        row_number() over (
            order by
                flagged.study_id, table_no, rule_id, claim_no nulls first, row_label, column_label, cell_list
        ) as finding_no,
        replace(study.origin, 'paper ', '') as seed,
        flagged.study_id,
        table_no,
        row_label,
        column_label,
        rule_id as rule,
        severity,
        name_zh,
        name_en,
        cell_list,
        claim_no,
        (
            select string_agg(result.printed, '; ' order by result.result_no)
            from {{ ref('published_result') }} as result
            where list_contains(string_split(flagged.cell_list, ' '), result.result_no::varchar)
        ) as printed,
        quote,
        reading,
        evidence,
        claim_no is null or cell_list is not null as is_computed,
        suggestion,
        '{{ target.name }}' = 'demo' as is_simulated,
    from flagged
    inner join rule using (rule_id)
    inner join {{ ref('study') }} as study on flagged.study_id = study.study_id

)

select * from final
order by finding_no
