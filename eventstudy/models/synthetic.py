"""The portfolio of donors that moved most like the treated asset."""

from dataclasses import replace
from typing import Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array
from eventstudy.core.donors import Donors, weighted
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import MODELS
from eventstudy.models.counterfactual import (
    MIN_DONORS,
    Treated,
    counterfactual,
    expected,
    finished,
    mean_square,
    solve,
    treated,
)
from eventstudy.models.entry import Context, ModelEntry
from eventstudy.models.simplex import simplex_weights

# A ridge makes the weights unique where donors outnumber sessions: the fitted path is
# so without it. In units of the donors' mean sum of squares.
RIDGE = 1e-8
# Errors of sessions that the weights were fitted to are too small, the more so the more
# donors there are: blocks of so many sessions are left out in turn.
BLOCK = 10


def synthetic(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    donors: Donors | Array | None = None,
    **context: Unpack[Context],
) -> Abnormal:
    """Take the portfolio of donors that moved most like the asset as its normal return.

    Its weights are not negative and sum to one, without an intercept. The residuals are
    those of blocks of ten sessions, each by weights that were fitted to the others, and
    sigma is the root of their mean square, so that the weights' estimation error is in
    it.

    Parameters
    ----------
    y : array (E, T+L)
        Simple returns; nan = no return.
    x : array (T+L, J) or (E, T+L, J)
        Simple returns of the donors, the same for all rows or by row.
    n_estimation : int
        T, the sessions of the estimation window.
    donors : array or Donors, optional
        The donors, in the place of ``x``.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Return less that of the portfolio, whose weights are in ``weights``.

    Raises
    ------
    SpecError
        Without donors, and for shapes that do not fit.

    References
    ----------
    Abadie, Diamond & Hainmueller (2010), J. American Statistical Association 105;
    Goldsmith-Pinkham & Lyu (2025) for returns in the place of levels.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> donors = 0.01 * rng.standard_normal((63, 6))
    >>> y = donors @ [0.5, 0.3, 0.2, 0, 0, 0] + 1e-4 * rng.standard_normal((1, 63))
    >>> synthetic(y, donors, n_estimation=60).weights.round(2) + 0
    array([[0.5, 0.3, 0.2, 0. , 0. , 0. ]])
    """
    given = treated(y, x, donors, n_estimation=n_estimation, **context)
    d, t = given.d, given.t
    ridge = RIDGE * mean_square(given, given.past)
    weights = solve(given, given.simple, given.past, ridge)
    errors = d.y - counterfactual(given, weights)
    errors[:, :t] = d.y[:, :t] - expected_held_out(given, ridge, weights)
    square, n = held_out_square(given, errors)
    free = (weights > 0).sum(axis=1) - 1.0
    return finished(
        given, errors, weights, model="synthetic", square=square, df=n - free
    )


def held_out_square(given: Treated, errors: Array) -> tuple[Array, Array]:
    """Return the mean square of errors (E, T+L) before, per session, and how many."""
    held = errors[:, : given.t] / np.sqrt(given.d.span[:, : given.t])
    there = np.isfinite(held)
    n = there.sum(axis=1)
    total = (np.where(there, held, 0.0) ** 2).sum(axis=1)
    return total / np.maximum(n, 1), n


def expected_held_out(given: Treated, ridge: Array, weights: Array) -> Array:
    """Return the counterfactual of sessions that weights were not fitted to, (E, T).

    Blocks of ten sessions are left out in turn.
    """
    t = given.t
    path = np.full((len(weights), given.d.y.shape[1]), np.nan)
    start = np.nan_to_num(weights)
    start[~(start.sum(axis=1) > 0), 0] = 1.0
    for first in range(0, t, BLOCK):
        block = slice(first, min(first + BLOCK, t))
        rows = given.rows.copy()
        rows[:, block] = False
        less = replace(given, rows=rows)
        own = solve(less, given.simple, given.past, ridge, start=start)
        path[:, block] = weighted(own, given.donors)[:, block]
    return expected(given, path)[:, :t]


def by_donors(abnormal: Abnormal, x: Array) -> Array:
    """Predict the returns of sessions by the donors' returns x (E, S, J)."""
    path: Array = np.einsum("esj,ej->es", x, abnormal.weights)
    if abnormal.coefficients.shape[1]:
        path = path + abnormal.coefficients[:, :1]
    return path


MODELS.register(
    ModelEntry(
        name="synthetic",
        meaning="the portfolio of donors that moved most like the asset",
        formula="E[R] = Σ w_j R_j, w_j ≥ 0, Σ w_j = 1",
        citation="Abadie, Diamond & Hainmueller (2010), J. American Statistical "
        "Association 105; Goldsmith-Pinkham & Lyu (2025)",
        max_factors=0,
        min_donors=MIN_DONORS,
        exchangeable=True,
        fit=synthetic,
        expected=by_donors,
    )
)


def synthetic_weights(y: Array, donors: Array, *, ridge: float | None = None) -> Array:
    """Return the weights of donors that fit a series best.

    They are not negative, sum to one, and minimise ``|y - D w|² + ridge |w|²`` exactly,
    by an active set.

    Parameters
    ----------
    y : array (T,) or (E, T)
        The series, or several.
    donors : array (T, J)
        Those of the donors.
    ridge : float, optional
        By default 1e-8 of the donors' mean sum of squares, which makes the weights
        unique where donors outnumber sessions.

    Returns
    -------
    array (J,) or (E, J)
        The weights.

    Raises
    ------
    SpecError
        For shapes that do not fit, and values that are not finite.

    References
    ----------
    Abadie, Diamond & Hainmueller (2010), J. American Statistical Association 105;
    Lawson & Hanson (1974), Solving Least Squares Problems, chapter 23.

    Examples
    --------
    >>> donors = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    >>> synthetic_weights(np.array([0.7, 0.1, 0.0]), donors).round(6)
    array([0.8, 0.2])
    """
    series, held = np.asarray(y, np.float64), np.asarray(donors, np.float64)
    if held.ndim != 2 or series.shape[-1:] != held.shape[:1] or series.ndim > 2:
        raise SpecError(
            f"y has shape {series.shape} and the donors {held.shape}; wanted (T,) or "
            "(E, T), and (T, J)"
        )
    if not (np.isfinite(series).all() and np.isfinite(held).all()):
        raise SpecError(
            "y or the donors have values that are not finite; leave them out"
        )
    if not held.shape[1]:
        raise SpecError("there are no donors; wanted (T, J) with at least one column")
    rows = np.atleast_2d(series)
    usual = RIDGE * (held**2).sum() / held.shape[1]
    found = simplex_weights(
        rows,
        held[None],
        which=np.zeros(len(rows), np.int64),
        allowed=np.ones((len(rows), held.shape[1]), np.bool_),
        rows=np.ones(rows.shape, np.bool_),
        ridge=np.full(len(rows), usual if ridge is None else float(ridge)),
    )
    return found[0] if series.ndim == 1 else found
