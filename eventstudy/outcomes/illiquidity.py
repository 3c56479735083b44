"""Illiquidity as an outcome: how far the price moves per money traded."""

from collections.abc import Mapping

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.outcomes.columns import same_shape
from eventstudy.outcomes.entries import OUTCOMES, OutcomeEntry


def amihud(returns: Array, close: Array, volume: Array) -> Array:
    """Divide the absolute return by the millions of traded value.

    Parameters
    ----------
    returns : ndarray
        Simple returns, (E, S).
    close : ndarray
        Prices, (E, S).
    volume : ndarray
        Units traded, (E, S).

    Returns
    -------
    ndarray
        ``10⁶ |R| / (close x volume)``, (E, S), nan where a part is missing or nothing
        was traded.

    Raises
    ------
    DataError
        Where the shapes differ.

    References
    ----------
    Amihud (2002), J. Financial Markets 5, equation 1.

    Examples
    --------
    >>> amihud([[0.02]], [[10.0]], [[5e5]])
    array([[0.004]])
    """
    r, c, v = same_shape(returns, close, volume)
    with np.errstate(invalid="ignore"):
        value = np.where((c > 0) & (v > 0), c * v, np.nan)
    return np.asarray(1e6 * np.abs(r) / value)


def _of(columns: Mapping[str, Array]) -> Array:
    """Log of Amihud's ratio of simple returns."""
    close, value = columns["adj_close"], columns["value"]
    returns = np.full_like(close, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns[1:] = close[1:] / close[:-1] - 1.0
        ratio = np.log(amihud(returns, np.ones_like(close), value)[0])
    return np.asarray(np.where(np.isfinite(ratio), ratio, np.nan))


OUTCOMES.register(
    OutcomeEntry(
        name="illiquidity",
        of=_of,
        needs=("adj_close", "value"),
        meaning="logarithm of the absolute return per million of traded value",
        unit="log of the return per million",
        words="illiquidity",
        citation="Amihud (2002), J. Financial Markets 5",
        is_log=True,
        part="illiquidity",
        shown=False,
        lacking="no volume to study",
    )
)
