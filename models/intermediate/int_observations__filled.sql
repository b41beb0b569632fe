-- Every reported cell, and beside it the value that the policy puts where a blank is known.
--
-- The default policy is none: a blank stays a blank. A filled cell never overwrites a reported one, is I
-- (F beyond the last print), and says its method and anchors. Anchors on both sides of a unit's approval
-- year would carry the effect of the policy into the years before it, so such a blank stays a blank.
with reported as (

    select * from {{ ref('int_observations__reported') }}

),

{% if var('fill_policy') == 'none' -%}
    final as (

        select
            *,
            value_reported as value,
        from reported

    )
{%- else -%}
{% if var('fill_policy') not in ['linear', 'geometric', 'ratio_to_province'] -%}
    {{ exceptions.raise_compiler_error("fill_policy is " ~ var('fill_policy') ~ "; allowed: none, linear, geometric, ratio_to_province") }}
{%- endif -%}
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

lined as (

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
    from lined
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

valued as (

    select
        *,
        cast(
            {% if var('fill_policy') == 'linear' %}y{% elif var('fill_policy') == 'geometric' %}exp(y){% else %}y * province_value{% endif %}
            as decimal(38, 10)
        ) as value_filled,
    from filled

),

final as (

    select
        reported.* exclude (obs_status, obs_status_all, impute_method, impute_by, anchor_years),
        coalesce(reported.value_reported, valued.value_filled) as value,
        case
            when valued.value_filled is null then reported.obs_status
            when valued.is_beyond then 'F'
            else 'I'
        end as obs_status,
        case
            when valued.value_filled is null then reported.obs_status_all
            when valued.is_beyond then 'F'
            else 'I'
        end as obs_status_all,
        case
            when valued.value_filled is not null
                then {% if var('fill_policy') == 'ratio_to_province' %}'share'{% else %}'{{ var('fill_policy') }}'{% endif %}
            else reported.impute_method
        end as impute_method,
        case when valued.value_filled is not null then 'project' else reported.impute_by end as impute_by,
        case
            when valued.value_filled is not null then cast(valued.anchor_years as integer[])
            else reported.anchor_years
        end as anchor_years,
    from reported
    left join valued
        on reported.region_level = valued.region_level
            and reported.region_code = valued.region_code
            and reported.indicator_id = valued.indicator_id
            and reported.vintage = valued.vintage
            and reported.year = valued.year

)
{%- endif %}

select * from final
