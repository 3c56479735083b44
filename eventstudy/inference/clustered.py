"""Tests that take dates, not observations, as the independent facts."""

import numpy as np

from eventstudy.inference.answers import Answer, Options, judged, refused
from eventstudy.inference.sample import Sample, spread
from eventstudy.results import Array


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
        return refused(
            estimate, "the windows of all dates overlap: one cluster has no variance"
        )
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
    if (refusal := sample.lacks(1, standardised=True)) is not None:
        return refusal
    row = sample.clock[0]
    count = sample.sums["residual_count"][row]
    present = count > 0
    series = sample.sums["residual"][row][present] / count[present]
    k = float(np.max(sample.n_estimation - sample.df))
    df = float(present.sum() - k)
    if df <= 0:
        return refused(sample.mean, "no more estimation sessions than parameters")
    sigma = np.sqrt(((series - series.mean()) ** 2).sum() / df)
    leverage = float(((sample.se / sample.sigma) ** 2).mean())
    if not sigma > 1e-12 * float(sample.sigma.max()):
        return refused(sample.mean, "the portfolio has no residual variance")
    t = sample.mean / (sigma * np.sqrt(leverage))
    return judged(sample.mean, t, df, options.alternative)
