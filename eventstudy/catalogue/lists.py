"""Lists of others -> cells of a catalogue: other headings, dates, and no ids.

A list of tickers and dates needs no ids: they are made of both. What was taken for
what is said in the notes.
"""

import re
from collections.abc import Mapping, Sequence

import polars as pl

from eventstudy.catalogue.explain import near_misses
from eventstudy.cells import read_dates
from eventstudy.core.errors import Problem, SpecError

# Headings that are taken for a column of ours, where it is not there itself.
_HEADINGS: Mapping[str, tuple[str, ...]] = {
    "announced_at": (
        "date",
        "event_date",
        "eventdate",
        "announcement_date",
        "announced",
        "announcement",
        "earnings_date",
        "anndats",
        "rdq",
        "datum",
        "fecha",
    ),
    "assets": (
        "ticker",
        "tickers",
        "symbol",
        "symbols",
        "asset",
        "security_ticker",
        "tic",
        "permno",
        "ric",
        "isin",
        "cusip",
        "firm_id",
        "firm",
    ),
}
_TIME = r"\d{1,2}:\d{2}"
_MIDNIGHT = r"^(\d{4}-\d{2}-\d{2})[T ]0{1,2}:00(?::00(?:\.0+)?)?$"
# Columns of the request file of EventStudyTools, which has no header.
REQUEST = (
    "event_id",
    "assets",
    "benchmark",
    "announced_at",
    "request_group",
    "request_start",
    "request_end",
    "request_estimation_end",
    "request_estimation_length",
)
_DAY = r"^(?:\d{1,2}\.\d{1,2}\.\d{4}|\d{4}-\d{2}-\d{2})$"
_WHOLE = r"^[+-]?\d+$"


def is_request(first: Sequence[str]) -> bool:
    """Whether the first line is a row of a request file of EventStudyTools.

    >>> is_request("1;AAA;MKT;21.06.2021;g;-1;1;-11;120".split(";"))
    True
    """
    return (
        len(first) == len(REQUEST)
        and bool(re.match(_DAY, first[3].strip()))
        and all(re.match(_WHOLE, cell.strip()) for cell in first[5:])
    )


def with_request(cells: pl.DataFrame) -> pl.DataFrame:
    """Return a request's cells with its estimation windows as columns of ours."""
    if "request_estimation_length" not in cells.columns:
        return cells
    end, length = (
        pl.col(f"request_estimation_{name}").str.strip_chars().cast(pl.Int64)
        for name in ("end", "length")
    )
    return cells.with_columns(
        estimation_start=(end - length + 1).cast(pl.String),
        estimation_end=end.cast(pl.String),
    ).drop("request_estimation_end", "request_estimation_length")


def with_columns_of(
    cells: pl.DataFrame, columns: Mapping[str, str], file: str
) -> tuple[pl.DataFrame, list[str], list[Problem]]:
    """Give columns their names here: as the user says, or by a known heading."""
    problems = [
        Problem(
            message=f"wanted for '{name}', found only "
            f"{', '.join(map(repr, cells.columns[:20]))}",
            file=file,
            column=column,
        )
        for name, column in columns.items()
        if column not in cells.columns
    ]
    named = {column: name for name, column in columns.items() if column in cells}
    notes = []
    for name, headings in _HEADINGS.items():
        if name in cells.columns or name in columns:
            continue
        found = [c for c in cells.columns if _plain(c) in headings and c not in named]
        if not found:
            continue
        # of several, a ticker tells more than the name of a firm
        best = min(found, key=lambda column: headings.index(_plain(column)))
        if name == "announced_at" and len(found) > 1:
            problems.append(_which(name, found, file))
            continue
        named[best] = name
        notes.append(f"column '{best}' is taken for '{name}'")
    return cells.rename(named), notes, problems


def _which(name: str, found: Sequence[str], file: str) -> Problem:
    return Problem(
        message=f"{' and '.join(map(repr, found))} can both be it; say which with "
        f"event_columns = {{ {name} = {found[0]!r} }} in the study file, columns = in "
        "Python",
        file=file,
        column=name,
    )


def with_dates(
    cells: pl.DataFrame, names: Sequence[str], date_format: str | None, file: str
) -> tuple[pl.DataFrame, list[str], list[Problem]]:
    """Write the dates of these columns as 2021-06-21; times stay as they are."""
    notes, problems = [], []
    for name in names:
        if name not in cells.columns:
            continue
        texts = cells[name].str.strip_chars()
        midnight = texts.str.extract(_MIDNIGHT)
        texts = midnight.fill_null(texts)
        day = ~texts.str.contains(_TIME).fill_null(value=True)
        dates = texts.to_frame(name).select(pl.when(day).then(pl.col(name)))[name]
        try:
            read = read_dates(dates, date_format, setting="event_date_format")
        except SpecError as error:
            problems.append(Problem(message=str(error), file=file, column=name))
            continue
        if read.spelling is not None and "1970" in read.spelling:
            continue  # an instant, of which the zone is not known
        written = read.values.dt.strftime("%Y-%m-%d").fill_null(texts)
        if read.spelling is not None:
            notes.append(f"column '{name}': {read.spelling}")
        cells = cells.with_columns(written.alias(name))
    return cells, notes, problems


def with_ids(cells: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Make ids of assets and dates where a list has none."""
    near = [n for n in near_misses("event_id", cells.columns) if _plain(n) != "name"]
    if "announced_at" not in cells.columns or near:
        return cells, []  # an id under another name is told by that name
    parts = [
        pl.col(name).fill_null("")
        for name in ("assets", "announced_at")
        if name in cells.columns
    ]
    made = cells.select(
        pl.concat_str(parts, separator=" ")
        .str.replace_all(r"[^\p{L}\p{N}+.^=&_-]+", "-")
        .str.strip_chars("-.")
        .alias("id")
    )
    nth = pl.col("id").cum_count().over("id")
    ids = made.select(
        pl.when(nth > 1).then(pl.format("{}-{}", "id", nth)).otherwise("id")
    ).to_series()
    what = "assets and dates" if len(parts) == 2 else "dates"
    note = f"no column 'event_id': ids are made of {what}"
    return cells.with_columns(ids.alias("event_id")), [note]


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-./]+", "_", name.strip().lower()).strip("_")
