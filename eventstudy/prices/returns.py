"""Files of daily returns -> levels, whose ratios are the returns.

A level is 100 before the first return. A session without a return is a gap: its return
is not known, and the next return does not span it, as that of a price would.
"""

from datetime import date
from typing import Literal

import polars as pl

from eventstudy.core.errors import DataError, Problem
from eventstudy.prices.raw import MAX_PROBLEMS, shown

Kind = Literal["simple", "log"]

BASE = 100.0
"""The level before the first return."""

CODES = {"text": ("B", "C"), "number": (-44.0, -55.0, -66.0, -77.0, -88.0, -99.0)}
"""What CRSP writes for a return that there is not."""

_WIDEST = 0.5  # a standard deviation a day that no returns in fractions have


def to_levels(parsed: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Return a parsed table with an adjusted close in place of its returns.

    parsed : symbol, date, return, file, line and others
    Raises `DataError` for returns that cannot be of their kind, for what must be per
    cent or prices, and for two returns of one session.

    >>> from datetime import date
    >>> day = [date(2021, 6, 21), date(2021, 6, 22)]
    >>> table = {"symbol": "X", "date": day, "return": [0.1, -0.5], "line": [2, 3]}
    >>> to_levels(pl.DataFrame(table), "simple")["adj_close"].round(9).to_list()
    [110.0, 55.0]
    """
    codes = pl.col("return").is_in(CODES["number"]).fill_null(value=False)
    parsed = parsed.with_columns(pl.when(~codes).then(pl.col("return")).alias("return"))
    _refuse(parsed, kind)
    growth = pl.col("return") if kind == "log" else pl.col("return").log1p()
    level = BASE * growth.cum_sum().exp()
    once = parsed.select("symbol", "date", "return").unique().drop_nulls()
    levels = once.sort("symbol", "date").with_columns(adj_close=level.over("symbol"))
    others = parsed.drop("adj_close", strict=False)
    found = others.join(
        levels.drop("return"),
        on=["symbol", "date"],
        how="left",
        maintain_order="left",
    ).drop("return")
    if "close" not in found.columns:
        return found.with_columns(close=pl.lit(None, pl.Float64))
    # a price beside no return is of no use to one
    known = pl.col("adj_close").is_not_null()
    return found.with_columns(pl.when(known).then(pl.col("close")))


def first_returns(levels: pl.DataFrame) -> dict[str, tuple[date, float]]:
    """Return per symbol the date of its first return, and the level before it."""
    held = levels.drop_nulls("adj_close").group_by("symbol").agg(pl.col("date").min())
    return {symbol: (first, BASE) for symbol, first in held.sort("symbol").iter_rows()}


def _refuse(parsed: pl.DataFrame, kind: Kind) -> None:
    """Refuse what cannot be returns of this kind, or is none."""
    problems = _of_another_unit(parsed) or [*_impossible(parsed, kind), *_twice(parsed)]
    if problems:
        raise DataError("the file holds no returns", shown(problems))


def _impossible(parsed: pl.DataFrame, kind: Kind) -> list[Problem]:
    value = pl.col("return")
    lost = value <= -1 if kind == "simple" else pl.lit(value=False)
    rows = parsed.filter(~value.is_finite() | lost).head(MAX_PROBLEMS + 1)
    return [
        Problem(
            message="no simple return, which is above -1; of logs say "
            'input_returns = "log"'
            if kind == "simple"
            else "no log return",
            file=row.get("file"),
            line=row["line"],
            value=f"{row['return']:g}",
        )
        for row in rows.iter_rows(named=True)
    ]


def _of_another_unit(parsed: pl.DataFrame) -> list[Problem]:
    value = pl.col("return")
    found = parsed.group_by("symbol", maintain_order=True).agg(
        pl.col("line").first(),
        *([pl.col("file").first()] if "file" in parsed.columns else []),
        spread=value.std(),
        least=value.min(),
        n=value.count(),
    )
    wide = found.filter((pl.col("spread") > _WIDEST) | (pl.col("least") > 1))
    return [
        Problem(
            message=f"the returns of {row['symbol']} are all above 1: these look like "
            "prices; name their column for 'close', and leave input_returns out for "
            "them (or set it under [price_files])"
            if row["least"] > 1
            else f"the returns of {row['symbol']} have a standard deviation of "
            f"{row['spread']:.2g} a session: these look like per cent; write 0.014 or "
            "1.4% for 1.4 per cent",
            file=row.get("file"),
            line=row["line"],
        )
        for row in wide.iter_rows(named=True)
    ]


def _twice(parsed: pl.DataFrame) -> list[Problem]:
    keys = ["symbol", "date"]
    held = parsed.drop_nulls("return").unique([*keys, "return"], maintain_order=True)
    again = held.filter(~pl.struct(keys).is_first_distinct()).head(MAX_PROBLEMS + 1)
    return [
        Problem(
            message=f"a second return of {row['symbol']}; remove the wrong one",
            file=row.get("file"),
            line=row["line"],
            column="date",
            value=f"{row['date']}",
        )
        for row in again.iter_rows(named=True)
    ]
