"""Slow twins of the functions for uncertain dates: loops, one number at a time."""

import math

import numpy as np
from reference.inference_twins import car, rbar, recent, rows
from scipy import stats


def pseudo_scar(ab, i, end, length):
    """Sum of the residuals up to column ``end`` over its in-sample standard error."""
    k, t = ab.xtx_inv.shape[1], ab.residuals.shape[1]
    whole = sum(
        ab.span_estimation[i, c] for c in range(t) if not math.isnan(ab.residuals[i, c])
    )
    total, spanned, n = 0.0, 0.0, 0
    for c in range(end - length + 1, end + 1):
        if not math.isnan(ab.residuals[i, c]):
            total += ab.residuals[i, c]
            spanned += ab.span_estimation[i, c]
            n += 1
    if n < 0.8 * length:
        return math.nan
    share = (1 - spanned / whole) if k else 1.0
    variance = spanned * share * (1 - max(k - 1, 0) / whole)
    return total / (ab.sigma[i] * math.sqrt(variance))


def anticipation(ab, windows):
    """Statistics of the windows, and the largest one of every pseudo-date."""
    held = rows(ab, windows[-1])
    observed, weight = [], []
    for window in windows:
        found = [car(ab, i, window) for i in held]
        observed.append(sum(value / se for value, se in found) / len(held))
        weight.append(sum(1 / se for _, se in found) / len(held))
    longest = max(b - a + 1 for a, b in windows)
    largest = []
    for end in range(longest - 1, ab.residuals.shape[1]):
        means = []
        for a, b in windows:
            own = [pseudo_scar(ab, i, end, b - a + 1) for i in held]
            own = [one for one in own if not math.isnan(one)]
            means.append(sum(own) / len(own) if len(own) >= len(held) / 2 else math.nan)
        if not any(math.isnan(one) for one in means):
            largest.append(max(abs(one) for one in means))
    return observed, weight, largest


def by_recent(ab, window):
    """The mean CAR in recent volatility over the larger standard error."""
    held, r = rows(ab, window), rbar(ab, window)
    n, z, floor, weight = len(held), [], [], 0.0
    for i in held:
        value, se = car(ab, i, window)
        h, count = recent(ab, i)
        z.append(value / (h * se / ab.sigma[i]))
        weight += ab.sigma[i] / (h * se) / n
        floor.append(count / (count - 2))
    variance = max(np.var(z, ddof=1) / (1 - r), np.mean(floor))
    scale = math.sqrt(variance * (1 + (n - 1) * r) / n)
    return np.mean(z) / scale, weight / scale


def onset(path, past, kappa=1.0):
    """The same posterior by sums over a grid of means and variances."""
    a, b = len(past) / 2, sum(v * v for v in past) / 2
    variance = np.geomspace(b / a / 30, 30 * b / a, 1500)[:, None]
    found = []
    for k in range(len(path)):
        own = path[k:]
        half = 9 * math.sqrt(b / a)
        mean = np.linspace(np.mean(own) - half, np.mean(own) + half, 1500)[None, :]
        log = stats.invgamma.logpdf(variance, a, scale=b) + np.log(variance)
        log = log + stats.norm.logpdf(mean, 0, np.sqrt(variance / kappa))
        for t, value in enumerate(path):
            log = log + stats.norm.logpdf(
                value, mean if t >= k else 0.0, np.sqrt(variance)
            )
        found.append(np.exp(log).sum())
    return [one / sum(found) for one in found]


def shares_kept(before, whole, cluster, grid, level=0.95):
    """Which shares of a grid a t test over the means of the clusters keeps."""
    labels = sorted(set(cluster))
    kept = []
    for share in grid:
        left = [
            np.mean(
                [
                    b - share * w
                    for b, w, c in zip(before, whole, cluster, strict=True)
                    if c == one
                ]
            )
            for one in labels
        ]
        kept.append(stats.ttest_1samp(left, 0.0).pvalue > 1 - level)
    return np.array(kept)
