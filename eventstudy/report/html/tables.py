"""Tables that the page holds in full precision, to search, sort and copy."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import polars as pl

from eventstudy.report.effects import confidence_text
from eventstudy.report.labels import alpha_of, in_window, main_window, words_for
from eventstudy.report.tables import tables, to_csv
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult
from eventstudy.study.schema import SCHEMA

MOST_ROWS = 3_000  # more make a file that is slow to open
FEW_ROWS = 1_000  # of more, those of the first window alone


@dataclass(frozen=True, slots=True)
class Embedded:
    """A table of the result that the page holds.

    name, title : of the table, and of its part of the page
    columns : those that the page has, as in the CSV
    rank : of more rows than `MOST_ROWS`, those where this is largest are kept; a column
        of the CSV, be it on the page or not
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rank: str = ""


EMBEDDED = (
    Embedded(
        "headline",
        "Average effects",
        (
            *("sample", "outcome", "model", "group", "start", "end"),
            *("estimate", "ci_low_these", "ci_high_these", "pvalue_these"),
            *("estimate_such", "ci_low_such", "ci_high_such", "pvalue_such"),
            *("test_these", "test_such", "verdict", "agree", "agree_of"),
            *("n", "n_dates", "n_clusters"),
        ),
    ),
    Embedded(
        "cars",
        "Every cumulative abnormal return",
        (
            *("event_id", "asset", "group", "model", "start", "end"),
            *("car", "se", "pvalue", "placebo_pvalue", "pvalue_holm"),
            "doubt",
        ),
        rank="statistic",
    ),
)


@dataclass(frozen=True, slots=True)
class OnPage:
    """Rows of an embedded table, and how many there are in the result."""

    about: Embedded
    rows: pl.DataFrame
    of: int
    window: str = ""

    @property
    def scope(self) -> str:
        """Say which rows are here."""
        file = f"{self.about.name}.csv in the folder's tables"
        if self.rows.height == self.of:
            return f"{self.of:,} rows; further columns are in {file}"
        some = f"the {self.rows.height:,} rows"
        if self.window:
            some += f" of the window {self.window}"
        if self.rows.height == MOST_ROWS:
            some += f" with the largest |{self.about.rank}|"
        return f"{some}, of {self.of:,}; all, with further columns, are in {file}"


def held(result: StudyResult) -> list[OnPage]:
    """Return the tables that the page embeds; those without rows are left out."""
    written = tables(result)
    found = []
    for about in EMBEDDED:
        table = written[about.name]
        rows, window = table, ""
        if about.rank and rows.height > FEW_ROWS:
            rows = rows.filter(in_window(main_window(result)))
            window = window_text(main_window(result))
        if rows.height > MOST_ROWS:
            by = pl.col(about.rank).abs()
            rows = rows.sort(by, descending=True, nulls_last=True, maintain_order=True)
            rows = rows.head(MOST_ROWS)
        if rows.height:
            shown = rows.select(about.columns)
            found.append(OnPage(about, shown, table.height, window))
    return found


def data(result: StudyResult, embedded: Sequence[OnPage]) -> str:
    """Return tables and names as JSON that can stand inside a `script` element."""
    events = result.events.select("event_id", "title").drop_nulls().rows()
    shown = {
        part
        for one in embedded
        if "event_id" in one.rows.columns
        for observation in one.rows["event_id"].unique()
        for part in [observation, *observation.split("+")]
    }
    groups = result.headline["group"].unique(maintain_order=True).drop_nulls()
    content = {
        "log": result.spec.returns == "log",
        "level": confidence_text(result),
        "alpha": alpha_of(result),
        "window": list(main_window(result)),
        "titles": {name: title for name, title in events if name in shown},
        "words": {
            "group": {name: words_for(result, name) for name in groups},
            "model": {m.name: words_for(result, m.name) for m in result.spec.models},
        },
        "tables": {one.about.name: _table(one) for one in embedded},
    }
    text = json.dumps(content, separators=(",", ":"))  # ASCII: nothing turns the text
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _table(one: OnPage) -> dict[str, Any]:
    """Write the columns with the very texts of the CSV file.

    Numbers are one text, empty where there is none; texts are numbered.
    """
    rows = list(csv.reader(io.StringIO(to_csv(one.rows).decode(), newline="")))
    facts = {column.name: column for column in SCHEMA[one.about.name].columns}
    columns: list[Mapping[str, Any]] = []
    for place, name in enumerate(one.about.columns):
        cells = [row[place] for row in rows[1:]]
        fact = facts[name]
        unit = f" ({fact.unit})" if fact.unit else ""
        column: dict[str, Any] = {"name": name, "meaning": fact.meaning + unit}
        if one.rows[name].dtype.is_numeric():
            column["kind"] = "float" if one.rows[name].dtype.is_float() else "whole"
            column["values"] = " ".join(cells)
        else:
            levels = list(dict.fromkeys(cells))
            numbers = {level: str(number) for number, level in enumerate(levels)}
            column["kind"] = "text"
            column["levels"] = levels
            column["codes"] = " ".join(numbers[cell] for cell in cells)
        columns.append(column)
    return {"columns": columns, "rows": one.rows.height}


def explorer(embedded: Sequence[OnPage]) -> str:
    """Return the place where the script draws average effects by choice."""
    if not any(one.about.name == "headline" for one in embedded):
        return ""
    choices = "".join(
        f'<label for="choice.{name}">{words}</label><select id="choice.{name}" '
        f'data-choice="{name}"></select>'
        for name, words in (
            ("sample", "Announcements"),
            ("group", "Group"),
            ("model", "Model"),
            ("window", "Window"),
            ("question", "Question"),
        )
    )
    choices = choices.replace("<label", "<div><label").replace(
        "</select>", "</select></div>"
    )
    return (
        '<section id="explore" class="scripted" aria-labelledby="explore.title" hidden>'
        '<h2 id="explore.title">Explore the averages</h2>'
        "<p>Average effects in per cent of price, with their intervals. A filled mark "
        "is told from zero by its test, a hollow one is not. Point at a mark, or go to "
        "it with the arrow keys, for the numbers as they stand in the table.</p>"
        f'<form class="controls">{choices}</form>'
        '<div id="explore.chart" class="plot" tabindex="0" role="group" '
        'aria-label="Average effects by your choice"></div>'
        '<p id="explore.count" class="note" role="status"></p></section>'
    )


def browsers(embedded: Sequence[OnPage]) -> str:
    """Return the places where the script lays out the tables."""
    if not embedded:
        return ""
    parts = "".join(
        f'<section id="table.{one.about.name}" class="browse" '
        f'data-table="{one.about.name}">'
        f'<h3 id="title.{one.about.name}">{escape(one.about.title)}</h3>'
        f'<p class="note">{escape(_first_upper(SCHEMA[one.about.name].meaning))}; '
        f"{escape(one.scope)}.</p></section>"
        for one in embedded
    )
    return (
        '<section id="tables" aria-labelledby="tables.title">'
        '<h2 id="tables.title">Tables to search</h2>'
        "<noscript><p>These tables need scripts; the same numbers are in the folder "
        f"<code>tables</code> beside the report.</p></noscript>{parts}</section>"
    )


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
