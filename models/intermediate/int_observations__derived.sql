-- Indicators computed from others: f(factor * sum of numerators / sum of denominators). The status of a
-- derived cell is the worst of its inputs, and its list of status codes is the union of theirs.
-- Of several formulas of one indicator a panel column reads one: that with most cells of the series that
-- panels of cities read alone, so that no imported file changes what a column is computed from.
with joined as (

    select * from {{ ref('int_observations__spliced') }}
    union all by name
    select * from {{ ref('int_gdp__chained') }}

),

selected as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        value,
        obs_status_all,
        suspect_codes,
        vintage,
    from {{ ref('int_observations__selected') }}
    union all
    select
        region_level,
        region_code,
        year,
        indicator_id,
        value,
        status_codes as obs_status_all,
        suspect_codes,
        vintage,
    from joined
    union all
    select
        region_level,
        region_code,
        year,
        indicator_id,
        capital_stock as value,
        status_codes as obs_status_all,
        suspect_codes,
        -- What cities read: a stock rests on the series that their panel reads.
        '{{ var("city_series") }}' as vintage,
    from {{ ref('int_capital__accumulated') }}

),

formula as (

    select * from {{ ref('derived_indicator') }}

),

input as (

    select * from {{ ref('derived_input') }}

),

rate as (

    select * from {{ ref('exchange_rate') }}

),

status as (

    select
        obs_status,
        precedence
    from {{ ref('obs_status') }}

),

needed as (

    select
        indicator_id,
        formula_no,
        side,
        count(*) as n_inputs,
    from input
    group by indicator_id, formula_no, side

),

-- A side of the line has a value where every input has one.
side as (

    select
        input.indicator_id,
        input.formula_no,
        input.side,
        selected.region_level,
        selected.region_code,
        selected.year,
        case
            when count(selected.value) = any_value(needed.n_inputs)
                then {{ stable_sum('input.coefficient * selected.value') }}
        end as total,
        count(*) = any_value(needed.n_inputs) as is_covered,
        -- Status codes are put in order below.
        {{ dbt.listagg('selected.obs_status_all', "''") }} as status_codes,
        {{ sorted_texts('selected.suspect_codes') }} as suspect_codes,
        max(
            case
                when selected.region_level = 'prefecture' and selected.vintage <> '{{ var("city_series") }}'
                    then 1
                else 0
            end
        ) as is_other,
    from input
    inner join selected on input.input_indicator_id = selected.indicator_id
    inner join needed
        on input.indicator_id = needed.indicator_id
            and input.formula_no = needed.formula_no
            and input.side = needed.side
    group by
        input.indicator_id, input.formula_no, input.side,
        selected.region_level, selected.region_code, selected.year

),

has_denominator as (

    select distinct
        indicator_id,
        formula_no,
    from input
    where side = 'denominator'

),

computable as (

    select
        numerator.region_level,
        numerator.region_code,
        numerator.year,
        formula.indicator_id,
        numerator.formula_no,
        formula.transform,
        formula.factor * numerator.total * coalesce(rate.yuan, 1)
        / case when has_denominator.indicator_id is null then 1 else nullif(denominator.total, 0) end
            as quotient,
        numerator.total is not null
        and (has_denominator.indicator_id is null or denominator.total is not null) as has_inputs,
        numerator.status_codes || coalesce(denominator.status_codes, '') as status_codes,
        concat_ws(';', numerator.suspect_codes, denominator.suspect_codes) as suspect_codes,
        greatest(numerator.is_other, coalesce(denominator.is_other, 0)) as is_other,
    from formula
    inner join side as numerator
        on formula.indicator_id = numerator.indicator_id
            and numerator.side = 'numerator'
            and numerator.is_covered
    left join has_denominator
        on formula.indicator_id = has_denominator.indicator_id
            and numerator.formula_no = has_denominator.formula_no
    left join side as denominator
        on formula.indicator_id = denominator.indicator_id
            and numerator.formula_no = denominator.formula_no
            and denominator.side = 'denominator'
            and denominator.is_covered
            and numerator.region_level = denominator.region_level
            and numerator.region_code = denominator.region_code
            and numerator.year = denominator.year
    left join rate
        on formula.converter = rate.currency
            and numerator.year = rate.year
    where (has_denominator.indicator_id is null or denominator.indicator_id is not null)
        -- No rate, no value in yuan.
        and (formula.converter is null or rate.yuan is not null)

),

chosen as (

    select
        indicator_id,
        region_level,
        formula_no,
    from computable
    group by indicator_id, region_level, formula_no
    qualify row_number() over (
            partition by indicator_id, region_level
            order by count(quotient) filter (where is_other = 0) desc, count(quotient) desc, formula_no
        ) = 1

),

paired as (

    select
        computable.region_level,
        computable.region_code,
        computable.year,
        computable.indicator_id,
        computable.formula_no,
        computable.transform,
        computable.quotient,
        computable.has_inputs,
        computable.status_codes,
        computable.suspect_codes,
    from computable
    inner join chosen
        on computable.indicator_id = chosen.indicator_id
            and computable.region_level = chosen.region_level
            and computable.formula_no = chosen.formula_no
    union all
    select
        region_level,
        region_code,
        year,
        indicator_id,
        cast(null as integer) as formula_no,
        'identity' as transform,
        value as quotient,
        value is not null as has_inputs,
        status_codes,
        suspect_codes,
    from joined
    union all
    select
        region_level,
        region_code,
        year,
        indicator_id,
        cast(null as integer) as formula_no,
        'identity' as transform,
        capital_stock as quotient,
        true as has_inputs,
        status_codes,
        suspect_codes,
    from {{ ref('int_capital__accumulated') }}
    union all
    select
        region_level,
        region_code,
        year,
        indicator_id,
        cast(null as integer) as formula_no,
        'identity' as transform,
        value as quotient,
        value is not null as has_inputs,
        status_codes,
        suspect_codes,
    from {{ ref('int_emissions__computed') }}

),

unions as (

    select
        lists.status_codes,
        {{ dbt.listagg('status.obs_status', "''", 'order by status.precedence') }} as obs_status_all,
    from (select distinct status_codes from paired) as lists
    inner join status on lists.status_codes like '%' || status.obs_status || '%'
    group by lists.status_codes

),

computed as (

    select
        paired.region_level,
        paired.region_code,
        paired.year,
        paired.indicator_id,
        paired.formula_no,
        case
            when paired.transform = 'identity' then paired.quotient
            when paired.transform = 'log1p' and paired.quotient >= 0 then ln(1 + paired.quotient)
            when paired.transform = 'log' and paired.quotient > 0 then ln(paired.quotient)
        end as value,
        -- A normal input adds nothing to the codes of an abnormal one; a quotient by zero or the log
        -- of what is not positive cannot exist.
        case
            when paired.has_inputs and (
                    paired.quotient is null
                    or (paired.transform = 'log' and paired.quotient <= 0)
                    or (paired.transform = 'log1p' and paired.quotient < 0)
                ) then 'M'
            when unions.obs_status_all = 'A' then 'A'
            else replace(unions.obs_status_all, 'A', '')
        end as obs_status_all,
        nullif(paired.suspect_codes, '') as suspect_codes,
    from paired
    inner join unions on paired.status_codes = unions.status_codes

),

zone_count as (

    select
        'province' as region_level,
        grid.region_code,
        grid.year,
        'pilot_zone_count' as indicator_id,
        cast(null as integer) as formula_no,
        cast(count(zone.zone_no) as double) as value,
        'A' as obs_status_all,
        cast(null as varchar) as suspect_codes,
    from {{ ref('int_region_years__gridded') }} as grid
    left join {{ ref('int_zones__timed') }} as zone
        on grid.region_code = zone.province_code
            and zone.rule_id = '{{ var("zone_count_rule") }}'
            and not zone.is_late
            and grid.year >= zone.start_year
            and grid.year < coalesce(zone.end_year, grid.year + 1)
    where grid.region_level = 'province'
    group by grid.region_code, grid.year

),

final as (

    select
        *,
        substr(obs_status_all, 1, 1) as obs_status,
    from computed
    union all
    select
        *,
        substr(obs_status_all, 1, 1) as obs_status,
    from zone_count

)

select * from final
order by region_level, region_code, indicator_id, year
