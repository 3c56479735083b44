"""What the models that make a counterfactual from donors have in common."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Status
from eventstudy.core.donors import Donors, by_row, donors_of, weighted
from eventstudy.core.errors import SpecError
from eventstudy.models.simplex import simplex_weights
from eventstudy.models.solver import Fit, ModelInput, assemble, model_input

MIN_DONORS = 5
"""Fewer donors make no counterfactual in a study."""
# Errors smaller than this share of the returns are rounding noise.
_NO_RESIDUAL = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Treated:
    """Returns of E treated observations, and their donors.

    d : the input of any model;  donors : theirs;  t : T
    simple : (E, T) simple returns of the estimation window
    rows : (E, T) sessions with a return over one session, to which weights are fitted
    """

    d: ModelInput
    donors: Donors
    t: int
    simple: Array
    rows: BoolArray

    @property
    def past(self) -> Array:
        """The donors' returns in the estimation window, (G, T, J)."""
        return self.donors.returns[:, : self.t]


def treated(
    y: Array,
    x: Array | None,
    donors: Donors | Array | None,
    *,
    n_estimation: int,
    **context: Any,  # noqa: ANN401 - what every model takes
) -> Treated:
    """Check shapes; the donors are in ``donors``, or in the place of factors."""
    if x is not None and donors is not None:
        raise SpecError("the donors are given twice, as x and as donors; give one")
    d = model_input(y, None, n_estimation=n_estimation, **context)
    held = donors_of(x if donors is None else donors, *d.y.shape)
    t = d.n_estimation
    past = np.expm1(d.y[:, :t]) if held.in_logs else d.y[:, :t]
    rows = d.valid[:, :t] & (d.span[:, :t] == 1)
    return Treated(d=d, donors=held, t=t, simple=past, rows=rows)


def solve(
    given: Treated,
    y: Array,
    past: Array,
    ridge: Array,
    *,
    start: Array | None = None,
    centred: bool = False,
) -> Array:
    """Return the weights (E, J) that fit y (E, T) by the donors' past (G, T, J)."""
    none = np.asarray(~given.donors.allowed.any(axis=1), np.bool_)
    found = simplex_weights(
        y,
        past,
        which=given.donors.row,
        allowed=given.donors.allowed | none[:, None],
        rows=given.rows,
        ridge=ridge,
        start=start,
        centred=centred,
    )
    found[none] = np.nan
    return found


def mean_square(given: Treated, past: Array) -> Array:
    """Mean over the donors of their sums of squares in the estimation window, (E,)."""
    allowed = given.donors.allowed
    total = np.zeros(len(allowed))
    for group, own in by_row(given.donors.row):
        squares = np.where(np.isfinite(past[group]), past[group], 0.0) ** 2
        sums = given.rows[own].astype(np.float64) @ squares
        total[own] = np.where(allowed[own], sums, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(allowed.sum(axis=1), 1), np.float64)


def expected(given: Treated, path: Array) -> Array:
    """Return what y would have been by the counterfactual's simple returns, (E, T+L).

    Over several sessions they are compounded; nan where a session is not at hand.
    """
    span, donors = given.d.span, given.donors
    longest = int(span.max(initial=1))
    if longest == 1:
        return np.log1p(path) if donors.in_logs else path
    logs = np.log1p(path)
    out = logs.copy()
    unbroken = np.ones(path.shape[1], np.bool_)
    for back in range(1, longest):
        before = np.full(path.shape, np.nan)
        unbroken[back:] &= donors.follows[1 : len(unbroken) - back + 1]
        unbroken[:back] = False
        before[:, unbroken] = logs[:, :-back][:, unbroken[back:]]
        out += np.where(span > back, before, 0.0)
    return out if donors.in_logs else np.expm1(out)


def counterfactual(given: Treated, weights: Array) -> Array:
    """Return what y would have been by weights of the donors, (E, T+L)."""
    return expected(given, weighted(weights, given.donors))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """The estimated terms beside the weights: a constant, and others (E, K).

    coefficients : (E, K), the constant's first;  xtx_inv : (E, K, K)
    event : (E, L, K) their rows in the event window, without spans
    past : (E, T, K-1) those in the estimation window, without the constant
    """

    coefficients: Array
    xtx_inv: Array
    event: Array
    past: Array


def finished(
    given: Treated,
    errors: Array,
    weights: Array,
    *,
    model: str,
    square: Array,
    df: Array,
    terms: Terms | None = None,
) -> Abnormal:
    """Make an `Abnormal` of the errors (E, T+L) of weights (E, J).

    square : (E,) variance of an error;  df : (E,) its degrees of freedom
    """
    d, t = given.d, given.t
    valid = d.valid & np.isfinite(errors)
    total = np.where(valid, d.y, 0.0)[:, :t]
    size = np.einsum("et,et->e", total, total)
    with np.errstate(invalid="ignore"):
        few = ~(df >= 1) | ~np.isfinite(weights).all(axis=1)
        constant = ~(square * np.maximum(df, 1) > _NO_RESIDUAL**2 * size)
    status = np.select([few, constant], [Status.TOO_FEW, Status.CONSTANT], Status.OK)
    ok = status == Status.OK
    errors = np.where(valid & ok[:, None], errors, np.nan)
    centred = np.where(valid[:, :t], d.y[:, :t], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        n = valid[:, :t].sum(axis=1, keepdims=True)
        centred = centred - np.nansum(centred, axis=1, keepdims=True) / n
        rss = np.nansum(errors[:, :t] ** 2, axis=1)
        r_squared = np.where(ok, 1.0 - rss / np.nansum(centred**2, axis=1), np.nan)
    n_obs, n_event = len(errors), errors.shape[1] - t
    held = terms or Terms(
        coefficients=np.empty((n_obs, 0)),
        xtx_inv=np.empty((n_obs, 0, 0)),
        event=np.empty((n_obs, n_event, 0)),
        past=np.empty((n_obs, t, 0)),
    )
    fit = Fit(
        coefficients=np.where(ok[:, None], held.coefficients, np.nan),
        xtx_inv=np.where(ok[:, None, None], held.xtx_inv, np.nan),
        sigma=np.where(ok, np.sqrt(np.where(ok, square, 0.0)), np.nan),
        df=np.maximum(np.nan_to_num(df), 0.0),
        r_squared=r_squared,
        status=status.astype(np.int8),
    )
    rows = np.where(valid[:, t:, None], held.event * d.span[:, t:, None], 0.0)
    d = replace(d, valid=valid, complete=False)
    found = assemble(d, errors, rows, fit, model=model, factors=held.past)
    return replace(found, weights=np.where(ok[:, None], weights, np.nan))
