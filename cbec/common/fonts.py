"""The font that figures are set in: one that has Chinese characters, Latin letters and the minus sign."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from cbec.project import CbecError

# SimHei before Noto Sans CJK: it has TrueType outlines, which a PDF can hold as type 42. matplotlib writes
# the CFF outlines of Noto under a TrueType name, which readers of the PDF complain about.
PACKAGED = ("SimHei.ttf", "NotoSansCJKsc-Regular.otf")
# First bytes of a file with TrueType outlines; "OTTO" has CFF ones, "ttcf" is a collection.
TRUETYPE = (b"\x00\x01\x00\x00", b"true")
SYSTEM = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Noto Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
    "Songti SC",
    "SimSun",
    "Droid Sans Fallback",
)
# What a figure must be able to print: two common characters, a rare one of a city's name, full-width comma.
PROBE = "跨境亳，"


@dataclass(frozen=True)
class FontChoice:
    """A font that has the glyphs of PROBE. family: its name for matplotlib; path: the file it comes from."""

    family: str
    path: Path

    @property
    def is_truetype(self) -> bool:
        """Whether a PDF may hold it as type 42."""
        with self.path.open("rb") as file:
            return file.read(4) in TRUETYPE


def has_glyphs(path: Path, text: str) -> bool:
    """Whether the font file has a glyph for every character of the text."""
    try:
        font = FT2Font(str(path))
    except (OSError, RuntimeError):
        return False
    return all(font.get_char_index(ord(character)) for character in text)


def packaged_fonts() -> list[Path]:
    """Font files that come with the installed packages, best first.

    The package is located and not imported: importing it would load its command line, and its own
    set-up edits matplotlib's configuration for every program of the user.
    """
    spec = importlib.util.find_spec("mplfonts")
    if spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(spec.submodule_search_locations[0]) / "fonts"
    return [folder / name for name in PACKAGED if (folder / name).is_file()]


@cache
def chinese_font() -> FontChoice:
    """The font of the figures: the packaged one, so that a figure is the same on every machine; else a
    Chinese font of the system.

    Raises CbecError (exit code 4) when there is neither: a figure full of empty boxes is worse than none.
    """
    for path in packaged_fonts():
        if has_glyphs(path, PROBE):
            font_manager.fontManager.addfont(str(path))
            return FontChoice(font_manager.FontProperties(fname=str(path)).get_name(), path)
    found = {entry.name: Path(entry.fname) for entry in font_manager.fontManager.ttflist}
    for family in SYSTEM:
        if family in found and has_glyphs(found[family], PROBE):
            return FontChoice(family, found[family])
    raise CbecError(
        "no font with Chinese characters; install what requirements.lock names (mplfonts brings one)",
        exit_code=4,
    )
