"""What is measured, and how a measure becomes linear programmes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cbec.efficiency.lp import Kind, ReturnsToScale
from cbec.efficiency.panel import Panel

Float = NDArray[np.float64]
Measure = Literal["radial", "sbm", "ddf", "nddf"]
Orientation = Literal["input", "output", "none"]
Disposability = Literal["weak", "strong"]
Preset = Literal["goods_bads", "all", "goods", "bads", "inputs"]
Direction: TypeAlias = Preset | tuple[ArrayLike, ArrayLike, ArrayLike]

MEASURES = ("radial", "sbm", "ddf", "nddf")
ORIENTATIONS = ("input", "output", "none")
RETURNS = ("crs", "vrs", "nirs", "ndrs")
DISPOSABILITIES = ("weak", "strong")
PRESETS = ("goods_bads", "all", "goods", "bads", "inputs")


@dataclass(frozen=True)
class Technology:
    """One way to measure efficiency.

    measure: ``radial`` (Charnes, Cooper, Rhodes 1978; Banker, Charnes, Cooper 1984), ``sbm``
    (Tone 2001; with bad outputs Tone 2003), ``ddf`` (Chambers, Chung, Fare 1996; Chung, Fare,
    Grosskopf 1997), ``nddf`` (Zhou, Ang, Wang 2012).

    orientation: ``input`` or ``output`` for radial, also ``none`` for sbm; ignored by ddf and
    nddf, which have a direction.

    rts: ``crs``, ``vrs``, ``nirs`` (non-increasing), ``ndrs`` (non-decreasing).

    disposability of bad outputs: ``weak`` = equality, sum lam b = target, the strict form of
    Chung, Fare and Grosskopf (1997); ``strong`` = inequality, sum lam b <= target, as in
    Aparicio, Pastor and Zofio (2013) and in Tone (2003). None = weak for radial, ddf and
    nddf, strong for sbm.

    direction, for ddf and nddf: a preset, each being a share of the unit's own data
    (``goods_bads`` (0, y, -b), ``all`` (-x, y, -b), ``goods``, ``bads``, ``inputs``), or three
    arrays (inputs, goods, bads) with the sign of the move, each broadcast to
    (periods, units, variables).

    weights, for nddf: one per variable (inputs, goods, bads); None = equal weights to the
    groups that the direction moves and, within a group, to its variables.

    super_efficiency: leave the unit out of its own reference set (Andersen, Petersen 1993;
    Tone 2002). Not available for nddf.

    Raises ValueError for values outside these lists.
    """

    measure: Measure = "radial"
    orientation: Orientation = "input"
    rts: ReturnsToScale = "crs"
    disposability: Disposability | None = None
    direction: Direction = "goods_bads"
    weights: tuple[float, ...] | None = None
    super_efficiency: bool = False
    bads_rule: str = field(init=False, default="")

    def __post_init__(self) -> None:
        for name, allowed in (
            ("measure", MEASURES),
            ("orientation", ORIENTATIONS),
            ("rts", RETURNS),
            ("disposability", (*DISPOSABILITIES, None)),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        if isinstance(self.direction, str) and self.direction not in PRESETS:
            raise ValueError(f"direction must be one of {PRESETS} or three arrays, got {self.direction!r}")
        if not isinstance(self.direction, str) and len(self.direction) != 3:
            raise ValueError("direction needs three arrays: inputs, goods, bads")
        if self.measure == "radial" and self.orientation == "none":
            raise ValueError('orientation "none" is for sbm; radial needs "input" or "output"')
        if self.measure == "nddf" and self.super_efficiency:
            raise ValueError("super_efficiency is not defined for nddf")
        if self.weights is not None and (min(self.weights) < 0 or sum(self.weights) <= 0):
            raise ValueError(f"weights must be >= 0 and not all zero, got {self.weights}")
        if self.disposability is None:
            strong = self.measure == "sbm"
            object.__setattr__(self, "disposability", "strong" if strong else "weak")
        rule = "equality" if self.disposability == "weak" else "inequality"
        object.__setattr__(self, "bads_rule", rule)

    @property
    def kind(self) -> Kind:
        """Which of the three programmes of ``lp`` this measure needs."""
        if self.measure in ("radial", "ddf"):
            return "directional"
        if self.measure == "sbm" and self.orientation == "none":
            return "fractional"
        return "additive"


def directions(technology: Technology, panel: Panel) -> Float:
    """(T, N, R) signed direction of every cell; zeros for measures without one."""
    out = np.zeros(panel.data.shape)
    m, s = panel.n_inputs, panel.n_goods
    blocks = {"inputs": slice(0, m), "goods": slice(m, m + s), "bads": slice(m + s, None)}
    sign = {"inputs": -1.0, "goods": 1.0, "bads": -1.0}
    if technology.measure == "sbm":
        return out
    if technology.measure == "radial":
        moved: tuple[str, ...] = ("inputs" if technology.orientation == "input" else "goods",)
    elif isinstance(technology.direction, str):
        moved = {
            "goods_bads": ("goods", "bads"),
            "all": ("inputs", "goods", "bads"),
            "goods": ("goods",),
            "bads": ("bads",),
            "inputs": ("inputs",),
        }[technology.direction]
    else:
        for (name, block), given in zip(blocks.items(), technology.direction, strict=True):
            shape = out[:, :, block].shape
            try:
                out[:, :, block] = np.broadcast_to(np.asarray(given, dtype=np.float64), shape)
            except ValueError:
                raise ValueError(
                    f"direction of {name} has shape {np.shape(given)}, which does not "
                    f"broadcast to (periods, units, variables) = {shape}"
                ) from None
        moved = ()
    for name in moved:
        out[:, :, blocks[name]] = sign[name] * panel.data[:, :, blocks[name]]
    if not np.isfinite(out[panel.present]).all():
        raise ValueError("direction must be finite")
    still = panel.present & (np.abs(np.nan_to_num(out)).max(axis=2) == 0)
    if still.any():
        t, i = np.argwhere(still)[0]
        raise ValueError(f"the direction of unit {panel.units[i]!r}, period {panel.periods[t]!r} is zero")
    if technology.measure == "nddf":
        wrong = np.nan_to_num(out) * np.r_[-np.ones(m), np.ones(s), -np.ones(panel.n_bads)] < 0
        if wrong.any():
            t, i, v = np.argwhere(wrong)[0]
            raise ValueError(
                "nddf needs a direction that lowers inputs and bads and raises goods: unit "
                f"{panel.units[i]!r}, period {panel.periods[t]!r}, {panel.names[v]} has "
                f"{float(out[t, i, v])!r}"
            )
    return out


def _group_weights(sizes: tuple[int, int, int], moves: NDArray[np.bool_]) -> Float:
    """Equal weights to the groups that move, and within a group to what moves in it."""
    weight = np.zeros(moves.shape)
    start = 0
    for size in sizes:
        block = slice(start, start + size)
        count = moves[:, block].sum(axis=1, keepdims=True)
        weight[:, block] = moves[:, block] / np.maximum(count, 1)
        start += size
    total = weight.sum(axis=1, keepdims=True)
    return weight / np.where(total > 0, total, 1.0)


def slack_weights(
    technology: Technology, data: Float, direction: Float, sizes: tuple[int, int, int]
) -> Float:
    """(U, R) value of one raw unit of slack in the objective.

    sbm: 1 / (k x) over the k variables of the numerator (inputs), or of the denominator
    (goods and, under strong disposability, bads), that are not zero for the unit: a zero
    has no proportional slack and its term is deleted (Tone 2001). nddf: weight / direction.
    """
    m, s, q = sizes
    positive = data > 0
    if technology.measure == "nddf":
        moves = direction != 0
        if technology.weights is None:
            weight = _group_weights(sizes, moves)
        else:
            if len(technology.weights) != m + s + q:
                raise ValueError(
                    f"weights has {len(technology.weights)} values, the panel has {m + s + q} variables"
                )
            weight = np.where(moves, np.array(technology.weights), 0.0)
        return np.asarray(weight / np.where(moves, np.abs(direction), 1.0))
    if technology.measure != "sbm":
        return np.zeros(data.shape)
    counted = positive.copy()
    if technology.orientation == "input":
        counted[:, m:] = False
    if technology.orientation == "output":
        counted[:, :m] = False
    if technology.disposability == "weak":
        counted[:, m + s :] = False
    out = np.zeros(data.shape)
    for block in (slice(0, m), slice(m, None)):
        used = counted[:, block]
        count = np.maximum(used.sum(axis=1, keepdims=True), 1)
        out[:, block] = used / (count * np.where(used, data[:, block], 1.0))
    return out


def slack_fixed(technology: Technology, direction: Float, sizes: tuple[int, int, int]) -> NDArray[np.bool_]:
    """(U, R) True where the programme must hold with equality."""
    m, s, _ = sizes
    fixed = np.zeros(direction.shape, dtype=np.bool_)
    if technology.disposability == "weak":
        fixed[:, m + s :] = True
        if technology.measure == "nddf":
            fixed[:, m + s :] = direction[:, m + s :] == 0
    return fixed


def score_of(technology: Technology, value: Float, *, excess: bool) -> Float:
    """The published score from the programme's value: theta, phi, rho, beta or w'beta."""
    if technology.measure == "radial":
        return 1.0 - value if technology.orientation == "input" else 1.0 + value
    if technology.measure == "sbm" and technology.orientation == "input":
        return 1.0 + value if excess else 1.0 - value
    if technology.measure == "sbm" and technology.orientation == "output":
        return np.asarray(1.0 / (1.0 - value) if excess else 1.0 / (1.0 + value))
    return value


def efficiency_of(technology: Technology, score: Float) -> Float:
    """The score as a distance from the frontier, 1 on it and smaller the less efficient.

    theta, 1 / phi, rho, 1 / (1 + beta); NaN where phi or 1 + beta is not positive.
    """
    if technology.measure == "sbm":
        return score
    if technology.measure == "radial" and technology.orientation == "input":
        return score
    base = score if technology.measure == "radial" else 1.0 + score
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(base > 0, 1.0 / base, np.nan)
