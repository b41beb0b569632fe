"""What study.yml says, as one object; every fault that shows without data is found here, all at once."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cbec.estimators.specification import COLUMN_OPTIONS, LAG, LIMITED, STAGGERED, Specification
from cbec.estimators.specification import ESTIMATORS as KNOWN_ESTIMATORS
from cbec.own_study.expression import FormulaError, check, names_in
from cbec.own_study.tree import Faults, Node, nearest, read_tree
from cbec.project import CbecError
from cbec.studies.diagnostics import DIAGNOSTICS, columns_named

FILE = "study.yml"
ID = re.compile(r"[a-z][a-z0-9_]{0,59}")
# A name that a formula, a regression and a file can carry.
NAME = re.compile(r"[^\W\d]\w{0,59}")
LEVELS = {"city": "prefecture", "major_city": "major_city", "province": "province"}
# Filters of registry.sample, and one for the regions that the study's own files name.
IN_FILES = "in_files"
FILTERS = ("all", "is_city", "is_major_city", "is_resource_based", IN_FILES)
YEAR_RULES = ("approval_year", "next_year_after_june", "exposure_share")
COUNTY_RULES = ("drop", "assign_parent", "flag")
LATE_RULES = ("control", "drop", "not_yet")
ZONES = "pilot_zones"
# What the timing of a policy gives, beside the columns of panel and files.
TREATMENTS = ("is_treated", "exposure_share", "zone_count", "dose")
#: The sample of a study's own.
OWN = "study"
FIELDS = (
    "study", "title", "level", "years", "sample", "data", "policy", "variables", "indices", "tables",
)  # fmt: skip


@dataclass(frozen=True)
class Label:
    """Names of a variable in both languages, and its unit in words; '' where the study gives none."""

    zh: str = ""
    en: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Formula:
    """A derived variable."""

    name: str
    text: str
    label: Label


@dataclass(frozen=True)
class Index:
    """An index by the entropy method. components: column -> positive or negative."""

    name: str
    components: dict[str, str]
    weighting: str
    label: Label


@dataclass(frozen=True)
class Policy:
    """Whom a policy treats since when. source: pilot_zones, a policy of registry.concurrent_policy, or the
    name of a list in the study's folder; the rest: see registry.treatment_rule."""

    source: str
    year_rule: str = "approval_year"
    county_rule: str = "drop"
    late_rule: str = "control"
    last_batch: int = 9999
    # A rule of the registry, for pilot zones alone.
    rule: str = ""
    label: Label = Label()


@dataclass(frozen=True)
class Sample:
    """Which regions in which years. name: a sample of the registry, '' for one of the study's own."""

    first_year: int
    last_year: int
    region_filter: str = "is_city"
    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Study:
    """A study as its file says; names of columns are as written until the data are there."""

    folder: Path
    study_id: str
    title: Label
    level: str
    sample: Sample
    data: tuple[str, ...]
    policy: Policy | None
    formulas: tuple[Formula, ...]
    indices: tuple[Index, ...]
    # Rows of studies.specification and studies.diagnostic; place: of each specification in the file.
    specifications: tuple[dict[str, Any], ...]
    diagnostics: tuple[dict[str, Any], ...]
    places: dict[tuple[str, int], tuple[str | int, ...]] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        return "province_code" if self.level == "province" else "prefecture_code"

    @property
    def region_level(self) -> str:
        return LEVELS[self.level]

    @property
    def rule_id(self) -> str | None:
        """The rule of the registry, or the year rule that the study's own one follows."""
        return None if self.policy is None else self.policy.rule or self.policy.year_rule


def read_study(folder: Path) -> tuple[Study, Faults]:
    """Read FOLDER/study.yml. Raises CbecError (exit code 2) where there is none or it is no YAML; whatever
    else is wrong is in the faults."""
    path = folder / FILE
    if not path.is_file():
        raise CbecError(f"{folder}: has no {FILE}; `cbec study new {folder}` makes one", exit_code=2)
    tree, faults = read_tree(path)
    fields = Node(tree, (), faults).fields(FIELDS)

    def part(name: str) -> Node:
        return fields.get(name, Node(None, (name,), faults))

    study_id = part("study").text() or _id_of(folder)
    if not ID.fullmatch(study_id):
        faults.add(("study",), f"{study_id!r} is no name: lower-case letters, digits and _, a letter first")
    level = part("level").choice(LEVELS) or "city"
    formulas, indices = _formulas(part("variables")), _indices(part("indices"))
    _distinct(formulas, indices, faults)
    policy = _policy(part("policy"))
    study = Study(
        folder=folder, study_id=study_id, title=_label(part("title")), level=level,
        sample=_sample(part("sample"), part("years"), level), data=tuple(part("data").texts()),
        policy=policy, formulas=formulas, indices=indices, specifications=(), diagnostics=(),
    )  # fmt: skip
    return _with_tables(study, part("tables")), faults


def _id_of(folder: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")
    return name if ID.fullmatch(name) else "study"


def _label(node: Node) -> Label:
    if isinstance(node.value, str):
        return Label(node.value, node.value)
    texts = {key: item.text() for key, item in node.fields(("zh", "en", "unit")).items()}
    zh, en = texts.get("zh", ""), texts.get("en", "")
    return Label(zh or en, en or zh, texts.get("unit", ""))


def _sample(node: Node, years: Node, level: str) -> Sample:
    if isinstance(node.value, str):
        if years.value is not None:
            years.fault("years stand in the sample of the registry already; leave one of the two out")
        return Sample(0, 9999, name=node.value)
    first, last = _years(years)
    fields = node.fields(("regions", "include", "exclude"))

    def part(name: str) -> Node:
        return fields.get(name, Node(None, (*node.place, name), node.faults))

    default = {"city": "is_city", "major_city": "is_major_city", "province": "all"}[level]
    return Sample(
        first, last, part("regions").choice(FILTERS) or default,
        tuple(part("include").texts()), tuple(part("exclude").texts()),
    )  # fmt: skip


def _years(node: Node) -> tuple[int, int]:
    text = node.text()
    found = re.fullmatch(r"(\d{4})\s*[-–—~到至]\s*(\d{4})", text)
    if not found:
        node.fault(
            f"{text!r} are no years; write 2010-2022" if text else "years are missing; write years: 2010-2022"
        )
        return 0, 9999
    first, last = int(found[1]), int(found[2])
    if first > last:
        node.fault(f"the first year, {first}, comes after the last, {last}")
    return first, last


def _policy(node: Node) -> Policy | None:
    if node.value is None:
        return None
    if isinstance(node.value, str):
        return Policy(node.value)
    fields = node.fields(("list", "rule", "year", "county", "late", "last_batch", "zh", "en"))

    def part(name: str) -> Node:
        return fields.get(name, Node(None, (*node.place, name), node.faults))

    source, rule = part("list").text(), part("rule").text()
    if not source:
        node.fault(f"name the list: a file of the folder, {ZONES}, or a policy of the registry")
    if rule and source != ZONES:
        part("rule").fault(f"rules of the registry are for {ZONES}; say year, county, late and last_batch")
    if rule and {"year", "county", "late", "last_batch"} & fields.keys():
        part("rule").fault("a rule of the registry says year, county, late and last_batch itself")
    return Policy(
        source,
        part("year").choice(YEAR_RULES) or YEAR_RULES[0],
        part("county").choice(COUNTY_RULES) or COUNTY_RULES[0],
        part("late").choice(LATE_RULES) or LATE_RULES[0],
        part("last_batch").whole(0, 9998) or 9999,
        rule,
        Label(part("zh").text() or part("en").text(), part("en").text() or part("zh").text()),
    )


def _formulas(node: Node) -> tuple[Formula, ...]:
    found = []
    for name, item in node.entries().items():
        text_node, label = item, Label()
        if isinstance(item.value, dict):
            fields = item.fields(("formula", "zh", "en", "unit"))
            text_node = fields.get("formula", Node(None, item.place, item.faults))
            label = _label(
                Node({k: v.value for k, v in fields.items() if k != "formula"}, item.place, item.faults)
            )
        text = text_node.text()
        if not NAME.fullmatch(name):
            item.fault(f"{name!r} is no name of a variable: letters, digits and _, no digit first")
        if not text:
            text_node.fault(f"{name} has no formula")
            continue
        try:
            check(text)
        except FormulaError as error:
            text_node.fault(f"{name}: {error}")
            continue
        found.append(Formula(name, text, label))
    return tuple(found)


def _indices(node: Node) -> tuple[Index, ...]:
    found = []
    for name, item in node.entries().items():
        fields = item.fields(("components", "weights", "zh", "en"))
        components = {}
        for column, direction in (
            fields.get("components", Node(None, item.place, item.faults)).entries().items()
        ):
            components[column] = direction.choice(("positive", "negative")) or "positive"
            if not direction.value:
                direction.fault(f"{column} needs its direction: positive or negative")
        if not NAME.fullmatch(name):
            item.fault(f"{name!r} is no name of an index: letters, digits and _, no digit first")
        if len(components) < 2:
            item.fault(f"index {name} needs at least two components")
            continue
        weights = fields.get("weights")
        texts = {k: v.text() for k, v in fields.items() if k in ("zh", "en")}
        label = Label(texts.get("zh", "") or texts.get("en", ""), texts.get("en", "") or texts.get("zh", ""))
        found.append(
            Index(name, components, weights.choice(("pooled", "by_year")) if weights else "pooled", label)
        )
    return tuple(found)


def _distinct(formulas: Iterable[Formula], indices: Iterable[Index], faults: Faults) -> None:
    names = [item.name for item in formulas]
    for index in indices:
        if index.name in names:
            faults.add(("indices", index.name), f"{index.name!r} is a variable already")


COLUMN = (
    "outcome", "treatment", "controls", "estimator", "fixed_effects", "errors", "winsor", "subgroup",
    "mediator", "moderator", "options", "note", "rule", "sample", "no",
)  # fmt: skip
# One column of the table for each value of these.
VARIED = ("outcome", "estimator", "subgroup", "mediator", "moderator")
TABLE = (*COLUMN, "columns", "diagnostics")
TABLE_NO = re.compile(r"[A-Za-z]{1,3}[0-9]{1,3}[A-Za-z]?")


def _with_tables(study: Study, node: Node) -> Study:
    """The study with its columns as rows of studies.specification."""
    rows: list[dict[str, Any]] = []
    diagnostics: list[dict[str, Any]] = []
    places: dict[tuple[str, int], tuple[str | int, ...]] = {}
    entries = node.entries()
    if not entries:
        node.fault("no table: write tables, T1 and its outcome")
    for table_no, item in entries.items():
        if not TABLE_NO.fullmatch(table_no):
            item.fault(f"{table_no!r} is no name of a table; write T1, T2 or A1")
        fields = item.fields(TABLE)
        shared = {key: value for key, value in fields.items() if key in COLUMN}
        own = [shared]
        if "columns" in fields:
            own = [shared | column.fields(COLUMN) for column in fields["columns"].items()]
        number, taken = 0, set[int]()
        for column in own:
            for chosen in _varied(column):
                number = (chosen["no"].whole(1, 999) if "no" in chosen else None) or number + 1
                if number in taken:
                    chosen.get("no", item).fault(f"table {table_no} has two columns {number}")
                taken.add(number)
                row = _row(study, table_no, number, chosen, item)
                if row:
                    rows.append(row)
                    places[table_no, number] = chosen["outcome"].place
        asked = fields.get("diagnostics")
        if asked:
            diagnostics += _diagnostics(study.study_id, table_no, number, asked)
    return replace(study, specifications=tuple(rows), diagnostics=tuple(diagnostics), places=places)


def _varied(column: dict[str, Node]) -> list[dict[str, Node]]:
    """The columns that lists of outcomes, estimators and groups stand for."""
    lists = {key: column[key].items() or [column[key]] for key in VARIED if key in column}
    return [column | dict(zip(lists, chosen, strict=True)) for chosen in itertools.product(*lists.values())]


def _row(
    study: Study, table_no: str, number: int, column: dict[str, Node], item: Node
) -> dict[str, Any] | None:
    def text(name: str, default: str = "") -> str:
        return (column[name].text() if name in column else "") or default

    if not text("outcome"):
        item.fault(f"table {table_no} has no outcome")
        return None
    estimator = column["estimator"].choice(KNOWN_ESTIMATORS) if "estimator" in column else "twfe"
    treatment = text("treatment", "is_treated" if study.policy else "")
    if not treatment:
        item.fault(f"table {table_no} has no treatment: name a column, or a policy above")
        return None
    controls = column["controls"].texts() if "controls" in column else []
    moderator = text("moderator")
    if moderator:
        # The two terms that an interaction needs beside its own.
        controls = [moderator, interaction(treatment, moderator), *controls]
    if "rule" in column and (study.policy is None or study.policy.source != ZONES):
        column["rule"].fault(f"a column has a rule of its own for {ZONES} alone")
    units = {"unit": study.unit}
    note = _label(column["note"]) if "note" in column else Label()
    takes_effects = estimator not in ("random_effects", "unit_slopes", "pooled", *LIMITED)
    effects = (
        column["fixed_effects"].texts()
        if "fixed_effects" in column
        else ["unit", "year"]
        if takes_effects
        else []
    )
    effects = [re.sub(r"\bunit\b", study.unit, effect) for effect in effects if effect != "none"]
    row = {
        "study_id": study.study_id, "table_no": table_no, "column_no": number,
        "estimator": estimator or "twfe", "options": _joined(column.get("options")),
        "outcome": text("outcome"), "treatment": treatment,
        "treatment_rule": text("rule") or study.rule_id if study.policy else None,
        "controls": " + ".join(controls) or None, "fixed_effects": " + ".join(effects) or None,
        "vcov": _errors(column.get("errors"), units), "sample": text("sample") or study.sample.name or OWN,
        "winsor": text("winsor") or None, "subgroup": text("subgroup").replace(" ", "") or None,
        "mediator": text("mediator") or None, "note": note.en or None, "note_zh": note.zh or None,
    }  # fmt: skip
    if note.en.count(";") != note.zh.count(";"):
        column["note"].fault("a note has as many parts (;) in Chinese as in English")
    try:
        spec = Specification.from_row(row)
    except ValueError as error:
        place = _blamed(str(error), column, item)
        place.fault(str(error).split(": ", 1)[-1])
        return None
    for name in dict.fromkeys(spec.controls):
        if spec.controls.count(name) > 1:
            column["controls"].fault(f"{name!r} stands twice among the controls")
        if name in (spec.outcome, spec.treatment):
            column["controls"].fault(
                f"{name!r} is the {'outcome' if name == spec.outcome else 'treatment'} too"
            )
    if spec.estimator in STAGGERED and treatment != "is_treated":
        column.get("treatment", item).fault(f"{spec.estimator} takes is_treated, not {treatment!r}")
    return row


def interaction(treatment: str, moderator: str) -> str:
    """Name of the product of a treatment and what moderates it."""
    return f"{treatment}_x_{moderator}"


def _blamed(message: str, column: dict[str, Node], item: Node) -> Node:
    for words, name in (
        ("winsor", "winsor"), ("subgroup", "subgroup"), ("option", "options"), ("vcov", "errors"),
        ("mediator", "mediator"), ("fixed effects", "fixed_effects"), ("estimator", "estimator"),
    ):  # fmt: skip
        if words in message and name in column:
            return column[name]
    return item


def _errors(node: Node | None, units: dict[str, str]) -> str:
    """iid, HC1, `cluster: unit`, `cluster: [unit, year]` or `conley: 200`, as a specification writes it."""
    if node is None or node.value is None:
        return f"CRV1:{units['unit']}"
    if isinstance(node.value, str):
        return node.value
    fields = node.fields(("cluster", "conley"))
    if len(fields) != 1:
        node.fault("say cluster or conley, one of them")
        return "iid"
    if "conley" in fields:
        return f"conley:{fields['conley'].whole(1, 5000) or 200}"
    names = [units.get(name, name) for name in fields["cluster"].texts()]
    return f"CRV1:{'+'.join(names)}"


def _joined(node: Node | None) -> str | None:
    """Options `name: value` as a specification writes them."""
    if node is None:
        return None
    return ";".join(f"{name}={item.text()}" for name, item in node.entries().items()) or None


def _diagnostics(study_id: str, table_no: str, n_columns: int, node: Node) -> list[dict[str, Any]]:
    """Rows of studies.diagnostic for every column of a table, or for those that `columns` lists."""
    found = []
    asked = (
        node.entries()
        if isinstance(node.value, dict)
        else {item.text(): Node(None, item.place, item.faults) for item in node.items()}
    )
    for name, item in asked.items():
        if name not in DIAGNOSTICS:
            item.fault(f"diagnostic {name!r} is not known{nearest(name, DIAGNOSTICS)}")
            continue
        # Asked for once, or with several sets of options.
        for one in item.items() or [item]:
            fields = one.fields(("columns", *DIAGNOSTICS[name]))
            columns = list(range(1, n_columns + 1))
            if "columns" in fields:
                columns = [number for n in fields["columns"].items() if (number := n.whole(1, n_columns))]
            options = ";".join(f"{key}={value.text()}" for key, value in fields.items() if key != "columns")
            shared = {
                "study_id": study_id,
                "table_no": table_no,
                "diagnostic": name,
                "options": options or None,
            }
            found += [shared | {"column_no": number} for number in columns]
    return found


def in_options(spec: Specification) -> list[str]:
    """Columns that options of an estimator name: what a frontier is made of."""
    return [name for key, value in spec.options if key in COLUMN_OPTIONS for name in str(value).split("-")]


def columns_of(study: Study) -> dict[str, tuple[str | int, ...]]:
    """Every column name that the study reads, with the place where it is first named: those of formulas and
    indices, and those of the tables without their lags."""
    found: dict[str, tuple[str | int, ...]] = {}
    for formula in study.formulas:
        for name in names_in(formula.text):
            found.setdefault(name, ("variables", formula.name))
    for index in study.indices:
        for name in index.components:
            found.setdefault(name, ("indices", index.name, "components", name))
    for row in study.specifications:
        spec = Specification.from_row(row)
        place = ("tables", spec.table_no)
        for name in (*spec.variables, *in_options(spec)):
            match = LAG.fullmatch(name)
            found.setdefault(match[2] if match else name, place)
        if spec.subgroup:
            found.setdefault(spec.subgroup.column, place)
    for row in study.diagnostics:
        for _, value in columns_named(row["options"]):
            for name in value.split("+"):
                found.setdefault(name, ("tables", row["table_no"], "diagnostics", row["diagnostic"]))
    return found
