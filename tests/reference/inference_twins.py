"""Slow twins of the tests: plain loops, one number at a time, from the formulas.

Each takes an `Abnormal` and a window and returns (statistic, p-value, df); nothing is
shared with the code under test, not even the cumulation.
"""

import itertools
import math

import numpy as np
from scipy import stats


def span(ab, window):
    """First column of a window in event time, and the column after its last."""
    return window[0] - ab.first_offset, window[1] - ab.first_offset + 1


def sessions_of(ab, i, window):
    """The calendar's sessions of observation i's window."""
    return ab.clocks.event[ab.clock[i], slice(*span(ab, window))].tolist()


def rows(ab, window):
    """Observations with an estimate and a return in the window."""
    start, stop = span(ab, window)
    return [
        i
        for i in range(len(ab.ar))
        if ab.status[i] == 0
        and any(not math.isnan(ab.ar[i, c]) for c in range(start, stop))
    ]


def car(ab, i, window):
    total, length, s = 0.0, 0.0, np.zeros(ab.x_event.shape[2])
    for c in range(*span(ab, window)):
        if not math.isnan(ab.ar[i, c]):
            total += ab.ar[i, c]
            length += ab.span_event[i, c]
            s = s + ab.x_event[i, c]
    return total, ab.sigma[i] * math.sqrt(length + s @ ab.xtx_inv[i] @ s)


def cars(ab, window):
    return np.array([car(ab, i, window)[0] for i in rows(ab, window)])


def scars(ab, window):
    out = []
    for i in rows(ab, window):
        value, se = car(ab, i, window)
        out.append(value / se)
    return np.array(out)


def normal(z):
    return z, 2 * stats.norm.sf(abs(z)), math.inf


def student(t, df):
    return t, 2 * stats.t.sf(abs(t), df), df


def t(ab, window):
    found = [
        student(s, ab.df[i])
        for s, i in zip(scars(ab, window), rows(ab, window), strict=True)
    ]
    return tuple(np.array(v) for v in zip(*found, strict=True))


def csect(ab, window):
    found = stats.ttest_1samp(cars(ab, window), 0)
    return found.statistic, found.pvalue, len(cars(ab, window)) - 1


def bmp(ab, window):
    found = stats.ttest_1samp(scars(ab, window), 0)
    return found.statistic, found.pvalue, len(cars(ab, window)) - 1


def patell(ab, window):
    variance = sum(ab.df[i] / (ab.df[i] - 2) for i in rows(ab, window))
    return normal(sum(scars(ab, window)) / math.sqrt(variance))


def asset_series(ab, values):
    """Asset -> {date: mean of its standardised values on that date}."""
    found = {}
    for i in range(len(ab.ar)):
        if ab.status[i] != 0:
            continue
        row = np.array(values[i], float)
        there = ~np.isnan(row)
        row = row - row[there].mean()
        row /= math.sqrt((row[there] ** 2).mean())
        for c in np.flatnonzero(there):
            date = int(ab.clocks.estimation[ab.clock[i], c])
            found.setdefault(int(ab.asset[i]), {}).setdefault(date, []).append(row[c])
    return {
        a: {d: sum(v) / len(v) for d, v in series.items()}
        for a, series in found.items()
    }


def loading(ab, i, window):
    """{date: a(t)} of observation i's CAR: a regression made anew, row by row."""
    dates, found = ab.clocks.estimation[ab.clock[i]].tolist(), {}
    event = ab.clocks.event[ab.clock[i]].tolist()
    s = np.zeros(ab.x_event.shape[2])
    for c in range(*span(ab, window)):
        if not math.isnan(ab.ar[i, c]):
            s = s + ab.x_event[i, c]
            for back in range(int(ab.span_event[i, c])):
                if c - back >= 0:
                    found[event[c - back]] = 1.0
    there = [c for c in range(len(dates)) if not math.isnan(ab.residuals[i, c])]
    if len(s):
        k = [int(ab.span_estimation[i, c]) for c in there]
        x = [[k[p], *ab.x_estimation[i, c]] for p, c in enumerate(there)]
        gram = sum(np.outer(row, row) / k[p] for p, row in enumerate(x))
        weights = np.linalg.solve(gram, s)
        for p, c in enumerate(there):
            for back in range(k[p]):
                if c - back >= 0:
                    date = dates[c - back]
                    found[date] = found.get(date, 0.0) - weights @ x[p] / k[p]
    size = math.sqrt(sum(v * v for v in found.values()))
    return {date: v / size for date, v in found.items()}


def product(a, b):
    return sum(v * b[date] for date, v in a.items() if date in b)


def average(loads):
    out = {}
    for one in loads:
        for date, v in one.items():
            out[date] = out.get(date, 0.0) + v / len(loads)
    return out


def asset_correlation(ab, values=None):
    """ρ of two assets on common dates, 0 where there are fewer than 30."""
    if values is None:
        values = ab.residuals / (ab.sigma[:, None] * np.sqrt(ab.span_estimation))
    series = asset_series(ab, values)
    known = {}
    for a, b in itertools.combinations(sorted(series), 2):
        common = sorted(set(series[a]) & set(series[b]))
        if len(common) >= 30:
            known[a, b] = known[b, a] = np.corrcoef(
                [series[a][d] for d in common], [series[b][d] for d in common]
            )[0, 1]
    return lambda a, b: 1.0 if a == b else known.get((a, b), 0.0)


def rbar(ab, window, values=None):
    """Mean over pairs of ρ times the product of the two CARs' loadings."""
    used, rho = rows(ab, window), asset_correlation(ab, values)
    loads = [loading(ab, i, window) for i in used]
    total = 0.0
    for p, i in enumerate(used):
        for q, j in enumerate(used):
            if p != q:
                shared = product(loads[p], loads[q])
                total += rho(int(ab.asset[i]), int(ab.asset[j])) * shared
    return total / (len(used) * (len(used) - 1))


def satterthwaite(r):
    """tr(MR)²/tr(MRMR) with whole matrices."""
    n = len(r)
    mr = (np.eye(n) - np.full((n, n), 1 / n)) @ r
    return np.trace(mr) ** 2 / np.trace(mr @ mr)


def clock_loadings(ab, window):
    used = rows(ab, window)
    return {
        g: average([loading(ab, i, window) for i in used if ab.clock[i] == g])
        for g in sorted({int(ab.clock[i]) for i in used})
    }


def nu(ab, window):
    """Degrees of freedom of the spread, from the clocks' mean loadings."""
    used, rho = rows(ab, window), asset_correlation(ab)
    means = clock_loadings(ab, window)
    r = np.eye(len(used))
    for p, i in enumerate(used):
        for q, j in enumerate(used):
            if p != q:
                shared = product(means[int(ab.clock[i])], means[int(ab.clock[j])])
                r[p, q] = rho(int(ab.asset[i]), int(ab.asset[j])) * shared
    return satterthwaite(r)


def cluster_matrix(ab, window):
    """Correlations between the portfolios of the clusters of dates."""
    means = clock_loadings(ab, window)
    dates = {}
    for i, label in zip(rows(ab, window), clusters(ab, window), strict=True):
        dates.setdefault(label, set()).add(int(ab.clock[i]))
    loads = [average([means[g] for g in held]) for held in dates.values()]
    r = np.array([[product(a, b) for b in loads] for a in loads])
    size = np.sqrt(np.diag(r))
    return r / np.outer(size, size)


def known_variance(ab, window):
    """Mean over dates of the forecast variance of the dates' portfolios."""
    used, found = rows(ab, window), []
    k = max(ab.n_estimation[i] - ab.df[i] for i in used)
    for g in sorted({int(ab.clock[i]) for i in used}):
        everyone = (ab.clock == g) & (ab.status == 0)
        series = np.nanmean(ab.residuals[everyone], axis=0)
        square = ((series - series.mean()) ** 2).sum() / (len(series) - k)
        members = [i for i in used if ab.clock[i] == g]
        forecast = [(car(ab, i, window)[1] / ab.sigma[i]) ** 2 for i in members]
        found.append(square * np.mean(forecast))
    return np.mean(found)


def cluster_values(ab, window):
    """Means of the clusters' dates of the means of their CARs."""
    by_cluster, values = {}, cars(ab, window)
    for p, label in enumerate(clusters(ab, window)):
        clock = int(ab.clock[rows(ab, window)[p]])
        by_cluster.setdefault(label, {}).setdefault(clock, []).append(values[p])
    return [np.mean([np.mean(v) for v in d.values()]) for d in by_cluster.values()]


def of_clusters(ab, window, t, values=None, known=None):
    """Correct a t of clusters for what they share; (t, ν of the clusters)."""
    values = cluster_values(ab, window) if values is None else values
    known = known_variance(ab, window) if known is None else known
    r, square = cluster_matrix(ab, window), np.var(values, ddof=1)
    g = len(r)
    mean = (r.sum() - g) / (g * (g - 1))
    error = square / (1 - mean)
    if mean < 0:
        error = min(error, known)
    return t / math.sqrt(1 + g * mean * error / square), satterthwaite(r)


def kp_patell(ab, window):
    n = len(rows(ab, window))
    z = patell(ab, window)[0]
    return normal(z / math.sqrt(1 + (n - 1) * rbar(ab, window)))


def kp_bmp(ab, window):
    n, r = len(rows(ab, window)), rbar(ab, window)
    value = bmp(ab, window)[0]
    return student(value * math.sqrt((1 - r) / (1 + (n - 1) * r)), nu(ab, window))


def recent(ab, i):
    """Volatility of the last 30 residuals and their number; sigma below 15."""
    there = [
        c for c in range(ab.residuals.shape[1]) if not math.isnan(ab.residuals[i, c])
    ]
    last = there[-30:]
    if len(last) < 15:
        return ab.sigma[i], ab.df[i]
    squares = [ab.residuals[i, c] ** 2 / ab.span_estimation[i, c] for c in last]
    return math.sqrt(sum(squares) / len(last)), len(last)


def guarded(ab, window, z, degrees):
    """The larger of two p-values, each variance judged by its own law."""
    n, r = len(z), rbar(ab, window)
    factor = (1 + (n - 1) * r) / n
    floor = sum(d / (d - 2) for d in degrees) / n
    by_own = student(
        np.mean(z) / math.sqrt(np.var(z, ddof=1) / (1 - r) * factor), nu(ab, window)
    )
    by_floor = normal(np.mean(z) / math.sqrt(floor * factor))
    return max(by_own, by_floor, key=lambda found: found[1])


def kp_guarded(ab, window):
    z, degrees = [], []
    for i in rows(ab, window):
        value, se = car(ab, i, window)
        h, n = recent(ab, i)
        z.append(value / (h * se / ab.sigma[i]))
        degrees.append(n)
    return guarded(ab, window, z, degrees)


def kp_guarded_estimation(ab, window):
    degrees = [ab.df[i] for i in rows(ab, window)]
    return guarded(ab, window, scars(ab, window), degrees)


def rank(ab, window):
    columns = []
    for i in range(len(ab.ar)):
        if ab.status[i] == 0 and not np.isnan(ab.ar[i]).all():
            series = np.concatenate(
                [
                    ab.residuals[i] / np.sqrt(ab.span_estimation[i]),
                    ab.ar[i] / np.sqrt(ab.span_event[i]),
                ]
            )
            there = ~np.isnan(series)
            u = np.full(len(series), np.nan)
            u[there] = stats.rankdata(series[there]) / (1 + there.sum()) - 0.5
            columns.append(u)
    u = np.array(columns)
    sessions = []
    for c in range(u.shape[1]):
        there = u[:, c][~np.isnan(u[:, c])]
        sessions.append(sum(there) / math.sqrt(len(there)) if len(there) else math.nan)
    known = [v for v in sessions if not math.isnan(v)]
    s = math.sqrt(sum(v * v for v in known) / len(known))
    t0 = ab.residuals.shape[1]
    start, stop = span(ab, window)
    inside = [v for v in sessions[t0 + start : t0 + stop] if not math.isnan(v)]
    return normal(sum(inside) / math.sqrt(len(inside)) / s)


def grank_ranks(ab, window, *, corrected=True):
    """U of every observation: (n, T+1) with the event last, nan where missing."""
    used, values = rows(ab, window), scars(ab, window)
    scale = values.std(ddof=1)
    if corrected:
        scale /= math.sqrt(1 - rbar(ab, window))
    out = []
    for i, scar in zip(used, values, strict=True):
        series = np.append(
            ab.residuals[i] / (ab.sigma[i] * np.sqrt(ab.span_estimation[i])),
            scar / scale,
        )
        there = ~np.isnan(series)
        u = np.full(len(series), np.nan)
        u[there] = stats.rankdata(series[there]) / (there.sum() + 1) - 0.5
        out.append(u)
    return np.array(out)


def grank_t(ab, window, *, corrected=True):
    u = grank_ranks(ab, window, corrected=corrected)
    n, columns = u.shape
    squares, sessions = 0.0, 0
    for c in range(columns):
        there = u[:, c][~np.isnan(u[:, c])]
        if len(there):
            squares += len(there) / n * there.mean() ** 2
            sessions += 1
    z = u[:, -1].mean() / math.sqrt(squares / sessions)
    return student(z * math.sqrt((sessions - 2) / (sessions - 1 - z * z)), sessions - 2)


def grank_overlap(ab, window):
    u = grank_ranks(ab, window)
    n = len(u)
    ranks = np.full(ab.residuals.shape, np.nan)
    for i in range(len(ranks)):
        series = ab.residuals[i] / np.sqrt(ab.span_estimation[i])
        there = ~np.isnan(series)
        if there.any():
            ranks[i, there] = stats.rankdata(series[there])
    variance = 0.0
    for row in u:
        m = (~np.isnan(row)).sum()
        variance += (m - 1) / (12 * (m + 1))
    factor = 1 + (n - 1) * rbar(ab, window, ranks)
    return student(sum(u[:, -1]) / math.sqrt(variance * factor), nu(ab, window))


def gsign(ab, window):
    used, shares = rows(ab, window), []
    for i in used:
        there = ab.residuals[i][~np.isnan(ab.residuals[i])]
        shares.append((there > 0).mean())
    n, p = len(used), sum(shares) / len(shares)
    w = sum(cars(ab, window) > 0)
    return normal((w - n * p) / math.sqrt(n * p * (1 - p)))


def clusters(ab, window):
    """Clusters of the used observations: windows that share a session, by chains."""
    used = rows(ab, window)
    lived = [set(sessions_of(ab, i, window)) for i in used]
    label = list(range(len(used)))
    for p in range(len(used)):
        for q in range(len(used)):
            if lived[p] & lived[q] and label[p] != label[q]:
                old, new = label[q], label[p]
                label = [new if v == old else v for v in label]
    return label


def portfolio(ab, window):
    """One fact per cluster of dates; a single date by its portfolio's residuals."""
    used, values = rows(ab, window), cars(ab, window)
    dates = [int(ab.clock[i]) for i in used]
    if len(set(dates)) == 1:
        series = np.nanmean(ab.residuals, axis=0)
        k = max(ab.n_estimation[i] - ab.df[i] for i in used)
        df = len(series) - k
        sigma = math.sqrt(((series - series.mean()) ** 2).sum() / df)
        forecast = np.mean([(car(ab, i, window)[1] / ab.sigma[i]) ** 2 for i in used])
        return student(values.mean() / (sigma * math.sqrt(forecast)), df)
    by_cluster = {}
    for p, label in enumerate(clusters(ab, window)):
        by_cluster.setdefault(label, {}).setdefault(dates[p], []).append(values[p])
    facts = [
        np.mean([np.mean(v) for v in by_date.values()])
        for by_date in by_cluster.values()
    ]
    return student(*of_clusters(ab, window, stats.ttest_1samp(facts, 0).statistic))


def pseudo_scar(ab, i, start, length):
    """SCAR of a pseudo-event; None where fewer than 80 % of the sessions are there."""
    errors = ab.residuals[i]
    span = np.where(np.isnan(errors), 0.0, ab.span_estimation[i])
    inside = [c for c in range(start, start + length) if not math.isnan(errors[c])]
    if len(inside) < 0.8 * length:
        return None
    spanned, whole, k = sum(span[inside]), span.sum(), ab.xtx_inv.shape[1]
    variance = spanned
    if k:
        variance *= (1 - spanned / whole) * (1 - (k - 1) / whole)
    return sum(errors[inside]) / (ab.sigma[i] * math.sqrt(variance))


def placebo_single(ab, window):
    length = window[1] - window[0] + 1
    found = []
    for i, scar in zip(rows(ab, window), scars(ab, window), strict=True):
        draws = [
            pseudo_scar(ab, i, start, length)
            for start in range(ab.residuals.shape[1] - length + 1)
        ]
        draws = [d for d in draws if d is not None]
        extreme = sum(abs(d) >= abs(scar) for d in draws)
        found.append((scar, (1 + extreme) / (1 + len(draws)), math.inf))
    return tuple(np.array(v) for v in zip(*found, strict=True))


def placebo(ab, window):
    used, length = rows(ab, window), window[1] - window[0] + 1
    everyone = [i for i in range(len(ab.ar)) if ab.status[i] == 0]
    observed = scars(ab, window).mean()
    draws = []
    for start in range(ab.residuals.shape[1] - length + 1):
        found = [pseudo_scar(ab, i, start, length) for i in everyone]
        found = [f for f in found if f is not None]
        if len(found) >= 0.5 * len(used):
            draws.append(sum(found) / len(found))
    extreme = sum(abs(d) >= abs(observed) for d in draws)
    return observed, (1 + extreme) / (1 + len(draws)), math.inf


TWINS = {
    "t": t,
    "placebo_single": placebo_single,
    "placebo": placebo,
    "csect": csect,
    "patell": patell,
    "bmp": bmp,
    "kp_patell": kp_patell,
    "kp_bmp": kp_bmp,
    "kp_guarded": kp_guarded,
    "kp_guarded_estimation": kp_guarded_estimation,
    "rank": rank,
    "grank_t": grank_t,
    "grank_overlap": grank_overlap,
    "gsign": gsign,
    "portfolio": portfolio,
}
