"""Tests of the mean that allow for skewness, meant for buy-and-hold returns."""

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import EventTest
from eventstudy.inference.pvalues import (
    Answer,
    Case,
    Options,
    answered,
    judged,
    of_tails,
)
from eventstudy.inference.sample import Sample, spread

# Resampled effects held at once: few enough for the processor's cache.
_AT_ONCE = 250_000
# A variance below this share of the mean square is rounding noise.
_NO_VARIANCE = 1e-12


def skewness(sample: Sample, options: Options) -> Answer:
    """Johnson's skewness-adjusted t: ``√N (S + γ̂S²/3 + γ̂/(6N))``, t(N-1).

    ``S = mean/s``, ``γ̂ = Σ(x - mean)³/(N s³)``, s with N-1.
    Johnson (1978), J. American Statistical Association 73; as printed in Lyon, Barber
    & Tsai (1999), J. Finance 54, eq. 5.
    """
    return _adjusted(sample, options, cubic=False)


TESTS.register(
    EventTest(
        name="skewness",
        meaning="Johnson's skewness-adjusted t",
        null="H0: E[CAR] = 0",
        citation="Johnson (1978), J. American Statistical Association 73",
        robust_to={"event-induced variance", "non-normality", "missing data"},
        estimand="such dates",
        scale="event",
        min_n=3,
        vectorised=True,
        of_sample=skewness,
    )
)


def skewness_hall(sample: Sample, options: Options) -> Answer:
    """Hall's transformation: ``√N (S + γ̂S²/3 + γ̂²S³/27 + γ̂/(6N))``, normal.

    The cubic term makes Johnson's statistic increase with S, so that it can be
    inverted. Hall (1992), J. Royal Statistical Society B 54.
    """
    return _adjusted(sample, options, cubic=True)


TESTS.register(
    EventTest(
        name="skewness_hall",
        meaning="Hall's transformation of the skewness-adjusted t",
        null="H0: E[CAR] = 0",
        citation="Hall (1992), J. Royal Statistical Society B 54",
        robust_to={"missing data"},
        estimand="such dates",
        scale="event",
        min_n=3,
        vectorised=True,
        of_sample=skewness_hall,
    )
)


def skewness_bootstrap(sample: Sample, options: Options) -> Answer:
    """Johnson's statistic against bootstrapped critical values.

    Resamples of N/4 observations, centred at the sample mean; the two-sided p-value
    is twice the smaller tail, as skewed statistics have unequal tails.
    Lyon, Barber & Tsai (1999), J. Finance 54, section II.B.
    """
    n = max(sample.n // 4, 4)
    rng = np.random.default_rng(options.seed)
    centred = sample.effect - sample.mean[..., None]
    step = max(1, _AT_ONCE // (n * max(1, sample.mean.size)))
    parts = []
    for first in range(0, options.n_draws, step):
        index = rng.integers(0, sample.n, (min(step, options.n_draws - first), n))
        parts.append(_johnson_of_centred(centred[..., index]))
    draws = np.concatenate(parts, axis=-1)
    held = np.isfinite(draws).sum(axis=-1)
    draws = np.where(np.isfinite(draws), draws, np.nan)
    observed = _johnson(sample.effect, 0.0)
    below = (1 + (draws <= observed[..., None]).sum(axis=-1)) / (1 + held)
    above = (1 + (draws >= observed[..., None]).sum(axis=-1)) / (1 + held)
    p = of_tails(below, above, options.alternative)
    return answered(sample.mean, observed, p, np.inf, _same(sample))


TESTS.register(
    EventTest(
        name="skewness_bootstrap",
        meaning="Johnson's statistic with bootstrapped critical values",
        null="H0: E[CAR] = 0",
        citation="Lyon, Barber & Tsai (1999), J. Finance 54",
        robust_to={"event-induced variance", "non-normality", "missing data"},
        estimand="such dates",
        scale="event",
        resampled=True,
        min_n=8,
        vectorised=True,
        of_sample=skewness_bootstrap,
    )
)


def _adjusted(sample: Sample, options: Options, *, cubic: bool) -> Answer:
    t = _johnson(sample.effect, 0.0, cubic=cubic)
    df = np.inf if cubic else sample.n - 1
    return judged(sample.mean, t, df, options.alternative, _same(sample))


def _same(sample: Sample) -> Case:
    return spread(sample.effect) == 0, "all observations have the same effect"


def _johnson(x: Array, centre: Array | float, *, cubic: bool = False) -> Array:
    """Adjusted statistic of samples ``x`` (..., n) about ``centre`` (...,)."""
    n = x.shape[-1]
    mean = x.mean(axis=-1)
    deviation = x - mean[..., None]
    s = np.sqrt((deviation**2).sum(axis=-1) / (n - 1))
    ratio = (mean - centre) / s
    skew = (deviation**3).sum(axis=-1) / (n * s**3)
    t = ratio + skew * ratio**2 / 3 + skew / (6 * n)
    if cubic:
        t = t + skew**2 * ratio**3 / 27
    out: Array = np.sqrt(n) * t
    return out


def _johnson_of_centred(x: Array) -> Array:
    """Adjusted statistic of samples ``x`` (..., n) about 0, from sums of powers.

    nan where all values are the same.
    """
    square = np.einsum("...n,...n->...", x, x)
    cube = np.einsum("...n,...n,...n->...", x, x, x)
    return johnson_of_powers(np.array(x.shape[-1]), x.sum(axis=-1), square, cube)


def johnson_of_powers(
    n: Array | IntArray, total: Array, square: Array, cube: Array
) -> Array:
    """Adjusted statistic of samples about 0 by their sizes and sums of powers.

    nan where all values are the same.
    """
    mean, square, cube = total / n, square / n, cube / n
    variance = square - mean**2
    variance = np.where(variance > _NO_VARIANCE * square, variance, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.sqrt(variance * n / (n - 1))
    ratio, skew = mean / s, (cube - 3.0 * mean * square + 2.0 * mean**3) / s**3
    out: Array = np.sqrt(n) * (ratio + skew * ratio**2 / 3 + skew / (6 * n))
    return out
