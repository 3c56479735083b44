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
    is_rounding,
    means,
    sizes,
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
        none after, has nan, as has one that does not vary before where the variance
        of measurement is unknown.

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

    Size at 5 %, 61 sessions after: 3.5 to 6.5 % with 100 to 354 sessions before where
    the level wanders as a hash rate does; less where it hardly moves (q = 1e-5, h =
    7e-3); up to 9.5 % with 100 sessions where h is unknown and next to nothing.

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
    size = sizes(y[:, :history])
    # far from nought the sums of squares would lose the digits that matter
    middle = means(y[:, :history])
    y = y - middle[:, None]
    q, noise, prior = _grid(y[:, :history], h)
    held = noise[:, None] if h is None else np.nan_to_num(h)[:, :, None]
    held = np.broadcast_to(held, (*y.shape, held.shape[-1]))
    walked = _walk(y[:, :history], held[:, :history], x[:, :history], q)
    df = walked.n - x.shape[-1]
    few = walked.n < LEAST_HISTORY
    walked.cross[few] = np.eye(x.shape[-1])
    solved = np.linalg.solve(walked.cross, walked.moment[..., None])[..., 0]
    beta = np.asarray(solved, np.float64)
    likelihood, scale = _likelihood(walked, beta, df, known=h is not None)
    if h is None:
        few |= is_rounding(scale.min(axis=-1), size)
    weight = _normed(likelihood + prior)
    inverse = np.asarray(np.linalg.inv(walked.cross), np.float64)
    ahead = _Ahead(
        x=x[:, history:],
        beta=beta,
        inverse=inverse,
        walked=walked,
        q=q,
        noise=held[:, history:],
        scale=scale,
    )
    there = np.isfinite(y[:, history:]) & ~few[:, None]
    c = in_proportion(weights, there)
    seen = np.einsum("eml,el->em", c, np.where(there, y[:, history:], 0.0))
    expected, var = ahead.of_means(c)
    effect = seen[..., None] - expected
    mixed = _mixed(effect, np.sqrt(var), weight, df if h is None else None)
    path, square = ahead.of_sessions(weight)
    nothing = np.where(few, np.nan, 1.0)
    return Found(
        **mixed,
        expected=(path + middle[:, None]) * nothing[:, None],
        error=np.sqrt(square) * nothing[:, None],
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
    pairs = [(i, j) for i in range(k) for j in range(i, k)]
    # The columns of x come first, so that each is one block of memory.
    x = np.moveaxis(x, -1, 0)[..., None]
    level, terms, before = np.zeros(shape), np.zeros((k, *shape)), q.copy()
    filtered = np.zeros(shape)
    logs, square = np.zeros(shape), np.zeros(shape)
    cross, moment = np.zeros((len(pairs), *shape)), np.zeros((k, *shape))
    there = np.isfinite(y)
    filled, whole = np.where(there, y, 0.0), there.sum(axis=0) == len(y)
    for t in range(y.shape[1]):
        total = before + h[:, t]
        gain = before / total
        surprise = filled[:, t, None] - level
        away = x[:, :, t] - terms
        if not whole[t]:
            for values in (gain, surprise, *away):
                values[~there[:, t]] = 0.0
            total[~there[:, t]] = 1.0
        scaled = away / total
        logs += np.log(total)
        moment += scaled * surprise
        for total_of, (i, j) in zip(cross, pairs, strict=True):
            total_of += scaled[i] * away[j]
        level += gain * surprise
        terms += gain * away
        square += surprise * (surprise / total)
        filtered = before * (1 - gain)
        before = filtered + q
    full = np.empty((*shape, k, k))
    for total_of, (i, j) in zip(cross, pairs, strict=True):
        full[..., i, j] = full[..., j, i] = total_of
    return _Walked(
        level=level,
        terms=np.moveaxis(terms, 0, -1),
        filtered=filtered,
        logs=logs,
        cross=full,
        moment=np.moveaxis(moment, 0, -1),
        square=square,
        n=there.sum(1),
    )


def _likelihood(
    w: _Walked, beta: Array, df: IntArray, *, known: bool
) -> tuple[Array, Array]:
    """Return the restricted log likelihood and the squared scale, (E, G)."""
    rest = np.maximum(w.square - (w.moment * beta).sum(-1), 1e-300)
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
    """Forecasts ``level + z'β``, ``z = x - terms``, and the errors of gaps.

    Cov(g, h) = scale (P + q min(g, h) + z_g' V z_h + noise_h 1{g = h})

    x : (E, L, K);  beta : (E, G, K);  inverse : (E, G, K, K) V;  q, scale : (E, G)
    noise : (E, L, G), or one for all G
    """

    x: Array
    beta: Array
    inverse: Array
    walked: _Walked
    q: Array
    noise: Array
    scale: Array

    def of_means(self, c: Array) -> tuple[Array, Array]:
        """Expected means with weights (E, M, L), and variances of gaps: (E, M, G)."""
        z = (c @ self.x)[:, :, None] - self.walked.terms[:, None]
        expected = self.walked.level[:, None] + (z * self.beta[:, None]).sum(-1)
        # Σ_gh c_g c_h min(g, h) = Σ_j (Σ_{h ≥ j} c_h)²
        later = np.cumsum(c[..., ::-1], axis=-1)
        var = (later**2).sum(-1)[..., None] * self.q[:, None]
        var += (z * (self.inverse[:, None] @ z[..., None])[..., 0]).sum(-1)
        var += c**2 @ self.noise + self.walked.filtered[:, None]
        return expected, var * self.scale[:, None]

    def of_sessions(self, weight: Array) -> tuple[Array, Array]:
        """Mean forecasts of single sessions, and the mean squares of gaps: (E, L).

        Both are sums over the weights (E, G) of polynomials in x.
        """
        x, terms = self.x, self.walked.terms
        ahead = np.arange(1.0, x.shape[1] + 1)
        known = weight * self.scale
        v = (known[..., None, None] * self.inverse).sum(1)
        vt = (self.inverse @ terms[..., None])[..., 0]
        linear = (known[..., None] * vt).sum(1)
        level = (known * (self.walked.filtered + (terms * vt).sum(-1))).sum(1)
        square = level[:, None] + ahead * (known * self.q).sum(1)[:, None]
        square += ((x @ v) * x).sum(-1) - 2 * (x @ linear[..., None])[..., 0]
        square += (known[:, None] * self.noise).sum(-1)
        # the forecasts differ as well, from one q to the next
        start = self.walked.level - (terms * self.beta).sum(-1)
        beta = (weight[..., None] * self.beta).sum(1)
        mean = (weight * start).sum(1)
        middle = mean[:, None] + (x @ beta[..., None])[..., 0]
        away, apart = start - mean[:, None], self.beta - beta[:, None]
        spread = apart.transpose(0, 2, 1) @ (weight[..., None] * apart)
        both = ((weight * away)[..., None] * apart).sum(1)
        square += (weight * away**2).sum(1)[:, None]
        square += ((x @ spread) * x).sum(-1) + 2 * (x @ both[..., None])[..., 0]
        return middle, square


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
