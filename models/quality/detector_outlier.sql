-- D13 to D16: cells that are outliers against their own trend, and what explains it.
--
-- A jump is growth less the column's and the series' own, compared with the series' own scale s by the
-- Laplace tail, P(|jump| > z s) = exp(-sqrt(2) z): years of change are more frequent than a normal says.
with scan as (

    select * from {{ ref('detector_scan') }}

),

series as (

    select * from {{ ref('detector_series') }}

),

column_year as (

    select * from {{ ref('detector_column_year') }}

),

region_change as (

    select * from {{ ref('region_change') }}
    -- These change a name or a code and move no boundary.
    where change_type not in ('rename', 'prefecture upgraded to prefecture-level city')

),

measured as (

    select
        scan.series_no,
        scan.column_no,
        scan.region_level,
        scan.region_code,
        scan.province_code,
        scan.year,
        scan.indicator_id,
        scan.vintage,
        scan.value,
        scan.u,
        scan.growth,
        column_year.common_growth,
        series.growth_middle,
        series.growth_scale,
        scan.growth - column_year.common_growth - series.growth_middle as jump,
        scan.growth_next - coalesce(year_after.common_growth, 0) - series.growth_middle
            as jump_after,
        -- A printed unit is a step that a small figure takes by itself.
        column_year.spread_factor
        * sqrt(power(series.growth_scale, 2) + power(scan.u * greatest(1, exp(scan.growth)) / scan.value, 2))
            as jump_scale,
    from scan
    inner join series on scan.series_no = series.series_no
    inner join column_year
        on scan.column_no = column_year.column_no
            and scan.year = column_year.year
    left join column_year as year_after
        on scan.column_no = year_after.column_no
            and scan.year + 1 = year_after.year
    where scan.value > 0

),

-- An outlier is a cell that jumps there and back: the smaller of the two ways, or the only one printed.
cell as (

    select
        *,
        case
            when jump is null or jump_after is null then jump
            when jump * jump_after < 0 then sign(jump) * least(abs(jump), abs(jump_after))
            else 0
        end as distance,
    from measured

),

far as (

    select
        *,
        abs(distance) / jump_scale as z,
    from cell
    where abs(distance) >= 3 * jump_scale

),

-- A last way that takes back the year before is that year's return.
outlier as (

    select far.*
    from far
    left join far as year_before
        on far.series_no = year_before.series_no
            and far.year - 1 = year_before.year
    where far.jump_after is not null
        or year_before.year is null
        or far.distance * year_before.distance > 0

),

-- D13. Steps of the series that are a power of ten, added up from its first year, give the unit of each cell;
-- the unit of most years is the right one.
stepped_series as (

    select distinct series_no
    from cell
    where abs(growth) > 1.3

),

step as (

    select
        cell.series_no,
        cell.column_no,
        cell.year,
        cell.value,
        -- The unit of a whole column may change: of its common growth what is no power of ten is taken off.
        ln(cell.value / lag(cell.value) over series_years)
        - (
            cell.growth_middle
            + cell.common_growth
            - ln(10) * round(cell.common_growth / ln(10))
        ) * (cell.year - lag(cell.year) over series_years) as log_step,
        cell.u / least(cell.value, lag(cell.value) over series_years) as unit_share,
        cell.growth_scale,
    from cell
    inner join stepped_series on cell.series_no = stepped_series.series_no
    window series_years as (partition by cell.series_no order by cell.year)

),

scaled_step as (

    select
        *,
        sqrt(power(growth_scale, 2) + power(unit_share, 2)) as s,
    from step

),

power_step as (

    select
        *,
        round(log_step / ln(10)) as tens,
        lag(log_step) over series_years as step_before,
        lead(log_step) over series_years as step_after,
        -- A factor near ten may be something else, a factor of 10,000 hardly.
        case when abs(log_step) > 2 * ln(10) then 0.4 * ln(10) else least(0.4 * ln(10), 4 * s) end
            as tolerance,
    from scaled_step
    window series_years as (partition by series_no order by year)

),

judged_step as (

    select
        *,
        coalesce(tens <> 0 and abs(log_step - tens * ln(10)) <= tolerance, false) as is_power,
        abs(log_step - tens * ln(10)) as misfit,
        abs(tens) >= 2 as is_far,
        coalesce(
            greatest(-step_before * sign(log_step), -step_after * sign(log_step)) >= abs(log_step) / 2, false
        ) as is_returned,
        coalesce(
            abs(log_step) > least(1.3, 6 * s)
            and (tens = 0 or abs(log_step - tens * ln(10)) > tolerance),
            false
        ) as is_unexplained,
    from power_step

),

unit_of_cell as (

    select
        *,
        sum(case when is_power then tens else 0 end) over series_years as exponent,
        count(*) filter (where is_power) over series_years as segment,
        count(*) filter (where is_power) over series_all as last_segment,
        count(*) filter (where is_unexplained) over series_all as n_unexplained,
        max(case when is_power then exp(-sqrt(2) * (abs(tens) * ln(10) - tolerance) / s) end) over series_all
            as chance,
    from judged_step
    window
        series_years as (partition by series_no order by year),
        series_all as (partition by series_no)

),

unit_of_series as (

    select
        series_no,
        exponent as usual_exponent,
    from unit_of_cell
    group by series_no, exponent
    qualify row_number() over (partition by series_no order by count(*) desc, max(year) desc) = 1

),

-- A large step that is no power of ten, inside a segment or beside an open one, is something else.
unit_of_segment as (

    select
        unit_of_cell.series_no,
        unit_of_cell.segment,
        any_value(unit_of_cell.exponent) - any_value(unit_of_series.usual_exponent) as slip,
    from unit_of_cell
    inner join unit_of_series on unit_of_cell.series_no = unit_of_series.series_no
    group by unit_of_cell.series_no, unit_of_cell.segment
    having any_value(unit_of_cell.exponent) <> any_value(unit_of_series.usual_exponent)
        and not bool_or(unit_of_cell.is_unexplained)
        and (
            (unit_of_cell.segment > 0 and unit_of_cell.segment < any_value(unit_of_cell.last_segment))
            or any_value(unit_of_cell.n_unexplained) = 0
        )

),

-- D15. An outlier against its own trend that is the province's total, or the sum of its cities.
province_total as (

    select
        region_code as province_code,
        indicator_id,
        year,
        min_by(value, vintage) as total,
    from scan
    where region_level = 'province'
    group by region_code, indicator_id, year

),

outlier_city as (

    select
        outlier.*,
        province_total.total,
    from outlier
    left join province_total
        on outlier.province_code = province_total.province_code
            and outlier.indicator_id = province_total.indicator_id
            and outlier.year = province_total.year
    where outlier.region_level = 'prefecture'
        and outlier.region_code <> outlier.province_code
        and outlier.distance > 0

),

needed as (

    select distinct
        column_no,
        province_code,
        year,
    from outlier_city

),

sum_of_cities as (

    select
        scan.column_no,
        scan.province_code,
        scan.year,
        round(sum(scan.value), 9) as total,
        count(*) as n_cities,
    from scan
    inner join needed
        on scan.column_no = needed.column_no
            and scan.province_code = needed.province_code
            and scan.year = needed.year
    group by scan.column_no, scan.province_code, scan.year

),

total_compared as (

    select
        outlier_city.*,
        'PROVINCE_TOTAL' as rule,
        outlier_city.total as reference_value,
    from outlier_city
    where outlier_city.total > 0
    union all
    select
        outlier_city.*,
        'SUM_OF_CITIES' as rule,
        -- The cell's own figure in the sum is what its trend says.
        sum_of_cities.total - outlier_city.value + outlier_city.value * exp(-outlier_city.distance)
            as reference_value,
    from outlier_city
    inner join sum_of_cities
        on outlier_city.column_no = sum_of_cities.column_no
            and outlier_city.province_code = sum_of_cities.province_code
            and outlier_city.year = sum_of_cities.year
    where sum_of_cities.n_cities >= 3

),

foreign_total as (

    select
        series_no,
        column_no,
        year,
        'D15' as detector,
        rule,
        distance as statistic,
        -- An outlier by chance, and then within that share of the total, one of two totals, either side.
        exp(-sqrt(2) * z) * 4 * greatest(abs(ln(value / reference_value)), u / value) as chance,
        cast(null as double) as calibrated_chance,
        cast(null as double) as prior,
        1 as run_length,
        year as run_first,
        year as run_last,
        reference_value,
        cast(null as varchar) as reference,
    from total_compared
    where reference_value > 0
        and abs(ln(value / reference_value)) <= {{ var('detector_total_share') }}

),

-- D14. A row of outliers in several columns, and on the trend of the row printed next to it: the
-- likelihood of each value under the neighbour's trend against its own, summed over the columns.
outlier_row as (

    select
        region_level,
        region_code,
        year,
        vintage,
    from outlier
    group by region_level, region_code, year, vintage
    having count(*) >= {{ var('detector_row_least_hits') }}

),

page_row as (

    select distinct
        region_level,
        vintage,
        region_code,
    from series

),

page as (

    select
        *,
        lag(region_code) over page_rows as row_above,
        lead(region_code) over page_rows as row_below,
    from page_row
    window page_rows as (partition by region_level, vintage order by region_code)

),

adjacent_row as (

    select
        outlier_row.*,
        page.row_above as region_beside,
    from outlier_row
    inner join page
        on outlier_row.region_level = page.region_level
            and outlier_row.vintage = page.vintage
            and outlier_row.region_code = page.region_code
    where page.row_above is not null
    union all
    select
        outlier_row.*,
        page.row_below as region_beside,
    from outlier_row
    inner join page
        on outlier_row.region_level = page.region_level
            and outlier_row.vintage = page.vintage
            and outlier_row.region_code = page.region_code
    where page.row_below is not null

),

series_beside as (

    select
        adjacent_row.region_level,
        adjacent_row.region_code,
        adjacent_row.year,
        adjacent_row.vintage,
        adjacent_row.region_beside,
        own.series_no,
        beside.series_no as series_no_beside,
    from adjacent_row
    inner join series as own
        on adjacent_row.region_level = own.region_level
            and adjacent_row.region_code = own.region_code
            and adjacent_row.vintage = own.vintage
    inner join series as beside
        on own.column_no = beside.column_no
            and adjacent_row.region_beside = beside.region_code

),

-- Density of ln x: Cauchy around a trend; half of the weight of the neighbour lies on its printed figure.
cell_beside as (

    select
        series_beside.*,
        own.column_no,
        own.value,
        beside.value as value_beside,
        own.distance,
        abs(own.value - beside.value) <= 0.5 * own.u as is_equal,
        -ln(pi() * own.jump_scale) - ln(1 + power(own.distance / own.jump_scale, 2)) as log_own,
        -ln(pi() * beside.jump_scale)
        - ln(1 + power((ln(own.value / beside.value) + beside.distance) / beside.jump_scale, 2))
            as log_beside,
        ln(own.value / own.u) as log_equal,
    from series_beside
    inner join cell as own
        on series_beside.series_no = own.series_no
            and series_beside.year = own.year
    inner join cell as beside
        on series_beside.series_no_beside = beside.series_no
            and series_beside.year = beside.year
    where own.distance is not null and beside.distance is not null

),

cell_likelihood as (

    select
        *,
        -- No single column decides for all.
        greatest(
            ln({{ var('detector_row_least_chance') }}),
            least(
                -ln({{ var('detector_row_least_chance') }}),
                greatest(case when is_equal then log_equal else log_beside end, log_beside) - ln(2) - log_own
            )
        ) as log_ratio,
    from cell_beside

),

row_likelihood as (

    select
        region_level,
        region_code,
        year,
        vintage,
        region_beside,
        count(*) filter (where log_ratio > 0) as n_columns,
        count(*) filter (where is_equal) as n_equal,
        -- Two neighbours were tried.
        1 / (1 + exp(
            ln(2) - round(sum(log_ratio), 9)
            - ln({{ var('detector_row_prior') }} / (1 - {{ var('detector_row_prior') }}))
        )) as posterior,
    from cell_likelihood
    group by region_level, region_code, year, vintage, region_beside
    qualify row_number() over (
            partition by region_level, region_code, year, vintage
            order by round(sum(log_ratio), 9) desc, region_beside
        ) = 1

),

shifted_row as (

    select
        cell_likelihood.series_no,
        cell_likelihood.column_no,
        cell_likelihood.year,
        'D14' as detector,
        'SHIFTED_ROW' as rule,
        cell_likelihood.distance as statistic,
        1 - row_likelihood.posterior as chance,
        cast(null as double) as calibrated_chance,
        cast(null as double) as prior,
        cast(row_likelihood.n_columns as integer) as run_length,
        cell_likelihood.year as run_first,
        cell_likelihood.year as run_last,
        cell_likelihood.value_beside as reference_value,
        row_likelihood.region_beside
        || ' (' || cast(row_likelihood.n_equal as varchar) || ' figures equal)' as reference,
    from row_likelihood
    inner join cell_likelihood
        on row_likelihood.region_level = cell_likelihood.region_level
            and row_likelihood.region_code = cell_likelihood.region_code
            and row_likelihood.year = cell_likelihood.year
            and row_likelihood.vintage = cell_likelihood.vintage
            and row_likelihood.region_beside = cell_likelihood.region_beside
    where row_likelihood.posterior > {{ var('detector_row_posterior') }}
        and row_likelihood.n_columns >= {{ var('detector_row_least_hits') }}
        and (cell_likelihood.is_equal or cell_likelihood.log_ratio > 0)

),

-- D13 again. Figures jump by other factors too, and some of these are near a power of ten. How often a column
-- takes a large step that is none, per step and per tenfold, by whether the step is taken back (a hard year) or
-- stays (a new level), tells how many powers of ten are no slips; the rest of them are the column's slips.
column_step as (

    select
        column_no,
        count(growth) as n_steps,
        sum(1 - 2 * least(0.4, 4 * jump_scale / ln(10))) filter (where growth is not null) as n_open,
    from cell
    group by column_no

),

-- Steps into and out of a foreign total or row have their reason.
explained_step as (

    select
        series_no,
        year,
    from foreign_total
    where chance <= {{ var('detector_jump_chance') }}
    union
    select
        series_no,
        year + 1 as year,
    from foreign_total
    where chance <= {{ var('detector_jump_chance') }}
    union
    select
        series_no,
        year,
    from shifted_row
    union
    select
        series_no,
        year + 1 as year,
    from shifted_row

),

-- One other step of a column is an accident, and no rate.
counted_step as (

    select
        judged_step.column_no,
        judged_step.is_far,
        judged_step.is_returned,
        greatest(
            0,
            count(*) filter (
                where abs(judged_step.log_step) > 1.3
                and not judged_step.is_power
                and explained_step.series_no is null
            )
            / case when judged_step.is_returned then 2.0 else 1.0 end - 1
        ) as n_other,
        count(*) filter (where judged_step.is_power)
        / case when judged_step.is_returned then 2.0 else 1.0 end as n_power,
    from judged_step
    left join explained_step
        on judged_step.series_no = explained_step.series_no
            and judged_step.year = explained_step.year
    where judged_step.log_step is not null
    group by judged_step.column_no, judged_step.is_far, judged_step.is_returned

),

other_step as (

    select
        counted_step.column_no,
        counted_step.is_far,
        counted_step.is_returned,
        counted_step.n_other / column_step.n_open as rate,
        greatest(
            0,
            counted_step.n_power
            - counted_step.n_other * (column_step.n_steps / column_step.n_open - 1)
        ) / column_step.n_steps as slip_share,
    from counted_step
    inner join column_step on counted_step.column_no = column_step.column_no

),

-- The steps into and out of a segment; at an end of the series there is one of them.
segment_step as (

    select
        series_no,
        segment,
        misfit,
        s,
    from unit_of_cell
    where is_power
    union all
    select
        series_no,
        segment - 1 as segment,
        misfit,
        s,
    from unit_of_cell
    where is_power

),

segment_fit as (

    select
        series_no,
        segment,
        -- As near to the power of ten as the series' own growth lets anyone see.
        2 * max(greatest(misfit, s)) / ln(10) as width,
        count(*) = 2 as is_returned,
    from segment_step
    group by series_no, segment

),

slipped as (

    select
        unit_of_cell.*,
        unit_of_segment.slip,
        coalesce(other_step.rate, 0) * least(1, segment_fit.width) as other_chance,
        coalesce(other_step.slip_share, 0) as slip_share,
        count(*) over (partition by unit_of_cell.column_no, unit_of_cell.year, unit_of_segment.slip)
            as n_alike,
    from unit_of_cell
    inner join unit_of_segment
        on unit_of_cell.series_no = unit_of_segment.series_no
            and unit_of_cell.segment = unit_of_segment.segment
    inner join segment_fit
        on unit_of_cell.series_no = segment_fit.series_no
            and unit_of_cell.segment = segment_fit.segment
    left join other_step
        on unit_of_cell.column_no = other_step.column_no
            and (abs(unit_of_segment.slip) >= 2) = other_step.is_far
            and segment_fit.is_returned = other_step.is_returned

),

unit_slip as (

    select
        slipped.series_no,
        slipped.column_no,
        slipped.year,
        'D13' as detector,
        'UNIT_SLIP' as rule,
        slipped.slip as statistic,
        slipped.chance,
        greatest(slipped.chance, slipped.other_chance) as calibrated_chance,
        greatest({{ var('detector_least_prior') }}, slipped.slip_share) as prior,
        cast(slipped.n_alike as integer) as run_length,
        slipped.year as run_first,
        slipped.year as run_last,
        slipped.value / power(10, slipped.slip) as reference_value,
        cast(null as varchar) as reference,
    from slipped

),

-- D16. A jump that stays: what follows does not take it back, and it takes back nothing that came before.
jump as (

    select * from cell
    where abs(jump) >= 4 * jump_scale

),

jump_beside as (

    select
        jump.series_no,
        jump.year,
        sum(case when cell.year = jump.year + 1 then cell.jump end) as next_1,
        sum(case when cell.year = jump.year + 2 then cell.jump end) as next_2,
        sum(case when cell.year = jump.year - 1 then cell.jump end) as before_1,
        coalesce(sum(case when cell.year = jump.year - 2 then cell.jump end), 0) as before_2,
        -- After a value carried forward the series catches up.
        bool_or(cell.year = jump.year - 1 and cell.growth = 0) as catches_up,
    from jump
    inner join cell
        on jump.series_no = cell.series_no
            and cell.year between jump.year - 2 and jump.year + 2
    group by jump.series_no, jump.year

),

lasting_jump as (

    select jump.*
    from jump
    inner join jump_beside
        on jump.series_no = jump_beside.series_no
            and jump.year = jump_beside.year
    -- Each partial sum keeps at least half of the jump.
    where least(
            (jump.jump + next_1) / jump.jump,
            (jump.jump + next_1 + next_2) / jump.jump,
            (jump.jump + before_1) / jump.jump,
            (jump.jump + before_1 + before_2) / jump.jump
        ) >= 0.5
        and next_1 + next_2 + before_1 is not null
        and not catches_up

),

-- A boundary moves two or three cities; a year in which many jump is a revision of the column.
jump_of_column as (

    select
        column_no,
        year,
        count(*) as n_jumps,
    from lasting_jump
    group by column_no, year

),

-- Jumps of three to five scales, against what the Laplace tail says of them.
jump_calibration as (

    select
        column_no,
        greatest(
            1,
            (2 + count(*) filter (where abs(jump) between 3 * jump_scale and 5 * jump_scale))
            / (2 + 0.0135 * count(jump))
        ) as factor,
    from cell
    group by column_no

),

-- A recorded change explains jumps from the year before to the year after: books differ in when they follow.
division_change as (

    select
        jump.series_no,
        jump.year,
        min(
            region_change.change_type || ', ' || cast(region_change.mca_year as varchar)
            || coalesce(', ' || region_change.document_no, '')
        ) as description,
    from jump
    inner join region_change
        on region_change.affected_prefectures like '%' || jump.region_code || '%'
            and jump.year between region_change.mca_year - 1 and region_change.mca_year + 1
    where jump.region_level = 'prefecture'
    group by jump.series_no, jump.year

),

level_shift as (

    select
        jump.series_no,
        jump.column_no,
        jump.year,
        'D16' as detector,
        'LEVEL_SHIFT' as rule,
        jump.jump as statistic,
        greatest(
            least(1, jump_calibration.factor * exp(-sqrt(2) * abs(jump.jump) / jump.jump_scale)),
            case
                when jump_of_column.n_jumps > {{ var('detector_jump_share') }} * column_year.n_growth + 2
                    then jump_of_column.n_jumps / cast(column_year.n_growth as double)
                else 0
            end
        ) as chance,
        cast(null as double) as calibrated_chance,
        cast(null as double) as prior,
        1 as run_length,
        jump.year as run_first,
        jump.year as run_last,
        jump.value * exp(-jump.jump) as reference_value,
        division_change.description as reference,
    from lasting_jump as jump
    inner join jump_calibration on jump.column_no = jump_calibration.column_no
    inner join jump_of_column
        on jump.column_no = jump_of_column.column_no
            and jump.year = jump_of_column.year
    inner join column_year
        on jump.column_no = column_year.column_no
            and jump.year = column_year.year
    left join division_change
        on jump.series_no = division_change.series_no
            and jump.year = division_change.year

),

joined as (

    select * from unit_slip
    union all
    select * from foreign_total
    union all
    select * from shifted_row
    union all
    select * from level_shift

)

select
    * exclude (chance, calibrated_chance, prior),
    coalesce(calibrated_chance, chance) as chance,
    case
        when detector = 'D14' then chance
        else
            coalesce(calibrated_chance, chance) / (
                coalesce(calibrated_chance, chance)
                + coalesce(prior, {{ var('detector_least_prior') }})
                / (1 - coalesce(prior, {{ var('detector_least_prior') }}))
            )
    end as local_fdr,
    detector = 'D14' or chance <= {{ var('detector_jump_chance') }} as is_decidable,
from joined
where chance <= 0.1
order by series_no, year, detector, rule
