-- What a reader of the data must know, one row a finding. A finding never changes a value.
with observation as (

    select
        * exclude (decimals),
        -- A file of floats prints whole numbers as 143.0: a year of them has no decimals.
        case
            when avg(case when value_reported = round(value_reported, 0) then 1.0 else 0.0 end) over (
                    partition by region_level, indicator_id, vintage, year
                ) > 0.9
                and value_reported = round(value_reported, 0)
                then 0
            else decimals
        end as decimals,
    from {{ ref('observation') }}
    where is_panel_scope

),

declared_odd as (

    select
        'warn' as severity,
        'declared_odd' as detector,
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        value,
        obs_comment as evidence,
    from observation
    where suspect_codes like '%declared_odd%'

),

series_break as (

    select
        'info' as severity,
        'series_break' as detector,
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        value,
        obs_comment as evidence,
    from observation
    where obs_status_all like '%B%'

),

known_gap as (

    select
        'info' as severity,
        'known_gap' as detector,
        observation.region_level,
        observation.region_code,
        observation.year,
        observation.indicator_id,
        observation.vintage,
        observation.value,
        'status ' || observation.obs_status || ': ' || gap.reason as evidence,
    from observation
    inner join {{ ref('known_gap') }} as gap
        on observation.region_level = gap.region_level
            and observation.region_code = gap.region_code
            and observation.year = gap.year
            and observation.indicator_id = gap.indicator_id
            and observation.vintage = gap.vintage
    where observation.value is null

),

publication as (

    select * from {{ ref('publication') }}

),

-- What the edition of the year prints.
printed as (

    select
        observation.region_level,
        observation.region_code,
        observation.year,
        observation.indicator_id,
        min_by(observation.value_reported, observation.vintage) as value_in_print,
        min_by(observation.decimals, observation.vintage) as decimals,
    from observation
    inner join publication on observation.vintage = publication.vintage
    where publication.is_one_series
        and publication.kind = 'yearbook'
        and observation.value_reported is not null
    group by observation.region_level, observation.region_code, observation.year, observation.indicator_id

),

-- Two vintages of one cell that differ by more than a tenth: splicing them would make a jump.
vintage_pair as (

    select
        older.region_level,
        older.region_code,
        older.year,
        older.indicator_id,
        older.vintage as older_vintage,
        older.value as older_value,
        newer.vintage as newer_vintage,
        newer.value as newer_value,
        older.vintage || ' prints ' || older.value_printed || ', ' || newer.vintage || ' prints '
        || newer.value_printed || ' ' || newer.unit_printed as evidence,
        coalesce(
            abs(older.value_reported - printed.value_in_print)
            <= power(10, -least(older.decimals, printed.decimals)),
            false
        ) as is_older_in_print,
        coalesce(
            abs(newer.value_reported - printed.value_in_print)
            <= power(10, -least(newer.decimals, printed.decimals)),
            false
        ) as is_newer_in_print,
    from observation as older
    inner join observation as newer
        on older.region_level = newer.region_level
            and older.region_code = newer.region_code
            and older.year = newer.year
            and older.indicator_id = newer.indicator_id
    inner join {{ ref('int_series__gridded') }} as grid
        on newer.region_level = grid.region_level
            and newer.region_code = grid.region_code
            and newer.year = grid.year
            and newer.indicator_id = grid.indicator_id
            and newer.vintage = grid.vintage
    left join printed
        on older.region_level = printed.region_level
            and older.region_code = printed.region_code
            and older.year = printed.year
            and older.indicator_id = printed.indicator_id
    where grid.is_panel_vintage
        and older.vintage <> newer.vintage
        -- What somebody printed: a filled value beside a print is no second vintage.
        and abs(older.value_reported / newer.value_reported - 1) > {{ var('vintage_gap_share') }}

),

-- The finding goes on the vintage that is not the panel's, unless the edition prints that one.
vintage_gap as (

    select
        'warn' as severity,
        'vintage_gap' as detector,
        region_level,
        region_code,
        year,
        indicator_id,
        case when is_older_in_print then newer_vintage else older_vintage end as vintage,
        case when is_older_in_print then newer_value else older_value end as value,
        min(evidence) as evidence,
    from vintage_pair
    -- A tenth of a figure of few digits may be its rounding.
    where not (is_older_in_print and is_newer_in_print)
    group by
        region_level,
        region_code,
        year,
        indicator_id,
        case when is_older_in_print then newer_vintage else older_vintage end,
        case when is_older_in_print then newer_value else older_value end

),

-- Editions that ship whole: of an imported one nobody knows whether all its tables are here.
shipped_edition as (

    select distinct
        publication_id,
        edition,
    from {{ ref('int_observations__landed') }}
    where is_shipped

),

-- A figure that a compiler of the yearbook gives for a year in which no city has one there.
claimed as (

    select
        observation.*,
        covered.publication_id,
        covered.edition as silent_edition,
        publication.publication_id as claimant,
    from observation
    inner join publication on observation.source_id = publication.source_id
    inner join {{ ref('int_publications__covered') }} as covered
        on observation.indicator_id = covered.indicator_id
            and observation.scope = covered.scope
            and observation.year = covered.year
    inner join shipped_edition
        on covered.publication_id = shipped_edition.publication_id
            and covered.edition = shipped_edition.edition
    where publication.kind = 'vendor'
        and not covered.is_published
        and observation.region_level = 'prefecture'
        and observation.value_reported is not null

),

-- The edition may print the column under a narrower name (investment without rural households).
compared_name as (

    select
        claimed.region_code,
        claimed.year,
        claimed.indicator_id,
        claimed.vintage,
        other.indicator_id as other_indicator_id,
        abs(claimed.value_reported - other.value_reported)
        <= power(10, -least(claimed.decimals, other.decimals)) as is_equal,
    from claimed
    inner join observation as other
        on claimed.region_level = other.region_level
            and claimed.region_code = other.region_code
            and claimed.year = other.year
            and claimed.scope = other.scope
            and claimed.unit = other.unit
    inner join publication on other.vintage = publication.vintage
    where publication.is_one_series
        and other.indicator_id <> claimed.indicator_id
        and other.value_reported is not null

),

-- Two figures of one city may be equal by accident, those of a whole column are one column.
same_column as (

    select
        year,
        indicator_id,
        vintage,
        other_indicator_id,
    from compared_name
    group by year, indicator_id, vintage, other_indicator_id
    having count(*) filter (where is_equal) >= {{ var('detector_release_agreement') }} * count(*)

),

named_otherwise as (

    select distinct
        compared_name.region_code,
        compared_name.year,
        compared_name.indicator_id,
        compared_name.vintage,
    from compared_name
    inner join same_column
        on compared_name.year = same_column.year
            and compared_name.indicator_id = same_column.indicator_id
            and compared_name.vintage = same_column.vintage
            and compared_name.other_indicator_id = same_column.other_indicator_id
    where compared_name.is_equal

),

unpublished as (

    select
        -- A file that names no source may have its figure from another book.
        case claimed.claimant when 'undocumented' then 'warn' else 'error' end as severity,
        'unpublished' as detector,
        claimed.region_level,
        claimed.region_code,
        claimed.year,
        claimed.indicator_id,
        claimed.vintage,
        claimed.value,
        'edition ' || cast(claimed.silent_edition as varchar) || ' of ' || claimed.publication_id
        || ' prints it for no city in this scope: '
        || case
            when {{ is_filled('claimed.obs_status_all') }} then 'filled, as the file says of it'
            else 'it was filled, or comes from elsewhere'
        end as evidence,
    from claimed
    left join named_otherwise
        on claimed.region_code = named_otherwise.region_code
            and claimed.year = named_otherwise.year
            and claimed.indicator_id = named_otherwise.indicator_id
            and claimed.vintage = named_otherwise.vintage
    where named_otherwise.region_code is null

),

-- Two keys: one detector alone asks for a look, two that do not rest on the same pattern agree on an error.
-- D2 to D8 all read the path of one series, D13 and D16 its level; D9 adds the row, D9b the column-year, D14
-- the row beside, D15 the province, D1 the printed precision, D10 another release, D11 other indicators.
-- D10 needs no second.
--
-- A figure that the edition prints was not filled by whoever repeats it; that it may be misprinted, the level
-- (D13 to D16) says of both.
repeating_print as (

    select
        observation.region_level,
        observation.region_code,
        observation.year,
        observation.indicator_id,
        observation.vintage,
    from observation
    inner join printed
        on observation.region_level = printed.region_level
            and observation.region_code = printed.region_code
            and observation.year = printed.year
            and observation.indicator_id = printed.indicator_id
    left join publication
        on observation.vintage = publication.vintage
            and publication.is_one_series
    where publication.vintage is null
        and abs(observation.value_reported - printed.value_in_print)
        <= power(10, -least(observation.decimals, printed.decimals))

),

evidence as (

    select evidence.*
    from {{ ref('detector_evidence') }} as evidence
    left join repeating_print
        on evidence.region_level = repeating_print.region_level
            and evidence.region_code = repeating_print.region_code
            and evidence.year = repeating_print.year
            and evidence.indicator_id = repeating_print.indicator_id
            and evidence.vintage = repeating_print.vintage
    where not evidence.is_declared
        and (
            repeating_print.vintage is null
            or evidence.detector in ('D13', 'D14', 'D15', 'D16')
        )

),

broken_identity as (

    select * from {{ ref('detector_identity') }}
    where is_broken

),

identity_cell as (

    select distinct
        broken_identity.region_level,
        broken_identity.region_code,
        broken_identity.year,
        broken_identity.vintage,
        identity.indicator_id,
    from broken_identity
    inner join {{ ref('identity') }} as identity on broken_identity.identity_id = identity.identity_id

),

evidence_key as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        case
            when detector in ('D1', 'D9', 'D9B', 'D14', 'D15') then detector
            when detector in ('D13', 'D16') then 'level'
            else 'path'
        end as key,
    from evidence
    -- As a second key the year of a whole column counts, though alone it does not flag a cell.
    where is_flagged or detector = 'D9B'
    union all
    select
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        'D11' as key,
    from identity_cell

),

agreement as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        count(distinct key) as n_keys,
    from evidence_key
    group by region_level, region_code, year, indicator_id, vintage

),

path as (

    select
        case
            -- A recorded change of divisions explains the jump.
            when evidence.detector = 'D16' and evidence.reference is not null then 'info'
            when agreement.n_keys > 1 then 'error'
            else 'warn'
        end as severity,
        evidence.detector,
        evidence.region_level,
        evidence.region_code,
        evidence.year,
        evidence.indicator_id,
        evidence.vintage,
        cast(evidence.value as decimal(38, 10)) as value,
        case evidence.rule
            when 'D1' then 'more decimals than the column prints'
            when 'D2' then 'on the straight line through its neighbours'
            when 'D3' then 'on the geometric curve through its neighbours'
            when 'D4' then 'repeats the value before'
            when 'D5' then 'mean of the two or three values before'
            when 'D7_MEAN' then 'mean of the cities of its province'
            when 'D7_SHARE' then 'same share of its province as the year before'
            when 'D8' then 'on one cubic with its neighbours'
            when 'TREND' then 'on the least-squares line of the years before'
            when 'GM11' then 'on the GM(1,1) curve of the years before'
            when 'UNIT_SLIP'
                then 'unit: 10^' || cast(cast(evidence.statistic as integer) as varchar)
                    || ' times what its other years say, which is '
                    || cast(round(evidence.reference_value, 4) as varchar) || '; '
                    || cast(evidence.run_length as varchar) || ' cells of this column and year slip alike'
            when 'SHIFTED_ROW'
                then 'row: ' || cast(evidence.run_length as varchar) || ' columns follow the row beside it, '
                    || evidence.reference || ', which has ' || cast(evidence.reference_value as varchar)
            when 'PROVINCE_TOTAL'
                then 'the province prints ' || cast(evidence.reference_value as varchar) || '; '
                    || printf('%.1f', exp(evidence.statistic)) || ' times what its other years say'
            when 'SUM_OF_CITIES'
                then 'the cities of its province add up to '
                    || cast(round(evidence.reference_value, 4) as varchar) || '; '
                    || printf('%.1f', exp(evidence.statistic)) || ' times what its other years say'
            when 'LEVEL_SHIFT'
                then 'from this year on ' || printf('%.2f', exp(evidence.statistic))
                    || ' times the level before, growth of the series and of the column taken off'
                    || coalesce('; recorded: ' || evidence.reference, '; no change of divisions is recorded')
        end
        || case
            when evidence.detector = 'D6' then ', prolonged to the end of the series'
            when evidence.detector = 'D9' and evidence.rule = 'D4'
                then ', as do ' || cast(evidence.run_length as varchar) || ' columns of this row'
            when evidence.detector = 'D9'
                then ', as are ' || cast(evidence.run_length as varchar) || ' columns of this row'
            else ''
        end
        -- What could not be computed, as a chance without a testable path, is left out, not the whole text.
        || coalesce(
            '; years ' || cast(evidence.run_first as varchar) || '-' || cast(evidence.run_last as varchar), ''
        )
        || case
            when evidence.detector in ('D13', 'D14', 'D15', 'D16') then ''
            else coalesce('; residual ' || cast(round(evidence.statistic, 4) as varchar), '')
        end
        || coalesce(', printed unit ' || cast(evidence.u as varchar), '')
        || coalesce(', by chance ' || printf('%.1e', evidence.chance), '')
        || coalesce(', local FDR ' || printf('%.3f', evidence.local_fdr), '') as evidence,
    from evidence
    inner join agreement
        on evidence.region_level = agreement.region_level
            and evidence.region_code = agreement.region_code
            and evidence.year = agreement.year
            and evidence.indicator_id = agreement.indicator_id
            and evidence.vintage = agreement.vintage
    where evidence.is_flagged

),

-- A whole column of one year: evident even where no single cell can be decided, so it names no region.
column_year as (

    select
        'warn' as severity,
        'D9B' as detector,
        region_level,
        cast(null as varchar) as region_code,
        year,
        indicator_id,
        vintage,
        cast(null as decimal(38, 10)) as value,
        cast(max(run_length) as varchar)
        || ' cells of this year lie on the line through their neighbours, by chance '
        || printf('%.1e', max(chance)) || '; the other years explain ' || printf('%.2f', max(local_fdr))
        || ' of them' as evidence,
    from evidence
    where detector = 'D9B'
    group by region_level, year, indicator_id, vintage

),

release as (

    select
        'error' as severity,
        'D10' as detector,
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        value,
        case
            when other_value is null then 'blank in ' || other_vintage
            else other_vintage || ' has ' || cast(cast(other_value as double) as varchar)
        end
        || ', which agrees on ' || cast(n_equal as varchar) || ' of ' || cast(n_common as varchar)
        || ' other cells of the series' as evidence,
    from {{ ref('detector_release') }}
    where not is_declared

),

identity_gap as (

    select
        'warn' as severity,
        'D11' as detector,
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        cast(value as decimal(38, 10)) as value,
        identity_id
        || ': total '
        || cast(value as varchar)
        || ', from its parts '
        || cast(round(combined, 4) as varchar)
        || ', tolerance ' || cast(round(tolerance, 4) as varchar) as evidence,
    from broken_identity

),

final as (

    select * from declared_odd
    union all
    select * from series_break
    union all
    select * from known_gap
    union all
    select * from vintage_gap
    union all
    select * from unpublished
    union all
    select * from path
    union all
    select * from column_year
    union all
    select * from release
    union all
    select * from identity_gap

)

select
    severity,
    detector,
    region_code,
    year,
    indicator_id,
    value,
    evidence,
    region_level,
    vintage,
from final
order by severity desc, detector, indicator_id, region_code, year, vintage
