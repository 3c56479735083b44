"""The placebo in space: every donor in the place of the treated asset."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray
from eventstudy.core.donors import Donors, weighted
from eventstudy.core.registry import MODELS
from eventstudy.core.windows import Window, columns_from
from eventstudy.models.counterfactual import treated

# Placebos that are fitted at once.
_CHUNK = 512
# Ratios that differ by less than rounding are the same.
_SAME = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InSpace:
    """Answer of the placebo in space, arrays (E,).

    Parameters
    ----------
    ratio : array (E,)
        Root mean square of the treated asset's gaps in the window over that in the
        estimation window; nan without an estimate.
    pvalue : array (E,)
        Rank of the ratio among those of the treated and the donors, over how many they
        are; never below 1/(n+1).
    n : int array (E,)
        Donors that were put in the treated asset's place.

    Examples
    --------
    >>> y = np.random.default_rng(0).normal(size=(1, 63))
    >>> donors = np.random.default_rng(1).normal(size=(63, 7))
    >>> placebo_in_space(y, donors, n_estimation=60).n
    array([7])
    """

    ratio: Array
    pvalue: Array
    n: IntArray


def placebo_in_space(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    window: Window | None = None,
    donors: Donors | Array | None = None,
    model: Any = "synthetic",  # noqa: ANN401 - a name of `MODELS`, or an entry
    **context: Any,  # noqa: ANN401 - what every model takes
) -> InSpace:
    """Rank the treated asset's gap after the event among those of its donors.

    Every donor is fitted by the other donors, without the treated asset, over the same
    sessions. The statistic is the ratio of root mean square gaps after over before, of
    simple returns, so that an asset that donors fit badly has no small p-value for it.
    A p-value of 5 % needs 19 donors.

    Parameters
    ----------
    y : array (E, T+L)
        Returns of the treated; nan = no return.
    x : array (T+L, J) or (E, T+L, J)
        Simple returns of the donors, the same for all rows or by row.
    n_estimation : int
        T, the sessions of the estimation window.
    window : (int, int), optional
        First and last session after the event, by default the event window.
    donors : array or Donors, optional
        The donors, in the place of ``x``.
    model : str or ModelEntry
        A model with donors.
    **context : Context
        Spans, and the event time of the first event-window column.

    Returns
    -------
    InSpace
        The ratio, its p-value and the number of donors.

    Raises
    ------
    SpecError
        Without donors, for a window outside the event window, and for shapes that do
        not fit.

    References
    ----------
    Abadie, Diamond & Hainmueller (2010), J. American Statistical Association 105,
    section 3.4.

    Examples
    --------
    >>> donors = 0.01 * np.random.default_rng(0).standard_normal((63, 20))
    >>> y = donors[:, :1].T + 0.1 * np.eye(63)[[61]]
    >>> placebo_in_space(y + 1e-3 * donors[:, 1], donors, n_estimation=60).pvalue
    array([0.04761905])
    """
    given = treated(y, x, donors, n_estimation=n_estimation, **context)
    entry = MODELS.entry(model)
    first, n_event = given.d.first_offset, given.d.y.shape[1] - given.t
    window = window or (first, first + n_event - 1)
    held = columns_from(first, n_event, window)
    after = slice(given.t + held.start, given.t + held.stop)
    more = {"window": window} if entry.by_window else {}
    simple = np.expm1(given.d.y) if given.donors.in_logs else given.d.y
    own = _ratios(entry, simple, given.rows, given.donors, after, first, more)
    key = np.column_stack([given.donors.row, given.donors.allowed, given.rows])
    _, place, of = np.unique(key, axis=0, return_index=True, return_inverse=True)
    which, donor = np.nonzero(given.donors.allowed[place])
    at = place[which]
    others = given.donors.allowed[at].copy()
    others[np.arange(len(at)), donor] = False
    placebo = np.full(given.donors.allowed[place].shape, np.nan)
    for begin in range(0, len(at), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        row = given.donors.row[at[part]]
        found = _ratios(
            entry,
            given.donors.returns[row, :, donor[part]],
            given.rows[at[part]],
            replace(given.donors, row=row, allowed=others[part]),
            after,
            first,
            more,
        )
        placebo[which[part], donor[part]] = found
    theirs = placebo[of.ravel()]
    n = np.isfinite(theirs).sum(axis=1)
    with np.errstate(invalid="ignore"):
        above = (theirs >= own[:, None] * (1 - _SAME)).sum(axis=1)
    pvalue = np.where(np.isfinite(own) & (n > 0), (1 + above) / (1 + n), np.nan)
    return InSpace(ratio=own, pvalue=pvalue, n=n)


def _ratios(
    entry: Any,  # noqa: ANN401 - an entry of `MODELS`
    simple: Array,
    rows: BoolArray,
    donors: Donors,
    after: slice,
    first_offset: int,
    more: dict[str, Window],
) -> Array:
    """Return root mean square gaps after over before of simple returns (E, T+L)."""
    t = rows.shape[1]
    y = simple.copy()
    y[:, :t][~rows] = np.nan
    fit: Abnormal = entry(
        y,
        n_estimation=t,
        first_offset=first_offset,
        donors=replace(donors, in_logs=False),
        **more,
    )
    pre, post = (
        gaps(fit, y, donors, t)[:, :t],
        fit.ar[:, after.start - t : after.stop - t],
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return root_mean_square(post) / root_mean_square(pre)


def gaps(fit: Abnormal, simple: Array, donors: Donors, t: int) -> Array:
    """Return the gaps of fitted weights, about their mean where there is a constant.

    fit : of simple returns (E, T+L)
    """
    gap = simple - weighted(fit.weights, donors)
    if fit.coefficients.shape[1]:
        there = np.isfinite(gap[:, :t])
        n = np.maximum(there.sum(axis=1), 1)
        gap = gap - (np.where(there, gap[:, :t], 0.0).sum(axis=1) / n)[:, None]
    return gap


def root_mean_square(values: Array) -> Array:
    """Root mean square of the values that are there, (E,), nan without any."""
    there = np.isfinite(values)
    square = np.where(there, values, 0.0) ** 2
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(square.sum(axis=1) / there.sum(axis=1)), np.float64)
