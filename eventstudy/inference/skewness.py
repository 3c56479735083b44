"""Tests of the mean that allow for skewness, meant for buy-and-hold returns."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.inference.pvalues import Answer, Options, judged, refused
from eventstudy.inference.sample import Sample, spread

# Numbers held at once when resampling.
_BUDGET = 20_000_000


def skewness(sample: Sample, options: Options) -> Answer:
    """Johnson's skewness-adjusted t: ``√N (S + γ̂S²/3 + γ̂/(6N))``, t(N-1).

    ``S = mean/s``, ``γ̂ = Σ(x - mean)³/(N s³)``, s with N-1.
    Johnson (1978), J. American Statistical Association 73; as printed in Lyon, Barber
    & Tsai (1999), J. Finance 54, eq. 5.
    """
    return _adjusted(sample, options, cubic=False)


def skewness_hall(sample: Sample, options: Options) -> Answer:
    """Hall's transformation: ``√N (S + γ̂S²/3 + γ̂²S³/27 + γ̂/(6N))``, normal.

    The cubic term makes Johnson's statistic increase with S, so that it can be
    inverted. Hall (1992), J. Royal Statistical Society B 54.
    """
    return _adjusted(sample, options, cubic=True)


def skewness_bootstrap(sample: Sample, options: Options) -> Answer:
    """Johnson's statistic against bootstrapped critical values.

    Resamples of N/4 observations, centred at the sample mean; the two-sided p-value
    is twice the smaller tail, as skewed statistics have unequal tails.
    Lyon, Barber & Tsai (1999), J. Finance 54, section II.B.
    """
    if (refusal := sample.lacks(8)) is not None:
        return refusal
    if spread(sample.effect) == 0:
        return refused(sample.mean, "all observations have the same effect")
    n = max(sample.n // 4, 4)
    rng = np.random.default_rng(options.seed)
    size = max(1, _BUDGET // n)
    parts = []
    for first in range(0, options.n_draws, size):
        shape = (min(size, options.n_draws - first), n)
        parts.append(
            _johnson(sample.effect[rng.integers(0, sample.n, shape)], sample.mean)
        )
    draws = np.concatenate(parts)
    draws = draws[np.isfinite(draws)]
    observed = float(_johnson(sample.effect[None, :], 0.0)[0])
    below = (1 + (draws <= observed).sum()) / (1 + draws.size)
    above = (1 + (draws >= observed).sum()) / (1 + draws.size)
    tails = {"less": below, "greater": above}
    p = tails.get(options.alternative, min(1.0, 2 * min(below, above)))
    return Answer(estimate=sample.mean, statistic=observed, pvalue=float(p), df=np.inf)


def _adjusted(sample: Sample, options: Options, *, cubic: bool) -> Answer:
    if (refusal := sample.lacks(3)) is not None:
        return refusal
    s = spread(sample.effect)
    if s == 0:
        return refused(sample.mean, "all observations have the same effect")
    t = float(_johnson(sample.effect[None, :], 0.0, cubic=cubic)[0])
    df = np.inf if cubic else sample.n - 1
    return judged(sample.mean, t, df, options.alternative)


def _johnson(x: Array, centre: float, *, cubic: bool = False) -> Array:
    """Adjusted statistic of each row of ``x`` (B, n) about ``centre``."""
    n = x.shape[1]
    mean = x.mean(axis=1)
    deviation = x - mean[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.sqrt((deviation**2).sum(axis=1) / (n - 1))
        ratio = (mean - centre) / s
        skew = (deviation**3).sum(axis=1) / (n * s**3)
        t = ratio + skew * ratio**2 / 3 + skew / (6 * n)
        if cubic:
            t = t + skew**2 * ratio**3 / 27
    out: Array = np.sqrt(n) * t
    return out
