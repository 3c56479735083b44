"""Tests that take dates, not observations, as the independent facts."""

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.inference.pvalues import (
    Answer,
    Options,
    exceedance,
    judged,
    refused,
)
from eventstudy.inference.sample import Sample, spread

ONE_CLUSTER = "the windows of all dates overlap: one cluster has no variance"
# Fewer clusters cannot reach a two-sided p-value of 6 % by exchanging signs.
MIN_CLUSTERS = 5
# Numbers held at once when resampling.
_BUDGET = 20_000_000


def portfolio(sample: Sample, options: Options) -> Answer:
    """Portfolio by event date: one date, one fact (Jaffe 1974).

    The assets of a date form an equal-weight portfolio. One date: the portfolio's CAR
    over its own forecast error, from its own residual series, t(T-k). Several: dates
    whose windows share a session are one cluster, its value is the mean of its
    portfolios' CARs, and the clusters are tested with t(G-1). The estimate is the
    mean over clusters, which differs from the CAAR when clusters differ in size.

    For one date this is exact when the members share regressors and have no gaps;
    otherwise the members' mean forecast error is used. With one cluster of several
    overlapping dates there is no answer.
    Jaffe (1974), J. Business 47; Brown & Warner (1985), J. Financial Economics 14.
    """
    if (refusal := sample.lacks(1)) is not None:
        return refusal
    if sample.dependence.n_dates == 1:
        return _one_date(sample, options)
    values = cluster_means(sample)
    estimate = float(values.mean())
    if len(values) < 2:
        return refused(estimate, ONE_CLUSTER)
    s = spread(values)
    if s == 0:
        return refused(estimate, "all clusters of dates have the same effect")
    t = estimate * np.sqrt(len(values)) / s
    return judged(estimate, t, len(values) - 1, options.alternative)


def cluster_means(sample: Sample) -> Array:
    """Mean over dates of the date portfolios' effects, one value per cluster."""
    dates, index = np.unique(sample.clock, return_inverse=True)
    by_date = np.bincount(index, sample.effect) / np.bincount(index)
    label = np.empty(len(dates), np.int64)
    label[index] = sample.labels
    means: Array = np.bincount(label, by_date) / np.bincount(label)
    return means


def _one_date(sample: Sample, options: Options) -> Answer:
    if (refusal := sample.lacks(1, sessions=True, raw=True)) is not None:
        return refusal
    (sigma,), (df,) = portfolio_sigma(sample, sample.clock[:1])
    if df <= 0:
        return refused(sample.mean, "no more estimation sessions than parameters")
    leverage = float(((sample.se / sample.sigma) ** 2).mean())
    if not sigma > 1e-12 * float(sample.sigma.max()):
        return refused(sample.mean, "the portfolio has no residual variance")
    t = float(sample.mean / (sigma * np.sqrt(leverage)))
    return judged(sample.mean, t, float(df), options.alternative)


def portfolio_z(sample: Sample, options: Options) -> Answer:
    """Standardised portfolios by event date: to `portfolio` what bmp is to csect.

    Each date's equal-weight portfolio CAR over its own forecast error; the clusters'
    means of these are tested with t(G-1). One date: the same as `portfolio`.
    Jaffe (1974), J. Business 47; Mandelker (1974), J. Financial Economics 1.
    """
    if (refusal := sample.lacks(1, sessions=True)) is not None:
        return refusal
    if sample.dependence.n_dates == 1:
        return _one_date(sample, options)
    dates, index = np.unique(sample.clock, return_inverse=True)
    members = np.bincount(index)
    sigma, _ = portfolio_sigma(sample, dates)
    forecast = np.bincount(index, (sample.se / sample.sigma) ** 2) / members
    if not (sigma > 1e-12 * sample.sigma.max()).all():
        return refused(sample.mean, "a date's portfolio has no residual variance")
    z = np.bincount(index, sample.car) / members / (sigma * np.sqrt(forecast))
    label = np.empty(len(dates), np.int64)
    label[index] = sample.labels
    values = np.bincount(label, z) / np.bincount(label)
    if len(values) < 2:
        return refused(sample.mean, ONE_CLUSTER)
    s = spread(values)
    if s == 0:
        return refused(sample.mean, "all clusters of dates have the same effect")
    t = values.mean() * np.sqrt(len(values)) / s
    return judged(sample.mean, float(t), len(values) - 1, options.alternative)


def portfolio_sigma(sample: Sample, dates: IntArray) -> tuple[Array, Array]:
    """Residual sd and degrees of freedom of the portfolio of each clock."""
    count = sample.sums["residual_count"][dates]
    present = count > 0
    series = np.divide(
        sample.sums["residual"][dates], count, out=np.zeros_like(count), where=present
    )
    n = present.sum(axis=1)
    k = float(np.max(sample.n_estimation - sample.df))
    df = n - k
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = series.sum(axis=1) / n
        square = (np.where(present, series - mean[:, None], 0.0) ** 2).sum(axis=1)
        sigma = np.sqrt(np.where(df > 0, square / df, np.nan))
    return sigma, df


def cluster(sample: Sample, options: Options) -> Answer:
    """Student t of the mean, clustered by dates: CR2 variance, Satterthwaite degrees.

    The CAR regressed on a constant; clusters are dates whose windows share a session.
    CR2 scales each cluster's score by ``(1 - n_g/N)^-½``, which makes the variance
    unbiased under independence; the degrees of freedom match its first two moments.
    Bell & McCaffrey (2002), Survey Methodology 28; Imbens & Kolesár (2016), Review of
    Economics and Statistics 98.
    """
    return _one_way(sample, options, power=0.5)


def cluster_cr3(sample: Sample, options: Options) -> Answer:
    """Student t of the mean, clustered by dates: CR3 (jackknife) variance.

    Scores scaled by ``(1 - n_g/N)^-1``: the delete-one-cluster jackknife, with
    Satterthwaite degrees. More cautious than CR2 with few or unequal clusters.
    Bell & McCaffrey (2002), Survey Methodology 28.
    """
    return _one_way(sample, options, power=1.0)


def cluster_two_way(sample: Sample, options: Options) -> Answer:
    """Student t of the mean, clustered by dates and by asset, CR2, t(min(G)-1).

    ``V_dates + V_assets - V_both``, each with its own CR2 scaling.
    Cameron, Gelbach & Miller (2011), J. Business and Economic Statistics 29.
    """
    if (refusal := sample.lacks(2)) is not None:
        return refusal
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
    if not variance > 1e-20 * float((sample.effect**2).max()):
        return refused(sample.mean, "the two-way variance is not positive")
    t = sample.mean / np.sqrt(variance)
    return judged(sample.mean, float(t), n_groups - 1, options.alternative)


def wild_cluster(sample: Sample, options: Options) -> Answer:
    """Wild cluster bootstrap of the clustered t: Webb's weights, null imposed.

    Each cluster of dates keeps its effects, multiplied by one of ±√½, ±1, ±√1.5;
    the t of the mean with the cluster variance is compared with its resamples. For
    fewer than 30 clusters, but not for fewer than 5.
    Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90; Webb
    (2023), Canadian J. Economics 56.
    """
    if (refusal := few_clusters(sample)) is not None:
        return refusal
    size = np.bincount(sample.labels)
    total = np.asarray(np.bincount(sample.labels, sample.effect), np.float64)
    observed = _clustered_t(total[None, :], size)[0]
    if not np.isfinite(observed):
        return refused(sample.mean, "all clusters of dates have the same effect")
    weights = np.sqrt([0.5, 1.0, 1.5])
    weights = np.concatenate([-weights, weights])
    rng = np.random.default_rng(options.seed)
    step = max(1, _BUDGET // len(size))
    parts = []
    for first in range(0, options.n_draws, step):
        shape = (min(step, options.n_draws - first), len(size))
        parts.append(_clustered_t(weights[rng.integers(0, 6, shape)] * total, size))
    draws = np.concatenate(parts)
    return Answer(
        estimate=sample.mean,
        statistic=float(observed),
        pvalue=exceedance(draws, float(observed), options.alternative),
        df=np.inf,
    )


def few_clusters(sample: Sample) -> Answer | None:
    """Refuse a resampling of clusters that could not reach a p-value of 6 %."""
    if (refusal := sample.lacks(2)) is not None:
        return refusal
    if sample.dependence.n_clusters < MIN_CLUSTERS:
        return refused(
            sample.mean,
            f"needs {MIN_CLUSTERS} clusters of dates, there are "
            f"{sample.dependence.n_clusters}",
        )
    return None


def _clustered_t(total: Array, size: IntArray) -> Array:
    """Student t of the mean with the cluster variance, from cluster sums (B, G)."""
    n, g = size.sum(), len(size)
    mean = total.sum(axis=1) / n
    score = total - size * mean[:, None]
    variance = (score**2).sum(axis=1) / n**2 * (g / (g - 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        t: Array = mean / np.sqrt(variance)
    return t


def _one_way(sample: Sample, options: Options, *, power: float) -> Answer:
    if (refusal := sample.lacks(2)) is not None:
        return refusal
    if sample.dependence.n_clusters < 2:
        return refused(sample.mean, ONE_CLUSTER)
    variance, df = clustered_variance(sample.effect, sample.labels, power=power)
    if not variance > 1e-20 * float((sample.effect**2).max()):
        return refused(sample.mean, "all clusters of dates have the same effect")
    t = sample.mean / np.sqrt(variance)
    return judged(sample.mean, float(t), df, options.alternative)


def clustered_variance(
    effect: Array, labels: IntArray, *, power: float = 0.5
) -> tuple[float, float]:
    """Clustered variance of the mean and its Satterthwaite degrees of freedom.

    power : ½ for CR2, 1 for CR3.
    ``1'(I - 11'/N)^-p`` is ``(1 - n_g/N)^-p 1'`` within a cluster, so neither a matrix
    root nor a loop is needed; ``tr(M²)`` uses that M is diagonal less rank one.
    """
    n, size = len(effect), np.bincount(labels).astype(np.float64)
    if len(size) < 2:
        return 0.0, float("nan")
    scale = (1.0 - size / n) ** -power
    score = np.bincount(labels, effect - effect.mean())
    variance = ((scale * score) ** 2).sum() / n**2
    diagonal, edge = scale**2 * size, scale * size
    trace = (diagonal - edge**2 / n).sum()
    square = (
        (diagonal**2).sum()
        - 2 * (diagonal * edge**2).sum() / n
        + (edge**2).sum() ** 2 / n**2
    )
    return float(variance), float(trace**2 / square)
