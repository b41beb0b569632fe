-- Every coefficient that a paper prints beside ours of the same specification, with a verdict and its reason.
with printed as (

    select * from {{ ref('published_result') }}

),

-- Standard error, t or p of a coefficient, and rows of its column, as far as the paper prints them.
beside as (

    select
        study_id,
        table_no,
        column_label,
        term,
        max(value) filter (where statistic = 'se') as se,
        max(value) filter (where statistic = 't') as t,
        max(value) filter (where statistic = 'p') as p,
    from printed
    where statistic in ('se', 't', 'p')
    group by study_id, table_no, column_label, term

),

sample_size as (

    select
        study_id,
        table_no,
        column_label,
        max(value) as n_obs,
    from printed
    where statistic = 'n'
    group by study_id, table_no, column_label

),

province as (

    select
        region_code,
        name_zh,
    from {{ ref('region') }}
    where region_level = 'province'

),

coefficient as (

    select
        printed.result_no,
        printed.study_id,
        printed.table_no,
        coalesce(printed.column_no, numbered.column_no) as column_no,
        printed.column_label,
        printed.term as printed_term,
        printed.value as published,
        printed.printed,
        printed.source_line,
        power(10, -length(regexp_extract(printed.printed, '\.([0-9]+)', 1))) / 2 as half_digit,
        coalesce(beside.se, abs(printed.value / nullif(beside.t, 0))) as published_std_error,
        coalesce(abs(beside.t), abs(printed.value / nullif(beside.se, 0))) as published_t,
        beside.p as published_p,
        sample_size.n_obs as published_n_obs,
        -- A slope for each province has the province for a name.
        coalesce(
            named.term, concat(specification.treatment, ':', province.region_code)
        ) as term,
        coalesce(named.unit_factor, 1) as unit_factor,
        named.note as term_note,
    from printed
    left join {{ ref('published_column') }} as numbered
        on printed.study_id = numbered.study_id
            and printed.table_no = numbered.table_no
            and printed.column_label = numbered.column_label
    left join beside
        on printed.study_id = beside.study_id
            and printed.table_no = beside.table_no
            and printed.column_label = beside.column_label
            and printed.term = beside.term
    left join sample_size
        on printed.study_id = sample_size.study_id
            and printed.table_no = sample_size.table_no
            and printed.column_label = sample_size.column_label
    left join {{ ref('published_term') }} as named
        on printed.study_id = named.study_id
            and printed.term = named.printed_term
    left join {{ ref('specification') }} as specification
        on printed.study_id = specification.study_id
            and printed.table_no = specification.table_no
            and coalesce(printed.column_no, numbered.column_no) = specification.column_no
            and specification.estimator = 'unit_slopes'
    left join province
        on specification.study_id is not null
            and starts_with(province.name_zh, printed.term)
    where printed.statistic = 'coef'

),

ours as (

    select * from {{ ref('regression') }}
    where not is_observed_only

),

status as (

    select * from {{ ref('specification_status') }}
    where not is_observed_only

),

missing as (

    select
        study_id,
        string_agg(indicator_id, ', ' order by indicator_id) filter (
            where status in ('missing', 'insufficient')
        ) as missing,
        string_agg(
            concat(proxy_indicator_id, ' for ', indicator_id), ', ' order by indicator_id
        ) filter (where status = 'proxy') as proxies,
    from {{ ref('study_readiness') }}
    group by study_id

),

paired as (

    select
        coefficient.*,
        ours.estimate * coefficient.unit_factor as ours,
        ours.std_error * coefficient.unit_factor as ours_std_error,
        ours.p_value as ours_p,
        ours.n_obs,
        ours.vcov,
        ours.treatment_rule,
        ours.imputed_share,
        ours.drop_reason,
        coalesce(status.status, 'no specification') as status,
        status.reason as status_reason,
        coalesce(status.is_simulated, {{ is_simulated() }}) as is_simulated,
        missing.missing,
        missing.proxies,
    from coefficient
    left join ours
        on coefficient.study_id = ours.study_id
            and coefficient.table_no = ours.table_no
            and coefficient.column_no = ours.column_no
            -- A column of lags has one lag for all.
            and coefficient.term = regexp_replace(ours.term, '^L[1-9]\.', '')
    left join status
        on coefficient.study_id = status.study_id
            and coefficient.table_no = status.table_no
            and coefficient.column_no = status.column_no
    left join missing on coefficient.study_id = missing.study_id

),

compared as (

    select
        *,
        ours - published as difference,
        (ours - published) / nullif(published_std_error, 0) as difference_printed_se,
        (ours - published) / nullif(ours_std_error, 0) as difference_our_se,
        (ours - published)
        / nullif(sqrt(power(published_std_error, 2) + power(ours_std_error, 2)), 0) as difference_z,
        coalesce(
            published_p < {{ var('replication_level') }},
            published_t >= {{ var('replication_critical_value') }}
        )
            as published_is_significant,
        ours_p < {{ var('replication_level') }} as ours_is_significant,
        abs(ours - published) <= greatest(
            half_digit, coalesce({{ var('replication_reproduced_se') }} * published_std_error, 0)
        ) and coalesce(abs(n_obs / published_n_obs - 1) <= {{ var('replication_sample_share') }}, false)
            as is_reproduced,
        sign(ours) = sign(published) as has_same_sign,
    from paired

),

judged as (

    select
        *,
        case
            when status != 'estimated' then 'awaiting data'
            when is_simulated then 'not comparable: simulated data'
            when ours is null then 'not comparable'
            when is_reproduced then 'reproduced'
            when published = 0 then 'not comparable'
            when has_same_sign and published_is_significant = ours_is_significant
                then 'same sign and significance'
            when has_same_sign then 'sign only'
            when published_is_significant or ours_is_significant
                or abs(difference_z) >= {{ var('replication_difference_z') }}
                then 'contradicted'
            else 'not comparable'
        end as verdict,
    from compared

),

final as (

    select
        study_id,
        table_no,
        column_no,
        column_label,
        printed_term,
        term,
        published,
        published_std_error,
        published_is_significant,
        published_n_obs,
        ours,
        ours_std_error,
        ours_is_significant,
        n_obs,
        difference,
        difference_printed_se,
        difference_our_se,
        difference_z,
        verdict,
        concat_ws(
            '; ',
            case
                when status = 'no specification'
                    then concat('no column of ours: the study lacks ', coalesce(missing, 'a specification'))
                when status = 'awaiting data'
                    then status_reason
                when status = 'refused' then concat('refused: ', status_reason)
                when is_simulated then 'the figures of this warehouse are drawn, not observed'
                when
                    ours is null and term = '_cons'
                    then 'our column has no constant: fixed effects absorb it'
                when ours is null then concat('our column has no term ', coalesce(term, printed_term))
                when verdict = 'not comparable' and published = 0 then 'printed as zero, which has no sign'
                when verdict = 'not comparable'
                    then 'opposite signs, neither significant, and the difference is within chance'
            end,
            case
                when status != 'estimated' and proxies is not null
                    then concat('proxies that are loaded and not used for a paper''s column: ', proxies)
            end,
            case
                when ours is not null
                    then concat(
                            'sample: ', n_obs, ' rows here, ',
                            coalesce(cast(cast(published_n_obs as integer) as varchar), 'not printed'),
                            ' in the paper'
                        )
            end,
            case
                when
                    ours is not null and coalesce(drop_reason, '') != ''
                    then concat('left out: ', drop_reason)
            end,
            case
                when ours is not null
                    then concat('proxies: ', coalesce(proxies, 'none'))
            end,
            case
                when ours is not null and treatment_rule is not null
                    then concat('treatment rule: ', treatment_rule)
            end,
            case when ours is not null then concat('vcov: ', vcov) end,
            case
                when ours is not null and imputed_share > 0
                    then concat('filled cells: ', round(100 * imputed_share, 1), ' %')
            end,
            case when ours is not null and unit_factor != 1 then concat('unit factor ', unit_factor) end,
            case when ours is not null then term_note end
        ) as reason,
        result_no,
        source_line,
        is_simulated,
    from judged

)

select * from final
order by study_id, table_no, column_no, result_no
