"""Tests that know of dates: portfolios, clusters, the history of the mean."""

import numpy as np
from scipy.sparse import csr_array

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.simulation.batch import Injected, spread
from eventstudy.simulation.batched.judged import Judged, judge, nothing


def portfolio(one: Injected) -> Judged:
    """Student t over clusters of the dates' equal-weight portfolios."""
    layout = one.batch.layout
    if layout.n_dates == 1:
        return _portfolio_of_one_date(one)
    member = _groups(layout.date)
    return _over_clusters(one, _summed(one.car, member) / member.sum(axis=1))


def _portfolio_of_one_date(one: Injected) -> Judged:
    b = one.batch
    sigma, n_sessions = b.mean_residual_sd
    k = (b.n_estimation - b.df).max(axis=1)
    df = n_sessions - k
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt((n_sessions - 1.0) / np.where(df > 0, df, np.nan))
        t = one.car.mean(axis=1) / (sigma * scale * np.sqrt(_leverage(one)))
    return judge(one, t, np.where(df > 0, df, np.nan))


def _leverage(one: Injected) -> Array:
    """Mean squared forecast standard error of the CAR over the residual variance."""
    b = one.batch
    return np.asarray(((b.se / b.sigma) ** 2).mean(axis=1), np.float64)


def crude(one: Injected) -> Judged:
    """Mean CAR over the mean residual's deviation in time, t."""
    sigma, n_sessions = one.batch.mean_residual_sd
    t = one.car.mean(axis=1) / (sigma * np.sqrt(one.batch.layout.length))
    return judge(one, t, n_sessions - 1.0)


def lamb(one: Injected) -> Judged:
    """The same with the forecast error, normal."""
    sigma, _ = one.batch.mean_residual_sd
    return judge(one, one.car.mean(axis=1) / (sigma * np.sqrt(_leverage(one))), np.inf)


def portfolio_z(one: Injected) -> Judged:
    """Student t over clusters of the dates' standardised portfolios."""
    b, layout = one.batch, one.batch.layout
    if layout.n_dates == 1:
        return _portfolio_of_one_date(one)
    member = _groups(layout.date)
    count = member @ layout.present.astype(np.float64)
    there = count > 0
    n_paths, n, t = b.residuals.shape
    flat = np.where(layout.present, b.residuals, 0.0).transpose(1, 0, 2)
    total = (member @ flat.reshape(n, -1)).reshape(-1, n_paths, t).transpose(1, 0, 2)
    series = total / np.maximum(count, 1.0)
    sessions = there.sum(axis=1)
    mean = series.sum(axis=2) / sessions
    square = (np.where(there, series - mean[:, :, None], 0.0) ** 2).sum(axis=2)
    df = sessions - (b.n_estimation - b.df).max(axis=1)[:, None]
    sigma = np.sqrt(square / np.where(df > 0, df, np.nan))
    real = sigma > 1e-12 * b.sigma.max(axis=1)[:, None]
    members = member.sum(axis=1)
    forecast = _summed((b.se / b.sigma) ** 2, member) / members
    with np.errstate(divide="ignore", invalid="ignore"):
        z = _summed(one.car, member) / members / (sigma * np.sqrt(forecast))
    return _over_clusters(one, np.where(real.all(axis=1)[:, None], z, np.nan))


def _over_clusters(one: Injected, by_date: Array) -> Judged:
    """Test the clusters' means of values by date (R, dates)."""
    layout = one.batch.layout
    cluster = np.empty(layout.n_dates, np.int64)
    cluster[layout.date] = layout.cluster
    member = _groups(cluster)
    values = _summed(by_date, member) / member.sum(axis=1)
    clusters = values.shape[1]
    if clusters < 2:
        return nothing(one)
    t = values.mean(axis=1) * np.sqrt(clusters) / spread(values)
    return judge(one, t, clusters - 1.0)


def _groups(labels: IntArray) -> csr_array:
    """Return the matrix (G, N) that sums over groups of equal labels."""
    n = len(labels)
    return csr_array(
        (np.ones(n), (labels, np.arange(n))), shape=(int(labels.max()) + 1, n)
    )


def _summed(values: Array, member: csr_array) -> Array:
    """Sum values (R, N) over groups: (R, G)."""
    return np.asarray((member @ values.T).T, np.float64)


def _variance(one: Injected, labels: IntArray, power: float) -> tuple[Array, float]:
    """Clustered variance of the mean (R,) and degrees of freedom; see `cluster`."""
    member, n = _groups(labels), one.batch.layout.n
    size = member.sum(axis=1)
    scale = (1.0 - size / n) ** -power
    score = _summed(one.car - one.car.mean(axis=1, keepdims=True), member)
    variance = ((scale * score) ** 2).sum(axis=1) / n**2
    diagonal, edge = scale**2 * size, scale * size
    trace = (diagonal - edge**2 / n).sum()
    square = (diagonal**2).sum() - 2.0 * (diagonal * edge**2).sum() / n
    square += (edge**2).sum() ** 2 / n**2
    return variance, float(trace**2 / square)


def _t_of_mean(one: Injected, variance: Array, df: float) -> Judged:
    real = variance > 1e-20 * (one.car**2).max(axis=1)
    t = one.car.mean(axis=1) / np.sqrt(np.where(real, variance, np.nan))
    return judge(one, t, df)


def cluster(one: Injected) -> Judged:
    """Student t clustered by dates, CR2."""
    return _one_way(one, 0.5)


def cluster_cr3(one: Injected) -> Judged:
    """Student t clustered by dates, CR3."""
    return _one_way(one, 1.0)


def _one_way(one: Injected, power: float) -> Judged:
    labels = one.batch.layout.cluster
    if labels.max() < 1:
        return nothing(one)
    return _t_of_mean(one, *_variance(one, labels, power))


def cluster_two_way(one: Injected) -> Judged:
    """Student t clustered by dates and by asset, CR2."""
    dates, assets = one.batch.layout.cluster, one.batch.layout.asset
    n_groups = min(dates.max(), assets.max()) + 1
    if n_groups < 2:
        return nothing(one)
    pairs = np.unique(dates * (assets.max() + 1) + assets, return_inverse=True)[1]
    parts = [_variance(one, g, 0.5)[0] for g in (dates, assets, pairs)]
    return _t_of_mean(one, parts[0] + parts[1] - parts[2], n_groups - 1.0)
