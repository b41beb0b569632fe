-- For each variable of each definition of green productivity: is it there, and does the definition run?
with technology as (

    select * from {{ ref('technology') }}

),

sample as (

    select * from {{ ref('int_samples__gridded') }}

),

cell as (

    select * from {{ ref('int_cells__unioned') }}
    where value is not null

),

ran as (

    select distinct technology from {{ ref('green_tfp') }}

),

-- What the window of a definition can say of the default rule: treated regions, and their years from then on.
treatment as (

    select
        'prefecture' as region_level,
        prefecture_code as region_code,
        year,
        is_treated,
    from {{ ref('treatment_city_year') }}
    where rule_id = 'default'
    union all
    select
        'province' as region_level,
        province_code as region_code,
        year,
        is_treated,
    from {{ ref('treatment_province_year') }}
    where rule_id = 'default'

),

treated as (

    select
        technology.technology,
        count(distinct treatment.region_code) as n_treated,
        count(distinct treatment.year) as n_years_after,
    from technology
    inner join sample on technology.sample_id = sample.sample_id
    inner join treatment
        on sample.region_level = treatment.region_level
            and sample.region_code = treatment.region_code
            and sample.year = treatment.year
            and treatment.is_treated
    group by technology.technology

),

variable as (

    select
        technology,
        sample_id,
        'input' as role,
        {{ listed('inputs') }} as indicator_id,
    from technology
    where inputs is not null
    union all
    select
        technology,
        sample_id,
        'good output' as role,
        {{ listed('good_outputs') }} as indicator_id,
    from technology
    where good_outputs is not null
    union all
    select
        technology,
        sample_id,
        'bad output' as role,
        {{ listed('bad_outputs') }} as indicator_id,
    from technology
    where bad_outputs is not null

),

measured as (

    select
        variable.technology,
        variable.role,
        variable.indicator_id,
        count(cell.indicator_id) / cast(count(*) as double) as available_share,
    from variable
    inner join sample on variable.sample_id = sample.sample_id
    left join cell
        on variable.indicator_id = cell.indicator_id
            and sample.region_level = cell.region_level
            and sample.region_code = cell.region_code
            and sample.year = cell.year
    group by variable.technology, variable.role, variable.indicator_id

),

-- A definition awaits what nobody has; where each variable has some figures and no two years one region with
-- all of them, it awaits the scarcest.
scarcest as (

    select
        measured.technology,
        measured.indicator_id,
    from measured
    left join ran on measured.technology = ran.technology
    window variables as (partition by measured.technology)
    qualify measured.available_share = 0
        or (
            ran.technology is null
            and measured.available_share = min(measured.available_share) over variables
        )

),

awaited as (

    select
        technology,
        {{ dbt.listagg('indicator_id', "', '", 'order by indicator_id') }} as missing_indicators,
    from scarcest
    group by technology

),

final as (

    select
        measured.technology,
        measured.indicator_id,
        measured.role,
        case when measured.available_share > 0 then 'available' else 'awaiting data' end as status,
        measured.available_share,
        case when ran.technology is not null then 'ready' else 'awaiting data' end as technology_status,
        awaited.missing_indicators,
        coalesce(treated.n_treated, 0) as n_treated,
        coalesce(treated.n_years_after, 0) as n_years_after,
    from measured
    left join ran on measured.technology = ran.technology
    left join awaited on measured.technology = awaited.technology
    left join treated on measured.technology = treated.technology

)

select * from final
order by technology, indicator_id
