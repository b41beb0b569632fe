-- Printed numbers and claims that cannot be right as they stand.
with flagged as (

    select * from {{ ref('publication_check') }}
    where outcome = 'flagged'

),

rule as (

    select * from {{ ref('audit_rule') }}

),

-- Where the words of a claim, or of a source that a paper names, begin.
cited as (

    select
        claim_no,
        cast(null as varchar) as study_id,
        cast(null as varchar) as table_no,
        cast(null as varchar) as row_label,
        source_line,
    from {{ ref('published_claim') }}
    union all
    select
        cast(null as integer) as claim_no,
        study_id,
        table_no,
        row_label,
        min(source_line) as source_line,
    from {{ ref('published_source') }}
    group by study_id, table_no, row_label

),

final as (

    select
        row_number() over (
            order by
                flagged.study_id, flagged.table_no, rule_id, flagged.claim_no nulls first, flagged.row_label,
                column_label, cell_list
        ) as finding_no,
        replace(study.origin, 'paper ', '') as seed,
        flagged.study_id,
        flagged.table_no,
        flagged.row_label,
        column_label,
        rule_id as rule,
        severity,
        name_zh,
        name_en,
        cell_list,
        flagged.claim_no,
        (
            select string_agg(result.printed, '; ' order by result.result_no)
            from {{ ref('published_result') }} as result
            where list_contains(string_split(flagged.cell_list, ' '), cast(result.result_no as varchar))
        ) as printed,
        quote,
        case when quote is not null then cited.source_line end as source_line,
        reading,
        evidence,
        flagged.claim_no is null or cell_list is not null as is_computed,
        suggestion,
        '{{ target.name }}' = 'demo' as is_simulated,
    from flagged
    inner join rule using (rule_id)
    inner join {{ ref('study') }} as study on flagged.study_id = study.study_id
    left join cited
        on flagged.claim_no = cited.claim_no
            or (
                flagged.claim_no is null
                and flagged.study_id = cited.study_id
                and flagged.table_no = cited.table_no
                and flagged.row_label = cited.row_label
            )

)

select * from final
order by finding_no
