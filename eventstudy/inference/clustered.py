"""Tests that take dates, not observations, as the independent facts."""

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import BY_SESSION, EventTest
from eventstudy.inference.pvalues import (
    BUDGET,
    ONE_CLUSTER,
    Answer,
    Bounds,
    Case,
    Options,
    answered,
    bounds,
    exceedance,
    judged,
    not_on,
    refused,
)
from eventstudy.inference.sample import Sample, group_means, group_sums, spread

SAME = "all clusters of dates have the same effect"


def portfolio(sample: Sample, options: Options) -> Answer:
    """Portfolio by event date: one date, one fact (Jaffe 1974).

    The assets of a date form an equal-weight portfolio. One date: the portfolio's CAR
    over its own forecast error, from its own residual series, t(T-k). Several: dates
    whose windows share a session are one cluster, its value is the mean of its
    portfolios' CARs, and the clusters are tested. The estimate is the mean over
    clusters, which differs from the CAAR when clusters differ in size. Clusters share
    no session of their windows but may share those that their models were estimated
    from: ``t = mean √G / s · sqrt((1-r̄) / (1+(G-1)r̄))`` with r̄ the mean correlation
    between clusters that follows from their loadings, and ν by two moments, G-1 where
    nothing is shared; see `Sample` and, for r̄ below 0, `cluster_correction`.

    For one date this is exact when the members share regressors and have no gaps;
    otherwise the members' mean forecast error is used. With one cluster of several
    overlapping dates there is no answer.
    Jaffe (1974), J. Business 47; Brown & Warner (1985), J. Financial Economics 14. The
    correction is ours, after Kolari & Pynnönen (2010).
    """
    if sample.n_dates == 1:
        return _one_date(sample, options)
    values = cluster_means(sample)
    known = forecast_variance(sample)
    return _of_values(sample, options, values, values.mean(axis=-1), known)


def portfolio_interval(sample: Sample, options: Options, level: float) -> Bounds:
    """Return ``mean ± t(ν) s/√G sqrt((1+(G-1)r̄)/(1-r̄))`` of the clusters' means."""
    values = cluster_means(sample)
    s = spread(values)
    se = np.where(s > 0, s, np.nan) / np.sqrt(values.shape[-1])
    se = se / cluster_correction(sample, values, forecast_variance(sample))[0]
    return bounds(values.mean(axis=-1), se, sample.cluster_nu, level)


TESTS.register(
    EventTest(
        name="portfolio",
        meaning="one portfolio per event date, clusters of dates as facts",
        null="H0: E[CAR] = 0",
        citation="Jaffe (1974), J. Business 47",
        robust_to={"cross-correlation", "clustering", "non-normality", "missing data"},
        estimand="such dates",
        estimates_mean=False,
        votes=True,
        in_headline=True,
        by_default=True,
        needs={"residuals", "correlation"},
        vectorised=True,
        interval=portfolio_interval,
        of_sample=portfolio,
    )
)


def _of_values(
    sample: Sample,
    options: Options,
    values: Array,
    estimate: Array,
    known: Array | float,
    *unless: Case,
) -> Answer:
    """Test the mean of one value per cluster (..., G), of known error variance."""
    n, s = values.shape[-1], spread(values)
    shared, *not_shared = cluster_correction(sample, values, known)
    t = values.mean(axis=-1) * np.sqrt(n) / s * shared
    few, same = (n < 2, ONE_CLUSTER), (s == 0, SAME)
    df, alternative = sample.cluster_nu, options.alternative
    return judged(estimate, t, df, alternative, *unless, few, same, *not_shared)


def cluster_correction(
    sample: Sample, values: Array, known: Array | float
) -> tuple[Array, Case, Case]:
    """Return by how much shared errors change a t of clusters, and when it has none.

    The variance of the mean of values with errors of variance σ² that correlate by r̄,
    and with effects of their own, is ``(s² + G r̄ σ²)/G``. ``σ² = s²/(1-r̄)`` where the
    effects are alike gives ``sqrt((1-r̄) / (1+(G-1)r̄))``. Below r̄ = 0 that would take
    the spread of effects that differ for error, so σ² is not more than is known.

    values : (..., G) of the clusters;  known : variance of their errors
    """
    rbar, n = sample.cluster_rbar, sample.n_clusters
    square = spread(values) ** 2
    error = np.where(square > 0, square, np.nan) / (1.0 - rbar)
    error = np.where((rbar < 0) & (known < error), known, error)
    share = 1.0 + n * rbar * error / square
    unknown = (np.isnan(rbar) & (n > 1), "the clusters' correlation is not known")
    none = ((share <= 0) | (rbar >= 1), "the clusters' correlation admits no variance")
    return 1.0 / np.sqrt(np.where(share > 0, share, np.nan)), unknown, none


def forecast_variance(sample: Sample) -> Array:
    """Mean over dates of the forecast error variance of the dates' portfolios, (...,).

    nan where the residuals were not summed.
    """
    if "residual" not in sample.sums:
        return np.full(np.shape(sample.mean), np.nan)
    dates, index = np.unique(sample.clock, return_inverse=True)
    sigma, _ = portfolio_sigma(sample, dates)
    forecast = group_means((sample.se / sample.sigma) ** 2, index, len(dates))
    return np.asarray((sigma**2 * forecast).mean(axis=-1))


def cluster_means(sample: Sample) -> Array:
    """Mean over dates of the date portfolios' effects, one value per cluster."""
    dates, index = np.unique(sample.clock, return_inverse=True)
    return _of_clusters(sample, index, group_means(sample.effect, index, len(dates)))


def _of_clusters(sample: Sample, index: IntArray, by_date: Array) -> Array:
    """Means over clusters of dates of values by date (..., dates)."""
    label = np.empty(by_date.shape[-1], np.int64)
    label[index] = sample.labels
    return group_means(by_date, label, sample.n_clusters)


def _one_date(sample: Sample, options: Options) -> Answer:
    if sample.outcome != "car":
        return refused(sample.mean, not_on(sample.outcome))
    sigma, df = portfolio_sigma(sample, sample.clock[:1])
    sigma, df = sigma[..., 0], df[..., 0]
    leverage = ((sample.se / sample.sigma) ** 2).mean(axis=-1)
    still = ~(sigma > 1e-12 * sample.sigma.max(axis=-1))
    return judged(
        sample.mean,
        sample.mean / (sigma * np.sqrt(leverage)),
        df,
        options.alternative,
        (df <= 0, "no more estimation sessions than parameters"),
        (still, "the portfolio has no residual variance"),
    )


def portfolio_z(sample: Sample, options: Options) -> Answer:
    """Standardised portfolios by event date: to `portfolio` what bmp is to csect.

    Each date's equal-weight portfolio CAR over its own forecast error; the clusters'
    means of these are tested as there. One date: the same as `portfolio`.
    Jaffe (1974), J. Business 47; Mandelker (1974), J. Financial Economics 1.
    """
    if sample.n_dates == 1:
        return _one_date(sample, options)
    dates, index = np.unique(sample.clock, return_inverse=True)
    sigma, _ = portfolio_sigma(sample, dates)
    forecast = group_means((sample.se / sample.sigma) ** 2, index, len(dates))
    car = group_means(sample.car, index, len(dates))
    z = car / (sigma * np.sqrt(forecast))
    values = _of_clusters(sample, index, z)
    still = ~(sigma > 1e-12 * sample.sigma.max(axis=-1)[..., None]).all(axis=-1)
    no_variance = (still, "a date's portfolio has no residual variance")
    return _of_values(sample, options, values, sample.mean, 1.0, no_variance)


TESTS.register(
    EventTest(
        name="portfolio_z",
        meaning="standardised portfolios per event date, clusters as facts",
        null="H0: E[SCAR] = 0",
        citation="Jaffe (1974), J. Business 47; Mandelker (1974)",
        robust_to={"cross-correlation", "clustering", "non-normality", "missing data"},
        estimand="such dates",
        outcomes=BY_SESSION,
        needs={"residuals", "correlation"},
        vectorised=True,
        interval=portfolio_interval,
        of_sample=portfolio_z,
    )
)


def portfolio_sigma(sample: Sample, dates: IntArray) -> tuple[Array, Array]:
    """Residual sd and degrees of freedom of the portfolio of each clock."""
    count = sample.sums["residual_count"][dates]
    present = count > 0
    total = sample.sums["residual"][..., dates, :]
    series = np.where(present, total / count, 0.0)
    n = present.sum(axis=-1)
    k = np.max(sample.n_estimation - sample.df, axis=-1)
    df = n - k[..., None]
    mean = series.sum(axis=-1) / n
    square = (np.where(present, series - mean[..., None], 0.0) ** 2).sum(axis=-1)
    sigma = np.sqrt(np.where(df > 0, square / df, np.nan))
    return sigma, df


def cluster(sample: Sample, options: Options) -> Answer:
    """Student t of the mean, clustered by dates: CR2 variance, Satterthwaite degrees.

    The CAR regressed on a constant; clusters are dates whose windows share a session.
    CR2 scales each cluster's score by ``(1 - n_g/N)^-½``, which makes the variance
    unbiased under independence; the degrees of freedom match its first two moments.
    Bell & McCaffrey (2002), Survey Methodology 28; Imbens & Kolesár (2016), Review of
    Economics and Statistics 98. Where clusters share estimation error the t and its
    degrees are corrected as in `portfolio`, as for clusters of one size.
    """
    return _one_way(sample, options, power=0.5)


def cluster_interval(sample: Sample, options: Options, level: float) -> Bounds:
    """Return ``CAAR ± t(df) se`` with the clustered standard error."""
    variance, df = clustered_variance(sample.effect, sample.labels)
    left = df * sample.cluster_nu / (sample.n_clusters - 1)
    se = np.sqrt(np.where(variance > 0, variance, np.nan))
    shared = cluster_correction(
        sample, cluster_means(sample), forecast_variance(sample)
    )
    return bounds(sample.mean, se / shared[0], left, level)


TESTS.register(
    EventTest(
        name="cluster",
        meaning="t of the mean clustered by dates, CR2 and Satterthwaite",
        null="H0: E[CAR] = 0",
        citation="Bell & McCaffrey (2002); Imbens & Kolesár (2016)",
        robust_to={
            "event-induced variance",
            "cross-correlation",
            "clustering",
            "non-normality",
            "missing data",
        },
        estimand="such dates",
        scale="event",
        min_n=2,
        min_clusters=2,
        votes=True,
        in_headline=True,
        by_default=True,
        needs={"residuals", "correlation"},
        vectorised=True,
        interval=cluster_interval,
        of_sample=cluster,
    )
)


def cluster_cr3(sample: Sample, options: Options) -> Answer:
    """Student t of the mean, clustered by dates: CR3 (jackknife) variance.

    Scores scaled by ``(1 - n_g/N)^-1``: the delete-one-cluster jackknife, with
    Satterthwaite degrees. More cautious than CR2 with few or unequal clusters.
    Bell & McCaffrey (2002), Survey Methodology 28.
    """
    return _one_way(sample, options, power=1.0)


TESTS.register(
    EventTest(
        name="cluster_cr3",
        meaning="t of the mean clustered by dates, CR3 and Satterthwaite",
        null="H0: E[CAR] = 0",
        citation="Bell & McCaffrey (2002), Survey Methodology 28",
        robust_to={
            "event-induced variance",
            "cross-correlation",
            "clustering",
            "non-normality",
            "missing data",
        },
        estimand="such dates",
        scale="event",
        min_n=2,
        min_clusters=2,
        needs={"residuals", "correlation"},
        vectorised=True,
        of_sample=cluster_cr3,
    )
)


def cluster_two_way(sample: Sample, options: Options) -> Answer:
    """Student t of the mean, clustered by dates and by asset, CR2, t(min(G)-1).

    ``V_dates + V_assets - V_both``, each with its own CR2 scaling.
    Cameron, Gelbach & Miller (2011), J. Business and Economic Statistics 29.
    """
    assets = np.unique(sample.asset, return_inverse=True)[1]
    both = np.unique(sample.labels * (assets.max() + 1) + assets, return_inverse=True)[
        1
    ]
    n_groups = min(sample.labels.max(), assets.max()) + 1
    if n_groups < 2:
        return refused(sample.mean, "needs two clusters of dates and two assets")
    parts = [
        clustered_variance(sample.effect, groups)[0]
        for groups in (sample.labels, assets, both)
    ]
    variance = parts[0] + parts[1] - parts[2]
    negative = "the two-way variance is not positive"
    return _of_variance(sample, options, variance, n_groups - 1, negative)


TESTS.register(
    EventTest(
        name="cluster_two_way",
        meaning="t of the mean clustered by dates and by asset",
        null="H0: E[CAR] = 0",
        citation="Cameron, Gelbach & Miller (2011), J. Business and Economic "
        "Statistics 29",
        robust_to={
            "event-induced variance",
            "cross-correlation",
            "clustering",
            "missing data",
        },
        estimand="such dates",
        scale="event",
        min_n=2,
        vectorised=True,
        of_sample=cluster_two_way,
    )
)


def wild_cluster(sample: Sample, options: Options) -> Answer:
    """Wild cluster bootstrap of the clustered t: Webb's weights, null imposed.

    Each cluster of dates keeps its effects, multiplied by one of ±√½, ±1, ±√1.5;
    the t of the mean with the cluster variance is compared with its resamples. For
    fewer than 30 clusters, but not for fewer than 5.
    Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90; Webb
    (2023), Canadian J. Economics 56.
    """
    size = np.bincount(sample.labels)
    total = group_sums(sample.effect, sample.labels, len(size))
    observed = _clustered_t(total, size)
    weights = np.sqrt([0.5, 1.0, 1.5])
    weights = np.concatenate([-weights, weights])
    rng = np.random.default_rng(options.seed)
    step = max(1, BUDGET // (len(size) * max(1, sample.mean.size)))
    parts = []
    for first in range(0, options.n_draws, step):
        shape = (min(step, options.n_draws - first), len(size))
        drawn = weights[rng.integers(0, 6, shape)] * total[..., None, :]
        parts.append(_clustered_t(drawn, size))
    p = exceedance(np.concatenate(parts, axis=-1), observed, options.alternative)
    same = (~np.isfinite(observed), SAME)
    return answered(sample.mean, observed, p, np.inf, same)


TESTS.register(
    EventTest(
        name="wild_cluster",
        meaning="wild bootstrap of the clustered t, Webb's weights",
        null="H0: E[CAR] = 0",
        citation="Cameron, Gelbach & Miller (2008); Webb (2023)",
        robust_to={"event-induced variance", "cross-correlation", "missing data"},
        estimand="such dates",
        scale="event",
        resampled=True,
        min_n=5,
        min_clusters=5,
        vectorised=True,
        of_sample=wild_cluster,
    )
)


def _clustered_t(total: Array, size: IntArray) -> Array:
    """Student t of the mean with the cluster variance, from cluster sums (..., G)."""
    n, g = size.sum(), len(size)
    mean = total.sum(axis=-1) / n
    score = total - size * mean[..., None]
    variance = (score**2).sum(axis=-1) / n**2 * (g / (g - 1.0))
    t: Array = mean / np.sqrt(variance)
    return t


def _one_way(sample: Sample, options: Options, *, power: float) -> Answer:
    variance, df = clustered_variance(sample.effect, sample.labels, power=power)
    shared, *not_shared = cluster_correction(
        sample, cluster_means(sample), forecast_variance(sample)
    )
    left = df * sample.cluster_nu / (sample.n_clusters - 1)
    return _of_variance(sample, options, variance / shared**2, left, SAME, *not_shared)


def _of_variance(
    sample: Sample,
    options: Options,
    variance: Array,
    df: Array | float,
    text: str,
    *unless: Case,
) -> Answer:
    """Student t of the mean with a variance; ``text`` where that is not positive."""
    none = ~(variance > 1e-20 * (sample.effect**2).max(axis=-1))
    t = sample.mean / np.sqrt(variance)
    return judged(sample.mean, t, df, options.alternative, *unless, (none, text))


def clustered_variance(
    effect: Array, labels: IntArray, *, power: float = 0.5
) -> tuple[Array, float]:
    """Clustered variance of the mean of ``effect`` (..., n) and degrees of freedom.

    power : ½ for CR2, 1 for CR3. The degrees are Satterthwaite's.
    ``1'(I - 11'/N)^-p`` is ``(1 - n_g/N)^-p 1'`` within a cluster, so neither a matrix
    root nor a loop is needed; ``tr(M²)`` uses that M is diagonal less rank one.
    """
    n, size = effect.shape[-1], np.bincount(labels).astype(np.float64)
    if len(size) < 2:
        return np.zeros(effect.shape[:-1]), float("nan")
    scale = (1.0 - size / n) ** -power
    centred = effect - effect.mean(axis=-1, keepdims=True)
    score = group_sums(centred, labels, len(size))
    variance = ((scale * score) ** 2).sum(axis=-1) / n**2
    diagonal, edge = scale**2 * size, scale * size
    trace = (diagonal - edge**2 / n).sum()
    square = (
        (diagonal**2).sum()
        - 2 * (diagonal * edge**2).sum() / n
        + (edge**2).sum() ** 2 / n**2
    )
    return variance, float(trace**2 / square)
