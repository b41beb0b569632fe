"""Tables of web pages and of Word documents, with the words above and below them.

No entity is resolved, nothing is fetched, and a document that unpacks to more than `open_zip` bears is
refused before it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree, html

from cbec.audit.grid import Grid
from cbec.audit.sheets import FAMILIAR, NOTE, TITLE, split
from cbec.ingest.book import MAX_CELLS, MAX_COLUMNS, open_zip
from cbec.ingest.files import File, Refused, decode

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
MAX_SPAN, MAX_TEXT, MAX_TITLE, N_NOTES = 1000, 4000, 120, 4
CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_-]{2,20})", re.IGNORECASE)
BLOCKS = {
    "p",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "li",
    "caption",
    "figcaption",
    "td",
    "th",
    "tr",
    "table",
}


def html_grids(file: File, encoding: str | None = None) -> list[Grid]:
    """Every table of a web page. Raises Refused with place and reason."""
    said = CHARSET.search(file.data[:4096])
    name = encoding or (said[1].decode().lower() if said else None)
    name = "gb18030" if name in ("gb2312", "gbk") else name
    text, _ = decode(file.name, file.data, FAMILIAR, encoding=name)
    # A declaration of another encoding must not be believed once the text is decoded.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    if not text.strip():
        raise Refused(file.name, "", "is empty")
    parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        tree = html.document_fromstring(text, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise Refused(file.name, "", f"is no web page: {error}") from None
    found: list[Grid] = []
    tables = [table for table in tree.iter("table") if not any(True for _ in table.iterdescendants("table"))]
    for number, table in enumerate(tables, 1):
        caption = " ".join(_html_text(node) for node in table.iter("caption"))
        rows: list[list[tuple[str, int, int]]] = []
        for row in table.iter("tr"):
            if _is_hidden(row):
                continue
            rows.append(
                [
                    (_html_text(cell), _span(cell.get("colspan")), _span(cell.get("rowspan")))
                    for cell in row
                    if cell.tag in ("td", "th") and not _is_hidden(cell)
                ]
            )
        title = " ".join(filter(None, (_near(table, is_before=True), caption)))
        found += _grids(file, f"table {number}", rows, title, _near(table, is_before=False))
    return found


def _is_hidden(element: Any) -> bool:
    style = re.sub(r"\s", "", element.get("style") or "").lower()
    return element.get("hidden") is not None or "display:none" in style or "visibility:hidden" in style


def _span(text: str | None) -> int:
    return min(int(text), MAX_SPAN) if text and text.strip().isdigit() and int(text) > 0 else 1


def _html_text(node: Any) -> str:
    parts: list[str] = []

    def walk(element: Any) -> None:
        if element.tag in ("script", "style") or _is_hidden(element):
            return
        if element.tag == "br":
            parts.append("\n")
        parts.append(re.sub(r"\s+", " ", element.text or ""))
        for child in element:
            if isinstance(child.tag, str):
                walk(child)
                if child.tag in BLOCKS:
                    parts.append("\n")
            parts.append(re.sub(r"\s+", " ", child.tail or ""))

    walk(node)
    return re.sub(r" *\n\s*", "\n", "".join(parts)).strip()


def _near(table: Any, *, is_before: bool) -> str:
    """The words directly above a table that name it, or those below up to the next table or title."""
    words: list[str] = []
    node = table
    while node is not None and len(words) < N_NOTES:
        sibling = node.getprevious() if is_before else node.getnext()
        if (not is_before and node is not table) or not is_before:
            tail = (node.tail or "").strip()
            if tail and (is_before or _is_note(tail)):
                words.append(tail)
        if sibling is None:
            parent = node.getparent()
            if parent is None or parent.tag in ("body", "html") or words:
                break
            node = parent
            continue
        if sibling.tag == "table" or any(True for _ in sibling.iterdescendants("table")):
            break
        text = _html_text(sibling)[:MAX_TEXT]
        if is_before and text:
            if not NOTE.match(text) and len(text) <= MAX_TITLE:
                words.insert(0, text)
            break
        if not is_before and text:
            if not _is_note(text):
                break
            words.append(text)
        node = sibling
    return "\n".join(words)


def docx_grids(file: File) -> list[Grid]:
    """Every table of a Word document. Raises Refused with place and reason."""
    with open_zip(file.name, file.data) as archive:
        try:
            data = archive.read("word/document.xml")
        except KeyError:
            raise Refused(file.name, "", "holds no Word document") from None
        except Exception as error:  # zlib and lzma raise their own classes
            raise Refused(file.name, "", f"cannot be unpacked: {error}") from None
    if b"<!DOCTYPE" in data[:4096] or b"<!ENTITY" in data:
        raise Refused(file.name, "word/document.xml", "declares entities, which no Word document does")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        body = etree.fromstring(data, parser).find(f"{W}body")
    except etree.XMLSyntaxError as error:
        raise Refused(file.name, "word/document.xml", f"is broken: {error}") from None
    if body is None:
        raise Refused(file.name, "word/document.xml", "has no body")
    found: list[Grid] = []
    number = 0
    blocks = list(_blocks(body))
    # A table that only frames others: what it frames is read in its place.
    while framed := [b for b in blocks if b.tag == f"{W}tbl" and b.find(f".//{W}tbl") is not None]:
        at = blocks.index(framed[0])
        cells = [cell for cell in framed[0].iter(f"{W}tc") if _owner(cell) is framed[0]]
        blocks[at : at + 1] = [inner for cell in cells for inner in _blocks(cell)]
    for at, block in enumerate(blocks):
        if block.tag != f"{W}tbl":
            continue
        number += 1
        before: list[str] = []
        for other in reversed(blocks[:at]):
            text = "" if other.tag == f"{W}tbl" else _paragraph(other)
            # Titles in both languages; another paragraph only where it stands right above.
            if other.tag == f"{W}tbl" or NOTE.match(text) or (text and before and not TITLE.match(text)):
                break
            if text and (TITLE.match(text) or len(text) <= MAX_TITLE):
                before.insert(0, text)
            if text and (not TITLE.match(text) or len(before) >= 2):
                break
        after: list[str] = []
        for other in blocks[at + 1 :]:
            text = "" if other.tag == f"{W}tbl" else _paragraph(other)
            if other.tag == f"{W}tbl" or (text and not _is_note(text)) or len(after) >= N_NOTES:
                break
            if text:
                after.append(text)
        rows = [list(_docx_cells(row)) for row in block.iter(f"{W}tr") if _owner(row) is block]
        found += _grids(file, f"table {number}", _without_vertical(rows), "\n".join(before), "\n".join(after))
    return found


def _is_note(text: str) -> bool:
    """Whether a paragraph below a table belongs to it."""
    if TITLE.match(text):
        return False
    return bool(NOTE.match(text) or re.search(r"[*∗＊]|括号|parenthes|brackets", text))


def _blocks(body: Any) -> Iterator[Any]:
    """Paragraphs and tables in order, those inside content controls too."""
    for node in body:
        if node.tag in (f"{W}p", f"{W}tbl"):
            yield node
        elif node.tag in (f"{W}sdt", f"{W}sdtContent", f"{W}ins"):
            yield from _blocks(node)


def _owner(part: Any) -> Any:
    """The table of a row or cell."""
    return next(part.iterancestors(f"{W}tbl"))


def _paragraph(node: Any) -> str:
    parts: list[str] = []
    for piece in node.iter(f"{W}t", f"{W}br", f"{W}tab", f"{W}noBreakHyphen"):
        run = piece.getparent()
        hidden = None if run is None else run.find(f"{W}rPr/{W}vanish")
        if hidden is not None and hidden.get(f"{W}val") not in ("0", "false"):
            continue
        tag = piece.tag.removeprefix(W)
        parts.append({"br": "\n", "tab": " ", "noBreakHyphen": "-"}.get(tag, piece.text or ""))
    return "".join(parts).strip()[:MAX_TEXT]


def _docx_cells(row: Any) -> Iterator[tuple[str, int, str]]:
    """Text, columns that it spans and how it is merged downwards ("", "restart", "continue")."""
    for cell in row.iter(f"{W}tc"):
        if next(cell.iterancestors(f"{W}tr")) is not row:
            continue
        span = cell.find(f"{W}tcPr/{W}gridSpan")
        merge = cell.find(f"{W}tcPr/{W}vMerge")
        text = "\n".join(filter(None, (_paragraph(p) for p in cell.iter(f"{W}p"))))
        down = "" if merge is None else (merge.get(f"{W}val") or "continue")
        yield text, _span(None if span is None else span.get(f"{W}val")), down


def _without_vertical(rows: list[list[tuple[str, int, str]]]) -> list[list[tuple[str, int, int]]]:
    """Cells merged downwards as spans of rows; those that they cover are left out."""
    starts: list[dict[int, str]] = []
    for row in rows:
        at, here = 0, {}
        for _, span, down in row:
            here[at] = down
            at += span
        starts.append(here)
    found = []
    for number, row in enumerate(rows):
        at, cells = 0, []
        for text, span, down in row:
            height = 1
            if down == "restart":
                while number + height < len(rows) and starts[number + height].get(at) == "continue":
                    height += 1
            is_orphan = down == "continue" and (number == 0 or not starts[number - 1].get(at))
            if down != "continue" or is_orphan:
                cells.append((text, span, height))
            at += span
        found.append(cells)
    return found


def _grids(
    file: File, name: str, rows: list[list[tuple[str, int, int]]], title: str, note: str
) -> list[Grid]:
    """Tables of one table of a document; spans become repeated texts."""
    texts: dict[tuple[int, int], str] = {}
    merged: set[tuple[int, int]] = set()
    width = 0
    for number, row in enumerate(rows):
        column = 0
        for text, across, down in row:
            while (number, column) in texts:
                column += 1
            down = min(down, len(rows) - number)
            if column + across > MAX_COLUMNS or len(texts) + across * down > MAX_CELLS // 8:
                raise Refused(file.name, name, "holds more cells than are read")
            for r in range(number, number + down):
                for c in range(column, column + across):
                    texts[r, c] = text
                    if (r, c) != (number, column):
                        merged.add((r + 1, c))
            column += across
        width = max(width, column)
    width = max([width, *(c + 1 for _, c in texts)], default=0)
    numbered = [
        (number + 1, [texts.get((number, column), "") for column in range(width)])
        for number in range(len(rows))
    ]
    return split(name, numbered, merged, is_spread=False, title=title, note=note)
