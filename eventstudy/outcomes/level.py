"""Series whose level persists: what they would have been, had nothing happened.

``y_t = m_t + e_t``, ``m_t = m_{t-1} + δ + u_t``, ``Var e_t = h_t``, ``Var u_t = q``:
the local level with a drift of Brodersen, Gallusser, Koehler, Remy & Scott (2015),
Annals of Applied Statistics 9, without its informative prior. The level before the
first session, the drift and the effects of weekdays are estimated by generalised least
squares (de Jong 1991, Annals of Statistics 19), and their errors are part of a
forecast's. q is averaged over: a maximum of the likelihood lies at nought too often.
"""

from dataclasses import dataclass

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
    terms,
)

GRID = 121
_LN_Q = (-14.0, 1.0)  # of q over the mean square of the series' changes


def level_gaps(
    y: Array,
    variance: Array | None = None,
    *,
    history: int,
    weights: Array,
    weekday: IntArray | None = None,
) -> Gaps:
    """Compare series with what their own history led to expect.

    Parameters
    ----------
    y : array (E, S)
        Series on consecutive sessions, nan where a value is missing.
    variance : array (E, S), optional
        Known variances of measurement, such as one over a count for the logarithm of
        what was counted. None: one unknown variance of each series, averaged over like
        q.
    history : int
        Number of sessions before the event; the L = S - history others follow.
    weights : array (M, L)
        Measures: weights of the sessions after. Of sessions without a value the weight
        goes to the others in proportion.
    weekday : int array (E, S), optional
        Days of the week, 0 to 6. Where they differ (Wald test at 5 % over the history)
        their effects are part of what is expected.

    Returns
    -------
    Gaps
        Effects, errors and p-values. A series with fewer than 30 values before, or
        none after, has nan.

    Raises
    ------
    SpecError
        For shapes that do not fit, and variances that are negative.

    Notes
    -----
    Weights of q are its restricted likelihood times a flat prior on √q, over 121 values
    of ln q from 14 below to 1 above the logarithm of the mean square change. Where the
    variance of measurement is unknown, the prior is flat on the share K in (0, 1] of a
    surprise that stays (the gain), with q = K² σ² and h = (1 - K) σ², and laws are t
    with n less the number of coefficients as degrees of freedom.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> level = np.cumsum(rng.normal(0, 0.02, 160))
    >>> level[100:] -= 1.0
    >>> y = (level + rng.normal(0, 0.1, 160))[None]
    >>> found = level_gaps(
    ...     y, np.full((1, 160), 0.01), history=100, weights=np.full((1, 60), 1 / 60)
    ... )
    >>> bool(found.pvalue[0, 0] < 0.01)
    True
    """
    y, weights, h = checked(y, variance, history, weights)
    plain = _gaps(y, h, history, weights, terms(y.shape, None))
    if weekday is None:
        return chosen(plain, np.zeros(len(y), np.bool_))
    dummies = _gaps(y, h, history, weights, terms(y.shape, weekday))
    differ = dummies.pvalue_terms < SIGNIFICANT
    return chosen(plain, differ, dummies)


def _gaps(y: Array, h: Array | None, history: int, weights: Array, x: Array) -> Found:
    q, noise, prior = _grid(y[:, :history], h)
    held = noise[:, None] if h is None else np.nan_to_num(h)[:, :, None]
    held = np.broadcast_to(held, (*y.shape, held.shape[-1]))
    walked = _walk(y[:, :history], held[:, :history], x[:, :history], q)
    df = walked.n - x.shape[-1]
    few = walked.n < LEAST_HISTORY
    walked.cross[few] = np.eye(x.shape[-1])
    likelihood, scale = _likelihood(walked, df, known=h is not None)
    weight = _normed(likelihood + prior)
    inverse = np.asarray(np.linalg.inv(walked.cross), np.float64)
    beta = (inverse @ walked.moment[..., None])[..., 0]
    ahead = _Ahead(
        away=x[:, None, history:] - walked.terms[:, :, None, :],
        inverse=inverse,
        filtered=walked.filtered,
        q=q,
        noise=held[:, history:],
    )
    expected = walked.level[..., None] + (ahead.away @ beta[..., None])[..., 0]
    there = np.isfinite(y[:, history:]) & ~few[:, None]
    gap = np.where(there[:, None], y[:, None, history:] - expected, 0.0)
    c = in_proportion(weights, there)
    sd = np.sqrt(ahead.of_means(c) * scale[:, None])
    effect = np.einsum("eml,egl->emg", c, gap)
    mixed = _mixed(effect, sd, weight, df if h is None else None)
    middle = np.einsum("eg,egl->el", weight, expected)
    error = np.einsum("eg,elg->el", weight, ahead.of_sessions() * scale[:, None])
    error += np.einsum("eg,egl->el", weight, (expected - middle[:, None]) ** 2)
    nothing = np.where(few, np.nan, 1.0)
    return Found(
        **mixed,
        expected=middle * nothing[:, None],
        error=np.sqrt(error) * nothing[:, None],
        n=walked.n,
        q=(weight * q * scale).sum(-1) * nothing,
        pvalue_terms=_of_terms(beta, inverse, scale, weight, df) * nothing,
    )


def _grid(y: Array, h: Array | None) -> tuple[Array, Array, Array]:
    """Return q and h by series, (E, G), and the log prior weight of each, (G,).

    Where h is unknown both are in units of the squared scale of the series.
    """
    if h is None:
        gain = np.linspace(1 / GRID, 1.0, GRID)
        ones = np.ones((len(y), 1))
        return ones * gain**2, ones * (1 - gain), np.zeros(GRID)
    change = np.diff(y, axis=1)
    known = np.isfinite(change)
    square = np.where(known, change, 0.0) ** 2
    size = square.sum(1) / np.maximum(known.sum(1), 1)
    step = np.linspace(*_LN_Q, GRID)
    q = np.where(size > 0, size, 1.0)[:, None] * np.exp(step)
    return q, np.zeros_like(q), step / 2


@dataclass(slots=True, kw_only=True, eq=False)
class _Walked:
    """The filter at the end of the history, of E series and G values of q.

    level : (E, G), terms : (E, G, K) filtered levels of y and of each column of x
    filtered : (E, G) variance;  cross, moment, square : sums of whitened products
    """

    level: Array
    terms: Array
    filtered: Array
    logs: Array
    cross: Array
    moment: Array
    square: Array
    n: IntArray


def _walk(y: Array, h: Array, x: Array, q: Array) -> _Walked:
    """Run Kalman's filter of a random walk from nought over y and all columns of x.

    h : (E, S, G), or (E, S, 1): one for all q
    """
    shape, k = q.shape, x.shape[-1]
    level, terms, before = np.zeros(shape), np.zeros((*shape, k)), q.copy()
    filtered = np.zeros(shape)
    logs, square = np.zeros(shape), np.zeros(shape)
    cross, moment = np.zeros((*shape, k, k)), np.zeros((*shape, k))
    there = np.isfinite(y)
    for t in range(y.shape[1]):
        seen = there[:, t, None]
        total = np.where(seen, before + h[:, t], 1.0)
        gain = np.where(seen, before / total, 0.0)
        surprise = np.where(seen, y[:, t, None] - level, 0.0)
        away = np.where(seen[..., None], x[:, t, None, :] - terms, 0.0)
        scaled = away / total[..., None]
        logs += np.log(total)
        square += surprise * surprise / total
        moment += scaled * surprise[..., None]
        cross += scaled[..., :, None] * away[..., None, :]
        level += gain * surprise
        terms += gain[..., None] * away
        filtered = before * (1 - gain)
        before = filtered + q
    return _Walked(
        level=level,
        terms=terms,
        filtered=filtered,
        logs=logs,
        cross=cross,
        moment=moment,
        square=square,
        n=there.sum(1),
    )


def _likelihood(w: _Walked, df: IntArray, *, known: bool) -> tuple[Array, Array]:
    """Return the restricted log likelihood and the squared scale, (E, G)."""
    beta = np.linalg.pinv(w.cross) @ w.moment[..., None]
    rest = np.maximum(w.square - (w.moment * beta[..., 0]).sum(-1), 1e-300)
    logs = -0.5 * (w.logs + np.linalg.slogdet(w.cross)[1])
    if known:
        return logs - 0.5 * rest, np.ones_like(rest)
    free = np.maximum(df, 1)[:, None]
    return logs - 0.5 * free * np.log(rest), rest / free


def _normed(logs: Array) -> Array:
    weight = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=-1, keepdims=True))


@dataclass(slots=True, kw_only=True, eq=False)
class _Ahead:
    """Errors of forecasts: Cov(g, h) = P + q min(g, h) + z_g' V z_h + noise_h 1{g = h}.

    away : (E, G, L, K) z;  inverse : (E, G, K, K) V;  filtered : (E, G) P
    q : (E, G);  noise : (E, L, G), or one for all G
    """

    away: Array
    inverse: Array
    filtered: Array
    q: Array
    noise: Array

    def of_means(self, c: Array) -> Array:
        """Variances of gaps with weights (E, M, L): (E, M, G)."""
        # Σ_gh c_g c_h min(g, h) = Σ_j (Σ_{h ≥ j} c_h)²
        later = np.cumsum(c[..., ::-1], axis=-1)
        walk = (later**2).sum(-1)[..., None] * self.q[:, None]
        z = np.einsum("eml,eglk->emgk", c, self.away)
        estimated = np.einsum("emgk,egkj,emgj->emg", z, self.inverse, z)
        noise = np.einsum("eml,elg->emg", c**2, self.noise)
        level = c.sum(-1)[..., None] ** 2 * self.filtered[:, None]
        return np.asarray(level + walk + estimated + noise)

    def of_sessions(self) -> Array:
        """Variances of the gaps of single sessions, (E, L, G)."""
        ahead = np.arange(1.0, self.noise.shape[1] + 1)[:, None]
        z = self.away
        estimated = np.einsum("eglk,egkj,eglj->elg", z, self.inverse, z)
        level = self.filtered[:, None] + ahead * self.q[:, None]
        return np.asarray(level + estimated + self.noise)


def _mixed(
    effect: Array, sd: Array, weight: Array, df: IntArray | None
) -> dict[str, Array]:
    """Return mean, standard error and p of effects (E, M, G) mixed by ``weight``."""
    w = weight[:, None, :]
    mean = (w * effect).sum(-1)
    var = (w * (sd**2 + (effect - mean[..., None]) ** 2)).sum(-1)
    ratio = effect / sd
    if df is None:
        below, above = special.ndtr(ratio), special.ndtr(-ratio)
    else:
        free = np.maximum(df, 1)[:, None, None]
        below, above = special.stdtr(free, ratio), special.stdtr(free, -ratio)
    tails = np.minimum((w * below).sum(-1), (w * above).sum(-1))
    return {
        "effect": mean,
        "se": np.sqrt(var),
        "pvalue": np.minimum(2.0 * tails, 1.0),
    }


def _of_terms(
    beta: Array, inverse: Array, scale: Array, weight: Array, df: IntArray
) -> Array:
    """Return the p of a Wald test of the terms beyond the drift, at the likeliest q."""
    k = beta.shape[-1] - 2
    if not k:
        return np.full(len(beta), np.nan)
    at = (np.arange(len(beta)), weight.argmax(-1))
    held, own = inverse[at][:, 2:, 2:], beta[at][:, 2:]
    wald = np.einsum("ek,ekj,ej->e", own, np.linalg.inv(held), own) / scale[at]
    return np.asarray(special.fdtrc(k, np.maximum(df, 1), wald / k))
