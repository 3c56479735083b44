"""Random effects over dates: what announcements do on average, and how they differ."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array
from eventstudy.core.errors import DataError, SpecError, unknown_name

Method = Literal["reml", "dl"]

_FEWEST = 3
_GRID = 201  # values of τ² looked at before the best one is refined


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaResult:
    """Average of k effects that may differ, and by how much they do.

    Parameters
    ----------
    method : str
        ``"reml"`` or ``"dl"``.
    k : int
        Effects averaged.
    mu : float
        Mean effect, in the unit of the effects.
    se : float
        Standard error of the mean by Hartung and Knapp.
    df : float
        Degrees of freedom of the interval and of the p-value, k - 1.
    ci_low, ci_high : float
        Interval of the mean.
    pvalue : float
        Two-sided p-value of a mean of zero.
    tau2 : float
        Variance of the effects beyond their known errors.
    q : float
        Cochran's Q, weights from the known covariance.
    q_pvalue : float
        P-value of Q, for effects that differ by no more than their errors.
    i2 : float
        Share of the variation that is no error, 0 to 1.
    prediction_low, prediction_high : float
        Interval for the effect of a further announcement, t with k - 2 degrees of
        freedom.
    shrunk, shrunk_se : ndarray of shape (k,)
        Each effect drawn towards the mean, and its standard error.

    Examples
    --------
    >>> meta([0.02, -0.01, 0.05, 0.03], [4e-4, 1e-4, 9e-4, 4e-4]).k
    4
    """

    method: Method
    k: int
    mu: float
    se: float
    df: float
    ci_low: float
    ci_high: float
    pvalue: float
    tau2: float
    q: float
    q_pvalue: float
    i2: float
    prediction_low: float
    prediction_high: float
    shrunk: Array
    shrunk_se: Array

    def __repr__(self) -> str:
        """Summarise in a line."""
        return (
            f"MetaResult(k={self.k}, mu={self.mu:.4g}, se={self.se:.4g}, "
            f"p={self.pvalue:.3g}, tau2={self.tau2:.4g}, Q={self.q:.4g} "
            f"(p={self.q_pvalue:.3g}), I2={100 * self.i2:.0f} %)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turned:
    """Effects in the axes in which their covariance is diagonal; all (k,)."""

    variance: Array
    y: Array
    one: Array

    def weighted(self, tau2: float) -> tuple[float, float, Array]:
        """Return the weighted mean, ``1'W1`` and the residuals, turned."""
        w = 1.0 / (self.variance + tau2)
        total = float((w * self.one**2).sum())
        mu = float((w * self.one * self.y).sum()) / total
        return mu, total, self.y - mu * self.one

    def q(self, tau2: float) -> float:
        """Return ``(y-μ)'W(y-μ)``."""
        _, _, residual = self.weighted(tau2)
        return float((residual**2 / (self.variance + tau2)).sum())

    def trace_p(self, tau2: float) -> float:
        """Return the trace of ``P = W - W11'W / 1'W1``."""
        w = 1.0 / (self.variance + tau2)
        square = float((w**2 * self.one**2).sum())
        return float(w.sum()) - square / float((w * self.one**2).sum())

    def score(self, tau2: float) -> float:
        """Return the slope of the restricted log likelihood, times two."""
        _, _, residual = self.weighted(tau2)
        pull = float((residual**2 / (self.variance + tau2) ** 2).sum())
        return pull - self.trace_p(tau2)

    def log_likelihood(self, tau2: Array) -> Array:
        """Return the restricted log likelihoods of values, up to a constant."""
        whole = self.variance + tau2[:, None]
        w = self.one / whole
        total = w @ self.one
        residual = self.y - (w @ self.y / total)[:, None] * self.one
        terms = np.log(whole) + residual**2 / whole
        return np.asarray(-0.5 * (terms.sum(axis=1) + np.log(total)))


def meta(
    y: Array, V: Array, *, method: Method = "reml", level: float = 0.95
) -> MetaResult:
    """Average effects that differ from one another beyond their known errors.

    Parameters
    ----------
    y : array_like of shape (k,)
        Effects of dates, or of clusters of dates.
    V : array_like of shape (k, k) or (k,)
        Their known covariance, or their variances where they are independent.
    method : {"reml", "dl"}
        Estimator of the variance between effects: restricted maximum likelihood, or
        the moment estimator of DerSimonian and Laird.
    level : float
        Confidence of the intervals.

    Returns
    -------
    MetaResult
        Mean, heterogeneity, prediction interval and shrunk effects. With fewer than
        ten effects ``tau2`` is hardly known.

    Raises
    ------
    SpecError
        For an unknown method or an impossible level.
    DataError
        For fewer than three effects, values that are not finite, or a covariance that
        is not symmetric and positive definite.

    References
    ----------
    DerSimonian & Laird (1986), Controlled Clinical Trials 7; Hartung & Knapp (2001),
    Statistics in Medicine 20; Higgins & Thompson (2002), Statistics in Medicine 21.

    Examples
    --------
    >>> found = meta([0.02, -0.01, 0.05, 0.03], [4e-4, 1e-4, 9e-4, 4e-4])
    >>> round(found.mu, 4), found.df, round(found.q, 2)
    (0.0151, 3.0, 6.62)
    """
    if method not in get_args(Method):
        raise unknown_name("method", method, get_args(Method))
    if not 0.5 < level < 1:
        raise SpecError(f"level = {level}; wanted a confidence such as 0.95")
    effects, covariance = _checked(y, V)
    k = len(effects)
    variance, axes = np.linalg.eigh(covariance)
    if variance[0] <= 1e-12 * variance[-1]:
        raise DataError("V is not positive definite: an effect would have no error")
    turned = _Turned(variance=variance, y=axes.T @ effects, one=axes.sum(axis=0))
    q = turned.q(0.0)
    trace = turned.trace_p(0.0)
    tau2 = max(0.0, (q - (k - 1)) / trace) if method == "dl" else _reml(turned)
    mu, total, residual = turned.weighted(tau2)
    spread = float((residual**2 / (variance + tau2)).sum()) / (k - 1)
    se = float(np.sqrt(max(1.0, spread) / total))
    df = k - 1.0
    half = float(special.stdtrit(df, 0.5 + level / 2)) * se
    wide = float(special.stdtrit(k - 2.0, 0.5 + level / 2))
    wide *= float(np.sqrt(tau2 + se**2))
    shrunk, shrunk_se = _shrunk(turned, axes, tau2)
    typical = (k - 1) / trace
    return MetaResult(
        method=method,
        k=k,
        mu=mu,
        se=se,
        df=df,
        ci_low=mu - half,
        ci_high=mu + half,
        pvalue=float(2.0 * special.stdtr(df, -abs(mu / se))),
        tau2=tau2,
        q=q,
        q_pvalue=float(special.chdtrc(df, q)),
        i2=tau2 / (tau2 + typical),
        prediction_low=mu - wide,
        prediction_high=mu + wide,
        shrunk=shrunk,
        shrunk_se=shrunk_se,
    )


def _checked(y: Array, V: Array) -> tuple[Array, Array]:
    effects = np.asarray(y, np.float64)
    covariance = np.asarray(V, np.float64)
    k = effects.size
    if effects.ndim != 1 or k < _FEWEST:
        raise DataError(
            f"y has shape {effects.shape}; wanted at least {_FEWEST} effects in a row"
        )
    if covariance.shape == (k,):
        covariance = np.diag(covariance)
    if covariance.shape != (k, k):
        raise DataError(
            f"V has shape {covariance.shape}; wanted ({k}, {k}), the covariance of the "
            f"{k} effects, or ({k},), their variances"
        )
    if not (np.isfinite(effects).all() and np.isfinite(covariance).all()):
        raise DataError("y and V must be finite; leave out effects without a value")
    if not np.allclose(covariance, covariance.T, rtol=1e-9, atol=0.0):
        raise DataError("V is not symmetric; wanted a covariance")
    return effects, (covariance + covariance.T) / 2


def _reml(turned: _Turned) -> float:
    """Maximise the restricted likelihood over τ² >= 0: grid, then root of the score."""
    from scipy.optimize import brentq

    residual = turned.weighted(0.0)[2]
    top = 10.0 * float(max((residual**2).max(), turned.variance[-1]))
    grid = np.concatenate([[0.0], np.geomspace(1e-8 * top, top, _GRID - 1)])
    best = int(np.argmax(turned.log_likelihood(grid)))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _GRID - 1)])
    if turned.score(low) <= 0.0 or turned.score(high) >= 0.0:
        return float(grid[best])  # at zero the likelihood falls from there on
    return float(brentq(turned.score, low, high, xtol=1e-15 * top, rtol=1e-14))


def _shrunk(turned: _Turned, axes: Array, tau2: float) -> tuple[Array, Array]:
    """Best predictions of the effects and their standard errors, (k,) each."""
    mu, total, residual = turned.weighted(tau2)
    share = tau2 / (turned.variance + tau2)  # B = τ²W, turned
    shrunk = mu + axes @ (share * residual)
    rest = axes @ ((1.0 - share) * turned.one)  # (I-B)1
    own = tau2 * (1.0 - (axes**2) @ share)
    return shrunk, np.sqrt(np.maximum(own + rest**2 / total, 0.0))
