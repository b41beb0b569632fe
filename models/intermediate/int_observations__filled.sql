{{ config(materialized='view' if var('fill_policy') == 'none' else 'table') }}
-- Every reported cell, and beside it the value that the policy puts where a blank is known.
--
-- The default policy is none: a blank stays a blank. A filled cell never overwrites a reported one, is I
-- (F beyond the last print), and says its method and anchors. Anchors on both sides of a unit's approval
-- year would carry the effect of the policy into the years before it, so such a blank stays a blank.
with reported as (

    select * from {{ ref('int_observations__witnessed') }}
    where is_panel_scope

),

{% if var('fill_policy') == 'none' -%}
    final as (

        select
            *,
            value_reported as value,
        from reported

    )
{%- else -%}
approval as (

    select
        'prefecture' as region_level,
        prefecture_code as region_code,
        first_treated_year,
    from {{ ref('int_prefectures__timed') }}
    where rule_id = 'default' and first_treated_year is not null
    union all
    select
        'province' as region_level,
        province_code as region_code,
        min(start_year) as first_treated_year,
    from {{ ref('int_zones__timed') }}
    where rule_id = 'default' and not is_late
    group by province_code

),

{% if var('fill_policy') == 'gm11' -%}
-- GM(1,1) on the unbroken run of printed years before the gap (Deng 1982): x(k) + a z(k) = b by least squares,
-- x1 the cumulated series, z(k) = (x1(k) + x1(k-1)) / 2; then
-- xhat(k) = (1 - e^a) (x(1) - b / a) e^(-a (k - 1)). Refused as in cbec.efficiency.grey: fewer than four
-- years, a value that is not positive, a class ratio outside (e^(-2/(n+1)), e^(2/(n+1))), an unqualified fit.
printed as (

    select
        *,
        -- Years of one run lie at one distance from their place.
        year - row_number() over (
            partition by region_level, region_code, indicator_id, vintage order by year
        ) as run,
        cast(value_reported as double) as x,
    from reported
    where value_reported is not null

),

cumulated as (

    select
        region_level,
        region_code,
        indicator_id,
        vintage,
        run,
        year,
        x,
        row_number() over years_so_far as k,
        count(*) over whole_run as n,
        sum(x) over years_so_far - x / 2 as z,
        lag(x) over years_so_far / nullif(x, 0) as class_ratio,
    from printed
    window
        whole_run as (partition by region_level, region_code, indicator_id, vintage, run),
        years_so_far as (
            partition by region_level, region_code, indicator_id, vintage, run
            order by year rows between unbounded preceding and current row
        )

),

fitted as (

    select
        region_level,
        region_code,
        indicator_id,
        vintage,
        run,
        n,
        min(year) as first_year,
        max(year) as last_year,
        min_by(x, year) as x_first,
        -regr_slope(x, z) filter (where k > 1) as a,
        regr_intercept(x, z) filter (where k > 1) as b,
    from cumulated
    group by region_level, region_code, indicator_id, vintage, run, n
    having n >= 4
        and min(x) > 0
        and min(class_ratio) > exp(-2.0 / (n + 1))
        and max(class_ratio) < exp(2.0 / (n + 1))

),

-- The fitted curve on the years of the run and on every later row of the series.
curve as (

    select
        fitted.*,
        reported.year,
        case
            when reported.year = fitted.first_year then fitted.x_first
            -- The limit for a without growth.
            when abs(fitted.a) < 1e-12 then fitted.b
            else
                (1 - exp(fitted.a)) * (fitted.x_first - fitted.b / fitted.a)
                * exp(-fitted.a * (reported.year - fitted.first_year))
        end as x_hat,
    from fitted
    inner join reported
        on fitted.region_level = reported.region_level
            and fitted.region_code = reported.region_code
            and fitted.indicator_id = reported.indicator_id
            and fitted.vintage = reported.vintage
            and fitted.first_year <= reported.year

),

residual as (

    select
        curve.*,
        cumulated.x,
        cumulated.x - curve.x_hat as q,
    from cumulated
    inner join curve
        on cumulated.region_level = curve.region_level
            and cumulated.region_code = curve.region_code
            and cumulated.indicator_id = curve.indicator_id
            and cumulated.vintage = curve.vintage
            and cumulated.run = curve.run
            and cumulated.year = curve.year

),

-- Posterior check: P, the share of small residuals, above 0.70 and C = S2 / S1 below 0.65.
qualified as (

    select
        region_level,
        region_code,
        indicator_id,
        vintage,
        run,
    from (
        select
            *,
            avg(q) over whole_run as q_mean,
            stddev_pop(x) over whole_run as s1,
            stddev_pop(q) over whole_run as s2,
        from residual
        window whole_run as (partition by region_level, region_code, indicator_id, vintage, run)
    ) as spread
    group by region_level, region_code, indicator_id, vintage, run
    having max(s2) <= 1e-12 * avg(x)
        or (
            avg(case when abs(q - q_mean) < 0.6745 * s1 then 1.0 else 0.0 end) > 0.70
            and max(s2) < 0.65 * max(s1)
        )

),

blank as (

    select
        reported.region_level,
        reported.region_code,
        reported.indicator_id,
        reported.vintage,
        reported.year,
        max(printed.year) filter (where printed.year < reported.year) as last_year,
        count(*) filter (where printed.year > reported.year) = 0 as is_beyond,
    from reported
    inner join printed
        on reported.region_level = printed.region_level
            and reported.region_code = printed.region_code
            and reported.indicator_id = printed.indicator_id
            and reported.vintage = printed.vintage
    -- Only a figure that exists and was not printed (O, L) may be filled.
    where reported.value_reported is null and reported.obs_status in ('O', 'L')
    group by
        reported.region_level, reported.region_code, reported.indicator_id, reported.vintage, reported.year

),

filled_value as (

    select
        blank.region_level,
        blank.region_code,
        blank.indicator_id,
        blank.vintage,
        blank.year,
        blank.is_beyond,
        generate_series(curve.first_year, curve.last_year) as anchor_years,
        cast(curve.x_hat as decimal(38, 10)) as value_filled,
    from blank
    inner join curve
        on blank.region_level = curve.region_level
            and blank.region_code = curve.region_code
            and blank.indicator_id = curve.indicator_id
            and blank.vintage = curve.vintage
            and blank.last_year = curve.last_year
            and blank.year = curve.year
    inner join qualified
        on curve.region_level = qualified.region_level
            and curve.region_code = qualified.region_code
            and curve.indicator_id = qualified.indicator_id
            and curve.vintage = qualified.vintage
            and curve.run = qualified.run
    left join approval
        on blank.region_level = approval.region_level
            and blank.region_code = approval.region_code
    where (not blank.is_beyond or {{ var('fill_extrapolate') }})
        -- Anchors and cell on one side of the approval year.
        and (
            approval.first_treated_year is null
            or blank.year < approval.first_treated_year
            or curve.first_year >= approval.first_treated_year
        )

),

{% else -%}
province_total as (

    select
        region_code as province_code,
        indicator_id,
        year,
        min_by(cast(value_reported as double), vintage) as province_value,
    from reported
    where region_level = 'province' and value_reported is not null
    group by region_code, indicator_id, year

),

region as (

    select distinct
        region_level,
        region_code,
        province_code,
    from {{ ref('region') }}

),

-- The scale on which the fill is a straight line: the level, its log, or the share of the province.
measured as (

    select
        reported.region_level,
        reported.region_code,
        reported.indicator_id,
        reported.vintage,
        reported.year,
        reported.value_reported,
        reported.obs_status,
        approval.first_treated_year,
        province_total.province_value,
        {% if var('fill_policy') == 'linear' -%}
        cast(reported.value_reported as double) as y,
        {%- elif var('fill_policy') == 'geometric' -%}
        case when reported.value_reported > 0 then ln(cast(reported.value_reported as double)) end as y,
        {%- else -%}
        case when reported.region_level = 'prefecture' and province_total.province_value > 0
                then cast(reported.value_reported as double) / province_total.province_value
        end as y,
        {%- endif %}
    from reported
    left join region
        on reported.region_level = region.region_level
            and reported.region_code = region.region_code
    left join province_total
        on region.province_code = province_total.province_code
            and reported.indicator_id = province_total.indicator_id
            and reported.year = province_total.year
    left join approval
        on reported.region_level = approval.region_level
            and reported.region_code = approval.region_code

),

anchored as (

    select
        *,
        max(case when y is not null then year end) over before as year_before,
        max_by(y, case when y is not null then year end) over before as y_before,
        min(case when y is not null then year end) over after as year_after,
        min_by(y, case when y is not null then year end) over after as y_after,
        -- The two outermost anchors on each side carry an extrapolation.
        list(case when y is not null then {'year': year, 'y': y} end order by year) over whole as points,
    from measured
    window
        before as (
            partition by region_level, region_code, indicator_id, vintage
            order by year rows between unbounded preceding and current row
        ),
        after as (
            partition by region_level, region_code, indicator_id, vintage
            order by year rows between current row and unbounded following
        ),
        whole as (partition by region_level, region_code, indicator_id, vintage)

),

-- Only a figure that exists and was not printed (O, L) may be filled.
blank as (

    select
        * exclude (points),
        list_filter(points, point -> point is not null) as points,
    from anchored
    where value_reported is null and obs_status in ('O', 'L')

),

interpolated as (

    select
        *,
        case
            when year_before is not null and year_after is not null then {'year': year_before, 'y': y_before}
            when len(points) >= 2 and year_after is null then points[-2]
            when len(points) >= 2 then points[1]
        end as first_point,
        case
            when year_before is not null and year_after is not null then {'year': year_after, 'y': y_after}
            when len(points) >= 2 and year_after is null then points[-1]
            when len(points) >= 2 then points[2]
        end as second_point,
        year_before is null or year_after is null as is_beyond,
    from blank

),

filled as (

    select
        region_level,
        region_code,
        indicator_id,
        vintage,
        year,
        first_point.y + (second_point.y - first_point.y) * (year - first_point.year)
        / cast(second_point.year - first_point.year as double) as y,
        is_beyond,
        province_value,
        [first_point.year, second_point.year] as anchor_years,
    from interpolated
    where first_point is not null
        and second_point is not null
        and (not is_beyond or {{ var('fill_extrapolate') }})
        -- Anchors and cell on one side of the approval year.
        and (
            first_treated_year is null
            or greatest(second_point.year, year) < first_treated_year
            or least(first_point.year, year) >= first_treated_year
        )

),

filled_value as (

    select
        *,
        cast(
            {% if var('fill_policy') == 'linear' %}y{% elif var('fill_policy') == 'geometric' %}exp(y){% else %}y * province_value{% endif %}
            as decimal(38, 10)
        ) as value_filled,
    from filled

),

{% endif -%}
final as (

    select
        reported.* exclude (obs_status, obs_status_all, impute_method, impute_by, anchor_years),
        coalesce(reported.value_reported, filled_value.value_filled) as value,
        case
            when filled_value.value_filled is null then reported.obs_status
            when filled_value.is_beyond then 'F'
            else 'I'
        end as obs_status,
        case
            when filled_value.value_filled is null then reported.obs_status_all
            when filled_value.is_beyond then 'F'
            else 'I'
        end as obs_status_all,
        case
            when filled_value.value_filled is not null
                then {% if var('fill_policy') == 'ratio_to_province' %}'share'{% else %}'{{ var('fill_policy') }}'{% endif %}
            else reported.impute_method
        end as impute_method,
        case
            when filled_value.value_filled is not null then 'project'
            else reported.impute_by
        end as impute_by,
        case
            when filled_value.value_filled is not null then cast(filled_value.anchor_years as integer[])
            else reported.anchor_years
        end as anchor_years,
    from reported
    left join filled_value
        on reported.region_level = filled_value.region_level
            and reported.region_code = filled_value.region_code
            and reported.indicator_id = filled_value.indicator_id
            and reported.vintage = filled_value.vintage
            and reported.year = filled_value.year

)
{%- endif %}

select * from final
