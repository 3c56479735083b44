"""The tests of a sample, evaluated for all replications at once.

Every function takes an `Injected` and returns statistics and p-values, (R,), nan
where the test of the same name in `TESTS` has no answer. They must agree with it.
"""

from collections.abc import Callable, Mapping

import numpy as np

from eventstudy.inference.answers import tail
from eventstudy.inference.single import MIN_PSEUDO_DATES
from eventstudy.results import Array
from eventstudy.simulation.batch import Injected, spread

Judged = tuple[Array, Array]


def _judge(one: Injected, statistic: Array, df: Array | float) -> Judged:
    statistic = np.where(np.isfinite(statistic), statistic, np.nan)
    return statistic, tail(statistic, df, one.batch.alternative)


def _nothing(one: Injected) -> Judged:
    nothing = np.full(len(one.car), np.nan)
    return nothing, nothing


def _csect(one: Injected) -> Judged:
    n = one.batch.layout.n
    return _judge(one, one.car.mean(axis=1) * np.sqrt(n) / spread(one.car), n - 1.0)


def _patell_z(one: Injected) -> Array:
    df = one.batch.df
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Array = one.scar.sum(axis=1) / np.sqrt((df / (df - 2.0)).sum(axis=1))
    return np.where((df > 2).all(axis=1), z, np.nan)


def _patell(one: Injected) -> Judged:
    return _judge(one, _patell_z(one), np.inf)


def _inflation(one: Injected) -> Array:
    """``1 + (N-1) r̄``, 1 for one observation, nan where it is not positive."""
    n = one.batch.layout.n
    if n == 1:
        return np.ones(len(one.car))
    factor = 1.0 + (n - 1) * one.batch.rbar
    return np.where(factor > 0, factor, np.nan)


def _kp_patell(one: Injected) -> Judged:
    return _judge(one, _patell_z(one) / np.sqrt(_inflation(one)), np.inf)


def _bmp_t(one: Injected) -> Array:
    n = one.batch.layout.n
    return np.asarray(one.scar.mean(axis=1) * np.sqrt(n) / spread(one.scar), np.float64)


def _bmp(one: Injected) -> Judged:
    return _judge(one, _bmp_t(one), one.batch.layout.n - 1.0)


def _kp_bmp(one: Injected) -> Judged:
    rbar = one.batch.rbar
    share = np.where(rbar < 1, 1.0 - rbar, np.nan) / _inflation(one)
    return _judge(one, _bmp_t(one) * np.sqrt(share), one.batch.layout.n - 1.0)


def _rank(one: Injected) -> Judged:
    total, own = one.ranks
    layout = one.batch.layout
    columns = slice(*layout.window)
    count = np.concatenate(
        [layout.present.sum(axis=0), np.delete(layout.inside.sum(axis=0), columns)]
    )
    own_count = layout.inside[:, columns].sum(axis=0)
    mean = total / np.sqrt(np.maximum(count, 1))
    own_mean = own / np.sqrt(np.maximum(own_count, 1))
    sessions = (count > 0).sum() + (own_count > 0).sum()
    square = (mean**2).sum(axis=1) + (own_mean**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = own_mean.sum(axis=1) / np.sqrt((own_count > 0).sum() * square / sessions)
    return _judge(one, z, np.inf)


def _grank_t(one: Injected) -> Judged:
    layout = one.batch.layout
    total, own = one.generalised_ranks
    count = layout.present.sum(axis=0)
    n, t = layout.n, int((count > 0).sum()) + 1
    mean = total / np.maximum(count, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        square = (count / n * mean**2).sum(axis=1) + (own / n) ** 2
        z = own / n / np.sqrt(square / t)
        inner = t - 1 - z**2
        statistic = z * np.sqrt((t - 2) / np.where(inner > 0, inner, np.nan))
    return _judge(one, statistic, t - 2.0) if t > 2 else _nothing(one)


def _grank_overlap(one: Injected) -> Judged:
    layout = one.batch.layout
    n = layout.present.sum(axis=1) + 1.0
    variance = ((n - 1.0) / (12.0 * (n + 1.0))).sum()
    factor = 1.0 + (layout.n - 1) * one.batch.rank_rbar
    with np.errstate(invalid="ignore"):
        z = one.generalised_ranks[1] / np.sqrt(variance * factor)
    return _judge(one, np.where(factor > 0, z, np.nan), np.inf)


def _gsign(one: Injected) -> Judged:
    n, p = one.batch.layout.n, one.batch.positive.mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = ((one.car > 0).sum(axis=1) - n * p) / np.sqrt(n * p * (1.0 - p))
    return _judge(one, z, np.inf)


def _portfolio(one: Injected) -> Judged:
    layout = one.batch.layout
    if layout.n_dates == 1:
        return _portfolio_of_one_date(one)
    values = one.car @ layout.cluster_weights.T
    clusters = values.shape[1]
    t = values.mean(axis=1) * np.sqrt(clusters) / spread(values)
    return _judge(one, t, clusters - 1.0) if clusters > 1 else _nothing(one)


def _portfolio_of_one_date(one: Injected) -> Judged:
    b = one.batch
    count = b.layout.present.sum(axis=0)
    there = count > 0
    residuals = np.where(b.layout.present, b.residuals, 0.0).sum(axis=1)[:, there]
    series = residuals / count[there]
    df = there.sum() - (b.n_estimation - b.df).max(axis=1)
    centred = series - series.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.sqrt((centred**2).sum(axis=1) / np.where(df > 0, df, np.nan))
        sigma = np.where(sigma > 1e-12 * b.sigma.max(axis=1), sigma, np.nan)
        leverage = ((b.se / b.sigma) ** 2).mean(axis=1)
        t = one.car.mean(axis=1) / (sigma * np.sqrt(leverage))
    return _judge(one, t, np.where(df > 0, df, np.nan))


def _placebo(one: Injected) -> Judged:
    draws = one.batch.placebo_means
    there = ~np.isnan(draws)
    observed = one.scar.mean(axis=1)
    with np.errstate(invalid="ignore"):
        if one.batch.alternative == "two-sided":
            far = np.abs(draws) >= np.abs(observed)[:, None] * (1 - 1e-12)
        elif one.batch.alternative == "less":
            far = draws <= observed[:, None]
        else:
            far = draws >= observed[:, None]
    dates = there.sum(axis=1)
    p = (1.0 + far.sum(axis=1)) / (1.0 + dates)
    enough = dates >= MIN_PSEUDO_DATES
    return np.where(enough, observed, np.nan), np.where(enough, p, np.nan)


BATCHED: Mapping[str, Callable[[Injected], Judged]] = {
    "csect": _csect,
    "patell": _patell,
    "bmp": _bmp,
    "kp_patell": _kp_patell,
    "kp_bmp": _kp_bmp,
    "rank": _rank,
    "grank_t": _grank_t,
    "grank_overlap": _grank_overlap,
    "gsign": _gsign,
    "portfolio": _portfolio,
    "placebo": _placebo,
}
