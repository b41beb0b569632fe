-- The share of filled cells in each column as each detector sees it: what its hits exceed chance by.
with scan as (

    select * from {{ ref('detector_scan') }}

),

counted as (

    {% for d in ['d2', 'd3', 'd4', 'd5', 'd7_mean', 'd7_share', 'd8'] -%}
    select
        column_no,
        region_level,
        indicator_id,
        vintage,
        '{{ d | upper }}' as detector,
        count(p_{{ d }}) as n_tested,
        count(*) filter (where h_{{ d }}) as n_hits,
        -- Cells that are hit by chance all the time say nothing about the share.
        count(*) filter (where p_{{ d }} < 0.05) as n_sharp,
        count(*) filter (where p_{{ d }} < 0.05 and h_{{ d }}) as n_sharp_hits,
        coalesce(sum(p_{{ d }}) filter (where p_{{ d }} < 0.05), 0) as n_sharp_chance,
        count(*) filter (where p_{{ d }} <= {{ var('detector_decidable_chance') }}) as n_decidable,
        median(kappa) as kappa,
    from scan
    group by column_no, region_level, indicator_id, vintage
    {{ "union all" if not loop.last }}
    {% endfor %}
),

final as (

    select
        *,
        least(0.5, greatest(
            {{ var('detector_least_prior') }}, (n_sharp_hits - n_sharp_chance) / greatest(n_sharp, 1)
        )) as prior,
    from counted

)

select * from final
order by column_no, detector
