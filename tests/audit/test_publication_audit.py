"""The audit on hand-made and generated tables, and on the five papers."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cbec.studies.printed_statements import bind, claim_statements, evaluate, half_unit, zone_count
from tests.conftest import ROOT, SHARED

RESULT = ("result_no", "study_id", "table_no", "column_no", "row_label", "column_label", "statistic",
          "value", "stars", "printed")  # fmt: skip
SEEDS = ROOT / "seeds" / "studies"


class Printed:
    """A published_result made by hand: add() prints one number."""

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []

    def add(self, study: str, table: str, row: str, statistic: str, text: str, *, column: int | None = None,
            label: str | None = None, stars: str = "") -> int:  # fmt: skip
        self.rows.append((len(self.rows) + 1, study, table, column, row, label, statistic, float(text),
                          stars or None, text + stars))  # fmt: skip
        return len(self.rows)

    def frame(self) -> pd.DataFrame:
        frame = pd.DataFrame(self.rows, columns=list(RESULT))
        return frame.astype({"column_no": "Int64"})


def statements(printed: Printed, notes: Iterable[tuple[str, str, float | None, float | None, str | None]] = (),
               ratios: Iterable[tuple[str, str, str, float, float]] = ()) -> pd.DataFrame:  # fmt: skip
    """Run the SQL of publication_statement on printed numbers."""
    con = duckdb.connect()
    con.register("frame", printed.frame())
    con.sql(
        "create table published_result as select * replace (stars::varchar as stars,"
        " row_label::varchar as row_label, column_label::varchar as column_label) from frame"
    )
    con.sql("create table published_table (study_id varchar, table_no varchar, n_rows int, floor double,"
            " star_note varchar)")  # fmt: skip
    con.sql("create table published_ratio (study_id varchar, table_no varchar, row_label varchar,"
            " least double, greatest double)")  # fmt: skip
    for table, rows in (("published_table", list(notes)), ("published_ratio", list(ratios))):
        if rows:
            con.executemany(f"insert into {table} values (?, ?, ?, ?, ?)", rows)
    con.sql(f"create table critical_value as from read_csv('{SEEDS / 'critical_value.csv'}')")
    sql = (ROOT / "models" / "estimates" / "publication_statement.sql").read_text(encoding="utf-8")
    return con.sql(re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"\1", sql)).df()


def outcomes(printed: Printed, rule: str, **options: object) -> list[str]:
    checked = evaluate(statements(printed, **options)).to_pandas()  # type: ignore[arg-type]
    return checked.loc[checked["rule_id"] == rule, "outcome"].tolist()


def moments(mean: str, sd: str, low: str, high: str, n: str = "10", row: str = "x") -> Printed:
    printed = Printed()
    for statistic, text in (("n", n), ("mean", mean), ("sd", sd), ("min", low), ("max", high)):
        printed.add("s", "T1", row, statistic, text)
    return printed


def pair(coef: str, statistic: str, text: str, stars: str = "", *, on_statistic: bool = False) -> Printed:
    printed = Printed()
    printed.add("s", "T1", "x", "coef", coef, column=1, stars="" if on_statistic else stars)
    printed.add("s", "T1", "x", statistic, text, column=1, stars=stars if on_statistic else "")
    printed.add("s", "T1", "y", "coef", "5.00", column=1, stars="***")
    printed.add("s", "T1", "y", "se", "0.50", column=1)
    return printed


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("mean_in_range", moments("5.0", "2.0", "2.0", "9.0"), moments("9.2", "2.0", "2.0", "9.0")),
        ("mean_in_range", moments("9.0", "0.0", "9.0", "9.0"), moments("1.8", "2.0", "2.0", "9.0")),
        ("sd_upper", moments("5.0", "3.6", "2.0", "9.0"), moments("5.0", "4.0", "2.0", "9.0")),
        ("sd_lower", moments("5.0", "1.6", "2.0", "9.0"), moments("5.0", "1.2", "2.0", "9.0")),
        ("binary_sd", moments("0.10", "0.30", "0", "1", "3850", "Policy"),
         moments("0.10", "0.40", "0", "1", "3850", "Policy")),
        ("stars_statistic", pair("1.00", "se", "0.40", "**"), pair("1.00", "se", "0.40", "***")),
        ("stars_statistic", pair("1.00", "t", "2.04", "*"), pair("1.00", "t", "2.84", "*")),
        ("t_sign", pair("1.00", "t", "2.20", "**"), pair("1.00", "t", "-2.20", "**")),
        ("stars_on_coefficient", pair("1.00", "t", "2.20", "**"),
         pair("1.00", "t", "2.20", "**", on_statistic=True)),
    ],
)  # fmt: skip
def test_a_rule_tells_a_good_cell_from_a_bad_one(rule: str, good: Printed, bad: Printed) -> None:
    assert set(outcomes(good, rule)) == {"passed"}
    assert "flagged" in outcomes(bad, rule)


@pytest.mark.parametrize(
    ("t", "stars", "outcome"),
    [("2.0", "*", "passed"), ("2.0", "**", "passed"), ("2.1", "*", "flagged"), ("1.9", "**", "flagged"), ("1.6", "", "passed"),
     ("1.6", "*", "passed"), ("1.5", "*", "flagged"), ("1.7", "", "flagged")],
)  # fmt: skip
def test_a_printed_t_is_what_rounds_to_it(t: str, stars: str, outcome: str) -> None:
    """2.0 is between 1.95 and 2.05, on either side of 1.96; 1.6 between 1.55 and 1.65, of 1.645. Three values of
    1.65 with a star hold the column to the normal."""
    printed = Printed()
    for row, text, marks in (*((f"a{k}", "1.65", "*") for k in range(3)), ("b", t, stars)):
        printed.add("s", "T1", row, "coef", "1.00", column=1, stars=marks)
        printed.add("s", "T1", row, "t", text, column=1)
    checked = (
        evaluate(statements(printed)).to_pandas().query("rule_id == 'stars_statistic'").set_index("row_label")
    )
    assert checked["outcome"].to_dict() == {"a0": "passed", "a1": "passed", "a2": "passed", "b": outcome}


def test_a_rule_without_its_numbers_is_not_applicable() -> None:
    printed = Printed()
    printed.add("s", "T1", "x", "mean", "5.0")
    assert outcomes(printed, "sd_lower") == ["not applicable"]


def test_ratio_index_copy_and_note() -> None:
    table = moments("0.5", "0.2", "0.1", "1.0")
    assert outcomes(table, "ratio_range", ratios=[("s", "T1", "x", 0, 1)]) == ["passed"]
    assert outcomes(table, "ratio_range", ratios=[("s", "T1", "x", 0, 0.9)]) == ["flagged"]
    index = Printed()
    for year, text in enumerate(("0.91", "0.94", "0.97", "0.06"), 2018):
        index.add("s", "T5", str(year), "index", text, label="a")
    assert sorted(outcomes(index, "index_jump")) == ["flagged", "passed", "passed", "passed"]
    copied = Printed()
    for row in "abcd":
        for column in (1, 2, 3):
            copied.add("s", "T3", row, "coef", "0.11" if column < 3 else f"0.{ord(row)}", column=column)
    assert sorted(outcomes(copied, "copied_cells")) == ["flagged", "passed", "passed"]
    for note, outcome in (("standard", "passed"), ("reversed", "flagged")):
        table = pair("1.00", "t", "1.80", "*")
        assert outcomes(table, "star_note", notes=[("s", "T1", None, None, note)]) == [outcome]


FORMULAS = {
    "mediation_identity": "[2-] * [3-] + [4-] <= [1+] and [1-] <= [2+] * [3+] + [4+]",
    "pooled_in_subgroups": "[5-] <= [1+] and [1-] <= [6+]",
    "sample_size": "[7] + [8] = [9]",
    "weight_sum": "[10-] + [11-] + [12-] <= 100 and 100 <= [10+] + [11+] + [12+]",
    "difference_tested": "abs([5] - [6]) / sqrt(2 * power([13], 2)) >= 1.645",
    "r2_bivariate": "power([14-] * [15-] / [16+], 2) <= [17+] and [17-] <= power([14+] * [15+] / [16-], 2)",
    "ols_mean": "[18-] + [14-] * [19-] <= [20+] and [20-] <= [18+] + [14+] * [19+]",
    "r2_nested": "[17-] <= [21+]",
}


def relation(rng: np.random.Generator, broken: str = "") -> dict[int, tuple[float, str]]:
    """Consistent mediation, groups, sizes and weights as a paper prints them; one of them broken."""
    a, b, direct = rng.uniform(0.05, 0.5, 3)
    total = a * b + direct
    gap = rng.uniform(0.08, 0.2)
    first = int(rng.integers(100, 900))
    shares = rng.dirichlet([3, 3, 3]) * 100
    numbers = [total, a, b, direct, total - gap, total + gap, first, 1000 - first, 1000, *shares, gap / 4]
    x, z = rng.gamma(2, 1, 300), rng.normal(size=300)
    y = 2 + rng.uniform(0.2, 1) * x + 0.3 * z + rng.normal(size=300)
    short, long = stats.linregress(x, y), np.column_stack([np.ones(300), x, z])
    residual = y - long @ np.linalg.lstsq(long, y, rcond=None)[0]
    numbers += [
        short.slope,
        x.std(ddof=1),
        y.std(ddof=1),
        short.rvalue**2,
        short.intercept,
        x.mean(),
        y.mean(),
    ]
    numbers.append(1 - residual.var() / y.var())
    if broken == "mediation_identity":
        numbers[3] += 0.1
    elif broken == "pooled_in_subgroups":
        numbers[4:6] = [total + 0.01, total + gap]
    elif broken == "sample_size":
        numbers[6] += 7
    elif broken == "weight_sum":
        numbers[9] += 1
    elif broken == "difference_tested":
        numbers[12] = gap * 4
    elif broken == "r2_bivariate":
        numbers[16] += 0.05
    elif broken == "ols_mean":
        numbers[17] += 0.05
    elif broken == "r2_nested":
        numbers[20] = numbers[16] - 0.03
    texts = [
        f"{x:.0f}" if 6 <= i <= 8 else f"{x:.1f}" if 9 <= i <= 11 else f"{x:.3f}"
        for i, x in enumerate(numbers)
    ]
    return {i: (float(text), text) for i, text in enumerate(texts, 1)}


def test_generated_relations() -> None:
    rng = np.random.default_rng(20260414)
    rows = []
    for rule, formula in FORMULAS.items():
        for _ in range(300):
            for broken in ("", rule):
                rows.append((rule, broken, bind(formula, relation(rng, broken), {})[0]))
    frame = pd.DataFrame(rows, columns=["rule_id", "broken", "holds_when"])
    checked = evaluate(frame.assign(reading="")).to_pandas()["outcome"] == "flagged"
    print("\nrule, recall, false alarms of 300 tables each")
    for rule in FORMULAS:
        recall = checked[(frame["rule_id"] == rule) & (frame["broken"] != "")].mean()
        alarms = checked[(frame["rule_id"] == rule) & (frame["broken"] == "")].mean()
        print(f"{rule}: {recall:.3f} {alarms:.3f}")
        assert recall >= 0.98
        assert alarms <= 0.01


# Rules whose statement is written per claim: a form of it, cells that satisfy it and cells that do not.
CLAIM_RULES = {
    **{rule: (formula, None, None) for rule, formula in FORMULAS.items()},
    "mediation_share": ("([1-] * [2-]) / [3+] <= 1", ("0.30", "0.50", "0.20"), ("0.80", "0.50", "0.20")),
    "text_direction": ("[1] > 0 and [2] > 0", ("0.12", "0.03"), ("0.12", "-0.03")),
    "text_significance": ("abs([1] / [2]) >= 1.96", ("0.20", "0.10"), ("0.20", "0.11")),
    "text_ranking": ("[1] > [2] and [2] > [3]", ("3", "2", "1"), ("3", "1", "2")),
    "text_largest": ("[1] >= greatest([2], [3])", ("0.5", "0.4", "0.5"), ("0.5", "0.4", "0.6")),
    "text_monotone": ("[1] <= [2] and [2] <= [3]", ("0.1", "0.2", "0.3"), ("0.1", "0.3", "0.2")),
    "text_reading": ("abs([1] * 100 - 12.3) <= 0.05", ("0.123",), ("0.132",)),
    "text_reference": ("'Table 4' = 'Table 4'", (), None),
    "index_definition": ("[1] * [2] >= 1", ("1.10", "0.95"), ("0.90", "0.95")),
    "treatment_mean": ("[1-] <= 77 / 308.0 and 77 / 308.0 <= [1+]", ("0.250",), ("0.205",)),
    "zone_fact": ("[1] = {zones_to_batch_7}", ("165",), ("132",)),
    "indicator_meaning": ("'a share of GDP' = 'a share of GDP'", (), None),
    "threshold_order": ("[1] > [2] and [2] > [3]", ("0.9", "0.7", "0.5"), ("0.9", "0.5", "0.7")),
    "scale_of_outcome": ("abs([1]) <= [2] * 5", ("0.8", "0.2"), ("8.0", "0.2")),
}


def test_every_rule_has_a_hand_made_case() -> None:
    rules = pd.read_csv(SEEDS / "audit_rule.csv")["rule_id"]
    of_tables = {mark.args[1][i][0] for mark in test_a_rule_tells_a_good_cell_from_a_bad_one.pytestmark
                 for i in range(len(mark.args[1]))}  # fmt: skip
    assert set(rules) == of_tables | set(CLAIM_RULES) | {
        "ratio_range",
        "index_jump",
        "copied_cells",
        "star_note",
        # test_publication_source.py
        "source_contains",
    }


@pytest.mark.parametrize(
    ("rule", "formula", "good", "bad"),
    [(rule, *case) for rule, case in CLAIM_RULES.items() if case[1] is not None],
)
def test_a_claim_tells_a_good_cell_from_a_bad_one(
    rule: str, formula: str, good: tuple[str, ...], bad: tuple[str, ...] | None
) -> None:
    def found(cells: tuple[str, ...], text: str) -> tuple[str, str | None]:
        printed = Printed()
        for column, cell in enumerate(cells, 1):
            printed.add("s", "T1", "x", "coef", cell, column=column, label=f"({column})")
        claims = pd.DataFrame([{"study_id": "s", "table_no": "T1", "rule_id": rule, "reading": "r",
                                "suggestion": "", "claim_no": 1, "quote": "q", "formula": text}])  # fmt: skip
        zones = pd.DataFrame({"batch": [7] * 165 + [8] * 16})
        frame = printed.frame() if cells else pd.DataFrame(columns=list(RESULT))
        row = evaluate(claim_statements(claims, frame, zones)).to_pylist()[0]
        place = "(1)" if len(cells) == 1 else None
        assert (row["row_label"], row["column_label"]) == ("x" if cells else None, place)
        return row["outcome"], row["evidence"]

    assert found(good, formula) == ("passed", None)
    other = formula.replace(" = '", " = 'not ") if bad is None else formula
    outcome, evidence = found(bad or (), other)
    assert outcome == "flagged"
    assert duckdb.sql(f"select {evidence}").fetchone() == (True,)


PLANTS = ("", "mean_in_range", "sd_upper", "sd_lower", "binary_sd", "stars_statistic", "t_sign", "index_jump",
          "copied_cells", "star_note", "stars_on_coefficient", "ratio_range")  # fmt: skip


def generated(printed: Printed, rng: np.random.Generator, study: str, plant: str) -> set[int]:
    """Three tables computed from data and printed with three decimals; returns the cells planted."""
    planted: set[int] = set()
    n = int(rng.choice([10, 30, 300]))
    for row in ("x", "w", "Policy"):
        data = rng.integers(0, 2, n).astype(float) if row == "Policy" else rng.gamma(2, 1, n)
        data[:2] = (0, 1) if row == "Policy" else data[:2]
        mean, sd, low, high = data.mean(), data.std(ddof=1), data.min(), data.max()
        if row == "w" and plant == "mean_in_range":
            mean = high * 1.02 + 0.01
        if row == "w" and plant == "sd_upper":
            sd = 1.1 * np.sqrt(n / (n - 1) * (high - mean) * (mean - low)) + 0.01
        if row == "w" and plant == "sd_lower":
            sd = 0.9 * max(high - mean, mean - low) / np.sqrt(n - 1) - 0.002
        if row == "Policy" and plant == "binary_sd":
            sd, mean = sd * 0.8 - 0.01, min(mean, 1 - mean)
        if row == "w" and plant == "ratio_range":
            high = 200.0
        for statistic, text in (("n", str(n)), ("mean", f"{mean:.3f}"), ("sd", f"{sd:.3f}"),
                                ("min", f"{low:.3f}" if row != "Policy" else "0"),
                                ("max", f"{high:.3f}" if row != "Policy" else "1")):  # fmt: skip
            cell = printed.add(study, "T1", row, statistic, text)
            if (row == "Policy") == (plant == "binary_sd") and row != "x":
                planted.add(cell) if plant in PLANTS[1:5] or plant == "ratio_range" else None
    df = int(rng.choice([20, 29, 60, 1_000_000]))
    beta = rng.normal(0, 1, (6, 4))
    for r in range(6):
        for column in range(1, 5):
            t = beta[r, column - 1] * 2.6
            if plant == "copied_cells" and column == 4:
                t = beta[r, 2] * 2.6
            hit = plant in ("stars_statistic", "t_sign", "stars_on_coefficient") and r == 0 and column == 1
            if hit:
                t = 3.4
            se = 0.1 * (1 + r)
            p = 2 * stats.t.sf(abs(t), df)
            level = int(p < 0.1) + int(p < 0.05) + int(p < 0.01)
            if plant == "star_note" and level:
                level = 4 - level
            if hit and plant == "stars_statistic":
                level = int(rng.integers(0, 2))
            on_t = hit and plant == "stars_on_coefficient"
            shown = -t if hit and plant == "t_sign" else t
            a = printed.add(study, "T2", f"v{r}", "coef", f"{t * se:.3f}", column=column,
                            stars="" if on_t else "*" * level)  # fmt: skip
            b = printed.add(study, "T2", f"v{r}", "t", f"{shown:.3f}", column=column,
                            stars="*" * level if on_t else "")  # fmt: skip
            if hit or (plant == "copied_cells" and column == 4):
                planted |= {a, b}
    for unit in "abcd":
        walk = rng.uniform(0.6, 0.8) * np.cumprod(rng.normal(1.03, 0.03, 9))
        for year, value in enumerate(walk, 2012):
            hit = plant == "index_jump" and unit == "a" and year == 2020
            cell = printed.add(
                study, "T3", str(year), "index", f"{value / 10 if hit else value:.3f}", label=unit
            )
            if hit:
                planted.add(cell)
    return planted


def test_generated_tables() -> None:
    """Recall and false alarms per rule on 960 tables (320 studies of three), most with one planted error."""
    rng = np.random.default_rng(7)
    printed, plants, cells, notes, ratios = Printed(), {}, {}, [], []
    for i in range(320):
        study, plant = f"s{i:03d}", PLANTS[i % len(PLANTS)]
        plants[study], cells[study] = plant, generated(printed, rng, study, plant)
        notes.append((study, "T2", None, None, "standard"))
        ratios.append((study, "T1", "w", 0.0, 100.0))
    checked = evaluate(statements(printed, notes, ratios)).to_pandas()
    checked = checked[checked["outcome"] != "not applicable"]
    found: dict[str, set[str]] = defaultdict(set)
    alarms: dict[str, list[bool]] = defaultdict(list)
    for row in checked.itertuples():
        plant = plants[row.study_id]
        touched = bool(cells[row.study_id] & {int(c) for c in str(row.cell_list).split() if c.isdigit()})
        flagged = row.outcome == "flagged"
        if row.rule_id == plant and (touched or plant == "star_note"):
            if flagged:
                found[plant].add(row.study_id)
        elif not touched and plant != "star_note":
            alarms[row.rule_id].append(flagged)
    print("\nrule, recall (planted), false alarms (statements)")
    for rule in PLANTS[1:]:
        n = sum(plant == rule for plant in plants.values())
        recall, rate = len(found[rule]) / n, float(np.mean(alarms[rule]))
        print(f"{rule}: {recall:.3f} ({n}) {rate:.4f} ({len(alarms[rule])})")
        assert recall >= 0.98, rule
        assert rate <= 0.01, rule


@pytest.fixture(scope="module")
def papers() -> pd.DataFrame:
    """The audit of the five papers from the seeds alone."""
    with (SEEDS / "published_result.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    printed = Printed()
    printed.rows = [
        tuple(
            int(r[c]) if c == "result_no" or (c == "column_no" and r[c]) else float(r[c]) if c == "value" and r[c]
            else r[c] or None for c in RESULT
        )
        for r in rows
    ]  # fmt: skip
    notes = pd.read_csv(SEEDS / "published_table.csv").astype(object).where(lambda x: x.notna(), None)
    ratios = pd.read_csv(SEEDS / "published_ratio.csv")
    claims = pd.read_csv(SEEDS / "published_claim.csv")
    zones = pd.read_csv(ROOT / "seeds" / "registry" / "pilot_zone.csv")
    made = statements(printed, [tuple(r) for r in notes.to_numpy()], [tuple(r) for r in ratios.to_numpy()])
    both = pd.concat([made, claim_statements(claims, printed.frame(), zones)])
    return evaluate(both).to_pandas()


PAPERS = SHARED / "papers"
# Of a paper the text, by the number that it has there.
PAPER_OF = {
    "yrd_malmquist": "000", "suqian_benchmark": "001", "manufacturing_exports": "002", "green_tfp": "003",
    "new_quality_productivity": "004",
}  # fmt: skip


def cut(text: str, place: str) -> str:
    """What stands between two places (line:column-line:column) of a text."""
    (first, start), (last, end) = ([int(n) for n in end.split(":")] for end in place.split("-"))
    lines = text.split("\n")[first - 1 : last]
    lines[-1] = lines[-1][:end]
    return "\n".join([lines[0][start - 1 :], *lines[1:]])


@pytest.mark.skipif(not PAPERS.is_dir(), reason="../shared/papers is not here")
def test_every_quote_is_cut_from_its_paper() -> None:
    """Blanks and line ends folded, nothing else."""
    texts = {
        study: next(PAPERS.glob(f"{number}_*")).read_text(encoding="utf-8")
        for study, number in PAPER_OF.items()
    }
    with (SEEDS / "published_claim.csv").open(encoding="utf-8") as handle:
        claims = list(csv.DictReader(handle))
    assert len(claims) >= 184
    for claim in claims:
        places, words = claim["source_place"].split("; "), claim["quote"].split(" … ")
        cuts = [cut(texts[claim["study_id"]], place) for place in places]
        assert ["".join(c.split()) for c in cuts] == ["".join(w.split()) for w in words], claim["claim_no"]
        assert claim["source_line"] == claim["source_place"].split(":")[0]


def test_every_finding_follows_from_its_evidence_alone(papers: pd.DataFrame) -> None:
    found = papers[papers["outcome"] == "flagged"]
    assert len(found) > 100
    con = duckdb.connect()
    for evidence in found["evidence"]:
        assert con.execute(f"select {evidence}").fetchone() == (True,), evidence


def test_consistent_cells_of_the_papers_are_not_flagged(papers: pd.DataFrame) -> None:
    flagged = papers[papers["outcome"] == "flagged"]
    by_cell = flagged[(flagged["rule_id"] == "stars_statistic") & (flagged["study_id"] != "yrd_malmquist")]
    assert by_cell.empty  # stars under t(29) and robust errors are right
    for rule in ("mediation_identity", "ols_mean", "weight_sum", "binary_sd"):
        assert rule not in set(flagged["rule_id"]), rule
        assert rule in set(papers["rule_id"]), rule


def test_cells_of_claims_exist_and_units_are_halved() -> None:
    assert (half_unit("3,878"), half_unit(".159"), half_unit("10.60")) == (0.5, 0.0005, 0.005)
    with pytest.raises(KeyError):
        bind("[9] > 0", {}, {})
    with pytest.raises(KeyError):
        zone_count("zones_until_2020", pd.DataFrame())


def test_the_print_is_not_altered() -> None:
    """The transcription is one thing, its corrections another: 1059 rows and the sum of what they print."""
    results = pd.read_csv(SEEDS / "published_result.csv")
    corrections = pd.read_csv(SEEDS / "published_correction.csv")
    assert len(results) == 1059
    both = corrections.merge(results, on="result_no", suffixes=("", "_printed"))
    assert len(both) == len(corrections)
    assert (both["printed"].astype(str) == both["printed_printed"].astype(str)).all()
    assert not np.isclose(both["value"], both["corrected"]).any()
