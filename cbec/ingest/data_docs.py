"""Great Expectations' pages about imported files, made to stand alone: no script, and nothing from elsewhere.

As it writes them they load a dozen scripts and styles from other machines, show nothing without, and run what
stands in the name of a file.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lxml import etree
from lxml import html as pages

INDEX = "index.html"
# Whatever a page holds, a browser runs nothing of it and asks nobody.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; font-src 'self'; base-uri 'none';"
    " form-action 'none'"
)
STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: .6rem 0; } th, td { border: 1px solid #ccc; padding: .3rem .6rem; }
td { vertical-align: top; }
.failed { color: #a11; font-weight: bold; } nav, .navbar, button, img { display: none; }
"""


@dataclass(frozen=True)
class Judged:
    """What came of the expectations on one file, or on the files of one edition, by its number in the run."""

    number: int
    label: str
    kind: str
    n_expectations: int
    n_failed: int


def close_pages(folder: Path, judged: Sequence[Judged]) -> Path:
    """Take script and strange addresses out of every page of a folder, and write the page that lists them.

    Gives that page.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.rglob("*.html")):
        _close(path)
        number = path.name.removeprefix("imported files-").split(" ")[0]
        if "validations" in path.relative_to(folder).parts and number.isdigit():
            found[int(number)] = path
    rows = []
    for item in judged:
        label = html.escape(item.label)
        if item.number in found:
            place = quote(found[item.number].relative_to(folder).as_posix())
            label = f'<a href="{place}">{label}</a>'
        failed = f'<td class="failed">{item.n_failed}</td>' if item.n_failed else "<td>0</td>"
        rows.append(
            f"<tr><td>{label}</td><td>{html.escape(item.kind)}</td><td>{item.n_expectations}</td>{failed}</tr>"
        )
    heads = "".join(
        f"<th>{zh}<br>{en}</th>"
        for zh, en in (("文件", "File"), ("类型", "Kind"), ("检验项", "Expectations"), ("未通过", "Failed"))
    )
    text = (
        '<!doctype html><html><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>cbec import</title>'
        f"<style>{STYLE}</style></head><body><h1>导入文件的检验 Validation of imported files</h1>"
        f"<table><tr>{heads}</tr>{''.join(rows)}</table></body></html>\n"
    )
    (folder / INDEX).write_text(text, encoding="utf-8", errors="backslashreplace")
    return folder / INDEX


def _close(path: Path) -> None:
    page = pages.fromstring(path.read_text(encoding="utf-8", errors="replace"))
    for element in list(page.iter(etree.Element)):
        if element.tag in ("script", "iframe", "object", "embed", "base", "form", "meta", "link"):
            element.drop_tree()
            continue
        for name, value in list(element.attrib.items()):
            address = value.strip().lower() if name in ("href", "src", "action", "srcset") else ""
            if name.startswith("on") or ":" in address.split("/")[0] or address.startswith("//"):
                del element.attrib[name]
        if "collapse" in element.get("class", "").split():
            # Only a script would open it.
            element.attrib.pop("class")
    head = page.find("head")
    if head is None:
        head = etree.SubElement(page, "head")
    for element in (
        etree.Element("meta", charset="utf-8"),
        etree.Element("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
    ):
        head.insert(0, element)
    style = etree.SubElement(head, "style")
    style.text = STYLE
    text = "<!doctype html>\n" + pages.tostring(page, encoding="unicode")
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
