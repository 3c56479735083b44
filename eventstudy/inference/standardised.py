"""Abnormal returns over their standard errors, a row per observation."""

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array
from eventstudy.core.windows import estimation_error

# Recent volatility is that of so many returns, and not of fewer than the second.
RECENT, LEAST_RECENT = 30, 15
# Sums of so many numbers are had sooner without running sums.
_FEW = 6


def standardised_residuals(ab: Abnormal) -> Array:
    """Estimation residuals over their standard deviation, (E, T), nan where missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Array = ab.residuals / (ab.sigma[:, None] * np.sqrt(ab.span_estimation))
    return z


def daily_sar(ab: Abnormal) -> Array:
    """Abnormal returns over their exact forecast standard errors, (E, L)."""
    error = estimation_error(ab)
    with np.errstate(invalid="ignore"):
        sar: Array = ab.ar / (ab.sigma[:, None] * np.sqrt(ab.span_event + error))
    return sar


def recent_volatility(ab: Abnormal, *, complete: bool = False) -> tuple[Array, Array]:
    """Volatility per session of the last residuals, (E,), and how many they are.

    ``h² = mean(e²/span)`` over the last 30 sessions of the estimation window that have
    a residual; with fewer than 15 it is sigma, with its degrees of freedom.

    complete : there is every residual, and it spans one session
    """
    if complete:
        last = ab.residuals[:, -RECENT:]
        held = np.full(len(last), float(last.shape[1]))
        return _recent(ab, held, np.einsum("et,et->e", last, last))
    valid = ~np.isnan(ab.residuals)
    used = valid & (valid[:, ::-1].cumsum(axis=1)[:, ::-1] <= RECENT)
    n = used.sum(axis=1).astype(np.float64)
    square = np.where(used, ab.residuals**2 / ab.span_estimation, 0.0).sum(axis=1)
    return _recent(ab, n, square)


def _recent(ab: Abnormal, n: Array, square: Array) -> tuple[Array, Array]:
    """Return the volatility of n residuals with this sum of squares, or sigma."""
    enough = n >= LEAST_RECENT
    h = np.sqrt(np.divide(square, n, out=np.zeros_like(n), where=n > 0))
    enough &= h > 0
    return np.where(enough, h, ab.sigma), np.where(enough, n, ab.df)


def pseudo_scars(ab: Abnormal, length: int) -> Array:
    """Standardised sums of every ``length`` residuals in a row, (E, T - length + 1).

    In-sample errors vary less than forecast errors: a sum over s sessions out of S
    has variance ``σ² s (1 - s/S)``, exact for a constant, and each further regressor
    takes its average share ``1/S`` of the rest. (The exact share depends on the
    regressors of those sessions; it differs by order s/S² of the variance.) nan where
    fewer than 80 % of the sessions have a return; no columns when T < length.
    """
    n_sessions, k = ab.residuals.shape[1], ab.xtx_inv.shape[1]
    if n_sessions < length:
        return np.empty((len(ab.residuals), 0))
    if _is_complete(ab):
        share = 1.0 - length / n_sessions if k else 1.0
        variance = length * share * (1.0 - max(k - 1, 0) / n_sessions)
        if variance > 0:
            total = _window_sums(ab.residuals, length)
            total *= (1.0 / (ab.sigma * np.sqrt(variance)))[:, None]
            return total
    valid = ~np.isnan(ab.residuals)
    span = np.where(valid, ab.span_estimation, 0.0)
    total, spanned, count = (
        _window_sums(v, length)
        for v in (np.where(valid, ab.residuals, 0.0), span, valid.astype(float))
    )
    whole = span.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.ones_like(spanned) if k == 0 else 1.0 - spanned / whole
        variance = spanned * share * (1.0 - max(k - 1, 0) / whole)
        scar = total / (ab.sigma[:, None] * np.sqrt(variance))
    return np.where((count >= 0.8 * length) & (variance > 0), scar, np.nan)


def pseudo_sums(ab: Abnormal, length: int) -> Array:
    """Sums of every ``length`` residuals in a row, (E, T - length + 1).

    nan where fewer than 80 % of the sessions have a return.
    """
    if ab.residuals.shape[1] < length:
        return np.empty((len(ab.residuals), 0))
    if _is_complete(ab):
        return _window_sums(ab.residuals, length)
    valid = ~np.isnan(ab.residuals)
    total = _window_sums(np.where(valid, ab.residuals, 0.0), length)
    return np.where(_window_sums(valid * 1.0, length) >= 0.8 * length, total, np.nan)


def _is_complete(ab: Abnormal) -> bool:
    """Whether there is every residual, which spans one session, and a sigma above 0."""
    whole = bool(np.isfinite(ab.residuals.sum()))
    return whole and bool((ab.sigma > 0).all() and (ab.span_estimation == 1).all())


def _window_sums(values: Array, length: int) -> Array:
    """Sums of every ``length`` values in a row; few are added up one by one."""
    n = values.shape[1] - length + 1
    if length <= _FEW:
        out = values[:, :n].copy()
        for first in range(1, length):
            out += values[:, first : first + n]
        return out
    total = np.cumsum(values, axis=1)
    out = total[:, length - 1 :].copy()
    out[:, 1:] -= total[:, :-length]
    return out
