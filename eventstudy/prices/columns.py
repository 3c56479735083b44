"""Headings -> what the columns of a price table hold."""

import re
from collections.abc import Mapping

from eventstudy.core.errors import DataError, Problem, SpecError, nearest
from eventstudy.prices.stamps import SNAPSHOTS

MIDQUOTES = "prc"
"""Column of CRSP, in which a price with a minus is the mean of bid and ask."""

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "asset", "instrument", "tic"),
    "date": (
        "date",
        "timestamp",
        "datetime",
        "time",
        "session",
        "open_time",
        "datum",
        "fecha",
        "data",
        "observation_date",
        "exchange_date",
        "trade_date",
        "trading_date",
        "datadate",
        "dlycaldt",
        "日期",
        "交易日期",
        "日付",
        *SNAPSHOTS,
    ),
    "open": (
        "open",
        "open_price",
        "px_open",
        "openprc",
        "dlyopen",
        "prcod",
        "开盘",
        "开盘价",
        "始値",
        "erster",
        "eröffnung",
        "eroeffnung",
        "ouverture",
        "ouv",
        "apertura",
        "abertura",
    ),
    "high": (
        "high",
        "high_price",
        "px_high",
        "dlyhigh",
        "prchd",
        "最高",
        "最高价",
        "高値",
        "hoch",
        "tageshoch",
        "plus_haut",
        "máximo",
        "maximo",
        "massimo",
        "máxima",
    ),
    "low": (
        "low",
        "low_price",
        "px_low",
        "dlylow",
        "prcld",
        "最低",
        "最低价",
        "安値",
        "tief",
        "tagestief",
        "plus_bas",
        "mínimo",
        "minimo",
        "mínima",
    ),
    "close": (
        "close",
        "price",
        "last",
        "close_last",
        "close_price",
        "px_last",
        "last_price",
        "closing_price",
        "dlyprc",
        "prccd",
        "收盘",
        "收盘价",
        "終値",
        MIDQUOTES,
        "schlusskurs",
        "schluss",
        "letzter",
        "zuletzt",
        "clôture",
        "cloture",
        "dernier",
        "cierre",
        "último",
        "ultimo",
        "chiusura",
        "fechamento",
    ),
    "adj_close": ("adj_close", "adjusted_close", "adjclose", "close_adjusted"),
    "volume": (
        "volume",
        "vol",
        "px_volume",
        "dlyvol",
        "cshtrd",
        "成交量",
        "出来高",
        "stuecke",
        "stücke",
        "volumen",
    ),
    "market_value": (
        "market_value",
        "market_cap",
        "market_capitalization",
        "market_capitalisation",
        "marketcap",
        "mktcap",
        "dlycap",
        "marktkapitalisierung",
    ),
    "shares": ("shares", "shares_outstanding", "shrout", "cshoc"),
    "return": (
        "return",
        "returns",
        "ret",
        "dlyret",
        "daily_return",
        "rendite",
        "rendement",
    ),
}
_MOST_SHOWN = 400
FIELD_OF = {name: field for field, names in SPELLINGS.items() for name in names}

# Of two columns that can be one field, the first of these is taken.
_PREFERRED = {"volume": ("stuecke", "stücke")}


def resolve_columns(
    names: list[str],
    file: str,
    columns: Mapping[str, str] | None = None,
    *,
    returns: bool = False,
) -> dict[str, str]:
    """Return ``{field: column}`` for the columns of a table that mean something here.

    ``columns`` says it for single fields, ``{"close": "Settle"}``. A column of returns
    beside closes is taken for them only where it is named, or with ``returns``. Raises
    `SpecError` for an unknown field, `DataError` for a column that is missing or
    ambiguous.

    >>> resolve_columns(["Date", "Adj Close", "Close"], "x.csv")
    {'date': 'Date', 'adj_close': 'Adj Close', 'close': 'Close'}
    """
    given = dict(columns or {})
    if unknown := sorted(set(given) - set(SPELLINGS)):
        known = ", ".join(SPELLINGS)
        raise SpecError(f"columns: unknown field {unknown[0]!r}; known: {known}")
    held = ", ".join(repr(name) for name in names)
    problems = [
        Problem(
            message=f"wanted for '{field}', found only {held}", file=file, column=name
        )
        for field, name in given.items()
        if name not in names
    ]
    candidates: dict[str, list[str]] = {}
    for name in names:
        field = FIELD_OF.get(plain_heading(name))
        if field is not None and field not in given and name not in given.values():
            candidates.setdefault(field, []).append(name)
    if "close" in {**candidates, **given} and not returns:
        candidates.pop("return", None)
    if exact := [
        name for name in candidates.get("date", []) if plain_heading(name) == "date"
    ]:
        candidates["date"] = exact  # beside it, a time of day means nothing here
    for field, preferred in _PREFERRED.items():
        held_back = [
            n for n in candidates.get(field, []) if plain_heading(n) in preferred
        ]
        candidates |= {field: held_back[:1]} if held_back else {}
    problems += [
        Problem(
            message=f"{' and '.join(map(repr, found))} can both be '{field}'; "
            f"say which, for example price_columns = {{ {field} = {found[0]!r} }} in "
            "the study file, columns = in Python",
            file=file,
        )
        for field, found in candidates.items()
        if len(found) > 1
    ]
    fields = {field: found[0] for field, found in candidates.items()} | given
    problems += [
        Problem(message=_no_column(field, names, held), file=file, line=1)
        for field in ("date", "close")
        if field not in fields and not (field == "close" and "return" in fields)
    ]
    if problems:
        raise DataError("the columns of the price file are not clear", problems)
    return fields


def _no_column(field: str, names: list[str], held: str) -> str:
    """Say that a column is missing, and what helps."""
    found = f"there is no column '{field}'; found {held[:_MOST_SHOWN]}"
    if len(names) == 1:
        return f"{found}; separate the cells by a comma, a semicolon or a tab"
    others = [name for name in names if plain_heading(name) not in FIELD_OF]
    example = nearest(field, others) or "NAME OF THE COLUMN"
    return (
        f"{found}; name the column that holds it: price_columns = {{ {field} = "
        f"{example!r} }} in the study file, columns = in Python. Lines above the "
        "header must go"
    )


def is_wide(names: list[str]) -> bool:
    """Tell whether a table has a column of dates and else only columns of symbols.

    Symbols are written in capitals, or as names (``Office Depot``), fields are not, so
    a misspelt field is none.

    >>> is_wide(["Date", "RIOT", "^GSPC"]), is_wide(["date", "clsoe", "RIOT"])
    (True, False)
    >>> is_wide(["date", "AAA"]), is_wide(["date", "Office Depot"])
    (True, True)
    """
    dates = [name for name in names if FIELD_OF.get(plain_heading(name)) == "date"]
    others = [name for name in names if name not in dates]
    return (
        len(dates) == 1
        and bool(others)
        and not any(plain_heading(name) in FIELD_OF for name in others)
        and all(_is_name(name) for name in others)
    )


def _is_name(name: str) -> bool:
    """Whether a heading is written as symbols are: in capitals, or several names."""
    words = name.split()
    named = len(words) > 1 and all(word[:1] == word[:1].upper() for word in words)
    return name == name.upper() or (
        named and not nearest(plain_heading(name), FIELD_OF)
    )


def plain_heading(name: str) -> str:
    """Return ``adj_close`` for ``Adj Close``, ``close`` for ``<CLOSE>``.

    pandas writes the two header levels of yfinance as ``('Close', 'RIOT')``: such a
    name is not one of ours and stays unknown.
    """
    return re.sub(r"[\s_\-./*<>]+", "_", name.strip().lower()).strip("_")
