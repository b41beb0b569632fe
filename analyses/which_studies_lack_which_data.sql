-- Which studies can run, and what do the others lack?
select
    study.study_id,
    study.title_zh,
    done.status,
    count(*) filter (where readiness.status = 'available') as available,
    count(*) filter (where readiness.status = 'proxy') as proxies,
    string_agg(readiness.name_zh, '、' order by readiness.indicator_id) filter (
        where readiness.status in ('missing', 'insufficient')
    ) as missing,
    done.n_estimated,
    done.n_columns,
from {{ ref('study_readiness') }} as readiness
inner join {{ ref('study') }} as study on readiness.study_id = study.study_id
inner join {{ ref('study_status') }} as done on readiness.study_id = done.study_id
group by study.study_id, study.title_zh, done.status, done.n_estimated, done.n_columns
order by study.study_id
