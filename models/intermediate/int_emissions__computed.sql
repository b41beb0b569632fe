-- Energy in standard coal and CO2 from what was burnt: E = sum of A_i s_i, C = sum of A_i f_i with
-- f_i = NCV_i x carbon content_i x oxidation_i x 44 / 12. A sum exists where each carrier of the account has
-- a figure, 0 included: an absent fuel is not a fuel that nobody used.
{% set formulas = {
    'provincial_guideline': "max(case when quantity = 'NCV' then value end)
        * max(case when quantity = 'carbon content' then value end)
        * max(case when quantity = 'oxidation rate' then value end) * 44 / 12 / 1000000",
    'ipcc_2006_per_standard_coal': "max(case when quantity = 'carbon coefficient per standard coal' then value end)
        * max(case when quantity = 'standard coal' then value end) * 44 / 12",
    'geographical_research_2018': "max(case when quantity = 'CO2 factor, alternative set' then printed end)",
    'heliyon_2023': "max(case when quantity = 'CO2 factor, alternative set' then printed end)",
} -%}
{% if var('emission_factor_set') not in formulas -%}
{{ exceptions.raise_compiler_error("emission_factor_set is " ~ var('emission_factor_set') ~ "; allowed: " ~ formulas.keys() | join(", ")) }}
{%- endif -%}
with selected as (

    select * from {{ ref('int_observations__selected') }}

),

account as (

    select * from {{ ref('energy_account') }}
    where account_id = '{{ var("energy_account") }}'

),

emission_factor as (

    select
        *,
        -- Tonnes per 10 thousand cubic metres or kilowatt-hours are tenths of a kilogram for one.
        case when unit like '%10^4%' then value / 10 else value end as printed,
    from {{ ref('emission_factor') }}

),

factor as (

    select
        fuel,
        max(case when quantity = 'standard coal' then value end) as standard_coal,    -- s_i
        {{ formulas[var('emission_factor_set')] }} as co2,    -- f_i
    from emission_factor
    where factor_set in ('gb_t_2589', '{{ var("emission_factor_set") }}')
    group by fuel

),

-- Power has no carbon of its own: its factor is that of the grid in the year, where one is confirmed.
grid_factor as (

    select
        fuel,
        year,
        value as co2,
    from emission_factor
    where factor_set = 'grid_average' and verified = 'yes'

),

burnt as (

    select
        selected.region_level,
        selected.region_code,
        selected.year,
        account.indicator_id,
        selected.value,
        selected.obs_status_all,
        selected.suspect_codes,
        selected.value * account.scale * factor.standard_coal as energy,
        -- Million tonnes.
        selected.value * account.scale / 100 * coalesce(factor.co2, grid_factor.co2) as co2,
    from selected
    inner join account on selected.indicator_id = account.indicator_id
    left join factor on account.fuel = factor.fuel
    left join grid_factor
        on account.fuel = grid_factor.fuel
            and selected.year = grid_factor.year

),

summed as (

    select
        region_level,
        region_code,
        year,
        count(value) = count(*) as has_inputs,
        case when count(energy) = count(*) then {{ stable_sum('energy') }} end as energy,
        case when count(co2) = count(*) then {{ stable_sum('co2') }} end as co2,
        {{ dbt.listagg('obs_status_all', "''", 'order by indicator_id') }} as status_codes,
        {{ dbt.listagg('suspect_codes', "';'", 'order by indicator_id') }} as suspect_codes,
    from burnt
    group by region_level, region_code, year
    having count(*) = (select count(*) from account)

),

long as (

    select
        *,
        'energy_use_computed' as indicator_id,
        energy as value,
    from summed
    union all
    select
        *,
        'co2_emissions_computed' as indicator_id,
        co2 as value,
    from summed

),

final as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        value,
        -- A sum of measured fuels with general factors is an estimate.
        case when value is null then status_codes else status_codes || 'E' end as status_codes,
        suspect_codes,
    from long
    -- Without a factor there is no cell, with a blank input a missing one.
    where value is not null or not has_inputs

)

select * from final
