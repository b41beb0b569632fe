-- Every printed cell with what the path detectors measured on it, whether or not they hit.
--
-- u is the printed unit around a cell: 10^-decimals, where decimals are the most that the cell and its
-- neighbours show (files lose trailing zeros) but not more than the column's mode (a fill shows more).
-- Each detector has a residual r, a tolerance in u, and a chance that a clean cell hits:
-- width * u / (s * sqrt(2 pi)), s the series' own scale of r, times the column's calibration, and at least
-- what print itself shows: a yearbook that prints one year an edition was filled by nobody, so that its hits
-- beyond chance are how often the pattern occurs by nature in that indicator (a licence quota that stands for
-- years, a network that nobody measured anew).
with observation as (

    select * from {{ ref('observation') }}
    where is_panel_scope and value_reported is not null

),

region as (

    select distinct
        region_level,
        region_code,
        province_code,
    from {{ ref('region') }}

),

indicator as (

    select
        indicator_id,
        kind,
    from {{ ref('indicator') }}

),

-- Publications whose editions print one year each: no later figure was known when a cell was printed.
printed_vintage as (

    select vintage from {{ ref('publication') }}
    where is_one_series and kind = 'yearbook'

),

precision_counted as (

    select
        region_level,
        indicator_id,
        vintage,
        unit_printed,
        decimals,
        count(*) as n_cells,
    from observation
    group by region_level, indicator_id, vintage, unit_printed, decimals

),

-- The mode: of a column with two decimals whose zeros were lost, 90 % still show two.
column_precision as (

    select
        region_level,
        indicator_id,
        vintage,
        unit_printed,
        decimals as column_decimals,
    from precision_counted
    qualify row_number() over (
            partition by region_level, indicator_id, vintage, unit_printed
            order by n_cells desc, decimals desc
        ) = 1

),

-- An edition chooses how fine it prints a column; the next one may choose anew.
edition_counted as (

    select
        observation.region_level,
        observation.indicator_id,
        observation.vintage,
        observation.year,
        observation.decimals,
        count(*) as n_cells,
    from observation
    inner join printed_vintage on observation.vintage = printed_vintage.vintage
    group by
        observation.region_level,
        observation.indicator_id,
        observation.vintage,
        observation.year,
        observation.decimals

),

edition_precision as (

    select
        region_level,
        indicator_id,
        vintage,
        year,
        decimals as edition_decimals,
    from edition_counted
    qualify row_number() over (
            partition by region_level, indicator_id, vintage, year
            order by n_cells desc, decimals desc
        ) = 1

),

province_value as (

    select
        region_code as province_code,
        indicator_id,
        year,
        min_by(cast(value_reported as double), vintage) as province_value,
    from observation
    where region_level = 'province'
    group by region_code, indicator_id, year

),

series_key as (

    select distinct
        region_level,
        region_code,
        indicator_id,
        vintage,
    from observation

),

-- What names a series stays here until the end: a million cells are sorted and joined by numbers.
series as (

    select
        {{ key_number([
            'observation.region_level', 'observation.indicator_id', 'observation.vintage', 'observation.region_code',
        ]) }}
            as series_no,
        {{ key_number(['observation.region_level', 'observation.indicator_id', 'observation.vintage']) }}
            as column_no,
        observation.region_level,
        observation.region_code,
        observation.indicator_id,
        observation.vintage,
        region.province_code,
        indicator.kind,
        cast(region.province_code as integer) as province_no,
    from series_key as observation
    left join region
        on observation.region_level = region.region_level
            and observation.region_code = region.region_code
    left join indicator on observation.indicator_id = indicator.indicator_id

),

cell as (

    select
        series.series_no,
        series.column_no,
        case when observation.region_level = 'prefecture' then series.province_no end as province_no,
        observation.year,
        cast(observation.value_reported as double) as x,
        observation.decimals,
        greatest(column_precision.column_decimals, coalesce(edition_precision.edition_decimals, 0))
            as column_decimals,
        -- A municipality is its own province: its share is one by nature.
        case
            when observation.region_level = 'prefecture'
                and observation.region_code <> series.province_code
                then province_value.province_value
        end as province_value,
        {{ is_filled('observation.obs_status_all') }} as is_declared,
    from observation
    inner join series
        on observation.region_level = series.region_level
            and observation.region_code = series.region_code
            and observation.indicator_id = series.indicator_id
            and observation.vintage = series.vintage
    left join column_precision
        on observation.region_level = column_precision.region_level
            and observation.indicator_id = column_precision.indicator_id
            and observation.vintage = column_precision.vintage
            and observation.unit_printed is not distinct from column_precision.unit_printed
    left join edition_precision
        on observation.region_level = edition_precision.region_level
            and observation.indicator_id = edition_precision.indicator_id
            and observation.vintage = edition_precision.vintage
            and observation.year = edition_precision.year
    left join province_value
        on observation.indicator_id = province_value.indicator_id
            and observation.year = province_value.year
            and series.province_code = province_value.province_code

),

neighbours as (

    select
        *,
        case when lag(year) over series_years = year - 1 then lag(x) over series_years end as x_1,
        case when lag(year, 2) over series_years = year - 2 then lag(x, 2) over series_years end as x_2,
        case when lag(year, 3) over series_years = year - 3 then lag(x, 3) over series_years end as x_3,
        case when lead(year) over series_years = year + 1 then lead(x) over series_years end as x_n1,
        case when lead(year, 2) over series_years = year + 2 then lead(x, 2) over series_years end as x_n2,
        coalesce(lag(decimals) over series_years, 0) as decimals_1,
        coalesce(lead(decimals) over series_years, 0) as decimals_n1,
        lag(province_value) over series_years as province_1,
        lag(year) over series_years is null as is_first,
        lead(year) over series_years is null as is_last,
    from cell
    window series_years as (partition by series_no order by year)

),

grown as (

    select
        *,
        case when x_2 > 0 and x_3 > 0 then ln(x_2 / x_3) end as growth_2,
        case when x_1 > 0 and x_2 > 0 then ln(x_1 / x_2) end as growth_1,
        case when x > 0 and x_1 > 0 then ln(x / x_1) end as growth,
        case when x_n1 > 0 and x > 0 then ln(x_n1 / x) end as growth_next,
        case when x_n2 > 0 and x_n1 > 0 then ln(x_n2 / x_n1) end as growth_n2,
    from neighbours

),

-- Means and shares are looked for where a province and year have at least four cities in the column: in a
-- province of one city the share hardly moves by nature.
group_mean as (

    select
        column_no,
        province_no,
        year,
        round(avg(x), 9) as mean_x,
        count(*) as n_cities,
    from cell
    where province_no is not null
    group by column_no, province_no, year

),

residual as (

    select
        neighbours.series_no,
        neighbours.column_no,
        neighbours.year,
        neighbours.x,
        neighbours.decimals,
        neighbours.column_decimals,
        neighbours.is_declared,
        neighbours.is_first,
        neighbours.is_last,
        -- Second difference of the level and, in units of the value, of its logarithm.
        x_n1 - 2 * x + x_1 as r_d2,
        x * (growth_next - growth) as r_d3,
        x - x_1 as r_d4,
        case
            when abs(x - (x_1 + x_2) / 2) <= coalesce(abs(x - (x_1 + x_2 + x_3) / 3), 1e300)
                then x - (x_1 + x_2) / 2
            else x - (x_1 + x_2 + x_3) / 3
        end as r_d5,
        case when group_mean.n_cities >= 4 then x - group_mean.mean_x end as r_d7_mean,
        case when province_1 > 0 and group_mean.n_cities >= 4 then x - province_value * x_1 / province_1 end
            as r_d7_share,
        x_n2 - 4 * x_n1 + 6 * x - 4 * x_1 + x_2 as r_d8,
        growth,
        growth_next,
        -- Mean square of the four second differences of the log over six years.
        (
            (growth_1 - growth_2) * (growth_1 - growth_2) + (growth - growth_1) * (growth - growth_1)
            + (growth_next - growth) * (growth_next - growth)
            + (growth_n2 - growth_next) * (growth_n2 - growth_next)
        ) / 4 as local_variance,
        -- How far rounding moves a filled cell from its path, in u: its own half unit, and the half units
        -- of filled neighbours as the path magnifies them.
        1 + greatest(1, case when x > 0 and x_1 > 0 and x_n1 > 0 then greatest(x / x_1, x / x_n1) end) / 2
            as t_d3,
        greatest(1, (1 + case when province_1 > 0 then province_value / province_1 end) / 2) as t_d7_share,
        power(10, -least(column_decimals, greatest(decimals, decimals_1, decimals_n1))) as u,
        power(10, -least(column_decimals, greatest(decimals, decimals_1))) as u_pair,
    from grown as neighbours
    left join group_mean
        on neighbours.column_no = group_mean.column_no
            and neighbours.province_no = group_mean.province_no
            and neighbours.year = group_mean.year

),

-- Three quarters of |r| over the same quantile of a normal: half of a series may be filled or one in
-- four of its years may jump before the scale moves much.
series_scale as (

    select
        series_no,
        quantile_cont(abs(r_d2), 0.75) / 1.1503 as s_d2,
        quantile_cont(abs(r_d3), 0.75) / 1.1503 as s_d3,
        quantile_cont(abs(r_d4), 0.75) / 1.1503 as s_d4,
        quantile_cont(abs(r_d5), 0.75) / 1.1503 as s_d5,
        quantile_cont(abs(r_d7_mean), 0.75) / 1.1503 as s_d7_mean,
        quantile_cont(abs(r_d7_share), 0.75) / 1.1503 as s_d7_share,
        quantile_cont(abs(r_d8), 0.75) / 1.1503 as s_d8,
        quantile_cont(abs(growth_next - growth), 0.75) / 1.1503 as s_log,
    from residual
    group by series_no

),

-- chance = width / (s sqrt(2 pi)): D2 hits on 3 values of a grid of step u, D4 on one, the two means of D5
-- on two each, the mean of the province on two, D3 and the share on what rounding allows, D8 (the five
-- rounding errors, 1 + 4 + 6 + 4 + 1 halves) on sixteen.
chance as (

    select
        residual.*,
        s_d2 / u as kappa,
        least(1, 3 * u / (s_d2 * 2.5066 + 1e-12)) as c_d2,
        least(1, 2 * t_d3 * u / (s_d3 * 2.5066 + 1e-12)) as c_d3,
        least(1, u_pair / (s_d4 * 2.5066 + 1e-12)) as c_d4,
        least(1, 4 * u / (s_d5 * 2.5066 + 1e-12)) as c_d5,
        least(1, 2 * u / (s_d7_mean * 2.5066 + 1e-12)) as c_d7_mean,
        least(1, 2 * t_d7_share * u / (s_d7_share * 2.5066 + 1e-12)) as c_d7_share,
        least(1, 16 * u / (s_d8 * 2.5066 + 1e-12)) as c_d8,
        local_variance / nullif(s_log * s_log, 0) as variance_ratio,
        -- A repeated value belongs to D4 alone: it would also lie on every chord and mean.
        abs(r_d4) < u_pair / 2 as is_repeat,
    from residual
    inner join series_scale on residual.series_no = series_scale.series_no

),

hit as (

    select
        *,
        abs(r_d2) <= 1.5 * u and not (is_repeat and r_d2 = 0) as h_d2,
        abs(r_d3) <= t_d3 * u and not (is_repeat and r_d2 = 0) as h_d3,
        is_repeat as h_d4,
        abs(r_d5) <= u and not is_repeat as h_d5,
        abs(r_d7_mean) <= u as h_d7_mean,
        abs(r_d7_share) <= t_d7_share * u and not is_repeat as h_d7_share,
        abs(r_d8) <= 8 * u
        and not is_repeat
        and abs(r_d2) > 1.5 * u
        and coalesce(abs(r_d3) > t_d3 * u, true) as h_d8,
    from chance

),

-- What clean cells do near zero is read off the shoulder, the band of three widths beside the hits. A
-- column whose shoulder is fuller than the normal says gets larger chances, never smaller ones.
calibration as (

    select
        column_no,
        {%- for d, unit, near, far, widths in [
            ('d2', 'u', 1.5, 6, 3), ('d3', 'u', 't_d3', '4 * t_d3', 3), ('d4', 'u_pair', 0.5, 3.5, 6), ('d5', 'u', 1, 4, 3),
            ('d7_mean', 'u', 1, 4, 3), ('d7_share', 'u', 't_d7_share', '4 * t_d7_share', 3), ('d8', 'u', 8, 32, 3),
        ] %}
            least(10, greatest(
                1,
                (2 + count(*) filter (
                    where c_{{ d }} < 0.05
                    and abs(r_{{ d }}) > {{ near }} * {{ unit }}
                    and abs(r_{{ d }}) <= {{ far }} * {{ unit }}
                ))
                / (
                    2
                    + {{ widths }}
                    * round(
                        coalesce(sum(c_{{ d }}) filter (where c_{{ d }} < 0.05 and r_{{ d }} is not null), 0),
                        9
                    )
                )
            )) as l_{{ d }},
        {%- endfor %}
    from hit
    group by column_no

),

-- A value that three series of a column repeat is a cap or a floor (a treatment rate of 100 %, a zero).
cap as (

    select
        column_no,
        x,
    from hit
    where is_repeat
    group by column_no, x
    having count(distinct series_no) >= 3

),

-- Cells that are hit by chance all the time say nothing about nature.
natural_rate as (

    select
        series.region_level,
        series.indicator_id,
        {%- for d in ['d2', 'd3', 'd4', 'd5', 'd7_mean', 'd7_share', 'd8'] %}
            greatest(
                0,
                count(*) filter (
                    where h_{{ d }}{% if d in ['d4', 'd7_mean', 'd7_share'] %} and cap.x is null{% endif %}
                    and c_{{ d }} * l_{{ d }} < 0.05
                )
                - round(
                    coalesce(sum(c_{{ d }} * l_{{ d }}) filter (
                        where r_{{ d }} is not null and c_{{ d }} * l_{{ d }} < 0.05
                    ), 0), 9
                )
            )
            / greatest(1, count(*) filter (where r_{{ d }} is not null and c_{{ d }} * l_{{ d }} < 0.05))
                as n_{{ d }},
        {%- endfor %}
    from hit
    inner join series on hit.series_no = series.series_no
    inner join printed_vintage on series.vintage = printed_vintage.vintage
    inner join calibration on hit.column_no = calibration.column_no
    left join cap
        on hit.column_no = cap.column_no
            and hit.x = cap.x
    group by series.region_level, series.indicator_id

),

final as (

    select
        hit.series_no,
        hit.column_no,
        series.region_level,
        series.region_code,
        series.province_code,
        hit.year,
        series.indicator_id,
        series.vintage,
        hit.x as value,
        hit.decimals,
        hit.column_decimals,
        series.kind,
        hit.is_declared,
        hit.is_first,
        hit.is_last,
        hit.u,
        hit.kappa,
        hit.growth,
        hit.growth_next,
        hit.variance_ratio,
        {%- for d in ['d2', 'd3', 'd4', 'd5', 'd7_mean', 'd7_share', 'd8'] %}
            hit.r_{{ d }},
            -- A cap is also the mean of a province whose cities all reach it.
            hit.h_{{ d }}
            {%- if d in ['d4', 'd7_mean', 'd7_share'] %} and cap.x is null as h_{{ d }}{% endif %},
            case
                when hit.r_{{ d }} is not null
                    then least(
                            1,
                            greatest(
                                hit.c_{{ d }} * calibration.l_{{ d }},
                                coalesce(natural_rate.n_{{ d }}, 0)
                            )
                        )
            end as p_{{ d }},
        {%- endfor %}
    from hit
    inner join series on hit.series_no = series.series_no
    inner join calibration on hit.column_no = calibration.column_no
    left join natural_rate
        on series.region_level = natural_rate.region_level
            and series.indicator_id = natural_rate.indicator_id
    left join cap
        on hit.column_no = cap.column_no
            and hit.x = cap.x

)

select * from final
