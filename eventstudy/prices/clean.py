"""What becomes of a row that cannot be right: never repaired, never filled.

======================  =======================================================
fault                   what is done
======================  =======================================================
two rows of one date    one row where high, low and closes agree; an open or a
                        volume that differs is missing. Otherwise an error: which
                        of them holds is not ours to guess
close or adjusted       the row's prices are missing; a return spans the gap
  close not positive,
  not finite, absurd
adjusted close blank    the row's prices are missing
  beside a close
open, high or low not   open, high and low are missing, the close is kept
  positive, not finite
high below low, open    open, high and low are missing, the close is kept; an
  or close outside        error when most rows of a symbol are like this
volume negative or      the volume is missing
  not finite
market value not        the market value is missing
  positive, not finite
rows out of order       sorted
======================  =======================================================

Everything but the error is an entry of the issues, with file and line.
"""

from collections.abc import Sequence

import polars as pl

from eventstudy.core.errors import DataError, Problem
from eventstudy.prices.raw import MAX_PROBLEMS, shown
from eventstudy.prices.table import (
    ISSUE_SCHEMA,
    MARKET_VALUE,
    PRICES,
    SCHEMA,
    columns_of,
    issues_frame,
)
from eventstudy.prices.twice import merged

ROUNDING = 1e-4
"""Relative slack when a price is compared with the high and the low of its day."""

_LARGEST = 1e12
_SMALLEST = 1e-12
_RANGE = ("open", "high", "low")
# What rows of one session must agree in.
_SETTLED = ("high", "low", "close", "adj_close")
_MOST = 0.5
_FEW = 5
# From here on closes are enough to tell returns from prices.
_ENOUGH, _MANY_NEGATIVE = 20, 0.2


def clean(parsed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the usable prices, sorted, and the issues.

    ``parsed`` has the columns of a price table and ``file`` and ``line``. Raises
    `DataError` for rows of one date, for symbols without any usable price and for
    tables whose columns must have been swapped.
    """
    issues = [_order_issues(parsed)]
    frame = parsed.sort("symbol", "date", maintain_order=True)
    frame, twice = _one_row_a_date(frame)
    issues.append(twice)
    _refuse_duplicates(frame)
    _refuse_returns(frame)
    worth = [_WORTH] if MARKET_VALUE in frame.columns else []
    for names, faulty, rule, detail, lost, action in [*_rules(), *worth]:
        hit = frame.filter(faulty)
        if hit.height:
            if rule == "range":
                _refuse_swapped(frame, hit)
            issues.append(_row_issues(hit, names, rule, detail, action))
            nulls = [
                pl.when(~faulty.fill_null(value=False)).then(pl.col(name)).alias(name)
                for name in lost
            ]
            frame = frame.with_columns(nulls)
    _refuse_empty(frame)
    found = pl.concat(issues).sort("symbol", "date", "line", maintain_order=True)
    return frame.select(columns_of(frame, SCHEMA)), found


_Rule = tuple[tuple[str, ...], pl.Expr, str, str, tuple[str, ...], str]


def _rules() -> list[_Rule]:
    close = ("close", "adj_close")
    high, low = pl.col("high"), pl.col("low")
    above = pl.max_horizontal("open", "close", "low") > high * (1 + ROUNDING)
    below = pl.min_horizontal("open", "close", "high") < low * (1 - ROUNDING)
    no_adjusted = pl.col("adj_close").is_null() & pl.col("close").is_not_null()
    prices_lost = "the session's prices are missing"
    range_lost = "open, high and low are missing, the close is kept"
    not_a_price = f"not a price between {_SMALLEST:g} and {_LARGEST:g}"
    return [
        (close, _any_bad_price(close), "price", not_a_price, PRICES, prices_lost),
        (
            close,
            no_adjusted,
            "no_adjusted_close",
            "a close without an adjusted close",
            PRICES,
            prices_lost,
        ),
        (_RANGE, _any_bad_price(_RANGE), "price", not_a_price, _RANGE, range_lost),
        (
            ("open", "high", "low", "close"),
            above.fill_null(value=False) | below.fill_null(value=False),
            "range",
            "high, low, open and close contradict each other",
            _RANGE,
            range_lost,
        ),
        (
            ("volume",),
            ~pl.col("volume").is_between(0, 1e18),
            "volume",
            "not a volume",
            ("volume",),
            "the volume is missing",
        ),
    ]


_WORTH: _Rule = (
    (MARKET_VALUE,),
    ~pl.col(MARKET_VALUE).is_between(0, 1e18, closed="right"),
    MARKET_VALUE,
    "not a market value",
    (MARKET_VALUE,),
    "the market value is missing",
)


def _any_bad_price(names: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(
        [~pl.col(name).is_between(_SMALLEST, _LARGEST) for name in names]
    )


def _row_issues(
    hit: pl.DataFrame, names: Sequence[str], rule: str, detail: str, action: str
) -> pl.DataFrame:
    values = pl.concat_str(
        [
            pl.format(f"{name} {{}}", pl.col(name).cast(pl.String).fill_null("missing"))
            for name in names
        ],
        separator=", ",
    )
    return hit.select(
        "symbol",
        "date",
        "file",
        "line",
        severity=pl.lit("warning"),
        rule=pl.lit(rule),
        detail=pl.format("{}: {}", pl.lit(detail), values),
        action=pl.lit(action),
        until=pl.lit(None),
    ).cast(pl.Schema(ISSUE_SCHEMA))


def _order_issues(parsed: pl.DataFrame) -> pl.DataFrame:
    """One entry per symbol and file whose rows go back in time."""
    previous = pl.col("date").shift().over("symbol", "file")
    back = parsed.with_columns(previous=previous).filter(
        pl.col("date") < pl.col("previous")
    )
    return (
        back.group_by("symbol", "file", maintain_order=True)
        .agg(pl.col("date", "line").first(), count=pl.len())
        .select(
            "symbol",
            "date",
            "file",
            "line",
            severity=pl.lit("info"),
            rule=pl.lit("unsorted"),
            detail=pl.format("{} rows are earlier than the row above", "count"),
            action=pl.lit("sorted by date"),
            until=pl.lit(None),
        )
        .cast(pl.Schema(ISSUE_SCHEMA))
    )


def _one_row_a_date(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make one row of those of a date that agree, and say so."""
    keys = ["symbol", "date"]
    whole, rows = merged(frame, keys, _SETTLED)
    told = rows.group_by(keys, maintain_order=True).agg(
        pl.col("file").first(), pl.col("line").last()
    )
    issues = issues_frame(
        {
            **row,
            "severity": "info",
            "rule": "twice",
            "detail": "the session has two rows with the same prices",
            "action": "taken once; an open or a volume that differs is missing",
        }
        for row in told.iter_rows(named=True)
    )
    return whole, issues


def _refuse_duplicates(frame: pl.DataFrame) -> None:
    """Refuse rows whose symbol and date are those of the row above."""
    same = [pl.col(name) == pl.col(name).shift() for name in ("symbol", "date")]
    again = frame.filter(pl.all_horizontal(same)).head(MAX_PROBLEMS + 1)
    if not again.height:
        return
    problems = [
        Problem(
            message=f"a second row for {row['symbol']}; remove the wrong one",
            file=row["file"],
            line=row["line"],
            column="date",
            value=f"{row['date']}",
        )
        for row in again.iter_rows(named=True)
    ]
    raise DataError("there are two rows for one session", shown(problems))


def _refuse_returns(frame: pl.DataFrame) -> None:
    """Refuse closes of which many are negative and all are small: they are returns."""
    close = pl.col("close").drop_nulls()
    found = frame.group_by("symbol", maintain_order=True).agg(
        pl.col("file", "line").first(),
        negative=(close < 0).mean(),
        large=close.abs().quantile(0.95),
        n=close.len(),
    )
    # per cent of a wild day stay below 100
    alike = (pl.col("negative") > _MANY_NEGATIVE) & (pl.col("large") < 100)
    problems = [
        Problem(
            message=f"{row['negative']:.0%} of the closes of {row['symbol']} are "
            "negative: these look like returns, and prices are wanted. To study "
            'returns say price_columns = { return = "NAME OF THE COLUMN" } in the '
            "study file, or --input-returns simple for a table with a column per "
            "symbol",
            file=row["file"],
            line=row["line"],
            column="close",
        )
        for row in found.filter(alike & (pl.col("n") >= _ENOUGH)).iter_rows(named=True)
    ]
    if problems:
        raise DataError("returns are no prices", shown(problems))


def _refuse_swapped(frame: pl.DataFrame, hit: pl.DataFrame) -> None:
    rows = frame.group_by("symbol").agg(rows=pl.len())
    bad = hit.group_by("symbol", "file").agg(bad=pl.len(), line=pl.col("line").min())
    mostly = bad.join(rows, on="symbol").filter(
        (pl.col("bad") > _FEW) & (pl.col("bad") > _MOST * pl.col("rows"))
    )
    problems = [
        Problem(
            message=f"high, low, open and close of {row['symbol']} contradict "
            f"each other in {row['bad']} of {row['rows']} rows; are columns swapped?",
            file=row["file"],
            line=row["line"],
        )
        for row in mostly.sort("symbol").iter_rows(named=True)
    ]
    if problems:
        raise DataError("the columns cannot be what they are called", shown(problems))


def _refuse_empty(frame: pl.DataFrame) -> None:
    usable = frame.group_by("symbol", maintain_order=True).agg(
        pl.col("file").first(), any=pl.col("adj_close").is_not_null().any()
    )
    problems = [
        Problem(message=f"not one usable close for {row['symbol']}", file=row["file"])
        for row in usable.filter(~pl.col("any")).iter_rows(named=True)
    ]
    if problems:
        raise DataError("there are no prices to use", shown(problems))
