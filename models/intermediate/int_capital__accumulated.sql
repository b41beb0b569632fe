-- Capital stock by perpetual inventory: K_0 = I_0 / (g + d), K_t = (1 - d) K_{t-1} + I_t, written out as
-- K_t = (1 - d)^t (K_0 + sum of I_s / (1 - d)^s). It ends before the first year without investment: a gap
-- would count as a year in which nothing was built.
{% if var('capital_deflator') not in ['none', 'gdp'] -%}
{{ exceptions.raise_compiler_error("capital_deflator is " ~ var('capital_deflator') ~ "; allowed: none, gdp") }}
{%- endif -%}
with selected as (

    select * from {{ ref('int_observations__selected') }}

),

{% if var('capital_deflator') == 'gdp' -%}
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
        nominal.obs_status_all || coalesce(real_growth.obs_status_all, '') as letters,
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
investment as (

    select
        selected.region_level,
        selected.region_code,
        selected.year,
        {% if var('capital_deflator') == 'gdp' -%}
        selected.value / deflator.price as investment,
        selected.obs_status_all || deflator.letters as letters,
        {%- else -%}
            selected.value as investment,
            selected.obs_status_all as letters,
        {%- endif %}
        selected.suspect_codes,
    from selected
    {%- if var('capital_deflator') == 'gdp' %}
    inner join deflator
        on selected.region_level = deflator.region_level
            and selected.region_code = deflator.region_code
            and selected.year = deflator.year
    {%- endif %}
    where selected.indicator_id = 'fixed_asset_investment' and selected.value > 0

),

dated as (

    select
        *,
        year - min(year) over region_years as t,
        row_number() over region_years_in_order - 1 as place,
        first_value(investment) over region_years_in_order as investment_first,
    from investment
    window
        region_years as (partition by region_level, region_code),
        region_years_in_order as (partition by region_level, region_code order by year)

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
    window region_years as (partition by region_level, region_code)

),

final as (

    select
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
        {{ running_letters('letters', 'region_years') }} as letters,
        {{ running_letters("coalesce(suspect_codes || ';', '')", 'region_years') }} as suspect_codes,
    from unbroken
    -- The first stock would be negative or without bound.
    where growth + {{ var('capital_depreciation') }} > 0
    window region_years as (partition by region_level, region_code order by year)

)

select * from final
