"""Parametric tests of the mean over many observations."""

import numpy as np

from eventstudy.inference.pvalues import Answer, Options, judged, refused
from eventstudy.inference.sample import Sample, spread

FEW_DF = "an observation has no more than 2 degrees of freedom"
NO_CORRELATION = "the correlation between the observations is not known"


def csect(sample: Sample, options: Options) -> Answer:
    """Cross-sectional t: ``mean √N / s``, s with N-1, t(N-1).

    Brown & Warner (1980), J. Financial Economics 8. Takes observations as independent.
    """
    if (refusal := sample.lacks(2)) is not None:
        return refusal
    s = spread(sample.effect)
    if s == 0:
        return refused(sample.mean, "all observations have the same effect")
    t = sample.mean * np.sqrt(sample.n) / s
    return judged(sample.mean, t, sample.n - 1, options.alternative)


def patell(sample: Sample, options: Options) -> Answer:
    """Patell's Z: ``Σ SCAR / sqrt(Σ df/(df-2))``, normal.

    Patell (1976), J. Accounting Research 14; the window form with SCAR is that of
    Mikkelson & Partch (1988). For one day both are the same.
    """
    z = _patell_z(sample)
    return (
        z
        if isinstance(z, Answer)
        else judged(sample.mean, z, np.inf, options.alternative)
    )


def kp_patell(sample: Sample, options: Options) -> Answer:
    """Patell's Z corrected for cross-correlation: ``Z / sqrt(1 + (N-1) r̄)``.

    Kolari & Pynnönen (2010), Review of Financial Studies 23; r̄ by overlapping
    windows, see `dependence`.
    """
    z = _patell_z(sample)
    if isinstance(z, Answer):
        return z
    factor = correction(sample)
    if isinstance(factor, Answer):
        return factor
    return judged(sample.mean, z / np.sqrt(factor), np.inf, options.alternative)


def bmp(sample: Sample, options: Options) -> Answer:
    """Standardised cross-sectional test: ``mean(SCAR) √N / s(SCAR)``, t(N-1).

    Boehmer, Musumeci & Poulsen (1991), J. Financial Economics 30.
    """
    t = _bmp_t(sample)
    if isinstance(t, Answer):
        return t
    return judged(sample.mean, t, sample.n - 1, options.alternative)


def kp_bmp(sample: Sample, options: Options) -> Answer:
    """BMP corrected for cross-correlation: ``t sqrt((1-r̄) / (1+(N-1)r̄))``, t(N-1).

    Kolari & Pynnönen (2010), Review of Financial Studies 23, eq. 11; r̄ by
    overlapping windows (Kolari, Pape & Pynnönen 2018), see `dependence`.
    """
    t = _bmp_t(sample)
    if isinstance(t, Answer):
        return t
    factor = correction(sample)
    if isinstance(factor, Answer):
        return factor
    rbar = sample.dependence.rbar
    if rbar >= 1:
        return refused(sample.mean, "all observations are perfectly correlated")
    t *= np.sqrt((1 - rbar) / factor)
    return judged(sample.mean, t, sample.n - 1, options.alternative)


def correction(sample: Sample) -> float | Answer:
    """Return ``1 + (N-1) r̄``, 1 for one observation, or why it cannot be used."""
    if sample.n == 1:
        return 1.0
    factor = 1.0 + (sample.n - 1) * sample.dependence.rbar
    if np.isnan(factor):
        return refused(sample.mean, NO_CORRELATION)
    if factor <= 0:
        return refused(
            sample.mean,
            "the mean correlation is so negative that the mean has no variance",
        )
    return factor


def _patell_z(sample: Sample) -> float | Answer:
    if (refusal := sample.lacks(1, sessions=True)) is not None:
        return refusal
    if (sample.df <= 2).any():
        return refused(sample.mean, FEW_DF)
    variance = (sample.df / (sample.df - 2)).sum()
    return float(sample.scar.sum() / np.sqrt(variance))


def _bmp_t(sample: Sample) -> float | Answer:
    if (refusal := sample.lacks(2, sessions=True)) is not None:
        return refusal
    s = spread(sample.scar)
    if s == 0:
        return refused(sample.mean, "all observations have the same SCAR")
    return float(sample.scar.mean() * np.sqrt(sample.n) / s)


def patell_original(sample: Sample, options: Options) -> Answer:
    """Patell's Z as published: ``Σ_i [Σ_τ SAR / sqrt(L_i df/(df-2))] / √N``.

    Takes the days of a window as independent and so leaves out that they share the
    estimated parameters; too many rejections for long windows. Normal.
    Patell (1976), J. Accounting Research 14.
    """
    if (refusal := sample.lacks(1, sessions=True)) is not None:
        return refusal
    if (sample.df <= 2).any():
        return refused(sample.mean, FEW_DF)
    variance = sample.n_valid * sample.df / (sample.df - 2)
    z = (sample.sar_sum / np.sqrt(variance)).sum() / np.sqrt(sample.n)
    return judged(sample.mean, float(z), np.inf, options.alternative)


def jackknife(sample: Sample, options: Options) -> Answer:
    """Jackknifed ratio of the mean SCAR to its spread, t(N-1).

    Pseudo-values ``P_i = Nθ - (N-1)θ_{-i}`` of ``θ = mean(SCAR)/s(SCAR)``, tested by
    ``mean(P) √N / s(P)``: the spread's own sampling error and the skewness of the
    SCARs enter the variance, at no assumption about the event's variance. The idea is
    that of Giaccotto & Sfiridis (1996), J. Economics and Business 48; the choice of
    θ is ours.
    """
    if (refusal := sample.lacks(4, sessions=True)) is not None:
        return refusal
    x, n = sample.scar, sample.n
    if spread(x) == 0:
        return refused(sample.mean, "all observations have the same SCAR")
    deviation = x - x.mean()
    left_mean = x.mean() - deviation / (n - 1)
    left_square = (deviation**2).sum() - deviation**2 * n / (n - 1)
    if not (left_square > 1e-20 * (x**2).sum()).all():
        return refused(
            sample.mean, "without one observation the SCARs are all the same"
        )
    left_out = left_mean / np.sqrt(left_square / (n - 2))
    pseudo = n * x.mean() / spread(x) - (n - 1) * left_out
    t = pseudo.mean() * np.sqrt(n) / spread(pseudo)
    return judged(sample.mean, float(t), n - 1, options.alternative)
