"""Tests that take the variance of the mean from its own history."""

import numpy as np

from eventstudy.inference.pvalues import Answer, Options, judged, refused
from eventstudy.inference.sample import Sample


def crude(sample: Sample, options: Options) -> Answer:
    """Crude dependence adjustment: ``CAAR / (σ_AAR √L)``, t(T-1).

    σ_AAR is the standard deviation over the estimation window of the mean residual of
    each event-time session, so correlation between assets with one date is in it.
    Forecast errors are not: see `lamb`.
    Brown & Warner (1980), J. Financial Economics 8; (1985), J. Financial Economics 14.
    """
    found = _history(sample)
    if isinstance(found, Answer):
        return found
    s, n_sessions = found
    t = sample.mean / (s * np.sqrt(sample.length))
    return judged(sample.mean, t, n_sessions - 1, options.alternative)


def lamb(sample: Sample, options: Options) -> Answer:
    """Crude dependence adjustment with the forecast error, normal.

    ``CAAR / (σ_AAR sqrt(f))``, f the mean over observations of the squared forecast
    standard error of the CAR over σ²: with one date and one market, Lamb's
    ``L + L²/T + (Σ(R_m - R̄_m))²/Sxx``.
    Lamb (1995), J. Risk and Insurance 62.
    """
    found = _history(sample)
    if isinstance(found, Answer):
        return found
    forecast = float(((sample.se / sample.sigma) ** 2).mean())
    z = sample.mean / (found[0] * np.sqrt(forecast))
    return judged(sample.mean, z, np.inf, options.alternative)


def _history(sample: Sample) -> tuple[float, int] | Answer:
    """Standard deviation of the mean residual over time, and the sessions."""
    if (refusal := sample.lacks(1, sessions=True, raw=True)) is not None:
        return refusal
    total = sample.sums["residual"].sum(axis=0)
    count = sample.sums["residual_count"].sum(axis=0)
    present = count > 0
    n_sessions = int(present.sum())
    if n_sessions < 2:
        return refused(sample.mean, "fewer than two estimation sessions")
    s = float((total[present] / count[present]).std(ddof=1))
    if not s > 1e-12 * float(sample.sigma.max()):
        return refused(sample.mean, "the mean residual does not vary over time")
    return s, n_sessions
