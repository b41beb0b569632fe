-- D6: last years of a series that a trend of the years before them gives, within the printed unit: the
-- least-squares line, or the grey model GM(1,1) (Deng 1982), fitted to the four or five years before.
--
-- GM(1,1): x_k = b - a z_k, k = 2..m, by least squares, z_k = x_1 + ... + x_k - x_k / 2;
-- forecast x_k = (x_1 - b / a)(1 - e^a) e^(-a (k - 1)).
{% set fits = [(1, 4), (1, 5), (2, 4), (2, 5), (3, 4), (3, 5)] -%}
with scan as (

    select * from {{ ref('detector_scan') }}

),

detector_column as (

    select * from {{ ref('detector_column') }}
    where detector = 'D2'

),

last_cell as (

    select
        series_no,
        column_no,
        year,
        u,
        kappa,
    from scan
    where is_last

),

-- The last eight years on one row: y_0 the last, y_7 the first.
tail as (

    select
        last_cell.series_no,
        any_value(last_cell.column_no) as column_no,
        any_value(last_cell.year) as year,
        max(scan.u) as u,
        any_value(last_cell.kappa * last_cell.u) as s_d2,
        {%- for back in range(8) %}
            max(case when scan.year = last_cell.year - {{ back }} then scan.value end) as y_{{ back }},
        {%- endfor %}
    from last_cell
    inner join scan
        on last_cell.series_no = scan.series_no
            and scan.year between last_cell.year - 7 and last_cell.year
    group by last_cell.series_no

),

-- Sums of both fits; x_k is the k-th of the m years before the last h.
fitted as (

    {% for h, m in fits -%}
        {%- set x = [] -%}
        {%- for k in range(1, m + 1) -%}{%- do x.append('y_' ~ (h + m - k)) -%}{%- endfor -%}
        {%- set z = [] -%}
        {%- for k in range(1, m) -%}
            {%- do z.append('(' ~ x[:k] | join(' + ') ~ ' + ' ~ x[k] ~ ' / 2)') -%}
        {%- endfor -%}
        select
            series_no,
            column_no,
            year,
            u,
            s_d2,
            {{ h }} as h,
            {{ m }} as m,
            {{ x[0] }} as x_first,
            ({{ x | join(' + ') }}) / {{ m }} as mean_x,
            (
                {%- for k in range(1, m + 1) %}
                    {{ '+ ' if not loop.first }}({{ k }} - {{ (m + 1) / 2 }}) * {{ x[k - 1] }}
                {%- endfor %}
            ) / {{ m * (m * m - 1) / 12 }} as slope,
            ({{ x[1:] | join(' + ') }}) / {{ m - 1 }} as mean_x2,
            ({{ z | join(' + ') }}) / {{ m - 1 }} as mean_z,
            (
                {%- for k in range(1, m) %}
                    {{ '+ ' if not loop.first }}{{ z[k - 1] }} * {{ x[k] }}
                {%- endfor %}
            ) / {{ m - 1 }} as mean_zx,
            (
                {%- for k in range(1, m) %}
                    {{ '+ ' if not loop.first }}{{ z[k - 1] }} * {{ z[k - 1] }}
                {%- endfor %}
            ) / {{ m - 1 }} as mean_zz,
            y_{{ h - 1 }} as f_1,
            {{ 'y_' ~ (h - 2) if h > 1 else 'cast(null as double)' }} as f_2,
            {{ 'y_' ~ (h - 3) if h > 2 else 'cast(null as double)' }} as f_3,
        from tail
        -- A constant is met by every trend.
        where {{ x | join(' + ') }} is not null and {{ x[-1] }} <> {{ x[-2] }} and y_0 is not null
        {{ "union all" if not loop.last }}
    {% endfor %}
),

solved as (

    select
        *,
        -(mean_zx - mean_z * mean_x2) / nullif(mean_zz - mean_z * mean_z, 0) as a,
    from fitted

),

forecast as (

    select
        *,
        mean_x2 + a * mean_z as b,
    from solved

),

residual as (

    select
        *,
        {%- for j in [1, 2, 3] %}
            f_{{ j }} - (mean_x + slope * (m + {{ j }} - (m + 1) / 2.0)) as r_ols_{{ j }},
            f_{{ j }} - (x_first - b / nullif(a, 0)) * (1 - exp(least(a, 50)))
            * exp(greatest(-50, least(50, -a * (m + {{ j - 1 }})))) as r_gm_{{ j }},
        {%- endfor %}
    from forecast

),

trend as (

    select
        *,
        'TREND' as rule,
        r_ols_1 as statistic,
        greatest(abs(r_ols_1), abs(r_ols_2), abs(r_ols_3)) as r,
    from residual
    union all
    select
        *,
        'GM11' as rule,
        r_gm_1 as statistic,
        greatest(abs(r_gm_1), abs(r_gm_2), abs(r_gm_3)) as r,
    from residual

),

-- Twelve fits are tried; a forecast misses by at least half of what a second difference varies.
met as (

    select
        *,
        least(1, 12 * power(least(1, 2 * u / (0.5 * s_d2 * 2.5066 + 1e-12)), (h + 1) / 2.0)) as chance,
    from trend
    where r <= u
    qualify row_number() over (partition by series_no order by h desc, r, rule, m) = 1

)

select
    met.series_no,
    met.column_no,
    scan.year,
    'D6' as detector,
    met.rule,
    met.chance,
    met.h as run_length,
    met.year - met.h + 1 as run_first,
    met.year as run_last,
    1 / (
        1 + detector_column.filled_share / (1 - detector_column.filled_share) / greatest(met.chance, 1e-12)
    ) as local_fdr,
    met.chance * met.h <= least(detector_column.decidable_chance, {{ var('detector_column_budget') }})
        as is_decidable,
    true as may_flag,
    met.statistic,
    met.m as n_fitted,
from met
inner join detector_column on met.column_no = detector_column.column_no
inner join scan
    on met.series_no = scan.series_no
        and scan.year between met.year - met.h + 1 and met.year
-- A chord that ends with the series is D2's and D3's: there the last year is the anchor more often than not.
inner join scan as last_fitted
    on met.series_no = last_fitted.series_no
        and met.year - met.h = last_fitted.year
where met.chance <= 0.1
    and not coalesce(last_fitted.h_d2, false)
    and not coalesce(last_fitted.h_d3, false)
order by series_no, year
