-- Sums of doubles are rounded: their last bits depend on the order of rows, and two builds must agree.
-- The share of filled cells in each column as each detector sees it: what its hits exceed chance by.
{% set levels = [1, 0.5, 0.25, 0.1, 0.05] -%}
with scan as (

    select * from {{ ref('detector_scan') }}

),

-- One pass over the cells; the few rows that come out are turned on their side below.
counted as (

    select
        column_no,
        region_level,
        indicator_id,
        vintage,
        count(*) as n_cells,
        median(kappa) as kappa,
        -- False flags that clean cells of the column would raise in all path tests together, by the largest
        -- chance that is allowed to flag a single cell.
        {%- for level in levels %}
            round(sum(
                0
                {%- for d in ['d2', 'd3', 'd4', 'd5', 'd7_mean', 'd7_share', 'd8'] %}
                    + case
                        when p_{{ d }} <= {{ level }} * {{ var('detector_decidable_chance') }} then p_{{ d }}
                        else 0
                    end
                {%- endfor %}
            ), 9) as expected_{{ loop.index }},
        {%- endfor %}
        {%- for d in ['d2', 'd3', 'd4', 'd5', 'd7_mean', 'd7_share', 'd8'] %}
            count(p_{{ d }}) as n_tested_{{ d }},
            count(*) filter (where h_{{ d }}) as n_hits_{{ d }},
            -- Cells that are hit by chance all the time say nothing about the share.
            count(*) filter (where p_{{ d }} < 0.05) as n_sharp_{{ d }},
            count(*) filter (where p_{{ d }} < 0.05 and h_{{ d }}) as n_sharp_hits_{{ d }},
            round(coalesce(sum(p_{{ d }}) filter (where p_{{ d }} < 0.05), 0), 9) as n_sharp_chance_{{ d }},
            count(*) filter (where p_{{ d }} <= {{ var('detector_decidable_chance') }})
                as n_decidable_{{ d }},
        {%- endfor %}
    from scan
    group by column_no, region_level, indicator_id, vintage

),

-- The column's budget of false flags is shared by all tests of a cell.
budgeted as (

    select
        *,
        {{ var('detector_decidable_chance') }} * case
            {%- for level in levels[:-1] %}
                when expected_{{ loop.index }} <= {{ var('detector_column_budget') }} * n_cells
                    then {{ level }}
            {%- endfor %}
            else {{ levels[-1] }}
        end as decidable_chance,
    from counted

),

turned as (

    {% for d in ['d2', 'd3', 'd4', 'd5', 'd7_mean', 'd7_share', 'd8'] -%}
        select
            column_no,
            region_level,
            indicator_id,
            vintage,
            '{{ d | upper }}' as detector,
            n_cells,
            kappa,
            n_tested_{{ d }} as n_tested,
            n_hits_{{ d }} as n_hits,
            n_sharp_{{ d }} as n_sharp,
            n_sharp_hits_{{ d }} as n_sharp_hits,
            n_sharp_chance_{{ d }} as n_sharp_chance,
            n_decidable_{{ d }} as n_decidable,
            decidable_chance,
        from budgeted
        {{ "union all" if not loop.last }}
    {% endfor %}
),

excess as (

    select
        *,
        greatest(0, n_sharp_hits - n_sharp_chance) / greatest(n_sharp, 1) as own_share,
    from turned

),

-- A rare way to fill borrows strength from the others: whoever fills by one method fills by the next.
final as (

    select
        * exclude (own_share),
        least(0.5, greatest(
            {{ var('detector_least_prior') }},
            own_share,
            0.25 * round(sum(own_share) over (partition by column_no), 9)
        )) as filled_share,
    from excess

)

select * from final
order by region_level, indicator_id, vintage, detector
