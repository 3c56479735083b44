"""What a source of prices hands over: one long table and what was found in it."""

import hashlib
import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

PRICES = ("open", "high", "low", "close", "adj_close")
FIELDS = (*PRICES, "volume")

SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "date": pl.Date(),
    **{name: pl.Float64() for name in FIELDS},
}
MARKET_VALUE = "market_value"
"""A further column, in money, of frames whose source knows it."""

ISSUE_SCHEMA: Mapping[str, pl.DataType] = {
    "symbol": pl.String(),
    "date": pl.Date(),
    "file": pl.String(),
    "line": pl.Int64(),
    "severity": pl.String(),
    "rule": pl.String(),
    "detail": pl.String(),
    "action": pl.String(),
    "until": pl.Date(),
}

LEVEL = pl.coalesce("adj_close", "close")
"""What a price is to returns: their level."""

FACTOR_LEVEL = "level of a factor, 100 before its first return"
"""Basis of the rows that are no prices, but factor returns made into a level."""

SNAPSHOT = "snapshot"
"""Rule of the issue that prices were snapshots at midnight, moved to their day."""

SIMPLE_RETURNS = "returns"
"""Rule of the issue that returns were taken for simple ones, as nothing was said."""

NO_PRICES = "no_prices"
"""Rule of the issue that a symbol is left out, since nothing could be had of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFile:
    """Where the prices of one symbol came from.

    Parameters
    ----------
    symbol : str
        The symbol.
    name : str
        File or data set, never an absolute path.
    sha256 : str
        SHA-256 of the file's bytes, or of the values where there is no file.
    rows : int
        Number of sessions.
    first, last : datetime.date
        First and last of them.
    basis : str
        What the prices are adjusted for.

    Examples
    --------
    >>> import eventstudy as es
    >>> file = es.fetch_prices("RIOT").files[0]
    >>> file.name, file.rows, file.first.isoformat()
    ('snapshot.parquet', 358, '2020-08-03')
    """

    symbol: str
    name: str
    sha256: str
    rows: int
    first: date
    last: date
    basis: str

    @property
    def is_factor(self) -> bool:
        """Whether it is the level of a factor, and no price.

        Examples
        --------
        >>> import eventstudy as es
        >>> es.fetch_prices("RIOT").files[0].is_factor
        False
        """
        return self.basis.startswith(FACTOR_LEVEL)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Prices:
    """Daily prices of several symbols, with their origin and their faults.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns symbol, date, open, high, low, close, adj_close and volume; sorted by
        symbol and date, unique in both, null where there is no usable price; and
        market_value, where the source says it or the shares outstanding.
    source : str
        Name of the source; ``"files: NAME"`` for files, ``"frame"`` for a frame.
    files : tuple of PriceFile
        Origin of each symbol.
    issues : polars.DataFrame
        Columns symbol, date, file, line, severity (error, warning, info), rule, detail,
        action and until (the last date that it concerns, null for the one date): what
        was found and what was done about it. ``line`` counts from 1,
        header included, in a text file, and is the row in any other table.
    notice : str or None
        Rights and origin that a report must print.
    returns : mapping of str to (datetime.date, float)
        The symbols whose returns were given, with the date of the first and the level
        before it: their adjusted close is a level, and a session without a row has no
        return.

    Examples
    --------
    >>> import eventstudy as es
    >>> es.fetch_prices(["RIOT", "MARA"])
    <Prices from snapshot: 2 symbols, 716 rows, 0 issues>
    """

    frame: pl.DataFrame
    source: str
    files: tuple[PriceFile, ...]
    issues: pl.DataFrame
    notice: str | None = None
    returns: Mapping[str, tuple[date, float]] = field(default_factory=dict)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, sorted.

        Examples
        --------
        >>> import eventstudy as es
        >>> es.fetch_prices(["RIOT", "MARA"]).symbols
        ('MARA', 'RIOT')
        """
        return tuple(self.frame["symbol"].unique().sort())

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.frame.height

    def __repr__(self) -> str:
        """Return a line on what there is."""
        return (
            f"<Prices from {self.source}: {len(self.symbols)} symbols, {len(self)} "
            f"rows, {self.issues.height} issues>"
        )

    def _repr_html_(self) -> str:
        cells = (
            (f.symbol, f.name, f"{f.rows}", f"{f.first}", f"{f.last}", f.basis)
            for f in self.files
        )
        head = ("symbol", "file", "rows", "first", "last", "basis")
        body = "".join(_html_row(row, "td") for row in cells)
        return (
            f"<p>{html.escape(repr(self)[1:-1])}</p>"
            f"<table>{_html_row(head, 'th')}{body}</table>"
        )


def issues_frame(rows: Iterable[Mapping[str, object]] = ()) -> pl.DataFrame:
    """Return an issues table from rows that may leave out what they do not know."""
    return pl.DataFrame(
        [{name: row.get(name) for name in ISSUE_SCHEMA} for row in rows],
        schema=dict(ISSUE_SCHEMA),
    )


def columns_of(frame: pl.DataFrame, names: Iterable[str]) -> list[str]:
    """Return these columns, and the market value where the frame has it."""
    return [*names, *([MARKET_VALUE] if MARKET_VALUE in frame.columns else [])]


def content_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of the dates and prices of a frame, independent of any file format."""
    digest = hashlib.sha256()
    days = frame["date"].cast(pl.Int32).to_numpy()
    digest.update(days.astype("<i4").tobytes())
    for name in columns_of(frame, FIELDS):
        values = frame[name].fill_null(float("nan")).to_numpy()
        digest.update(values.astype("<f8").tobytes())
    return digest.hexdigest()


def describe_files(
    frame: pl.DataFrame, *, name: str, basis: str, sha256: str | None = None
) -> tuple[PriceFile, ...]:
    """Return one `PriceFile` per symbol of a frame that came from one place."""
    return tuple(
        PriceFile(
            symbol=str(part["symbol"][0]),
            name=name,
            sha256=sha256 or content_sha256(part),
            rows=part.height,
            first=part["date"][0],
            last=part["date"][-1],
            basis=basis,
        )
        for part in frame.partition_by("symbol", maintain_order=True)
    )


def _html_row(cells: Iterable[str], tag: str) -> str:
    inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"
