"""Stata files: figures stay figures, and labels stand where they name."""

from __future__ import annotations

import tempfile
from collections import Counter
from typing import Any

import numpy as np

from cbec.ingest.book import MAX_CELLS, MAX_COLUMNS, Book, File, Refused, Sheet
from cbec.ingest.formats import printed
from cbec.ingest.problems import Problem
from cbec.ingest.text import number_of


def read_stata(file: File) -> Book:
    """The one sheet of a Stata file, with the labels of its variables as header.

    A value that has a label is delivered as the label (`encode city` makes numbers of names), and a value
    that has none as itself. A label that is another number than its value is delivered with it, as a text
    that is no figure. Extended missing values are empty, and a warning names their letters.
    """
    frame, meta = _read(file)
    if frame.shape[0] * frame.shape[1] > MAX_CELLS:
        raise Refused(file.name, "", f"holds {frame.shape[0]} x {frame.shape[1]} cells; at most {MAX_CELLS}")
    if frame.shape[1] > MAX_COLUMNS:
        raise Refused(file.name, "", f"has {frame.shape[1]} columns; at most {MAX_COLUMNS} are read")
    columns, header, warnings = [], [], []
    for place, name in enumerate(frame.columns):
        labels = {
            key if isinstance(key, str) else float(key): str(label)
            for key, label in meta.variable_value_labels.get(name, {}).items()
        }
        kind = meta.readstat_variable_types[name]
        letters: Counter[str] = Counter()
        texts: dict[Any, str] = {}
        column = []
        for value in frame.iloc[:, place].astype(object):
            if value is None or value != value:
                column.append("")
            elif isinstance(value, str) and kind != "string":
                letters[value] += 1
                column.append("")
            else:
                if value not in texts:
                    texts[value] = _text(value, kind, labels)
                column.append(texts[value])
        for letter, count in sorted(letters.items()):
            reported = f" ({labels[letter]})" if letter in labels else ""
            message = f"holds .{letter}{reported} {count} times; read as empty"
            warnings.append(Problem(file.name, "data", "value", str(name), message, is_warning=True))
        columns.append(column)
        header.append(str(meta.column_names_to_labels.get(name) or name))
    rows = [(1, tuple(header)), *enumerate(zip(*columns, strict=True), 2)]
    return Book(file, (Sheet("data", tuple(rows)),), "Stata", tuple(warnings))


def _read(file: File) -> tuple[Any, Any]:
    import pyreadstat

    with tempfile.NamedTemporaryFile(suffix=".dta") as copy:
        copy.write(file.data)
        copy.flush()
        for encoding in (None, "GB18030"):
            try:
                frame, meta = pyreadstat.read_dta(copy.name, encoding=encoding, user_missing=True)
                return frame, meta
            except MemoryError:
                raise
            except Exception as error:
                # pyreadstat raises a bare Exception for some broken files.
                reason = error
    raise Refused(file.name, "", f"cannot be read as a Stata file: {reason}")


def _text(value: Any, kind: str, labels: dict[Any, str]) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    figure = float(value)
    if kind == "float" and not figure.is_integer():
        # The shortest number that a figure of single precision can have been: 5300.1, not 5300.10009765625.
        figure = float(str(np.float32(figure)))
    text = printed(figure)
    label = labels.get(float(value), "").strip()
    if not label:
        return text
    try:
        figures = number_of(label), number_of(text)
    except OverflowError:
        return f"{text} labelled {label}"
    if figures[0] is None:
        return label
    return text if figures[0] == figures[1] else f"{text} labelled {label}"
