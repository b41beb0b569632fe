"""Every statement that the dashboard sends to the file. What a person chose is a parameter, never text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cbec.common.words import Labels, Lang
from cbec.dashboard.database import Snapshot
from cbec.report.frames import Source

# Newest name of each region; a level keeps a municipality apart from the province of the same code.
_NAMES = """
    select region_level, region_code, arg_max(name_zh, year) as name_zh, arg_max(name_en, year) as name_en
    from intermediate.int_region_years__gridded group by all
"""


def labels(snapshot: Snapshot, lang: Lang) -> Labels:
    """Names and units of all variables."""
    return snapshot.remember(("labels", lang), lambda: Source(snapshot.cursor, "").labels(lang))


def status_names(snapshot: Snapshot, lang: Lang) -> dict[str, str]:
    """Status code -> its name."""
    return snapshot.remember(("status", lang), lambda: Source(snapshot.cursor, "").status_names(lang))


def units(snapshot: Snapshot, lang: Lang) -> dict[str, str]:
    """Unit id -> its name."""
    rows = snapshot.rows("select unit, name_zh, name_en from registry.unit")
    names = rows["name_zh" if lang == "zh" else "name_en"]
    return dict(zip(rows["unit"].astype(str), names.astype(str), strict=True))


def has(snapshot: Snapshot, table: str) -> bool:
    """Whether the file has `schema.table`."""
    return Source(snapshot.cursor, "").has(table)


def publication(snapshot: Snapshot) -> dict[str, Any]:
    """The one row of meta.publication, times in UTC."""
    rows = snapshot.rows("select * replace (built_at at time zone 'UTC' as built_at) from meta.publication")
    return {str(key): value for key, value in rows.iloc[0].items()}


def is_simulated(snapshot: Snapshot) -> bool:
    return bool(publication(snapshot)["is_simulated"])


def tests(snapshot: Snapshot) -> pd.DataFrame:
    """`status, n_tests` of the build's own tests."""
    return snapshot.rows("select status, count(*) as n_tests from meta.test_result group by 1 order by 1")


def sizes(snapshot: Snapshot) -> dict[str, int]:
    """Figures behind the overview: cells by kind, suspect cells of the panels, regions."""
    row = snapshot.rows(
        """
        select count(*) filter (where value is not null) as n_values,
            count(*) filter (where value is null) as n_missing,
            count(*) filter (where obs_status in (
                select obs_status from registry.obs_status where is_filled
            )) as n_filled,
            (select count(*) from quality.suspect_cell) as n_suspect,
            count(distinct indicator_id) as n_indicators, count(distinct region_code) as n_regions,
            coalesce(min(year), 0) as first_year, coalesce(max(year), 0) as last_year
        from marts.observation
        """
    ).iloc[0]
    return {str(key): int(value) for key, value in row.items()}


def status_counts(snapshot: Snapshot) -> pd.DataFrame:
    """`obs_status, n_cells` of all observations, most frequent first."""
    return snapshot.rows(
        "select obs_status, count(*) as n_cells from marts.observation group by 1 order by 2 desc, 1"
    )


def readiness(snapshot: Snapshot) -> pd.DataFrame:
    """One row per study: `study_id, title_zh, title_en, study_status, n_estimated, n_columns` and two lists
    of what it lacks or has too few values of: `missing` (indicators), `missing_zh` (the study's names)."""
    return snapshot.rows(
        """
        select study.study_id, study.title_zh, study.title_en, done.status as study_status, done.n_estimated,
            done.n_columns,
            coalesce(list(ready.indicator_id order by ready.indicator_id)
                filter (where ready.status in ('missing', 'insufficient')), []) as missing,
            coalesce(list(ready.name_zh order by ready.indicator_id)
                filter (where ready.status in ('missing', 'insufficient')), []) as missing_zh
        from studies.study left join estimates.study_status as done using (study_id)
            left join quality.study_readiness as ready using (study_id)
        group by all order by study_status desc, study.study_id
        """
    )


def technologies(snapshot: Snapshot) -> pd.DataFrame:
    """One row per technology: what it misses and what it consists of."""
    return snapshot.rows(
        """
        with ready as (
            select technology,
                coalesce(list(indicator_id order by indicator_id) filter (where status <> 'available'), [])
                    as missing
            from quality.technology_readiness group by 1
        ),
        measured as (select technology, count(*) as n_rows from marts.green_tfp group by 1)
        select technology, coalesce(ready.missing, []) as missing,
            is_default, measure, frontier, returns_to_scale, inputs, good_outputs, bad_outputs,
            coalesce(measured.n_rows, 0) as n_rows
        from registry.technology left join ready using (technology) left join measured using (technology)
        order by is_default desc, technology
        """
    )


def zones(snapshot: Snapshot, year: int) -> pd.DataFrame:
    """Zones in force at the end of a year that cover a prefecture, one row per zone and prefecture."""
    return snapshot.rows(
        f"""
        with place as (
            select region_code, arg_max(longitude, coalesce(valid_to_year, 9999)) as longitude,
                arg_max(latitude, coalesce(valid_to_year, 9999)) as latitude
            from registry.region where region_level = 'prefecture' group by 1
        ),
        name as ({_NAMES})
        select zone.zone_no, zone.batch, zone.name_zh, zone.name_en, zone.approved_on,
            zone.approved_on_verified, zone.coverage, zone.document_no, zone.revoked_on,
            member.prefecture_code, province.name_zh as province_zh, province.name_en as province_en,
            place.longitude, place.latitude
        from registry.pilot_zone as zone
        left join registry.pilot_zone_prefecture as member using (zone_no)
        left join place on place.region_code = member.prefecture_code
        left join name as province
            on province.region_level = 'province' and province.region_code = zone.province_code
        where year(coalesce(zone.approved_on, zone.published_on)) <= $year
            and (zone.revoked_on is null or year(zone.revoked_on) > $year)
        order by zone.batch, zone.zone_no, member.prefecture_code
        """,
        year=year,
    )


def batches(snapshot: Snapshot) -> pd.DataFrame:
    """`batch, year, new_zones` of all batches."""
    return snapshot.rows(
        "select batch, year(coalesce(approved_on, published_on)) as year, new_zones"
        " from registry.pilot_zone_batch order by 1"
    )


def prefectures(snapshot: Snapshot) -> pd.DataFrame:
    """Every prefecture of today with its place: the dots that show the outline."""
    return snapshot.rows(
        "select region_code, name_zh, name_en, longitude, latitude from registry.region"
        " where region_level = 'prefecture' and valid_to_year is null and longitude is not null order by 1"
    )


def levels(snapshot: Snapshot) -> list[str]:
    """Levels of regions that have cells, prefectures first."""
    return list(
        snapshot.rows(
            "select distinct region_level from marts.panel_cell"
            " order by case region_level when 'prefecture' then 0 when 'province' then 1 else 2 end"
        )["region_level"]
    )


def indicators(snapshot: Snapshot, level: str) -> pd.DataFrame:
    """`panel_column, indicator_id, unit, first_year, last_year, n_values` of a level."""
    return snapshot.rows(
        """
        select panel_column, any_value(indicator_id) as indicator_id, any_value(unit) as unit,
            min(year) as first_year, max(year) as last_year, count(value) as n_values
        from marts.panel_cell where region_level = $level group by 1 order by 1
        """,
        level=level,
    )


def regions(snapshot: Snapshot, level: str) -> pd.DataFrame:
    """`region_code, name_zh, name_en` of the regions of a level that have cells."""
    return snapshot.rows(
        f"""
        with name as ({_NAMES}),
        cell as (select distinct region_code from marts.panel_cell where region_level = $level)
        select cell.region_code, coalesce(name.name_zh, cell.region_code) as name_zh,
            coalesce(name.name_en, cell.region_code) as name_en
        from cell left join name on name.region_code = cell.region_code and name.region_level = $level
        order by 1
        """,
        level=level,
    )


def cells(snapshot: Snapshot, level: str, column: str) -> pd.DataFrame:
    """Every cell of a panel column: `region_code, year, value, obs_status, obs_status_all, imputed_share,
    suspect_codes, is_simulated`."""
    return snapshot.rows(
        """
        select region_code, year, value, obs_status, obs_status_all, imputed_share, suspect_codes, unit,
            indicator_id, is_derived, is_simulated
        from marts.panel_cell where region_level = $level and panel_column = $column order by 1, 2
        """,
        level=level, column=column,
    )  # fmt: skip


def cell_sources(snapshot: Snapshot, level: str, region: str, year: int, indicator: str) -> pd.DataFrame:
    """Observations that a panel cell rests on: its own, or those of the inputs of a computed one."""
    return snapshot.rows(
        """
        with input as (
            select input_indicator_id as indicator_id from intermediate.int_inputs__traced
            where indicator_id = $indicator and region_level = $level
            union
            select $indicator
        )
        select seen.indicator_id, seen.vintage, chosen.vintage is not null as is_in_panel, seen.value,
            seen.unit, seen.value_printed, seen.unit_printed, seen.obs_status, seen.obs_status_all,
            seen.impute_method, seen.impute_by, seen.suspect_codes, source.publication_zh,
            source.publication_en, source.edition, source.table_code, seen.source_locator,
            seen.source_file_sha256, seen.obs_comment, seen.is_simulated
        from marts.observation as seen
        inner join input using (indicator_id)
        left join intermediate.int_observations__selected as chosen
            on chosen.region_level = $level and chosen.printed_level = seen.region_level
            and chosen.region_code = seen.region_code and chosen.year = seen.year
            and chosen.indicator_id = seen.indicator_id and chosen.vintage = seen.vintage
            and seen.is_panel_scope
        left join registry.source as source using (source_id)
        where seen.region_level = case $level when 'major_city' then 'prefecture' else $level end
            and seen.region_code = $region and seen.year = $year
        order by is_in_panel desc, seen.indicator_id, seen.vintage
        """,
        level=level, region=region, year=year, indicator=indicator,
    )  # fmt: skip


def indices(snapshot: Snapshot) -> pd.DataFrame:
    """One row per index of the registry: `index_id, components, n_scores`, and what no panel has."""
    return snapshot.rows(
        """
        with score as (select index_id, count(*) as n_scores from marts.index_score group by 1),
        loaded as (select distinct indicator_id from marts.panel_cell)
        select part.index_id, coalesce(any_value(score.n_scores), 0) as n_scores,
            list(part.indicator_id order by part.indicator_id) as components,
            coalesce(list(part.indicator_id order by part.indicator_id)
                filter (where loaded.indicator_id is null), []) as missing
        from registry.index_component as part
        left join score using (index_id) left join loaded using (indicator_id)
        group by 1 order by 2 desc, 1
        """
    )


def index_scores(snapshot: Snapshot, index_id: str, weighting: str) -> pd.DataFrame:
    """`region_code, name_zh, name_en, year, score, score_rank, imputed_share, obs_status`."""
    return snapshot.rows(
        f"""
        with name as ({_NAMES})
        select score.region_code, name.name_zh, name.name_en, score.year, score.score, score.score_rank,
            score.imputed_share, score.obs_status
        from marts.index_score as score
        left join name
            on name.region_level = score.region_level and name.region_code = score.region_code
        where score.index_id = $index_id and score.weighting = $weighting
        order by score.year, score.score_rank
        """,
        index_id=index_id, weighting=weighting,
    )  # fmt: skip


def index_weights(snapshot: Snapshot, index_id: str, weighting: str, year: int) -> pd.DataFrame:
    """Weights of the components, heaviest first; pooled weights have no year."""
    return snapshot.rows(
        """
        select indicator_id, weight, entropy, divergence, imputed_share from marts.index_weight
        where index_id = $index_id and weighting = $weighting and (year is null or year = $year)
        order by weight desc, indicator_id
        """,
        index_id=index_id, weighting=weighting, year=year,
    )  # fmt: skip


def productivity(snapshot: Snapshot, technology: str) -> pd.DataFrame:
    """Every row of marts.green_tfp of a technology with names of regions."""
    return snapshot.rows(
        f"""
        with name as ({_NAMES})
        select measured.region_level, measured.region_code, name.name_zh, name.name_en, measured.year,
            measured.efficiency, measured.index, measured.efficiency_change, measured.technical_change,
            measured.cumulative_index, measured.lp_status, measured.index_status, measured.reason,
            measured.obs_status, measured.imputed_share, measured.is_simulated
        from marts.green_tfp as measured
        left join name
            on name.region_level = measured.region_level and name.region_code = measured.region_code
        where measured.technology = $technology order by measured.region_code, measured.year
        """,
        technology=technology,
    )


def estimated_outcomes(snapshot: Snapshot, study_id: str) -> list[str]:
    """Outcomes of a study that have an estimate, as the specifications name them."""
    return list(
        snapshot.rows(
            """
            select outcome, min(table_no) as first_table from (
                select outcome, table_no from estimates.regression where study_id = $study_id
                union all
                select outcome, table_no from estimates.att where study_id = $study_id
            ) group by 1 order by 2, 1
            """,
            study_id=study_id,
        )["outcome"]
    )


def event_study(snapshot: Snapshot, study_id: str, outcome: str, observed_only: bool) -> pd.DataFrame:
    """Effects by event time, one table column after the other."""
    return snapshot.rows(
        """
        select table_no, column_no, estimator, coalesce(options, '') as options, event_year, estimate,
            std_error, ci_low, ci_high, base_period, n_cohorts, treatment_rule, imputed_share, is_simulated
        from estimates.event_study
        where study_id = $study_id and outcome = $outcome and is_observed_only = $observed_only
        order by table_no, column_no, event_year
        """,
        study_id=study_id, outcome=outcome, observed_only=observed_only,
    )  # fmt: skip


def coefficients(snapshot: Snapshot, study_id: str, outcome: str, observed_only: bool) -> pd.DataFrame:
    """The treatment's coefficient of every column: by regression, and overall by the staggered estimators.

    Columns: table_no, column_no, estimator, options, term, estimate, std_error, ci_low, ci_high, p_value,
    stars, n_obs, n_clusters, n_dropped, drop_reason, treatment_rule, controls, fixed_effects, vcov, sample,
    subgroup, imputed_share, imputed_row_share, flagged_row_share, cell_status, note, is_simulated.
    """
    return snapshot.rows(
        """
        with spec as (
            select table_no, column_no, treatment, coalesce(options, '') as options
            from studies.specification where study_id = $study_id
        ),
        regression as (
            select table_no, column_no, estimator, spec.options, term, estimate, std_error, ci_low, ci_high,
                p_value, stars, n_obs, n_clusters, n_dropped, drop_reason, treatment_rule, controls,
                fixed_effects, vcov, sample, subgroup, imputed_share, imputed_row_share, flagged_row_share,
                cell_status, note, is_simulated
            from estimates.regression inner join spec using (table_no, column_no)
            where study_id = $study_id and outcome = $outcome and is_observed_only = $observed_only
                and term = spec.treatment
        ),
        att as (
            select table_no, column_no, estimator, coalesce(options, '') as options, 'is_treated' as term,
                estimate, std_error, ci_low, ci_high, p_value, null as stars, n_obs, n_units as n_clusters,
                null as n_dropped, null as drop_reason, treatment_rule, controls, null as fixed_effects,
                null as vcov, null as sample, null as subgroup, imputed_share, imputed_row_share,
                flagged_row_share, cell_status, note, is_simulated
            from estimates.att
            where study_id = $study_id and outcome = $outcome and is_observed_only = $observed_only
                and aggregation = 'overall'
                and (table_no, column_no) not in (select table_no, column_no from regression)
        )
        select * from (select * from regression union all select * from att)
        order by try_cast(regexp_extract(table_no, '[0-9]+') as integer), table_no, column_no
        """,
        study_id=study_id, outcome=outcome, observed_only=observed_only,
    )  # fmt: skip


def placebo_summaries(snapshot: Snapshot, study_id: str, outcome: str) -> pd.DataFrame:
    return snapshot.rows(
        """
        select table_no, column_no, scheme, estimate, std_error, n_draws, p_randomization, mean_of_draws,
            sd_of_draws, seed, note, is_simulated
        from estimates.placebo_summary where study_id = $study_id and outcome = $outcome
        order by table_no, column_no, scheme
        """,
        study_id=study_id, outcome=outcome,
    )  # fmt: skip


def placebo_draws(
    snapshot: Snapshot, study_id: str, table_no: str, column_no: int, scheme: str
) -> pd.DataFrame:
    """`estimate, p_value` of the draws."""
    return snapshot.rows(
        """
        select draw, estimate, p_value, is_simulated from estimates.placebo
        where study_id = $study_id and table_no = $table_no and column_no = $column_no and scheme = $scheme
        order by draw
        """,
        study_id=study_id, table_no=table_no, column_no=column_no, scheme=scheme,
    )  # fmt: skip


def coverage(snapshot: Snapshot, level: str) -> pd.DataFrame:
    return snapshot.rows(
        """
        select indicator_id, year, n_expected, n_reported, n_imputed, n_missing, n_suspect
        from quality.coverage where region_level = $level order by 1, 2
        """,
        level=level,
    )


def finding_counts(snapshot: Snapshot) -> pd.DataFrame:
    return snapshot.rows(
        """
        select detector, severity, count(*) as n_findings from quality.finding group by all order by 1, 2
        """
    )


def findings(snapshot: Snapshot, severity: str, detector: str, indicator: str, limit: int) -> pd.DataFrame:
    """Findings with their evidence, worst first; an empty choice takes all."""
    return snapshot.rows(
        f"""
        with name as ({_NAMES})
        select finding.severity, finding.detector, finding.region_level, finding.region_code, name.name_zh,
            name.name_en, finding.year, finding.indicator_id, cast(finding.value as double) as value,
            finding.evidence
        from quality.finding as finding
        left join name
            on name.region_level = finding.region_level and name.region_code = finding.region_code
        where ($severity = '' or finding.severity = $severity)
            and ($detector = '' or finding.detector = $detector)
            and ($indicator = '' or finding.indicator_id = $indicator)
        order by array_position(['error', 'warn', 'info'], finding.severity), finding.detector,
            finding.indicator_id, finding.region_code, finding.year
        limit $limit
        """,
        severity=severity, detector=detector, indicator=indicator, limit=limit,
    )  # fmt: skip


def finding_total(snapshot: Snapshot, severity: str, detector: str, indicator: str) -> int:
    """How many findings fit a choice; an empty one takes all."""
    rows = snapshot.rows(
        """
        select count(*) as n_findings from quality.finding
        where ($severity = '' or severity = $severity) and ($detector = '' or detector = $detector)
            and ($indicator = '' or indicator_id = $indicator)
        """,
        severity=severity, detector=detector, indicator=indicator,
    )  # fmt: skip
    return int(rows["n_findings"].iloc[0])


def finding_indicators(snapshot: Snapshot) -> list[str]:
    rows = snapshot.rows(
        "select distinct indicator_id from quality.finding where indicator_id is not null order by 1"
    )
    return list(rows["indicator_id"])


def city_facts(snapshot: Snapshot, region: str) -> dict[str, Any]:
    """Name, province, level and zone of a prefecture."""
    rows = snapshot.rows(
        f"""
        with name as ({_NAMES})
        select region.region_code, region.name_zh, region.name_en, region.unit_level,
            province.name_zh as province_zh, province.name_en as province_en, region.is_resource_based,
            zone.batch, zone.approved_on, zone.approved_on_verified, zone.document_no, zone.coverage,
            zone.revoked_on
        from registry.region as region
        left join name as province
            on province.region_level = 'province' and province.region_code = region.province_code
        left join registry.pilot_zone_prefecture as member on member.prefecture_code = region.region_code
        left join registry.pilot_zone as zone using (zone_no)
        where region.region_level = 'prefecture' and region.region_code = $region
        order by region.valid_to_year nulls first, zone.approved_on nulls last limit 1
        """,
        region=region,
    )
    return {str(key): value for key, value in rows.iloc[0].items()} if len(rows) else {}


def newest_cells(snapshot: Snapshot, regions_: list[str], year: int) -> pd.DataFrame:
    """Cells of some prefectures in one year, one row per panel column and region."""
    return snapshot.rows(
        """
        select panel_column, region_code, value, obs_status, unit from marts.panel_cell
        where region_level = 'prefecture' and year = $year and list_contains($regions, region_code)
        order by 1, 2
        """,
        regions=regions_, year=year,
    )  # fmt: skip


def papers(snapshot: Snapshot) -> pd.DataFrame:
    """`study_id, title_zh, title_en` of the papers that were audited, in the order of their numbers."""
    return snapshot.rows(
        "select study_id, any_value(title_zh) as title_zh, any_value(title_en) as title_en"
        " from estimates.publication_audit_summary join studies.study using (study_id)"
        " left join (select distinct study_id, seed from estimates.publication_audit) using (study_id)"
        " group by study_id order by min(seed)"
    )


def audit_summary(snapshot: Snapshot, study: str) -> pd.DataFrame:
    """Statements tested, passed and flagged, a row for each rule and table."""
    return snapshot.rows(
        "select * from estimates.publication_audit_summary where study_id = $study", study=study
    )


def audit_findings(snapshot: Snapshot, study: str) -> pd.DataFrame:
    """Findings of a paper in their order."""
    return snapshot.rows(
        "select * from estimates.publication_audit where study_id = $study order by finding_no", study=study
    )


def replication(snapshot: Snapshot, study: str) -> pd.DataFrame:
    """Printed coefficients of a paper beside our own."""
    return snapshot.rows(
        "select * from estimates.replication where study_id = $study order by result_no", study=study
    )


def estimated_columns(snapshot: Snapshot) -> pd.DataFrame:
    """`study_id, title_zh, title_en, table_no, column_no` of regression columns that were estimated."""
    return snapshot.rows(
        "select distinct study_id, title_zh, title_en, table_no, column_no"
        " from estimates.regression join studies.study using (study_id)"
        " order by study_id, length(table_no), table_no, column_no"
    )
