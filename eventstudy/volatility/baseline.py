"""What realised variance was to be expected: a heterogeneous autoregression."""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.errors import SpecError

# Sessions with a history that the baseline needs.
MIN_HISTORY = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class HarResult:
    """Abnormal realised variance against a HAR baseline.

    Parameters
    ----------
    coefficients : ndarray
        Constant and the three horizons, (E, 4).
    sigma : ndarray
        Standard deviation of the errors, (E,).
    expected, abnormal, se : ndarray
        Of ln RV, (E, L); expected is the forecast made at the end of the estimation
        window, so the event does not enter its own baseline.
    reason : tuple of str or None
        Why there is no baseline, (E).

    Examples
    --------
    >>> rv = np.exp(np.random.default_rng(0).normal(size=(1, 210)))
    >>> har(rv, n_estimation=200).coefficients.shape
    (1, 4)
    """

    coefficients: Array
    sigma: Array
    expected: Array
    abnormal: Array
    se: Array
    reason: tuple[str | None, ...]


def har(
    rv: Array, *, n_estimation: int, horizons: tuple[int, int, int] = (1, 5, 22)
) -> HarResult:
    """Fit a heterogeneous autoregression of ln RV; tell what it did not expect.

    Least squares on the T estimation sessions. The standard error is that of the
    forecast some sessions ahead, parameters taken as known.

    Parameters
    ----------
    rv : ndarray
        Realised variances, (E, T+L), nan where missing; a horizon's mean is over the
        sessions at hand.
    n_estimation : int
        T, the sessions of the estimation window.
    horizons : tuple of int
        Sessions of a day, week and month (1, 7, 30 for an asset that trades every day).

    Returns
    -------
    HarResult
        One row per series.

    Raises
    ------
    SpecError
        Where the estimation window is too short, or nothing follows it.

    References
    ----------
    Corsi (2009), J. Financial Econometrics 7, in logarithms.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> har(np.exp(rng.normal(size=(2, 210))), n_estimation=200).abnormal.shape
    (2, 10)
    """
    values = np.atleast_2d(np.asarray(rv, np.float64))
    n_sessions = values.shape[1]
    longest = max(horizons)
    if not longest < n_estimation < n_sessions:
        raise SpecError(
            f"n_estimation = {n_estimation}: more than {longest} of the {n_sessions} "
            "sessions are wanted, and at least one after them"
        )
    log = np.log(np.where(values > 0, values, np.nan))
    past = log[:, :n_estimation]
    x = np.stack(
        [_features(past, t, horizons) for t in range(longest, n_estimation)], 1
    )
    y = past[:, longest:]
    use = np.isfinite(y) & np.isfinite(x).all(axis=2)
    n = use.sum(axis=1)
    beta, sigma = _least_squares(
        np.where(use[:, :, None], x, 0.0), np.where(use, y, 0.0), n
    )
    steps = n_sessions - n_estimation
    expected = _ahead(past, beta, steps, horizons)
    return HarResult(
        coefficients=beta,
        sigma=sigma,
        expected=expected,
        abnormal=log[:, n_estimation:] - expected,
        se=sigma[:, None] * _spread_ahead(beta, steps, horizons),
        reason=tuple(_no_baseline(*pair) for pair in zip(sigma, n, strict=True)),
    )


def _features(log: Array, at: int, horizons: tuple[int, int, int]) -> Array:
    """Constant and means over the sessions before column ``at``, (E, 4)."""
    columns = [np.ones(len(log))]
    for horizon in horizons:
        window = log[:, at - horizon : at]
        known = np.isfinite(window)
        count = known.sum(axis=1)
        total = np.where(known, window, 0.0).sum(axis=1)
        columns.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
    return np.stack(columns, axis=1)


def _least_squares(x: Array, y: Array, n: IntArray) -> tuple[Array, Array]:
    """Return coefficients (E, 4) and the sd of the errors (E,); nan if too few."""
    enough = n >= MIN_HISTORY
    beta, sigma = np.full((len(x), 4), np.nan), np.full(len(x), np.nan)
    rows = np.flatnonzero(enough)
    u, s, vt = np.linalg.svd(x[rows], full_matrices=False)
    full = s[:, -1] > 1e-10 * s[:, 0]
    rows, u, s, vt = rows[full], u[full], s[full], vt[full]
    beta[rows] = np.einsum("ekj,ek,etk,et->ej", vt, 1.0 / s, u, y[rows], optimize=True)
    errors = y[rows] - np.einsum("etk,ek->et", x[rows], beta[rows])
    sigma[rows] = np.sqrt((errors**2).sum(axis=1) / (n[rows] - 4.0))
    return beta, sigma


def _ahead(
    past: Array, beta: Array, steps: int, horizons: tuple[int, int, int]
) -> Array:
    """Forecasts from the end of the estimation window, each from those before."""
    whole = np.concatenate([past, np.full((len(past), steps), np.nan)], axis=1)
    start = past.shape[1]
    for at in range(start, start + steps):
        whole[:, at] = np.einsum("ek,ek->e", _features(whole, at, horizons), beta)
    return whole[:, start:]


def _spread_ahead(beta: Array, steps: int, horizons: tuple[int, int, int]) -> Array:
    """Root of the sum of squared responses to a unit error, (E, steps)."""
    longest = max(horizons)
    answer = np.zeros((len(beta), longest + steps))
    answer[:, longest] = 1.0
    for at in range(longest + 1, longest + steps):
        answer[:, at] = np.einsum(
            "ek,ek->e", _features(answer, at, horizons)[:, 1:], beta[:, 1:]
        )
    return np.asarray(np.sqrt(np.cumsum(answer[:, longest:] ** 2, axis=1)))


def _no_baseline(sigma: float, n: int) -> str | None:
    if n < MIN_HISTORY:
        return f"{n} sessions with a history, {MIN_HISTORY} needed"
    return None if np.isfinite(sigma) else "the realised variance does not vary"
