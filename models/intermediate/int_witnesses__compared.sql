-- For each cell of a printed table: what else speaks for it, and what speaks against it.
--
-- published_total: its province's printed sum, or that of all cities, adds up. identity: the figures beside
-- it agree (shares of one city add up to 100; GDP over GDP per head is, to one per cent, the registered or
-- the resident population that the edition prints). second_source: another official publication has the
-- same figure. Against it speaks a sum that fails and that one slip in this cell explains, shares that do
-- not add up, a part that is larger than its whole.
with printed as (

    select * from {{ ref('int_observations__reported') }}
    where edition is not null and value_reported is not null

),

region as (

    select distinct
        region_code,
        province_code,
    from {{ ref('region') }}
    where region_level = 'prefecture'

),

total as (

    select * from {{ ref('int_totals__compared') }}
    where verdict in ('adds up', 'differs')

),

cell as (

    select
        printed.*,
        coalesce(region.province_code, substr(printed.region_code, 1, 6)) as province_code,
    from printed
    left join region on printed.region_code = region.region_code

),

-- A province whose printed sum adds up speaks for each of its cells, and so does the sum of all cities.
summed as (

    select
        cell.region_level,
        cell.region_code,
        cell.year,
        cell.indicator_id,
        cell.scope,
        cell.vintage,
        bool_or(total.verdict = 'adds up') as adds_up,
        bool_or(total.verdict = 'differs' and total.region_level = 'province') as is_off,
        any_value(total.difference) filter (
            where total.verdict = 'differs' and total.region_level = 'province'
        ) as difference,
        any_value(total.rounding) filter (
            where total.verdict = 'differs' and total.region_level = 'province'
        ) as rounding,
        any_value(total.source_locator) filter (
            where total.verdict = 'differs' and total.region_level = 'province'
        ) as total_locator,
    from cell
    inner join total
        on cell.source_file_sha256 = total.source_file_sha256
            and cell.indicator_id = total.indicator_id
            and cell.scope = total.scope
            and (cell.province_code = total.region_code or total.region_level = 'nation')
    group by
        cell.region_level, cell.region_code, cell.year, cell.indicator_id, cell.scope, cell.vintage

),

-- One slip: a power of ten, a lost or added sign, or one digit, that brings the sum right.
candidate as (

    select
        cell.region_level,
        cell.region_code,
        cell.year,
        cell.indicator_id,
        cell.scope,
        cell.vintage,
        cell.source_file_sha256,
        cell.province_code,
        summed.total_locator,
        summed.difference,
        summed.rounding,
        cell.value_printed,
        cast(cell.value_printed as decimal(38, 10)) as shown,
        cast(cell.value_printed as decimal(38, 10)) + summed.difference as meant,
    from cell
    inner join summed
        on cell.region_level = summed.region_level
            and cell.region_code = summed.region_code
            and cell.year = summed.year
            and cell.indicator_id = summed.indicator_id
            and cell.scope = summed.scope
            and cell.vintage = summed.vintage
    where summed.is_off
        and not summed.adds_up
        and regexp_full_match(cell.value_printed, '-?[0-9]+(\.[0-9]+)?')

),

worded as (

    select
        *,
        case
            when length(regexp_extract(value_printed, '\.([0-9]+)', 1)) = 0
                then cast(cast(round(meant) as bigint) as varchar)
            else printf(
                    '%.' || cast(length(regexp_extract(value_printed, '\.([0-9]+)', 1)) as varchar) || 'f',
                    cast(meant as double)
                )
        end as meant_printed,
    from candidate

),

-- Two rows of two provinces that changed places: one sum is too large by what the other is too small.
exchanged as (

    select
        one.*,
        'an exchange with a row of another province' as slip_kind,
    from worded as one
    inner join worded as other
        on one.source_file_sha256 = other.source_file_sha256
            and one.indicator_id = other.indicator_id
            and one.scope = other.scope
            and one.province_code <> other.province_code
    where abs(one.difference + other.difference) <= one.rounding
        and abs(other.shown - one.shown - one.difference) <= one.rounding

),

slip as (

    select
        *,
        case
            when shown <> 0 and abs(meant - 10 * shown) <= rounding then 'a factor of ten'
            when shown <> 0 and abs(meant - shown / 10) <= rounding then 'a factor of ten'
            when shown <> 0 and abs(meant - 100 * shown) <= rounding then 'a factor of a hundred'
            when shown <> 0 and abs(meant - shown / 100) <= rounding then 'a factor of a hundred'
            when shown <> 0 and abs(meant - 1000 * shown) <= rounding then 'a factor of a thousand'
            when shown <> 0 and abs(meant - shown / 1000) <= rounding then 'a factor of a thousand'
            when shown < 0 and abs(meant + shown) <= rounding then 'a sign'
            when length(meant_printed) = length(value_printed)
                and levenshtein(meant_printed, value_printed) = 1 then 'one digit'
        end as slip_kind,
    from worded
    where meant > 0
    union all
    select * from exchanged

),

-- Only when one cell of the sum explains the difference is it that cell.
lone_slip as (

    select
        *,
        count(*) over (partition by total_locator, vintage, indicator_id, scope) as n_explaining,
    from slip
    where slip_kind is not null

),

share as (

    select
        region_level,
        region_code,
        year,
        scope,
        vintage,
        case
            when indicator_id like 'gdp\_%' escape '\' then 'gdp'
            else 'employees'
        end as whole,
        sum(value_reported) as total,
        count(*) as n_parts,
    from printed
    where indicator_id in (
            'gdp_primary_share', 'gdp_secondary_share', 'gdp_tertiary_share',
            'employees_primary_share', 'employees_secondary_share', 'employees_tertiary_share'
        )
    group by all

),

gdp as (

    select
        region_level,
        region_code,
        year,
        scope,
        vintage,
        max(case when indicator_id = 'gdp' then value_reported end) as gdp,
        max(case when indicator_id = 'gdp_per_capita_printed' then value_reported end) as per_head,
        max(case when indicator_id = 'registered_population_year_end' then value_reported end) as registered,
        max(case when indicator_id = 'resident_population_year_end' then value_reported end) as resident,
    from printed
    where indicator_id in (
            'gdp', 'gdp_per_capita_printed', 'registered_population_year_end', 'resident_population_year_end'
        )
    group by all

),

-- Deposits and savings: a part is never larger than its whole.
part as (

    select
        part.region_level,
        part.region_code,
        part.year,
        part.scope,
        part.vintage,
        bool_or(part.value_reported > 1.001 * whole.value_reported) as is_larger,
    from printed as part
    inner join printed as whole
        on part.region_level = whole.region_level
            and part.region_code = whole.region_code
            and part.year = whole.year
            and part.scope = whole.scope
            and part.vintage = whole.vintage
    where part.indicator_id in ('household_deposits_year_end', 'household_savings_deposits_year_end')
        and whole.indicator_id = 'deposits_year_end'
    group by part.region_level, part.region_code, part.year, part.scope, part.vintage

),

shipped as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        scope,
        min(value_reported) as value_reported,
        max(value_reported) as value_other,
    from {{ ref('int_observations__reported') }}
    where edition is null
        and value_reported is not null
        and vintage like 'nbs%'
    group by region_level, region_code, year, indicator_id, scope

),

gathered as (

    select
        cell.region_level,
        cell.region_code,
        cell.year,
        cell.indicator_id,
        cell.scope,
        cell.vintage,
        coalesce(summed.adds_up, false) as has_total,
        coalesce(
            (
                cell.indicator_id like '%\_share' escape '\'
                and share.n_parts = 3
                and abs(share.total - 100) <= 0.05
            )
            or (
                cell.indicator_id in ('gdp', 'gdp_per_capita_printed')
                and (
                    abs(gdp.gdp * 10000 / nullif(gdp.per_head * gdp.registered, 0) - 1) <= 0.01
                    or abs(gdp.gdp * 10000 / nullif(gdp.per_head * gdp.resident, 0) - 1) <= 0.01
                )
            ),
            false
        ) as has_identity,
        coalesce(
            abs(shipped.value_reported - cell.value_reported) <= 0.001 * abs(cell.value_reported)
            or abs(shipped.value_other - cell.value_reported) <= 0.001 * abs(cell.value_reported),
            false
        ) as has_second_source,
        concat_ws(
            ', and ',
            case
                when lone_slip.slip_kind is not null
                    then 'the printed sum at ' || lone_slip.total_locator || ' differs by '
                        || cast(lone_slip.difference as varchar) || ', which ' || lone_slip.slip_kind
                        || ' in this cell explains'
            end,
            case
                when cell.indicator_id like '%\_share' escape '\'
                    and share.n_parts = 3
                    and abs(share.total - 100) > 1
                    then 'the three shares add up to ' || cast(round(share.total, 2) as varchar)
            end,
            case
                when part.is_larger
                    and cell.indicator_id in (
                        'household_deposits_year_end',
                        'household_savings_deposits_year_end',
                        'deposits_year_end'
                    )
                    then 'the deposits of households are larger than all deposits'
            end
        ) as against,
    from cell
    left join summed
        on cell.region_level = summed.region_level
            and cell.region_code = summed.region_code
            and cell.year = summed.year
            and cell.indicator_id = summed.indicator_id
            and cell.scope = summed.scope
            and cell.vintage = summed.vintage
    left join lone_slip
        on lone_slip.n_explaining = 1
            and cell.region_level = lone_slip.region_level
            and cell.region_code = lone_slip.region_code
            and cell.year = lone_slip.year
            and cell.indicator_id = lone_slip.indicator_id
            and cell.scope = lone_slip.scope
            and cell.vintage = lone_slip.vintage
    left join share
        on cell.region_level = share.region_level
            and cell.region_code = share.region_code
            and cell.year = share.year
            and cell.scope = share.scope
            and cell.vintage = share.vintage
            and share.whole = case
                when cell.indicator_id in ('gdp_primary_share', 'gdp_secondary_share', 'gdp_tertiary_share')
                    then 'gdp'
                when cell.indicator_id like 'employees\_%\_share' escape '\' then 'employees'
            end
    left join gdp
        on cell.region_level = gdp.region_level
            and cell.region_code = gdp.region_code
            and cell.year = gdp.year
            and cell.scope = gdp.scope
            and cell.vintage = gdp.vintage
    left join part
        on cell.region_level = part.region_level
            and cell.region_code = part.region_code
            and cell.year = part.year
            and cell.scope = part.scope
            and cell.vintage = part.vintage
    left join shipped
        on cell.region_level = shipped.region_level
            and cell.region_code = shipped.region_code
            and cell.year = shipped.year
            and cell.indicator_id = shipped.indicator_id
            and cell.scope = shipped.scope

),

final as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        scope,
        vintage,
        case
            when has_total then 'published_total'
            when has_identity then 'identity'
            when has_second_source then 'second_source'
            else 'none'
        end as witness,
        nullif(against, '') as against,
    from gathered

)

select * from final
order by all
