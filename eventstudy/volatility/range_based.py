"""Volatility from the session's range: open, high, low, close.

A range uses the whole path of the session, so its variance estimate is several times
as precise as a squared return. What happens while the market is closed is seen by
`yang_zhang` alone.
"""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray
from eventstudy.core.errors import DataError
from eventstudy.volatility.spread import MEASURES, MeasureEntry, Spread

# Rounding of quoted prices may put an open or close this far outside high and low.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRanges:
    """Sessions as logarithms; see `log_ranges`.

    Parameters
    ----------
    values : ndarray
        Overnight ``ln O_t/C_{t-1}``, ``ln H/O``, ``ln L/O``, ``ln C/O``, (E, S, 4); nan
        where a price is missing or bad (overnight alone where only the close before
        is).
    bad : ndarray
        Sessions whose prices contradict each other, (E, S): not positive, high below
        low, open or close outside them. They are left out and belong to the ledger.

    Examples
    --------
    >>> log_ranges([[10.0]], [[12.0]], [[9.0]], [[11.0]]).values.shape
    (1, 1, 4)
    """

    values: Array
    bad: BoolArray


def log_ranges(open_: Array, high: Array, low: Array, close: Array) -> LogRanges:
    """Turn prices into log ranges.

    Parameters
    ----------
    open_, high, low, close : ndarray
        Prices, (E, S), nan where missing.

    Returns
    -------
    LogRanges
        Values nan where a price is missing or contradicts the others.

    Raises
    ------
    DataError
        Where the shapes differ.

    Examples
    --------
    >>> one = log_ranges([[10.0, 11]], [[12.0, 10]], [[9.0, 9]], [[11.0, 10]])
    >>> one.bad
    array([[False,  True]])
    """
    prices = [
        np.atleast_2d(np.asarray(p, np.float64)) for p in (open_, high, low, close)
    ]
    if len({p.shape for p in prices}) > 1:
        shapes = ", ".join(str(p.shape) for p in prices)
        raise DataError(f"open, high, low, close have shapes {shapes}; one is wanted")
    o, h, low_, c = prices
    there = np.isfinite(o) & np.isfinite(h) & np.isfinite(low_) & np.isfinite(c)
    with np.errstate(invalid="ignore"):
        top, bottom = h * (1.0 + _SLACK), low_ * (1.0 - _SLACK)
        sound = (low_ > 0) & (h >= low_) & (o <= top) & (c <= top)
        sound &= (o >= bottom) & (c >= bottom)
    bad = there & ~sound
    o, h, low_, c = (np.where(there & sound, p, np.nan) for p in (o, h, low_, c))
    overnight = np.full_like(o, np.nan)
    overnight[:, 1:] = np.log(o[:, 1:]) - np.log(c[:, :-1])
    inside = [np.log(p) - np.log(o) for p in (h, low_, c)]
    return LogRanges(values=np.stack([overnight, *inside], axis=2), bad=bad)


def parkinson(values: Array) -> Array:
    """Variance of each session, ``(ln H/L)² / (4 ln 2)``, (E, S).

    values : (E, S, 4) of `log_ranges`. No drift, no jumps, market always open.
    Parkinson (1980), J. Business 53.
    """
    return np.asarray((values[..., 1] - values[..., 2]) ** 2 / (4.0 * np.log(2.0)))


MEASURES.register(
    MeasureEntry(
        name="parkinson",
        meaning="Parkinson (1980): range of high and low",
        spread=Spread(parts=lambda v: parkinson(v)[None]),
        is_range=True,
        words="Parkinson",
        citation="Parkinson (1980), J. Business 53",
    )
)


def garman_klass(values: Array) -> Array:
    """``½ (ln H/L)² - (2 ln 2 - 1) (ln C/O)²``, (E, S).

    Garman & Klass (1980), J. Business 53, equation 20. A single session may come out
    below zero; a window's mean does not but in degenerate cases.
    """
    reach = values[..., 1] - values[..., 2]
    close = (2.0 * np.log(2.0) - 1.0) * values[..., 3] ** 2
    return np.asarray(0.5 * reach**2 - close)


MEASURES.register(
    MeasureEntry(
        name="garman_klass",
        meaning="Garman & Klass (1980): range and open-to-close return",
        spread=Spread(parts=lambda v: garman_klass(v)[None]),
        is_range=True,
        words="Garman-Klass",
        citation="Garman & Klass (1980), J. Business 53",
    )
)


def rogers_satchell(values: Array) -> Array:
    """``ln H/O ln H/C + ln L/O ln L/C``, (E, S); right under any drift.

    Rogers & Satchell (1991), Annals of Applied Probability 1.
    """
    _, up, down, close = np.moveaxis(values, -1, 0)
    return np.asarray(up * (up - close) + down * (down - close))


MEASURES.register(
    MeasureEntry(
        name="rogers_satchell",
        meaning="Rogers & Satchell (1991): range, free of drift",
        spread=Spread(parts=lambda v: rogers_satchell(v)[None]),
        is_range=True,
        words="Rogers-Satchell",
        citation="Rogers & Satchell (1991), Annals of Applied Probability 1",
    )
)


def _yang_zhang_parts(values: Array) -> Array:
    overnight, close = values[..., 0], values[..., 3]
    rs = rogers_satchell(values)
    parts = np.stack([overnight, overnight**2, close, close**2, rs])
    return np.where(np.isfinite(parts).all(axis=0), parts, np.nan)


def _yang_zhang(n: Array | float, sums: Array) -> Array:
    """``σ² = σ²_overnight + k σ²_open-close + (1-k) mean RS``, k of n sessions."""
    n = np.asarray(n, np.float64)
    k = 0.34 / (1.34 + (n + 1.0) / (n - 1.0))
    overnight = (sums[1] - sums[0] ** 2 / n) / (n - 1.0)
    close = (sums[3] - sums[2] ** 2 / n) / (n - 1.0)
    variance = overnight + k * close + (1.0 - k) * sums[4] / n
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


MEASURES.register(
    MeasureEntry(
        name="yang_zhang",
        meaning="Yang & Zhang (2000): overnight, open-to-close and range",
        spread=Spread(parts=_yang_zhang_parts, value=_yang_zhang),
        is_range=True,
        words="Yang-Zhang",
        citation="Yang & Zhang (2000), J. Business 73",
    )
)
