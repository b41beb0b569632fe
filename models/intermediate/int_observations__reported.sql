-- One row per cell that a publication prints or is known to leave blank, in the indicator's unit.
with shipped as (

    select * from {{ ref('stg_yearbook__province') }}
    union all
    select * from {{ ref('stg_yearbook__city') }}
    union all
    select * from {{ ref('stg_registry__known_gap') }}

),

printed as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        case region_level when 'province' then 'province' else 'whole_prefecture' end as scope,
        vintage,
        value_printed,
        value_in_printed_unit,
        unit_printed,
        obs_status_all,
        cast(null as varchar) as impute_method,
        cast(null as varchar) as impute_by,
        cast(null as integer[]) as anchor_years,
        suspect_codes,
        source_id,
        obs_comment,
        source_file_sha256,
        cast(null as varchar) as cell_locator,
        cast(null as integer) as edition,
    from shipped
    union all
    select
        region_level,
        region_code,
        year,
        indicator_id,
        scope,
        vintage,
        value_printed,
        value_in_printed_unit,
        unit_printed,
        obs_status_all,
        impute_method,
        impute_by,
        anchor_years,
        suspect_codes,
        source_id,
        obs_comment,
        source_file_sha256,
        source_locator as cell_locator,
        edition,
    from {{ ref('int_observations__landed') }}
    union all
    select
        gap.region_level,
        gap.region_code,
        gap.year,
        gap.indicator_id,
        gap.scope,
        gap.vintage,
        cast(null as varchar) as value_printed,
        cast(null as decimal(38, 10)) as value_in_printed_unit,
        indicator.unit as unit_printed,
        'L' as obs_status_all,
        cast(null as varchar) as impute_method,
        cast(null as varchar) as impute_by,
        cast(null as integer[]) as anchor_years,
        cast(null as varchar) as suspect_codes,
        gap.source_id,
        gap.obs_comment,
        {{ seed_file_sha256('seeds/print/printed_column.csv') }} as source_file_sha256,
        cast(null as varchar) as cell_locator,
        gap.edition,
    from {{ ref('int_gaps__published') }} as gap
    inner join {{ ref('indicator') }} as indicator on gap.indicator_id = indicator.indicator_id

),

indicator as (

    select
        indicator_id,
        unit,
        panel_scope
    from {{ ref('int_indicators__named') }}

),

unit as (

    select
        unit,
        scale
    from {{ ref('unit') }}

),

source as (

    select
        source_id,
        table_code
    from {{ ref('source') }}

),

correction as (

    select * from {{ ref('correction') }}
    where action <> 'joined'

),

-- A correction holds only while the source prints what it says (assert_corrections_match_the_print).
corrected as (

    select
        printed.* exclude (value_in_printed_unit, obs_status_all, suspect_codes, obs_comment),
        case
            when correction.action = 'replace' then cast(correction.value_corrected as decimal(38, 10))
            when correction.action is null then printed.value_in_printed_unit
        end as value_in_printed_unit,
        case when correction.action = 'blank' then 'O' else printed.obs_status_all end as obs_status_all,
        case
            when correction.action is null then printed.suspect_codes
            else concat_ws(';', printed.suspect_codes, 'corrected')
        end as suspect_codes,
        case
            when correction.action is null then printed.obs_comment
            else concat_ws(
                    '; ',
                    printed.obs_comment,
                    'printed ' || correction.value_printed || ': ' || correction.reason
                )
        end as obs_comment,
    from printed
    left join correction
        on printed.region_level = correction.region_level
            and printed.region_code = correction.region_code
            and printed.year = correction.year
            and printed.indicator_id = correction.indicator_id
            and printed.vintage = correction.vintage
            and printed.value_printed = correction.value_printed

),

scaled as (

    select
        corrected.*,
        indicator.unit,
        -- What panels read: the whole region, or the districts where a publication prints nothing else.
        corrected.scope = coalesce(
            indicator.panel_scope,
            case corrected.region_level
                when 'province' then 'province'
                when 'county' then 'county_level_city'
                else 'whole_prefecture'
            end
        ) as is_panel_scope,
        printed_unit.scale - kept_unit.scale as scale_shift,
        coalesce(source.table_code, corrected.source_id) as table_locator,
    from corrected
    inner join indicator on corrected.indicator_id = indicator.indicator_id
    inner join unit as printed_unit on corrected.unit_printed = printed_unit.unit
    inner join unit as kept_unit on indicator.unit = kept_unit.unit
    inner join source on corrected.source_id = source.source_id

),

final as (

    select
        region_code,
        region_level,
        year,
        indicator_id,
        scope,
        is_panel_scope,
        vintage,
        edition,
        cast(
            -- Nine decimals: yuan printed for an indicator kept in 100 million yuan shift by ten to the -8.
            value_in_printed_unit * cast(power(10, scale_shift) as decimal(20, 9)) as decimal(38, 10)
        ) as value_reported,
        unit,
        length(regexp_extract(value_printed, '\.([0-9]+)', 1)) - scale_shift as decimals,
        value_printed,
        unit_printed,
        substr(obs_status_all, 1, 1) as obs_status,
        obs_status_all,
        impute_method,
        impute_by,
        anchor_years,
        suspect_codes,
        source_id,
        source_file_sha256,
        -- Of a gap of an edition there is no place.
        case
            when edition is null
                then coalesce(
                        cell_locator, table_locator || '!' || region_code || ':' || cast(year as varchar)
                    )
            else cell_locator
        end as source_locator,
        obs_comment,
    from scaled

)

select * from final
