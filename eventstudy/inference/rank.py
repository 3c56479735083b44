"""Rank tests: Corrado's and the generalised rank test, from sums per session."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.inference.parametric import NO_CORRELATION
from eventstudy.inference.pvalues import Answer, Options, judged, refused
from eventstudy.inference.sample import Sample

NO_SPREAD = "the mean ranks do not vary"


def rank(sample: Sample, options: Options) -> Answer:
    """Corrado's rank test, with Corrado & Zivney's scaling for missing returns.

    ``U = K/(1+M) - ½`` with K the rank of a return among the asset's M valid returns
    of estimation and event window together; ``sqrt(L) mean_w(Ū_τ sqrt(N_τ)) / s``,
    ``s² = mean_t(N_t Ū_t²)`` over all sessions; normal. The window form is that of
    Cowan (1992), Review of Quantitative Finance and Accounting 2.
    Corrado (1989), J. Financial Economics 23; Corrado & Zivney (1992), J. Financial
    and Quantitative Analysis 27.
    """
    if (refusal := sample.lacks(1, sessions=True)) is not None:
        return refusal
    return session_test(sample, options, sample.sums["rank"], sample.sums["rank_count"])


def rank_z(sample: Sample, options: Options) -> Answer:
    """Rank test on standardised returns, robust to event-induced variance, normal.

    As `rank`, on standardised abnormal returns; those of the event window are first
    divided by their cross-sectional standard deviation of the day.
    Corrado & Zivney (1992), J. Financial and Quantitative Analysis 27, section III.
    """
    if (refusal := sample.lacks(2, sessions=True)) is not None:
        return refusal
    sums = sample.sums
    if sums["rank_z_count"][sample.n_estimation_sessions :].sum() == 0:
        return refused(sample.mean, "no day has two observations to spread")
    return session_test(sample, options, sums["rank_z"], sums["rank_z_count"])


def session_test(
    sample: Sample, options: Options, total: Array, count: Array
) -> Answer:
    """Sum of a window's standardised session means against their spread over time."""
    present = count > 0
    mean = np.divide(total, np.sqrt(count), out=np.zeros_like(total), where=present)
    s = np.sqrt((mean**2).sum() / present.sum())
    event = slice(sample.n_estimation_sessions, None)
    inside = present[event][sample.columns]
    if not s > 0 or not inside.any():
        return refused(sample.mean, NO_SPREAD)
    z = mean[event][sample.columns][inside].sum() / np.sqrt(inside.sum()) / s
    return judged(sample.mean, z, np.inf, options.alternative)


def grank_t(sample: Sample, options: Options) -> Answer:
    """Generalised rank test, t form: ``Z sqrt((T-2)/(T-1-Z²))``, t(T-2).

    The window's SCAR, divided by ``s(SCAR)/sqrt(1-r̄_w)``, is ranked as one more
    session among the estimation window's standardised residuals; ``Z = Ū_0 / s_Ū``
    with ``s_Ū² = mean_t((N_t/N) Ū_t²)`` over the T = estimation + 1 sessions. Without
    ``sqrt(1-r̄_w)`` a shared date would inflate the SCARs; the paper has r̄ = 0 there.
    Kolari & Pynnönen (2011), J. Empirical Finance 18.
    """
    found = _grank_z(sample)
    if isinstance(found, Answer):
        return found
    z, t = found
    inner = t - 1 - z**2
    if t <= 2 or inner <= 0:
        return refused(sample.mean, "too few sessions for the t form")
    statistic = z * np.sqrt((t - 2) / inner)
    return judged(sample.mean, statistic, t - 2, options.alternative)


def grank_z(sample: Sample, options: Options) -> Answer:
    """Generalised rank test, z form: ``ΣU_0 / sqrt(Σ_i (n-1)/(12(n+1)))``, normal.

    Takes the ranks as independent; see `grank_t` and `grank_overlap` otherwise.
    Kolari & Pynnönen (2011), J. Empirical Finance 18.
    """
    found = grank_sums(sample)
    if isinstance(found, Answer):
        return found
    total, _, variance = found
    z = float(total[-1] / np.sqrt(variance))
    return judged(sample.mean, z, np.inf, options.alternative)


def grank_overlap(sample: Sample, options: Options) -> Answer:
    """Generalised rank test for dates that are close but not equal; ours, normal.

    ``ΣU_0 / sqrt(Σ_i Var(U_i) (1 + (N-1) r̄_w))`` with ``Var(U) = (n-1)/(12(n+1))``
    for the rank among n = T_i + 1 sessions, and r̄_w of the estimation ranks by
    overlapping windows, see `dependence`. Where the variance of the mean rank over
    time (`grank_t`) only knows what happens in the same event-time session, this
    knows which windows share sessions. Not from the literature; ranks as in Kolari &
    Pynnönen (2011), correction as in Kolari, Pape & Pynnönen (2018).
    """
    found = grank_sums(sample)
    if isinstance(found, Answer):
        return found
    total, _, variance = found
    known = sample.rank_dependence
    rbar = 0.0 if sample.n == 1 else (known.rbar if known is not None else np.nan)
    factor = 1.0 + (sample.n - 1) * rbar
    if np.isnan(factor):
        return refused(sample.mean, NO_CORRELATION)
    if factor <= 0:
        return refused(sample.mean, "the ranks' mean correlation is too negative")
    z = total[-1] / np.sqrt(variance * factor)
    return judged(sample.mean, z, np.inf, options.alternative)


def grank_sums(sample: Sample) -> tuple[Array, Array, float] | Answer:
    """Return the sums of U, their counts and ΣVar(U), or why there are none."""
    if (refusal := sample.lacks(2, sessions=True)) is not None:
        return refusal
    if sample.sums["grank_count"][-1] == 0:
        return refused(
            sample.mean, "the SCARs cannot be re-standardised: no spread, or r̄ unknown"
        )
    return (
        sample.sums["grank"],
        sample.sums["grank_count"],
        float(sample.sums["grank_variance"][0]),
    )


def _grank_z(sample: Sample) -> tuple[float, int] | Answer:
    found = grank_sums(sample)
    if isinstance(found, Answer):
        return found
    total, count, _ = found
    present = count > 0
    n = count[-1]
    mean = np.divide(total, count, out=np.zeros_like(total), where=present)
    s = np.sqrt((count / n * mean**2).sum() / present.sum())
    if not s > 0:
        return refused(sample.mean, NO_SPREAD)
    return float(mean[-1] / s), int(present.sum())
