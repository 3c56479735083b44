"""Variances after the end of a fitted series: forecast, filtered and simulated."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.garch.egarch import MEAN_ABS
from eventstudy.garch.fitted import GarchFit


def forecast(fit: GarchFit, steps: int) -> Array:
    """Variance expected at the end of the sample for the next sessions, (E, steps).

    EGARCH averages over the series' own standardised residuals, which needs no
    moments of the law to exist.

    >>> from eventstudy.garch import fit as fit_garch
    >>> r = np.random.default_rng(0).normal(size=(1, 400))
    >>> forecast(fit_garch(r), 3).shape
    (1, 3)
    """
    out = np.empty((len(fit.n), steps))
    if not steps:
        return out
    state = _next(fit, fit.h[:, -1], fit.residuals[:, -1])
    out[:, 0] = state
    if fit.kind == "egarch":
        omega, alpha, gamma, beta = fit.variance.T
        z = fit.residuals / np.sqrt(fit.h)
        news = alpha[:, None] * (np.abs(z) - MEAN_ABS) + gamma[:, None] * z
        power, growth = np.ones_like(beta), np.ones_like(beta)
        level = np.log(state)
        for step in range(1, steps):
            level = omega + beta * level
            weight = np.exp(power[:, None] * news)
            known = np.isfinite(weight)
            count = np.maximum(known.sum(axis=1), 1)
            mean = np.where(known, weight, 0.0).sum(axis=1) / count
            growth = growth * mean
            out[:, step] = np.exp(level) * growth
            power = power * beta
        return out
    for step in range(1, steps):
        out[:, step] = fit.variance[:, 0] + persistence(fit) * out[:, step - 1]
    return out


def filtered(fit: GarchFit, errors: Array) -> Array:
    """One-session-ahead variance of each of the sessions after the sample, (E, L).

    errors : (E, L) errors of these sessions, nan = missing; each variance knows the
    errors before it and the parameters of the sample.
    """
    out = np.empty_like(errors)
    h, e = fit.h[:, -1], fit.residuals[:, -1]
    for step in range(errors.shape[1]):
        out[:, step] = h = _next(fit, h, e)
        e = errors[:, step]
    return out


def simulate(fit: GarchFit, z: Array) -> Array:
    """Errors after the sample when standardised errors are ``z`` (E, reps, L)."""
    out = np.empty_like(z)
    reps = z.shape[1]
    h = np.repeat(fit.h[:, -1, None], reps, axis=1)
    e = np.repeat(fit.residuals[:, -1, None], reps, axis=1)
    for step in range(z.shape[2]):
        h = _next(fit, h, e)
        e = out[:, :, step] = z[:, :, step] * np.sqrt(h)
    return out


def persistence(fit: GarchFit) -> Array:
    """How much of a variance shock is left a session later, (E,)."""
    if fit.kind == "garch":
        return np.asarray(fit.variance[:, 1] + fit.variance[:, 2])
    if fit.kind == "gjr":
        _, alpha, gamma, beta = fit.variance.T
        return np.asarray(alpha + gamma / 2.0 + beta)
    return np.asarray(fit.variance[:, 3])


def half_life(fit: GarchFit) -> Array:
    """Sessions after which half of a variance shock is gone, (E,); inf at one."""
    left = np.clip(persistence(fit), 0.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(left < 1.0, np.log(0.5) / np.log(left), np.inf)


def _next(fit: GarchFit, h: Array, e: Array) -> Array:
    """Variance of the next session; a missing error stands for its expectation."""
    shape = (-1, *[1] * (h.ndim - 1))
    missing = np.isnan(e)
    if fit.kind == "egarch":
        omega, alpha, gamma, beta = (p.reshape(shape) for p in fit.variance.T)
        z = np.where(missing, 0.0, e) / np.sqrt(h)
        news = alpha * (np.abs(z) - MEAN_ABS) + gamma * z
        log_h = omega + beta * np.log(h) + np.where(missing, 0.0, news)
        return np.asarray(np.exp(log_h))
    omega, alpha, beta = (fit.variance[:, c].reshape(shape) for c in (0, 1, -1))
    weight, expected = alpha, alpha
    if fit.kind == "gjr":
        gamma = fit.variance[:, 2].reshape(shape)
        weight, expected = alpha + gamma * (e < 0), alpha + gamma / 2.0
    shock = np.where(missing, expected * h, weight * e * e)
    return np.asarray(omega + shock + beta * h)
