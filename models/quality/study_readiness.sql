-- For each indicator that a study needs, by the paper or by a column of ours: is it there, does another stand
-- for it, or what is it waiting for?
-- The share below which no column is estimated is that of cbec.studies.sample, which a test compares.
{% set min_covered = 0.5 -%}
{% set names = ['outcome', 'treatment', 'mediator', 'controls'] -%}
with study as (

    select * from {{ ref('study') }}

),

sample as (

    select * from {{ ref('int_samples__gridded') }}

),

-- A study without a sample of its own is judged on all provinces and years.
grid as (

    select
        sample_id,
        region_level,
        region_code,
        year,
    from sample
    union all
    select
        'provinces' as sample_id,
        region_level,
        region_code,
        year,
    from {{ ref('int_region_years__gridded') }}
    where region_level = 'province'

),

-- What the panels show under which name; some inputs are there in every year and name nothing missing.
panel_column as (

    select distinct
        panel_column,
        indicator_id,
    from {{ ref('panel_cell') }}
    union
    select distinct
        panel_column,
        indicator_id,
    from {{ ref('missing_input') }}

),

variable as (

    {% for name in names -%}
        select
            study_id,
            sample,
            '{{ 'control' if name == 'controls' else name }}' as role,
            {{ loop.index }} as role_order,
            {{ listed(name) }} as variable,
        from {{ ref('specification') }}
        where {{ name }} is not null
        {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

-- The paper's list on the study's sample; what only our columns name, on each of their samples. A lag is a
-- figure of another year.
needed as (

    select
        needed.study_id,
        needed.indicator_id,
        coalesce(study.sample_id, 'provinces') as sample_id,
        needed.role,
        0 as role_order,
        needed.name_zh,
        needed.proxy_indicator_id,
        needed.note,
    from {{ ref('study_indicator') }} as needed
    inner join study on needed.study_id = study.study_id
    union all
    select
        variable.study_id,
        panel_column.indicator_id,
        variable.sample as sample_id,
        min_by(variable.role, variable.role_order) as role,
        min(variable.role_order) as role_order,
        min(indicator.name_zh) as name_zh,
        cast(null as varchar) as proxy_indicator_id,
        cast(null as varchar) as note,
    from variable
    inner join panel_column
        on regexp_replace(variable.variable, '^L[1-9]\.', '') = panel_column.panel_column
    left join {{ ref('indicator') }} as indicator on panel_column.indicator_id = indicator.indicator_id
    left join {{ ref('study_indicator') }} as listed
        on variable.study_id = listed.study_id
            and panel_column.indicator_id = listed.indicator_id
    where listed.study_id is null
    group by variable.study_id, panel_column.indicator_id, variable.sample

),

-- An indicator counts for both its own name and every name it stands for.
offer as (

    select
        study_id,
        indicator_id,
        sample_id,
        indicator_id as offered_indicator_id,
        false as is_proxy,
    from needed
    union all
    select
        study_id,
        indicator_id,
        sample_id,
        proxy_indicator_id,
        true as is_proxy,
    from needed
    where proxy_indicator_id is not null

),

cell as (

    select distinct
        region_level,
        region_code,
        year,
        indicator_id,
    from {{ ref('panel_cell') }}
    where value is not null
        and indicator_id in (select offered_indicator_id from offer)

),

measured as (

    select
        offer.study_id,
        offer.indicator_id,
        offer.sample_id,
        offer.offered_indicator_id,
        offer.is_proxy,
        count(cell.indicator_id) / cast(count(*) as double) as available_share,
    from offer
    inner join grid on offer.sample_id = grid.sample_id
    left join cell
        on offer.offered_indicator_id = cell.indicator_id
            and grid.region_level = cell.region_level
            and grid.region_code = cell.region_code
            and grid.year = cell.year
    group by
        offer.study_id,
        offer.indicator_id,
        offer.sample_id,
        offer.offered_indicator_id,
        offer.is_proxy

),

offered as (

    select
        *,
        case
            when is_proxy then 'proxy'
            when available_share >= {{ min_covered }} then 'available'
            else 'insufficient'
        end as status,
        case
            when is_proxy then 2
            when available_share >= {{ min_covered }} then 1
            else 3
        end as status_order,
    from measured
    where available_share > 0

),

ranked as (

    select
        *,
        row_number() over (
            partition by study_id, indicator_id
            order by status_order, available_share desc
        ) as offer_rank,
    from offered

),

best as (

    select * from ranked
    where offer_rank = 1

),

-- What a column waits for in the years of its samples.
sample_year as (

    select distinct
        sample_id,
        region_level,
        year,
    from grid

),

awaited as (

    select
        needed.study_id,
        needed.indicator_id,
        missing.input_indicator_id,
        missing.missing_in_edition,
    from needed
    inner join sample_year on needed.sample_id = sample_year.sample_id
    inner join {{ ref('missing_input') }} as missing
        on needed.indicator_id = missing.indicator_id
            and sample_year.region_level = missing.region_level
            and sample_year.year = missing.year

),

awaited_input as (

    select
        study_id,
        indicator_id,
        {{ dbt.listagg('input_indicator_id', "', '", 'order by input_indicator_id') }} as missing_inputs,
    from (
        select distinct
            study_id,
            indicator_id,
            input_indicator_id,
        from awaited
    ) as inputs
    group by study_id, indicator_id

),

-- Editions in a row have one distance from their rank.
edition_ranked as (

    select
        *,
        edition - row_number() over (partition by study_id, indicator_id order by edition) as run_no,
    from (
        select distinct
            study_id,
            indicator_id,
            missing_in_edition as edition,
        from awaited
        where missing_in_edition is not null
    ) as editions

),

run as (

    select
        study_id,
        indicator_id,
        min(edition) as first_edition,
        case
            when min(edition) = max(edition) then cast(min(edition) as varchar)
            else cast(min(edition) as varchar) || '-' || cast(max(edition) as varchar)
        end as run_text,
    from edition_ranked
    group by study_id, indicator_id, run_no

),

awaited_edition as (

    select
        study_id,
        indicator_id,
        {{ dbt.listagg('run_text', "', '", 'order by first_edition') }} as missing_in_editions,
    from run
    group by study_id, indicator_id

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
    from (
        select
            study_id,
            indicator_id,
            min_by(role, role_order) as role,
            min(name_zh) as name_zh,
            min(note) as note,
        from needed
        group by study_id, indicator_id
    ) as needed
    left join best
        on needed.study_id = best.study_id
            and needed.indicator_id = best.indicator_id

),

lacking as (

    select distinct study_id
    from joined
    where status in ('missing', 'insufficient')

),

final as (

    select
        joined.*,
        case when joined.status != 'available' then awaited_input.missing_inputs end as missing_inputs,
        case when joined.status != 'available' then awaited_edition.missing_in_editions end
            as missing_in_editions,
        case when lacking.study_id is null then 'ready' else 'awaiting data' end as study_status,
    from joined
    left join lacking on joined.study_id = lacking.study_id
    left join awaited_input
        on joined.study_id = awaited_input.study_id
            and joined.indicator_id = awaited_input.indicator_id
    left join awaited_edition
        on joined.study_id = awaited_edition.study_id
            and joined.indicator_id = awaited_edition.indicator_id

)

select * from final
order by study_id, indicator_id
