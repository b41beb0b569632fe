-- Capital stock by perpetual inventory: K_0 = I_0 / (g + d), K_t = (1 - d) K_{t-1} + I_t, written out as
-- K_t = (1 - d)^t (K_0 + sum of I_s / (1 - d)^s). It ends before the first year without investment: a gap
-- would count as a year in which nothing was built. capital_stock_declared goes on after the last printed
-- investment, with what var capital_after_print declares (status F): the last investment again, or that grown
-- at the rate of the last years. No other stock rests on an investment that nobody printed.
with {% if var('capital_deflator') == 'gdp' -%}
selected as (

    select * from {{ ref('int_observations__selected') }}

),

-- Implicit deflator: nominal growth over growth at constant prices, the first year of the series as 1.
deflator as (

    select
        nominal.region_level,
        nominal.region_code,
        nominal.year,
        nominal.value / first_value(nominal.value) over region_years
        / exp(
            sum(case when nominal.is_first then 0 else ln(real_growth.value / 100) end) over region_years
        ) as price,
        nominal.obs_status_all || coalesce(real_growth.obs_status_all, '') as status_codes,
    from (
        select
            *,
            row_number() over (partition by region_level, region_code order by year) = 1 as is_first,
        from selected
        where indicator_id = 'gdp' and value > 0
    ) as nominal
    left join selected as real_growth
        on nominal.region_level = real_growth.region_level
            and nominal.region_code = real_growth.region_code
            and nominal.year = real_growth.year
            and real_growth.indicator_id = 'gdp_index_previous_year'
    where nominal.is_first or real_growth.value > 0
    window region_years as (partition by nominal.region_level, nominal.region_code order by nominal.year)

),

{% endif -%}
printed as (

    select
        spliced.region_level,
        spliced.region_code,
        spliced.year,
        {% if var('capital_deflator') == 'gdp' -%}
        spliced.value / deflator.price as investment,
        spliced.status_codes || deflator.status_codes as status_codes,
        {%- else -%}
            spliced.value as investment,
            spliced.status_codes,
        {%- endif %}
        spliced.suspect_codes,
    from {{ ref('int_observations__spliced') }} as spliced
    {%- if var('capital_deflator') == 'gdp' %}
    inner join deflator
        on spliced.region_level = deflator.region_level
            and spliced.region_code = deflator.region_code
            and spliced.year = deflator.year
    {%- endif %}
    where spliced.indicator_id = 'fixed_asset_investment_spliced' and spliced.value > 0

),

ending as (

    select
        *,
        max(year) over (partition by region_level, region_code) as last_year,
    from printed

),

last_printed as (

    select
        region_level,
        region_code,
        max(year) as last_year,
        max_by(investment, year) as last_investment,
        -- Yearly growth over as many years as give the first stock.
        ln(
            max_by(investment, year) / max_by(investment, year) filter (
                where year <= last_year - {{ var('capital_growth_years') }} + 1
            )
        ) / ({{ var('capital_growth_years') }} - 1) as growth,
        max_by(status_codes, year) as last_status_codes,
    from ending
    group by region_level, region_code

),

investment as (

    select
        'capital_stock' as indicator_id,
        *
    from printed
    union all
    -- Of one industry, at the prices in which its investment is printed.
    select
        'logistics_capital_stock' as indicator_id,
        region_level,
        region_code,
        year,
        value as investment,
        obs_status_all as status_codes,
        suspect_codes,
    from {{ ref('int_observations__selected') }}
    where indicator_id = 'logistics_fixed_investment' and value > 0
    {% if var('capital_after_print') != 'none' -%}
        union all
        select
            'capital_stock_declared' as indicator_id,
            *
        from printed
        union all
        select
            'capital_stock_declared' as indicator_id,
            last_printed.region_level,
            last_printed.region_code,
            grid.year,
            last_printed.last_investment
            {%- if var('capital_after_print') == 'last_growth' %}
        * exp(last_printed.growth * (grid.year - last_printed.last_year))
        {%- endif %} as investment,
            last_printed.last_status_codes || 'F' as status_codes,
            cast(null as varchar) as suspect_codes,
        from last_printed
        inner join {{ ref('int_region_years__gridded') }} as grid
            on last_printed.region_level = grid.region_level
                and last_printed.region_code = grid.region_code
                and last_printed.last_year < grid.year
    {%- endif %}

),

dated as (

    select
        *,
        year - min(year) over region_years as t,
        row_number() over region_years_in_order - 1 as place,
        first_value(investment) over region_years_in_order as investment_first,
    from investment
    window
        region_years as (partition by indicator_id, region_level, region_code),
        region_years_in_order as (partition by indicator_id, region_level, region_code order by year)

),

-- Without a gap the place of a year is its distance from the first one.
unbroken as (

    select
        *,
        ln(
            max(case when t = {{ var('capital_growth_years') }} - 1 then investment end) over region_years
            / investment_first
        ) / ({{ var('capital_growth_years') }} - 1) as growth,
    from dated
    where t = place
    window region_years as (partition by indicator_id, region_level, region_code)

),

final as (

    select
        indicator_id,
        region_level,
        region_code,
        year,
        power(1 - {{ var('capital_depreciation') }}, t) * (
            investment_first / (growth + {{ var('capital_depreciation') }})
            + sum(
                case when t = 0 then 0 else investment / power(1 - {{ var('capital_depreciation') }}, t) end
            )
                over region_years
        ) as capital_stock,
        {{ running_status_codes('status_codes', 'region_years') }} as status_codes,
        {{ running_status_codes("coalesce(suspect_codes || ';', '')", 'region_years') }} as suspect_codes,
    from unbroken
    -- The first stock would be negative or without bound.
    where growth + {{ var('capital_depreciation') }} > 0
    window region_years as (partition by indicator_id, region_level, region_code order by year)

)

select * from final
