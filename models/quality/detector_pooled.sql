-- Evidence of many cells together: a whole city-year (D9), a whole column of one year (D9b).
with scan as (

    select * from {{ ref('detector_scan') }}

),

-- D9. One missing yearbook page leaves a whole city-year to be filled in one way: the columns' evidence
-- adds up. A column that is not met counts against; one that cannot be tested is silent.
row_evidence as (

    select
        region_level,
        region_code,
        year,
        vintage,
        {%- for d in ['d2', 'd3', 'd4', 'd5', 'd7_share'] %}
            round(sum(case
                when h_{{ d }} then ln(0.97 / greatest(p_{{ d }}, {{ var('detector_row_least_chance') }}))
                when p_{{ d }} is not null then ln(0.03 / (1 - least(p_{{ d }}, 0.97)))
                else 0
            end), 9) as e_{{ d }},
            count(*) filter (where h_{{ d }}) as n_{{ d }},
        {%- endfor %}
    from scan
    group by region_level, region_code, year, vintage

),

row_best as (

    select
        *,
        greatest(e_d2, e_d3, e_d4, e_d5, e_d7_share) as evidence,
        case greatest(e_d2, e_d3, e_d4, e_d5, e_d7_share)
            when e_d2 then 'D2'
            when e_d3 then 'D3'
            when e_d4 then 'D4'
            when e_d5 then 'D5'
            else 'D7_SHARE'
        end as rule,
    from row_evidence

),

row_posterior as (

    select
        *,
        -- Five ways to fill were tried.
        1 / (1 + exp(-(
            evidence - ln(5) + ln({{ var('detector_row_prior') }} / (1 - {{ var('detector_row_prior') }}))
        ))) as posterior,
        case rule
            when 'D2' then n_d2 when 'D3' then n_d3 when 'D4' then n_d4 when 'D5' then n_d5 else n_d7_share
        end
            as n_hits,
    from row_best
    where evidence > 0

),

pooled_row as (

    select
        cell.series_no,
        cell.column_no,
        cell.year,
        'D9' as detector,
        row_posterior.rule,
        1 - row_posterior.posterior as chance,
        cast(row_posterior.n_hits as integer) as run_length,
        cell.year as run_first,
        cell.year as run_last,
        1 - row_posterior.posterior as local_fdr,
        true as is_decidable,
        true as may_flag,
    from row_posterior
    inner join scan as cell
        on row_posterior.region_level = cell.region_level
            and row_posterior.region_code = cell.region_code
            and row_posterior.year = cell.year
            and row_posterior.vintage = cell.vintage
    where row_posterior.posterior > {{ var('detector_row_posterior') }}
        and row_posterior.n_hits >= {{ var('detector_row_least_hits') }}
        and case row_posterior.rule
            when 'D2' then cell.h_d2
            when 'D3' then cell.h_d3
            when 'D4' then cell.h_d4
            when 'D5' then cell.h_d5
            else cell.h_d7_share
        end

),

-- D9b. A column of one edition that was missing and filled: far more of its cells lie on the chord than in
-- the column's other years.
column_year as (

    select
        column_no,
        year,
        count(p_d2) as n_tested,
        count(*) filter (where p_d2 is not null and (h_d2 or h_d3)) as n_hits,
    from scan
    group by column_no, year

),

column_year_rate as (

    select
        *,
        (sum(n_hits) over (partition by column_no) - n_hits + 1)
        / cast(sum(n_tested) over (partition by column_no) - n_tested + 2 as double) as other_rate,
        n_hits / cast(nullif(n_tested, 0) as double) as rate,
    from column_year

),

-- Chernoff: P(share >= h/n) <= exp(-n KL(h/n, rate of the other years)).
column_year_chance as (

    select
        *,
        exp(-n_tested * (
            rate * ln(rate / other_rate)
            + case when rate < 1 then (1 - rate) * ln((1 - rate) / (1 - other_rate)) else 0 end
        )) as chance,
    from column_year_rate
    where rate > other_rate and n_hits >= 5

),

pooled_column as (

    select
        cell.series_no,
        cell.column_no,
        cell.year,
        'D9B' as detector,
        'D2' as rule,
        column_year_chance.chance,
        cast(column_year_chance.n_hits as integer) as run_length,
        cell.year as run_first,
        cell.year as run_last,
        -- Of the year's hits, the share that the other years' rate explains.
        column_year_chance.other_rate / column_year_chance.rate as local_fdr,
        true as is_decidable,
        true as may_flag,
    from column_year_chance
    inner join scan as cell
        on column_year_chance.column_no = cell.column_no
            and column_year_chance.year = cell.year
    where column_year_chance.chance <= {{ var('detector_column_year_chance') }}
        and (cell.h_d2 or cell.h_d3)

)

select * from pooled_row
union all
select * from pooled_column
order by series_no, year, detector
