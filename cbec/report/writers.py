"""Write a `Table` as docx, xlsx, tex and html: each writer prints the cells of the one object."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_ALIGN_VERTICAL, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Border, Font, Side

from cbec.common.cells import begins_formula
from cbec.common.files import replace_with
from cbec.common.words import say
from cbec.report.table import MINUS, Content, Number, Row, Table, plain

CHINESE_FONT = "宋体"
LATIN_FONT = "Times New Roman"
BODY_PT = 9.0  # 小五
CAPTION_PT = 10.5  # 五号
NOTE_PT = 7.5  # 六号
# Rules of a three-line table, in points.
HEAVY_PT, LIGHT_PT = 1.5, 0.75
# Tables wider than this stand on a landscape page.
PORTRAIT_COLUMNS = 6
# More rows than these may not fit on a page: kept together they would leave their title alone on another.
MAX_ROWS_KEPT = 24
# Width of a spreadsheet's column, in characters.
XLSX_COLUMN = 15.0


def write(table: Table, path: Path) -> None:
    """Write the table in the format that the suffix of the path names, beside it first, then renamed.

    Raises KeyError on another suffix; the caller has checked it.
    """
    replace_with(path, lambda beside: WRITERS[path.suffix[1:]](table, beside))


def write_html(table: Table, path: Path) -> None:
    """A page that needs nothing else: style inside, every text escaped, numbers aligned at the point."""
    rows = []
    for tag, group in (("thead", table.head), ("tbody", table.body)):
        lines = [
            "<tr>"
            + f'<th scope="row">{html.escape(row.label)}</th>'
            + "".join(f"<td>{_html_cell(cell)}</td>" for cell in row.cells)
            + "</tr>"
            for row in group
        ]
        rows.append(f"<{tag}>\n" + "\n".join(lines) + f"\n</{tag}>")
    before, after = _widths(table)
    style = (
        f'body{{font-family:"{LATIN_FONT}","{CHINESE_FONT}",SimSun,"Noto Serif CJK SC",serif;'
        f"margin:2em;color:#000;background:#fff}}"
        f"table{{border-collapse:collapse;margin:0 auto;font-size:{BODY_PT}pt;"
        f"border-top:{HEAVY_PT}pt solid;border-bottom:{HEAVY_PT}pt solid}}"
        f"caption{{font-size:{CAPTION_PT}pt;font-weight:bold;padding-bottom:.5em;white-space:pre-wrap}}"
        f"thead tr:last-child>*{{border-bottom:{LIGHT_PT}pt solid}}"
        "th{font-weight:normal;text-align:left;padding:.15em 1em .15em .3em;white-space:nowrap}"
        "td{text-align:center;padding:.15em .4em;max-width:11em}"
        "tbody td{white-space:nowrap}"
        f".w{{display:inline-block;text-align:right;width:{before}ch;font-variant-numeric:tabular-nums}}"
        f".f{{display:inline-block;text-align:left;width:{after}ch;font-variant-numeric:tabular-nums}}"
        "sup{line-height:0}"
        f".note{{font-size:{NOTE_PT}pt;max-width:80em;margin:.3em auto}}"
    )
    language = "zh-CN" if table.lang == "zh" else "en"
    page = (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8">'
        f"<title>{html.escape(table.caption)}</title><style>{style}</style></head>\n<body>\n"
        f"<table>\n<caption>{html.escape(table.caption)}</caption>\n"
        + "\n".join(rows)
        + "\n</table>\n"
        + "".join(f'<p class="note">{html.escape(text)}</p>\n' for text in table.paragraphs)
        + "</body>\n</html>\n"
    )
    path.write_text(page, encoding="utf-8")


def _html_cell(cell: Content) -> str:
    if not isinstance(cell, Number):
        return html.escape(plain(cell))
    whole, fraction = _halves(cell)
    mark = f"<sup>{cell.stars}</sup>" if cell.stars else ""
    if not cell.decimals:
        return whole + fraction + mark
    return f'<span class="w">{whole}</span><span class="f">{fraction}{mark}</span>'


def write_tex(table: Table, path: Path) -> None:
    """A booktabs fragment to be read with \\input; its first lines name the packages that it needs."""
    before, after = _digits(table)
    lines = [
        "% \\usepackage{booktabs,caption,dcolumn}"
        + ("  % with ctex and xelatex" if table.lang == "zh" else ""),
        "\\begin{table}[htbp]\\centering\\small",
        f"\\caption*{{{tex(table.caption)}}}",
        f"\\begin{{tabular}}{{l*{{{table.columns}}}{{D{{.}}{{.}}{{{before}.{after}}}}}}}",
        f"\\toprule[{HEAVY_PT}pt]",
        *(_tex_row(row, is_head=True) for row in table.head),
        f"\\midrule[{LIGHT_PT}pt]",
        *(_tex_row(row, is_head=False) for row in table.body),
        f"\\bottomrule[{HEAVY_PT}pt]",
        "\\end{tabular}",
        *(
            [
                "\\par\\smallskip",
                "\\begin{minipage}{\\linewidth}\\footnotesize",
                *(f"{tex(text)}\\par" for text in table.paragraphs),
                "\\end{minipage}",
            ]
            if table.paragraphs
            else []
        ),
        "\\end{table}",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _tex_row(row: Row, *, is_head: bool) -> str:
    # The end of the row before would take a bracket as a length and a star as a wish.
    label = "{}" + tex(row.label) if row.label.lstrip().startswith(("[", "*")) else tex(row.label)
    return " & ".join([label, *(_tex_cell(cell, is_head) for cell in row.cells)]) + " \\\\"


def _tex_cell(cell: Content, is_head: bool) -> str:
    if isinstance(cell, Number):
        # The column is set in mathematics: a hyphen is a minus sign, a comma must not make a space.
        digits = cell.digits.replace(MINUS, "-").replace(",", "{,}")
        body = f"({digits})" if cell.bracketed else digits
        body += f"^{{{cell.stars}}}" if cell.stars else ""
        return body if cell.decimals else f"\\multicolumn{{1}}{{c}}{{${body}$}}"
    if not plain(cell):
        return ""
    if is_head and _width(plain(cell)) > 12:
        return f"\\multicolumn{{1}}{{>{{\\centering\\arraybackslash}}p{{2.2cm}}}}{{{tex(plain(cell))}}}"
    return f"\\multicolumn{{1}}{{c}}{{{tex(plain(cell))}}}"


_TEX = {
    "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "$": "\\$", "&": "\\&", "#": "\\#", "_": "\\_",
    "^": "\\textasciicircum{}", "~": "\\textasciitilde{}", "%": "\\%", "<": "\\textless{}",
    ">": "\\textgreater{}", "|": "\\textbar{}", '"': "\\textquotedbl{}", MINUS: "$-$",
    "²": "\\textsuperscript{2}", "×": "$\\times$", "′": "$'$", "→": "$\\rightarrow$", "ρ": "$\\rho$",
    "\n": " ", "\r": " ", "\t": " ",
}  # fmt: skip


def tex(text: str) -> str:
    """The text with everything that LaTeX reads as a command made harmless."""
    return "".join(_TEX.get(character, character) for character in text)


def write_xlsx(table: Table, path: Path) -> None:
    """A workbook: the table with its numbers at full precision, and a sheet of notes and units.

    A text is never a formula, whatever it begins with: its type is text and the cell carries the mark
    that keeps it one when somebody edits it.
    """
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = table.name[:31]
    sheet.sheet_view.showGridLines = False
    width = table.columns + 1
    _text_cell(sheet.cell(1, 1), table.caption, size=CAPTION_PT, bold=True, align="center")
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=width)
    heavy, light = Side("medium"), Side("thin")
    for column in range(1, width + 1):
        # Some programs draw the rule between two rows only from the upper one.
        sheet.cell(1, column).border = Border(bottom=heavy)
    line = 2
    last_head, last_body = 1 + len(table.head), 1 + len(table.head) + len(table.body)
    for row in (*table.head, *table.body):
        is_head = line <= last_head
        for column, content in enumerate((row.label, *row.cells), start=1):
            cell = sheet.cell(line, column)
            if isinstance(content, Number):
                cell.value = content.value
                cell.number_format = _number_format(content)
                cell.alignment = Alignment(horizontal="right")
                cell.font = Font(name=LATIN_FONT, size=BODY_PT)
            else:
                _text_cell(
                    cell, plain(content), align="left" if column == 1 else "center" if is_head else "right"
                )
                if column > 1 and not is_head:
                    # In from the edge, as far as the room that numbers leave for stars.
                    cell.alignment = Alignment(horizontal="right", indent=1)
                if is_head:
                    cell.alignment = Alignment(
                        horizontal="left" if column == 1 else "center", vertical="center", wrap_text=True
                    )
            cell.border = Border(
                top=heavy if line == 2 else None,
                bottom=heavy if line == last_body else light if line == last_head else None,
            )
        line += 1
    sheet.column_dimensions["A"].width = min(
        42.0, max(_width(row.label) for row in (*table.head, *table.body)) + 2.0
    )
    for column in range(2, width + 1):
        sheet.column_dimensions[sheet.cell(2, column).column_letter].width = XLSX_COLUMN
    total = sheet.column_dimensions["A"].width + XLSX_COLUMN * table.columns
    for text in table.paragraphs:
        _text_cell(sheet.cell(line, 1), text, size=NOTE_PT, wrap=True)
        sheet.merge_cells(start_row=line, start_column=1, end_row=line, end_column=width)
        # A merged cell does not grow by itself.
        sheet.row_dimensions[line].height = 11.0 * (1 + _width(text) // (total * 1.1))
        line += 1
    for number, row in enumerate(table.head, start=2):
        lines = max(-(-_width(plain(cell)) // 14) for cell in row.cells)
        sheet.row_dimensions[number].height = 13.0 * max(1, lines)
    sheet.page_setup.orientation = "landscape" if table.columns > PORTRAIT_COLUMNS else "portrait"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True

    notes = book.create_sheet("说明" if table.lang == "zh" else "notes")
    parts = [table.caption, table.bracket_note, *table.notes, *table.remarks]
    for number, part in enumerate((part for part in parts if part), start=1):
        _text_cell(notes.cell(number, 1), part)
    start = notes.max_row + 2
    for number, (name, unit) in enumerate(
        ((say("variable", table.lang), say("unit", table.lang)), *table.units), start=start
    ):
        _text_cell(notes.cell(number, 1), name, bold=number == start)
        _text_cell(notes.cell(number, 2), unit, bold=number == start)
    notes.column_dimensions["A"].width = 60
    notes.column_dimensions["B"].width = 30
    book.properties.creator = "cbec-warehouse"
    book.properties.title = table.caption
    book.save(path)


def _text_cell(
    cell: Cell | Any,
    text: str,
    *,
    size: float = BODY_PT,
    bold: bool = False,
    align: str = "left",
    wrap: bool = False,
) -> None:
    chinese = any(unicodedata.east_asian_width(character) in "WF" for character in text)
    cell.value = text
    cell.data_type = "s"
    cell.font = Font(name=CHINESE_FONT if chinese else LATIN_FONT, size=size, bold=bold)
    cell.alignment = Alignment(horizontal=align, vertical="top" if wrap else "center", wrap_text=wrap)
    if begins_formula(text):
        cell.quotePrefix = True


def _number_format(number: Number) -> str:
    """Brackets and stars belong to the format, so that the cell stays a number; `_x` leaves the width of x,
    which keeps the points of a column below each other."""
    digits = ("#,##0" if number.grouped else "0") + ("." + "0" * number.decimals if number.decimals else "")
    body = f'"("{digits}")"' if number.bracketed else digits
    minus = f'"({MINUS}"{digits}")"' if number.bracketed else f'"{MINUS}"{digits}'
    tail = (f'"{number.stars}"' if number.stars else "") + "_*" * (3 - len(number.stars))
    if number.bracketed:
        tail = "_*_*"
    return f"{body}{tail};{minus}{tail}"


def write_docx(table: Table, path: Path) -> None:
    """A Word document with a real table: three rules, 宋体 and Times New Roman, decimal tab stops."""
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    if table.columns > PORTRAIT_COLUMNS:
        section.orientation = WD_ORIENT.LANDSCAPE
        section.page_width, section.page_height = section.page_height, section.page_width
    section.left_margin = section.right_margin = Cm(2.0)
    section.top_margin = section.bottom_margin = Cm(2.0)
    available = (section.page_width or 0) - Cm(4.0)
    document.core_properties.author = "cbec-warehouse"
    document.core_properties.title = table.caption
    document.core_properties.comments = ""

    caption = document.add_paragraph()
    caption.alignment = WD_ALIGN_PARAGRAPH.CENTER
    caption.paragraph_format.space_after = Pt(4)
    caption.paragraph_format.keep_with_next = True
    _run(caption, table.caption, CAPTION_PT, bold=True)

    rows = (*table.head, *table.body)
    grid = document.add_table(rows=len(rows), cols=table.columns + 1)
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    grid.autofit = False
    widest = max(_width(row.label) for row in rows)
    # Half a character of the body is 4.5 points wide.
    label_width = min(Pt(widest * BODY_PT / 2 + 18), int(available * 0.4))
    cell_width = min((available - label_width) // table.columns, Cm(3.6))
    widths = [label_width, *([cell_width] * table.columns)]
    for column, width in enumerate(widths):
        grid.columns[column].width = width
    before, after = _widths(table)
    # The digits before the point and what follows it stand in the middle of the cell together.
    margin = Cm(0.19)
    shift = (before - after) * BODY_PT / 4
    tab = max(int(cell_width / 2 - margin + Pt(shift)), 0)
    for number, row in enumerate(rows):
        is_head = number < len(table.head)
        top = HEAVY_PT if number == 0 else None
        bottom = HEAVY_PT if number == len(rows) - 1 else LIGHT_PT if number == len(table.head) - 1 else None
        line = grid.rows[number]
        _row_stays_whole(line, repeats=is_head)
        for column, content in enumerate((row.label, *row.cells)):
            cell = line.cells[column]
            cell.width = widths[column]
            _rules(cell, top, bottom)
            paragraph = cell.paragraphs[0]
            paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(1)
            n_kept = len(rows) - 1 if len(rows) <= MAX_ROWS_KEPT else len(table.head) + 1
            paragraph.paragraph_format.keep_with_next = number < n_kept
            cell.vertical_alignment = WD_ALIGN_VERTICAL.CENTER
            if isinstance(content, Number) and content.decimals:
                # In a cell of a table the number goes to a decimal stop by itself, without a tab.
                paragraph.paragraph_format.tab_stops.add_tab_stop(tab, WD_TAB_ALIGNMENT.DECIMAL)
            elif column:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            mark = content.stars if isinstance(content, Number) else ""
            _run(paragraph, plain(content).removesuffix(mark) if mark else plain(content), BODY_PT)
            if mark:
                _run(paragraph, mark, BODY_PT, superscript=True)
    for place, text in enumerate(table.paragraphs):
        note = document.add_paragraph()
        note.paragraph_format.space_before = Pt(0 if place else 4)
        note.paragraph_format.space_after = Pt(0)
        _run(note, text, NOTE_PT)
    document.save(str(path))


def _run(paragraph: Any, text: str, size: float, *, bold: bool = False, superscript: bool = False) -> None:
    run = paragraph.add_run(text)
    run.font.name = LATIN_FONT
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), CHINESE_FONT)
    run.font.size = Pt(size)
    run.font.bold = bold
    if superscript:
        run.font.superscript = True


def _rules(cell: Any, top: float | None, bottom: float | None) -> None:
    borders = OxmlElement("w:tcBorders")
    for edge, points in (("top", top), ("bottom", bottom)):
        if points:
            rule = OxmlElement(f"w:{edge}")
            # Word counts eighths of a point.
            for name, value in (
                ("val", "single"),
                ("sz", str(int(points * 8))),
                ("space", "0"),
                ("color", "000000"),
            ):
                rule.set(qn(f"w:{name}"), value)
            borders.append(rule)
    cell._element.get_or_add_tcPr().append(borders)


def _row_stays_whole(row: Any, *, repeats: bool) -> None:
    properties = row._tr.get_or_add_trPr()
    properties.append(OxmlElement("w:cantSplit"))
    if repeats:
        properties.append(OxmlElement("w:tblHeader"))


def _halves(number: Number) -> tuple[str, str]:
    """What stands before the decimal point and what stands from it on, brackets with them."""
    text = plain(number).removesuffix(number.stars or "\0")
    head, point, tail = text.partition(".")
    if not point and head.endswith(")"):
        return head[:-1], ")"
    return head, point + tail


def _numbers(table: Table) -> list[Number]:
    """The numbers that are aligned at the point; counts stand in the middle of their cells."""
    return [cell for row in table.body for cell in row.cells if isinstance(cell, Number) and cell.decimals]


def _widths(table: Table) -> tuple[float, float]:
    """Widest half before and after the point, in characters; three stars as superscripts count as two."""
    numbers = _numbers(table)
    before = max((len(_halves(number)[0]) for number in numbers), default=1)
    after = max((len(_halves(number)[1]) + 0.67 * len(number.stars) for number in numbers), default=1)
    return float(before), float(after)


def _digits(table: Table) -> tuple[int, int]:
    before, after = _widths(table)
    return max(1, int(before)), max(1, int(after + 0.99))


def _width(text: str) -> int:
    """Width in half characters: a Chinese one counts two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


WRITERS: dict[str, Callable[[Table, Path], None]] = {
    "docx": write_docx,
    "xlsx": write_xlsx,
    "tex": write_tex,
    "html": write_html,
}
