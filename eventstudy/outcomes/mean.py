"""Series that keep no level: the changes of a series, against their mean."""

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.outcomes.gaps import (
    LEAST_HISTORY,
    SIGNIFICANT,
    Found,
    Gaps,
    checked,
    chosen,
    in_proportion,
    is_rounding,
    sizes,
    terms,
)


def mean_gaps(
    y: Array, *, history: int, weights: Array, weekday: IntArray | None = None
) -> Gaps:
    """Compare series that keep no level with the mean of their own history.

    Parameters
    ----------
    y : array (E, S)
        Series on consecutive sessions, nan where a value is missing.
    history : int
        Number of sessions before the event; the L = S - history others follow.
    weights : array (M, L)
        Measures: weights of the sessions after, as for `level_gaps`.
    weekday : int array (E, S), optional
        Days of the week, 0 to 6. Where they differ (F test at 5 % over the history)
        their effects are part of what is expected.

    Returns
    -------
    Gaps
        Effects, errors and p-values; ``q`` is nan. A series with fewer than 30 values
        before, or none after, has nan, as has one that does not vary before.

    Raises
    ------
    SpecError
        For shapes that do not fit.

    Notes
    -----
    The variance of a weighted gap is ``s² (Σ c² + z' (X'X)⁻¹ z)``, z the weighted mean
    of the regressors after the event, and its law t with n less their number as
    degrees of freedom, as of constant-mean returns (Patell 1976, Journal of Accounting
    Research 14).

    Examples
    --------
    >>> y = np.random.default_rng(1).normal(0, 1, (1, 130))
    >>> found = mean_gaps(y, history=100, weights=np.full((1, 30), 1 / 30))
    >>> round(float(found.effect[0, 0]), 3)
    0.035
    """
    y, weights, _ = checked(y, None, history, weights)
    constant = terms(y.shape, None)[..., :1]
    plain = _gaps(y, history, weights, constant)
    if weekday is None:
        return chosen(plain, np.zeros(len(y), np.bool_))
    days = terms(y.shape, weekday)[..., 2:]
    other = _gaps(y, history, weights, np.concatenate([constant, days], axis=-1))
    return chosen(plain, other.pvalue_terms < SIGNIFICANT, other)


def _gaps(y: Array, history: int, weights: Array, x: Array) -> Found:
    known = np.isfinite(y[:, :history])
    k = x.shape[-1]
    n, few = known.sum(1), known.sum(1) < LEAST_HISTORY
    before = np.where(known[..., None], x[:, :history], 0.0)
    values = np.where(known, y[:, :history], 0.0)
    cross = before.transpose(0, 2, 1) @ before
    cross[few] = np.eye(k)
    inverse = np.linalg.inv(cross)
    beta = inverse @ (before.transpose(0, 2, 1) @ values[..., None])
    rest = np.where(known, values - (before @ beta)[..., 0], 0.0)
    df = np.where(few, 1, n - k)
    few |= is_rounding((rest**2).sum(1) / df, sizes(y[:, :history]))
    scale = np.where(few, np.nan, (rest**2).sum(1) / df)
    expected = np.where(few[:, None], np.nan, (x[:, history:] @ beta)[..., 0])
    there = np.isfinite(y[:, history:]) & ~few[:, None]
    c = in_proportion(weights, there)
    gap = np.where(there, y[:, history:] - expected, 0.0)
    z = c @ x[:, history:]
    var = (c**2).sum(-1) + np.einsum("emk,ekj,emj->em", z, inverse, z)
    effect, se = (c @ gap[..., None])[..., 0], np.sqrt(var * scale[:, None])
    one = np.einsum("elk,ekj,elj->el", x[:, history:], inverse, x[:, history:])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(effect / se)
    return Found(
        effect=effect,
        se=se,
        pvalue=2.0 * special.stdtr(df[:, None], -ratio),
        expected=expected,
        error=np.sqrt((1.0 + one) * scale[:, None]),
        n=n,
        q=np.full(len(y), np.nan),
        pvalue_terms=_of_weekdays(beta[..., 0], inverse, scale, df),
    )


def _of_weekdays(beta: Array, inverse: Array, scale: Array, df: IntArray) -> Array:
    """Return the p of an F test of all terms beyond the constant, (E,)."""
    k = beta.shape[-1] - 1
    if not k:
        return np.full(len(beta), np.nan)
    held = np.linalg.inv(inverse[:, 1:, 1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        f = np.einsum("ek,ekj,ej->e", beta[:, 1:], held, beta[:, 1:]) / scale / k
    return np.asarray(special.fdtrc(k, df, f))
