"""English numerals in front of or behind a unit, as in 10 thousand yuan, hundred million or USD million."""

from __future__ import annotations

import re

WORDS = {"ten": 1, "hundred": 2, "thousand": 3, "million": 6, "mn": 6, "mln": 6, "billion": 9, "bn": 9,
         "trillion": 12}  # fmt: skip
_WORD = "(?:ten|hundred|thousand|million|mln|mn|billion|bn|trillion)s?(?:of)?"
_NUMERAL = rf"(?:10*(?:,000)*)?(?:{_WORD}){{0,2}}"
LEADING = re.compile(rf"(?:in)?({_NUMERAL})(?P<base>[a-z$].*|\$)")
TRAILING = re.compile(rf"(?:in)?(?P<base>[a-z$][a-z.$]*?)[,_]?({_NUMERAL})")


def split_numeral(text: str) -> tuple[int, str] | None:
    """(power of ten, unit) of a compact text in lower case; None where it has no numeral but 1."""
    for pattern in (LEADING, TRAILING):
        match = pattern.fullmatch(text)
        if not match:
            continue
        numeral = next(g for n, g in enumerate(match.groups(), 1) if n != match.re.groupindex["base"])
        digits = re.match("[0-9,]*", numeral)
        assert digits is not None
        power = max(len(digits[0].replace(",", "")) - 1, 0)
        power += sum(
            WORDS[word] for word in re.findall("|".join(sorted(WORDS, key=len, reverse=True)), numeral)
        )
        if power:
            return power, match["base"]
    return None
