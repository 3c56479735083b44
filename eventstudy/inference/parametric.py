"""Parametric tests of the mean over many observations."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import BY_SESSION, EventTest
from eventstudy.inference.pvalues import Answer, Bounds, Case, Options, bounds, judged
from eventstudy.inference.sample import Sample, spread

FEW_DF = "an observation has no more than 2 degrees of freedom"
NO_CORRELATION = "the correlation between the observations is not known"
NO_VARIANCE = "the mean correlation is so negative that the mean has no variance"
# A mean correlation from here on is 1 but for rounding.
MOST = 1.0 - 1e-12
SAME_SCAR = "all observations have the same SCAR"


def csect(sample: Sample, options: Options) -> Answer:
    """Cross-sectional t: ``mean √N / s``, s with N-1, t(N-1).

    Brown & Warner (1980), J. Financial Economics 8. Takes observations as independent.
    """
    s = spread(sample.effect)
    t = sample.mean * np.sqrt(sample.n) / s
    same = (s == 0, "all observations have the same effect")
    return judged(sample.mean, t, sample.n - 1, options.alternative, same)


TESTS.register(
    EventTest(
        name="csect",
        meaning="cross-sectional t test of the mean",
        null="H0: E[CAR] = 0",
        citation="Brown & Warner (1980), J. Financial Economics 8",
        robust_to={"event-induced variance", "missing data"},
        estimand="such dates",
        scale="event",
        min_n=2,
        naive=True,
        in_headline=True,
        by_default=True,
        vectorised=True,
        of_sample=csect,
    )
)


def patell(sample: Sample, options: Options) -> Answer:
    """Patell's Z: ``Σ SCAR / sqrt(Σ df/(df-2))``, normal.

    Patell (1976), J. Accounting Research 14; the window form with SCAR is that of
    Mikkelson & Partch (1988). For one day both are the same.
    """
    z, few = _patell_z(sample)
    return judged(sample.mean, z, np.inf, options.alternative, few)


TESTS.register(
    EventTest(
        name="patell",
        meaning="sum of standardised CARs",
        null="H0: E[SCAR] = 0",
        citation="Patell (1976), J. Accounting Research 14; Mikkelson & Partch (1988)",
        robust_to={"missing data"},
        scale="estimation window",
        outcomes=BY_SESSION,
        naive=True,
        by_default=True,
        vectorised=True,
        of_sample=patell,
    )
)


def bmp(sample: Sample, options: Options) -> Answer:
    """Standardised cross-sectional test: ``mean(SCAR) √N / s(SCAR)``, t(N-1).

    Boehmer, Musumeci & Poulsen (1991), J. Financial Economics 30.
    """
    t, same = _bmp_t(sample)
    return judged(sample.mean, t, sample.n - 1, options.alternative, same)


def bmp_interval(sample: Sample, options: Options, level: float) -> Bounds:
    """Return ``CAAR ± t(N-1) s(CAR)/√N``."""
    se = spread(sample.effect) / np.sqrt(sample.n)
    return bounds(sample.mean, se, sample.n - 1.0, level)


TESTS.register(
    EventTest(
        name="bmp",
        meaning="cross-sectional t test of the standardised CARs",
        null="H0: E[SCAR] = 0",
        citation="Boehmer, Musumeci & Poulsen (1991), J. Financial Economics 30",
        robust_to={"event-induced variance", "missing data"},
        estimand="such dates",
        scale="event",
        min_n=2,
        outcomes=BY_SESSION,
        by_default=True,
        vectorised=True,
        interval=bmp_interval,
        of_sample=bmp,
    )
)


def kp_patell(sample: Sample, options: Options) -> Answer:
    """Patell's Z corrected for cross-correlation: ``Z / sqrt(1 + (N-1) r̄)``.

    Kolari & Pynnönen (2010), Review of Financial Studies 23; r̄ by overlapping
    windows, see `dependence`.
    """
    z, few = _patell_z(sample)
    factor, unknown, negative = correction(sample, sample.rbar, NO_VARIANCE)
    z = z / np.sqrt(factor)
    return judged(sample.mean, z, np.inf, options.alternative, few, unknown, negative)


TESTS.register(
    EventTest(
        name="kp_patell",
        meaning="Patell's test corrected for the correlation of windows",
        null="H0: E[SCAR] = 0",
        citation="Kolari & Pynnönen (2010), Review of Financial Studies 23",
        robust_to={"cross-correlation", "clustering", "missing data"},
        scale="estimation window",
        outcomes=BY_SESSION,
        by_default=True,
        needs={"correlation"},
        vectorised=True,
        of_sample=kp_patell,
    )
)


def kp_bmp(sample: Sample, options: Options) -> Answer:
    """BMP corrected for cross-correlation: ``t sqrt((1-r̄) / (1+(N-1)r̄))``, t(ν).

    Kolari & Pynnönen (2010), Review of Financial Studies 23, eq. 11; r̄ by
    overlapping windows (Kolari, Pape & Pynnönen 2018), see `dependence`. The spread of
    observations that are not all equally correlated has ν degrees of freedom, fewer
    than N-1: ``ν = tr(MR)² / tr(MRMR)`` with their correlations R and ``M = I - 11'/N``
    (Satterthwaite 1946, Biometrics Bulletin 2). On one date with one correlation
    ν = N-1, as in the paper.
    """
    t, same = _bmp_t(sample)
    factor, *unless = correction(sample, sample.rbar, NO_VARIANCE)
    one = (sample.rbar >= MOST, "all observations are perfectly correlated")
    t = t * np.sqrt((1 - sample.rbar) / factor)
    return judged(sample.mean, t, sample.nu, options.alternative, same, *unless, one)


def kp_bmp_interval(sample: Sample, options: Options, level: float) -> Bounds:
    """Return ``CAAR ± t(ν) s(CAR)/√N sqrt((1+(N-1)r̄)/(1-r̄))``."""
    return bounds(sample.mean, inflated_error(sample), sample.nu, level)


def inflated_error(sample: Sample) -> Array:
    """Return the standard error of the mean effect from its spread, correlation in."""
    factor = 1.0 + (sample.n - 1) * sample.rbar
    real = (factor > 0) & (sample.rbar < MOST)
    share = np.where(real, factor / np.where(real, 1.0 - sample.rbar, 1.0), np.nan)
    s = spread(sample.effect)
    return np.asarray(np.where(s > 0, s, np.nan) * np.sqrt(share / sample.n))


TESTS.register(
    EventTest(
        name="kp_bmp",
        meaning="BMP's test corrected for the correlation of windows",
        null="H0: E[SCAR] = 0",
        citation="Kolari & Pynnönen (2010), Review of Financial Studies 23; Kolari, "
        "Pape & Pynnönen (2018)",
        robust_to={
            "event-induced variance",
            "cross-correlation",
            "clustering",
            "non-normality",
            "missing data",
        },
        scale="event",
        min_n=2,
        outcomes=BY_SESSION,
        votes=True,
        in_headline=True,
        by_default=True,
        needs={"correlation"},
        vectorised=True,
        interval=kp_bmp_interval,
        of_sample=kp_bmp,
    )
)


def patell_original(sample: Sample, options: Options) -> Answer:
    """Patell's Z as published: ``Σ_i [Σ_τ SAR / sqrt(L_i df/(df-2))] / √N``.

    Takes the days of a window as independent and so leaves out that they share the
    estimated parameters; too many rejections for long windows. Normal.
    Patell (1976), J. Accounting Research 14.
    """
    few = ((sample.df <= 2).any(axis=-1), FEW_DF)
    variance = sample.n_valid * sample.df / (sample.df - 2)
    z = (sample.sar_sum / np.sqrt(variance)).sum(axis=-1) / np.sqrt(sample.n)
    return judged(sample.mean, z, np.inf, options.alternative, few)


TESTS.register(
    EventTest(
        name="patell_original",
        meaning="Patell's test with the days of a window as independent",
        null="H0: E[SCAR] = 0",
        citation="Patell (1976), J. Accounting Research 14",
        robust_to={"missing data"},
        scale="estimation window",
        outcomes=BY_SESSION,
        vectorised=True,
        of_sample=patell_original,
    )
)


def jackknife(sample: Sample, options: Options) -> Answer:
    """Jackknifed ratio of the mean SCAR to its spread, t(N-1).

    Pseudo-values ``P_i = Nθ - (N-1)θ_{-i}`` of ``θ = mean(SCAR)/s(SCAR)``, tested by
    ``mean(P) √N / s(P)``: the spread's own sampling error and the skewness of the
    SCARs enter the variance, at no assumption about the event's variance. The idea is
    that of Giaccotto & Sfiridis (1996), J. Economics and Business 48; the choice of
    θ is ours.
    """
    x, n = sample.scar, sample.n
    mean = x.mean(axis=-1, keepdims=True)
    deviation = x - mean
    left_mean = mean - deviation / (n - 1)
    left_square = (deviation**2).sum(axis=-1, keepdims=True)
    left_square = left_square - deviation**2 * n / (n - 1)
    real = left_square > 1e-20 * (x**2).sum(axis=-1, keepdims=True)
    left_out = left_mean / np.sqrt(left_square / (n - 2))
    s = spread(x)
    pseudo = n * mean / s[..., None] - (n - 1) * left_out
    t = pseudo.mean(axis=-1) * np.sqrt(n) / spread(pseudo)
    alike = "without one observation the SCARs are all the same"
    return judged(
        sample.mean,
        t,
        n - 1,
        options.alternative,
        (s == 0, SAME_SCAR),
        (~real.all(axis=-1), alike),
    )


TESTS.register(
    EventTest(
        name="jackknife",
        meaning="jackknifed ratio of the mean SCAR to its spread",
        null="H0: E[SCAR] = 0",
        citation="after Giaccotto & Sfiridis (1996), J. Economics and Business 48",
        robust_to={"event-induced variance", "missing data"},
        estimand="such dates",
        scale="event",
        min_n=4,
        outcomes=BY_SESSION,
        vectorised=True,
        of_sample=jackknife,
    )
)


def correction(sample: Sample, rbar: Array, text: str) -> tuple[Array, Case, Case]:
    """Return ``1 + (N-1) r̄``, 1 for one observation, and when it cannot be used.

    text : what to say where the factor is not positive
    """
    factor = np.ones_like(rbar) if sample.n == 1 else 1.0 + (sample.n - 1) * rbar
    return factor, (np.isnan(factor), NO_CORRELATION), (factor <= 0, text)


def _patell_z(sample: Sample) -> tuple[Array, Case]:
    variance = (sample.df / (sample.df - 2)).sum(axis=-1)
    few = (sample.df <= 2).any(axis=-1)
    return sample.scar.sum(axis=-1) / np.sqrt(variance), (few, FEW_DF)


def _bmp_t(sample: Sample) -> tuple[Array, Case]:
    s = spread(sample.scar)
    t = sample.scar.mean(axis=-1) * np.sqrt(sample.n) / s
    return t, (s == 0, SAME_SCAR)
