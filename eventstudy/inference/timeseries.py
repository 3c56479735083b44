"""Tests that take the variance of the mean from its own history."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import ONLY_CAR, EventTest
from eventstudy.inference.pvalues import Answer, Case, Options, judged
from eventstudy.inference.sample import Sample


def crude(sample: Sample, options: Options) -> Answer:
    """Crude dependence adjustment: ``CAAR / (σ_AAR √L)``, t(T-1).

    σ_AAR is the standard deviation over the estimation window of the mean residual of
    each event-time session, so correlation between assets with one date is in it.
    Forecast errors are not: see `lamb`.
    Brown & Warner (1980), J. Financial Economics 8; (1985), J. Financial Economics 14.
    """
    s, n_sessions, *unless = _history(sample)
    t = sample.mean / (s * np.sqrt(sample.length))
    return judged(sample.mean, t, n_sessions - 1, options.alternative, *unless)


TESTS.register(
    EventTest(
        name="crude",
        meaning="mean over the past variation of the mean residual",
        null="H0: E[CAR] = 0",
        citation="Brown & Warner (1980), J. Financial Economics 8; (1985), 14",
        robust_to={"cross-correlation", "missing data"},
        scale="estimation window",
        outcomes=ONLY_CAR,
        needs={"residuals"},
        vectorised=True,
        of_sample=crude,
    )
)


def lamb(sample: Sample, options: Options) -> Answer:
    """Crude dependence adjustment with the forecast error, normal.

    ``CAAR / (σ_AAR sqrt(f))``, f the mean over observations of the squared forecast
    standard error of the CAR over σ²: with one date and one market, Lamb's
    ``L + L²/T + (Σ(R_m - R̄_m))²/Sxx``.
    Lamb (1995), J. Risk and Insurance 62.
    """
    s, _, *unless = _history(sample)
    forecast = ((sample.se / sample.sigma) ** 2).mean(axis=-1)
    z = sample.mean / (s * np.sqrt(forecast))
    return judged(sample.mean, z, np.inf, options.alternative, *unless)


TESTS.register(
    EventTest(
        name="lamb",
        meaning="as crude, with the forecast error",
        null="H0: E[CAR] = 0",
        citation="Lamb (1995), J. Risk and Insurance 62",
        robust_to={"cross-correlation", "missing data"},
        scale="estimation window",
        outcomes=ONLY_CAR,
        needs={"residuals"},
        vectorised=True,
        of_sample=lamb,
    )
)


def _history(sample: Sample) -> tuple[Array, int, Case, Case]:
    """Standard deviation of the mean residual over time, and the sessions."""
    total = sample.sums["residual"].sum(axis=-2)
    count = sample.sums["residual_count"].sum(axis=-2)
    present = count > 0
    n_sessions = int(present.sum())
    few = n_sessions < 2
    mean = total[..., present] / count[present]
    s = np.full(mean.shape[:-1], np.nan) if few else mean.std(axis=-1, ddof=1)
    still = ~(s > 1e-12 * sample.sigma.max(axis=-1))
    return (
        s,
        n_sessions,
        (few, "fewer than two estimation sessions"),
        (still, "the mean residual does not vary over time"),
    )
