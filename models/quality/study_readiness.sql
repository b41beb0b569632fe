-- For each indicator that a study needs: is it there, does another stand for it, or is it missing?
with needed as (

    select * from {{ ref('study_indicator') }}

),

study as (

    select * from {{ ref('study') }}

),

sample as (

    select * from {{ ref('int_samples__gridded') }}

),

cell as (

    select distinct
        region_level,
        region_code,
        year,
        indicator_id
    from {{ ref('panel_cell') }}
    where value is not null

),

-- A study without a sample of its own is judged on all provinces and years.
grid as (

    select
        study.study_id,
        coalesce(sample.region_level, years.region_level) as region_level,
        coalesce(sample.region_code, years.region_code) as region_code,
        coalesce(sample.year, years.year) as year,
    from study
    left join sample on study.sample_id = sample.sample_id
    left join {{ ref('int_region_years__gridded') }} as years
        on study.sample_id is null and years.region_level = 'province'

),

-- An indicator counts for both its own name and every name it stands for.
offer as (

    select
        study_id,
        indicator_id,
        indicator_id as offered_indicator_id,
        'available' as status
    from needed
    union all
    select
        study_id,
        indicator_id,
        proxy_indicator_id,
        'proxy' as status
    from needed
    where proxy_indicator_id is not null

),

measured as (

    select
        offer.study_id,
        offer.indicator_id,
        offer.offered_indicator_id,
        offer.status,
        count(cell.indicator_id) / cast(count(*) as double) as available_share,
    from offer
    inner join grid on offer.study_id = grid.study_id
    left join cell
        on offer.offered_indicator_id = cell.indicator_id
            and grid.region_level = cell.region_level
            and grid.region_code = cell.region_code
            and grid.year = cell.year
    group by offer.study_id, offer.indicator_id, offer.offered_indicator_id, offer.status

),

best as (

    select *
    from measured
    where available_share > 0
    qualify row_number() over (partition by study_id, indicator_id order by status) = 1

),

joined as (

    select
        needed.study_id,
        needed.indicator_id,
        coalesce(best.status, 'missing') as status,
        coalesce(best.available_share, 0.0) as available_share,
        case when best.status = 'proxy' then best.offered_indicator_id end as proxy_indicator_id,
        needed.role,
        needed.name_zh,
        needed.note,
    from needed
    left join best
        on needed.study_id = best.study_id
            and needed.indicator_id = best.indicator_id

),

final as (

    select
        *,
        case
            when count(*) filter (where status = 'missing') over (partition by study_id) > 0
                then 'awaiting data'
            else 'ready'
        end as study_status,
    from joined

)

select * from final
order by study_id, indicator_id
