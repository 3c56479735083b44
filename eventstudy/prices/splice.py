"""One history out of several symbols of one firm, with the seams checked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from eventstudy.core.errors import DataError, SpecError
from eventstudy.prices.returns import BASE
from eventstudy.prices.symbols import check_symbols
from eventstudy.prices.table import PRICES, Prices, issues_frame

SAME = 0.01
"""Relative spread of the two symbols' price ratio on common dates that is allowed."""

LONGEST_GAP = 10
"""Calendar days between two histories without common dates that are allowed."""

LARGEST_JUMP = 0.4
"""Log return over a seam without common dates that is allowed."""

Splices = Mapping[str, Sequence[str]]


def parts_of(symbols: Sequence[str], splices: Splices) -> tuple[str, ...]:
    """Return the symbols to fetch for the symbols of a study.

    >>> parts_of(["BTCM", "RIOT"], {"BTCM": ["WBAI", "BTCM"]})
    ('WBAI', 'BTCM', 'RIOT')
    """
    for symbol, parts in splices.items():
        if isinstance(parts, str) or len(check_symbols(parts)) < 2:
            raise SpecError(
                f"splices: {symbol} needs a list of two symbols or more, the oldest "
                f'first, such as {symbol} = ["OLD", "{symbol}"]'
            )
    named = [part for symbol in symbols for part in splices.get(symbol, (symbol,))]
    return check_symbols(named)


def splice(prices: Prices, splices: Splices) -> Prices:
    """Return prices in which each spliced symbol has the history of its parts.

    Each part is used until the next one begins. On common dates the two must be one
    price up to a constant ratio, and the older is rescaled by it; without common dates
    the newer must follow soon, near the older's last close. Raises `DataError` for a
    seam that does not hold.
    """
    frames = {
        str(part["symbol"][0]): part
        for part in prices.frame.partition_by("symbol", maintain_order=True)
    }
    spliced: dict[str, pl.DataFrame] = {}
    returns = dict(prices.returns)
    notes: list[dict[str, object]] = []
    for symbol, parts in splices.items():
        if not any(part in frames for part in parts):
            continue
        if absent := [part for part in parts if part not in frames]:
            raise DataError(f"splices: {symbol} lacks prices of {', '.join(absent)}")
        history = frames[parts[0]]
        of_returns = [part in prices.returns for part in parts]
        if any(of_returns) and not all(of_returns):
            raise DataError(
                f"splices: of {', '.join(parts)} some are prices and some returns; "
                "give all of them as one or the other"
            )
        join = _chain if all(of_returns) else _join
        for part in parts[1:]:
            history, note = join(history, frames[part], parts[0], part)
            notes.append({"symbol": symbol, **note})
        if all(of_returns):
            returns[symbol] = prices.returns[parts[0]]
        spliced[symbol] = history.with_columns(symbol=pl.lit(symbol))
    used = {part for symbol in spliced for part in splices[symbol]}
    kept = [frame for symbol, frame in frames.items() if symbol not in used]
    frame = pl.concat([*kept, *spliced.values()]).sort("symbol", "date")
    issues = pl.concat([prices.issues, issues_frame(notes)])
    for part in used.difference(spliced):
        returns.pop(part, None)
    return replace(prices, frame=frame, issues=issues, returns=returns)


def _chain(
    old: pl.DataFrame, new: pl.DataFrame, old_name: str, new_name: str
) -> tuple[pl.DataFrame, dict[str, object]]:
    """Return the levels of the older returns until the newer begin, and then theirs."""
    begin = new.drop_nulls("adj_close")["date"][0]
    older = old.filter(pl.col("date") < begin)
    last = older["adj_close"].drop_nulls()
    if not len(last):
        raise DataError(f"splices: {old_name} has no returns before {new_name}")
    newer = new.with_columns(pl.col("adj_close") / BASE * last[-1])
    note = {
        "date": begin,
        "severity": "info",
        "rule": "splice",
        "detail": f"the returns of {old_name} continue as those of {new_name}",
        "action": f"{old_name} is used before {begin}",
    }
    return pl.concat([older, newer]), note


def _join(
    old: pl.DataFrame, new: pl.DataFrame, old_name: str, new_name: str
) -> tuple[pl.DataFrame, dict[str, object]]:
    """Return the older history until the newer begins, rescaled, and then the newer."""
    seam = new["date"][0]
    common = old.join(new, on="date", suffix="_new").drop_nulls(
        ["close", "close_new", "adj_close", "adj_close_new"]
    )
    if common.height:
        close = _ratio(common, "close", old_name, new_name)
        adjusted = _ratio(common, "adj_close", old_name, new_name)
        detail = f"on {common.height} common dates at {close:.6g} times its price"
    else:
        close, adjusted = 1.0, _follow(old, new, old_name, new_name)
        detail = f"without common dates; the last of {old_name} is {old['date'][-1]}"
    older = old.filter(pl.col("date") < seam).with_columns(
        *[pl.col(name) * close for name in PRICES if name != "adj_close"],
        adj_close=pl.col("adj_close") * adjusted,
        volume=pl.col("volume") / close,
    )
    note = {
        "date": seam,
        "severity": "info",
        "rule": "splice",
        "detail": f"{old_name} continues as {new_name}, {detail}",
        "action": f"{old_name} is used before {seam}, rescaled",
    }
    return pl.concat([older, new]), note


def _ratio(common: pl.DataFrame, name: str, old_name: str, new_name: str) -> float:
    ratios = common.select("date", ratio=pl.col(f"{name}_new") / pl.col(name))
    middle = float(ratios.select(pl.col("ratio").median()).item())
    off = ratios.filter((pl.col("ratio") / middle - 1).abs() > SAME)
    if off.height:
        row = off.row(0, named=True)
        raise DataError(
            f"splices: {old_name} and {new_name} are not one price: on {row['date']} "
            f"the ratio of their {name} is {row['ratio']:.4g}, usually {middle:.4g} "
            f"({off.height} of {common.height} common dates are off)"
        )
    return middle


def _follow(
    old: pl.DataFrame, new: pl.DataFrame, old_name: str, new_name: str
) -> float:
    """Return the factor of the older adjusted close that makes the seam a return."""
    last = old.drop_nulls(["close", "adj_close"]).row(-1, named=True)
    first = new.drop_nulls(["close", "adj_close"]).row(0, named=True)
    gap = (first["date"] - last["date"]).days
    jump = pl.Series([first["close"] / last["close"]]).log().abs().item()
    if not 0 < gap <= LONGEST_GAP or jump > LARGEST_JUMP:
        raise DataError(
            f"splices: {new_name} does not follow {old_name}: the close goes from "
            f"{last['close']:g} on {last['date']} to {first['close']:g} on "
            f"{first['date']}; give prices of one basis that meet or overlap"
        )
    level = (first["adj_close"] / first["close"]) / (last["adj_close"] / last["close"])
    return float(level)
