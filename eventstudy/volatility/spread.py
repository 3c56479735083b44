"""A shift of volatility: windows around day 0, measures of spread, and the answer.

A measure adds up a few parts per session (the return and its square, say), and its
spread, a standard deviation per session, is a function of the sums. So every measure
can be had for all windows of a history at once, from cumulative sums or from counts
of resampled sessions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import getdoc
from typing import Any, Literal

import numpy as np

from eventstudy.core import registry
from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import Family

# A window needs this many valid sessions ...
MIN_SESSIONS = 5
# ... and this share of its sessions.
MIN_SHARE = 0.8
# Deviations below this share of the largest value, and squares below this share of
# the sum of squares, are rounding noise.
_ROUNDING = 1e-12


def root_mean(n: Array | float, sums: Array) -> Array:
    """Root of the mean of the first part; zero where the mean is not positive."""
    return np.asarray(np.sqrt(np.maximum(sums[0] / n, 0.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a measure adds up over sessions, and what the sums say.

    Parameters
    ----------
    parts : callable
        From the values of the sessions, (E, S) or (E, S, 4) of a range, to the M parts
        that are added up, (M, E, S), nan where a session is missing. The last part is
        the session's own variance or its root, from which block lengths are chosen.
    value : callable
        From the number of sessions and the sums, (M, ...), to the standard deviation
        per session. The root of the mean of the first part unless another is given.
    centred : bool
        Whether it is the standard deviation about the window's mean, of which alone
        the classical tests of equal variances are tests.

    Examples
    --------
    >>> of_squares = Spread(parts=lambda x: x[None] ** 2)
    >>> spread_of(of_squares, np.array([[3.0, 4.0, np.nan]]))[0].round(4)
    array([3.5355])
    """

    parts: Callable[[Array], Array]
    value: Callable[[Array | float, Array], Array] = root_mean
    centred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureEntry:
    """A member of `MEASURES`: what is compared before and after an event.

    Parameters
    ----------
    name : str
        The name in tables.
    meaning : str
        What it measures, in words; a report describes it with them.
    spread : Spread or None
        How it adds up over sessions; None where a model gives the volatility.
    of : str
        What is measured: ``"returns"``, ``"abnormal returns"``, both (A, S) per
        session, ``"bars"``, the realised variances (A, S), or ``"forecasts"`` of a
        model.
    is_range : bool
        Whether it is measured of the session's range in place of ``of``; its values
        are the (A, S, 4) of `log_ranges`.
    unit : str
        Unit of the values before and after an event.
    words : str
        How tables of a report call it; the name in words if empty.
    citation : str
        Where it comes from.
    single : bool
        Whether single observations are tested, and not their means over events alone.

    Examples
    --------
    >>> from eventstudy.volatility import MEASURES
    >>> MEASURES["parkinson"].words, MEASURES["parkinson"].is_range
    ('Parkinson', True)
    """

    name: str
    meaning: str = ""
    spread: Spread | None = None
    of: Literal["returns", "abnormal returns", "bars", "forecasts"] = "returns"
    is_range: bool = False
    unit: str = "standard deviation per session"
    words: str = ""
    citation: str = ""
    single: bool = False


def _measure_of(function: Callable[..., Any]) -> MeasureEntry:
    """Return the root of the window's mean of a function's variances per session."""
    return MeasureEntry(
        name=function.__name__,
        meaning=(getdoc(function) or "").partition("\n")[0].strip(" ."),
        spread=Spread(parts=lambda x: np.asarray(function(x), np.float64)[None]),
    )


MEASURES: Family[MeasureEntry] = registry.MEASURES
MEASURES.wrap = _measure_of


def _centred_parts(x: Array) -> Array:
    """Return the return less its row's mean, and the square of that."""
    valid = np.isfinite(x)
    n = np.maximum(valid.sum(axis=1, keepdims=True), 1)
    known = np.where(valid, x, 0.0)
    e = np.where(valid, known - known.sum(axis=1, keepdims=True) / n, 0.0)
    largest = np.abs(known).max(axis=1, keepdims=True, initial=0.0)
    e[np.abs(e) <= _ROUNDING * largest] = 0.0
    parts: Array = np.where(valid, np.stack([e, e * e]), np.nan)
    return parts


def _finite(x: Array) -> Array:
    return np.where(np.isfinite(x), x, np.nan)


def _sd(n: Array | float, sums: Array) -> Array:
    excess = sums[1] - sums[0] ** 2 / n
    excess = np.where(excess > _ROUNDING * sums[1], excess, 0.0)
    return np.asarray(np.sqrt(excess / (n - 1.0)))


SD = Spread(parts=_centred_parts, value=_sd, centred=True)
_SD = "standard deviation about the window's mean"

MEASURES.register(
    MeasureEntry(name="raw_return", meaning=_SD, spread=SD, single=True),
)
MEASURES.register(
    MeasureEntry(
        name="abnormal_return",
        meaning=_SD,
        spread=SD,
        of="abnormal returns",
        single=True,
    ),
)
MEASURES.register(
    MeasureEntry(
        name="absolute_return",
        meaning="mean absolute value x sqrt(π/2), the sd of a normal return",
        spread=Spread(
            parts=lambda x: np.abs(_finite(x))[None],
            value=lambda n, sums: np.sqrt(np.pi / 2.0) * sums[0] / n,
        ),
        citation="Davidian & Carroll (1987), J. American Statistical Association 82",
    ),
)
MEASURES.register(
    MeasureEntry(
        name="squared_return",
        meaning="root of the mean square",
        spread=Spread(parts=lambda x: _finite(x)[None] ** 2),
        citation="Beaver (1968), J. Accounting Research 6 (suppl.)",
    ),
)


def measures_of(what: str, *, single: bool) -> list[MeasureEntry]:
    """Return the measures of a series that single observations are tested on, or not.

    >>> [entry.name for entry in measures_of("returns", single=False)]
    ['absolute_return', 'squared_return']
    """
    return [
        entry
        for entry in MEASURES.values()
        if entry.of == what and entry.single == single and not entry.is_range
    ]


def spread_in(measure: MeasureEntry) -> Spread:
    """Return how a measure adds up; `SpecError` where a model gives the volatility."""
    if measure.spread is None:
        raise SpecError(
            f"{measure.name!r} is measured by a model, not in windows of a series"
        )
    return measure.spread


def spread_of(spread: Spread, window: Array) -> tuple[Array, IntArray]:
    """Compute a measure and the number of valid sessions of each window.

    Parameters
    ----------
    spread : Spread
        How the measure adds up over sessions.
    window : ndarray
        Values of the sessions, (E, P) or (E, P, 4).

    Returns
    -------
    tuple of ndarray
        Standard deviation per session and number of valid sessions, both (E,).

    Examples
    --------
    >>> spread_of(SD, np.array([[1.0, 2.0, 3.0, np.nan]]))
    (array([1.]), array([3]))
    """
    parts = spread.parts(window)
    valid = complete(parts)
    n = valid.sum(axis=1)
    sums = np.where(valid, parts, 0.0).sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return spread.value(n.astype(np.float64), sums), n


def complete(parts: Array) -> BoolArray:
    """Sessions of which all parts (M, E, S) are known, (E, S)."""
    return np.asarray(np.isfinite(parts).all(axis=0), np.bool_)


def dated(series: Array) -> BoolArray:
    """Dates on which some row of (E, S, ...) has a value, (S,)."""
    others = tuple(axis for axis in range(series.ndim) if axis != 1)
    return np.asarray(np.isfinite(series).any(axis=others), np.bool_)


def needed(length: int) -> int:
    """Return how many valid sessions a window of ``length`` sessions needs."""
    return max(MIN_SESSIONS, int(np.ceil(MIN_SHARE * length)))
