"""The 24 artefacts of the referee pack: each a question to the published file, and when it does not apply."""

from __future__ import annotations

from dataclasses import dataclass, field

# Facts about a study that decide whether an artefact applies; see `facts` in cbec.referee.pack.
RULE = "has_rule"
MEDIATOR = "has_mediator"
PRODUCTIVITY = "uses_green_tfp"
EXEMPT = "has_exempt_group"

_REASONS = {
    RULE: (
        "本研究没有处理时点规则，解释变量是连续的",
        "the study has no treatment rule: its regressor is continuous",
    ),
    MEDIATOR: ("本研究的设定没有中介变量", "no specification of the study has a mediator"),
    EXEMPT: (
        "面板每地每年一个值，试点地区内没有政策不适用的组，因而没有第三重差分"
        "（Ortiz-Villavicencio and Sant'Anna 2025）",
        "the panel has one cell a region and year: no group inside a zone is exempt from it, so there is no"
        " third difference (Ortiz-Villavicencio and Sant'Anna 2025)",
    ),
    PRODUCTIVITY: (
        "被解释变量不是由前沿面估计出来的",
        "no variable of the study is itself estimated by a frontier",
    ),
}


@dataclass(frozen=True)
class Item:
    """One artefact. sql: rows of the study ($study), empty when nobody computed them; needs: a fact without
    which it does not apply; figures: kinds of cbec.report.figures that belong to it; asks: what it takes."""

    number: int
    name: str
    title: tuple[str, str]
    sql: str
    asks: tuple[str, str]
    needs: str = ""
    figures: tuple[str, ...] = field(default=())

    @property
    def not_applicable(self) -> tuple[str, str]:
        return _REASONS[self.needs]


def _all(table: str, condition: str = "true") -> str:
    return (
        f"select * exclude (study_id) from estimates.{table} where study_id = $study and {condition}"
        " order by all"
    )


def _diagnostic(name: str) -> tuple[str, str]:
    seed = "seeds/studies/diagnostic.csv"
    return f"{seed} 中的 `{name}` 行", f"a row `{name}` in {seed}"


def _column(zh: str, en: str) -> tuple[str, str]:
    seed = "seeds/studies/specification.csv"
    return f"{seed} 中{zh}", f"{en} in {seed}"


# Units of the study's samples with their first treated year, under every rule that its columns use.
_UNITS = """
unit as (
    select distinct specification.treatment_rule as rule_id, member.region_code,
        coalesce(city.first_treated_year, province.first_treated_year) as first_treated_year,
        coalesce(city.batch, province.batch) as batch
    from studies.specification as specification
    inner join marts.sample_member as member on specification.sample = member.sample_id
    left join marts.treatment_city_year as city
        on member.region_level <> 'province' and specification.treatment_rule = city.rule_id
            and member.region_code = city.prefecture_code and member.year = city.year
    left join marts.treatment_province_year as province
        on member.region_level = 'province' and specification.treatment_rule = province.rule_id
            and member.region_code = province.province_code and member.year = province.year
    where specification.study_id = $study and specification.treatment_rule is not null
        and (city.rule_id is not null or province.rule_id is not null)
)"""

_OVERALL = "aggregation = 'overall' and not is_observed_only"

ITEMS: tuple[Item, ...] = (
    Item(
        1, "estimand", ("估计目标与加总权重", "Estimand and aggregation"),
        """select specification.table_no, specification.column_no, specification.estimator,
            case
                when specification.estimator in ('callaway_santanna', 'sun_abraham', 'imputation',
                    'two_stage', 'stacked', 'lp_did', 'extended_twfe', 'de_chaisemartin_dhaultfoeuille',
                    'synthetic_did')
                    then 'ATT(g,t), averaged over treated unit-years; other averages: estimates.att'
                when specification.estimator = 'twfe_event_study'
                    then 'effects by event time, weighted as two-way fixed effects weights them'
                when specification.estimator = 'twfe'
                    and regexp_full_match(specification.treatment, '(L[1-9][.])?is_treated')
                    then 'variance-weighted average of ATT(g,t): see artefacts 5 and 6'
                when specification.treatment = 'is_treated'
                    then 'difference of treated and untreated rows given the controls'
                -- A share of the year or a count is no status: its slope averages no effects of cohorts.
                else 'conditional slope of the outcome on the regressor'
            end as estimand,
            specification.outcome, specification.treatment, specification.treatment_rule,
            rule.description as rule_description, specification.controls, specification.fixed_effects,
            specification.sample, specification.subgroup, specification.options
        from studies.specification as specification
        left join registry.treatment_rule as rule on specification.treatment_rule = rule.rule_id
        where specification.study_id = $study order by all""",
        _column("的设定行", "rows"),
    ),
    Item(
        2, "timing_and_missingness", ("处理时点与缺失情况", "Treatment timing and missingness"),
        """select specification.outcome, cell.year, cell.obs_status, count(*) as n_cells,
            count(cell.value) as n_values, avg(cell.imputed_share) as filled_share
        from (select distinct outcome, sample from studies.specification where study_id = $study)
            as specification
        inner join marts.sample_member as member on specification.sample = member.sample_id
        inner join marts.panel_cell as cell
            on member.region_level = cell.region_level and member.region_code = cell.region_code
                and member.year = cell.year and specification.outcome = cell.panel_column
        group by all order by all""",
        ("被解释变量的数据", "cells of the outcome"), figures=("timing",),
    ),
    Item(
        3, "timing_rules", ("处理时点规则的替代", "Alternative timing rules"),
        """select rule.rule_id, rule.max_batch, rule.year_rule, rule.county_rule, rule.late_batch_rule,
            estimate.table_no, estimate.column_no, estimate.outcome, estimate.estimator, estimate.estimate,
            estimate.std_error, estimate.p_value, estimate.n_obs
        from estimates.regression as estimate
        inner join registry.treatment_rule as rule on estimate.treatment_rule = rule.rule_id
        inner join studies.specification as specification
            on estimate.study_id = specification.study_id and estimate.table_no = specification.table_no
                and estimate.column_no = specification.column_no and estimate.term = specification.treatment
        where estimate.study_id = $study and not estimate.is_observed_only order by all""",
        _column("采用其他 treatment_rule 的列", "columns with another treatment_rule"), RULE,
    ),
    Item(
        4, "preflight", ("批次规模、对照组与共同支撑", "Batch sizes, comparison pool, overlap"),
        f"""with {_UNITS}
        select rule_id, first_treated_year as cohort, count(*) as n_units, count(*) < 5 as is_below_five,
            first_treated_year is null as is_never_treated
        from unit group by all order by all""",
        ("处理时点规则", "a treatment rule"), RULE,
    ),
    Item(
        5, "bacon", ("Goodman-Bacon 分解", "Goodman-Bacon decomposition"), _all("bacon"),
        _diagnostic("bacon"), RULE, ("bacon",),
    ),
    Item(
        6, "twfe_weights", ("负权重", "Negative weights"), _all("twfe_weight"),
        _diagnostic("bacon"), RULE,
    ),
    Item(
        7, "robust_estimators", ("异质性稳健估计量", "Heterogeneity-robust estimators"),
        f"""with overall as (
            select * from estimates.att where study_id = $study and {_OVERALL}
        ), gap as (
            select one.outcome, max(abs(one.estimate - other.estimate)
                / nullif(greatest(one.std_error, other.std_error), 0)) as largest_gap_in_std_errors,
                count(distinct one.estimator) as n_estimators
            from overall as one
            inner join overall as other
                on one.outcome = other.outcome and one.treatment_rule = other.treatment_rule
                    and coalesce(one.controls, '') = coalesce(other.controls, '')
            group by one.outcome
        )
        select overall.table_no, overall.column_no, overall.outcome, overall.estimator, overall.options,
            overall.estimate, overall.std_error, overall.p_value, overall.n_obs, overall.n_units,
            gap.largest_gap_in_std_errors, gap.n_estimators,
            beside.estimate_twfe as estimate_twfe_same_rows, beside.std_error_twfe as std_error_twfe_same_rows
        from overall left join gap using (outcome)
        left join estimates.same_sample as beside
            on overall.study_id = beside.study_id and overall.table_no = beside.table_no
                and overall.column_no = beside.column_no and not beside.is_observed_only
        order by all""",
        _column("采用交错双重差分估计量的列", "columns with staggered estimators"), RULE, ("estimators",),
    ),
    Item(
        8, "pretrend", ("平行趋势检验及其功效", "Pre-trend test with its power"), _all("pretrend"),
        _diagnostic("pretrend"), RULE, ("event_study",),
    ),
    Item(
        9, "honest_did", ("对平行趋势偏离的敏感性", "Robustness to other trends (HonestDiD)"),
        """select table_no, column_no, outcome, estimator, estimate, breakdown_relative_magnitude,
            honest_bound, honest_ci_low, honest_ci_high, note
        from estimates.pretrend where study_id = $study
            and (breakdown_relative_magnitude is not null or honest_ci_low is not null or note is not null)
        order by all""",
        _diagnostic("pretrend"), RULE,
    ),
    Item(
        10, "anticipation", ("预期效应", "Anticipation"),
        f"""select * exclude (study_id) from estimates.att
        where study_id = $study and {_OVERALL} and options like '%anticipation%' order by all""",
        _column(" options 为 anticipation=1 的列", "a column with options anticipation=1"), RULE,
    ),
    Item(
        11, "functional_form", ("函数形式", "Functional form: level, log, inverse hyperbolic sine"),
        _all("functional_form"), _diagnostic("functional_form"),
    ),
    Item(
        12, "spillover", ("空间溢出", "Spillovers: rings, donut"), _all("spillover"),
        _diagnostic("spillover"), RULE,
    ),
    Item(
        13, "policies", ("并行政策", "Concurrent policies"), _all("policy"),
        _diagnostic("policies"), RULE,
    ),
    Item(
        14, "selection", ("选择性与平衡性", "Selection: matching, weighting, balance"),
        """select table_no, column_no, outcome, method as item, estimate, std_error, p_value, n_obs,
            null::double as smd_before, null::double as smd_after_matching,
            null::double as smd_after_weighting,
            null::double as share_outside, note
        from estimates.selection where study_id = $study
        union all
        select table_no, column_no, outcome, 'balance of ' || covariate, null, null, null, null, smd_before,
            smd_after_matching, smd_after_weighting, share_outside, note
        from estimates.balance where study_id = $study order by all""",
        _diagnostic("selection"), RULE,
    ),
    Item(
        15, "triple_difference", ("三重差分", "Triple difference"),
        """select table_no, column_no, term, estimate, std_error, p_value, ci_low, ci_high, n_obs
        from estimates.regression where study_id = $study and not is_observed_only
            and estimator = 'triple_difference' order by all""",
        _column("的三重差分列", "a column with a triple difference"), EXEMPT,
    ),
    Item(
        16, "synthetic_did", ("合成双重差分", "Synthetic difference-in-differences"),
        f"""select * exclude (study_id) from estimates.att
        where study_id = $study and {_OVERALL} and estimator = 'synthetic_did' order by all""",
        _column("估计量为 synthetic_did 的列", "a column with estimator synthetic_did"), RULE,
    ),
    Item(
        17, "leave_one_out", ("逐一剔除", "Leave one out"), _all("leave_one_out"),
        _diagnostic("leave_one_out"), figures=("leave_one_out",),
    ),
    Item(
        18, "clustering", ("聚类层次与小样本推断", "Clustering and few-cluster inference"),
        """select table_no, column_no, term, 'as specified: ' || coalesce(vcov, estimator) as method,
            estimate, std_error, p_value, ci_low, ci_high, n_clusters, null::bigint as n_draws,
            null::bigint as seed
        from estimates.regression where study_id = $study and not is_observed_only
        union all
        select table_no, column_no, term, method, estimate, std_error, p_value, ci_low, ci_high, n_clusters,
            n_draws, seed
        from estimates.inference where study_id = $study
            and (method like 'WC%' or method in ('CV3', 'Conley-Taber')) order by all""",
        ("估计结果，以及 seeds/studies/diagnostic.csv 中的 `wild_bootstrap` 或 `few_clusters` 行",
         "estimates, and a row `wild_bootstrap` or `few_clusters` in seeds/studies/diagnostic.csv"),
    ),
    Item(
        19, "placebo", ("随机化推断与安慰剂", "Randomisation inference and placebo"), _all("placebo_summary"),
        _diagnostic("placebo"), RULE, ("placebo",),
    ),
    Item(
        20, "multiple_tests", ("多重检验与组间差异", "Multiple testing and differences between groups"),
        """select * exclude (study_id) from estimates.inference
        where study_id = $study and method not like 'WC%'
            and method not in ('CV3', 'Conley-Taber') order by all""",
        ("seeds/studies/diagnostic.csv 中的 `family` 或 `group_difference` 行",
         "a row `family` or `group_difference` in seeds/studies/diagnostic.csv"),
    ),
    Item(
        21, "mediation", ("机制：两步法与敏感性", "Mechanism: two steps and sensitivity"), _all("mediation"),
        ("含中介变量的设定", "a specification with a mediator"), MEDIATOR,
    ),
    Item(
        22, "generated_outcome", ("生成的被解释变量", "Generated outcome: definitions of green productivity"),
        """select technology, count(*) as n_cells, count(efficiency) as n_efficiency,
            avg(efficiency) as mean_efficiency, median(efficiency) as median_efficiency,
            count(cumulative_index) as n_cumulative, avg(cumulative_index) as mean_cumulative,
            corr(efficiency, default_efficiency) as correlation_with_default,
            sum((lp_status <> 'optimal')::int) as n_not_optimal, avg(imputed_share) as filled_share
        from marts.green_tfp
        left join (
            select region_code, year, efficiency as default_efficiency
            from marts.green_tfp where is_default
        ) as main using (region_code, year)
        where $study is not null group by technology order by all""",
        ("各技术定义的投入产出数据，见 quality.technology_readiness",
         "inputs and outputs of the technologies; see quality.technology_readiness"), PRODUCTIVITY,
        ("specification",),
    ),
    Item(
        23, "data_integrity", ("数据完整性", "Data integrity: observed cells only"),
        """select main.table_no, main.column_no, main.term, 'observed cells only' as variant, main.estimate,
            observed.estimate as estimate_observed_only, main.std_error,
            observed.std_error as std_error_observed_only, main.n_obs, observed.n_obs as n_obs_observed_only,
            main.imputed_share, main.imputed_row_share, main.flagged_row_share, main.cell_status,
            null::double as imputed_share_treated, null::double as imputed_share_control,
            observed.drop_reason as note
        from estimates.regression as main
        left join estimates.regression as observed
            on main.study_id = observed.study_id and main.table_no = observed.table_no
                and main.column_no = observed.column_no and main.term = observed.term
                and observed.is_observed_only
        where main.study_id = $study and not main.is_observed_only
        union all
        select table_no, column_no, outcome, variant, estimate, null, std_error, null, n_obs, null,
            imputed_share, imputed_row_share, flagged_row_share, cell_status, imputed_share_treated,
            imputed_share_control, note
        from estimates.data_integrity where study_id = $study order by all""",
        ("估计结果", "estimates"),
    ),
    Item(
        24, "replication", ("复现", "Replication: one command, seeds, lock, run times, tables to programs"),
        """select table_no, column_no, estimator, outcome, treatment, status, reason, n_obs
        from estimates.specification_status
        left join studies.specification using (study_id, table_no, column_no, estimator, outcome, sample)
        where study_id = $study and not is_observed_only order by all""",
        _column("的设定行", "rows"),
    ),
)  # fmt: skip
