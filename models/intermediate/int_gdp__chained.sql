-- GDP at the prices of var gdp_base_year, chained with published growth: Y_t = Y_base * product of (1 +
-- g_s / 100) between the base and t, in both directions. Growth that no edition prints (2017), or prints at
-- current prices (D, 2013), parts the chain: var gdp_growth_gap says what joins the segments, and every year
-- behind a join is F.
with selected as (

    select * from {{ ref('int_observations__selected') }}

),

growth as (

    select
        region_level,
        region_code,
        year,
        case
            when indicator_id = 'gdp_growth' and value > -100 and obs_status_all not like '%D%'
                then ln(1 + value / 100)
            when indicator_id = 'gdp_index_previous_year' and value > 0 then ln(value / 100)
        end as growth,
        obs_status_all as status_codes,
    from selected
    where indicator_id in ('gdp_growth', 'gdp_index_previous_year')
    -- A region that prints both is read once.
    qualify row_number() over (
            partition by region_level, region_code, year
            order by value is null, obs_status_all like '%D%', indicator_id
        ) = 1

),

{% if var('gdp_growth_gap') == 'province' -%}
province as (

    select
        region_code,
        year,
        growth,
    from growth
    where region_level = 'province'

),

{% endif -%}
beside as (

    select
        growth.*,
        (
            lag(growth.growth) over region_years + lead(growth.growth) over region_years
        ) / 2 as growth_of_neighbours,
        growth.growth is null
        and (growth.status_codes like '%L%' or growth.status_codes like '%D%') as is_unpublished,
    from growth
    window region_years as (partition by growth.region_level, growth.region_code order by growth.year)

),

joined as (

    select
        beside.region_level,
        beside.region_code,
        beside.year,
        {% if var('gdp_growth_gap') == 'neighbours' -%}
            coalesce(
                beside.growth, case when beside.is_unpublished then beside.growth_of_neighbours end
            ) as growth,
            case
                when beside.is_unpublished and beside.growth_of_neighbours is not null then 'F'
                else beside.status_codes
            end as status_codes,
        {%- elif var('gdp_growth_gap') == 'province' -%}
        coalesce(beside.growth, case when beside.is_unpublished then province.growth end) as growth,
        case
            when beside.is_unpublished and province.growth is not null then 'F'
            else beside.status_codes
        end as status_codes,
        {%- else -%}
        beside.growth,
        beside.status_codes,
        {%- endif %}
    from beside
    {%- if var('gdp_growth_gap') == 'province' %}
    left join {{ ref('int_region_years__gridded') }} as grid
        on beside.region_level = grid.region_level
            and beside.region_code = grid.region_code
            and beside.year = grid.year
    left join province
        on grid.province_code = province.region_code
            and beside.year = province.year
            and beside.region_level <> 'province'
    {%- endif %}

),

base as (

    select
        region_level,
        region_code,
        value,
        obs_status_all as status_codes,
        suspect_codes,
    from selected
    where indicator_id = 'gdp' and year = {{ var('gdp_base_year') }} and value > 0

),

-- Growth of the base year itself is no part of the way to a later year, but of that to an earlier one.
step as (

    select
        base.region_level,
        base.region_code,
        joined.year,
        joined.growth,
        joined.status_codes,
        base.value as base_value,
        base.status_codes as base_status_codes,
        base.suspect_codes,
        joined.year > {{ var('gdp_base_year') }} as is_later,
    from base
    inner join joined
        on base.region_level = joined.region_level
            and base.region_code = joined.region_code

),

later as (

    select
        *,
        year as reached,
        sum(growth) over way as log_index,
        count(growth) over way as n_known,
        year - {{ var('gdp_base_year') }} as n_needed,
        {{ running_status_codes('status_codes', 'way') }} as way_status_codes,
    from step
    where is_later
    window way as (partition by region_level, region_code order by year)

),

earlier as (

    select
        *,
        year - 1 as reached,
        -sum(growth) over way as log_index,
        count(growth) over way as n_known,
        {{ var('gdp_base_year') }} - year + 1 as n_needed,
        {{ running_status_codes('status_codes', 'way') }} as way_status_codes,
    from step
    where not is_later
    window way as (partition by region_level, region_code order by year desc)

),

final as (

    select
        region_level,
        region_code,
        {{ var('gdp_base_year') }} as year,
        value,
        status_codes,
        suspect_codes,
    from base
    union all
    select
        region_level,
        region_code,
        reached as year,
        case when n_known = n_needed then base_value * exp(log_index) end as value,
        base_status_codes || way_status_codes as status_codes,
        suspect_codes,
    from later
    union all
    select
        region_level,
        region_code,
        reached as year,
        case when n_known = n_needed then base_value * exp(log_index) end as value,
        base_status_codes || way_status_codes as status_codes,
        suspect_codes,
    from earlier
    where reached >= {{ var('first_year') }}

)

select
    *,
    'gdp_real' as indicator_id,
from final
