"""Synthetic difference in differences: weights of donors, and of sessions before.

``τ`` is what the window's mean gap exceeds the weighted gap before the event by; the
sum of the window's abnormal returns is its length times τ.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray
from eventstudy.core.donors import Donors, by_row, chosen, weighted
from eventstudy.core.registry import MODELS
from eventstudy.core.windows import Window, columns_from
from eventstudy.models.counterfactual import (
    MIN_DONORS,
    Terms,
    Treated,
    expected,
    finished,
    solve,
    treated,
)
from eventstudy.models.entry import Context, ModelEntry
from eventstudy.models.least_norm import least_norm
from eventstudy.models.ridged import laid_out, ridged_weights, takes
from eventstudy.models.simplex import simplex_weights
from eventstudy.models.synthetic import BLOCK, by_donors, held_out_square

# The ridge of the weights of sessions, in units of the donors' first differences.
_RIDGE_OF_SESSIONS = 1e-6
# An error below this share of the donors' differences is none.
_EXACT = 1e-8
# Sets of donors that are held at once, each with a copy of its returns.
_CHUNK = 256


def synthetic_did(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    donors: Donors | Array | None = None,
    window: Window | None = None,
    **context: Unpack[Context],
) -> Abnormal:
    """Take weighted donors as the normal return, less their weighted gap before.

    ω, the weights of donors, fit the asset's path up to a constant, with a ridge; λ,
    those of sessions before, fit the donors' mean over the window. A CAR of the window
    is ``L τ``, ``τ = (1, -ω)' Y (1/L, -λ)``, of simple returns. Its variance
    ``σ² (L + L² |λ|²)`` is that of the window's gaps and of the weighted gap before,
    with σ from blocks of ten sessions that ω was not fitted to.

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
    window : (int, int), optional
        First and last session after the event, by default the event window. The CAR of
        another window is not made for it.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Gaps less the weighted gap before, which is the constant of ``coefficients``;
        the donors' weights are in ``weights``.

    Raises
    ------
    SpecError
        Without donors, for a window outside the event window, and for shapes that do
        not fit.

    References
    ----------
    Arkhangelsky, Athey, Hirshberg, Imbens & Wager (2021), American Economic Review
    111, algorithm 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> donors = 0.01 * rng.standard_normal((63, 6))
    >>> y = 0.05 + donors @ np.full(6, 1 / 6) + np.eye(63)[61]
    >>> y = y + 1e-4 * rng.standard_normal((1, 63))
    >>> synthetic_did(y, donors, n_estimation=60).ar.round(2) + 0
    array([[0., 1., 0.]])
    """
    given = treated(y, x, donors, n_estimation=n_estimation, **context)
    d, t = given.d, given.t
    n_event = d.y.shape[1] - t
    held = columns_from(
        d.first_offset,
        n_event,
        window or (d.first_offset, d.first_offset + n_event - 1),
    )
    after = slice(t + held.start, t + held.stop)
    noise = _differences(given)
    n = given.rows.sum(axis=1)
    ridge = np.sqrt(after.stop - after.start) * noise**2 * n
    weights, left_out = _donor_weights(given, ridge)
    before = _session_weights(given, after, noise)
    path = weighted(weights, given.donors)
    gap = given.simple - path[:, :t]
    level = np.einsum("et,et->e", before, np.where(given.rows, gap, 0.0))
    errors = d.y - expected(given, path + level[:, None])
    errors[:, :t] = d.y[:, :t] - expected(given, left_out)[:, :t]
    square, n = held_out_square(given, errors)
    return finished(
        given,
        errors,
        weights,
        model="synthetic_did",
        square=square,
        df=n - 1.0,
        terms=_baseline(level, before, n_event),
    )


def _baseline(level: Array, before: Array, n_event: int) -> Terms:
    """Return the weighted gap before as a constant, with its weights as regressors.

    A window of L sessions loads ``-L λ_t`` on session t: with the covariance
    ``|λ|² 11'`` and rows (1, 0) in the window that is ``-L |λ|² (1 + z_t)`` for
    ``z_t = λ_t / |λ|² - 1``. The second coefficient is none.
    """
    size = np.einsum("et,et->e", before, before)
    with np.errstate(divide="ignore", invalid="ignore"):
        past = before / size[:, None] - 1.0
    event = np.zeros((len(level), n_event, 2))
    event[:, :, 0] = 1.0
    return Terms(
        coefficients=np.column_stack([level, np.zeros(len(level))]),
        xtx_inv=size[:, None, None] * np.ones((1, 2, 2)),
        event=event,
        past=past[:, :, None],
    )


def _differences(given: Treated) -> Array:
    """Standard deviation of the donors' first differences before the event, (E,)."""
    pairs = given.rows[:, 1:] & given.rows[:, :-1]
    pairs &= given.donors.follows[1 : given.t]
    total, square, count = (np.zeros(len(pairs)) for _ in range(3))
    for group, own in by_row(given.donors.row):
        step = np.diff(given.past[group], axis=0)
        step = np.where(np.isfinite(step), step, 0.0)
        used, mask = pairs[own].astype(np.float64), given.donors.allowed[own]
        total[own] = np.where(mask, used @ step, 0.0).sum(axis=1)
        square[own] = np.where(mask, used @ step**2, 0.0).sum(axis=1)
        count[own] = used.sum(axis=1) * mask.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (square - total**2 / count) / (count - 1)
    out: Array = np.sqrt(np.nan_to_num(np.maximum(variance, 0.0)))
    return out


def _session_weights(given: Treated, after: slice, noise: Array) -> Array:
    """Return the weights of sessions before that fit the donors' mean after, (E, T).

    They are the same for observations of the same donors and sessions. Where several
    fit without an error, the tiny ridge is below rounding, and its limit is taken.
    """
    donors = given.donors
    key = np.column_stack([donors.row, donors.allowed, given.rows])
    _, first, of = np.unique(key, axis=0, return_index=True, return_inverse=True)
    row, allowed, rows = donors.row[first], donors.allowed[first], given.rows[first]
    able = np.asarray(rows.any(axis=1) & allowed.any(axis=1), np.bool_)
    mean = donors.returns[:, after].mean(axis=1)[row]
    mean = np.where(allowed & np.isfinite(mean), mean, 0.0)
    past = given.past.transpose(0, 2, 1)
    found = simplex_weights(
        mean,
        past,
        which=row,
        allowed=rows | ~able[:, None],
        rows=allowed,
        ridge=(_RIDGE_OF_SESSIONS * noise[first]) ** 2 * allowed.sum(axis=1),
        centred=True,
    )
    for at in range(0, len(first), _CHUNK):
        own = slice(at, at + _CHUNK)
        columns = _centred(past[row[own]], allowed[own])
        goal = _centred(mean[own, :, None], allowed[own])
        gap = np.einsum("bjt,bt->bj", columns, found[own]) - goal[:, :, 0]
        close = np.abs(gap).max(axis=1) <= _EXACT * noise[first][own]
        exact = np.flatnonzero(close & able[own])
        if len(exact):
            found[at + exact] = least_norm(
                goal[exact, :, 0], columns[exact], rows[own][exact], found[at + exact]
            )
    found[~able] = np.nan
    return np.asarray(found[of.ravel()], np.float64)


def _centred(values: Array, allowed: BoolArray) -> Array:
    """Take the mean over the donors allowed off values (B, J, T); 0 for the others."""
    mask = allowed[:, :, None]
    values = np.where(mask & np.isfinite(values), values, 0.0)
    mean = values.sum(axis=1, keepdims=True) / np.maximum(
        mask.sum(axis=1, keepdims=True), 1
    )
    return np.where(mask, values - mean, 0.0)


def _donor_weights(given: Treated, ridge: Array) -> tuple[Array, Array]:
    """Return ω (E, J), and the path of sessions that it was not fitted to (E, T+L).

    Blocks of ten sessions are left out in turn, with the constant of the others.
    """
    weights = np.full(given.donors.allowed.shape, np.nan)
    path = np.full(given.d.y.shape, np.nan)
    able = given.donors.allowed.any(axis=1) & given.rows.any(axis=1)
    able &= takes(given.past, given.donors.row, ridge)
    others = np.flatnonzero(~able)
    if len(others):
        weights[others], path[others] = _one_by_one(_some(given, others), ridge[others])
    order = np.flatnonzero(able)
    order = order[np.argsort(given.donors.row[order], kind="stable")]
    for first in range(0, len(order), _CHUNK):
        own = order[first : first + _CHUNK]
        weights[own], path[own] = _together(_some(given, own), ridge[own])
    return weights, path


def _some(given: Treated, at: IntArray) -> Treated:
    """Return some observations; of the input only the shape is left."""
    return replace(
        given,
        donors=chosen(given.donors, at),
        simple=given.simple[at],
        rows=given.rows[at],
    )


def _together(given: Treated, ridge: Array) -> tuple[Array, Array]:
    """Solve by the sessions' dual; each block begins with the donors of them all."""
    groups, which = np.unique(given.donors.row, return_inverse=True)
    wide = laid_out(given.past[groups])
    held: dict[str, Any] = {"which": which, "allowed": given.donors.allowed}
    weights, begin, arrived = ridged_weights(
        given.simple, wide, rows=given.rows, ridge=ridge, **held
    )
    path = np.full((len(weights), given.donors.returns.shape[1]), np.nan)
    for block, rows, share in _blocks(given):
        own, _, there = ridged_weights(
            given.simple,
            wide,
            rows=rows,
            ridge=share * ridge,
            start=begin,
            **held,
        )
        arrived &= there
        path[:, block] = _constant_and_path(given, rows, own)[:, block]
    if not arrived.all():
        at = np.flatnonzero(~arrived)
        weights[at], path[at] = _one_by_one(_some(given, at), ridge[at])
    return weights, path


def _one_by_one(given: Treated, ridge: Array) -> tuple[Array, Array]:
    """Solve by letting donors in one by one."""
    weights = solve(given, given.simple, given.past, ridge, centred=True)
    start = np.nan_to_num(weights)
    start[~(start.sum(axis=1) > 0), 0] = 1.0
    path = np.full((len(weights), given.donors.returns.shape[1]), np.nan)
    for block, rows, share in _blocks(given):
        own = solve(
            replace(given, rows=rows),
            given.simple,
            given.past,
            share * ridge,
            start=start,
            centred=True,
        )
        path[:, block] = _constant_and_path(given, rows, own)[:, block]
    return weights, path


def _blocks(given: Treated) -> Iterator[tuple[slice, BoolArray, Array]]:
    """Yield blocks of ten sessions, the rows without one, and their share (E,)."""
    n = np.maximum(given.rows.sum(axis=1), 1)
    for first in range(0, given.t, BLOCK):
        block = slice(first, min(first + BLOCK, given.t))
        rows = given.rows.copy()
        rows[:, block] = False
        yield block, rows, rows.sum(axis=1) / n


def _constant_and_path(given: Treated, rows: BoolArray, weights: Array) -> Array:
    """Return weighted donors with the constant of the rows, (E, T+L)."""
    fitted = weighted(weights, given.donors)
    gap = np.where(rows, given.simple - fitted[:, : given.t], 0.0).sum(axis=1)
    level = gap / np.maximum(rows.sum(axis=1), 1)
    return np.asarray(fitted + level[:, None], np.float64)


MODELS.register(
    ModelEntry(
        name="synthetic_did",
        meaning="weighted donors, less their weighted gap before the event",
        formula="E[R] = Σ ω_j R_j + Σ_s λ_s (R_s - Σ ω_j R_js)",
        citation="Arkhangelsky, Athey, Hirshberg, Imbens & Wager (2021), American "
        "Economic Review 111",
        max_factors=0,
        min_donors=MIN_DONORS,
        terms=("constant",),
        by_window=True,
        fit=synthetic_did,
        expected=by_donors,
    )
)
