"""What a study waits for: named input by input, with editions that really do not print it."""

from __future__ import annotations

import re

import duckdb

from cbec.common.words import translate

PART = re.compile(r"no (?:edition ([\d, -]+) prints|series that panels read has) (.+?)(?: for ([\d, -]+))?$")


def _numbers(runs: str) -> set[int]:
    ends = (re.findall(r"\d+", run) for run in runs.split(",") if run)
    return {number for run in ends for number in range(int(run[0]), int(run[-1]) + 1)}


def _awaited(reason: str) -> list[tuple[set[int], list[str], set[int]]]:
    found = [PART.match(part) for part in reason.split("; ")]
    return [
        (_numbers(match[1] or ""), match[2].split(", "), _numbers(match[3] or "")) for match in found if match
    ]


def _printed(db: duckdb.DuckDBPyConnection) -> set[tuple[str, int]]:
    """Indicator and edition of every figure of the yearbook that a panel can read."""
    return set(
        db.sql(
            "select distinct indicator_id, edition from marts.observation"
            " where vintage = 'ccsy' and is_panel_scope and value_reported is not null"
        ).fetchall()
    )


def test_a_reason_names_inputs_and_editions_that_lack_them(db: duckdb.DuckDBPyConnection) -> None:
    """Against the observations themselves, which no reason is made of."""
    printed = _printed(db)
    rows = db.sql(
        "select reason, region_level, first_year, last_year from estimates.specification_status as status"
        " inner join registry.sample as sample on status.sample = sample.sample_id"
        " where status = 'awaiting data'"
    ).fetchall()
    assert len(rows) > 100
    for reason, level, first, last in rows:
        awaited = _awaited(reason)
        assert awaited, reason
        for editions, inputs, years in awaited:
            # Of a city every gap has its edition; provinces are read from no yearbook of editions.
            assert bool(editions) == (level == "prefecture"), reason
            assert not {(name, edition) for name in inputs for edition in editions} & printed, reason
            assert not years or not editions or editions == {year + 1 for year in years}, reason
            # Without years: of the whole sample, and of the years before where lags are read too.
            starts = {first - lag for lag in {0, *map(int, re.findall(r"\bL([0-9])\.", reason))}}
            assert years or not editions or editions in [set(range(y + 1, last + 2)) for y in starts], reason


def test_readiness_lists_what_the_columns_wait_for(db: duckdb.DuckDBPyConnection) -> None:
    """No input stands in a reason of a study that its readiness does not name."""
    listed: dict[str, set[str]] = {}
    for study, inputs in db.sql(
        "select study_id, missing_inputs from quality.study_readiness where missing_inputs is not null"
    ).fetchall():
        listed.setdefault(study, set()).update(inputs.split(", "))
    for study, reason in db.sql(
        "select study_id, reason from estimates.specification_status where status = 'awaiting data'"
    ).fetchall():
        named = {name for _, inputs, _ in _awaited(reason) for name in inputs}
        assert named <= listed[study], (study, named - listed[study])
    lacking = db.sql(
        "select count(*) from quality.study_readiness"
        " where status in ('missing', 'insufficient') and missing_inputs is null"
    ).fetchone()
    assert lacking == (0,)


def test_reasons_and_notes_are_said_in_both_languages(db: duckdb.DuckDBPyConnection) -> None:
    """Every sentence of the machine in a build has its Chinese; names of columns stay names."""
    notes = {
        part.strip(): chinese.strip()
        for note, note_zh in db.sql(
            "select note, note_zh from studies.specification where note is not null"
        ).fetchall()
        for part, chinese in zip(note.split(";"), note_zh.split(";"), strict=True)
    }
    texts = db.sql(
        " union ".join(
            f"select distinct {column} from estimates.{table} where {column} is not null"
            for table, columns in {
                "fit": ("reason", "drop_reason", "note"),
                **dict.fromkeys(("selection", "falsification", "spillover", "policy"), ("note",)),
                **dict.fromkeys(("functional_form", "pretrend", "inference", "bacon", "balance"), ("note",)),
                **dict.fromkeys(("leave_one_out", "placebo_summary"), ("note",)),
                "event_study": ("band_note",),
            }.items()
            for column in columns
        )
    ).fetchall()
    parts = {part.strip() for (text,) in texts for part in text.split(";")}
    assert len(parts) > 100
    assert not {
        part for part in parts if re.search("[a-z]{3}", part) and translate(part, "zh", notes) == part
    }


def test_a_study_is_partly_ready_while_something_of_it_is_estimated(db: duckdb.DuckDBPyConnection) -> None:
    rows = db.sql(
        "select study_id, any_value(done.status), any_value(n_estimated), any_value(n_columns),"
        " count(*) filter (where ready.status in ('missing', 'insufficient'))"
        " from estimates.study_status as done left join quality.study_readiness as ready using (study_id)"
        " group by 1"
    ).fetchall()
    counted = {
        study: (done, every)
        for study, done, every in db.sql(
            "select study_id, count(*) filter (where status = 'estimated'), count(*)"
            " from estimates.specification_status where not is_observed_only group by 1"
        ).fetchall()
    }
    for study, status, done, every, lacks in rows:
        assert (done, every) == counted.get(study, (0, 0))
        assert status == ("ready" if not lacks else "partly ready" if done else "awaiting data"), study
    assert {status for _, status, _, _, _ in rows} == {"ready", "partly ready", "awaiting data"}
