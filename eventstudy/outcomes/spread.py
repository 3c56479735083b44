"""The bid-ask spread as an outcome: what a round trip costs."""

from collections.abc import Mapping

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.outcomes.columns import same_shape
from eventstudy.outcomes.entries import OUTCOMES, OutcomeEntry

_CORWIN = 3.0 - 2.0 * np.sqrt(2.0)


def corwin_schultz(
    high: Array, low: Array, close: Array, *, keep_negative: bool = False
) -> Array:
    """Estimate the bid-ask spread from the highs and lows of two sessions.

    The value of a session uses it and the one before, so the first is nan, as are
    pairs with missing prices or a high below its low. A close outside the next
    session's range moves that range by the overnight gap.

    Parameters
    ----------
    high, low, close : ndarray
        Prices, (E, S).
    keep_negative : bool
        Whether estimates below zero are kept; the authors set them to zero.

    Returns
    -------
    ndarray
        The spread as a share of the price, (E, S).

    Raises
    ------
    DataError
        Where the shapes differ.

    References
    ----------
    Corwin & Schultz (2012), J. Finance 67, equations 14 and 18.

    Examples
    --------
    >>> corwin_schultz([[10.2, 10.2]], [[10.0, 10.0]], [[10.1, 10.1]]).round(4)
    array([[   nan, 0.0198]])
    """
    h, low_, c = same_shape(high, low, close)
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


def _of(columns: Mapping[str, Array]) -> Array:
    return np.asarray(
        corwin_schultz(columns["high"], columns["low"], columns["close"])[0]
    )


OUTCOMES.register(
    OutcomeEntry(
        name="spread",
        of=_of,
        needs=("high", "low", "close"),
        meaning="bid-ask spread from the highs and lows of two sessions",
        unit="share of the price",
        words="bid-ask spread",
        citation="Corwin & Schultz (2012), J. Finance 67",
        part="illiquidity",
        shown=False,
        lacking="no volume to study",
    )
)
