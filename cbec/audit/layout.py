"""A grid to what it reports: regressions, moments, productivity, effects."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cbec.audit.figures import Figure, figures, is_blank, narrowed, range_of
from cbec.audit.grid import Grid
from cbec.audit.legend import Note, kind_in, read_note
from cbec.audit.roles import (
    FLAGS,
    MEAN_ROW,
    compact,
    effect_of,
    foot_of,
    long_role,
    moment_of,
    productivity_of,
)

KINDS = ("regression", "descriptive", "productivity", "effects", "correlation", "composition")


@dataclass(frozen=True)
class Hints:
    """What a person says of a table where it does not say so itself; '' or empty for what is guessed."""

    kind: str = ""
    brackets: Mapping[str, str] = field(default_factory=dict)
    stars: Mapping[str, float] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    vcov: str = ""
    units: int = 0
    years: int = 0
    observations: int = 0
    is_balanced: bool | None = None


@dataclass(frozen=True)
class Coefficient:
    """A coefficient and what is printed with it, by bracket or by name (se, t, p, ci, ci_low, ci_high)."""

    label: str
    b: Figure
    beside: tuple[tuple[str, Figure], ...] = ()
    is_ratio: bool = False


@dataclass
class Column:
    """A regression. feet: its statistics by role (n, r2, adj_r2, f, ...); flags: texts by label."""

    label: str
    heads: tuple[str, ...] = ()
    coefficients: list[Coefficient] = field(default_factory=list)
    feet: dict[str, Figure] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    has_other_tests: bool = False


@dataclass(frozen=True)
class Variable:
    """A row of a descriptive table. text: its label and definition; group: of which rows."""

    label: str
    text: str
    moments: Mapping[str, Figure]
    group: str = ""


@dataclass
class Layout:
    """What a table is taken for. body: rows of a table of numbers as (label, figure or None by column)."""

    grid: Grid
    kind: str
    note: Note
    columns: list[Column] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    body: list[tuple[str, list[Figure | None]]] = field(default_factory=list)
    questions: list[tuple[str, str]] = field(default_factory=list)
    # Place and text of cells with digits that no rule can use.
    unread: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Frame:
    """A grid cut into heads, labels and body."""

    grid: Grid
    n_heads: int
    n_labels: int
    cells: tuple[tuple[tuple[Figure, ...], ...], ...]

    @property
    def values(self) -> range:
        return range(self.n_labels, self.grid.width)

    def head(self, column: int) -> tuple[str, ...]:
        texts = []
        for row in range(self.n_heads):
            at = column
            # A heading over several columns stands above the first of them.
            while row < self.n_heads - 1 and at > self.n_labels and not self.grid.rows[row][at].strip():
                at -= 1
            texts.append(narrowed(self.grid.rows[row][at]))
        return tuple(dict.fromkeys(text for text in texts if text))

    def label(self, row: int) -> str:
        """The last text of the label columns; '' under a label that is merged downwards."""
        texts = [
            self.grid.rows[row][column]
            for column in range(self.n_labels)
            if (row, column) not in self.grid.merged or (row - 1 < self.n_heads)
        ]
        filled = [narrowed(text) for text in texts if text.strip()]
        return filled[-1] if filled else ""

    @property
    def rows(self) -> range:
        return range(self.n_heads, len(self.grid.rows))


def read_layout(grid: Grid, hints: Hints | None = None) -> Layout:
    """What a table reports. kind is '' where it cannot be told."""
    hints = hints or Hints()
    note = _with_hints(read_note(f"{grid.title}\n{grid.note}"), hints)
    frame = _frame(grid)
    if hints.columns:
        grid = _renamed(grid, frame, hints.columns)
        frame = _frame(grid)
    kind = hints.kind or _kind(frame)
    if not kind:
        turned = _frame(_turned(grid))
        turned_kind = _kind(turned)
        if turned_kind in ("descriptive", "productivity", "effects"):
            frame, kind = turned, turned_kind
    elif hints.kind == "descriptive" and _kind(frame) != "descriptive":
        turned = _frame(_turned(grid))
        frame = turned if _kind(turned) == "descriptive" else frame
    layout = Layout(grid, kind, note)
    layout.heads = [" / ".join(frame.head(column)) for column in frame.values]
    if kind == "regression":
        layout.columns = _long(frame) or _wide(frame)
    elif kind == "descriptive":
        layout.variables = _moments(frame)
    elif kind:
        _numbers(layout, frame)
    layout.unread = _unread(frame)
    return layout


def _unread(frame: _Frame) -> list[tuple[str, str]]:
    """Cells among the figures that look like one and are none."""
    return [
        (frame.grid.places[row][column], narrowed(frame.grid.rows[row][column])[:40])
        for row in frame.rows
        for column in frame.values
        if not frame.cells[row][column] and _is_lost(frame.grid.rows[row][column])
    ]


def _is_lost(text: str) -> bool:
    """Whether a text that is no figure was meant as one: digits with a point, stars or brackets, no word."""
    clean = narrowed(text)
    if not re.search(r"\d", clean) or re.search(r"[\u4e00-\u9fff]|[A-Za-z]{2}", clean):
        return False
    return bool(re.search(r"\d\W*[.·][\w]|[A-Za-z]\.\d|\d.*[*†]|^[(\[{].*\d|\d.*[)\]}]$", clean)) and (
        not is_blank(text) and range_of(text) is None and not figures(text)
    )


def _with_hints(note: Note, hints: Hints) -> Note:
    return replace(
        note,
        brackets={**note.brackets, **hints.brackets},
        stars=dict(hints.stars) or note.stars,
        vcov=hints.vcov or note.vcov,
        units=hints.units or note.units,
        years=hints.years or note.years,
        sizes=(hints.observations,) if hints.observations else note.sizes,
        is_balanced=note.is_balanced if hints.is_balanced is None else hints.is_balanced,
    )


def _renamed(grid: Grid, frame: _Frame, names: Mapping[str, str]) -> Grid:
    """The grid with headings in the place of those that a person gave a role."""
    rows = [list(row) for row in grid.rows]
    for column in range(grid.width):
        head = " / ".join(frame.head(column))
        if head in names and frame.n_heads:
            rows[frame.n_heads - 1][column] = names[head]
    return replace(grid, rows=tuple(map(tuple, rows)))


def _turned(grid: Grid) -> Grid:
    rows = tuple(zip(*grid.rows, strict=True))
    places = tuple(zip(*grid.places, strict=True))
    return replace(grid, rows=rows, places=places, merged=frozenset((c, r) for r, c in grid.merged))


def _frame(grid: Grid) -> _Frame:
    cells = tuple(
        tuple(figures(text, grid.places[r][c]) for c, text in enumerate(row))
        for r, row in enumerate(grid.rows)
    )
    n_heads = 0
    for row, texts in enumerate(grid.rows):
        if not _is_head(texts, cells[row]):
            break
        n_heads = row + 1
    n_labels = 1
    for column in range(1, grid.width - 1):
        filled = [r for r in range(n_heads, len(grid.rows)) if not is_blank(grid.rows[r][column])]
        if not filled:
            # A blank column between labels and figures.
            if all(not grid.rows[r][column].strip() for r in range(n_heads)) and column == n_labels:
                n_labels += 1
                continue
            break
        if sum(bool(cells[r][column]) for r in filled) > 0.3 * len(filled):
            break
        n_labels = column + 1
    if n_labels >= grid.width - 1 and grid.width > 2:
        n_labels = 1
    return _Frame(grid, n_heads, n_labels, cells)


def _is_head(texts: Sequence[str], cells: Sequence[tuple[Figure, ...]]) -> bool:
    """Whether a row names columns: words, numbers of columns or years."""
    values = [(text, found) for text, found in zip(texts[1:], cells[1:], strict=True) if not is_blank(text)]
    numbers = [found[0] for _, found in values if found]
    if not values:
        return not re.match(r"(?:panel|面板|[a-d][.、])", narrowed(texts[0]).lower())
    if not numbers:
        if any(_is_lost(text) for text, _ in values):
            return False
        return not all(FLAGS.fullmatch(narrowed(text)) for text, _ in values) or len(values) == 0
    if len(numbers) < len(values) and len(numbers) > 1 and any(n.decimals for n in numbers):
        return False
    whole = all(n.is_whole and not n.marks for n in numbers)
    # A heading merged over two columns stands above both.
    in_order = list(dict.fromkeys(n.value for n in numbers)) == sorted({n.value for n in numbers})
    if not whole or not in_order:
        return False
    if all(n.bracket for n in numbers):
        return numbers[0].value <= 20
    is_year = all(1900 <= n.value <= 2100 and "," not in n.text for n in numbers)
    steps = {round(b.value - a.value) for a, b in itertools.pairwise(numbers)}
    is_count = numbers[0].value == 1 and steps <= {1} and len(numbers) == len(values) > 1
    label = compact(texts[0])
    return is_count or (is_year and len(numbers) > 1 and not re.search("n$|样本|obs", label))


def _kind(frame: _Frame) -> str:
    grid = frame.grid
    moments = {role for _, role in _moment_roles(frame).values()}
    firm = moments & {"mean", "sd", "min", "max", "p50", "mean_sd"}
    if "mean_sd" in firm or (len(firm) >= 2) or (firm and moments & {"n", "vif", "difference"}):
        return "descriptive"
    if moments & {"vif", "tolerance"} and len(frame.values) <= 3:
        return "descriptive"
    downwards = {moment_of(frame.label(r)) for r in frame.rows}
    if len(downwards & {"mean", "sd", "min", "max", "p50"}) >= 2:
        # Statistics stand in the rows.
        return ""
    roles = {productivity_of(_last(frame.head(c))) for c in frame.values} - {""}
    if len(
        roles & {"index", "efficiency_change", "technical_change", "pure_change", "scale_change"}
    ) >= 2 or (len(roles & {"overall", "pure", "scale"}) >= 2):
        return "productivity"
    long = {_long_role(frame, c) for c in frame.values} - {""}
    effects = {effect_of(_last(frame.head(c))) for c in frame.values} - {""}
    if len(effects & {"total", "direct", "indirect"}) >= 2:
        return "effects"
    in_labels = {effect_of(frame.label(r)) for r in frame.rows} - {""}
    if len(in_labels & {"total", "direct", "indirect"}) >= 2:
        return "effects"
    if long & {"coef", "ratio"} and long & {"se", "t", "p", "ci", "ci_low"}:
        return "regression"
    if _is_correlation(frame):
        return "correlation"
    title = f"{grid.title} {' '.join(' '.join(frame.head(c)) for c in range(grid.width))}"
    is_dea = re.search(r"dea\b|效率|efficien|malmquist|sbm\b|全要素生产率指数", title, re.IGNORECASE)
    has_feet = sum(foot_of(frame.label(r)) not in ("", "other") for r in frame.rows)
    n_bracketed = sum(
        any(f.bracket for f in found[1:]) or (len(found) == 1 and bool(found[0].bracket))
        for r in frame.rows
        for c in frame.values
        for found in (frame.cells[r][c],)
    )
    if n_bracketed >= 1 or (has_feet >= 1 and any(_marks(frame))):
        return "regression"
    if has_feet and any(foot_of(frame.label(r)) == "n" for r in frame.rows):
        return "regression"
    numbers = [f for r in frame.rows for c in frame.values for f in frame.cells[r][c]]
    if is_dea and numbers and not any(_marks(frame)):
        return "productivity"
    if (
        any(
            re.search(r"权重|占比|比重|构成|share|weight|percent|%", _last(frame.head(c)).lower())
            for c in frame.values
        )
        and numbers
    ):
        return "composition"
    return ""


def _last(heads: Sequence[str]) -> str:
    return heads[-1] if heads else ""


def _marks(frame: _Frame) -> list[bool]:
    return [bool(f.marks) for r in frame.rows for c in frame.values for f in frame.cells[r][c]]


def _is_correlation(frame: _Frame) -> bool:
    """Labels are the headings again, and the diagonal is one."""
    labels = [
        compact(re.sub(r"^\(?\d{1,2}\)?[.、 ]*", "", frame.label(r))) for r in frame.rows if frame.label(r)
    ]
    heads = [compact(re.sub(r"^\(?\d{1,2}\)?[.、 ]*", "", _last(frame.head(c)))) for c in frame.values]
    if len(labels) < 2 or len(heads) < 2:
        return False
    same = sum(label == head and bool(label) for label, head in zip(labels, heads, strict=False))
    ones = 0
    for k, row in enumerate([r for r in frame.rows if frame.label(r)]):
        if k < len(frame.values):
            found = frame.cells[row][frame.values[k]]
            ones += bool(found) and found[0].value == 1
    return ones >= max(2, 0.7 * min(len(labels), len(heads))) and (
        same >= 2 or all(re.fullmatch(r"\(?\d{1,2}\)?|", head) for head in heads)
    )


# Regressions side by side --------------------------------------------------------------------------------


def _wide(frame: _Frame) -> list[Column]:
    beside = _pairs(frame)
    own = [c for c in frame.values if c not in beside.values()]
    found: list[Column] = []
    panels = _panels(frame)
    for name, rows in panels:
        for column in own:
            heads = frame.head(column)
            label = " / ".join(filter(None, (name, *heads))) or f"column {column + 1}"
            made = Column(label, tuple(heads) + ((name,) if name else ()))
            _fill(frame, made, rows, column, beside.get(column))
            if made.coefficients or made.feet:
                found.append(made)
    return found


def _panels(frame: _Frame) -> list[tuple[str, list[int]]]:
    """Rows by panel: parts under a label of their own that print a number of observations each."""
    parts: list[tuple[str, list[int]]] = [("", [])]
    for row in frame.rows:
        label = frame.label(row)
        is_alone = label and all(
            is_blank(frame.grid.rows[row][c]) or (row, c) in frame.grid.merged for c in frame.values
        )
        if is_alone:
            parts.append((label, []))
        else:
            parts[-1][1].append(row)
    parts = [part for part in parts if part[1]]
    n_sized = sum(any(foot_of(frame.label(r)) == "n" for r in rows) for _, rows in parts)
    named = sum(bool(re.match(r"panel|面板|[a-d][.、]", name.lower())) for name, _ in parts)
    if n_sized > 1 or named > 1:
        return parts
    return [("", [row for _, rows in parts for row in rows])]


def _pairs(frame: _Frame) -> dict[int, int]:
    """Columns whose neighbour to the right holds what stands in brackets with each of their coefficients."""
    found: dict[int, int] = {}
    for column in frame.values[:-1]:
        if column in found.values():
            continue
        other = column + 1
        rows = [
            r for r in frame.rows if frame.cells[r][column] and not foot_of(frame.label(r)) and frame.label(r)
        ]
        with_other = [r for r in rows if frame.cells[r][other]]
        if not with_other or any(len(frame.cells[r][column]) > 1 for r in rows):
            continue
        is_bracketed = all(frame.cells[r][other][0].bracket for r in with_other) and not any(
            frame.cells[r][column][0].bracket for r in rows
        )
        head, own = _last(frame.head(other)), _last(frame.head(column))
        is_named = bool(kind_in(head)) and head != own
        is_free = head in ("", own) and is_bracketed
        # Two columns under one heading, the second without a star.
        is_under_one = (
            head == own != ""
            and frame.head(column) == frame.head(other)
            and len(with_other) > 1
            and any(frame.cells[r][column][0].marks for r in rows)
            and not any(f.marks for r in with_other for f in frame.cells[r][other])
        )
        if (is_bracketed and (is_free or is_named or kind_in(head))) or is_under_one:
            found[column] = other
    return found


def _fill(frame: _Frame, made: Column, rows: Sequence[int], column: int, other: int | None) -> None:
    grid = frame.grid
    at = 0
    while at < len(rows):
        row = rows[at]
        at += 1
        label, text, found = frame.label(row), grid.rows[row][column], frame.cells[row][column]
        foot = foot_of(label)
        if foot == "other":
            made.has_other_tests = True
            continue
        if label and not found:
            if other is not None and not text.strip():
                text = grid.rows[row][other]
            if (text.strip() and (row, column) not in grid.merged) or (
                text.strip() and FLAGS.fullmatch(text.strip())
            ):
                made.flags[label] = narrowed(text)
            # Brackets of a row without a coefficient belong to none.
            continue
        if not found or not label:
            continue
        lines = list(found[1:])
        named: list[tuple[str, Figure]] = []
        if other is not None and frame.cells[row][other] and not foot:
            kind = kind_in(_last(frame.head(other)))
            partner = frame.cells[row][other][0]
            named.append((kind or partner.bracket or "line", partner))
        after = at
        while after < len(rows) and not foot:
            below = rows[after]
            below_label = frame.label(below)
            cells = [frame.cells[below][c] for c in frame.values if frame.cells[below][c]]
            kind = kind_in(below_label) if below_label else ""
            # A regressor may be called z or t: such a letter names a statistic only of numbers in brackets.
            is_kind_row = bool(kind) and (
                not _has_free(cells) or 1 < len(compact(below_label).strip("()")) < 12
            )
            if below_label and not is_kind_row:
                break
            if not cells:
                break
            here = frame.cells[below][column]
            if here:
                named.append((kind or here[0].bracket or "line", here[0]))
            after += 1
        at = after
        if foot:
            # A number may stand with a p value behind it.
            made.feet.setdefault(foot, found[0])
            continue
        figure = found[0]
        if figure.bracket and not lines and not named:
            continue
        named = [(f.bracket or "line", f) for f in lines] + named
        ratio = any(re.search(r"odds ratio|优势比|hazard ratio|比值比", h.lower()) for h in made.heads)
        made.coefficients.append(Coefficient(label, figure, tuple(_with_intervals(named)), ratio))


def _has_free(cells: Sequence[tuple[Figure, ...]]) -> bool:
    """Whether a figure of a row stands without brackets."""
    return any(not found[0].bracket for found in cells)


def _with_intervals(named: Sequence[tuple[str, Figure]]) -> list[tuple[str, Figure]]:
    """Two numbers in one pair of brackets are an interval."""
    return [("ci" if f.second is not None else slot, f) for slot, f in named]


# A regression downwards ----------------------------------------------------------------------------------


def _long_role(frame: _Frame, column: int) -> str:
    """As its heading says; a column of nothing but stars is theirs, whatever it is called."""
    texts = [narrowed(frame.grid.rows[row][column]) for row in frame.rows]
    filled = [text for text in texts if text]
    if filled and all(re.fullmatch(r"[*†‡+#]+|n\.?s\.?", text.lower()) for text in filled):
        return "stars"
    head = _last(frame.head(column))
    return "stars" if compact(head) == "stars" else long_role(head)


def _long(frame: _Frame) -> list[Column]:
    roles = [(c, _long_role(frame, c)) for c in frame.values]
    if not any(role in ("coef", "ratio") for _, role in roles):
        return []
    for at, (column, role) in enumerate(roles[:-1]):
        # Stata prints [95% Conf. above the lower end and Interval] above the upper one.
        if role == "ci" and re.fullmatch(r"interval[\])]?", compact(_last(frame.head(roles[at + 1][0])))):
            roles[at], roles[at + 1] = (column, "ci_low"), (roles[at + 1][0], "ci_high")
    if not any(role in ("se", "t", "p", "ci", "ci_low") for _, role in roles):
        return []
    groups: list[list[tuple[int, str]]] = []
    for column, role in roles:
        if role in ("coef", "ratio"):
            groups.append([])
        if groups:
            groups[-1].append((column, role))
    found = []
    for group in groups:
        heads = frame.head(group[0][0])
        made = Column(" / ".join(heads[:-1]) or (frame.grid.title[:60] or "1"), tuple(heads[:-1]))
        for row in frame.rows:
            label = frame.label(row)
            foot = foot_of(label)
            here = [() if (row, c) in frame.grid.merged else frame.cells[row][c] for c, _ in group]
            first = next((f for f in here if f), ())
            if foot and foot != "other" and first and sum(map(bool, here)) == 1:
                made.feet.setdefault(foot, first[0])
                continue
            if foot == "other" and sum(map(bool, here)) <= 1:
                continue
            if not label or not here[0]:
                text = frame.grid.rows[row][group[0][0]].strip()
                if label and text:
                    made.flags[label] = narrowed(text)
                continue
            beside: list[tuple[str, Figure]] = []
            marks = [narrowed(frame.grid.rows[row][c]) for c, role in group if role == "stars"]
            for at, (column, role) in enumerate(group[1:], 1):
                cells = frame.cells[row][column]
                text = frame.grid.rows[row][column]
                ends = (
                    range_of(text)
                    if role == "ci" and (not cells or len(cells) > 1 or not cells[0].second)
                    else None
                )
                if ends and not (len(cells) == 1 and not cells[0].second and cells[0].bracket == ""):
                    beside.append(
                        ("ci", replace(ends[0], second=ends[1], place=frame.grid.places[row][column]))
                    )
                elif not cells:
                    continue
                elif role == "ci" and cells[0].second is None:
                    is_second = at and group[at - 1][1] == "ci"
                    beside.append(("ci_high" if is_second else "ci_low", cells[0]))
                elif role == "" and at and group[at - 1][1] == "ci" and not frame.head(column):
                    beside.append(("ci_high", cells[0]))
                elif role:
                    beside.append((role, cells[0]))
            beside += [(f.bracket or "line", f) for f in here[0][1:]]
            b = replace(here[0][0], marks=here[0][0].marks or "".join(marks).strip())
            made.coefficients.append(Coefficient(label, b, tuple(beside), group[0][1] == "ratio"))
        if made.coefficients:
            found.append(made)
    return found


# Moments -------------------------------------------------------------------------------------------------


def _moment_roles(frame: _Frame) -> dict[int, tuple[str, str]]:
    """Group and statistic of each column that has one. Two columns in front of a difference (treated,
    control) are means, whether their headings say so or not."""
    found: dict[int, tuple[str, str]] = {}
    silent: list[int] = []
    for column in frame.values:
        heads = frame.head(column)
        role = moment_of(_last(heads))
        if role:
            found[column] = (" / ".join(heads[:-1]), role)
        elif any(frame.cells[row][column] for row in frame.rows):
            silent.append(column)
    gaps = [column for column, (_, role) in found.items() if role == "difference"]
    pair = [column for column in silent if gaps and column < gaps[0]]
    if len(gaps) == 1 and len(pair) == 2 and "mean" not in {role for _, role in found.values()}:
        for column in pair:
            found[column] = (_last(frame.head(column)), "mean")
    return dict(sorted(found.items()))


def _moments(frame: _Frame) -> list[Variable]:
    groups: dict[str, list[tuple[int, str]]] = {}
    for column, (group, role) in _moment_roles(frame).items():
        groups.setdefault(group, []).append((column, role))
    found = []
    section = ""
    for row in frame.rows:
        label = frame.label(row)
        texts = [frame.grid.rows[row][c] for c in range(frame.n_labels)]
        if label and not any(frame.cells[row][c] for c in frame.values):
            section = label
            continue
        name = narrowed(texts[0]) or label
        filled = [narrowed(t) for t in texts if t.strip() and t.strip() != section]
        if not filled:
            continue
        own = _own_label(frame, row)
        for group, columns in groups.items():
            moments: dict[str, Figure] = {}
            for column, role in columns:
                cells = frame.cells[row][column]
                if not cells:
                    continue
                if role == "mean_sd":
                    moments["mean"] = cells[0]
                    if len(cells) > 1:
                        moments["sd"] = cells[1]
                elif role not in moments:
                    moments[role] = cells[0]
            size = re.search(r"n\s*=\s*([\d,]+)", group.lower())
            if size and "n" not in moments:
                moments["n"] = figures(size[1])[0]
            if moments:
                found.append(Variable(own or name, " ".join(filled), moments, group or section))
    return found


def _own_label(frame: _Frame, row: int) -> str:
    """The label column that differs from row to row most."""
    best, most = "", -1
    for column in range(frame.n_labels):
        texts = {frame.grid.rows[r][column].strip() for r in frame.rows} - {""}
        lengths = [len(text) for text in texts]
        if len(texts) > most and sum(lengths) <= 24 * max(1, len(lengths)):
            best, most = narrowed(frame.grid.rows[row][column]), len(texts)
    return best


# Tables of numbers ---------------------------------------------------------------------------------------


def _numbers(layout: Layout, frame: _Frame) -> None:
    layout.heads = [" / ".join(frame.head(column)) for column in frame.values]
    reader = effect_of if layout.kind == "effects" else productivity_of
    layout.roles = [reader(_last(frame.head(column))) for column in frame.values]
    for row in frame.rows:
        label = frame.label(row)
        found = [frame.cells[row][c] for c in frame.values]
        if label and any(found):
            layout.body.append((label, [f[0] if f else None for f in found]))


def is_mean_row(label: str) -> bool:
    return bool(MEAN_ROW.fullmatch(compact(label)))
