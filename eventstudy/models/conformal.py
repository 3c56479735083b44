"""The conformal test of a synthetic counterfactual, and its set of daily effects."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.cyclic import cyclic_sums
from eventstudy.core.donors import Donors, chosen
from eventstudy.core.windows import Window, columns_from
from eventstudy.models.counterfactual import Treated, mean_square, treated
from eventstudy.models.simplex import simplex_weights
from eventstudy.models.synthetic import RIDGE

# Steps that double the distance from the estimate, and that halve it then.
_OUTWARDS, _HALVINGS = 16, 20
# Where the set is looked for when the estimate is not in it, in standard errors.
_AROUND = tuple(s * k / 4 for k in range(1, 17) for s in (-1, 1))
_SAME = 1e-10
EMPTY = "no constant daily effect is left: the set is empty"
UNBOUNDED = "the set has no end: so few sessions reject no effect at this level"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conformal:
    """Answer of the conformal test, arrays (E,).

    Parameters
    ----------
    effect : array (E,)
        Mean daily gap in the window, of weights fitted before.
    pvalue : array (E,)
        Of no effect; nan without an estimate.
    low, high : array (E,)
        Ends of the set of constant daily effects that are not rejected.
    reason : tuple of (str or None)
        Why there is no such set, E texts.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> donors = 0.01 * rng.standard_normal((63, 6))
    >>> y = donors.mean(axis=1) + 0.002 * rng.standard_normal(63)
    >>> y[60:] += 0.05
    >>> conformal(y[None], donors, n_estimation=60).reason
    (None,)
    """

    effect: Array
    pvalue: Array
    low: Array
    high: Array
    reason: tuple[str | None, ...]


def conformal(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    window: Window | None = None,
    donors: Donors | Array | None = None,
    level: float | None = 0.95,
    **context: Any,  # noqa: ANN401 - what every model takes
) -> Conformal:
    """Test the synthetic counterfactual by moving its gaps around in time.

    Under an effect the returns less it have a counterfactual in all sessions alike, so
    the weights are fitted to the estimation window and the window together. The
    statistic ``Σ|u| / √L`` over the window is compared with that over every other L
    sessions in a row, the last being followed by the first; the p-value counts the
    window itself. Exact for exchangeable gaps, near it for weakly dependent ones.

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
    level : float or None
        Confidence of the set of constant daily effects, which are simple returns. Its
        ends are found by bisection outwards from the estimate. None: no set.
    **context : Context
        Spans, and the event time of the first event-window column.

    Returns
    -------
    Conformal
        The p-value of no effect, and the set of effects that are not rejected.

    Raises
    ------
    SpecError
        Without donors, for a window outside the event window, and for shapes that do
        not fit.

    References
    ----------
    Chernozhukov, Wüthrich & Zhu (2021), J. American Statistical Association 116.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> donors = 0.01 * rng.standard_normal((63, 6))
    >>> y = donors.mean(axis=1) + 0.002 * rng.standard_normal(63)
    >>> y[60:] += 0.05
    >>> found = conformal(y[None], donors, n_estimation=60)
    >>> found.pvalue.round(3)
    array([0.016])
    """
    given = treated(y, x, donors, n_estimation=n_estimation, **context)
    problem = _laid_out(given, window)
    zero = np.zeros(len(given.rows))
    reason: tuple[str | None, ...]
    pvalue, _ = _pvalue(problem, zero, None)
    effect, error = _effect(problem)
    if level is None:
        none = np.full(len(zero), np.nan)
        low, high, reason = none, none, (None,) * len(zero)
    else:
        low, high, reason = _set(problem, effect, error, 1.0 - level)
    return Conformal(effect=effect, pvalue=pvalue, low=low, high=high, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """Sessions of the estimation window and of the window: (E, S) of the columns.

    y : simple returns;  rows : sessions with a return;  after : those of the window
    """

    y: Array
    rows: BoolArray
    after: BoolArray
    donors: Donors
    ridge: Array


def _laid_out(given: Treated, window: Window | None) -> _Problem:
    d, t = given.d, given.t
    n_event = d.y.shape[1] - t
    window = window or (d.first_offset, d.first_offset + n_event - 1)
    held = columns_from(d.first_offset, n_event, window)
    used = np.r_[:t, t + held.start : t + held.stop]
    simple = (np.expm1(d.y) if given.donors.in_logs else d.y)[:, used]
    rows = np.concatenate(
        [given.rows, np.zeros((len(d.y), len(used) - t), bool)], axis=1
    )
    rows[:, t:] = d.valid[:, used[t:]] & (d.span[:, used[t:]] == 1)
    returns = given.donors.returns[:, used]
    donors = replace(given.donors, returns=returns)
    after = np.broadcast_to(np.arange(len(used)) >= t, rows.shape) & rows
    whole = replace(given, donors=donors, rows=rows)
    return _Problem(
        y=np.where(rows, simple, 0.0),
        rows=rows,
        after=after,
        donors=donors,
        ridge=RIDGE * mean_square(whole, returns),
    )


def _some(problem: _Problem, at: IntArray) -> _Problem:
    return _Problem(
        y=problem.y[at],
        rows=problem.rows[at],
        after=problem.after[at],
        donors=chosen(problem.donors, at),
        ridge=problem.ridge[at],
    )


def _with_donors(problem: _Problem) -> BoolArray:
    return np.asarray(problem.donors.allowed.any(axis=1), np.bool_)


def _fit(
    problem: _Problem, effect: Array, rows: BoolArray, start: Array | None
) -> Array:
    """Return the weights (E, J) of returns less a daily effect in the window."""
    donors = problem.donors
    return simplex_weights(
        problem.y - effect[:, None] * problem.after,
        donors.returns,
        which=donors.row,
        allowed=donors.allowed | ~_with_donors(problem)[:, None],
        rows=rows,
        ridge=problem.ridge,
        start=start,
    )


def _gap(problem: _Problem, effect: Array, weights: Array) -> Array:
    path = np.einsum(
        "ej,etj->et", weights, np.nan_to_num(problem.donors.returns)[problem.donors.row]
    )
    gap = problem.y - effect[:, None] * problem.after - path
    return np.where(problem.rows, gap, 0.0)


def _effect(problem: _Problem) -> tuple[Array, Array]:
    """Return the mean gap in the window of weights fitted before, and its error."""
    before = problem.rows & ~problem.after
    zero = np.zeros(len(before))
    gap = _gap(problem, zero, _fit(problem, zero, before, None))
    n, length = before.sum(axis=1), problem.after.sum(axis=1)
    able = _with_donors(problem) & (n > 1) & (length > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(problem.after, gap, 0.0).sum(axis=1) / length
        square = np.where(before, gap**2, 0.0).sum(axis=1) / n
        error = np.sqrt(square / length)
    return np.where(able, mean, np.nan), np.where(able, error, np.nan)


def _pvalue(
    problem: _Problem, effect: Array, start: Array | None
) -> tuple[Array, Array]:
    """Return the p-value of a daily effect, (E,), and the weights under it."""
    weights = _fit(problem, effect, problem.rows, start)
    size = np.abs(_gap(problem, effect, weights))
    n = problem.rows.sum(axis=1)[:, None]
    length = problem.after.sum(axis=1)[:, None]
    sums = cyclic_sums(size, problem.rows, length[:, 0])
    actual = np.take_along_axis(sums, np.maximum(n - length, 0), axis=1)
    reached = sums >= actual * (1 - _SAME)
    able = _with_donors(problem) & (length[:, 0] > 0)
    share = reached.sum(axis=1) / np.maximum(n[:, 0], 1)
    return np.where(able & (n[:, 0] > length[:, 0]), share, np.nan), weights


def _set(
    problem: _Problem, effect: Array, error: Array, alpha: float
) -> tuple[Array, Array, tuple[str | None, ...]]:
    """Return the ends of the set of daily effects with a p-value above alpha."""
    n_obs = len(effect)
    low, high = np.full(n_obs, np.nan), np.full(n_obs, np.nan)
    reason: list[str | None] = [None] * n_obs
    at = np.flatnonzero(np.isfinite(effect) & (error > 0))
    inside = _inside(problem, effect, error, alpha, at)
    for row in at[np.isnan(inside[at])].tolist():
        reason[row] = EMPTY
    at = at[np.isfinite(inside[at])]
    for side, ends in ((-1.0, low), (1.0, high)):
        found = _end(_some(problem, at), inside[at], side * error[at], alpha)
        ends[at] = found
        for row in at[np.isnan(found)].tolist():
            reason[row] = UNBOUNDED
    lost = np.isnan(low) | np.isnan(high)
    low[lost] = high[lost] = np.nan
    return low, high, tuple(reason)


def _inside(
    problem: _Problem, effect: Array, error: Array, alpha: float, at: IntArray
) -> Array:
    """Return an effect that is not rejected, near the estimate; nan: there is none."""
    out = np.full(len(effect), np.nan)
    for away in (0.0, *_AROUND):
        if not len(at):
            break
        tried = effect[at] + away * error[at]
        pvalue, _ = _pvalue(_some(problem, at), tried, None)
        kept = pvalue > alpha
        out[at[kept]] = tried[kept]
        at = at[~kept]
    return out


def _end(problem: _Problem, inside: Array, step: Array, alpha: float) -> Array:
    """Return where effects begin to be rejected on one side, by bisection, (E,)."""
    inner, outer = inside.copy(), np.full(len(inside), np.nan)
    step, left = step.copy(), np.arange(len(inside))
    for _ in range(_OUTWARDS):
        if not len(left):
            break
        tried = inner[left] + step[left]
        pvalue, _ = _pvalue(_some(problem, left), tried, None)
        over = pvalue <= alpha
        outer[left[over]] = tried[over]
        left = left[~over]
        inner[left] = tried[~over]
        step[left] *= 2
    at, weights = np.flatnonzero(np.isfinite(outer)), None
    part = _some(problem, at)
    for _ in range(_HALVINGS if len(at) else 0):
        middle = (inner[at] + outer[at]) / 2
        pvalue, weights = _pvalue(part, middle, weights)
        over = pvalue <= alpha
        outer[at[over]] = middle[over]
        inner[at[~over]] = middle[~over]
    return np.where(np.isfinite(outer), inner, np.nan)
