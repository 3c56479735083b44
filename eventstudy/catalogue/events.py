"""The reader: cells of a file or frame -> validated, typed events."""

import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from eventstudy.catalogue import corrections, frames
from eventstudy.catalogue.check import check_cells, check_header, expected_columns
from eventstudy.catalogue.explain import near_misses
from eventstudy.catalogue.lists import (
    with_columns_of,
    with_dates,
    with_ids,
    with_request,
)
from eventstudy.catalogue.schema import (
    Catalogue,
    parse_day,
    parse_instant,
    parse_local,
    split_list,
)
from eventstudy.catalogue.text import Records, parse_records, read_bytes
from eventstudy.catalogue.zones import with_offsets, zone_named
from eventstudy.cells.frames import ArrowStream, is_frame
from eventstudy.core.errors import DataError, Problem

REQUIRED = ("event_id", "announced_at")
DERIVED = ("announced_utc", "announced_date", "line")
KNOWN = tuple(name for name in Catalogue.column_names() if name not in DERIVED)
MAX_PROBLEMS = 100
_DEFAULTS = {
    "headline": "every event belongs to the headline sample",
    "kind": "every kind is 'other'",
    "precision": "minute where an instant is given, day where a date",
    "assets": "every event concerns all assets",
}
INSTANTS = ("reaction_at", "source_latest_at")
TIMES = ("announced_at", *INSTANTS)
DATES = ("date_act", "date_first_public", "date_effective")
_SIGNS = {"-1": "-", "−": "-", "−1": "-", "1": "+", "+1": "+"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """A validated catalogue.

    Parameters
    ----------
    frame : polars.DataFrame
        One row per event in catalogue order: event_id, announced_utc, announced_date,
        precision, kind, headline and the other known columns, then
        ``expected_<group>`` (``-``, ``0``, ``+``, ``?`` or null), extra columns and
        ``line``, the event's line in the file, or its row in the frame, from 1.
    source : str
        File name as given, or ``"frame"``.
    sha256 : str or None
        SHA-256 of the file's bytes.
    notes : tuple of str
        What the reader decided by itself.
    phrases : mapping of str to tuple of str
        By event the names in ``assets`` that hold blanks (``Office Depot``). The frame
        has their words, as several symbols; a study takes a name that its prices know
        for one.

    Examples
    --------
    >>> table = {"event_id": ["summons"], "announced_at": ["2021-06-21T18:12+08:00"]}
    >>> events = read_events(pl.DataFrame(table))
    >>> len(events), events.source
    (1, 'frame')
    """

    frame: pl.DataFrame
    source: str
    sha256: str | None
    notes: tuple[str, ...]
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.frame.height

    def _repr_html_(self) -> str:
        shown = [
            name
            for name in ("event_id", "announced_at", "precision", "kind", "title")
            if self.frame[name].null_count() < len(self)
        ]
        notes = "; ".join(self.notes)
        caption = f"{len(self)} events from {self.source}" + (
            f" ({notes})" if notes else ""
        )
        table = self.frame.select(shown)._repr_html_()
        return f"<p>{html.escape(caption)}</p>{table}"


def read_events(
    source: str | Path | ArrowStream,
    *,
    timezone: str | None = None,
    columns: Mapping[str, str] | None = None,
    date_format: str | None = None,
    sheet: str | None = None,
) -> Events:
    """Read a catalogue of announcements and check every cell.

    Parameters
    ----------
    source : str, pathlib.Path or frame
        A CSV file (comma, semicolon or tab), a workbook, or a frame with the Arrow C
        stream (polars, pandas, pyarrow). Only ``announced_at`` is required: an instant
        with its offset or zone (``2021-08-03T15:45[America/New_York]``, or a column
        ``zone``), or a date when no more is known. Midnights without a zone are dates.
        A list of tickers and dates does: ids are made of both, and noted.
    timezone : str, optional
        IANA zone of the times that are written without offset and zone.
    columns : mapping of str to str, optional
        ``{name: column}`` where a heading is not the name here.
    date_format : str, optional
        Of dates that are not written 2021-06-21; others are read where a column
        admits one reading only.
    sheet : str, optional
        Of a workbook, by default its first.

    Returns
    -------
    Events
        The events, typed, in catalogue order.

    Raises
    ------
    DataError
        With all problems: file, line, column, value and what was wanted.
    SpecError
        For a ``timezone`` that there is not.

    Examples
    --------
    >>> import polars as pl
    >>> events = read_events(
    ...     pl.DataFrame(
    ...         {"event_id": ["summons"], "announced_at": ["2021-06-21T18:12+08:00"]}
    ...     )
    ... )
    >>> events.frame.select("announced_utc", "precision").row(0)[0].isoformat()
    '2021-06-21T10:12:00+00:00'
    """
    if timezone is not None:
        zone_named(timezone)
    name = frames.NAME if not isinstance(source, str | Path) else str(source)
    notes: list[str] = []
    problems: list[Problem] = []
    digest = None
    if isinstance(source, str | Path):
        data = read_bytes(Path(source), name)
        digest = hashlib.sha256(data).hexdigest()
        records = parse_records(data, name, sheet=sheet)
        notes += records.notes
        problems += records.problems
        problems += check_header(records.header, (), name, records.header_line)
        cells, lines = _frame_of(records), records.lines
        header_line: int | None = records.header_line
    elif is_frame(source):
        cells = frames.cells_of(source, problems)
        lines, header_line = list(range(1, cells.height + 1)), None
    else:
        raise DataError(
            f"a catalogue cannot be read from {type(source).__name__}; give the path "
            "of a CSV file or a frame with the Arrow C stream (polars, pandas, pyarrow)"
        )
    cells = with_request(cells)
    cells, said, wrong = with_columns_of(cells, columns or {}, name)
    notes += said
    problems += wrong
    cells, said, wrong = with_dates(cells, ("announced_at", *DATES), date_format, name)
    notes += said
    problems += wrong
    cells, said = with_ids(cells)
    notes += said
    problems += check_header(cells.columns, REQUIRED, name, header_line)
    notes += _decisions(cells.columns)
    cells = _normalise(cells, lines)
    known_wrong = {problem.column for problem in problems if problem.column}
    cells, of_zones = with_offsets(cells, TIMES, timezone, name)
    refused = {(problem.line, problem.column) for problem in of_zones}
    problems += of_zones
    problems += [
        problem
        for problem in check_cells(cells, name, skip=known_wrong)
        if (problem.line, problem.column) not in refused
    ]
    cells, said, wrong = corrections.without_superseded(cells, name)
    notes += said
    problems += wrong
    if problems:
        raise _error(name, problems)
    if cells.is_empty():
        problem = Problem(message="has a header but no events", file=name)
        raise _error(name, [problem])
    return Events(
        frame=_typed(cells),
        source=name,
        sha256=digest,
        notes=tuple(notes),
        phrases=_phrases(cells),
    )


def _phrases(cells: pl.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return by event the names of several words in its cell of assets."""
    if "assets" not in cells.columns:
        return {}
    written = cells.select("event_id", "assets").drop_nulls("assets")
    found = {
        event_id: tuple(
            " ".join(part.split())
            for part in re.split(r"[;|]", text)
            if len(part.split()) > 1
        )
        for event_id, text in written.iter_rows()
    }
    return {event_id: names for event_id, names in found.items() if names}


def _frame_of(records: Records) -> pl.DataFrame:
    columns: dict[str, list[str]] = {}
    for number, title in enumerate(records.header):
        columns.setdefault(title, [row[number] for row in records.rows])
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _normalise(cells: pl.DataFrame, lines: list[int]) -> pl.DataFrame:
    """Strip cells, make empty ones null and directions one of the four signs."""
    cells = cells.drop(DERIVED, strict=False)
    text = pl.all().str.strip_chars()
    signs = expected_columns(cells.columns)
    return (
        cells.with_columns(pl.when(text != "").then(text).name.keep())
        .with_columns(pl.col(signs).replace(_SIGNS))
        .with_columns(pl.Series("line", lines, dtype=pl.Int64))
    )


def _decisions(columns: list[str]) -> list[str]:
    """Say which defaults stand in for absent columns, and what is kept unread."""
    notes = [
        f"no column '{name}': {meaning}"
        for name, meaning in _DEFAULTS.items()
        if name not in columns
    ]
    for name in DERIVED:
        if name in columns:
            notes.append(
                f"column '{name}' is worked out by the reader; yours is ignored"
            )
    extra = _extra(columns)
    unread = [name for name in extra if name not in corrections.COLUMNS]
    if unread:
        notes.append(f"extra columns kept: {', '.join(unread)}")
    for name in unread:
        meant = [known for known in KNOWN if name in near_misses(known, [name])]
        meant = [known for known in meant if known not in columns]
        if meant:
            notes.append(f"column '{name}' is not read; did you mean '{meant[0]}'?")
    return notes


def _extra(columns: list[str]) -> list[str]:
    read = {*KNOWN, *DERIVED, *expected_columns(columns)}
    return [name for name in columns if name not in read]


def _typed(cells: pl.DataFrame) -> pl.DataFrame:
    """Give every column its type and its default, in the order of the contract."""
    absent = [name for name in KNOWN if name not in cells.columns]
    cells = cells.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    written = pl.col("announced_at")
    instant = parse_instant(written)
    in_sample = pl.col("headline").str.to_lowercase() == "true"
    typed = cells.with_columns(
        title=pl.col("title").fill_null(pl.col("event_id")),
        announced_utc=instant,
        announced_date=parse_local(written).dt.date().fill_null(parse_day(written)),
        precision=pl.col("precision").fill_null(
            pl.when(instant.is_null()).then(pl.lit("day")).otherwise(pl.lit("minute"))
        ),
        kind=pl.col("kind").fill_null("other"),
        assets=split_list(pl.col("assets")),
        flags=split_list(pl.col("flags")),
        headline=pl.lit(value=True)
        if "headline" in absent
        else in_sample.fill_null(value=False),
        **{name: parse_instant(pl.col(name)) for name in INSTANTS},
        **{name: parse_day(pl.col(name)) for name in DATES},
    )
    columns = cells.columns
    contract = Catalogue.validate(typed)
    rest = typed.select(*expected_columns(columns), *_extra(columns))
    return contract.drop("line").hstack(rest).hstack([contract["line"]])


def _error(name: str, problems: list[Problem]) -> DataError:
    count = len(problems)
    shown = sorted(problems, key=lambda problem: problem.line or 0)[:MAX_PROBLEMS]
    if count > len(shown):
        shown.append(
            Problem(message=f"… and {count - len(shown)} more problems", file=name)
        )
    noun = "problem" if count == 1 else "problems"
    return DataError(f"{name}: {count} {noun} in the catalogue", shown)
