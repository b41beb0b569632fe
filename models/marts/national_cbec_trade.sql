-- National cross-border e-commerce as customs printed it: first prints and revisions are different series.
with printed as (

    select
        *,
        case
            when caliber like '%preliminary%' or caliber = 'GAC/MOFCOM' then 'first print'
            when caliber like '%revised%' or caliber like '%survey%' then 'revision'
            else 'not known'
        end as revision,
        cast(substr(period, 1, 4) as integer) as year,
        length(period) > 4 as is_part_of_year,
        -- Half of the last printed digit of the growth and of the value.
        power(10, -length(regexp_extract(value_printed, '\.([0-9]+)', 1))) / 2 as half_digit,
    from {{ ref('macro_series') }}
    where series_group = 'CBEC total (customs)'

),

base as (

    select
        printed.*,
        before.value as base_value,
        before.revision as base_revision,
        before.half_digit as base_half_digit,
        100 * (printed.value / before.value - 1) as growth_on_base_pct,
    from printed
    left join printed as before
        on printed.series = before.series
            and printed.year = before.year + 1
            and substr(printed.period, 5) = substr(before.period, 5)

),

-- Growth as printed fits a base when rounding of the two values can make up the difference.
fitted as (

    select
        *,
        growth_pct between
        100 * ((value - half_digit) / (base_value + base_half_digit) - 1) - 0.05
        and 100 * ((value + half_digit) / (base_value - base_half_digit) - 1) + 0.05 as fits,
    from base

),

judged as (

    select
        series_no,
        string_agg(
            concat(base_revision, ' ', base_value, ': ', round(growth_on_base_pct, 1), ' %'), '; '
            order by base_revision
        ) filter (where base_value is not null) as growth_on_each_base,
        count(base_value) as n_bases,
        string_agg(distinct base_revision, ' or ' order by base_revision) filter (where fits) as fitting,
    from fitted
    group by series_no

),

final as (

    select
        printed.series_no,
        printed.series,
        printed.period,
        printed.year,
        printed.is_part_of_year,
        printed.revision,
        printed.value as value_trn_yuan,
        printed.value_printed,
        printed.growth_pct,
        judged.growth_on_each_base,
        case
            when printed.growth_pct is null then null
            when judged.n_bases = 0 then 'no figure of the year before'
            else coalesce(judged.fitting, 'none of the printed figures')
        end as growth_base,
        printed.caliber,
        printed.verified = 'yes' as is_verified,
        printed.verified,
        printed.source,
        printed.note,
    from printed
    inner join judged on printed.series_no = judged.series_no

)

select * from final
order by series, period, revision
