"""What a printed number stands for: all values that round to it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

# Arithmetic in doubles must not make a finding of an equality.
SLACK = 1e-9


def half_unit(printed: str) -> float:
    """Half of the last printed digit: "0.050" gives 0.0005, "3,878" 0.5, ".159" 0.0005, "1.2e-05" 5e-07."""
    match = re.search(r"\.(\d+)", printed)
    power = re.search(r"\d[eE]([-+]?\d{1,3})", printed)
    return 0.5 * 10.0 ** ((int(power[1]) if power else 0) - (len(match[1]) if match else 0))


@dataclass(frozen=True)
class Interval:
    """Closed interval of the values that a number or an expression of printed numbers may have.

    Both ends belong to it, so that it holds for halves rounded up, down or to even. Operations are those of
    interval arithmetic (Moore 1966): each gives the range of the operation over its operands.
    """

    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(ends), max(ends))

    def __truediv__(self, other: Interval) -> Interval:
        """Division; the whole line where the divisor may be zero and the dividend too."""
        if other.low <= 0 <= other.high:
            if self.low <= 0 <= self.high or other.low < 0 < other.high or other.low == other.high:
                return Interval(-math.inf, math.inf)
            edge = other.high if other.high > 0 else other.low
            ends = sorted((self.low / edge, self.high / edge))
            is_positive = (self.low > 0) == (edge > 0)
            return Interval(ends[0], math.inf) if is_positive else Interval(-math.inf, ends[1])
        ends = [a / b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(ends), max(ends))

    def scaled(self, factor: float) -> Interval:
        ends = sorted((self.low * factor, self.high * factor))
        return Interval(ends[0], ends[1])

    def magnitude(self) -> Interval:
        """Range of the absolute value."""
        if self.low <= 0 <= self.high:
            return Interval(0.0, max(-self.low, self.high))
        return Interval(*sorted((abs(self.low), abs(self.high))))

    def meets(self, other: Interval) -> bool:
        """Whether a value is in both, but for the error of doubles."""
        return not self.is_below(other) and not other.is_below(self)

    def is_below(self, other: Interval) -> bool:
        """Whether every value is less than every value of the other, beyond the error of doubles."""
        if math.isinf(self.high) or math.isinf(other.low):
            return self.high < other.low
        return self.high < other.low - SLACK * max(1e-6, abs(self.high), abs(other.low))

    def __str__(self) -> str:
        return f"[{shown(self.low)}, {shown(self.high)}]"


def exact(value: float) -> Interval:
    return Interval(value, value)


def shown(value: float) -> str:
    """A number as evidence writes it: no more digits than an end of a rounding interval has."""
    return f"{value:.10g}"
