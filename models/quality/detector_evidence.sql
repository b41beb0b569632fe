-- One row per cell and detector that saw something on it, with the numbers. Nothing here changes a value.
--
-- Runs of neighbouring hits count together. Calm years come in stretches, so after the first hit each
-- further one counts half: chance = p^((k + 1) / 2). The local
-- false-discovery rate sets that chance against the share of filled cells in the column.
with scan as (

    select * from {{ ref('detector_scan') }}

),

detector_column as (

    select * from {{ ref('detector_column') }}

),

outlier as (

    select * from {{ ref('detector_outlier') }}

),

trend as (

    select * from {{ ref('detector_trend') }}

),

pooled as (

    select * from {{ ref('detector_pooled') }}

),

exemption as (

    select * from {{ ref('detector_exemption') }}

),

-- A hit, or a cell that rounding on both sides moved just out of tolerance between two hits (r up to 2.5 u,
-- one line in fifty of three years or more): chance of five values instead of three.
-- A cubic crosses lines and repeats; only what is on no line speaks for it (is_core).
hit as (

    {% for d in ['d2', 'd3', 'd4', 'd5', 'd7_mean', 'd7_share', 'd8'] -%}
        select
            series_no,
            column_no,
            year,
            '{{ d | upper }}' as detector,
            {% if d in ['d2', 'd3'] -%}
                case when h_{{ d }} then p_{{ d }} else least(1, 1.7 * p_{{ d }}) end as p,
                h_{{ d }} as is_core,
            {%- elif d == 'd8' -%}
                p_d8 as p,
                h_d8 as is_core,
            {%- else -%}
                p_{{ d }} as p,
                true as is_core,
            {%- endif %}
        from scan
        where p_{{ d }} < 1
            {% if d in ['d2', 'd3'] -%}
                and (h_{{ d }} or abs(r_{{ d }}) <= 2.5 * u)
            {%- elif d == 'd8' -%}
                and abs(r_d8) <= 8 * u
            {%- else -%}
                and h_{{ d }}
            {%- endif %}
        {{ "union all" if not loop.last }}
    {% endfor %}
),

beside as (

    select
        *,
        lag(year) over series_years = year - 1 and lag(is_core) over series_years as follows_hit,
        lead(year) over series_years = year + 1 and lead(is_core) over series_years as precedes_hit,
    from hit
    window series_years as (partition by series_no, detector order by year)

),

bridged as (

    select * from beside
    where is_core or detector = 'D8' or (follows_hit and precedes_hit)

),

islands as (

    select
        *,
        year - row_number() over (partition by series_no, detector order by year) as island,
    from bridged

),

run as (

    select
        series_no,
        column_no,
        detector,
        min(year) as run_first,
        max(year) as run_last,
        count(*) as run_length,
        max(p) as largest_p,
        round(sum(ln(p)), 9) * (count(*) + 1) / (2 * count(*)) as log_chance,
    from islands
    group by series_no, column_no, detector, island
    -- One fourth difference near zero is met by any three points on a smooth curve; a line is no cubic, but a
    -- cubic may cross one.
    having detector <> 'D8'
        or (count(*) >= 2 and count(*) filter (where is_core) >= greatest(1, count(*) / 2.0))

),

edge as (

    select
        series_no,
        year,
        is_first,
        is_last,
    from scan
    where is_first or is_last

),

-- A line that reaches the end of the series: its end point may be extrapolated, and then one of the
-- points inside is an anchor.
run_with_ends as (

    select
        run.*,
        first_cell.year is not null and run.detector in ('D2', 'D3') as starts_series,
        last_cell.year is not null and run.detector in ('D2', 'D3') as ends_series,
        -- The spline's own condition at an end of a series: the last cubic runs through the second year too.
        run.detector = 'D8' and (second_cell.year is not null or next_to_last.year is not null) as is_at_end,
        exp(run.log_chance) as chance,
        detector_column.filled_share,
        case
            when run.run_length = 1 then detector_column.decidable_chance
            else {{ var('detector_column_budget') }}
        end as decidable_chance,
    from run
    inner join detector_column
        on run.column_no = detector_column.column_no
            and run.detector = detector_column.detector
    left join edge as first_cell
        on run.series_no = first_cell.series_no
            and first_cell.is_first
            and run.run_first - 1 = first_cell.year
    left join edge as last_cell
        on run.series_no = last_cell.series_no
            and last_cell.is_last
            and run.run_last + 1 = last_cell.year
    left join edge as second_cell
        on run.series_no = second_cell.series_no
            and second_cell.is_first
            and run.run_first - 2 = second_cell.year
    left join edge as next_to_last
        on run.series_no = next_to_last.series_no
            and next_to_last.is_last
            and run.run_last + 2 = next_to_last.year

),

-- The cells a run speaks of: its hits; one more on each side for D8, whose residual needs five points;
-- and the end of the series where a line reaches it.
covered as (

    select
        run_with_ends.*,
        cell.year,
        cell.decimals,
        cell.decimals > cell.column_decimals as is_finer,
        run_with_ends.starts_series and cell.year = run_with_ends.run_first - 1
        or run_with_ends.ends_series and cell.year = run_with_ends.run_last + 1 as is_end,
    from run_with_ends
    inner join scan as cell
        on run_with_ends.series_no = cell.series_no
            and cell.year between run_with_ends.run_first - case
                when run_with_ends.starts_series
                    or (run_with_ends.detector = 'D8')
                    then 1
                else 0
            end
            and run_with_ends.run_last + case
                when run_with_ends.ends_series
                    or (run_with_ends.detector = 'D8')
                    then 1
                else 0
            end

),

-- Where fills show more decimals than the column prints, one point of the line without them is the anchor.
-- By chance a fill ends in zeros too; the anchor is then the year that other lines also show unfilled.
anchor_year as (

    select
        column_no,
        detector,
        year,
        count(*) as n_lines,
        count(*) filter (where not is_finer) as n_unfilled,
    from covered
    group by column_no, detector, year

),

anchored as (

    select
        covered.*,
        (covered.starts_series or covered.ends_series)
        and max(case when covered.is_finer then 1 else 0 end) over line = 1 as tells_anchor,
        row_number() over (
            line order by
                cast(covered.is_finer as integer),
                -- Few lines say little: the end of the series is an anchor more often than not.
                (anchor_year.n_unfilled + case when covered.is_end then 3 else 0 end)
                / cast(anchor_year.n_lines + 3 as double) desc,
                case when covered.starts_series then -covered.year else covered.year end
        ) as anchor_rank,
    from covered
    inner join anchor_year
        on covered.column_no = anchor_year.column_no
            and covered.detector = anchor_year.detector
            and covered.year = anchor_year.year
    window line as (partition by covered.series_no, covered.detector, covered.run_first)

),

path as (

    select
        series_no,
        column_no,
        year,
        case
            when is_end then 'D6'
            else detector
        end as detector,
        detector as rule,
        chance,
        run_length,
        run_first,
        run_last,
        1 / (1 + filled_share / (1 - filled_share) / greatest(chance, 1e-12)) as local_fdr,
        -- A run flags all its cells at once, and the cell at its end is met by accident as often as p.
        chance * run_length <= decidable_chance and largest_p <= {{ var('detector_local_fdr') }}
            as is_decidable,
        case
            -- Of the two cells beside a cubic that reaches an end of the series one is its anchor, and the
            -- same figures would be printed whichever it is: neither can be decided.
            when is_at_end then year between run_first and run_last
            when tells_anchor then anchor_rank > 1
            when is_end then run_length >= {{ var('detector_trend_points') }}
            else true
        end as may_flag,
    from anchored

),

-- D1. Finer printing than the column's is a fill unless that province's book prints so. How often it does
-- is read off the cells of the province that lie on no path.
finer as (

    select
        *,
        decimals > column_decimals as is_finer,
        coalesce(h_d2, false) or coalesce(h_d3, false) as is_on_path,
        p_d2 is not null as is_tested,
        decimals - column_decimals >= {{ var('detector_unrounded_decimals') }} as is_unrounded,
    from scan

),

finer_block as (

    select
        column_no,
        province_code,
        (1 + count(*) filter (where is_finer and not is_unrounded and is_tested and not is_on_path))
        / cast(1 + count(*) filter (where is_tested and not is_on_path) as double) as printed_finer_share,
        count(*) filter (where is_finer) / cast(count(*) as double) as finer_share,
    from finer
    group by column_no, province_code

),

-- On a path both must have happened by chance: the finer printing and the hit.
precise_chance as (

    select
        finer.*,
        case
            when finer.is_unrounded then 1e-6
            when finer.is_on_path
                then finer_block.printed_finer_share * least(
                        case when finer.h_d2 then finer.p_d2 else 1 end,
                        case when finer.h_d3 then finer.p_d3 else 1 end
                    )
            else finer_block.printed_finer_share
        end as chance,
        finer_block.printed_finer_share,
        finer_block.finer_share,
    from finer
    inner join finer_block
        on finer.column_no = finer_block.column_no
            and finer.province_code is not distinct from finer_block.province_code
    where finer.is_finer

),

precise as (

    select
        precise_chance.series_no,
        precise_chance.column_no,
        precise_chance.year,
        'D1' as detector,
        'D1' as rule,
        precise_chance.chance,
        1 as run_length,
        precise_chance.year as run_first,
        precise_chance.year as run_last,
        -- Finer by a few decimals and beside a path that can be tested: a finer book, as far as can be said.
        case
            when precise_chance.is_unrounded then 1e-6
            when precise_chance.is_tested and not precise_chance.is_on_path then 1
            when precise_chance.is_on_path
                then least(
                        precise_chance.printed_finer_share / greatest(precise_chance.finer_share, 1e-9),
                        1
                        / (
                            1
                            + detector_column.filled_share
                            / (1 - detector_column.filled_share)
                            / precise_chance.chance
                        )
                    )
            else least(1, precise_chance.printed_finer_share / greatest(precise_chance.finer_share, 1e-9))
        end as local_fdr,
        precise_chance.chance <= {{ var('detector_decidable_chance') }}
        or precise_chance.is_on_path
        and precise_chance.printed_finer_share <= {{ var('detector_local_fdr') }} * precise_chance.finer_share
            as is_decidable,
        true as may_flag,
    from precise_chance
    inner join detector_column
        on precise_chance.column_no = detector_column.column_no
            and detector_column.detector = 'D2'

),

-- D8, weak: four second differences of the log in a row whose mean square is a small share v of the series'
-- own, P(chi2_4 < 4 v) = 1 - e^(-2 v) (1 + 2 v). Calm years exist: it stands beside other evidence and never
-- flags alone.
calm as (

    select
        scan.series_no,
        scan.column_no,
        scan.year,
        'D8' as detector,
        'VARIANCE' as rule,
        1 - exp(-2 * scan.variance_ratio) * (1 + 2 * scan.variance_ratio) as chance,
        4 as run_length,
        scan.year - 2 as run_first,
        scan.year + 1 as run_last,
        1.0 as local_fdr,
        false as is_decidable,
        false as may_flag,
    from scan
    where scan.variance_ratio < {{ var('detector_variance_ratio') }}

),

on_path as (

    select * from path
    where chance <= 0.1
    union all
    select
        series_no,
        column_no,
        year,
        detector,
        rule,
        chance,
        run_length,
        run_first,
        run_last,
        local_fdr,
        is_decidable,
        may_flag,
    from trend
    union all
    select * from calm
    union all
    select * from precise
    union all
    select * from pooled

),

-- A level shift beside a cell that is suspect itself may be that cell's doing: after a fill a series catches
-- up, after a foreign row it returns.
suspect as (

    select
        series_no,
        year,
    from on_path
    where may_flag and is_decidable and local_fdr <= {{ var('detector_local_fdr') }} and detector <> 'D9B'
    union all
    select
        series_no,
        year,
    from outlier
    where detector <> 'D16' and is_decidable and local_fdr <= {{ var('detector_local_fdr') }}

),

beside_suspect as (

    select distinct
        outlier.series_no,
        outlier.year,
    from outlier
    inner join suspect
        on outlier.series_no = suspect.series_no
            and suspect.year between outlier.year - 1 and outlier.year + 1
    where outlier.detector = 'D16'

),

joined as (

    select
        *,
        cast(null as double) as statistic,
        cast(null as double) as reference_value,
        cast(null as varchar) as reference,
    from on_path
    union all
    select
        outlier.series_no,
        outlier.column_no,
        outlier.year,
        outlier.detector,
        outlier.rule,
        outlier.chance,
        outlier.run_length,
        outlier.run_first,
        outlier.run_last,
        outlier.local_fdr,
        outlier.is_decidable,
        outlier.detector <> 'D16' or beside_suspect.year is null as may_flag,
        outlier.statistic,
        outlier.reference_value,
        outlier.reference,
    from outlier
    left join beside_suspect
        on outlier.series_no = beside_suspect.series_no
            and outlier.year = beside_suspect.year

),

described as (

    select
        scan.region_level,
        scan.region_code,
        scan.year,
        scan.indicator_id,
        scan.vintage,
        case when joined.detector like 'D7%' then 'D7' else joined.detector end as detector,
        joined.rule,
        scan.value,
        scan.u,
        scan.kappa,
        case joined.rule
            when 'D1' then scan.decimals - scan.column_decimals
            when 'D2' then scan.r_d2
            when 'D3' then scan.r_d3
            when 'D4' then scan.r_d4
            when 'D5' then scan.r_d5
            when 'D7_MEAN' then scan.r_d7_mean
            when 'D7_SHARE' then scan.r_d7_share
            when 'D8' then scan.r_d8
            when 'VARIANCE' then scan.variance_ratio
            else joined.statistic
        end as statistic,
        joined.reference_value,
        joined.reference,
        joined.chance,
        joined.run_length,
        joined.run_first,
        joined.run_last,
        joined.is_decidable,
        joined.local_fdr,
        case when joined.detector = 'D9' then 1 - joined.local_fdr end as row_posterior,
        joined.may_flag
        and joined.is_decidable
        and joined.local_fdr <= {{ var('detector_local_fdr') }}
        and exemption.rule_id is null as is_flagged,
        exemption.rule_id as exempted_by,
        scan.is_declared,
    from joined
    inner join scan
        on joined.series_no = scan.series_no
            and joined.year = scan.year
    left join exemption
        on scan.indicator_id like exemption.indicator_pattern
            and (exemption.kind is null or scan.kind = exemption.kind)
            and (
                exemption.units_below is null
                or abs(scan.value) < exemption.units_below * power(10, -scan.column_decimals)
            )
            and joined.detector like exemption.detector

)

-- Two rules of one detector (the two means of D7, a line that D2 and D3 both reach) or two exemptions may
-- meet one cell: the stronger evidence stays.
select *
from described
qualify row_number() over (
        partition by region_level, region_code, year, indicator_id, vintage, detector
        order by is_flagged desc, local_fdr, rule, exempted_by
    ) = 1
order by region_level, indicator_id, vintage, region_code, year, detector
