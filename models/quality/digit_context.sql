-- D12: last digits and second digits of whole columns. Context for a reader, never a verdict on a cell:
-- levels of Chinese GDP conform to Benford (Holz 2013) while growth rates heap (Ji 2019). In a
-- column that prints decimals, figures that bunch at x.0 and x.5 show thresholds that somebody rounded to.
with observation as (

    select
        region_level,
        indicator_id,
        vintage,
        region_code,
        year,
        value_printed,
        cast(value_reported as double) as value,
    from {{ ref('observation') }}
    where value_reported is not null and is_panel_scope

),

digits as (

    select
        region_level,
        indicator_id,
        vintage,
        value,
        cast(right(value_printed, 1) as integer) as last_digit,
        length(split_part(value_printed, '.', 2)) as printed_decimals,
        -- The second significant digit: 1.2 and 0.0012 both have 2.
        case when value > 0 then cast(floor(value / power(10, floor(log10(value)) - 1)) as bigint) % 10 end
            as second_digit,
    from observation
    where regexp_matches(value_printed, '[0-9]$')

),

-- Last digits are uniform only at the column's own precision: a file that drops zeros has no last 0.
precision_counted as (

    select
        region_level,
        indicator_id,
        vintage,
        printed_decimals,
        count(*) as n_cells,
    from digits
    group by region_level, indicator_id, vintage, printed_decimals
    qualify row_number() over (
            partition by region_level, indicator_id, vintage
            order by n_cells desc, printed_decimals desc
        ) = 1

),

counted as (

    select
        digits.region_level,
        digits.indicator_id,
        digits.vintage,
        count(*) filter (where digits.printed_decimals = precision_counted.printed_decimals) as n_cells,
        count(digits.second_digit) as n_second,
        count(*) filter (where digits.printed_decimals <= precision_counted.printed_decimals) as n_not_finer,
        -- By value: a lost zero is a threshold too.
        count(*) filter (
            where digits.printed_decimals <= precision_counted.printed_decimals
            and abs(2 * digits.value - round(2 * digits.value)) < 1e-9
        ) as n_threshold,
        max(precision_counted.printed_decimals) as printed_decimals,
        {%- for d in range(10) %}
            count(*) filter (
                where digits.last_digit = {{ d }}
                and digits.printed_decimals = precision_counted.printed_decimals
            ) as n_last_{{ d }},
            count(*) filter (where digits.second_digit = {{ d }}) as n_second_{{ d }},
        {%- endfor %}
    from digits
    inner join precision_counted
        on digits.region_level = precision_counted.region_level
            and digits.indicator_id = precision_counted.indicator_id
            and digits.vintage = precision_counted.vintage
    group by digits.region_level, digits.indicator_id, digits.vintage

),

expected as (

    select
        *,
        case when printed_decimals > 0 then (n_cells - n_last_0) / 9.0 else n_cells / 10.0 end
            as expected_last,
        2 * power(10, -printed_decimals) as expected_threshold,
    from counted

),

final as (

    select
        region_level,
        indicator_id,
        vintage,
        n_cells,
        printed_decimals,
        -- Where decimals are printed a lost zero cannot be told from none: nine digits are compared.
        case when printed_decimals > 0 then 8 else 9 end as degrees_of_freedom,
        case
            when printed_decimals > 0 then 0.0 else power(n_last_0 - n_cells / 10.0, 2) / (n_cells / 10.0)
        end
        {%- for d in range(1, 10) %}
            + power(n_last_{{ d }} - expected_last, 2) / expected_last
        {%- endfor %} as last_digit_chi2,
        (n_last_0 + n_last_5) / cast(n_cells as double) as share_of_0_and_5,
        case when printed_decimals > 0 then n_threshold / cast(n_not_finer as double) end
            as share_at_threshold,
        -- Two of 10^d endings; z of the binomial.
        case
            when printed_decimals > 0
                then (n_threshold - n_not_finer * expected_threshold)
                    / sqrt(n_not_finer * expected_threshold * (1 - expected_threshold))
        end as threshold_z,
        0.0
        {%- for share in [
            0.11968, 0.11389, 0.10882, 0.10433, 0.10031, 0.09668, 0.09337, 0.09035, 0.08757, 0.08500,
        ] %}
            + power(n_second_{{ loop.index0 }} - {{ share }} * n_second, 2) / ({{ share }} * n_second)
        {%- endfor %} as second_digit_benford_chi2,
    from expected
    where n_cells >= {{ var('detector_least_digits') }} and n_cells > n_last_0

)

select * from final
order by region_level, indicator_id, vintage
