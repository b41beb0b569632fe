"""How much the demo draws; apart, because the command line must not wait for numpy."""

from __future__ import annotations

from dataclasses import dataclass

SEED = 20150307


@dataclass(frozen=True)
class Size:
    """Cities (the 285 real names first, then made-up ones), years up to 2023, and the seed of the draw."""

    units: int = 285
    n_years: int = 15
    seed: int = SEED


DEFAULT_SIZE = Size()
