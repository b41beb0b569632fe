"""Write a `Dataset` as Parquet, CSV, a workbook or a data package. The writer of Stata files is stata.py."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill

from cbec.common.cells import begins_formula, clean, inert
from cbec.common.files import replace_with
from cbec.export.dataset import Dataset, say
from cbec.project import CbecError

XLSX_ROWS, XLSX_TITLE = 1_048_576, 31
# One colour for each status code but A: blues are computed, greys missing, ambers suspect.
COLOURS = {
    "B": "F4B183", "O": "BFBFBF", "M": "7F7F7F", "L": "D9D9D9", "H": "E7E6E6", "Q": "A6A6A6", "J": "EDEDED",
    "S": "F8CBAD", "D": "FFE699", "K": "C9C9C9", "W": "FFF2CC", "I": "9DC3E6", "F": "BDD7EE", "E": "DDEBF7",
    "P": "E2F0D9", "N": "C5E0B4", "U": "FFD966", "V": "FCE4D6", "G": "D9C3E8",
}  # fmt: skip
SDMX_STATUS = "http://purl.org/linked-data/sdmx/2009/attribute#obsStatus"


def plain(value: Any) -> Any:
    """A value without structure: a list as text, an exact decimal as the shortest text that is equal."""
    if isinstance(value, list):
        return ";".join(str(plain(item)) for item in value)
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


def _text(value: Any) -> str:
    """A cell of a text file. A double is written with the digits that give back its very bits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str | list):
        return inert(str(plain(value)))
    return str(plain(value))


def write_csv(table: pa.Table, file: TextIO) -> None:
    """A table as RFC 4180 text with a head line; blanks for NULL."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([inert(name) for name in table.column_names])
    # A decimal is a number, never a text that could begin with a sign.
    writer.writerows([_text(value) for value in row] for row in _rows(table))


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _lines(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """A small table of texts and whole numbers."""
    columns = list(zip(*rows, strict=True)) or [()] * len(head)
    return pa.table({name: list(column) for name, column in zip(head, columns, strict=True)})


def columns_table(data: Dataset) -> pa.Table:
    """One row per column: name, label, unit, sources, description."""
    return _lines(
        ["column", "label", "unit", "sources", "description"],
        [(c.name, c.label, c.unit, ";".join(c.sources), c.description) for c in data.columns],
    )


def sources_table(data: Dataset) -> pa.Table:
    """One row per column and source."""
    return _lines(
        ["column", "source_id", "publication", "citation", "n_cells", "first_year", "last_year"],
        [
            (u.column, u.source_id, u.publication, u.citation, u.n_cells, u.first_year, u.last_year)
            for u in data.sources
        ],
    )


def codes_table(data: Dataset) -> pa.Table:
    """One row per status code."""
    return _lines(["obs_status", "name"], list(data.codes.items()))


def notes_text(data: Dataset, *more: str) -> str:
    """Title, notes and sources, one paragraph a line."""
    cited = dict.fromkeys(f"{use.source_id}: {use.citation or use.publication}" for use in data.sources)
    return "\n".join([data.title, "", *data.notes, *more, "", *cited]) + "\n"


def _write_text(path: Path, make: Callable[[TextIO], Any]) -> None:
    def write(beside: Path) -> None:
        # The mark tells Excel that the bytes are UTF-8.
        with beside.open("w", encoding="utf-8-sig", newline="") as file:
            make(file)

    replace_with(path, write)


def export_csv(data: Dataset, folder: Path) -> list[Path]:
    """The table, the status of its cells, its columns, its sources, and a page of notes."""
    parts = {"": data.values, "_columns": columns_table(data), "_sources": sources_table(data)}
    if data.has_status_table:
        parts["_status"] = data.status_table
    if data.status:
        parts["_status_codes"] = codes_table(data)
    written = []
    for suffix, table in parts.items():
        path = folder / f"{data.stem}{suffix}.csv"
        _write_text(path, partial(write_csv, table))
        written.append(path)
    notes = folder / f"{data.stem}_notes.txt"
    _write_text(notes, lambda file: file.write(notes_text(data, say("inert_note", data.lang))))
    return [*written, notes]


def export_parquet(data: Dataset, folder: Path) -> list[Path]:
    """The table with label, unit and sources of each column in its schema, and the status of its cells."""
    about = {c.name: c for c in data.columns}
    head = {
        "title": data.title,
        "notes": "\n".join(data.notes),
        "is_simulated": str(data.is_simulated).lower(),
    }
    written = []
    for suffix, table in (
        ("", data.values),
        ("_status", data.status_table if data.has_status_table else None),
    ):
        if table is None:
            continue
        schema = pa.schema(
            [
                f.with_metadata({
                    "label": about[f.name].label,
                    "unit": about[f.name].unit,
                    "sources": ";".join(about[f.name].sources),
                })
                for f in table.schema
            ],
            metadata=head | {"status_codes": json.dumps(dict(data.codes), ensure_ascii=False)},
        )  # fmt: skip
        path = folder / f"{data.stem}{suffix}.parquet"
        replace_with(path, partial(pq.write_table, table.cast(schema)))
        written.append(path)
    return written


def export_xlsx(data: Dataset, folder: Path) -> list[Path]:
    """A workbook: data with the colour of each cell's status, the status codes, units, sources, codes, notes.

    A text is never a formula, whatever it begins with. Raises CbecError (exit code 2) when the table has more
    rows than a sheet.
    """
    if data.values.num_rows + 3 > XLSX_ROWS:
        raise CbecError(
            f"{data.name}: {data.values.num_rows} rows do not fit in a sheet of Excel ({XLSX_ROWS});"
            " nearest: --format csv or parquet",
            exit_code=2,
        )
    book = Workbook(write_only=True)
    bold, grey = Font(bold=True), Font(color="808080")
    fills = {status_code: PatternFill("solid", start_color=colour) for status_code, colour in COLOURS.items()}

    def cell(sheet: Any, value: Any, *, font: Font | None = None, fill: PatternFill | None = None) -> Any:
        made = WriteOnlyCell(sheet)
        if isinstance(value, str):
            value = clean(value)
            # Set after the value: setting one looks for formulas and error codes.
            made.value = value
            made.data_type = "s"
            if begins_formula(value):
                # Excel's own mark of a text, which keeps it one when somebody edits the cell.
                made.quotePrefix = True
        elif isinstance(value, float):
            # openpyxl writes sixteen digits of a float; all of its bits may need seventeen.
            made.value = repr(value)
            made.data_type = "n"
        else:
            made.value = value
        if font:
            made.font = font
        if fill:
            made.fill = fill
        return made

    def sheet(key: str, widths: Sequence[float] = ()) -> Any:
        name = say(key, data.lang)
        if key == "sheet_data" and data.is_simulated:
            name = f"{name} ({say('simulated', data.lang)})"
        made = book.create_sheet(name[:XLSX_TITLE])
        for number, width in enumerate(widths):
            made.column_dimensions[_letter(number)].width = width
        return made

    def listed(key: str, head: Sequence[str], rows: Iterable[Sequence[Any]], widths: Sequence[float]) -> None:
        made = sheet(key, widths)
        made.freeze_panes = "A2"
        made.append([cell(made, say(name, data.lang), font=bold) for name in head])
        for row in rows:
            made.append([cell(made, value) for value in row])

    main = sheet("sheet_data", [16.0] * len(data.columns))
    main.freeze_panes = f"{_letter(4 if data.key else 0)}4"
    main.append([cell(main, data.title, font=bold)])
    headings = [cell(main, column.heading, font=bold) for column in data.columns]
    for heading in headings:
        heading.alignment = Alignment(wrap_text=True, vertical="top")
    main.append(headings)
    main.append([cell(main, column.name, font=grey) for column in data.columns])
    places = {column.name: number for number, column in enumerate(data.columns)}
    status_codes = {places[name]: column.to_pylist() for name, column in data.status.items()}
    kinds = [_is_decimal(field.type) for field in data.values.schema]
    for number, row in enumerate(_rows(data.values)):
        line: list[Any] = []
        for place, value in enumerate(row):
            # The workbook's numbers are doubles.
            value = float(value) if kinds[place] and value is not None else plain(value)
            status_code = status_codes[place][number] if place in status_codes else None
            fill = fills.get(status_code) if status_code else None
            line.append(cell(main, value, fill=fill) if fill or isinstance(value, str | float) else value)
        main.append(line)
    if data.has_status_table:
        status = data.status_table
        made = sheet("sheet_status", [12.0] * status.num_columns)
        made.freeze_panes = "C2"
        made.append(status.column_names)
        for row in _rows(status):
            made.append(row)
    listed(
        "sheet_columns",
        ["column", "label", "unit", "source"],
        [(c.name, c.label, c.unit, "; ".join(c.sources) or _nothing(data, c.name)) for c in data.columns],
        [40.0, 40.0, 24.0, 60.0],
    )
    listed(
        "sheet_sources",
        ["column", "source", "publication", "citation", "n_cells", "first_year", "last_year"],
        [tuple(row.values()) for row in sources_table(data).to_pylist()],
        [40.0, 30.0, 40.0, 60.0],
    )
    made = sheet("sheet_codes", [10.0, 50.0, 10.0])
    made.append(
        [cell(made, say(name, data.lang), font=bold) for name in ("status_code", "meaning", "colour")]
    )
    for status_code, meaning in data.codes.items():
        fill = fills.get(status_code)
        made.append(
            [cell(made, status_code), cell(made, meaning), cell(made, None, fill=fill) if fill else None]
        )
    made = sheet("sheet_notes", [120.0])
    for text in notes_text(data, say("xlsx_note", data.lang)).splitlines():
        made.append([cell(made, text)])
    book.properties.creator = "cbec-warehouse"
    book.properties.title = clean(data.title)
    path = folder / f"{data.stem}.xlsx"
    replace_with(path, book.save)
    return [path]


def _nothing(data: Dataset, column: str) -> str:
    return say("no_source", data.lang) if data.has_status_table and column in data.status else ""


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind))


def _letter(number: int) -> str:
    """Name of a spreadsheet's column, counted from 0."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name


def export_datapackage(data: Dataset, folder: Path) -> list[Path]:
    """A zipped Frictionless data package (specs.frictionlessdata.io, version 1): the table, the SDMX status
    of its cells, its sources and the code list, each with a schema and a digest."""
    tables = {"data": data.values, "sources": sources_table(data)}
    if data.has_status_table:
        tables["status"] = data.status_table
    if data.status:
        tables["obs_status"] = codes_table(data)
    path = folder / f"{data.stem}_datapackage.zip"

    def write(beside: Path) -> None:
        resources = []
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as package:
            for name, table in tables.items():
                text = io.StringIO(newline="")
                write_csv(table, text)
                content = text.getvalue().encode("utf-8")
                package.writestr(f"{name}.csv", content)
                resources.append(_resource(data, name, table, content))
            package.writestr(
                "datapackage.json", json.dumps(_package(data, resources), ensure_ascii=False, indent=1)
            )

    replace_with(path, write)
    return [path]


def _package(data: Dataset, resources: list[dict[str, Any]]) -> dict[str, Any]:
    cited = dict.fromkeys(use.citation or use.publication for use in data.sources)
    return {
        "name": data.stem.replace("_", "-"),
        "title": data.title,
        "description": "\n".join([*data.notes, say("inert_note", data.lang)]),
        "profile": "tabular-data-package",
        "created": data.built_at,
        "isSimulated": data.is_simulated,
        # An empty list is not valid.
        **({"sources": [{"title": text} for text in cited]} if cited else {}),
        "resources": resources,
    }


def _resource(data: Dataset, name: str, table: pa.Table, content: bytes) -> dict[str, Any]:
    about = {column.name: column for column in data.columns}
    fields = []
    for column in table.schema:
        field: dict[str, Any] = {"name": column.name, "type": _frictionless_type(column.type)}
        if name in ("data", "status") and column.name in about:
            known = about[column.name]
            is_letter = column.name == "obs_status" if name == "data" else column.name in data.status
            label = known.label
            if name == "status" and is_letter:
                label = say("status_of", data.lang, label=label)
            field |= {"title": label, "description": known.description}
            if is_letter and data.status:
                field |= {"rdfType": SDMX_STATUS, "constraints": {"enum": list(data.codes)}}
            elif known.unit:
                field["unit"] = known.unit
        fields.append(field)
    schema: dict[str, Any] = {"fields": fields, "missingValues": [""]}
    if name in ("data", "status") and data.key:
        schema["primaryKey"] = list(data.key)
    if name == "status":
        schema["foreignKeys"] = [
            {"fields": list(data.key), "reference": {"resource": "data", "fields": list(data.key)}}
        ]
    if name == "obs_status":
        schema["primaryKey"] = ["obs_status"]
    return {
        "name": name.replace("_", "-"),
        "path": f"{name}.csv",
        "title": data.title if name == "data" else name,
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "schema": schema,
    }


def _frictionless_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_timestamp(kind):
        return "datetime"
    return "string"
