"""Sign tests."""

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import BY_SESSION, EventTest
from eventstudy.inference.pvalues import (
    Answer,
    Options,
    answered,
    judged,
    of_tails,
    tail,
)
from eventstudy.inference.rank import session_test
from eventstudy.inference.ranking import average_ranks
from eventstudy.inference.sample import Sample

NO_EFFECT = "all effects are zero"
# Up to here signed ranks without ties have their exact law.
MAX_EXACT = 50


def gsign(sample: Sample, options: Options) -> Answer:
    """Generalised sign test: ``(w - N p̂) / sqrt(N p̂ (1-p̂))``, normal.

    w counts positive effects, p̂ is the mean over observations of the share of
    positive estimation residuals, so that skewed returns do not pass for an effect.
    p̂ is of single sessions, also for windows, as in the paper. A zero is not positive.
    Cowan (1992), Review of Quantitative Finance and Accounting 2.
    """
    n, p = sample.n, sample.positive.mean(axis=-1)
    z = ((sample.effect > 0).sum(axis=-1) - n * p) / np.sqrt(n * p * (1 - p))
    alike = (~((p > 0) & (p < 1)), "all estimation residuals have the same sign")
    return judged(sample.mean, z, np.inf, options.alternative, alike)


TESTS.register(
    EventTest(
        name="gsign",
        meaning="generalised sign test",
        null="H0: P(CAR > 0) = p̂ of the estimation window",
        citation="Cowan (1992), Review of Quantitative Finance and Accounting 2",
        robust_to={"event-induced variance", "non-normality", "missing data"},
        estimand="such dates",
        by_default=True,
        vectorised=True,
        of_sample=gsign,
    )
)


def sign(sample: Sample, options: Options) -> Answer:
    """Sign test: number of positive effects, exact binomial p with ½.

    Statistic ``(w - N/2) / sqrt(N/4)``; effects of exactly zero are left out.
    Dixon & Mood (1946), J. American Statistical Association 41.
    """
    positive = (sample.effect > 0).sum(axis=-1)
    n = (sample.effect != 0).sum(axis=-1)
    below = special.bdtr(positive, n, 0.5)
    above = special.bdtr(n - positive, n, 0.5)
    return answered(
        sample.mean,
        (positive - n / 2) / np.sqrt(n / 4),
        of_tails(below, above, options.alternative),
        np.inf,
        (n == 0, NO_EFFECT),
    )


TESTS.register(
    EventTest(
        name="sign",
        meaning="binomial test of the number of positive effects",
        null="H0: P(CAR > 0) = ½",
        citation="Dixon & Mood (1946), J. American Statistical Association 41",
        robust_to={"event-induced variance", "non-normality", "missing data"},
        estimand="such dates",
        vectorised=True,
        of_sample=sign,
    )
)


def sign_cz(sample: Sample, options: Options) -> Answer:
    """Corrado & Zivney's sign test: signs about each asset's own median, normal.

    ``G = sign(AR - median)`` over estimation and event window, summed and scaled per
    session like the ranks of `rank`.
    Corrado & Zivney (1992), J. Financial and Quantitative Analysis 27.
    """
    sums = sample.sums
    return session_test(sample, options, sums["sign"], sums["sign_count"])


TESTS.register(
    EventTest(
        name="sign_cz",
        meaning="sign test about each asset's own median",
        null="H0: P(AR > median) = ½",
        citation="Corrado & Zivney (1992), J. Financial and Quantitative Analysis 27",
        robust_to={"cross-correlation", "non-normality", "missing data"},
        scale="estimation window",
        outcomes=BY_SESSION,
        needs={"signs"},
        vectorised=True,
        of_sample=sign_cz,
    )
)


def wilcoxon(sample: Sample, options: Options) -> Answer:
    """Wilcoxon signed ranks: exact p up to 50 observations without ties.

    Statistic: ``(W+ - n(n+1)/4) / sqrt(n(n+1)(2n+1)/24)`` with the correction for
    ties; zeros are left out. Takes effects as independent and symmetric.
    Wilcoxon (1945), Biometrics Bulletin 1.
    """
    x = np.where(sample.effect == 0, np.nan, sample.effect)
    rows = np.abs(x).reshape(-1, sample.n)
    ranks, held = average_ranks(rows)
    ranks = np.where(np.isnan(ranks), 0.0, ranks).reshape(x.shape)
    n = held.reshape(x.shape[:-1])
    plus = np.where(x > 0, ranks, 0.0).sum(axis=-1)
    # Ties are in the ranks: without them Σ rank² is n(n+1)(2n+1)/6.
    square = (ranks**2).sum(axis=-1)
    z = (plus - n * (n + 1) / 4) / np.sqrt(square / 4)
    p = tail(z, np.inf, options.alternative)
    exact = (n <= MAX_EXACT) & (6 * square == n * (n + 1) * (2 * n + 1))
    size = np.where(exact, n, 0)
    own = _exact(np.atleast_1d(plus), np.atleast_1d(size), options)
    p = np.where(exact, own.reshape(size.shape), p)
    return answered(sample.mean, z, p, np.inf, (n == 0, NO_EFFECT))


TESTS.register(
    EventTest(
        name="wilcoxon",
        meaning="Wilcoxon's signed ranks of the effects",
        null="H0: CARs symmetric about 0",
        citation="Wilcoxon (1945), Biometrics Bulletin 1",
        robust_to={"event-induced variance", "non-normality", "missing data"},
        estimand="such dates",
        scale="event",
        vectorised=True,
        of_sample=wilcoxon,
    )
)


def _exact(plus: Array, n: IntArray, options: Options) -> Array:
    """P-values of W+ among n ranks without ties; 1 for n = 0."""
    below, above = np.ones((2, *plus.shape))
    for size in np.unique(n[n > 0]).tolist():
        tails = np.cumsum(_signed_rank_law(size))
        chosen = n == size
        # W+ is symmetric, so the upper tail of W is the lower tail of its mirror.
        place = plus[chosen].astype(np.int64)
        below[chosen] = tails[place]
        above[chosen] = tails[size * (size + 1) // 2 - place]
    return of_tails(below, above, options.alternative)


def _signed_rank_law(n: int) -> Array:
    """Probabilities of W+ = 0, 1, ... under independent fair signs."""
    law = np.ones(1)
    for rank in range(1, n + 1):
        grown = np.zeros(len(law) + rank)
        grown[: len(law)] += 0.5 * law
        grown[rank:] += 0.5 * law
        law = grown
    return law
