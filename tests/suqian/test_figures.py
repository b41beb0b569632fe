"""Pictures of the tracker and the printed index: from the published file, in both languages, not blank."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import pandas as pd
import pytest

from cbec.project import Project
from cbec.report import style, tracker_figures
from cbec.report.command import FigureOptions, write_figures
from cbec.report.frames import Awaiting


@pytest.mark.parametrize(
    ("study", "names"),
    [
        ("suqian_benchmark", {"F1_321300", "F2", "growth_path_321300", "national_trade"}),
        (
            "yrd_malmquist",
            {f"printed_index_{rule}" for rule in ("default", "first_five_next_year", "exposure")},
        ),
    ],
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_studies_of_print_alone_have_figures(
    warehouse: Path, tmp_path: Path, study: str, names: set[str], lang: str
) -> None:
    project = Project(warehouse, warehouse, warehouse)
    outcome = write_figures(project, FigureOptions(study, lang=lang, dpi=72, out=tmp_path), lambda *_: None)
    assert outcome.skipped == ()
    assert {path.name for path in outcome.written} == {
        f"{study}_{name}_{lang}.{suffix}" for name in names for suffix in style.FORMATS
    }
    for path in tmp_path.glob("*.png"):
        assert (matplotlib.image.imread(path)[..., :3].mean(axis=2) < 0.5).sum() > 1000, path.name


def test_no_rows_no_picture() -> None:
    with pytest.raises(Awaiting, match=r"marts\.zone_growth_path has no row"):
        tracker_figures.growth_path(pd.DataFrame(), "en")
    with pytest.raises(Awaiting, match=r"printed_index_effect has no row"):
        tracker_figures.printed_index(pd.DataFrame({"event_year": []}), "zh")


def test_simulated_warehouse_is_in_the_title() -> None:
    row = {
        "reading": "as printed", "rule_id": "default", "estimator": "twfe", "event_year": None, "estimate": 0.1,
        "std_error": 0.1, "p_exact": 0.5, "n_assignments": 10, "is_simulated": True,
    }  # fmt: skip
    rows = pd.DataFrame([row, row | {"estimator": "twfe_event_study", "event_year": 0}])
    with style.style():
        figure = tracker_figures.printed_index(rows, "en")
    assert figure._suptitle is not None
    assert figure._suptitle.get_text().startswith("SIMULATED DATA")
