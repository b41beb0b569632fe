-- Figures that the scan cut in two ('1 8563943') and that the figures beside them in the same edition put
-- together again. A cut figure can be the two parts joined, one of them alone, or both with a digit lost
-- between: these are a factor of two and more apart, so that a formula tells which it is even where its
-- population is not that of the print (GDP per head: within a quarter; else within one per cent). The
-- reader has closed those that the printed sum of their province speaks for; what nothing speaks for
-- stays refused.
with shipped as (

    select * from {{ ref('stg_yearbook__print') }}

),

refusal as (

    select
        edition,
        source_file,
        source_file_sha256,
        source_locator,
        region_level,
        region_code,
        indicator_id,
        scope,
        value_printed,
        true as is_shipped,
    from shipped
    where record = 'refused'
    union all
    select
        imported.edition,
        imported.source_file,
        imported.source_file_sha256,
        imported.source_locator,
        imported.region_level,
        imported.region_code,
        imported.indicator_id,
        imported.scope,
        imported.value_printed,
        false as is_shipped,
    from {{ ref('stg_landing__refusal') }} as imported
    left join shipped
        on imported.source_file_sha256 = shipped.source_file_sha256
            and imported.source_locator = shipped.source_locator
    where shipped.source_locator is null

),

cell as (

    select
        region_code,
        indicator_id,
        scope,
        edition,
        vintage,
        series_id,
        publication_id,
        source_id,
        year,
        source_file_sha256,
        value_in_printed_unit,
        unit_printed,
    from shipped
    where record = 'cell'
    union all
    select
        region_code,
        indicator_id,
        scope,
        edition,
        vintage,
        series_id,
        publication_id,
        source_id,
        year,
        source_file_sha256,
        value_in_printed_unit,
        unit_printed,
    from {{ ref('stg_landing__observation') }}
    where edition is not null

),

unit as (

    select
        unit,
        scale
    from {{ ref('unit') }}

),

indicator as (

    select
        indicator.indicator_id,
        unit.scale
    from {{ ref('indicator') }} as indicator
    inner join unit on indicator.unit = unit.unit

),

cut as (

    select
        *,
        cast(replace(value_printed, ' ', '') as decimal(38, 10)) as value_in_printed_unit,
    from refusal
    where region_level = 'prefecture'
        and regexp_full_match(value_printed, '[0-9]+(\.[0-9]+)?( [0-9]+)+(\.[0-9]+)?')
        and length(value_printed) - length(replace(value_printed, '.', '')) <= 1

),

-- The column that the figure stands in says its unit.
printed_column as (

    select
        source_file_sha256,
        indicator_id,
        scope,
        any_value(edition) as edition,
        any_value(vintage) as vintage,
        any_value(series_id) as series_id,
        any_value(publication_id) as publication_id,
        any_value(source_id) as source_id,
        any_value(year) as year,
        any_value(unit_printed) as unit_printed,
    from cell
    group by source_file_sha256, indicator_id, scope
    having count(distinct unit_printed) = 1

),

measured as (

    select
        cell.edition,
        cell.region_code,
        cell.scope,
        cell.indicator_id,
        max(cast(cell.value_in_printed_unit as double) * power(10, unit.scale - indicator.scale)) as value,
    from cell
    inner join unit on cell.unit_printed = unit.unit
    inner join indicator on cell.indicator_id = indicator.indicator_id
    where (cell.edition, cell.region_code, cell.scope) in (select (edition, region_code, scope) from cut)
    group by cell.edition, cell.region_code, cell.scope, cell.indicator_id

),

beside as (

    select
        edition,
        region_code,
        scope,
        max(value) filter (where indicator_id = 'gdp_per_capita_printed') as gdp_per_capita,
        max(value) filter (where indicator_id = 'population_annual_average') as population,
        max(value) filter (where indicator_id = 'staff_wage_bill') as wage_bill,
        max(value) filter (where indicator_id = 'staff_average') as staff,
        sum(value) filter (where indicator_id like '%\_passengers' escape '\') as passengers,
        sum(value) filter (where indicator_id like '%\_freight' escape '\') as freight,
    from measured
    group by edition, region_code, scope

),

-- In the units of the registry: 100 million yuan, yuan, 10 thousand persons, 10 thousand tonnes.
witness as (

    select
        cut.source_file_sha256,
        cut.source_locator,
        case cut.indicator_id
            when 'gdp' then beside.gdp_per_capita * beside.population / 10000
            when 'average_wage' then beside.wage_bill * 10000 / nullif(beside.staff, 0)
            when 'passengers' then beside.passengers
            when 'freight' then beside.freight
        end as value,
        case cut.indicator_id
            when 'gdp' then 'GDP per head times the average population'
            when 'average_wage' then 'the wage bill over staff on post'
            else 'the sum over means of transport'
        end as formula,
        case cut.indicator_id when 'gdp' then 0.25 else 0.01 end as tolerance,
    from cut
    inner join beside
        on cut.edition = beside.edition
            and cut.region_code = beside.region_code
            and cut.scope = beside.scope

),

final as (

    select
        cut.region_level,
        cut.region_code,
        printed_column.year,
        cut.indicator_id,
        cut.scope,
        printed_column.vintage,
        cut.value_printed,
        cut.value_in_printed_unit,
        printed_column.unit_printed,
        'A' as obs_status_all,
        printed_column.source_id,
        'blank closed: ' || witness.formula || ' of the same edition agrees' as obs_comment,
        cut.source_file,
        cut.source_file_sha256,
        cut.source_locator,
        printed_column.publication_id,
        printed_column.edition,
        printed_column.series_id,
        cut.is_shipped,
    from cut
    inner join printed_column
        on cut.source_file_sha256 = printed_column.source_file_sha256
            and cut.indicator_id = printed_column.indicator_id
            and cut.scope = printed_column.scope
    inner join witness
        on cut.source_file_sha256 = witness.source_file_sha256
            and cut.source_locator = witness.source_locator
    inner join indicator on cut.indicator_id = indicator.indicator_id
    inner join unit on printed_column.unit_printed = unit.unit
    where abs(
            cast(cut.value_in_printed_unit as double) * power(10, unit.scale - indicator.scale)
            / witness.value - 1
        ) <= witness.tolerance

)

select * from final
order by all
