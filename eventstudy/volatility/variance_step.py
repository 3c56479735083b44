"""A step of the variance during an event, in a GARCH model of the whole history."""

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.garch import fit, robust_errors
from eventstudy.volatility.conditional import GARCH, unfitted
from eventstudy.volatility.entries import SHIFTS, ShiftEntry
from eventstudy.volatility.windows import ShiftResult


def garch_dummy(
    y: Array,
    dummy: Array,
    x: Array | None = None,
    *,
    kind: str = "garch",
    dist: str = "normal",
    level: float = 0.95,
    measure: str = GARCH.name,
) -> ShiftResult:
    """Estimate the shift of the variance's intercept while ``dummy`` is one: GARCH-X.

    ``ω_t = ω exp(η d_t)``, so variances stay positive whatever the sign, and a lasting
    step multiplies the standard deviation by ``exp(η/2)``, the ratio (EGARCH: by
    ``exp(η / (2 (1-β)))``). Quasi maximum likelihood with robust standard errors;
    statistic η / se, normal.

    Parameters
    ----------
    y : ndarray
        Returns around the event, (E, S), nan where missing.
    dummy : ndarray
        A step (one from day 0 on) or an impulse (one in the event window only), (E, S);
        see `window_dummy`.
    x : ndarray or None
        Regressors of the mean, (E, S, K).
    kind : str
        Model of the variance: ``"garch"``, ``"gjr"`` or ``"egarch"``.
    dist : str
        Law of the errors: ``"normal"`` or ``"t"``.
    level : float
        Of the interval.
    measure : str
        Name of what is measured, for the answer.

    Returns
    -------
    ShiftResult
        One row per series.

    References
    ----------
    Lamoureux & Lastrapes (1990), J. Finance 45 (regressors in the variance); Bollerslev
    & Wooldridge (1992), Econometric Reviews 11 (standard errors).

    Examples
    --------
    >>> h, y = 1.0, [0.0]
    >>> for shock in np.random.default_rng(2).normal(size=1200):
    ...     h = 0.1 + 0.1 * y[-1] ** 2 + 0.8 * h
    ...     y.append(np.sqrt(h) * shock)
    >>> y = np.array([y[1:]]) / 100
    >>> y[:, 600:] *= 3
    >>> found = garch_dummy(y, window_dummy(1200, 600, (0, 599)))
    >>> bool(2.5 < found.ratio[0] < 3.5)
    True
    """
    y = np.atleast_2d(np.asarray(y, np.float64))
    moves = np.broadcast_to(np.asarray(dummy, np.float64), y.shape)[:, :, None]
    valid = np.isfinite(y)
    on = valid & (moves[:, :, 0] != 0)
    found = fit(y, x, kind=kind, dist=dist, shifts=moves)
    se = robust_errors(found, y, x, shifts=moves).shifts[:, 0]
    eta = found.shifts[:, 0]
    reason = tuple(
        _no_shift(*row) for row in zip(found.converged, on.sum(1), se, strict=True)
    )
    usable = np.array([r is None for r in reason], np.bool_)
    eta, se = np.where(usable, eta, np.nan), np.where(usable, se, np.nan)
    omega, beta = found.variance[:, 0], found.variance[:, -1]
    with np.errstate(all="ignore"):
        if kind == "egarch":
            half = 0.5 / (1.0 - beta)
            before = np.exp(omega / (1.0 - beta) / 2.0)
        else:
            half = np.full(len(y), 0.5)
            shocks = found.variance[:, 1]
            if kind == "gjr":
                shocks = shocks + found.variance[:, 2] / 2.0
            before = np.sqrt(omega / (1.0 - shocks - beta))
        ratio = np.exp(half * eta)
        reach = float(special.ndtri(0.5 + level / 2.0)) * se
        low, high = np.exp(half * (eta - reach)), np.exp(half * (eta + reach))
        z = eta / se
    before = np.where(usable & np.isfinite(before), before, np.nan)
    one = np.ones(len(y), np.int64)
    return ShiftResult(
        measure=measure,
        test="garch_dummy",
        pre=before,
        post=before * ratio,
        ratio=ratio,
        ci_low=low,
        ci_high=high,
        statistic=z,
        df_num=np.full(len(y), np.nan),
        df=np.where(usable, np.inf, np.nan),
        pvalue=2.0 * special.ndtr(-np.abs(z)),
        n_pre=(valid & ~on).sum(axis=1),
        n_post=on.sum(axis=1),
        n=one,
        n_clusters=one,
        reason=reason,
    )


SHIFTS.register(
    ShiftEntry(
        name="garch_dummy",
        meaning="step or impulse in the variance equation of a GARCH model",
        null="the variance's intercept is the same during the event",
        robust_to="volatility clustering, errors of any law (robust errors)",
        citation="Lamoureux & Lastrapes (1990), J. Finance 45",
        preference=6,
    )
)


def window_dummy(
    n_sessions: int, day0: IntArray | int, window: tuple[int, int]
) -> Array:
    """Mark the sessions of a window around day 0 with ones.

    Parameters
    ----------
    n_sessions : int
        Columns of the result.
    day0 : int or ndarray
        Column of day 0, one or (E,).
    window : tuple of int
        First and last session, counted from day 0, both included.

    Returns
    -------
    ndarray
        One inside the window, zero outside, (E, S).

    Examples
    --------
    >>> window_dummy(6, np.array([2]), (0, 1))
    array([[0., 0., 1., 1., 0., 0.]])
    """
    offset = np.arange(n_sessions) - np.atleast_1d(np.asarray(day0))[:, None]
    inside = (offset >= window[0]) & (offset <= window[1])
    return np.asarray(inside, np.float64)


def _no_shift(converged: np.bool_, sessions: int, se: float) -> str | None:
    if not converged:
        return unfitted(converged)
    if not sessions:
        return "no valid session in the event window"
    return None if np.isfinite(se) else "the fit lies on a bound: no standard error"
