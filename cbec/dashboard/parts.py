"""Parts that pages share: choices kept in the address, tables with their downloads, empty states."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import pandas as pd
import streamlit as st

from cbec.common.words import LANGS, Labels, Lang
from cbec.dashboard import downloads, queries
from cbec.dashboard.charts import OUTLINE, Chart, vega
from cbec.dashboard.database import Snapshot
from cbec.dashboard.words import translate

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Light to dark: printed (grey), suspect (blue), filled (orange), as in the figures of the reports.
STATUS_COLOURS = {
    "A": "#ebebeb", "G": "#dfe5ea", "N": "#d3dde6", "P": "#c6dbef", "U": "#b3d0e8", "V": "#9ecae1",
    "D": "#85bbdb", "W": "#79b5d9", "B": "#5a9fcf", "J": "#4a90c4", "S": "#4292c6",
    "E": "#f08a3c", "I": "#c44a00", "F": "#6b2002",
}  # fmt: skip
Widget = Literal["select", "segments", "slider"]


@dataclass(frozen=True)
class View:
    """What a page is made from: one version of the file, in one language."""

    snapshot: Snapshot
    lang: Lang
    labels: Labels
    is_simulated: bool
    page_id: str = ""

    @property
    def scope(self) -> str:
        """Part of the key of every widget: its memory holds labels of one language, and Streamlit gives a
        widget of another page under the same key its first option."""
        return f"{self.page_id}:{self.lang}"

    def translate(self, key: str, **values: object) -> str:
        return translate(key, self.lang, **values)

    def names(self, rows: pd.DataFrame) -> list[str]:
        """The names of rows of regions in the language of the view; the code where there is none."""
        names = rows["name_zh" if self.lang == "zh" else "name_en"]
        return [str(name) for name in names.fillna(rows["region_code"])]

    def label_by_code(self, rows: pd.DataFrame) -> dict[str, str]:
        """Code -> name; two districts of different provinces may share a name and get their code."""
        names = self.names(rows)
        return {
            str(code): f"{name} ({code})" if names.count(name) > 1 else name
            for code, name in zip(rows["region_code"], names, strict=True)
        }

    @property
    def subtitle(self) -> str:
        """What every chart and every export of simulated data says under its title."""
        return self.translate("simulated") if self.is_simulated else ""


def choose_language(place: Any) -> Lang:
    """Chinese or English: what the address says, what was chosen before, what the browser prefers."""
    prefers = "zh" if (st.context.locale or "").lower().startswith("zh") else "en"
    names = {"zh": "中文", "en": "English"}
    return cast(Lang, _choice("lang", "语言 Language", LANGS, prefers, names.__getitem__, "segments", place))


def choose(
    view: View,
    key: str,
    label: str,
    options: Sequence[Any],
    *,
    default: Any = None,
    name: Callable[[Any], str] = str,
    widget: Widget = "select",
    place: Any = st,
) -> Any:
    """One of the options, kept in the address under `key` as its id, never as its name.

    An address that requests something else falls back to the default and says so.
    """
    first = options[0] if default is None or default not in options else default
    return _choice(key, label, options, first, name, widget, place, view.lang, view.scope)


def _choice(
    key: str,
    label: str,
    options: Sequence[Any],
    default: Any,
    name: Callable[[Any], str],
    widget: Widget,
    place: Any,
    lang: str = "en",
    scope: str = "",
) -> Any:
    by_id = {str(option): option for option in options}
    state = f"{key}:{scope}"
    if state not in st.session_state or st.session_state[state] not in options:
        st.session_state[state] = by_id[_requested(key, by_id, str(default), lang)]
    if widget == "select":
        value = place.selectbox(label, options, key=state, format_func=name)
    elif widget == "slider" and len(options) > 1:
        value = place.select_slider(label, options, key=state, format_func=name)
    else:
        value = place.segmented_control(
            label, options, key=state, format_func=name, required=True,
            label_visibility="collapsed" if key == "lang" else "visible",
        )  # fmt: skip
    _keep(key, str(value))
    return value


def choose_many(
    view: View,
    key: str,
    label: str,
    options: Sequence[str],
    *,
    default: Sequence[str],
    most: int,
    name: Callable[[str], str] = str,
) -> list[str]:
    """Some of the options, at most `most`, kept in the address, separated by commas."""
    state = f"{key}:{view.scope}"
    if state not in st.session_state or not set(st.session_state[state]) <= set(options):
        requested = st.query_params.get(key)
        text = _kept().get(key) if requested is None else requested
        wanted = list(default) if text is None else [part for part in text.split(",") if part]
        unknown = [part for part in wanted if part not in options]
        if len(unknown) == len(wanted) and text:
            wanted = list(default)
        if requested is not None and unknown and requested != _kept().get(key):
            _fell_back(key, ", ".join(unknown), view.lang)
        st.session_state[state] = list(dict.fromkeys(part for part in wanted if part in options))[:most]
    value = st.multiselect(
        label,
        options,
        key=state,
        format_func=name,
        max_selections=most,
        placeholder=view.translate("choose"),
        select_all=False,
    )
    _keep(key, ",".join(value))
    return list(value)


def switch(view: View, key: str, label: str, *, default: bool = False, help_: str | None = None) -> bool:
    """Yes or no, kept in the address as 1 or 0."""
    state = f"{key}:{view.scope}"
    if state not in st.session_state:
        st.session_state[state] = _requested(key, ("0", "1"), str(int(default)), view.lang) == "1"
    value = st.toggle(label, key=state, help=help_)
    _keep(key, str(int(value)))
    return bool(value)


def _requested(key: str, known: Iterable[str], default: str, lang: str) -> str:
    """The id that the address requests, else the one chosen before, else the default."""
    requested, kept = st.query_params.get(key), _kept().get(key, default)
    if requested is not None and requested not in known:
        # A choice that another choice made impossible is no news; one that never was possible is.
        if requested != _kept().get(key):
            _fell_back(key, requested, lang)
    elif requested is not None:
        return requested
    return kept if kept in known else default


def _kept() -> dict[str, str]:
    kept: dict[str, str] = st.session_state.setdefault("kept", {})
    return kept


def _keep(key: str, value: str) -> None:
    _kept()[key] = value
    if st.query_params.get(key) != value:
        st.query_params[key] = value


def _fell_back(key: str, requested: str, lang: str) -> None:
    # What stands in an address becomes neither markup nor a link, which takes no more than a colon or a dot.
    shown = re.sub(r"[^\w ,-]", "?", requested)[:60]
    st.warning(translate("fell_back", lang, name=key, value=shown), icon=":material/link_off:")


def facts(lines: Mapping[str, str]) -> None:
    """Names and texts below each other. The texts come from imported files and are shown as they are: as
    Markdown, one could be a picture that the browser fetches from another machine."""
    rows = "".join(
        f'<tr><th style="text-align:left;font-weight:400;color:#6b6b6b;padding:.15rem 1rem .15rem 0;'
        f'vertical-align:top">{html.escape(name)}</th>'
        f'<td style="overflow-wrap:anywhere;padding:.15rem 0">{html.escape(text)}</td></tr>'
        for name, text in lines.items()
    )
    with st.container(border=True):
        st.html(f'<table style="font-size:.9rem">{rows}</table>')


def missing_names(view: View, indicators: Iterable[str], names_zh: Iterable[str | None]) -> list[str]:
    """Names of indicators; one that the registry does not hold has the name that the study gives it."""
    return [
        str(given) if view.lang == "zh" and given else view.labels.variable(indicator)
        for indicator, given in zip(indicators, names_zh, strict=True)
    ]


def awaiting(view: View, indicators: Sequence[str], *, what: str, names: Sequence[str] = ()) -> None:
    """The state of a page whose data are not loaded: it names what is missing."""
    names = names or [view.labels.variable(indicator) for indicator in indicators]
    lines = "\n".join(f"- {name} (`{key}`)" for name, key in zip(names, indicators, strict=True))
    st.info(
        f"**{view.translate('awaiting')} — {what}**\n\n"
        + (f"{view.translate('awaiting_missing')}\n\n{lines}" if lines else view.translate("no_rows")),
        icon=":material/hourglass_empty:",
    )


def empty(view: View, text: str) -> None:
    """The state of a choice that no row answers."""
    st.info(text, icon=":material/search_off:")


def draw(chart: Chart, *, key: str = "") -> dict[str, Any]:
    """Draw a chart; what was clicked on it, as `field: value`, when the chart gives something back."""
    shown: Any = st.vega_lite_chart(
        chart.rows, vega(chart), width="stretch", key=key or None, alt=chart.title,
        on_select="rerun" if chart.pick else "ignore",
    )  # fmt: skip
    picked = shown.selection.get("pick", []) if chart.pick else []
    return dict(picked[0]) if picked else {}


def grid(table: Any, **options: Any) -> Any:
    """A table to scroll in, without row numbers; what is missing is empty. Gives what was selected."""
    if isinstance(table, pd.DataFrame):
        options = {"height": min(37 + 35 * max(len(table), 1), 320)} | options
    return st.dataframe(table, hide_index=True, placeholder="", **options)


def offer(view: View, name: str, table: pd.DataFrame, chart: Chart | None = None, *, title: str) -> None:
    """Buttons that give what is seen as csv and xlsx, made only when they are clicked. A chart gives its own
    picture, and a line says where.

    name: ids only, for the file's name; table: as it is seen, with headings in the view's language.
    """
    published = queries.publication(view.snapshot)
    table = table.assign(**{view.translate("is_simulated"): view.is_simulated})
    about = [
        (view.translate("about_title"), title),
        *(
            [(view.translate("about_warning"), view.translate("simulated_banner"))]
            if view.is_simulated
            else []
        ),
        (view.translate("about_built"), f"{published['built_at']:%Y-%m-%d %H:%M} UTC"),
        (view.translate("about_run"), str(published["run_id"])),
        (view.translate("about_seeds"), str(published["seeds_sha256"])),
        *(
            (status_code, text)
            for status_code, text in queries.status_names(view.snapshot, view.lang).items()
        ),
    ]
    stem = re.sub(r"[^A-Za-z0-9]+", "_", f"{'SIMULATED_' if view.is_simulated else ''}cbec_{name}").strip("_")
    sheets = (view.translate("sheet_data"), view.translate("sheet_about"))
    buttons: tuple[tuple[str, str, str, Callable[[], bytes]], ...] = (
        ("csv", "CSV", "text/csv", lambda: downloads.csv(table)),
        ("xlsx", "Excel", XLSX, lambda: downloads.xlsx(table, about, names=sheets)),
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for suffix, label, mime, make in buttons:
            st.download_button(
                label, make, f"{stem}.{suffix}", mime, key=f"download-{name}-{suffix}", on_click="ignore",
                icon=":material/download:", type="tertiary",
            )  # fmt: skip
        if chart is not None:
            st.caption(view.translate("png_hint"))


def status_palette(view: View, present: Iterable[str]) -> dict[str, str]:
    """Legend of status codes, normal first: `A normal` -> colour."""
    names, status_codes = queries.status_names(view.snapshot, view.lang), set(present)
    order = [*STATUS_COLOURS, *(status_code for status_code in names if status_code not in STATUS_COLOURS)]
    return {
        f"{status_code} {names.get(status_code, '')}": STATUS_COLOURS.get(status_code, "#ffffff")
        for status_code in order
        if status_code in status_codes
    }


def status_label(view: View, status_code: str) -> str:
    return f"{status_code} {queries.status_names(view.snapshot, view.lang).get(status_code, '')}"


def colour_rule(status_code: object) -> str:
    """CSS of a cell by its status code: white text on the dark ones."""
    colour = STATUS_COLOURS.get(str(status_code), "")
    if not colour:
        return "color: #8a8a8a" if isinstance(status_code, str) else f"color: {OUTLINE}"
    return f"background-color: {colour}; color: {'#ffffff' if str(status_code) in 'IF' else '#1a1a1a'}"


def renamed(view: View, frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """The columns that a person sees, in order, under headings of the view's language."""
    return frame[list(columns)].rename(columns={name: view.translate(key) for name, key in columns.items()})
