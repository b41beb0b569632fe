-- What the printed numbers of every table must satisfy, as arithmetic that can be read and run: numbers in
-- holds_when are the ends of the rounding intervals, so that no cell is flagged for its rounding.
with printed_result as (

    select
        *,
        0.5 * power(10, -length(regexp_extract(printed, '\.([0-9]+)', 1))) as half, -- half a printed unit
        coalesce(length(stars), 0) as star_count,
    from {{ ref('published_result') }}
    where value is not null

),

noted as (

    select * from {{ ref('published_table') }}

),

cells as (

    select
        *,
        round(value - half, 9) as low,
        round(value + half, 9) as high,
    from printed_result

),

moments as (

    select
        cells.study_id,
        cells.table_no,
        cells.row_label,
        cells.column_label,
        any_value(value) filter (where statistic = 'mean') as mean_value,
        any_value(printed) filter (where statistic = 'mean') as mean_printed,
        any_value(low) filter (where statistic = 'mean') as mean_low,
        any_value(high) filter (where statistic = 'mean') as mean_high,
        any_value(low) filter (where statistic = 'sd') as sd_low,
        any_value(high) filter (where statistic = 'sd') as sd_high,
        any_value(value) filter (where statistic = 'min') as min_value,
        any_value(low) filter (where statistic = 'min') as min_low,
        any_value(high) filter (where statistic = 'min') as min_high,
        any_value(value) filter (where statistic = 'max') as max_value,
        any_value(low) filter (where statistic = 'max') as max_low,
        any_value(high) filter (where statistic = 'max') as max_high,
        coalesce(any_value(value) filter (where statistic = 'n'), any_value(noted.n_rows)) as n,
        coalesce(any_value(low) filter (where statistic = 'min'), any_value(noted.floor)) as least,
        string_agg(result_no, ' ' order by result_no) as cell_list,
        string_agg(result_no, ' ' order by result_no)
        filter (where statistic in ('mean', 'min', 'max')) as range_cells,
        -- A mean outside its extremes is one finding; a deviation cannot be judged beside it.
        coalesce(mean_low <= max_high, true) and coalesce(min_low <= mean_high, true) as has_possible_mean,
    from cells
    left join noted using (study_id, table_no)
    where statistic in ('mean', 'sd', 'min', 'max', 'n')
    group by all

),

-- Two rows of a column whose means lie outside their own extremes and inside each other's.
exchanged as (

    select
        mine.study_id,
        mine.table_no,
        mine.row_label,
        mine.column_label,
        min(other.row_label) as other_row,
    from moments as mine
    inner join moments as other
        on mine.study_id = other.study_id
            and mine.table_no = other.table_no
            and mine.column_label = other.column_label
            and mine.row_label <> other.row_label
            and mine.mean_value between other.min_value and other.max_value
            and other.mean_value between mine.min_value and mine.max_value
    where mine.mean_value not between mine.min_value and mine.max_value
        and other.mean_value not between other.min_value and other.max_value
    group by all

),

moment_statements as (

    select
        study_id,
        table_no,
        row_label,
        column_label,
        'mean_in_range' as rule_id,
        range_cells as cell_list,
        case
            when mean_value is null or coalesce(max_value, min_value) is null then null
            else concat_ws(
                    ' and ',
                    mean_low || ' <= ' || max_high,
                    min_low || ' <= ' || mean_high
                )
        end as holds_when,
        'mean within the extremes' as reading,
        case
            when other_row is not null then 'means of this row and of ' || other_row || ' exchanged'
            when abs(mean_value / max_value - 1) < 0.001 then 'mean copied from the maximum'
            when ('1' || mean_printed)::double between coalesce(min_value, 0) and max_value
                then 'mean 1' || mean_printed || ': a leading digit lost'
            when mean_value > max_value then 'a leading digit lost in the maximum'
        end as suggestion,
    from moments
    left join exchanged using (study_id, table_no, row_label, column_label)
    where mean_value is not null

    union all

    select
        study_id,
        table_no,
        row_label,
        column_label,
        'sd_upper' as rule_id,
        cell_list,
        case
            when has_possible_mean
                and sd_low is not null and max_high is not null and least is not null and n > 1
                then sd_low
                    || ' <= sqrt('
                    || n
                    || ' / ('
                    || n
                    || ' - 1.0) * greatest(0, '
                    || max_high
                    || ' - '
                    || mean_low || ') * greatest(0, ' || mean_high || ' - ' || least || '))'
        end as holds_when,
        'largest SD (divisor n - 1) of n values with this mean between these extremes' as reading,
        'a digit too many in the SD, or a wrong mean' as suggestion,
    from moments
    where mean_value is not null

    union all

    select
        study_id,
        table_no,
        row_label,
        column_label,
        'sd_lower' as rule_id,
        cell_list,
        case
            when has_possible_mean and sd_high is not null and max_low is not null and n > 2
                then sd_high || ' >= sqrt(greatest(power(greatest(0, ' || max_low || ' - ' || mean_high
                    || '), 2) / (' || n || ' - 1)'
                    || coalesce(
                        ', power(greatest(0, '
                        || mean_low
                        || ' - '
                        || min_high
                        || '), 2) / ('
                        || n
                        || ' - 1), (power('
                        || 'greatest(0, ' || max_low || ' - ' || mean_high || '), 2) + power(greatest(0, '
                        || mean_low || ' - ' || min_high || '), 2)) / ' || n,
                        ''
                    )
                    || '))'
        end as holds_when,
        'smallest SD (divisor n) of n values of which one equals each extreme' as reading,
        case
            when ('1' || mean_printed)::double between coalesce(min_value, 0) and max_value
                and (max_value - ('1' || mean_printed)::double) / sqrt(n - 1) <= sd_high
                then 'mean 1' || mean_printed || ': a leading digit lost'
            else 'another maximum or mean'
        end as suggestion,
    from moments
    where mean_value is not null

    union all

    select
        study_id,
        table_no,
        row_label,
        column_label,
        'binary_sd' as rule_id,
        cell_list,
        sd_low
        || ' <= sqrt('
        || n
        || ' / ('
        || n
        || ' - 1.0) * '
        || least(mean_high, greatest(mean_low, 0.5))
        || ' * (1 - '
        || least(mean_high, greatest(mean_low, 0.5))
        || ')) and sqrt(least(' || mean_low || ' * (1 - ' || mean_low || '), ' || mean_high || ' * (1 - '
        || mean_high || '))) <= ' || sd_high as holds_when,
        'SD of a variable that is 0 or 1' as reading,
        'sqrt(m (1 - m))' as suggestion,
    from moments
    where min_value = 0 and max_value = 1
        and regexp_matches(row_label, '(?i)^(did|policy|treat|post)')

),

ratio_statements as (

    select
        moments.study_id,
        moments.table_no,
        moments.row_label,
        column_label,
        'ratio_range' as rule_id,
        cell_list,
        ratio.least || ' <= ' || min_high || ' and ' || max_low || ' <= ' || ratio.greatest as holds_when,
        'possible range of the ratio as the paper defines it' as reading,
        'printed in per cent, or another denominator' as suggestion,
    from moments
    inner join {{ ref('published_ratio') }} as ratio using (study_id, table_no, row_label)

),

paired as (

    select
        coef.study_id,
        coef.table_no,
        coef.column_no,
        coef.column_label,
        coef.row_label,
        coef.result_no,
        coef.result_no || ' ' || other.result_no as cell_list,
        coef.value,
        coef.printed,
        other.statistic,
        other.value as other_value,
        other.printed as other_printed,
        other.star_count as other_stars,
        greatest(coef.star_count, other.star_count) as star_count,
        round(
            case
                when other.statistic = 't' then greatest(0, abs(other.value) - other.half)
                else greatest(0, abs(coef.value) - coef.half) / (other.value + other.half)
            end, 9
        ) as t_low,
        round(
            case
                when other.statistic = 't' then abs(other.value) + other.half
                when other.value > other.half then (abs(coef.value) + coef.half) / (other.value - other.half)
                else 1000000
            end, 9
        ) as t_high,
    from cells as coef
    inner join cells as other
        on
            coef.study_id = other.study_id
            and coef.table_no = other.table_no
            and coef.row_label = other.row_label
            and coef.column_no is not distinct from other.column_no
            and coef.column_label is not distinct from other.column_label
            and other.statistic in ('t', 'se')
    where coef.statistic = 'coef'

),

starred as (

    select *
    from paired
    qualify max(star_count) over (partition by study_id, table_no) > 0

),

star_orders as (

    select unnest(['standard', 'reversed']) as star_order

),

-- Under each order of the stars and each t distribution: what the stars of a cell say about |t|.
conventions as (

    select
        starred.*,
        star_order,
        df,
        case
            when star_count = 0 then t_low || ' < ' || level_10
            when star_count = 2 then t_high || ' >= ' || level_5 || ' and ' || t_low || ' < ' || level_1
            when (star_count = 3) = (star_order = 'standard') then t_high || ' >= ' || level_1
            else t_high || ' >= ' || level_10 || ' and ' || t_low || ' < ' || level_5
        end as holds_when,
        case
            when star_count = 0 then t_low < level_10
            when star_count = 2 then t_high >= level_5 and t_low < level_1
            when (star_count = 3) = (star_order = 'standard') then t_high >= level_1
            else t_high >= level_10 and t_low < level_5
        end as fits,
    from starred
    cross join {{ ref('critical_value') }}
    cross join star_orders

),

column_fits as (

    select
        study_id,
        table_no,
        column_no,
        column_label,
        star_order,
        df,
        count(*) filter (where not fits) as misfits,
    from conventions
    group by all

),

-- A column has one distribution: the one that leaves fewest misfits, the normal one among equals.
column_df as (

    select * from column_fits
    qualify
        row_number() over (
            partition by study_id, table_no, column_no, column_label, star_order order by misfits, df desc
        ) = 1

),

chosen as (

    select conventions.*
    from conventions
    inner join column_df
        on
            conventions.study_id = column_df.study_id
            and conventions.table_no = column_df.table_no
            and conventions.column_no is not distinct from column_df.column_no
            and conventions.column_label is not distinct from column_df.column_label
            and conventions.star_order = column_df.star_order
            and conventions.df = column_df.df

),

table_fits as (

    select
        study_id,
        table_no,
        count(*) filter (where star_order = 'standard') as n,
        count(*) filter (where not fits and star_order = 'standard') as standard_misfits,
        count(*) filter (where not fits and star_order = 'reversed') as reversed_misfits,
        string_agg('(not (' || holds_when || '))::int', ' + ' order by result_no)
        filter (where star_order = 'standard') as standard_sum,
        string_agg('(not (' || holds_when || '))::int', ' + ' order by result_no)
        filter (where star_order = 'reversed') as reversed_sum,
    from chosen
    group by all

),

star_statements as (

    select
        study_id,
        table_no,
        row_label,
        column_label,
        'stars_statistic' as rule_id,
        any_value(cell_list) as cell_list,
        any_value(holds_when) as holds_when,
        any_value(printed) || ' with ' || any_value(statistic) || ' ' || any_value(other_printed)
        || ': |t| against the levels of the stars, ' || any_value(star_order) || ' order, t('
        || any_value(if(df = 1000000, 'normal', df::varchar)) || ')' as reading,
        'stars after |t|, *** for 1 %: ' || repeat(
            '*', (any_value(t_low) >= 1.6449)::int + (any_value(t_low) >= 1.96)::int
            + (any_value(t_low) >= 2.5758)::int
        ) as suggestion,
    from chosen
    inner join table_fits using (study_id, table_no)
    -- The usual order, unless the table as a whole fits the reversed one.
    where star_order
        = if(reversed_misfits < standard_misfits and reversed_misfits <= 0.25 * n, 'reversed', 'standard')
    group by study_id, table_no, column_no, column_label, row_label

    union all

    select
        study_id,
        table_no,
        null as row_label,
        null as column_label,
        'star_note' as rule_id,
        null as cell_list,
        case
            when star_note = 'reversed'
                then reversed_sum || ' < ' || standard_sum || ' and ' || reversed_sum || ' <= 0.25 * ' || n
            else standard_sum || ' <= ' || reversed_sum
        end as holds_when,
        'stars that disagree with |t| if read as the note says, against the other order' as reading,
        '*** 1 %, ** 5 %, * 10 %' as suggestion,
    from table_fits
    inner join noted using (study_id, table_no)
    where star_note is not null

    union all

    select
        study_id,
        table_no,
        row_label,
        column_label,
        't_sign' as rule_id,
        cell_list,
        value || ' * ' || '(' || other_value || ')' || ' >= 0' as holds_when,
        't has the sign of its coefficient' as reading,
        't ' || abs(other_value) || ': parentheses read as a minus sign' as suggestion,
    from paired
    where statistic = 't'

    union all

    select
        study_id,
        table_no,
        row_label,
        column_label,
        'stars_on_coefficient' as rule_id,
        cell_list,
        other_stars || ' = 0' as holds_when,
        'stars printed with '
        || statistic
        || ' '
        || other_printed
        || ', not with the coefficient '
        || printed as reading,
        'move the stars to the coefficient' as suggestion,
    from starred

),

index_series as (

    select
        *,
        round(median(value) over (partition by study_id, table_no, column_label), 9) as middle,
    from cells
    where statistic = 'index'

),

index_statements as (

    select
        study_id,
        table_no,
        row_label,
        column_label,
        'index_jump' as rule_id,
        result_no::varchar as cell_list,
        high || ' >= 0.3 * ' || middle || ' and ' || low || ' <= ' || middle || ' / 0.3' as holds_when,
        'within a factor of the median of its series' as reading,
        case
            when value < 0.3 * middle and 1 + value <= 2 * middle
                then (1 + value)::decimal(9, 3)::varchar || ': a leading 1 lost'
            else 'decimal point moved'
        end as suggestion,
    from index_series

),

copy_statements as (

    select
        first.study_id,
        first.table_no,
        null as row_label,
        any_value(first.column_label) || ' = ' || any_value(second.column_label) as column_label,
        'copied_cells' as rule_id,
        string_agg(first.result_no || ' ' || second.result_no, ' ' order by first.result_no) as cell_list,
        string_agg('(' || first.value || ' = ' || second.value || ')::int', ' + ' order by first.result_no)
        || ' < ' || count(*) as holds_when,
        'two columns do not print the same coefficients throughout' as reading,
        'one regression with two kinds of standard error, or a copied column' as suggestion,
    from cells as first
    inner join cells as second
        on
            first.study_id = second.study_id
            and first.table_no = second.table_no
            and first.row_label = second.row_label
            and first.column_no < second.column_no
            and first.statistic = 'coef'
            and second.statistic = 'coef'
    group by first.study_id, first.table_no, first.column_no, second.column_no
    having count(*) >= 4

),

final as (

    select * from moment_statements
    union all by name
    select * from ratio_statements
    union all by name
    select * from star_statements
    union all by name
    select * from index_statements
    union all by name
    select * from copy_statements

)

select * from final
order by study_id, table_no, rule_id, row_label, column_label
