"""Tests on ranks, signs and pseudo-dates, for all replications at once."""

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array
from eventstudy.inference.ranking import average_ranks
from eventstudy.inference.single import MIN_PSEUDO_DATES
from eventstudy.simulation.batch import Injected
from eventstudy.simulation.batched.judged import Judged, exact, judge, nothing

# Up to here signed ranks have their exact law, as in `wilcoxon`.
EXACT_SIGNED_RANKS = 50


def rank(one: Injected) -> Judged:
    """Corrado's ranks of the window against their spread over all sessions."""
    total, own = one.ranks
    layout = one.batch.layout
    columns = layout.columns
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
    return judge(one, z, np.inf)


def grank_t(one: Injected) -> Judged:
    """Generalised rank of the SCAR against the spread over time, t."""
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
    return judge(one, statistic, t - 2.0) if t > 2 else nothing(one)


def grank_z(one: Injected) -> Judged:
    """Generalised rank of the SCAR, ranks independent, normal."""
    n = one.batch.layout.present.sum(axis=1) + 1.0
    variance = ((n - 1.0) / (12.0 * (n + 1.0))).sum()
    return judge(one, one.generalised_ranks[1] / np.sqrt(variance), np.inf)


def grank_overlap(one: Injected) -> Judged:
    """Generalised rank of the SCAR, windows overlapping in part."""
    layout = one.batch.layout
    n = layout.present.sum(axis=1) + 1.0
    variance = ((n - 1.0) / (12.0 * (n + 1.0))).sum()
    factor = 1.0 + (layout.n - 1) * one.batch.rank_rbar
    with np.errstate(invalid="ignore"):
        z = one.generalised_ranks[1] / np.sqrt(variance * factor)
    return judge(one, np.where(factor > 0, z, np.nan), np.inf)


def sign(one: Injected) -> Judged:
    """Number of positive CARs, exact binomial."""
    positive = (one.car > 0).sum(axis=1).astype(np.float64)
    n = (one.car != 0).sum(axis=1).astype(np.float64)
    below = special.bdtr(positive, n.astype(np.int64), 0.5)
    above = special.bdtr(n - positive, n.astype(np.int64), 0.5)
    p = exact(one, below, above)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(n > 0, (positive - n / 2.0) / np.sqrt(n / 4.0), np.nan)
    return statistic, np.where(n > 0, p, np.nan)


def gsign(one: Injected) -> Judged:
    """Positive CARs against the share of positive residuals, normal."""
    n, p = one.batch.layout.n, one.batch.positive.mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = ((one.car > 0).sum(axis=1) - n * p) / np.sqrt(n * p * (1.0 - p))
    return judge(one, z, np.inf)


def wilcoxon(one: Injected) -> Judged:
    """Signed ranks; exact where a replication has neither zeros nor ties."""
    car = np.where(one.car == 0, np.nan, one.car)
    magnitude, valid = average_ranks(np.abs(car))
    plus = np.where(car > 0, magnitude, 0.0).sum(axis=1)
    n = valid.astype(np.float64)
    ties = _ties(magnitude)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0
        z = (plus - n * (n + 1.0) / 4.0) / np.sqrt(variance)
    statistic, p = judge(one, z, np.inf)
    for size in np.unique(valid[(valid > 0) & (valid <= EXACT_SIGNED_RANKS)]).tolist():
        chosen = (valid == size) & (ties == 0)
        # W+ is symmetric, so the upper tail of W is the lower tail of its mirror.
        tails = np.cumsum(_signed_rank_law(size))
        place = plus[chosen].astype(np.int64)
        mirror = size * (size + 1) // 2 - place
        p[chosen] = exact(one, tails[place], tails[mirror])
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


def placebo(one: Injected) -> Judged:
    """Mean SCAR among those of the pseudo-dates."""
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
