"""Which columns a heading stands over when nothing merges them: from its own on, or around its middle.

A merged heading saved as text leaves its words in its first column and blanks behind it. One that was centred
by hand stands over the middle. Both are only read where one reading is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from cbec.ingest.text import year_of

Groups = tuple[tuple[int, int], ...]


def spans(
    heads: Sequence[int],
    start: int,
    stop: int,
    keys: Sequence[tuple[str, ...]],
    is_known: Callable[[int, int], bool],
) -> Groups | None:
    """First and last column of each heading, or None where they cannot be told.

    heads: columns with a heading, ascending, inside start to stop (both included). keys: what stands below,
    by column from 0. is_known: whether the words of heading (column) and of the column below it mean
    something together.
    """
    left: Groups | None = None
    if heads[0] == start:
        ends = [*(h - 1 for h in heads[1:]), stop]
        left = tuple(zip(heads, ends, strict=True))
        if not all(_is_distinct(keys[a : b + 1]) for a, b in left):
            left = None
    widths = {b - a for a, b in left} if left else set()
    if left and len(widths) == 1:
        return left
    found: set[Groups] = set()
    for rounds_up in (False, True):
        found |= _centred(tuple(heads), start, stop, tuple(keys), is_known, rounds_up=rounds_up)
    if left:
        others = found - {left}
        # What nobody merged begins with its first column, unless another reading is as good.
        return None if others and not _is_forced(left, keys) else left
    return found.pop() if len(found) == 1 else None


def _is_distinct(keys: Sequence[tuple[str, ...]]) -> bool:
    return len(set(keys)) == len(keys)


def _is_in_order(keys: Sequence[tuple[str, ...]]) -> bool:
    """Years below one heading run one way."""
    years = [year_of(key[-1]) for key in keys if key and key[-1]]
    known = [y for y in years if y]
    if len(known) != len(years):
        return True
    return known == sorted(known) or known == sorted(known, reverse=True)


def _is_forced(groups: Groups, keys: Sequence[tuple[str, ...]]) -> bool:
    """True when each heading stands where what is below begins again."""
    return all(keys[a] in keys[groups[n - 1][0] : a] for n, (a, _) in enumerate(groups) if n)


def _centred(
    heads: tuple[int, ...],
    start: int,
    stop: int,
    keys: tuple[tuple[str, ...], ...],
    is_known: Callable[[int, int], bool],
    *,
    rounds_up: bool,
) -> set[Groups]:
    """Every reading (two at most) in which each heading stands over the middle of its columns; of an even
    number over the left or the right one of the middle two, but over the same one throughout."""

    @cache
    def rest(index: int, first: int) -> tuple[Groups, ...]:
        if index == len(heads):
            return ((),) if first == stop + 1 else ()
        head = heads[index]
        last_of_even = 2 * head - first + (-1 if rounds_up else 1)
        out: list[Groups] = []
        for last in (2 * head - first, last_of_even):
            limit = heads[index + 1] - 1 if index + 1 < len(heads) else stop
            if not first <= head <= last <= limit:
                continue
            below = keys[first : last + 1]
            if not _is_distinct(below) or not _is_in_order(below):
                continue
            if not all(is_known(head, column) for column in range(first, last + 1)):
                continue
            out += [((first, last), *more) for more in rest(index + 1, last + 1)]
        return tuple(out[:2])

    return set(rest(0, start))
