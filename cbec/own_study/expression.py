"""Derived variables: formulas over panel columns, with the status of the cells behind each value.

The status of a derived cell is that of its inputs: the letters of all of them, the largest filled share, and
whether a detector flags one. A value that has no logarithm or quotient is missing, never zero.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cbec.own_study.tree import nearest
from cbec.studies.sample import PRECEDENCE

QUOTED = re.compile(r"`([^`]+)`")
BIT = {letter: 1 << number for number, letter in enumerate(PRECEDENCE)}
NUMBERS = (int, float)
LARGEST = 1e300


@dataclass(frozen=True)
class Variable:
    """Values of a column over a grid, with the status of each. letters: the SDMX letters of all cells behind
    it, a bit each (BIT), 0 where no source has the cell; filled: share of what it is made of that was filled;
    flagged: whether a detector holds a cell behind it to be filled or misprinted. All of shape (n,)."""

    values: NDArray[np.float64]
    letters: NDArray[np.int64]
    filled: NDArray[np.float64]
    flagged: NDArray[np.bool_]

    @classmethod
    def constant(cls, number: float, n: int) -> Variable:
        nothing = np.zeros(n)
        return cls(np.full(n, float(number)), np.zeros(n, dtype=np.int64), nothing, nothing > 0)

    def joined(self, values: NDArray[np.float64], *others: Variable) -> Variable:
        """Values that rest on the cells of this variable and of others."""
        letters, filled, flagged = self.letters, self.filled, self.flagged
        for other in others:
            letters, flagged = letters | other.letters, flagged | other.flagged
            filled = np.maximum(filled, other.filled)
        return Variable(np.where(np.isfinite(values), values, np.nan), letters, filled, flagged)


@dataclass(frozen=True)
class Grid:
    """Units and years in which formulas are computed: sorted by both, every year of a unit there.

    unit, year: shape (n,); in_sample: rows over which a mean, a deviation or a quantile is taken.
    """

    unit: NDArray[np.object_]
    year: NDArray[np.int64]
    in_sample: NDArray[np.bool_]

    def earlier(self, variable: Variable, years: int) -> Variable:
        """The value of so many years before (after, if negative), of the same unit."""
        here = pd.MultiIndex.from_arrays([self.unit, self.year])
        place = here.get_indexer(pd.MultiIndex.from_arrays([self.unit, self.year - years]))
        is_there = place >= 0
        return Variable(
            np.where(is_there, variable.values[place], np.nan),
            np.where(is_there, variable.letters[place], 0),
            np.where(is_there, variable.filled[place], 0.0),
            is_there & variable.flagged[place],
        )


class FormulaError(ValueError):
    """A formula that cannot be computed; the message says why."""


def names_in(formula: str) -> list[str]:
    """Names of the columns that a formula reads, each once. Raises FormulaError for no formula."""
    tree, quoted = _parsed(formula)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(quoted.get(node.id, node.id) for node in found))


def check(formula: str) -> None:
    """Raises FormulaError for a formula with anything but the operations and functions that are known."""
    tree, _ = _parsed(formula)
    _checked(tree.body)


def evaluate(formula: str, read: Callable[[str], Variable], grid: Grid) -> Variable:
    """Compute a formula; read gives the column of a name. Raises FormulaError as `check`."""
    tree, quoted = _parsed(formula)
    _checked(tree.body)
    with np.errstate(all="ignore"):
        return _computed(tree.body, lambda name: read(quoted.get(name, name)), grid)


def _parsed(formula: str) -> tuple[ast.Expression, dict[str, str]]:
    quoted: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        name = f"_quoted_{len(quoted)}"
        quoted[name] = found[1].strip()
        return name

    try:
        return ast.parse(QUOTED.sub(stand_in, formula).strip(), mode="eval"), quoted
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise FormulaError(f"{formula!r} is no formula: {reason}") from None


OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power,
    ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Lt: np.less, ast.LtE: np.less_equal,
    ast.Eq: np.equal, ast.NotEq: np.not_equal,
}  # fmt: skip
ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    "log": np.log, "log1p": np.log1p, "exp": np.exp, "sqrt": np.sqrt, "abs": np.abs,
}  # fmt: skip
# Functions with a number behind the column: its least and greatest value, and what it is without one.
SHIFTS = {"lag": (1, 9, 1), "lead": (1, 9, 1), "diff": (1, 9, 1), "growth": (1, 9, 1)}
OF_SAMPLE = ("standardise", "unit_mean", "year_mean", "winsorise")
PAIRED: dict[str, Callable[[Any, Any], Any]] = {"min": np.minimum, "max": np.maximum}
FUNCTIONS = (*ELEMENTWISE, *SHIFTS, *OF_SAMPLE, *PAIRED)


def _checked(node: ast.expr) -> None:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        _checked(node.left)
        _checked(node.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        _checked(node.operand)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATIONS:
        _checked(node.left)
        _checked(node.comparators[0])
    elif isinstance(node, ast.Constant) and type(node.value) in NUMBERS:
        if not abs(node.value) < LARGEST:  # type: ignore[arg-type]
            raise FormulaError(f"{ast.unparse(node)[:20]!r} is too large a number")
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        _check_call(node.func.id, node)
    elif not isinstance(node, ast.Name):
        raise FormulaError(f"{ast.unparse(node)!r} is no part of a formula here")


def _check_call(name: str, node: ast.Call) -> None:
    if name not in FUNCTIONS:
        raise FormulaError(f"function {name!r} is not known{nearest(name, FUNCTIONS)}")
    least, most = (
        (3, 3) if name == "winsorise" else (2, 2) if name in PAIRED else (1, 2) if name in SHIFTS else (1, 1)
    )
    if node.keywords or not least <= len(node.args) <= most:
        wanted = f"{least}" if least == most else f"{least} or {most}"
        raise FormulaError(f"{name} takes {wanted} argument{'s' if most > 1 else ''}: {ast.unparse(node)!r}")
    _checked(node.args[0])
    if name in PAIRED:
        _checked(node.args[1])
    if name in SHIFTS and len(node.args) == 2:
        first, last, _ = SHIFTS[name]
        if not _is_number(node.args[1], int) or not first <= node.args[1].value <= last:  # type: ignore[attr-defined]
            raise FormulaError(f"{name} goes {first} to {last} years: {ast.unparse(node)!r}")
    if name == "winsorise":
        low, high = node.args[1:]
        if not (_is_number(low) and _is_number(high) and 0 <= low.value < high.value <= 1):  # type: ignore[attr-defined]
            raise FormulaError(f"winsorise takes two quantiles between 0 and 1: {ast.unparse(node)!r}")


def _is_number(node: ast.expr, kind: type | tuple[type, ...] = NUMBERS) -> bool:
    return (
        isinstance(node, ast.Constant) and isinstance(node.value, kind) and not isinstance(node.value, bool)
    )


def _computed(node: ast.expr, read: Callable[[str], Variable], grid: Grid) -> Variable:
    def of(part: ast.expr) -> Variable:
        return _computed(part, read, grid)

    if isinstance(node, ast.Name):
        return read(node.id)
    if isinstance(node, ast.Constant):
        return Variable.constant(float(node.value), len(grid.year))  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp):
        one = of(node.operand)
        return replace(one, values=-one.values) if isinstance(node.op, ast.USub) else one
    if isinstance(node, ast.BinOp):
        left, right = of(node.left), of(node.right)
        return left.joined(OPERATIONS[type(node.op)](left.values, right.values), right)
    if isinstance(node, ast.Compare):
        left, right = of(node.left), of(node.comparators[0])
        is_known = np.isfinite(left.values) & np.isfinite(right.values)
        found = OPERATIONS[type(node.ops[0])](left.values, right.values).astype(float)
        return left.joined(np.where(is_known, found, np.nan), right)
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    name, one = node.func.id, of(node.args[0])
    if name in ELEMENTWISE:
        return one.joined(ELEMENTWISE[name](one.values))
    if name in PAIRED:
        other = of(node.args[1])
        return one.joined(PAIRED[name](one.values, other.values), other)
    if name in SHIFTS:
        years = int(node.args[1].value) if len(node.args) == 2 else SHIFTS[name][2]  # type: ignore[attr-defined]
        earlier = grid.earlier(one, -years if name == "lead" else years)
        if name == "diff":
            return one.joined(one.values - earlier.values, earlier)
        if name == "growth":
            return one.joined(one.values / earlier.values - 1, earlier)
        return earlier
    return _of_sample(name, one, node, grid)


def _of_sample(name: str, one: Variable, node: ast.Call, grid: Grid) -> Variable:
    used = pd.Series(np.where(grid.in_sample, one.values, np.nan))
    if name == "standardise":
        return one.joined((one.values - float(used.mean())) / float(used.std()))
    if name == "winsorise":
        low, high = (float(part.value) for part in node.args[1:])  # type: ignore[attr-defined]
        limits = used.quantile([low, high]).to_numpy()
        return one.joined(np.clip(one.values, limits[0], limits[1]))
    keys = grid.unit if name == "unit_mean" else grid.year
    means = used.groupby(keys).transform("mean").to_numpy()
    # A mean rests on every cell of its group.
    frame = pd.DataFrame({"key": keys, "filled": np.where(grid.in_sample, one.filled, 0.0)})
    letters = pd.Series(np.where(grid.in_sample & np.isfinite(one.values), one.letters, 0)).groupby(keys)
    joined = letters.transform(lambda part: np.bitwise_or.reduce(part.to_numpy(dtype=np.int64)))
    flagged = pd.Series(grid.in_sample & one.flagged).groupby(keys).transform("any")
    return Variable(
        means,
        joined.to_numpy(dtype=np.int64),
        frame.groupby("key")["filled"].transform("mean").to_numpy(),
        flagged.to_numpy(dtype=bool),
    )


def letters_of(mask: Iterable[int]) -> list[str]:
    """SDMX letters of each mask in order of precedence."""
    known = {0: ""}
    for number in dict.fromkeys(int(value) for value in mask):
        known[number] = "".join(letter for letter, bit in BIT.items() if number & bit)
    return [known[int(value)] for value in mask]


def mask_of(letters: Iterable[str | None]) -> NDArray[np.int64]:
    """The mask of each text of letters; letters that are not known are passed over."""
    texts = list(letters)
    known = {text: sum(BIT.get(letter, 0) for letter in set(text or "")) for text in set(texts)}
    return np.array([known[text] for text in texts], dtype=np.int64)
