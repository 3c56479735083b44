"""Corrections of a catalogue: a row that takes the place of another.

Two columns that a catalogue may have: ``known_since``, the day from which the catalogue
has the row as it stands, and ``supersedes``, the id of the row that it corrects. The
corrected row stays in the file, so that what was known earlier can be read from it, and
is left out of the events.
"""

import polars as pl

from eventstudy.catalogue.schema import parse_day
from eventstudy.core.errors import Problem

KNOWN_SINCE, SUPERSEDES = "known_since", "supersedes"
COLUMNS = (KNOWN_SINCE, SUPERSEDES)


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
    old_ids = pairs[SUPERSEDES].to_list()
    if set(pairs["event_id"]) <= set(old_ids) and old_ids and not problems:
        said = "leaves no row: the corrections go round in a circle"
        problems.append(_problem(file, pairs["line"][0], SUPERSEDES, old_ids[0], said))
    if problems:
        return cells, [], problems
    notes = [
        f"{old} is left out: {own} takes its place"
        for own, old in pairs.select("event_id", SUPERSEDES).iter_rows()
    ]
    return cells.filter(~pl.col("event_id").is_in(old_ids)), notes, []


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
