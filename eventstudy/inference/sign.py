"""Sign tests."""

import numpy as np
from scipy import special

from eventstudy.inference.pvalues import Answer, Options, judged, refused
from eventstudy.inference.rank import session_test
from eventstudy.inference.sample import Sample


def gsign(sample: Sample, options: Options) -> Answer:
    """Generalised sign test: ``(w - N p̂) / sqrt(N p̂ (1-p̂))``, normal.

    w counts positive effects, p̂ is the mean over observations of the share of
    positive estimation residuals, so that skewed returns do not pass for an effect.
    p̂ is of single sessions, also for windows, as in the paper. A zero is not positive.
    Cowan (1992), Review of Quantitative Finance and Accounting 2.
    """
    if (refusal := sample.lacks(1)) is not None:
        return refusal
    n, p = sample.n, float(sample.positive.mean())
    if not 0 < p < 1:
        return refused(sample.mean, "all estimation residuals have the same sign")
    z = ((sample.effect > 0).sum() - n * p) / np.sqrt(n * p * (1 - p))
    return judged(sample.mean, float(z), np.inf, options.alternative)


def sign(sample: Sample, options: Options) -> Answer:
    """Sign test: number of positive effects, exact binomial p with ½.

    Statistic ``(w - N/2) / sqrt(N/4)``; effects of exactly zero are left out.
    Dixon & Mood (1946), J. American Statistical Association 41.
    """
    if (refusal := sample.lacks(1)) is not None:
        return refusal
    positive = int((sample.effect > 0).sum())
    n = int((sample.effect != 0).sum())
    if n == 0:
        return refused(sample.mean, "all effects are zero")
    below = float(special.bdtr(positive, n, 0.5))
    above = float(special.bdtr(n - positive, n, 0.5))
    tails = {"less": below, "greater": above}
    return Answer(
        estimate=sample.mean,
        statistic=(positive - n / 2) / np.sqrt(n / 4),
        pvalue=tails.get(options.alternative, min(1.0, 2 * min(below, above))),
        df=np.inf,
    )


def sign_cz(sample: Sample, options: Options) -> Answer:
    """Corrado & Zivney's sign test: signs about each asset's own median, normal.

    ``G = sign(AR - median)`` over estimation and event window, summed and scaled per
    session like the ranks of `rank`.
    Corrado & Zivney (1992), J. Financial and Quantitative Analysis 27.
    """
    if (refusal := sample.lacks(1, sessions=True)) is not None:
        return refusal
    sums = sample.sums
    return session_test(sample, options, sums["rank_sign"], sums["rank_count"])


def wilcoxon(sample: Sample, options: Options) -> Answer:
    """Wilcoxon signed ranks: exact p up to 50 observations without ties.

    Statistic: ``(W+ - n(n+1)/4) / sqrt(n(n+1)(2n+1)/24)`` with the correction for
    ties; zeros are left out. Takes effects as independent and symmetric.
    Wilcoxon (1945), Biometrics Bulletin 1.
    """
    if (refusal := sample.lacks(1)) is not None:
        return refusal
    from scipy import stats

    x = sample.effect[sample.effect != 0]
    n = len(x)
    if n == 0:
        return refused(sample.mean, "all effects are zero")
    magnitude = stats.rankdata(np.abs(x))
    plus = float(magnitude[x > 0].sum())
    times = np.unique(magnitude, return_counts=True)[1]
    ties = float((times.astype(np.float64) ** 3 - times).sum())
    variance = n * (n + 1) * (2 * n + 1) / 24 - ties / 48
    exact = n <= 50 and ties == 0
    z = (plus - n * (n + 1) / 4) / np.sqrt(variance)
    if not exact:
        return judged(sample.mean, z, np.inf, options.alternative)
    found = stats.wilcoxon(x, alternative=options.alternative, method="exact")
    return Answer(
        estimate=sample.mean, statistic=z, pvalue=float(found.pvalue), df=np.inf
    )
