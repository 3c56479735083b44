"""Weighted least squares with sandwich variances that say when they do not exist."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, BoolArray, IntArray

UNCLUSTERED = ("HC3", "HC2", "HC1", "HC0", "classical")
CLUSTERED = ("CR2", "CR1")

_LEAST_SINGULAR = 1e-9
# A cluster with less leverage cannot be all that identifies a coefficient.
_WHOLE = 1.0 - 1e-8
_PART = 1e-6
_NO_VARIANCE = 1e-20


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """K coefficients; nan where there is no number, with the reason.

    estimate, se, statistic, pvalue, low, high : (K,);  df : (K,) of Student's t
    reason : K texts;  r_squared : about the mean with a constant, else about zero
    """

    estimate: Array
    se: Array
    statistic: Array
    pvalue: Array
    low: Array
    high: Array
    df: Array
    reason: tuple[str | None, ...]
    r_squared: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solved:
    """Least squares in orthonormal coordinates: ``x = u c``, ``beta = turn c``."""

    u: Array
    turn: Array
    beta: Array
    residual: Array


def least_squares(
    y: Array,
    x: Array,
    *,
    terms: Sequence[str],
    labels: Sequence[IntArray] = (),
    weight: Array | None = None,
    robust: str,
    level: float = 0.95,
) -> Estimates:
    """Regress y (N,) on x (N, K), whose columns are called ``terms``.

    labels : clusters (N,), none, one or two kinds;  weight : (N,) of the squares
    robust : one of `CLUSTERED` with clusters, of `UNCLUSTERED` without

    HC0 to HC3 and the classical variance are judged by t(N-K). CR1 corrects the
    clustered variance by ``G/(G-1) (N-1)/(N-K)`` and is judged by t(G-1); CR2 scales
    each cluster's residuals by ``(I - H_gg)^-½`` and has Satterthwaite degrees of
    freedom, so that few or unequal clusters do not feign precision. Two-way variances
    are ``V_1 + V_2 - V_both``, judged by t(G-1) with the smaller G. A coefficient that
    one cluster (or observation) alone identifies has residuals of zero there and
    therefore no variance.
    MacKinnon & White (1985), J. Econometrics 29; Bell & McCaffrey (2002), Survey
    Methodology 28; Cameron, Gelbach & Miller (2011), J. Business and Economic
    Statistics 29.

    >>> y, x = np.array([1.0, 2.0, 4.0, 5.0]), np.ones((4, 1))
    >>> fit = least_squares(y, x, terms=["mean"], robust="classical")
    >>> fit.estimate.round(3), fit.se.round(3)
    (array([3.]), array([0.913]))
    """
    n, k = x.shape
    n_groups = [len(np.unique(label)) for label in labels]
    if n_groups and min(n_groups) < 2:
        return _none(k, "all observations are in one cluster, which has no variance")
    if n <= k:
        return no_freedom(n, k)
    root = np.sqrt(np.ones(n) if weight is None else weight)
    solved, lost = _solve(y * root, x * root[:, None])
    if solved is None:
        names = ", ".join(t for t, gone in zip(terms, lost, strict=True) if gone)
        return _none(k, f"these terms are collinear: {names}")
    squares = _about_mean(y, root) if "Intercept" in terms else (y * root) @ (y * root)
    rss = solved.residual @ solved.residual
    fragile = _fragile(solved, labels or [np.arange(n)])
    variance, df = _variance(solved, labels, robust)
    noise = _NO_VARIANCE * (solved.turn**2).sum(axis=1) * ((y * root) @ (y * root))
    spread = variance > noise
    alone = _ALONE if labels else _ALONE_UNCLUSTERED
    reason = tuple(
        alone if lone else None if known else _NO_SPREAD
        for lone, known in zip(fragile.tolist(), spread.tolist(), strict=True)
    )
    there = ~fragile & spread
    se = np.sqrt(np.where(there, variance, np.nan))
    df = np.where(there, df, np.nan)
    statistic = solved.beta / se
    margin = -special.stdtrit(df, (1 - level) / 2) * se
    return Estimates(
        estimate=solved.beta,
        se=se,
        statistic=statistic,
        pvalue=np.asarray(2 * special.stdtr(df, -np.abs(statistic)), np.float64),
        low=solved.beta - margin,
        high=solved.beta + margin,
        df=df,
        reason=reason,
        r_squared=float(1 - rss / squares) if squares > 0 else float("nan"),
    )


_ALONE = "rests on one cluster: without it there would be no estimate"
_ALONE_UNCLUSTERED = "rests on one observation: without it there would be no estimate"
_NO_SPREAD = "the variance is not positive"


def no_freedom(n: int, k: int) -> Estimates:
    """Refuse K coefficients from N observations."""
    of = "observation" if n == 1 else "observations"
    return _none(k, f"{k} coefficients from {n} {of} leave no degree of freedom")


def _none(k: int, reason: str) -> Estimates:
    nothing = np.full(k, np.nan)
    return Estimates(
        estimate=nothing,
        se=nothing,
        statistic=nothing,
        pvalue=nothing,
        low=nothing,
        high=nothing,
        df=nothing,
        reason=(reason,) * k,
        r_squared=float("nan"),
    )


def _about_mean(y: Array, root: Array) -> float:
    mean = (root**2 @ y) / (root**2).sum()
    return float(root**2 @ (y - mean) ** 2)


def _solve(y: Array, x: Array) -> tuple[_Solved | None, list[bool]]:
    """Return the solution, or None with the terms that are linearly dependent."""
    size = np.sqrt((x**2).sum(axis=0))
    scale = np.where(size > 0, size, 1.0)
    u, s, vt = np.linalg.svd(x / scale, full_matrices=False)
    zero = s <= _LEAST_SINGULAR * s[0]
    if zero.any():
        return None, (np.abs(vt[zero]).max(axis=0) > _PART).tolist()
    place = u.T @ y
    turn = vt.T / s / scale[:, None]
    solved = _Solved(u=u, turn=turn, beta=turn @ place, residual=y - u @ place)
    return solved, []


def _fragile(solved: _Solved, labels: Sequence[IntArray]) -> BoolArray:
    """Flag the coefficients (K,) that are lost when one cluster is left out.

    Without cluster g the directions c with ``U_g'U_g c = c`` are lost. Its leverage
    is 1 or more then, and all leverages add up to K, so at most K clusters matter.
    """
    leverage = (solved.u**2).sum(axis=1)
    size = np.sqrt((solved.turn**2).sum(axis=1))
    out = np.zeros(len(solved.beta), np.bool_)
    for label in labels:
        index = np.unique(label, return_inverse=True)[1]
        for group in np.flatnonzero(np.bincount(index, leverage) >= _WHOLE):
            part = solved.u[index == group]
            share, directions = np.linalg.eigh(part.T @ part)
            lost = solved.turn @ directions[:, share >= _WHOLE]
            out |= (np.abs(lost) > _PART * size[:, None]).any(axis=1)
    return out


def _variance(
    solved: _Solved, labels: Sequence[IntArray], robust: str
) -> tuple[Array, Array]:
    """Return the variances (K,) and their degrees of freedom (K,)."""
    n, k = solved.u.shape
    if not labels:
        return _unclustered(solved, robust), np.full(k, float(n - k))
    kind = _bell_mccaffrey if robust == "CR2" else _corrected
    found, df = kind(solved, labels[0])
    if len(labels) == 2:
        both = np.unique(np.column_stack(labels), axis=0, return_inverse=True)[1]
        found = found + kind(solved, labels[1])[0] - kind(solved, both.ravel())[0]
        df = np.full(k, min(len(np.unique(label)) for label in labels) - 1.0)
    return found, df


def _unclustered(solved: _Solved, robust: str) -> Array:
    n, k = solved.u.shape
    squares = solved.residual**2
    if robust == "classical":
        return np.asarray((solved.turn**2).sum(axis=1) * squares.sum() / (n - k))
    power = {"HC0": 0, "HC1": 0, "HC2": 1, "HC3": 2}[robust]
    free = 1.0 - (solved.u**2).sum(axis=1)
    # An observation fitted exactly, whatever it is, tells nothing about the variance.
    told = free > 1.0 - _WHOLE
    squares = np.where(told, squares / np.where(told, free, 1.0) ** power, 0.0)
    found = ((solved.u @ solved.turn.T) ** 2 * squares[:, None]).sum(axis=0)
    return np.asarray(found * (n / (n - k) if robust == "HC1" else 1.0), np.float64)


def _scores(solved: _Solved, index: IntArray) -> Array:
    """Sum ``u_i e_i`` by cluster, (G, K)."""
    out = np.zeros((int(index.max()) + 1, solved.u.shape[1]))
    np.add.at(out, index, solved.u * solved.residual[:, None])
    return out


def _corrected(solved: _Solved, label: IntArray) -> tuple[Array, Array]:
    """CR1: the clustered variance with a correction for the degrees of freedom."""
    n, k = solved.u.shape
    scores = _scores(solved, np.unique(label, return_inverse=True)[1])
    n_groups = len(scores)
    correction = n_groups / (n_groups - 1) * (n - 1) / (n - k)
    variance = correction * ((scores @ solved.turn.T) ** 2).sum(axis=0)
    return np.asarray(variance, np.float64), np.full(k, n_groups - 1.0)


def _bell_mccaffrey(solved: _Solved, label: IntArray) -> tuple[Array, Array]:
    """CR2 and its Satterthwaite degrees of freedom, linear in observations.

    In orthonormal coordinates ``U_g' (I - U_g U_g')^-½ e_g`` is
    ``(I - U_g'U_g)^-½ U_g'e_g``, so that only K x K matrices are decomposed. The
    variance's quadratic form is ``diag(d_g) - Q Q'`` with the rows q_g of Q.
    """
    k = solved.u.shape[1]
    index = np.unique(label, return_inverse=True)[1]
    scores = _scores(solved, index)
    gram = np.zeros((len(scores), k, k))
    for column in range(k):
        np.add.at(gram[:, column], index, solved.u * solved.u[:, [column]])
    share, turn = np.linalg.eigh(gram)
    free = 1.0 - share
    told = free > 1.0 - _WHOLE
    power = np.where(told, 1.0 / np.sqrt(np.where(told, free, 1.0)), 0.0)
    adjust = np.einsum("gij,gj,gkj->gik", turn, power, turn)
    pulled = np.einsum("gij,kj->gik", adjust, solved.turn)
    variance = np.einsum("gi,gik->gk", scores, pulled) ** 2
    q = np.einsum("gij,gjk->gik", gram, pulled)
    d = np.einsum("gik,gik->gk", pulled, q)
    squares = np.einsum("gik,gik->gk", q, q)
    trace = (d - squares).sum(axis=0)
    cross = np.einsum("gik,gjk->kij", q, q)
    square = (d**2 - 2 * d * squares).sum(axis=0) + (cross**2).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return variance.sum(axis=0), trace**2 / square
