"""Realised variance from intraday bars, and prices at an instant.

Times are whole seconds since 1970-01-01 UTC. A bar starts at ``start``, lasts ``bar``
seconds, and its close is known when it ends.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.errors import DataError, SpecError
from eventstudy.volatility.spread import MEASURES, MeasureEntry, Spread

# A session needs this share of its bars, and this many for a test of jumps.
MIN_SHARE = 0.8
MIN_BARS = 8
_BIPOWER = np.pi / 2.0
_TRIPOWER = (special.gamma(0.5) / (2.0 ** (2.0 / 3.0) * special.gamma(7.0 / 6.0))) ** 3
_RATIO = np.pi**2 / 4.0 + np.pi - 5.0

MEASURES.register(
    MeasureEntry(
        name="realised",
        meaning="root of the mean realised variance",
        spread=Spread(parts=lambda rv: np.where(np.isfinite(rv), rv, np.nan)[None]),
        of="bars",
        citation="Andersen & Bollerslev (1998), International Economic Review 39",
        single=True,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars of one asset in the order of time; see `check_bars`.

    Parameters
    ----------
    start : ndarray
        Seconds since 1970-01-01 UTC at which each bar starts, (B,).
    open, close : ndarray
        First and last price of each bar, (B,).
    bar : int
        Length of the bars in seconds.

    Examples
    --------
    >>> check_bars(60 * np.arange(2), [1, 2.0], [2, 1.0], bar=60).bar
    60
    """

    start: IntArray
    open: Array
    close: Array
    bar: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RealisedResult:
    """Variances of each session; every array is (S,).

    Parameters
    ----------
    rv, bipower : ndarray
        Realised variance with and without jumps.
    jump : ndarray
        What jumps added, not below zero.
    statistic, pvalue : ndarray
        Test of no jump, one-sided.
    n_bars, expected : ndarray
        Bars found, and bars that fit into the session.
    reason : tuple of str or None
        Why a session has no value.

    Examples
    --------
    >>> bars = check_bars(60 * np.arange(4), [1, 2, 1, 2.0], [2, 1, 2, 1.0], bar=60)
    >>> realised_variance(bars, [0], [240]).n_bars
    array([4])
    """

    rv: Array
    bipower: Array
    jump: Array
    statistic: Array
    pvalue: Array
    n_bars: IntArray
    expected: IntArray
    reason: tuple[str | None, ...]


def check_bars(start: IntArray, open_: Array, close: Array, *, bar: int) -> Bars:
    """Take bars in, and check them.

    Parameters
    ----------
    start : ndarray
        Seconds since 1970-01-01 UTC at which each bar starts, (B,).
    open_, close : ndarray
        First and last price of each bar, (B,).
    bar : int
        Length of the bars in seconds.

    Returns
    -------
    Bars
        The same, as arrays.

    Raises
    ------
    DataError
        Naming the first bar that cannot be right.
    SpecError
        For a length that is not positive.

    Examples
    --------
    >>> check_bars(60 * np.arange(2), [1, 2.0], [2, 1.0], bar=60).close
    array([2., 1.])
    """
    times = np.asarray(start, np.int64)
    opens, closes = np.asarray(open_, np.float64), np.asarray(close, np.float64)
    if not times.shape == opens.shape == closes.shape or times.ndim != 1:
        raise DataError(
            f"starts, opens and closes of bars have shapes {times.shape}, "
            f"{opens.shape}, {closes.shape}; three columns of one length are wanted"
        )
    if bar <= 0:
        raise SpecError(f"a bar of {bar} seconds; give a positive length")
    early = np.flatnonzero(np.diff(times) < bar)
    if len(early):
        at = int(early[0]) + 1
        raise DataError(
            f"bar {at} starts {times[at] - times[at - 1]} s after the one before; bars "
            f"of {bar} s must be in the order of time and not overlap"
        )
    wrong = np.flatnonzero(~((opens > 0) & (closes > 0) & np.isfinite(opens * closes)))
    if len(wrong):
        raise DataError(f"bar {wrong[0]} has no positive open and close")
    return Bars(start=times, open=opens, close=closes, bar=bar)


def realised_variance(bars: Bars, opens: IntArray, closes: IntArray) -> RealisedResult:
    """Compute realised and bipower variance of sessions, with a test of jumps.

    A session's returns run from the open of its first bar over the closes of all bars
    inside; a gap is one return over the gap. Below `MIN_SHARE` of its bars a session
    has no value.

    Parameters
    ----------
    bars : Bars
        Bars of one asset.
    opens, closes : ndarray
        First and last second of each session, (S,).

    Returns
    -------
    RealisedResult
        One value per session.

    References
    ----------
    Andersen & Bollerslev (1998), International Economic Review 39; Barndorff-Nielsen &
    Shephard (2004), J. Financial Econometrics 2; ratio test with tri-power quarticity,
    Huang & Tauchen (2005), same journal 3.

    Examples
    --------
    >>> bars = check_bars(60 * np.arange(4), [1, 2, 1, 2.0], [2, 1, 2, 1.0], bar=60)
    >>> realised_variance(bars, [0], [240]).rv.round(4)
    array([1.9218])
    """
    first, last = (np.asarray(v, np.int64) for v in (opens, closes))
    n_sessions = len(first)
    session = np.searchsorted(first, bars.start, side="right") - 1
    inside = session >= 0
    inside[inside] = (bars.start + bars.bar)[inside] <= last[session[inside]]
    session = session[inside]
    log_close, log_open = np.log(bars.close[inside]), np.log(bars.open[inside])
    new = np.ones(len(session), np.bool_)
    new[1:] = session[1:] != session[:-1]
    before = np.where(new, log_open, np.r_[np.nan, log_close[:-1]])
    size = np.abs(log_close - before)
    n = np.bincount(session, minlength=n_sessions)
    expected = (last - first) // bars.bar
    two = ~new[1:]
    three = two[1:] & two[:-1]
    pair = np.where(two, size[1:] * size[:-1], 0.0)
    root = size ** (4.0 / 3.0)
    triple = np.where(three, root[2:] * root[1:-1] * root[:-2], 0.0)

    def total(values: Array, of: IntArray) -> Array:
        sums = np.bincount(of, weights=values, minlength=n_sessions)
        return np.asarray(sums, np.float64)

    with np.errstate(divide="ignore", invalid="ignore"):
        rv = total(size**2, session)
        bipower = _BIPOWER * n / (n - 1.0) * total(pair, session[1:])
        quarticity = _TRIPOWER * n**2 / (n - 2.0) * total(triple, session[2:])
        spread = np.sqrt(_RATIO / n * np.maximum(1.0, quarticity / bipower**2))
        z = (1.0 - bipower / rv) / spread
    reason = tuple(
        None if found >= MIN_SHARE * wanted and found else f"{found} of {wanted} bars"
        for found, wanted in zip(n, expected, strict=True)
    )
    known = np.array([r is None for r in reason], np.bool_)
    tested = known & (n >= MIN_BARS) & np.isfinite(z)
    return RealisedResult(
        rv=np.where(known, rv, np.nan),
        bipower=np.where(known & (n > 1), bipower, np.nan),
        jump=np.where(known & (n > 1), np.maximum(rv - bipower, 0.0), np.nan),
        statistic=np.where(tested, z, np.nan),
        pvalue=np.where(tested, special.ndtr(-z), np.nan),
        n_bars=n,
        expected=expected,
        reason=reason,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PricesAt:
    """Last prices known at instants, (S,): nan where none is recent enough.

    Parameters
    ----------
    price : ndarray
        Close of the last bar that has ended.
    age : ndarray
        Seconds since it ended.

    Examples
    --------
    >>> bars = check_bars(60 * np.arange(2), [1, 2.0], [2, 3.0], bar=60)
    >>> price_at(bars, [70], max_age=60).age
    array([10.])
    """

    price: Array
    age: Array


def price_at(bars: Bars, instants: IntArray, *, max_age: int) -> PricesAt:
    """Find the last close known at each instant, as bitcoin's at the New York close.

    Returns of a 24/7 asset between such prices cover the very spans of an
    exchange-listed asset's returns.

    Parameters
    ----------
    bars : Bars
        Bars of one asset.
    instants : ndarray
        Seconds since 1970-01-01 UTC, (S,).
    max_age : int
        Seconds: a bar that ended longer before leaves the price missing.

    Returns
    -------
    PricesAt
        Prices and their ages.

    Examples
    --------
    >>> bars = check_bars(60 * np.arange(3), [1, 2, 3.0], [2, 3, 4.0], bar=60)
    >>> price_at(bars, [60, 119, 120], max_age=60).price
    array([2., 2., 3.])
    """
    when = np.asarray(instants, np.int64)
    ends = bars.start + bars.bar
    last = np.searchsorted(ends, when, side="right") - 1
    found = (last >= 0) & (len(ends) > 0)
    place = np.maximum(last, 0)
    age = np.full(when.shape, np.nan)
    price = np.full(when.shape, np.nan)
    age[found] = (when - ends[place])[found] if len(ends) else np.nan
    recent = found & (np.nan_to_num(age, nan=np.inf) <= max_age)
    price[recent] = bars.close[place[recent]]
    return PricesAt(price=price, age=age)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntradayPath:
    """Cumulative log return around an instant, one value per bar.

    Parameters
    ----------
    seconds : ndarray
        From the instant to the end of each bar, (B,).
    path : ndarray
        Log return since ``base``, (B,).
    base : float
        The last price known at the instant.
    missing : int
        Bars of the window that are not there.

    Examples
    --------
    >>> bars = check_bars(60 * np.arange(3), [1, 2, 4.0], [2, 4, 8.0], bar=60)
    >>> path_around(bars, 60, before=60, after=120).seconds
    array([  0,  60, 120])
    """

    seconds: IntArray
    path: Array
    base: float
    missing: int


def path_around(bars: Bars, instant: int, *, before: int, after: int) -> IntradayPath:
    """Follow the price around an announcement.

    Parameters
    ----------
    bars : Bars
        Bars of one asset.
    instant : int
        Of the announcement, in seconds since 1970-01-01 UTC.
    before, after : int
        Seconds before and after it.

    Returns
    -------
    IntradayPath
        One value per bar that ends in the window.

    Raises
    ------
    DataError
        When no bar has ended within ``before`` seconds of the instant.

    Examples
    --------
    >>> bars = check_bars(60 * np.arange(3), [1, 2, 4.0], [2, 4, 8.0], bar=60)
    >>> path_around(bars, 60, before=60, after=120).path.round(2)
    array([0.  , 0.69, 1.39])
    """
    known = price_at(bars, np.array([instant]), max_age=before)
    base = float(known.price[0])
    if not np.isfinite(base):
        raise DataError(
            f"no bar ended within {before} s before the instant {instant}; give bars "
            "that cover it, or a longer window"
        )
    ends = bars.start + bars.bar
    inside = (ends >= instant - before) & (ends <= instant + after)
    wanted = (before + after) // bars.bar
    return IntradayPath(
        seconds=ends[inside] - instant,
        path=np.log(bars.close[inside]) - np.log(base),
        base=base,
        missing=max(int(wanted - inside.sum()), 0),
    )
