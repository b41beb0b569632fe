"""Texts that a file of a user's may hold and that another program might run: one list for all outputs."""

from __future__ import annotations

from pathlib import Path

import duckdb

# What each program would be told to do; {n} makes every one of them different.
FORMULAS = (
    "=1+{n}", "+1+{n}", "-1+{n}", "@SUM(1,{n})", "=cmd|' /C calc'!A{n}", "+cmd|' /C calc'!A{n}", "=HYPERLINK(\"http://127.0.0.1:9/{n}\",\"x\")",
    "=WEBSERVICE(\"http://127.0.0.1:9/{n}\")", "=DDE(\"soffice\";\"/etc/passwd\";\"{n}\")", "=IMPORTXML(\"http://127.0.0.1:9/{n}\",\"//a\")",
    "＝1+{n}", "＋1+{n}", "－1+{n}", "＠SUM({n})", "{{=1+{n}}}", "=-{n}", "==1+{n}", "=\"a\"&{n}",
)  # fmt: skip
LEADS = (
    "",
    " ",
    "  ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    "\u3000",
    "\u00a0",
    "\u200b",
    "\ufeff",
    "'",
    '"',
    "\"'",
    ";",
    ",",
)
MARKUP = (
    "<script>window.__hit={n}</script>", "<img src=x onerror=\"window.__hit={n}\">", "<img src='http://127.0.0.1:9/{n}.png'>",
    "<svg/onload=window.__hit={n}>", "<svg><script>window.__hit={n}</script></svg>", "\"><script>window.__hit={n}</script>",
    "'><img src=x onerror=window.__hit={n}>", "</title><script>window.__hit={n}</script>", "</style><script>window.__hit={n}</script>",
    "</text></svg><script>window.__hit={n}</script>", "]]><script>window.__hit={n}</script>", "--><script>window.__hit={n}</script>",
    "<![CDATA[<script>window.__hit={n}</script>]]>", "<?xml-stylesheet href='http://127.0.0.1:9/{n}'?>", "<a href='javascript:window.__hit={n}'>x</a>",
    "<iframe src='javascript:parent.__hit={n}'></iframe>", "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/{n}'>",
    "<style>@import 'http://127.0.0.1:9/{n}'</style>", "<details open ontoggle=window.__hit={n}>", "&lt;script&gt;window.__hit={n}&lt;/script&gt;",
    "&#60;script>window.__hit={n}&#60;/script>", "javascript:window.__hit={n}", "[x](javascript:window.__hit={n})", "![x](http://127.0.0.1:9/{n}.png)",
    "<http://127.0.0.1:9/{n}>", "http://127.0.0.1:9/{n}", "{{{{7*{n}}}}}", "${{7*{n}}}", "{{% raw %}}{n}", "$\\frac{{1}}{{{n}}}$", "$$\\undefined{{{n}}}$$",
    ":material/star: {n}", ":red[x{n}]", "`id` {n}", "<w:fldSimple w:instr=\"DDEAUTO c {n}\"/>", "{{ DDEAUTO c:\\\\windows\\\\x {n} }}",
)  # fmt: skip
COMMANDS = (
    "\\input{{/etc/passwd}}{n}", "\\write18{{touch /tmp/cbec_{n}}}", "\\immediate\\write18{{id {n}}}", "^^5cinput{{{n}}}", "}}\\end{{table}}\\input{{{n}}}",
    "%{n}", "[{n}pt]", "*[{n}pt]", "a & b {n}", "$\\lua{{{n}}}$", "`shell touch /tmp/cbec_{n}'", "`=1+{n}'", "$S_{n}", "\"); system(\"id {n}\"); (\"",
    "'; shell id {n}; '", "*/ shell id {n} /*", "\nshell id {n}", "\nsystem('id {n}')", "\x1b[31m{n}", "\x00{n}", "\x07{n}\ufffe", "..\\..\\{n}", "../../{n}",
)  # fmt: skip
PAYLOADS = tuple(
    text.format(n=number)
    for number, text in enumerate(
        (*(lead + formula for formula in FORMULAS for lead in LEADS), *MARKUP, *COMMANDS), start=1000
    )
)
# Those that a browser would run or fetch.
MARKED = PAYLOADS[len(FORMULAS) * len(LEADS) :][: len(MARKUP)]
# Columns that repeat what stands in somebody's file, or its name.
REPEATED = (
    "source_file", "source_locator", "value_printed", "unit_printed", "obs_comment", "evidence", "reason", "message",
    "note", "label", "path", "status_printed", "detail",
)  # fmt: skip


def poison(database: Path, texts: tuple[str, ...] = PAYLOADS) -> int:
    """Put a text into each repeated column of a published file, a different one in each row. Gives the number."""
    with duckdb.connect(str(database)) as connection:
        places = connection.execute(
            "select schema_name || '.' || table_name, column_name, estimated_size from duckdb_columns()"
            " join duckdb_tables() using (schema_name, table_name) where data_type = 'VARCHAR'"
            " and schema_name in ('marts', 'quality', 'meta') and list_contains(?, column_name)",
            [list(REPEATED)],
        ).fetchall()
        for table, column, size in places:
            # Where nothing stood nothing is put: the pages ask whether there is something.
            connection.execute(
                f"update {table} set {column} = ?[1 + rowid % {len(texts)}] where {column} is not null"
                f"{' and rowid < 20000' if size > 200_000 else ''}",
                [list(texts)],
            )
        connection.execute("checkpoint")
    return len(places)
