"""Which calendar a symbol trades on, read from its Yahoo spelling."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from eventstudy.core.errors import SpecError

_QUOTES = (
    "USD|USDT|USDC|EUR|GBP|CHF|JPY|KRW|CNY|HKD|SGD|INR|AUD|CAD|BRL|RUB|TRY|BTC|ETH"
)
_CRYPTO = re.compile(rf"[A-Z0-9]+-({_QUOTES})")  # BTC-USD, but not the share BRK-B

_INDICES = {
    "XNYS": "GSPC SPX DJI DJA DJT DJU IXIC NDX RUT RUI RUA NYA XAX OEX MID SP600 "
    "SP500TR VIX VXN TNX TYX FVX IRX SOX",
    "XTSE": "GSPTSE",
    "XLON": "FTSE FTMC FTAS",
    "XETR": "GDAXI MDAXI SDAXI TECDAX STOXX50E STOXX",
    "XPAR": "FCHI SBF120 N100",
    "XAMS": "AEX AMX",
    "XBRU": "BFX",
    "XSWX": "SSMI",
    "XMAD": "IBEX",
    "XSTO": "OMX OMXS30",
    "XCSE": "OMXC25",
    "XHEL": "OMXH25",
    "XWBO": "ATX",
    "XHKG": "HSI HSCE",
    "XTKS": "N225",
    "XKRX": "KS11 KS200 KQ11",
    "XTAI": "TWII",
    "XASX": "AXJO AORD AXKO",
    "XNZE": "NZ50",
    "XSES": "STI",
    "XBOM": "BSESN NSEI NSEBANK",
    "XIDX": "JKSE",
    "XKLS": "KLSE",
    "XBKK": "SET.BK",
    "BVMF": "BVSP",
    "XMEX": "MXX",
    "XBUE": "MERV",
    "XSGO": "IPSA",
}

# Venues that keep the holidays of a larger neighbour carry the neighbour's name.
_SUFFIXES = {
    "XTSE": "TO V CN NE",
    "XLON": "L IL",
    "XETR": "DE",
    "XFRA": "F",
    "XSTU": "SG",
    "XDUS": "DU",
    "XHAM": "HM",
    "XPAR": "PA",
    "XAMS": "AS",
    "XBRU": "BR",
    "XLIS": "LS",
    "XDUB": "IR",
    "XMIL": "MI",
    "XMAD": "MC",
    "XSWX": "SW",
    "XSTO": "ST",
    "XCSE": "CO",
    "XHEL": "HE",
    "XOSL": "OL",
    "XICE": "IC",
    "XTAL": "TL",
    "XRIS": "RG",
    "XLIT": "VS",
    "XWBO": "VI",
    "XWAR": "WA",
    "XPRA": "PR",
    "XBUD": "BD",
    "XIST": "IS",
    "XMOS": "ME",
    "XJSE": "JO",
    "XSAU": "SR",
    "XHKG": "HK",
    "XTKS": "T",
    "XSHG": "SS SZ",
    "XKRX": "KS KQ",
    "XTAI": "TW TWO",
    "XASX": "AX",
    "XNZE": "NZ",
    "XSES": "SI",
    "XBOM": "BO NS",
    "XIDX": "JK",
    "XKLS": "KL",
    "XBKK": "BK",
    "XPHS": "PS",
    "BVMF": "SA",
    "XMEX": "MX",
    "XBUE": "BA",
    "XSGO": "SN",
    "CMES": "CME CBT CMX NYM",
    "IEPA": "NYB",
}


# As other vendors than Yahoo write them.
_LONG_SUFFIXES = {
    "XNYS": "US N O OQ NYSE NASDAQ",
    "XLON": "LSE LON",
    "XETR": "XETRA XETR ETR",
    "XFRA": "FRA",
    "XSTU": "STU",
    "XPAR": "PAR",
    "XAMS": "AMS",
    "XSWX": "SWX",
    "XHKG": "HKG HKEX",
    "XTKS": "TSE TYO",
    "XSHG": "SHG SHE SH XSHG XSHE",
    "XKRX": "KO KRX",
    "XASX": "AU ASX",
    "XBOM": "NSE BSE",
    "XJSE": "JSE",
    "XTSE": "TSX",
}

_CURRENCIES = {
    "USD": "XNYS CMES IEPA",
    "CAD": "XTSE",
    "GBP": "XLON",
    "EUR": "XETR XFRA XSTU XDUS XHAM XPAR XAMS XBRU XLIS XDUB XMIL XMAD XHEL XTAL XRIS "
    "XLIT XWBO",
    "CHF": "XSWX",
    "SEK": "XSTO",
    "DKK": "XCSE",
    "NOK": "XOSL",
    "ISK": "XICE",
    "PLN": "XWAR",
    "CZK": "XPRA",
    "HUF": "XBUD",
    "TRY": "XIST",
    "RUB": "XMOS",
    "ZAR": "XJSE",
    "SAR": "XSAU",
    "HKD": "XHKG",
    "JPY": "XTKS",
    "CNY": "XSHG",
    "KRW": "XKRX",
    "TWD": "XTAI",
    "AUD": "XASX",
    "NZD": "XNZE",
    "SGD": "XSES",
    "INR": "XBOM",
    "IDR": "XIDX",
    "MYR": "XKLS",
    "THB": "XBKK",
    "PHP": "XPHS",
    "BRL": "BVMF",
    "MXN": "XMEX",
    "ARS": "XBUE",
    "CLP": "XSGO",
}


def _by_item(table: Mapping[str, str]) -> dict[str, str]:
    return {item: name for name, items in table.items() for item in items.split()}


_INDEX_CALENDAR = _by_item(_INDICES)
_SUFFIX_CALENDAR = _by_item(_SUFFIXES) | _by_item(_LONG_SUFFIXES)
_CALENDAR_CURRENCY = _by_item(_CURRENCIES)


def calendar_name(
    symbol: str, overrides: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return the name of a symbol's calendar, read from its Yahoo spelling.

    An entry of ``overrides`` for the symbol comes first; then what the symbol tells by
    itself (suffix of an exchange, well-known index, crypto pair, future, currency);
    then ``overrides["default"]``. A plain symbol without a default is a US share,
    which also covers Nasdaq: its sessions are those of the NYSE.

    Parameters
    ----------
    symbol : str
        Symbol, such as ``BTC-USD`` or ``0863.HK``.
    overrides : mapping of str to str
        Names of calendars by symbol, and by ``"default"``.

    Returns
    -------
    str
        Name of a calendar, for `get_calendar`.

    Raises
    ------
    SpecError
        For an index or suffix that is not known and has no default.

    Examples
    --------
    >>> [calendar_name(s) for s in ("BTC-USD", "BRK-B", "^GSPC", "0863.HK", "GC=F")]
    ['24/7', 'XNYS', 'XNYS', 'XHKG', 'CMES']
    >>> calendar_name("FIRM01", {"default": "prices"})
    'prices'
    """
    if symbol in overrides:
        return overrides[symbol]
    told = _told_by_symbol(symbol.upper())
    if told is not None:
        return told
    if "default" in overrides:
        return overrides["default"]
    if symbol.startswith("^") or "." in symbol:
        raise SpecError(
            f"no calendar is known for symbol {symbol!r}; name one for it, or a "
            "default, under [calendars] of the study file: an exchange_calendars name "
            "(XNYS, XLON), '24/7' or 'prices'"
        )
    return "XNYS"


def currency_of(symbol: str) -> str | None:
    """Return the currency that a symbol's exchange or pair tells; None where neither.

    >>> [currency_of(s) for s in ("SAP.DE", "BTC-EUR", "0863.HK", "RIOT", "^GDAXI")]
    ['EUR', 'EUR', 'HKD', None, 'EUR']
    """
    if pair := _CRYPTO.fullmatch(symbol.upper()):
        stable = pair[1] in ("USDT", "USDC")
        return "USD" if stable else pair[1]
    return _CALENDAR_CURRENCY.get(_told_by_symbol(symbol.upper()) or "")


def is_guess(symbol: str, overrides: Mapping[str, str]) -> bool:
    """Tell whether `calendar_name` has only the spelling of a symbol to go by."""
    said = symbol in overrides
    return not said and (is_told(symbol) or "default" not in overrides)


def is_told(symbol: str) -> bool:
    """Tell whether a symbol's spelling gives its calendar away; a plain one does not.

    >>> [is_told(symbol) for symbol in ("0863.HK", "BTC-USD", "RIOT")]
    [True, True, False]
    """
    return _told_by_symbol(symbol.upper()) is not None


def _told_by_symbol(symbol: str) -> str | None:
    """Return the calendar that the spelling gives away; None for a plain symbol."""
    if symbol.startswith("^"):
        return _INDEX_CALENDAR.get(symbol[1:])
    if symbol.endswith("=F"):
        return "CMES"
    if symbol.endswith("=X"):
        return "24/5"
    stem, dot, suffix = symbol.rpartition(".")
    if dot and stem:
        return _SUFFIX_CALENDAR.get(suffix)
    return "24/7" if _CRYPTO.fullmatch(symbol) else None
