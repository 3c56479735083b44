"""Rank tests: Corrado's and the generalised rank test, from sums per session."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import BY_SESSION, EventTest
from eventstudy.inference.parametric import correction
from eventstudy.inference.pvalues import Answer, Case, Options, judged, refused
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
    return session_test(sample, options, sample.sums["rank"], sample.sums["rank_count"])


TESTS.register(
    EventTest(
        name="rank",
        meaning="Corrado's rank test",
        null="H0: E[U_τ] = 0, U the centred rank of a return in its own history",
        citation="Corrado (1989); Corrado & Zivney (1992); Cowan (1992)",
        robust_to={"cross-correlation", "non-normality", "missing data"},
        scale="estimation window",
        outcomes=BY_SESSION,
        by_default=True,
        needs={"ranks"},
        vectorised=True,
        of_sample=rank,
    )
)


def rank_z(sample: Sample, options: Options) -> Answer:
    """Rank test on standardised returns, robust to event-induced variance, normal.

    As `rank`, on standardised abnormal returns; those of the event window are first
    divided by their cross-sectional standard deviation of the day.
    Corrado & Zivney (1992), J. Financial and Quantitative Analysis 27, section III.
    """
    sums = sample.sums
    if sums["rank_z_count"][sample.n_estimation_sessions :].sum() == 0:
        return refused(sample.mean, "no day has two observations to spread")
    return session_test(sample, options, sums["rank_z"], sums["rank_z_count"])


TESTS.register(
    EventTest(
        name="rank_z",
        meaning="rank test on returns standardised by the event's own spread",
        null="H0: E[U_τ] = 0, U the centred rank of a SAR",
        citation="Corrado & Zivney (1992), J. Financial and Quantitative Analysis 27",
        robust_to={"missing data"},
        scale="event",
        min_n=2,
        outcomes=BY_SESSION,
        needs={"rank_z"},
        vectorised=True,
        of_sample=rank_z,
    )
)


def session_test(
    sample: Sample, options: Options, total: Array, count: Array
) -> Answer:
    """Sum of a window's standardised session means against their spread over time."""
    present = count > 0
    mean = np.where(present, total / np.sqrt(count), 0.0)
    s = np.sqrt((mean**2).sum(axis=-1) / present.sum())
    first = sample.n_estimation_sessions
    inside = present[first:][sample.columns]
    own = mean[..., first:][..., sample.columns][..., inside]
    z = own.sum(axis=-1) / np.sqrt(inside.sum()) / s
    flat = ~(s > 0) | (not inside.any())
    return judged(sample.mean, z, np.inf, options.alternative, (flat, NO_SPREAD))


def grank_t(sample: Sample, options: Options) -> Answer:
    """Generalised rank test, t form: ``Z sqrt((T-2)/(T-1-Z²))``, t(T-2).

    The window's SCAR, divided by ``s(SCAR)/sqrt(1-r̄_w)``, is ranked as one more
    session among the estimation window's standardised residuals; ``Z = Ū_0 / s_Ū``
    with ``s_Ū² = mean_t((N_t/N) Ū_t²)`` over the T = estimation + 1 sessions. Without
    ``sqrt(1-r̄_w)`` a shared date would inflate the SCARs; the paper has r̄ = 0 there.
    Kolari & Pynnönen (2011), J. Empirical Finance 18.
    """
    total, count = sample.sums["grank"], sample.sums["grank_count"]
    present = count > 0
    mean = np.where(present, total / count, 0.0)
    t = int(present.sum())
    s = np.sqrt((count / count[-1] * mean**2).sum(axis=-1) / t)
    z = mean[..., -1] / s
    inner = t - 1 - z**2
    few = (t <= 2) | (inner <= 0)
    return judged(
        sample.mean,
        z * np.sqrt((t - 2) / inner),
        t - 2,
        options.alternative,
        _not_scaled(sample),
        (~(s > 0), NO_SPREAD),
        (few, "too few sessions for the t form"),
    )


TESTS.register(
    EventTest(
        name="grank_t",
        meaning="generalised rank test, t form",
        null="H0: E[U_0] = 0, U_0 the centred rank of the SCAR",
        citation="Kolari & Pynnönen (2011), J. Empirical Finance 18",
        robust_to={"missing data"},
        scale="event",
        min_n=2,
        outcomes=BY_SESSION,
        in_headline=True,
        by_default=True,
        needs={"correlation", "granks"},
        vectorised=True,
        of_sample=grank_t,
    )
)


def grank_z(sample: Sample, options: Options) -> Answer:
    """Generalised rank test, z form: ``ΣU_0 / sqrt(Σ_i (n-1)/(12(n+1)))``, normal.

    Takes the ranks as independent; see `grank_t` and `grank_overlap` otherwise.
    Kolari & Pynnönen (2011), J. Empirical Finance 18.
    """
    z = sample.sums["grank"][..., -1] / np.sqrt(sample.sums["grank_variance"][0])
    return judged(sample.mean, z, np.inf, options.alternative, _not_scaled(sample))


TESTS.register(
    EventTest(
        name="grank_z",
        meaning="generalised rank test, z form",
        null="H0: E[U_0] = 0, U_0 the centred rank of the SCAR",
        citation="Kolari & Pynnönen (2011), J. Empirical Finance 18",
        robust_to={"missing data"},
        scale="event",
        min_n=2,
        outcomes=BY_SESSION,
        needs={"correlation", "granks"},
        vectorised=True,
        of_sample=grank_z,
    )
)


def grank_overlap(sample: Sample, options: Options) -> Answer:
    """Generalised rank test for dates that are close but not equal; ours, t(ν).

    ``ΣU_0 / sqrt(Σ_i Var(U_i) (1 + (N-1) r̄_w))`` with ``Var(U) = (n-1)/(12(n+1))``
    for the rank among n = T_i + 1 sessions, and r̄_w of the estimation ranks by
    overlapping windows, see `dependence`. Where the variance of the mean rank over
    time (`grank_t`) only knows what happens in the same event-time session, this
    knows which windows share sessions. The SCARs that are ranked were divided by their
    own spread, hence the degrees of freedom of `kp_bmp`. Not from the literature; ranks
    as in Kolari & Pynnönen (2011), correction as in Kolari, Pape & Pynnönen (2018).
    """
    negative = "the ranks' mean correlation is too negative"
    factor, *unless = correction(sample, sample.rank_rbar, negative)
    variance = sample.sums["grank_variance"][0] * factor
    z = sample.sums["grank"][..., -1] / np.sqrt(variance)
    return judged(
        sample.mean, z, sample.nu, options.alternative, _not_scaled(sample), *unless
    )


TESTS.register(
    EventTest(
        name="grank_overlap",
        meaning="generalised rank test for windows that overlap in part",
        null="H0: E[U_0] = 0, U_0 the centred rank of the SCAR",
        citation="ours, after Kolari & Pynnönen (2011) and Kolari, Pape & Pynnönen "
        "(2018)",
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
        needs={"correlation", "granks"},
        vectorised=True,
        of_sample=grank_overlap,
    )
)


def _not_scaled(sample: Sample) -> Case:
    """Where the event has no rank among the sessions."""
    none = np.isnan(sample.sums["grank"][..., -1])
    none = none | (sample.sums["grank_count"][-1] == 0)
    return none, "the SCARs cannot be re-standardised: no spread, or r̄ unknown"
