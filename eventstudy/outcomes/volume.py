"""Trading volume and liquidity as outcomes of an event study.

Each function turns prices and volumes, (E, S), into an outcome, (E, S), to be given
to a normal-return model as ``y`` (constant mean, or a market model on the market's own
outcome) with one session per span; the abnormal outcome then goes to the tests of
abnormal returns. Volume is autocorrelated, so over windows of several sessions the
tests that treat sessions as independent (`t`, `patell`) reject too often; the
cross-sectional and the rank tests do not suppose it.
"""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.errors import DataError

_CORWIN = 3.0 - 2.0 * np.sqrt(2.0)


def log_volume(volume: Array) -> Array:
    """``ln(1 + V)``, (E, S); nan where volume is missing, zero or negative.

    volume : units traded per session; a session without trade has no volume to
    explain, and zero is how many sources write a missing value.
    Ajinkya & Jain (1989), J. Accounting and Economics 11; Campbell & Wasley (1996),
    J. Financial and Quantitative Analysis 31.

    >>> log_volume([[99.0, 0.0]]).round(4)
    array([[4.6052,    nan]])
    """
    v = _prices(volume)
    with np.errstate(invalid="ignore"):
        return np.log1p(np.where(v > 0, v, np.nan))


def amihud(returns: Array, close: Array, volume: Array) -> Array:
    """Illiquidity: absolute return per million of traded value, (E, S).

    returns, close, volume : (E, S); ``10⁶ |R| / (close x volume)``, nan where a part
    is missing or nothing was traded.
    Amihud (2002), J. Financial Markets 5, equation 1.

    >>> amihud([[0.02]], [[10.0]], [[5e5]])
    array([[0.004]])
    """
    r, c, v = _same_shape(returns, close, volume)
    with np.errstate(invalid="ignore"):
        value = np.where((c > 0) & (v > 0), c * v, np.nan)
    return np.asarray(1e6 * np.abs(r) / value)


def corwin_schultz(
    high: Array, low: Array, close: Array, *, keep_negative: bool = False
) -> Array:
    """Bid-ask spread from the highs and lows of two sessions, (E, S), as a share.

    high, low, close : (E, S). The value of a session uses it and the one before, so
    the first is nan, as are pairs with missing prices or a high below its low. A close
    outside the next session's range moves that range by the overnight gap. Estimates
    below zero are set to zero, as the authors do, unless ``keep_negative``.

    Corwin & Schultz (2012), J. Finance 67, equations 14 and 18.

    >>> corwin_schultz([[10.2, 10.2]], [[10.0, 10.0]], [[10.1, 10.1]]).round(4)
    array([[   nan, 0.0198]])
    """
    h, low_, c = _same_shape(high, low, close)
    with np.errstate(invalid="ignore"):
        sound = (low_ > 0) & (h >= low_) & (c > 0)
    h, low_, c = (np.where(sound, p, np.nan) for p in (h, low_, c))
    before_h, before_l, before_c = h[:, :-1], low_[:, :-1], c[:, :-1]
    gap = np.maximum(before_c - h[:, 1:], 0.0) + np.minimum(before_c - low_[:, 1:], 0.0)
    now_h, now_l = h[:, 1:] + gap, low_[:, 1:] + gap
    beta = np.log(before_h / before_l) ** 2 + np.log(now_h / now_l) ** 2
    top, bottom = np.maximum(before_h, now_h), np.minimum(before_l, now_l)
    gamma = np.log(top / bottom) ** 2
    alpha = (np.sqrt(2.0 * beta) - np.sqrt(beta)) / _CORWIN - np.sqrt(gamma / _CORWIN)
    spread = 2.0 * np.expm1(alpha) / (1.0 + np.exp(alpha))
    if not keep_negative:
        spread = np.maximum(spread, 0.0)
    return np.concatenate([np.full((len(h), 1), np.nan), spread], axis=1)


def _prices(values: Array) -> Array:
    return np.atleast_2d(np.asarray(values, np.float64))


def _same_shape(*columns: Array) -> tuple[Array, ...]:
    arrays = tuple(_prices(v) for v in columns)
    if len({a.shape for a in arrays}) > 1:
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise DataError(f"the columns have shapes {shapes}; one shape is wanted")
    return arrays
