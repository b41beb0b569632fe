"""A build that starts from the published file equals one that starts from nothing, whatever has changed."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import yaml

from bench.compare import differing
from cbec.pipeline import build as build_module
from cbec.pipeline import rebuild
from cbec.pipeline.build import build
from cbec.pipeline.runlog import file_sha256
from cbec.project import Project
from tests.conftest import LONG, ROOT, long_only, run_cbec
from tests.refresh.conftest import Small, make_small_project

PRICES = "region,price,kind\na,1.5,x\nb,2.5,x\nc,4,y\n"
MODELS = {
    "models/staging/stg_price.sql": "select region, price, kind from {{ ref('price') }}",
    "models/intermediate/int_scaled.sql": "select region, price * {{ var('probe') }} as price, kind from {{ ref('stg_price') }}",
    # Comes out as it was for most changes of prices.
    "models/intermediate/int_kinds.sql": "select distinct kind from {{ ref('stg_price') }} order by all",
    "models/marts/kinds.sql": "select kind, {{ doubled('length(kind)') }} as n from {{ ref('int_kinds') }} order by all",
    "models/marts/scaled.sql": "select *, {{ dbt.length('region') }} as n from {{ ref('int_scaled') }} order by all",
    "models/marts/landed.sql": "select count(*) as n, count(distinct source_file) as n_files from {{ ref('stg_landing__observation') }}",
    "models/marts/columns.sql": "{% for node in graph.nodes.values() | sort(attribute='unique_id') if node.resource_type == 'model' %}"
    "select '{{ node.name }}' as name, {{ node.columns | length }} as n {{ 'union all ' if not loop.last }}"
    "{% endfor %}",
    "models/quality/odd.sql": "select * from {{ ref('scaled') }} where price > {{ limit() }}",
    "macros/probe.sql": "{% macro doubled(x) %}2 * ({{ x }}){% endmacro %}{% macro limit() %}{{ var('probe_limit') }}{% endmacro %}",
    "python_models/summed.py": "def model(dbt, session):\n    scaled = dbt.ref('scaled')\n"
    "    return session.sql('select kind, sum(price) as price from scaled group by kind order by kind')\n",
    "python_models/summed.yml": "models:\n  - name: summed\n    config: {schema: marts, materialized: table}\n",
    "tests/assert_prices.sql": "select * from {{ ref('scaled') }} where price < 0",
    "tests/warn_prices.sql": "{{ config(severity='warn') }}\nselect * from {{ ref('scaled') }} where price > 2",
}
YML = {
    "seeds/refresh/price.yml": {
        "seeds": [
            {
                "name": "price",
                "description": "Prices.",
                "columns": [
                    {"name": "region", "data_type": "varchar", "description": "Region."},
                    {"name": "price", "data_type": "double", "description": "Price."},
                    {"name": "kind", "data_type": "varchar", "description": "Kind."},
                ],
            }
        ]
    },
    "models/marts/scaled.yml": {
        "models": [
            {
                "name": "scaled",
                "description": "Scaled prices.",
                "columns": [{"name": "region", "description": "Region.", "data_tests": ["not_null"]}],
            }
        ],
        "unit_tests": [
            {
                "name": "a_price_is_scaled",
                "model": "int_scaled",
                "given": [
                    {"input": "ref('stg_price')", "rows": [{"region": "a", "price": 1.0, "kind": "x"}]}
                ],
                "expect": {"rows": [{"region": "a", "price": 2.0, "kind": "x"}]},
                "overrides": {"vars": {"probe": 2}},
            }
        ],
    },
}


@dataclass(frozen=True)
class Place:
    """A project with a landing folder; `published` is built on, `anew` holds a full build of the same."""

    root: Path
    folder: Path

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        self.write(name, text.replace(old, new))

    def declare(self, name: str, column: dict[str, str]) -> None:
        """One more column of a seed."""
        content = yaml.safe_load((self.root / name).read_text(encoding="utf-8"))
        content["seeds"][0]["columns"].append(column)
        self.write(name, yaml.safe_dump(content))

    def build(self, name: str, *, is_full: bool) -> tuple[Path, int]:
        """The published file and how many models ran."""
        project = Project(self.root, self.folder / name, self.folder / "landing")
        done = build(project, is_full=is_full)
        return project.database("dev"), done.n_run


@pytest.fixture(scope="module")
def place(module_folder: Callable[[str], Path]) -> Place:
    folder = module_folder("rebuild")
    root = make_small_project(folder).root
    place = Place(root, folder)
    (folder / "landing").mkdir()
    settings = yaml.safe_load((root / "dbt_project.yml").read_text())
    settings["vars"] |= {"probe": 2, "probe_limit": 3}
    place.write("dbt_project.yml", yaml.safe_dump(settings))
    place.write("seeds/refresh/price.csv", PRICES)
    for name, text in MODELS.items():
        place.write(name, text)
    for name, content in YML.items():
        place.write(name, yaml.safe_dump(content))
    return place


def land(place: Place, name: str) -> None:
    """Import a file of one city into the landing folder."""
    file = place.folder / f"{name}.csv"
    file.write_text("城市,年份,GDP(亿元)\n保定市,2014,2800\n保定市,2015,2900\n", encoding="utf-8")
    done = run_cbec(
        "import", str(file), warehouse=place.folder / "import", root=place.root,
        env={"CBEC_LANDING": str(place.folder / "landing")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def unland(place: Place) -> None:
    for path in (place.folder / "landing").glob("*.parquet"):
        path.unlink()


# What changes, in this order, each on top of those before; and how many models run, where that is the point.
CHANGES: dict[str, tuple[Callable[[Place], None], int | None]] = {
    "the first build": (lambda p: None, None),
    "a row of a seed": (lambda p: p.edit("seeds/refresh/price.csv", "b,2.5", "b,2.75"), None),
    "a row more": (lambda p: p.edit("seeds/refresh/price.csv", "c,4,y\n", "c,4,y\nd,5,y\n"), None),
    "a row less": (lambda p: p.edit("seeds/refresh/price.csv", "d,5,y\n", ""), None),
    "rows in another order": (
        lambda p: p.edit("seeds/refresh/price.csv", "a,1.5,x\nb,2.75,x\n", "b,2.75,x\na,1.5,x\n"), None,
    ),
    "a seed written otherwise": (lambda p: p.edit("seeds/refresh/price.csv", "c,4,y", 'c,4.0,"y"'), None),
    "the type of a seed's column": (
        lambda p: p.edit("seeds/refresh/price.yml", "data_type: double", "data_type: decimal(9, 3)"), None,
    ),
    "a column more in a seed": (
        lambda p: (
            p.write("seeds/refresh/price.csv", "region,price,kind,more\na,1.5,x,1\nb,2.75,x,1\nc,4,y,2\n"),
            p.declare("seeds/refresh/price.yml", {"name": "more", "data_type": "integer", "description": "More."}),
        ), None,
    ),
    "another seed": (lambda p: p.write("seeds/refresh/stamp.csv", "stamp\n7\n"), 3),
    "what a model says": (
        lambda p: p.edit("models/marts/scaled.sql", "order by all", "order by all desc"), None,
    ),
    "a comment in a model": (
        # int_scaled runs and comes out as it was; its test and nothing after it runs. `columns` reads the graph.
        lambda p: p.edit("models/intermediate/int_scaled.sql", "select region", "-- why\nselect region"), 2,
    ),
    "what a view says": (lambda p: p.edit("models/staging/stg_price.sql", "price, kind", "price + 1 as price, kind"), None),
    "a description": (
        lambda p: p.edit("models/marts/scaled.yml", "Scaled prices.", "Prices, scaled."), 2,
    ),
    "the description of a column": (lambda p: p.edit("models/marts/scaled.yml", "Region.", "The region."), 2),
    "a model more": (
        lambda p: p.write("models/marts/third.sql", "select stamp + 1 as stamp from {{ ref('stamp') }}"), None,
    ),
    "a model that reads it": (
        lambda p: p.write("models/marts/fourth.sql", "select stamp + 1 as stamp from {{ ref('third') }}"), None,
    ),
    "a model less": (lambda p: (p.root / "models/marts/fourth.sql").unlink(), None),
    "another name of a model": (
        lambda p: (p.root / "models/marts/third.sql").rename(p.root / "models/marts/fifth.sql"), None,
    ),
    "a table becomes a view": (
        lambda p: p.edit("models/intermediate/int_kinds.sql", "select distinct", "{{ config(materialized='view') }}\nselect distinct"),
        None,
    ),
    "and a table again": (
        lambda p: p.edit("models/intermediate/int_kinds.sql", "{{ config(materialized='view') }}\n", ""), None,
    ),
    "a macro": (lambda p: p.edit("macros/probe.sql", "2 * ", "3 * "), None),
    "a variable": (lambda p: p.edit("dbt_project.yml", "probe: 2", "probe: 5"), None),
    "a variable that a macro names": (lambda p: p.edit("dbt_project.yml", "probe_limit: 3", "probe_limit: 9"), None),
    "a variable of a computed name": (
        lambda p: (
            p.edit("dbt_project.yml", "vars:\n", "vars:\n  probe_x: 1\n"),
            p.write("models/marts/computed.sql", "select {{ var('probe_' ~ 'x') }} as x"),
        ), None,
    ),
    "and its value": (lambda p: p.edit("dbt_project.yml", "probe_x: 1", "probe_x: 2"), None),
    "that model gone": (lambda p: (p.root / "models/marts/computed.sql").unlink(), None),
    "a variable that nobody names": (lambda p: p.edit("dbt_project.yml", "vars:\n", "vars:\n  unread: 1\n"), 0),
    "a landed file": (lambda p: land(p, "one"), None),
    "a second one": (lambda p: land(p, "two"), None),
    "no landed file": (unland, None),
    "a data test more": (
        lambda p: p.write("tests/assert_more.sql", "select * from {{ ref('kinds') }} where n < 0"), None,
    ),
    "a data test": (lambda p: p.edit("tests/assert_more.sql", "n < 0", "n < -1"), None),
    "a generic test more": (
        lambda p: p.edit("models/marts/scaled.yml", "- not_null", "- not_null\n    - unique"), None,
    ),
    "a unit test": (lambda p: p.edit("models/marts/scaled.yml", "price: 2.0", "price: 2.00"), None),
    "a Python model": (
        lambda p: p.edit("python_models/summed.py", "sum(price)", "max(price)"), None,
    ),
    "the folder of a model": (
        lambda p: (p.root / "models/marts/kinds.sql").rename(p.root / "models/quality/kinds.sql"), None,
    ),
    "a setting of the project": (
        lambda p: p.edit("dbt_project.yml", "send_anonymous_usage_stats: false", "send_anonymous_usage_stats: false\n  warn_error: false"),
        None,
    ),
    "several things at once": (
        lambda p: (
            p.edit("seeds/refresh/price.csv", "a,1.5", "a,1.25"), p.edit("macros/probe.sql", "3 * ", "4 * "),
            p.edit("dbt_project.yml", "probe: 5", "probe: 6"), land(p, "three"),
        ), None,
    ),
}  # fmt: skip


def beside_tables(database: Path) -> list[object]:
    """What belongs to a published file beside its rows: comments, tests, nodes."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return [
            connection.execute(query).fetchall()
            for query in (
                "select schema_name, table_name, comment from duckdb_tables() where schema_name <> 'meta' order by all",
                "select schema_name, table_name, column_name, comment from duckdb_columns()"
                " where schema_name <> 'meta' and not internal order by all",
                "select schema_name, view_name, sql from duckdb_views() where not internal order by all",
                "select test, status, failures from meta.test_result order by all",
                "select name from meta.node_time order by all",
                "select table_schema, table_name, n_rows from meta.table_size order by all",
                "from meta.node_state order by all",
                "select kind, path, sha256 from meta.input_file order by all",
            )
        ]


AT_ONCE = 6
UNDOES = ("a row less", "a model less", "and ", "that ", "no ")


def test_a_build_on_the_published_file_equals_one_from_nothing(place: Place) -> None:
    assert len(CHANGES) > 30
    waiting: list[str] = []
    for number, (what, (change, n_models)) in enumerate(CHANGES.items()):
        change(place)
        waiting.append(what)
        following = [*CHANGES.items()][number + 1 : number + 2]
        # What is counted is built alone, and a change before what takes it back; of the others so many at once.
        is_alone = n_models is not None or any(
            n is not None or name.startswith(UNDOES) for name, (_, n) in following
        )
        if following and not (LONG or number == 0 or is_alone or len(waiting) == AT_ONCE):
            continue
        what, waiting = ", ".join(waiting), []
        published, n_run = place.build("published", is_full=False)
        anew, _ = place.build("anew", is_full=True)
        assert differing(published, anew) == {}, what
        assert beside_tables(published) == beside_tables(anew), what
        if n_models is not None:
            assert n_run == n_models, what


# For each line of names the modules of the package that importing them loads, in a process of its own. What
# others wrote is there already, so that it is loaded once.
LOADS = """
import os, sys
import pandas, scipy.stats, scipy.optimize, duckdb, pyarrow, pyfixest, diff_diff, linearmodels.panel
for line in sys.stdin:
    if not os.fork():
        for name in line.split():
            __import__(name)
        print(*sorted(m for m in sys.modules if m.split(".")[0] == "cbec"), flush=True)
        os._exit(0)
    os.wait()
"""


def test_a_python_model_has_the_print_of_all_that_it_imports() -> None:
    """Every module of the package that running a model loads is among those whose content counts."""
    models = sorted((ROOT / "python_models").rglob("*.py"))
    lines = [
        " ".join(
            f"{node.module}"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module
        )
        for path in models
    ]
    done = subprocess.run(
        [sys.executable, "-c", LOADS], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()
    assert len(loaded) == len(models), done.stderr
    for path, names in zip(models, loaded, strict=True):
        assert names, path.name
        assert set(names.split()) <= {line.split()[0] for line in rebuild.python_prints(path)}, path.name


def test_a_changed_module_changes_the_print(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that is reached through others only, or inside a function."""
    package = tmp_path / "cbec"
    shutil.copytree(ROOT / "cbec", package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(rebuild, "_PACKAGE", package)
    model = ROOT / "python_models/estimates/fit.py"
    reached = {line.split()[0] for line in rebuild.python_prints(model)} - {"model"}
    assert {"cbec", "cbec.estimators.panel", "cbec.estimators.staggered.libraries"} <= reached
    for name in sorted(reached):
        before = rebuild.python_prints(model)
        place = package.joinpath(*name.split(".")[1:])
        file = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        file.write_text(file.read_text() + "\n# changed\n")
        assert rebuild.python_prints(model) != before, name
    untouched = package / "dashboard/app.py"
    if untouched.is_file():
        before = rebuild.python_prints(model)
        untouched.write_text(untouched.read_text() + "\n# changed\n")
        assert rebuild.python_prints(model) == before


def test_a_python_model_has_the_print_of_what_is_withheld_of_its_table() -> None:
    """No code of the model names that macro: its materialization does."""
    texts = {
        "macro.cbec_warehouse.withhold_few_clusters": (
            "errors {{ var('min_effective_clusters') }}",
            ["macro.p.other"],
        ),
        "macro.p.other": ("columns", []),
        "macro.p.unread": ("nothing", []),
    }
    macros = {
        name: SimpleNamespace(macro_sql=text, depends_on=SimpleNamespace(macros=reached))
        for name, (text, reached) in texts.items()
    }
    printer = object.__new__(rebuild._Printer)
    printer._manifest = SimpleNamespace(macros=macros)
    node = SimpleNamespace(resource_type="model", language="python", depends_on=SimpleNamespace(macros=[]))
    found = printer._macros(node)
    assert sorted(found) == ["columns", "errors {{ var('min_effective_clusters') }}"]
    node.language = "sql"
    assert printer._macros(node) == []
    # The shipped macro has the name that is looked for.
    assert rebuild.AFTER_PYTHON[1:] in (ROOT / "macros/rebuild.sql").read_text(encoding="utf-8")


def test_nothing_changed_is_nothing_to_do(small: Small) -> None:
    before = small.version()
    done = small.cbec("build")
    assert done.returncode == 0, done.stderr
    again = small.cbec("build")
    assert "nothing to build" in again.stdout
    full = small.cbec("build", "--full")
    assert "nothing to build" not in full.stdout
    assert small.version()[1] == before[1]
    # What belongs to the published file is made again when it is gone.
    small.warehouse.joinpath("cbec_docs.html").unlink()
    assert "nothing to build" not in small.cbec("build").stdout
    assert small.warehouse.joinpath("cbec_docs.html").is_file()


@pytest.mark.parametrize(
    "spoiled", [pytest.param(b"", marks=long_only), b"no message", pytest.param(None, marks=long_only)]
)
def test_what_dbt_has_parsed_may_be_spoiled_or_gone(small: Small, spoiled: bytes | None) -> None:
    small.stamp(2)
    assert small.cbec("build").returncode == 0
    (parsed,) = (small.warehouse / ".build").glob("parsed-*")
    if spoiled is None:
        parsed.unlink()
    else:
        parsed.write_bytes(spoiled)
    small.stamp(3)
    done = small.cbec("build")
    assert done.returncode == 0, done.stderr
    assert small.version()[1] == 3
    # One version of it, of the project as it is.
    (small.root / "models/marts/second.sql").write_text(
        "select stamp, position + 1 as position from {{ ref('stamp') }}, range(9) as positions(position)"
    )
    assert small.cbec("build").returncode == 0
    (again,) = (small.warehouse / ".build").glob("parsed-*")
    assert again.name != parsed.name
    with duckdb.connect(str(small.database), read_only=True) as connection:
        assert connection.sql("select max(position) from marts.second").fetchone() == (9,)


def test_what_somebody_wrote_into_the_published_file_is_not_carried_on(small: Small) -> None:
    """The next build, and the next refresh, start from nothing; the kept version is not published again."""
    small.stamp(2)
    assert small.cbec("build").returncode == 0
    for verb in ("build", "refresh"):
        with duckdb.connect(str(small.database)) as connection:
            connection.execute("update marts.first set position = -1 where position = 7")
        run_id = small.version()[0]
        done = small.cbec(verb)
        assert done.returncode == 0, done.stderr
        with duckdb.connect(str(small.database), read_only=True) as connection:
            assert connection.sql("select min(position), max(position) from marts.first").fetchone() == (
                0,
                19999,
            )
        kept = small.cbec("rollback", "--to", run_id)
        assert kept.returncode == 2
        assert "not as it was published" in kept.stderr
        assert small.cbec(verb).returncode == (3 if verb == "refresh" else 0)
    (small.warehouse / "run_log.jsonl").unlink()
    assert "nothing to build" not in small.cbec("build").stdout
    assert "nothing to build" in small.cbec("build").stdout


WRITES = """
import os, duckdb
connection = duckdb.connect({path!r})
connection.execute("update marts.first set position = -1 where position = 7")
os._exit(1)
"""


def test_what_somebody_wrote_and_did_not_finish_is_not_carried_on(small: Small) -> None:
    """DuckDB leaves it in a file beside, which every reader takes for a part of the published one."""
    small.stamp(2)
    assert small.cbec("build").returncode == 0
    subprocess.run([sys.executable, "-c", WRITES.format(path=str(small.database))], check=False)
    beside = small.database.with_name("cbec.duckdb.wal")
    assert beside.exists()
    assert "nothing to build" not in small.cbec("build").stdout
    assert not beside.exists()
    with duckdb.connect(str(small.database), read_only=True) as connection:
        assert connection.sql("select min(position) from marts.first").fetchone() == (0,)


def test_what_somebody_wrote_into_a_copy_is_not_carried_on(small: Small) -> None:
    copy = small.warehouse / "parquet/marts/first.parquet"
    duckdb.execute(f"copy (select 777 as stamp, 1 as position) to '{copy}' (format parquet)")
    (small.root / "models/marts/second.sql").write_text(
        "select stamp, position from {{ ref('stamp') }}, range(9) as positions(position)"
    )
    assert small.cbec("build").returncode == 0
    assert duckdb.sql(f"select count(*), max(stamp) from '{copy}'").fetchone() == (20000, 1)


def test_copies_of_tables_that_came_out_as_they_were_are_taken_over(small: Small) -> None:
    """Both before and after a full build, whose copies have the same bytes."""
    first, second = (small.warehouse / f"parquet/marts/{name}.parquet" for name in ("first", "second"))
    before, bytes_before = (first.stat().st_ino, second.stat().st_ino), first.read_bytes()
    (small.root / "models/marts/second.sql").write_text(
        "select stamp, position from {{ ref('stamp') }}, range(9) as positions(position)"
    )
    assert small.cbec("build").returncode == 0
    assert first.stat().st_ino == before[0]
    assert second.stat().st_ino != before[1]
    assert small.cbec("build", "--full").returncode == 0
    assert first.stat().st_ino != before[0]
    assert first.read_bytes() == bytes_before


def test_a_build_finishes_what_a_killed_one_began(small: Small) -> None:
    """Killed between the file and its copies: to build is not nothing."""
    small.stamp(50)
    assert small.cbec("build").returncode == 0
    run_id = small.version()[0]
    (small.warehouse / ".build" / run_id).mkdir()
    done = small.cbec("build")
    assert "nothing to build" not in done.stdout
    assert small.version()[1] == 50
    assert not (small.warehouse / ".build" / run_id).exists()


def test_files_that_change_while_they_are_built_are_not_built_on(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that is changed back: nobody knows which of the two dbt has read."""
    seed = small.root / "seeds/refresh/stamp.csv"
    project = Project(small.root, small.warehouse, small.warehouse / "landing")
    copy = build_module.copy_to_parquet

    def meddling(*arguments: Any) -> dict[str, str]:
        text = seed.read_text()
        seed.write_text("stamp\n99\n")
        seed.write_text(text)
        return copy(*arguments)

    small.stamp(4)
    monkeypatch.setattr(build_module, "copy_to_parquet", meddling)
    done = build(project)
    assert "stamp.csv changed while it was built" in done.warnings[0]
    monkeypatch.undo()
    again = build(project)
    assert again.is_new
    assert again.reason_full
    assert not build(project).is_new


def test_a_cut_off_in_the_environment_is_an_input(small: Small) -> None:
    assert small.cbec("build").returncode == 0
    assert "nothing to build" in small.cbec("build").stdout
    cut = small.cbec("build", env={"CBEC_AS_OF": "2014"})
    assert cut.returncode == 0, cut.stderr
    assert "nothing to build" not in cut.stdout
    assert "nothing to build" not in small.cbec("build").stdout


def test_what_says_nothing_of_itself_is_built_from_nothing(small: Small) -> None:
    """Only tables and views tell whether they came out as they were."""
    (small.root / "models/marts/passing.sql").write_text(
        "{{ config(materialized='ephemeral') }}select 10 * stamp as stamp from {{ ref('stamp') }}"
    )
    (small.root / "models/marts/third.sql").write_text("select stamp from {{ ref('passing') }}")
    for number in (2, 3):
        small.stamp(number)
        assert small.cbec("build").returncode == 0
        with duckdb.connect(str(small.database), read_only=True) as connection:
            assert connection.sql("select stamp from marts.third").fetchone() == (10 * number,)


DOUBLED = """
models: [{name: doubled, description: Twice.}]
unit_tests:
  - name: %s
    model: doubled
    given: [{input: ref('stamp'), rows: [{stamp: 1.26}]}]
    expect: {rows: [{twice: 2.52}]}
"""


def doubled(small: Small, unit_test: str) -> Path:
    """A model of a number with a unit test; gives the yml of its seed."""
    declared = small.root / "seeds/refresh/stamp.yml"
    declared.write_text(declared.read_text().replace("integer", "double"))
    (small.root / "models/marts/doubled.sql").write_text("select 2 * stamp as twice from {{ ref('stamp') }}")
    (small.root / "models/marts/doubled.yml").write_text(DOUBLED % unit_test)
    done = small.cbec("build")
    assert done.returncode == 0, done.stderr
    return declared


def test_a_unit_test_runs_again_when_its_tables_have_other_types(small: Small) -> None:
    declared = doubled(small, "a_number_is_doubled")
    declared.write_text(declared.read_text().replace("double", "decimal(9, 1)"))
    done = small.cbec("build")
    assert done.returncode == 4
    assert "a_number_is_doubled" in done.stderr


def test_a_unit_test_named_like_its_model_hides_it_from_nothing(small: Small) -> None:
    doubled(small, "doubled")
    small.stamp(8)
    assert small.cbec("build").returncode == 0
    with duckdb.connect(str(small.database), read_only=True) as connection:
        assert connection.sql("select twice from marts.doubled").fetchone() == (16,)


def test_a_moved_model_is_told_by_its_path(small: Small) -> None:
    (small.root / "models/marts/places.sql").write_text(
        "{% for node in graph.nodes.values() | sort(attribute='unique_id') if node.name == 'second' %}"
        "select '{{ node.original_file_path }}' as path{% endfor %}"
    )
    assert small.cbec("build").returncode == 0
    (small.root / "models/marts/below").mkdir()
    (small.root / "models/marts/second.sql").rename(small.root / "models/marts/below/second.sql")
    assert small.cbec("build").returncode == 0
    with duckdb.connect(str(small.database), read_only=True) as connection:
        assert connection.sql("from marts.places").fetchone() == ("models/marts/below/second.sql",)


def test_a_macro_in_the_place_of_dbts_own_makes_every_table_anew(small: Small) -> None:
    assert small.cbec("build").returncode == 0
    (small.root / "macros/over.sql").write_text(
        "{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql') %}{% set more = kwargs %}"
        "create table {{ relation.include(database=(not temporary), schema=(not temporary)) }} as"
        " (select * from ({{ compiled_code }}) limit 1){% endmacro %}"
    )
    done = small.cbec("build")
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(small.database), read_only=True) as connection:
        assert connection.sql("select count(*) from marts.first").fetchone() == (1,)


def test_a_failing_test_is_not_passed_over_by_the_next_build(small: Small) -> None:
    """A failed build leaves the published states, so that the test runs again until it passes."""
    small.stamp(-1)
    for _ in range(2):
        failed = small.cbec("build")
        assert failed.returncode == 4
        assert "assert_stamps_are_not_negative" in failed.stderr
        assert small.version()[1] == 1
    small.stamp(5)
    assert small.cbec("build").returncode == 0
    assert small.version()[1] == 5


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("drop table meta.kept_result", marks=long_only),
        "drop table meta.node_state",
        pytest.param("drop schema meta cascade", marks=long_only),
    ],
)
def test_a_published_file_that_says_too_little_is_built_anew(small: Small, statement: str) -> None:
    was = file_sha256(small.database)
    with duckdb.connect(str(small.database)) as connection:
        connection.execute(statement)
    log = small.warehouse / "run_log.jsonl"
    log.write_text(log.read_text().replace(was, file_sha256(small.database)))
    small.stamp(3)
    done = small.cbec("build")
    assert done.returncode == 0, done.stderr
    assert "ran again" not in done.stdout
    assert small.version()[1] == 3


def test_a_file_of_mostly_unused_room_is_written_anew(small: Small, tmp_path: Path) -> None:
    """Everything stays: rows in their order, comments, types, and the format that old readers know."""
    file, before = tmp_path / "file.duckdb", tmp_path / "before.duckdb"
    shutil.copy(small.database, file)
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "create table marts.filler as select range as n, hash(range) as h from range(3000000)"
        )
        connection.execute("comment on column marts.first.stamp is 'kept'")
        connection.execute("create view marts.seen as from marts.first")
        connection.execute("checkpoint")
        connection.execute("drop table marts.filler")
        connection.execute("checkpoint")
        # Blocks at the end of the file are given back; these stay in its midst.
        connection.execute("create table marts.last as select hash(range) as h from range(300000)")
    shutil.copy(file, before)
    rebuild.compact(file)
    assert differing(before, file) == {}
    assert beside_tables(before) == beside_tables(file)
    assert file.stat().st_size <= before.stat().st_size
    with duckdb.connect(str(file), read_only=True) as connection:
        tags = connection.execute("select tags from duckdb_databases() where path is not null").fetchall()
    assert "v1.0.0" in str(tags)
    profile = yaml.safe_load((ROOT / "profiles.yml").read_text())["cbec_warehouse"]["outputs"]["dev"]
    assert profile["config_options"]["storage_compatibility_version"] == rebuild.STORAGE_VERSION
