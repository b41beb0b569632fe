"""Text tables: encoding, separator, rows."""

from __future__ import annotations

import csv
import io
import re
from pathlib import PurePosixPath

from cbec.ingest.book import MAX_CELLS, MAX_COLUMNS, Book, File, Refused, Sheet
from cbec.ingest.problems import Problem
from cbec.ingest.text import is_figure, year_of

MAX_LINES_IN_A_CELL = 20
MARKS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
# Ends of lines and tabs that some program wrote by their number. Any other such code is what it looks like.
ESCAPED_BLANK = re.compile("_x00(?:0D|0A|09)_", re.IGNORECASE)


def read_delimited(file: File, familiar: frozenset[str], encoding: str | None) -> Book:
    text, used = decode(file.name, file.data, familiar, encoding=encoding)
    if "\x00" in text:
        raise Refused(file.name, f"byte {text.index(chr(0))}", "holds NUL characters; it is no text table")
    head = text[:4096].lstrip().lower()
    if head.startswith(("<html", "<!doctype", "<?xml", "<table")):
        raise Refused(file.name, "", "is a web page, not a table; save it as .xlsx or .csv")
    delimiter, is_sure = _delimiter(text)
    if text.count('"') % 2:
        line = text[: text.rindex('"')].count("\n") + 1
        raise Refused(file.name, f"line {line}", "has a quote that is never closed")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line_before = 0
    rows: list[tuple[int, tuple[str, ...]]] = []
    n_cells = 0
    try:
        for number, fields in enumerate(reader, 1):
            n_cells += len(fields)
            if n_cells > MAX_CELLS:
                raise Refused(file.name, f"line {reader.line_num}", f"holds more than {MAX_CELLS} cells")
            if len(fields) > MAX_COLUMNS:
                message = f"has {len(fields)} columns; at most {MAX_COLUMNS} are read"
                raise Refused(file.name, f"line {reader.line_num}", message)
            if reader.line_num - line_before > MAX_LINES_IN_A_CELL:
                raise Refused(
                    file.name, f"line {line_before + 1}", "opens a quote that is closed many lines below"
                )
            line_before = reader.line_num
            if any(fields):
                rows.append((number, tuple(map(_without_escapes, fields))))
    except csv.Error as error:
        raise Refused(file.name, f"line {reader.line_num}", f"is not a table here: {error}") from None
    if not rows:
        raise Refused(file.name, "", "is empty")
    stem = PurePosixPath(file.name).stem
    sheet = Sheet(stem, tuple(rows), is_delimited=True)
    warnings: tuple[Problem, ...] = ()
    if not is_sure:
        message = f"was cut at each {MARKS[delimiter]}; no mark cuts its lines into a table of one width"
        warnings = (Problem(file.name, stem, "file", "", message, is_warning=True),)
    return Book(file, (sheet,), f"{used}, {MARKS[delimiter]}", warnings)


def _without_escapes(text: str) -> str:
    return ESCAPED_BLANK.sub(lambda found: chr(int(found[0][2:6], 16)), text) if "_x00" in text else text


def _delimiter(text: str) -> tuple[str, bool]:
    """The separator that cuts most of the sample into rows of one width, of fields that are whole; and
    whether most rows are so.

    A figure that another mark cut is a piece of one (`5,300` at a comma) and counts for nothing; a field that
    still holds another mark was not cut where it should be, and counts against this one.
    """
    sample = text[:20_000]
    lines = [line for line in sample.splitlines()[:60] if line.strip()]
    lines = lines[:-1] or lines

    def score(mark: str) -> tuple[int, float]:
        try:
            rows = [row for row in csv.reader(lines, delimiter=mark) if any(row)]
        except csv.Error:
            rows = [line.split(mark) for line in lines]
        widths = [len(row) for row in rows]
        usual = max(set(widths) - {1}, key=lambda width: (widths.count(width), width), default=0)
        if not usual:
            return 0, 0.0
        of_usual = [row for row in rows if len(row) == usual]
        others = "".join(set(MARKS) - {mark})
        n = sum(_worth(field, others) for row in of_usual for field in row[:100])
        return n, len(of_usual) / len(rows)

    scores = {mark: score(mark) for mark in MARKS}
    best = max(MARKS, key=lambda mark: scores[mark][0])
    return best, scores[best][1] > 0.5


def _worth(field: str, others: str) -> int:
    """1 for a field that is whole, 0 for one that may be, -1 for a piece of one."""
    clean = field.strip()
    if any(mark in field for mark in others):
        return 1 if is_figure(clean) else -1
    if not clean or not re.fullmatch("[-+0-9.]+", clean):
        return 1
    is_piece = re.match("[-+]?0[0-9]", clean)
    return 1 if not is_piece and (is_figure(clean) or year_of(clean)) else 0


def decode(
    name: str, data: bytes, familiar: frozenset[str], *, encoding: str | None = None
) -> tuple[str, str]:
    """Text of a file and the encoding it is in.

    A mark at the start decides; then strict UTF-8; then the candidates of charset-normalizer among the
    Chinese encodings, of which the one whose Chinese characters are those of tables must win clearly.
    Raises Refused when no encoding fits, or when two fit equally well with different texts.
    """
    if encoding:
        try:
            return data.decode(encoding), encoding
        except (UnicodeDecodeError, LookupError) as error:
            raise Refused(name, "", f"is not {encoding}: {error}") from None
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(codec), f"{codec} (marked)"
            except UnicodeDecodeError as error:
                raise Refused(
                    name, f"byte {error.start}", f"is marked as {codec} but is not from here on"
                ) from None
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        utf8_error = error
    sample = data[:65536]
    for codec in ("utf-16-le", "utf-16-be"):
        zeros = sample[1 if codec == "utf-16-le" else 0 :: 2].count(0)
        if zeros > len(sample) // 20:
            try:
                return data.decode(codec), codec
            except UnicodeDecodeError:
                continue
    return _decode_chinese(name, data, familiar, utf8_error)


def _decode_chinese(
    name: str, data: bytes, familiar: frozenset[str], utf8_error: UnicodeDecodeError
) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    # Mostly valid UTF-8 with a broken place is broken UTF-8, not another encoding.
    valid = data.decode("utf-8", errors="ignore")
    chinese = sum("\u4e00" <= c <= "\u9fff" for c in valid[:200_000])
    broken = data[:400_000].decode("utf-8", errors="replace").count("\ufffd")
    line = data[: utf8_error.start].count(b"\n") + 1
    if chinese > 20 * max(broken, 1) and sum(c in familiar for c in valid[:200_000]) > chinese // 3:
        raise Refused(
            name, f"line {line}", f"is UTF-8 but for byte {utf8_error.start}; the file is damaged here"
        )
    guesses = [match.encoding for match in from_bytes(data[:65536], cp_isolation=["gb18030", "big5"])]
    scored: list[tuple[float, str, str]] = []
    for codec in dict.fromkeys([*guesses, "gb18030", "big5hkscs"]):
        codec = {"big5": "big5hkscs", "gbk": "gb18030", "gb2312": "gb18030"}.get(codec, codec)
        if codec not in ("gb18030", "big5hkscs") or any(codec == entry[1] for entry in scored):
            continue
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        # Full-width digits and letters are as likely in either.
        wide = [
            c for c in text[:200_000] if ord(c) > 0x7F and not ("\uff10" <= c <= "\uff5a" and c.isalnum())
        ]
        share = sum(c in familiar or c in "（）、，：％—－–−…　℃①②③④⑤＊" for c in wide) / max(len(wide), 1)
        scored.append((share, codec, text))
    scored.sort(key=lambda entry: entry[0], reverse=True)
    if not scored or scored[0][0] < 0.25:
        raise Refused(
            name,
            f"line {line}",
            f"byte {utf8_error.start} is neither UTF-8, UTF-16, GB18030 nor Big5 text that reads as a table",
        )
    if len(scored) > 1 and scored[0][0] < scored[1][0] + 0.1:
        raise Refused(name, f"line {line}", "could be GB18030 or Big5; say which with --encoding")
    return scored[0][2], scored[0][1].replace("big5hkscs", "big5")
