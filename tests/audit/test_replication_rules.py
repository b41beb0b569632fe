"""The verdict on a printed coefficient, in the model's own SQL, on cases made by hand."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import pytest

from cbec.registry.render import render_model
from tests.conftest import ROOT

COLUMN = {"study_id": "s", "table_no": "T1", "column_no": 1}


def judged(
    printed: str,
    ours: float,
    *,
    beside: dict[str, str] | None = None,
    p: float = 0.001,
    n: tuple[int, int] = (1000, 1000),
    error: float = 0.1,
    factor: float = 1.0,
) -> dict[str, Any]:
    """The row of one coefficient. beside: se, t or p as printed; n: rows here and in the paper; error: our
    standard error; factor: of the paper's unit."""
    texts = [
        ("x", "coef", printed),
        *(("x", name, text) for name, text in (beside or {}).items()),
        ("N", "n", str(n[1])),
    ]
    tables = {
        "published_result": [
            COLUMN | {"result_no": k, "term": term, "column_label": "(1)", "statistic": name, "value": float(text),
                      "printed": text, "source_line": k}
            for k, (term, name, text) in enumerate(texts, 1)
        ],
        "published_column": [COLUMN | {"column_label": "(1)"}],
        "published_term": [{"study_id": "s", "printed_term": "x", "term": "did", "unit_factor": factor, "note": "n"}],
        "specification": [COLUMN | {"estimator": "twfe", "treatment": "did"}],
        "region": [{"region_code": "110000", "name_zh": "北京市", "region_level": "province"}],
        "regression": [
            COLUMN | {"term": "did", "estimate": ours, "std_error": error, "p_value": p, "n_obs": n[0], "vcov": "HC1",
                      "treatment_rule": "default", "imputed_share": 0.0, "drop_reason": "none", "is_observed_only": False}
        ],
        "specification_status": [
            COLUMN | {"status": "estimated", "reason": "", "is_simulated": False, "is_observed_only": False}
        ],
        "study_readiness": [{"study_id": "s", "indicator_id": "gdp", "proxy_indicator_id": "", "status": "ready"}],
    }  # fmt: skip
    connection = duckdb.connect()
    for name, rows in tables.items():
        connection.register("given", pd.DataFrame(rows))
        connection.execute(f"create table {name} as from given")
    (row,) = connection.sql(render_model(ROOT, "replication")).df().to_dict("records")
    return {str(name): value for name, value in row.items()}


@pytest.mark.parametrize(
    ("ours", "verdict"), [(0.5049, "reproduced"), (0.5051, "sign only"), (0.4949, "sign only")]
)
def test_reproduced_is_within_the_rounding_of_the_print(ours: float, verdict: str) -> None:
    """0.50 is what lies between 0.495 and 0.505; without an error beside it nothing else is allowed."""
    assert judged("0.50", ours)["verdict"] == verdict


def test_a_tenth_of_the_printed_error_is_allowed_too() -> None:
    assert judged("0.500", 0.509, beside={"se": "0.100"})["verdict"] == "reproduced"
    assert judged("0.500", 0.511, beside={"se": "0.100"})["verdict"] == "same sign and significance"
    # t = 5 says the same error.
    assert judged("0.500", 0.509, beside={"t": "5.0"})["verdict"] == "reproduced"


def test_the_same_number_of_another_sample_is_no_replication() -> None:
    assert judged("0.500", 0.5, beside={"t": "5.0"}, n=(1009, 1000))["verdict"] == "reproduced"
    assert (
        judged("0.500", 0.5, beside={"t": "5.0"}, n=(1011, 1000))["verdict"] == "same sign and significance"
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_signs_and_significance(sign: int) -> None:
    """A negative t is as significant as a positive one."""
    printed, t = f"{0.5 * sign:.3f}", {"t": f"{5 * sign:.1f}"}
    assert judged(printed, 0.8 * sign, beside=t)["verdict"] == "same sign and significance"
    assert judged(printed, 0.8 * sign, beside=t, p=0.2)["verdict"] == "sign only"
    assert judged(printed, -0.8 * sign, beside=t)["verdict"] == "contradicted"
    assert judged(printed, 0.0, beside=t, p=0.9)["verdict"] == "contradicted"


def test_opposite_signs_within_chance_say_nothing() -> None:
    """0.1 (0.1) and -0.1 (0.1) differ by 0.2 over 0.141; 0.2 (0.15) and -0.3 (0.2) by 0.5 over 0.25, 2.0."""
    near = judged("0.100", -0.1, beside={"se": "0.100"}, p=0.3)
    assert near["verdict"] == "not comparable"
    assert near["difference_z"] == pytest.approx(-(2**0.5))
    far = judged("0.200", -0.3, beside={"se": "0.150"}, p=0.13, error=0.2)
    assert (far["verdict"], far["difference_z"]) == ("contradicted", pytest.approx(-2.0))


def test_ours_is_in_the_unit_of_the_paper() -> None:
    row = judged("50.0", 0.5, beside={"se": "10.0"}, factor=100.0)
    assert (row["ours"], row["ours_std_error"], row["verdict"]) == (50.0, 10.0, "reproduced")
    assert "unit factor 100" in row["reason"]
