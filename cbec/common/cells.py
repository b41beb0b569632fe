"""Cells of files that a spreadsheet opens: text that stays text, and no formula from the data."""

from __future__ import annotations

import re

# Control characters that XML, and so docx and xlsx, cannot hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
# What Excel, LibreOffice and WPS take for the beginning of a formula, the wide forms with it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# What some of them take away before they look, when a text file is opened.
_BLANK = " \t\r\n\u00a0\u3000\u200b\ufeff"
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def clean(text: str) -> str:
    """The text without the control characters that no document can hold."""
    return _CONTROL.sub("", text)


def begins_formula(text: str) -> bool:
    """Whether a spreadsheet may take the text for more than a text, a number with a sign among them."""
    return text.startswith(FORMULA) or text.lstrip(_BLANK).startswith(FORMULA)


def inert(text: str) -> str:
    """The text with an apostrophe before it when a spreadsheet would run it; a plain number stays."""
    return f"'{text}" if begins_formula(text) and not _NUMBER.fullmatch(text) else text
