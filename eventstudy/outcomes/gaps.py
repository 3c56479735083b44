"""What was observed of a series less what was expected, and how far that is chance."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError

LEAST_HISTORY = 30
SIGNIFICANT = 0.05
"""Level of the test whether weekdays differ."""
_ROUNDING = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gaps:
    """What was observed less what was expected, of E series and M measures.

    Parameters
    ----------
    effect, se : array (E, M)
        Mean gaps over the weights of a measure and their standard errors, in units of
        the series; nan where there is no forecast.
    pvalue : array (E, M)
        Two-sided, of the mixture over q.
    expected, error : array (E, L)
        The forecast of each session after, and the standard error of the gap.
    n : int array (E,)
        Values of the history.
    q : array (E,)
        Mean variance of a session's change of level.
    weekdays : bool array (E,)
        Whether weekdays differ, so that their effects were estimated.

    Examples
    --------
    >>> from eventstudy.outcomes import level_gaps
    >>> rng = np.random.default_rng(1)
    >>> y = np.cumsum(rng.normal(0, 0.1, (1, 130)), axis=1)
    >>> found = level_gaps(y, history=100, weights=np.full((1, 30), 1 / 30))
    >>> found.effect.shape, found.n.tolist()
    ((1, 1), [100])
    """

    effect: Array
    se: Array
    pvalue: Array
    expected: Array
    error: Array
    n: IntArray
    q: Array
    weekdays: BoolArray

    @property
    def statistic(self) -> Array:
        """Effects over their standard errors, (E, M)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.effect / self.se)


@dataclass(slots=True, kw_only=True, eq=False)
class Found:
    """Fields as in `Gaps`; pvalue_terms : (E,) of the terms beyond the drift."""

    effect: Array
    se: Array
    pvalue: Array
    expected: Array
    error: Array
    n: IntArray
    q: Array
    pvalue_terms: Array


_FIELDS: tuple[
    Literal["effect", "se", "pvalue", "expected", "error", "n", "q"], ...
] = ("effect", "se", "pvalue", "expected", "error", "n", "q")


def chosen(plain: Found, differ: BoolArray, other: Found | None = None) -> Gaps:
    """Return what was found, of another estimate where the weekdays differ, (E,)."""
    held = {}
    for name in _FIELDS:
        value = getattr(plain, name)
        if other is not None:
            wide = differ.reshape(-1, *[1] * (value.ndim - 1))
            value = np.where(wide, getattr(other, name), value)
        held[name] = value
    return Gaps(**held, weekdays=differ)


def checked(
    y: Array, variance: Array | None, history: int, weights: Array
) -> tuple[Array, Array, Array | None]:
    """Return series, weights and variances as arrays that fit; `SpecError` if not."""
    y = np.atleast_2d(np.asarray(y, np.float64))
    weights = np.atleast_2d(np.asarray(weights, np.float64))
    if not 0 < history < y.shape[1]:
        raise SpecError(
            f"history = {history} of {y.shape[1]} sessions; wanted at least one "
            "session before and one after"
        )
    if weights.shape[1] != y.shape[1] - history:
        raise SpecError(
            f"weights are {weights.shape}; wanted {y.shape[1] - history} sessions each"
        )
    if variance is None:
        return y, weights, None
    h = np.atleast_2d(np.asarray(variance, np.float64))
    if h.shape != y.shape:
        raise SpecError(f"variances are {h.shape}; wanted {y.shape}, as the series")
    if (h < 0).any():
        raise SpecError(f"a variance of measurement is negative: {np.nanmin(h):g}")
    return np.where(np.isfinite(h), y, np.nan), weights, h


def terms(shape: tuple[int, ...], weekday: IntArray | None) -> Array:
    """Return the columns of what is estimated, (E, S, K): level, drift, weekdays."""
    ones = np.ones(shape)
    columns = [ones, np.cumsum(ones, axis=1)]
    if weekday is not None:
        last = weekday == 6
        columns += [(weekday == day) * 1.0 - last for day in range(6)]
    return np.stack(columns, axis=-1)


def in_proportion(weights: Array, there: BoolArray) -> Array:
    """Return weights (E, M, L) of the sessions that have a value, (E, L).

    The weight of the others goes to these, in proportion; nan where there is none.
    """
    held = weights[None] * there[:, None]
    total = held.sum(-1, keepdims=True)
    out: Array = np.divide(held, total, out=np.full_like(held, np.nan), where=total > 0)
    return out


def means(y: Array) -> Array:
    """Return the means of what is known of series (E, S): (E,), nought of nothing."""
    known = np.isfinite(y)
    total = np.where(known, y, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(known.sum(axis=1), 1))


def sizes(y: Array) -> Array:
    """Return the largest absolute values of series (E, S): (E,), nought of nothing."""
    return np.asarray(np.where(np.isfinite(y), np.abs(y), 0.0).max(axis=1))


def is_rounding(variance: Array, size: Array) -> BoolArray:
    """Say which variances (E,) are no more than the rounding of values so large."""
    return np.asarray(variance <= np.maximum((_ROUNDING * size) ** 2, 1e-290))
