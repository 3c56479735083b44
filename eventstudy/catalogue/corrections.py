"""Corrections of a catalogue: a row that takes the place of another.

The corrected row stays in the file, so that what was known earlier can be read from it,
and is left out of the events.
"""

from collections.abc import Mapping

import polars as pl

from eventstudy.catalogue.schema import parse_day
from eventstudy.core.errors import Problem

KNOWN_SINCE, SUPERSEDES = "known_since", "supersedes"
COLUMNS: Mapping[str, str] = {
    KNOWN_SINCE: "date from which the catalogue has the row as it stands",
    SUPERSEDES: "id of the row that this one corrects, which is left out",
}
"""What a catalogue may say of corrections, by column."""


def without_superseded(
    cells: pl.DataFrame, file: str
) -> tuple[pl.DataFrame, list[str], list[Problem]]:
    """Return the cells without rows that others correct, what to note, and problems.

    cells : text columns with ``event_id`` and ``line``
    """
    problems = _no_days(cells, file)
    if SUPERSEDES not in cells.columns or "event_id" not in cells.columns:
        return cells, [], problems
    ids = set(cells["event_id"].drop_nulls())
    pairs = cells.select("line", "event_id", SUPERSEDES).drop_nulls(SUPERSEDES)
    for line, own, old in pairs.iter_rows():
        if old == own or old not in ids:
            said = "is the row itself" if old == own else "is no event_id of this file"
            problems.append(_problem(file, line, SUPERSEDES, old, said))
    problems += _circles(pairs, file) if not problems else []
    if problems:
        return cells, [], problems
    notes = [
        f"{old} is left out: {own} takes its place"
        for own, old in pairs.select("event_id", SUPERSEDES).iter_rows()
    ]
    corrected = pl.col("event_id").is_in(pairs[SUPERSEDES].to_list())
    return cells.filter(~corrected), notes, []


def _circles(pairs: pl.DataFrame, file: str) -> list[Problem]:
    """Find rows whose corrections come back to themselves: none would be left."""
    following = dict(pairs.select("event_id", SUPERSEDES).iter_rows())
    found = []
    for line, own, old in pairs.iter_rows():
        one: str | None = old
        for _ in following:
            if one is None or one == own:
                break
            one = following.get(one)
        if one == own:
            said = "comes back to the row itself: corrections go in a circle"
            found.append(_problem(file, line, SUPERSEDES, old, said))
    return found


def _no_days(cells: pl.DataFrame, file: str) -> list[Problem]:
    """Find what stands for a day and is none."""
    if KNOWN_SINCE not in cells.columns:
        return []
    held = cells.select("line", KNOWN_SINCE).drop_nulls(KNOWN_SINCE)
    bad = held.filter(parse_day(pl.col(KNOWN_SINCE)).is_null())
    return [
        _problem(file, line, KNOWN_SINCE, value, "is no date such as 2026-11-22")
        for line, value in bad.iter_rows()
    ]


def _problem(file: str, line: int, column: str, value: str, message: str) -> Problem:
    return Problem(message=message, file=file, line=line, column=column, value=value)
