-- What a printed table gives as the sum of a province, or of all cities, beside the sum of the cells it
-- prints.
--
-- A column is a sum where most of its totals are: rates, shares and means carry rows of provinces too,
-- which add up to nothing. Rounding: half a unit of the last digit for the total and for each of its cells.
with total as (

    select
        *,
        length(regexp_extract(value_printed, '\.([0-9]+)', 1)) as decimals,
    from {{ ref('int_totals__landed') }}

),

region as (

    select distinct
        region_code,
        province_code,
    from {{ ref('region') }}
    where region_level = 'prefecture'

),

cell as (

    select
        landed.source_file_sha256,
        landed.indicator_id,
        landed.scope,
        landed.unit_printed,
        coalesce(region.province_code, substr(landed.region_code, 1, 6)) as province_code,
        landed.region_code,
        landed.value_in_printed_unit,
        length(regexp_extract(landed.value_printed, '\.([0-9]+)', 1)) as decimals,
    from {{ ref('int_observations__landed') }} as landed
    left join region on landed.region_code = region.region_code
    where landed.edition is not null

),

-- A cell that was refused leaves the sum of its province open, and that of all cities; one whose row or
-- column could not be read leaves every sum of its table open.
refused as (

    select
        refusal.source_file_sha256,
        refusal.indicator_id,
        refusal.scope,
        coalesce(region.province_code, substr(refusal.region_code, 1, 6)) as province_code,
    from {{ ref('int_refusals__landed') }} as refusal
    left join region on refusal.region_code = region.region_code
    where coalesce(refusal.region_level, '') not in ('province', 'nation')

),

summed as (

    select
        source_file_sha256,
        indicator_id,
        scope,
        unit_printed,
        province_code as region_code,
        sum(value_in_printed_unit) as sum_of_cells,
        count(value_in_printed_unit) as n_cells,
        count(*) - count(value_in_printed_unit) as n_missing,
        max(decimals) as decimals,
    from cell
    group by source_file_sha256, indicator_id, scope, unit_printed, province_code
    union all
    select
        source_file_sha256,
        indicator_id,
        scope,
        unit_printed,
        '100000' as region_code,
        sum(value_in_printed_unit) as sum_of_cells,
        count(value_in_printed_unit) as n_cells,
        count(*) - count(value_in_printed_unit) as n_missing,
        max(decimals) as decimals,
    from cell
    group by source_file_sha256, indicator_id, scope, unit_printed

),

-- Only flows and stocks can add up.
additive as (

    select named.indicator_id
    from {{ ref('int_indicators__named') }} as named
    inner join {{ ref('unit') }} as unit on named.unit = unit.unit
    where coalesce(named.kind, 'stock') in ('flow', 'stock')
        and unit.dimension not in ('ratio', 'persons_per_km2', 'ug_per_m3')

),

paired as (

    select
        total.source_file_sha256,
        total.source_file,
        total.source_locator,
        total.edition,
        total.year,
        total.indicator_id,
        total.scope,
        total.region_level,
        total.region_code,
        total.unit_printed,
        total.value_printed,
        total.value_in_printed_unit as printed,
        summed.sum_of_cells,
        total.value_in_printed_unit - summed.sum_of_cells as difference,
        summed.n_cells,
        summed.n_missing,
        (
            select count(*)
            from refused
            where refused.source_file_sha256 = total.source_file_sha256
                and coalesce(refused.indicator_id, total.indicator_id) = total.indicator_id
                and coalesce(refused.scope, total.scope) = total.scope
                and (
                    total.region_level = 'nation'
                    or coalesce(refused.province_code, total.region_code) = total.region_code
                )
        ) as n_refused,
        0.5 * power(10, -total.decimals) + 0.5 * summed.n_cells * power(10, -summed.decimals) as rounding,
    from total
    inner join summed
        on total.source_file_sha256 = summed.source_file_sha256
            and total.indicator_id = summed.indicator_id
            and total.scope = summed.scope
            and total.unit_printed = summed.unit_printed
            and total.region_code = summed.region_code

),

judged as (

    select
        paired.*,
        abs(paired.difference) <= paired.rounding as adds_up,
        additive.indicator_id is not null as is_additive,
        avg(
            case
                when abs(paired.difference) <= greatest(paired.rounding, 0.001 * abs(paired.printed)) then 1.0
                else 0.0
            end
        ) over (partition by paired.source_file_sha256, paired.indicator_id, paired.scope) as share_near,
    from paired
    left join additive on paired.indicator_id = additive.indicator_id

),

final as (

    select
        source_file_sha256,
        source_file,
        source_locator,
        edition,
        year,
        indicator_id,
        scope,
        region_level,
        region_code,
        unit_printed,
        value_printed,
        printed,
        sum_of_cells,
        difference,
        n_cells,
        n_missing,
        n_refused,
        rounding,
        case
            when not is_additive or share_near < 0.5 then 'no sum'
            when adds_up then 'adds up'
            when n_refused > 0 then 'open: cells of the table were left out'
            else 'differs'
        end as verdict,
    from judged

)

select * from final
order by all
