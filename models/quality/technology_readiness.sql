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

awaited as (

    select
        technology,
        {{ dbt.listagg('indicator_id', "', '", 'order by indicator_id') }} as missing_indicators,
    from measured
    where available_share = 0
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
    from measured
    left join ran on measured.technology = ran.technology
    left join awaited on measured.technology = awaited.technology

)

select * from final
order by technology, indicator_id
