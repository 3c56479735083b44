"""The tests of a sample, evaluated for all replications at once.

Every function takes an `Injected` and returns statistics and p-values, (R,), nan
where the test of the same name in `TESTS` has no answer. They must agree with it.
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy import special

from eventstudy.inference.answers import tail
from eventstudy.inference.ranks import average_ranks
from eventstudy.inference.single import MIN_PSEUDO_DATES
from eventstudy.results import Array
from eventstudy.simulation.batch import Injected, spread

Judged = tuple[Array, Array]

# Up to here signed ranks have their exact law, as in `wilcoxon`.
EXACT_SIGNED_RANKS = 50


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


def _grank_z(one: Injected) -> Judged:
    n = one.batch.layout.present.sum(axis=1) + 1.0
    variance = ((n - 1.0) / (12.0 * (n + 1.0))).sum()
    return _judge(one, one.generalised_ranks[1] / np.sqrt(variance), np.inf)


def _sign(one: Injected) -> Judged:
    positive = (one.car > 0).sum(axis=1).astype(np.float64)
    n = (one.car != 0).sum(axis=1).astype(np.float64)
    below = special.bdtr(positive, n.astype(np.int64), 0.5)
    above = special.bdtr(n - positive, n.astype(np.int64), 0.5)
    both = np.minimum(1.0, 2.0 * np.minimum(below, above))
    p = {"less": below, "greater": above}.get(one.batch.alternative, both)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(n > 0, (positive - n / 2.0) / np.sqrt(n / 4.0), np.nan)
    return statistic, np.where(n > 0, p, np.nan)


def _wilcoxon(one: Injected) -> Judged:
    """Signed ranks; exact where a replication has neither zeros nor ties."""
    car = np.where(one.car == 0, np.nan, one.car)
    magnitude, valid = average_ranks(np.abs(car))
    plus = np.where(car > 0, magnitude, 0.0).sum(axis=1)
    n = valid.astype(np.float64)
    ties = _ties(magnitude)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0
        z = (plus - n * (n + 1.0) / 4.0) / np.sqrt(variance)
    statistic, p = _judge(one, z, np.inf)
    for size in np.unique(valid[(valid > 0) & (valid <= EXACT_SIGNED_RANKS)]).tolist():
        exact = (valid == size) & (ties == 0)
        # W+ is symmetric, so the upper tail of W is the lower tail of its mirror.
        tails = np.cumsum(_signed_rank_law(size))
        place = plus[exact].astype(np.int64)
        below, above = tails[place], tails[size * (size + 1) // 2 - place]
        both = np.minimum(1.0, 2.0 * np.minimum(below, above))
        p[exact] = {"less": below, "greater": above}.get(one.batch.alternative, both)
    return statistic, p


def _ties(ranks: Array) -> Array:
    """``Σ(t³ - t)`` over groups of t equal ranks, (R,)."""
    equal = (ranks[:, :, None] == ranks[:, None, :]).sum(axis=2)
    return np.asarray((equal**2 - 1.0).clip(min=0.0).sum(axis=1), np.float64)


def _signed_rank_law(n: int) -> Array:
    """Probabilities of W+ = 0, 1, ... under independent fair signs."""
    law = np.ones(1)
    for rank in range(1, n + 1):
        grown = np.zeros(len(law) + rank)
        grown[: len(law)] += 0.5 * law
        grown[rank:] += 0.5 * law
        law = grown
    return law


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
    sigma, n_sessions = b.mean_residual_sd
    k = (b.n_estimation - b.df).max(axis=1)
    df = n_sessions - k
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt((n_sessions - 1.0) / np.where(df > 0, df, np.nan))
        t = one.car.mean(axis=1) / (sigma * scale * np.sqrt(_leverage(one)))
    return _judge(one, t, np.where(df > 0, df, np.nan))


def _leverage(one: Injected) -> Array:
    """Mean squared forecast standard error of the CAR over the residual variance."""
    b = one.batch
    return np.asarray(((b.se / b.sigma) ** 2).mean(axis=1), np.float64)


def _crude(one: Injected) -> Judged:
    sigma, n_sessions = one.batch.mean_residual_sd
    t = one.car.mean(axis=1) / (sigma * np.sqrt(one.batch.layout.length))
    return _judge(one, t, n_sessions - 1.0)


def _lamb(one: Injected) -> Judged:
    sigma, _ = one.batch.mean_residual_sd
    return _judge(one, one.car.mean(axis=1) / (sigma * np.sqrt(_leverage(one))), np.inf)


def _clustered(one: Injected, power: float) -> Judged:
    """Student t of the mean, clustered by dates; ``power`` as in `cluster`."""
    member = one.batch.layout.cluster_weights > 0
    n, size = one.batch.layout.n, member.sum(axis=1)
    if len(size) < 2:
        return _nothing(one)
    mean = one.car.mean(axis=1, keepdims=True)
    scale = (1.0 - size / n) ** -power
    score = (one.car - mean) @ member.T.astype(np.float64)
    variance = ((scale * score) ** 2).sum(axis=1) / n**2
    real = variance > 1e-20 * (one.car**2).max(axis=1)
    diagonal, edge = scale**2 * size, scale * size
    trace = (diagonal - edge**2 / n).sum()
    square = (diagonal**2).sum() - 2.0 * (diagonal * edge**2).sum() / n
    square += (edge**2).sum() ** 2 / n**2
    t = mean[:, 0] / np.sqrt(np.where(real, variance, np.nan))
    return _judge(one, t, trace**2 / square)


def _cluster(one: Injected) -> Judged:
    return _clustered(one, 0.5)


def _cluster_cr3(one: Injected) -> Judged:
    return _clustered(one, 1.0)


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
    "placebo": _placebo,
    "csect": _csect,
    "crude": _crude,
    "lamb": _lamb,
    "patell": _patell,
    "bmp": _bmp,
    "kp_patell": _kp_patell,
    "kp_bmp": _kp_bmp,
    "portfolio": _portfolio,
    "cluster": _cluster,
    "cluster_cr3": _cluster_cr3,
    "sign": _sign,
    "gsign": _gsign,
    "rank": _rank,
    "grank_t": _grank_t,
    "grank_z": _grank_z,
    "grank_overlap": _grank_overlap,
    "wilcoxon": _wilcoxon,
}
