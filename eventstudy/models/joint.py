"""One regression per asset over its whole sample, with an indicator per event window.

Where the windows of several events overlap, separate CARs count the shared sessions
once for each event. Here ``R_as = α_a + x_s β_a + Σ_m δ_am D_ms + e_as``: D is 1 inside
window m, and δ the abnormal return per session that this event adds to the others
(Karafiath 1988, Financial Review 23; Binder 1998, Review of Quantitative Finance and
Accounting 11). The equations of the assets are a system of seemingly unrelated
regressions. With the same sessions and regressors in each, least squares equation by
equation is its generalised least squares, and hypotheses across assets have exact F
tests (Schipper & Thompson 1983, 1985, J. Accounting Research 21 and 23; Binder 1985,
J. Accounting Research 23).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError, unknown_name

# Singular values below this share of the greatest count as zero, as in the solver.
_LEAST_SINGULAR = 2e-8
# An effect with more than this share outside the row space is not identified.
_OUTSIDE = 1e-6
_NO_RESIDUAL = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """Effects of N events on A assets, each net of the other events.

    effects : (A, N) CARs, the coefficient times the sessions in the window
    se, statistic, pvalue : (A, N) exact standard error, Student t, two-sided unless
        asked otherwise; nan with a ``reason`` where there is none
    sigma, df, n : (A,) residual sd per session, its degrees of freedom, returns
    residuals : (A, S) divided by sqrt(span), 0 where there is no return
    valid : (A, S) sessions with a return
    weights : (A or 1, N, S) so that ``effects = Σ_s weights x return / sqrt(span)``;
        one row when all assets share sessions and regressors
    reason : A tuples of N texts, None where there is an effect
    """

    effects: Array
    se: Array
    statistic: Array
    pvalue: Array
    sigma: Array
    df: Array
    n: IntArray
    residuals: Array
    valid: BoolArray
    weights: Array
    reason: tuple[tuple[str | None, ...], ...]

    @property
    def exact(self) -> bool:
        """Whether all assets share sessions and regressors, so that F is exact."""
        return len(self.weights) == 1


def window_indicators(n_sessions: int, start: IntArray, end: IntArray) -> Array:
    """Return (S, M) indicators, 1 in the sessions ``start <= s <= end`` of window m.

    >>> window_indicators(4, np.array([0, 1]), np.array([1, 3])).T
    array([[1., 1., 0., 0.],
           [0., 1., 1., 1.]])
    """
    session = np.arange(n_sessions)[:, None]
    inside = (session >= np.asarray(start)) & (session <= np.asarray(end))
    return inside.astype(np.float64)


def joint(
    y: Array,
    x: Array | None,
    indicators: Array,
    *,
    span: Array | None = None,
    event: IntArray | None = None,
    alternative: str = "two-sided",
) -> Joint:
    """Estimate the effects of all events together, asset by asset.

    y : (A, S) returns on S consecutive sessions, nan = none
    x : (S, F) factors of all assets, or (A, S, F), without a constant
    indicators : (S, M) 1 inside a window, 0 outside; windows may overlap
    span : (A, S) whole sessions that a return spans, default 1; it then has that many
        times the variance, the constant, and the indicators of all sessions spanned
    event : (M,) event of each column, numbered 0 to N-1, default each its own. With
        a column per session and event, the sessions leave the estimation of β, as in
        the forecast approach, and the effect is their sum
    alternative : "two-sided", "less" or "greater"

    Windows that no session tells apart, and windows without a return, have no effect
    but a reason; the other effects stand. Assets with unequal sessions are estimated
    each on its own by (weighted) least squares, not by generalised least squares.

    Raises `SpecError` for shapes that do not fit.
    Karafiath (1988), Financial Review 23; Binder (1985), J. Accounting Research 23.

    A first event adds 4 in two sessions, a second 5 in the second of them and the next;
    the separate sums, 13 and 14, count the shared session twice:

    >>> y = np.array([[1, -1, 1, -1, 0, 4, 9, 5, 1, -1, 1, -1.0]])
    >>> windows = window_indicators(12, np.array([5, 6]), np.array([6, 7]))
    >>> joint(y, None, windows).effects.round(6)
    array([[ 8., 10.]])
    """
    sample = _sample(y, x, indicators, span, event)
    parts = _decompose(_rows(sample), sample.contrasts)
    weighted = np.where(sample.valid, sample.y / np.sqrt(sample.span), 0.0)
    residuals = weighted - _per_asset(
        parts.basis, _per_asset(np.swapaxes(parts.basis, 1, 2), weighted)
    )
    n = sample.valid.sum(axis=1)
    df = np.maximum(n - parts.rank, 0).astype(np.float64)
    rss, squares = (np.einsum("as,as->a", v, v) for v in (residuals, weighted))
    flat = rss <= _NO_RESIDUAL**2 * squares
    reason = _reasons(df <= 0, flat, parts)
    there = np.array([[text is None for text in row] for row in reason], np.bool_)
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.where((df > 0) & ~flat, np.sqrt(rss / df), np.nan)
        length = np.sqrt(np.einsum("dns,dns->dn", parts.weights, parts.weights))
        effects = np.where(there, _per_asset(parts.weights, weighted), np.nan)
        se = np.where(there, sigma[:, None] * length, np.nan)
        statistic = effects / se
    return Joint(
        effects=effects,
        se=se,
        statistic=statistic,
        pvalue=_student(statistic, df[:, None], alternative),
        sigma=sigma,
        df=df,
        n=n,
        residuals=residuals,
        valid=sample.valid,
        weights=parts.weights,
        reason=reason,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """Validated input; contrasts (N, K) make effects of coefficients."""

    y: Array
    x: Array
    span: Array
    valid: BoolArray
    indicators: Array
    contrasts: Array


def _sample(
    y: Array,
    x: Array | None,
    indicators: Array,
    span: Array | None,
    event: IntArray | None,
) -> _Sample:
    y = np.atleast_2d(np.asarray(y, np.float64))
    indicators = np.asarray(indicators, np.float64)
    n_sessions = y.shape[1]
    x = np.empty((n_sessions, 0)) if x is None else np.asarray(x, np.float64)
    shared = x.ndim == 2
    x = x[None] if shared else x
    span = np.ones_like(y) if span is None else np.asarray(span, np.float64)
    n_columns = indicators.shape[1] if indicators.ndim == 2 else 0
    event = np.arange(n_columns) if event is None else np.asarray(event, np.int64)
    leading = (1, n_sessions) if shared else y.shape
    for name, found, wanted in (
        ("x", x.shape[:2] + x.shape[3:], leading),
        ("indicators", indicators.shape, (n_sessions, n_columns)),
        ("span", span.shape, y.shape),
        ("event", event.shape, (n_columns,)),
    ):
        if found != wanted:
            raise SpecError(
                f"{name} has shape {found}; wanted {wanted} for y {y.shape}"
            )
    if n_columns == 0 or not np.isin(indicators, (0.0, 1.0)).all():
        raise SpecError("indicators holds 1 inside each window and 0 outside, (S, M)")
    if not np.array_equal(np.unique(event), np.arange(event.max() + 1)):
        raise SpecError(
            "event numbers the events of the columns 0 to N-1, without gaps"
        )
    valid = np.isfinite(y) & np.isfinite(x).all(axis=2) & (span > 0)
    n_other = 1 + x.shape[2]
    contrasts = np.zeros((int(event.max()) + 1, n_other + n_columns))
    contrasts[event, n_other + np.arange(n_columns)] = indicators.sum(axis=0)
    return _Sample(
        y=y,
        x=x,
        span=np.where(valid, span, 1.0),
        valid=valid,
        indicators=indicators,
        contrasts=contrasts,
    )


def _rows(sample: _Sample) -> Array:
    """Return the weighted regressors (A, S, K), or (1, S, K) when they are shared."""
    x, span, valid = sample.x, sample.span, sample.valid
    same = (valid == valid[:1]).all() and (span == span[:1]).all()
    if same and bool(((x == x[:1]) | ~valid[:1, :, None]).all()):
        x, span, valid = x[:1], span[:1], valid[:1]
    n_sessions = span.shape[1]
    # A return that spans k sessions holds the effect of each of them.
    cumulated = np.vstack([np.zeros_like(sample.indicators[:1]), sample.indicators])
    cumulated = np.cumsum(cumulated, axis=0)
    now = np.arange(1, n_sessions + 1)
    before = np.maximum(now - np.rint(span).astype(np.int64), 0)
    counts = cumulated[now] - cumulated[before]
    x = np.broadcast_to(x, (*span.shape, x.shape[2]))
    rows = np.concatenate([span[:, :, None], x, counts], axis=2)
    return np.where(valid[:, :, None], rows / np.sqrt(span)[:, :, None], 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Orthonormal basis (D, S, K) of the regressors, its rank (D,), effect weights.

    known, touched : (D, N) the effect is identified; its window has a return
    """

    basis: Array
    rank: IntArray
    weights: Array
    known: BoolArray
    touched: BoolArray


def _decompose(rows: Array, contrasts: Array) -> _Parts:
    n_sessions, n_columns = rows.shape[1:]
    size = np.sqrt(np.einsum("dsk,dsk->dk", rows, rows))
    scale = np.where(size > 0, size, 1.0)
    scaled = rows / scale[:, None, :]
    # As many rows as columns, so that the null space is in the decomposition.
    missing = max(n_columns - n_sessions, 0)
    u, s, vt = np.linalg.svd(
        np.pad(scaled, ((0, 0), (0, missing), (0, 0))), full_matrices=False
    )
    kept = s > _LEAST_SINGULAR * s[:, :1]
    basis = np.where(kept[:, None, :], u[:, :n_sessions], 0.0)
    place = np.einsum("dnk,djk->dnj", contrasts / scale[:, None, :], vt)
    outside = np.where(kept[:, None, :], 0.0, place)
    lost = np.linalg.norm(outside, axis=2)
    inverse = np.where(kept, 1.0 / np.where(kept, s, 1.0), 0.0)
    return _Parts(
        basis=basis,
        rank=kept.sum(axis=1),
        weights=(place * inverse[:, None, :]) @ np.swapaxes(basis, 1, 2),
        known=lost <= _OUTSIDE * np.linalg.norm(place, axis=2),
        touched=(np.abs(contrasts) @ size[:, :, None])[:, :, 0] > 0,
    )


def _per_asset(matrix: Array, values: Array) -> Array:
    """Multiply each row of values (A, .) by its matrix, or all by the only one."""
    if len(matrix) == 1:
        return np.asarray(values @ matrix[0].T, np.float64)
    return np.asarray((matrix @ values[:, :, None])[:, :, 0], np.float64)


def _reasons(
    few: BoolArray, flat: BoolArray, parts: _Parts
) -> tuple[tuple[str | None, ...], ...]:
    shape = len(few), parts.known.shape[1]
    code = np.select(
        [
            np.broadcast_to(few[:, None], shape),
            np.broadcast_to(~parts.touched, shape),
            np.broadcast_to(~parts.known, shape),
            np.broadcast_to(flat[:, None], shape),
        ],
        [1, 2, 3, 4],
        0,
    )
    return tuple(tuple(_REASONS[c] for c in row) for row in code.tolist())


_REASONS = (
    None,
    "no more returns than the joint regression has parameters",
    "no return in the window",
    "the window cannot be told apart from those of other events",
    "the regression leaves no residual variance (a constant price?)",
)


def _student(t: Array, df: Array, alternative: str) -> Array:
    df = np.broadcast_to(df, t.shape)
    match alternative:
        case "two-sided":
            p = 2.0 * special.stdtr(df, -np.abs(t))
        case "less":
            p = special.stdtr(df, t)
        case "greater":
            p = special.stdtr(df, -t)
        case _:
            raise unknown_name(
                "alternative", alternative, ("two-sided", "less", "greater")
            )
    return np.asarray(p, np.float64)
