"""All problems of a catalogue's header and cells, each with its place."""

from collections import Counter
from collections.abc import Iterator, Sequence

import polars as pl

from eventstudy.catalogue.explain import explain, near_misses
from eventstudy.catalogue.schema import SIGNS, CatalogueText
from eventstudy.core.errors import Problem

_CONTROL = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]"
_Broken = tuple[int, str, str | None, str]  # line, column, value, message
_ROW_RULES = {"primary_key": "event_id", "precision_has_its_time": "precision"}


def expected_columns(columns: Sequence[str]) -> list[str]:
    """Return the columns ``expected_<group>``."""
    return [
        name for name in columns if name.removeprefix("expected_") not in ("", name)
    ]


def check_header(
    header: Sequence[str], required: Sequence[str], file: str, line: int | None
) -> list[Problem]:
    """Find column names that occur twice and required ones that are not there."""
    messages = [
        (name, f"occurs {count} times; names must be unique")
        for name, count in Counter(header).items()
        if name and count > 1
    ]
    for name in required:
        if name in header:
            continue
        near = near_misses(name, header)
        hint = (
            f"rename {' or '.join(map(repr, near))} if that is what it holds"
            if near
            else f"found {', '.join(map(repr, header[:20]))}; say which holds it with "
            f"event_columns = {{ {name} = {(header or ['...'])[0]!r} }} in the study "
            "file, columns = in Python"
        )
        messages.append((name, f"is required but missing; {hint}"))
    return [
        Problem(message=message, file=file, line=line, column=name)
        for name, message in messages
    ]


def check_cells(cells: pl.DataFrame, file: str, skip: set[str]) -> list[Problem]:
    """Find all cells that break a rule; the first broken rule of a cell is told.

    cells : text columns and ``line``;  skip : columns already known to be wrong
    """
    broken: dict[tuple[int, str], tuple[str, str | None]] = {}
    for line, column, value, message in (
        *_control_characters(cells),
        *_broken_rules(cells),
        *_unknown_signs(cells),
    ):
        if column not in skip:
            broken.setdefault((line, column), (message, value))
    place = {name: number for number, name in enumerate(cells.columns)}
    return [
        Problem(message=message, file=file, line=line, column=column, value=value)
        for (line, column), (message, value) in sorted(
            broken.items(), key=lambda item: (item[0][0], place[item[0][1]])
        )
    ]


def _control_characters(cells: pl.DataFrame) -> Iterator[_Broken]:
    for name in cells.columns:
        if name != "line":
            bad = cells.filter(pl.col(name).str.contains(_CONTROL))
            for line, value in bad.select("line", name).iter_rows():
                yield line, name, value, "holds a control character"


def _broken_rules(cells: pl.DataFrame) -> Iterator[_Broken]:
    absent = [name for name in CatalogueText.column_names() if name not in cells]
    complete = cells.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in absent
    )
    _, failure = CatalogueText.filter(complete)
    details = failure.details()
    for rule in failure.counts():
        column = _ROW_RULES.get(rule, rule.split("|")[0])
        if column in absent:
            continue
        bad = details.filter(pl.col(rule) == "invalid").select("line", column)
        if rule == "primary_key":
            yield from _repeated_ids(bad)
            continue
        for line, value in bad.iter_rows():
            yield line, column, value, explain(column, rule, value)


def _repeated_ids(bad: pl.DataFrame) -> Iterator[_Broken]:
    first: dict[str, int] = {}
    for line, value in bad.drop_nulls().iter_rows():
        if first.setdefault(value, line) != line:
            message = f"is used already on line {first[value]}; ids must be unique"
            yield line, "event_id", value, message


def _unknown_signs(cells: pl.DataFrame) -> Iterator[_Broken]:
    for name in expected_columns(cells.columns):
        bad = cells.filter(~pl.col(name).is_in(SIGNS)).select("line", name)
        for line, value in bad.iter_rows():
            message = f"is no direction; known: {' '.join(SIGNS)} (or -1, 0, 1)"
            yield line, name, value, message
