"""Slow twins of the clustered, resampled and remaining tests; see inference_twins."""

import itertools
import math

import numpy as np
from reference.inference_twins import (
    TWINS as HEADLINE,
)
from reference.inference_twins import (
    car,
    cars,
    clusters,
    grank_ranks,
    normal,
    of_clusters,
    rows,
    scars,
    span,
    student,
)
from scipy import linalg, optimize, stats

N_DRAWS, SEED = 199, 7


def share(draws, observed):
    extreme = sum(abs(d) >= abs(observed) * (1 - 1e-12) for d in draws)
    return (1 + extreme) / (1 + len(draws))


def sq(ab, window):
    length, found = window[1] - window[0] + 1, []
    for i, value in zip(rows(ab, window), cars(ab, window), strict=True):
        sums = []
        for start in range(ab.residuals.shape[1] - length + 1):
            piece = ab.residuals[i, start : start + length]
            piece = piece[~np.isnan(piece)]
            if len(piece) >= 0.8 * length:
                sums.append(piece.sum())
        rank = stats.rankdata([*sums, value])[-1]
        less = (1 + sum(s <= value for s in sums)) / (1 + len(sums))
        greater = (1 + sum(s >= value for s in sums)) / (1 + len(sums))
        p = min(1, 2 * min(less, greater))
        found.append((rank / (len(sums) + 2) - 0.5, p, math.inf))
    return tuple(np.array(v) for v in zip(*found, strict=True))


def conformal(ab, window):
    """One regression of the returns of all sessions, row by row, and plain shifts."""
    t0, found = ab.residuals.shape[1], []
    start = window[0] - ab.first_offset
    stop = window[1] - ab.first_offset + 1
    k = ab.xtx_inv.shape[1]
    for i in rows(ab, window):
        y, design, spans, length = [], [], [], 0
        for t in range(t0):
            if not math.isnan(ab.residuals[i, t]):
                y.append(ab.residuals[i, t])
                spans.append(ab.span_estimation[i, t])
                design.append([spans[-1], *ab.x_estimation[i, t]][:k])
        for t in range(start, stop):
            if not math.isnan(ab.ar[i, t]):
                y.append(ab.ar[i, t])
                spans.append(ab.span_event[i, t])
                design.append(list(ab.x_event[i, t]))
                length += 1
        root = 1 / np.sqrt(spans)
        u = np.array(y) * root
        if k:
            x = np.array(design) * root[:, None]
            u = u - x @ np.linalg.lstsq(x, u, rcond=None)[0]
        n = len(u)
        moved = [
            sum(abs(u[(first + step) % n]) for step in range(length))
            for first in range(n)
        ]
        own = moved[n - length]
        s = math.sqrt((u**2).sum() / (n - k))
        value = math.copysign(own / (s * math.sqrt(length)), car(ab, i, window)[0])
        reached = sum(m >= own - 1e-10 * s for m in moved)
        found.append((value, reached / n, math.inf))
    return tuple(np.array(v) for v in zip(*found, strict=True))


def bootstrap(ab, window):
    """Errors laid out one by one, in blocks from arch-free plain lists."""
    from eventstudy.core.bootstrap import politis_white

    n_columns = ab.residuals.shape[1]
    uniform = np.random.default_rng(SEED).random(
        (N_DRAWS, n_columns + window[1] - window[0] + 1)
    )
    found = []
    for i, scar in zip(rows(ab, window), scars(ab, window), strict=True):
        block = math.ceil(politis_white(ab.residuals[i]).circular[0])
        errors = ab.residuals[i] / np.sqrt(ab.span_estimation[i])
        errors = errors[~np.isnan(errors)]
        errors = errors - errors.mean()
        n, k = len(errors), ab.n_estimation[i] - ab.df[i]
        length = int((~np.isnan(ab.ar[i, slice(*span(ab, window))])).sum())

        def lay(starts, wanted, errors=errors, n=n, block=block):
            out = []
            for u in starts:
                first = math.floor(u * n)
                out += [errors[(first + j) % n] for j in range(block)]
                if len(out) >= wanted:
                    return np.array(out[:wanted])
            raise AssertionError

        draws = []
        for u in uniform:
            past, event = lay(u[:n_columns], n), lay(u[n_columns:], length)
            sd = math.sqrt(((past - past.mean()) ** 2).sum() / (n - k))
            if ab.xtx_inv.shape[1]:
                spread = length + length**2 / n
                draws.append((event.sum() - length * past.mean()) / sd / spread**0.5)
            else:
                draws.append(event.sum() / sd / math.sqrt(length))
        found.append((scar, share(draws, scar), math.inf))
    return tuple(np.array(v) for v in zip(*found, strict=True))


def history(ab):
    means = [np.nanmean(column) for column in ab.residuals.T]
    return np.std(means, ddof=1), len(means)


def crude(ab, window):
    s, n = history(ab)
    value = cars(ab, window).mean() / (s * math.sqrt(window[1] - window[0] + 1))
    return student(value, n - 1)


def lamb(ab, window):
    used = rows(ab, window)
    forecast = np.mean([(car(ab, i, window)[1] / ab.sigma[i]) ** 2 for i in used])
    return normal(cars(ab, window).mean() / (history(ab)[0] * math.sqrt(forecast)))


def patell_original(ab, window):
    total = 0.0
    for i in rows(ab, window):
        sars = []
        for c in range(*span(ab, window)):
            if not math.isnan(ab.ar[i, c]):
                x = ab.x_event[i, c]
                sd = math.sqrt(ab.span_event[i, c] + x @ ab.xtx_inv[i] @ x)
                sars.append(ab.ar[i, c] / (ab.sigma[i] * sd))
        total += sum(sars) / math.sqrt(len(sars) * ab.df[i] / (ab.df[i] - 2))
    return normal(total / math.sqrt(len(rows(ab, window))))


def jackknife(ab, window):
    x = scars(ab, window)
    n = len(x)

    def theta(values):
        return values.mean() / values.std(ddof=1)

    pseudo = [n * theta(x) - (n - 1) * theta(np.delete(x, i)) for i in range(n)]
    found = stats.ttest_1samp(pseudo, 0)
    return found.statistic, found.pvalue, n - 1


def portfolio_z(ab, window):
    used, values = rows(ab, window), cars(ab, window)
    dates = np.array([ab.clock[i] for i in used])
    if len(set(dates)) == 1:
        return HEADLINE["portfolio"](ab, window)
    k = max(ab.n_estimation[i] - ab.df[i] for i in used)
    z = {}
    for d in set(dates):
        series = np.nanmean(ab.residuals[ab.clock == d], axis=0)
        sd = math.sqrt(((series - series.mean()) ** 2).sum() / (len(series) - k))
        members = [p for p, i in enumerate(used) if ab.clock[i] == d]
        forecast = np.mean(
            [(car(ab, used[p], window)[1] / ab.sigma[used[p]]) ** 2 for p in members]
        )
        z[d] = values[members].mean() / (sd * math.sqrt(forecast))
    groups = {}
    for p, label in enumerate(clusters(ab, window)):
        groups.setdefault(label, {})[dates[p]] = z[dates[p]]
    facts = [np.mean(list(g.values())) for g in groups.values()]
    t = stats.ttest_1samp(facts, 0).statistic
    return student(*of_clusters(ab, window, t, facts, 1.0))


def sandwich(y, labels, power):
    """CR2 (power -1/2) or CR3 (-1) variance of the mean and its degrees."""
    n = len(y)
    ones, residual = np.ones((n, 1)), y - y.mean()
    maker = np.eye(n) - np.full((n, n), 1 / n)
    variance, columns = 0.0, []
    for g in sorted(set(labels)):
        inside = np.flatnonzero(np.array(labels) == g)
        block = maker[np.ix_(inside, inside)]
        root = linalg.fractional_matrix_power(block, power).real
        score = ones[inside].T @ root @ residual[inside]
        variance += float(score[0] ** 2) / n**2
        columns.append(maker[:, inside] @ root @ ones[inside] / n)
    g = np.hstack(columns)
    eigenvalues = np.linalg.eigvalsh(g.T @ g)
    return variance, eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


def cluster(ab, window, power=-0.5):
    y = cars(ab, window)
    labels = clusters(ab, window)
    variance, df = sandwich(y, labels, power)
    t, shared = of_clusters(ab, window, y.mean() / math.sqrt(variance))
    return student(t, df * shared / (len(set(labels)) - 1))


def cluster_cr3(ab, window):
    return cluster(ab, window, power=-1.0)


def cluster_two_way(ab, window):
    y, dates = cars(ab, window), clusters(ab, window)
    assets = [int(ab.asset[i]) for i in rows(ab, window)]
    both = list(zip(dates, assets, strict=True))
    both = [sorted(set(both)).index(b) for b in both]
    v = [sandwich(y, labels, -0.5)[0] for labels in (dates, assets, both)]
    df = min(len(set(dates)), len(set(assets))) - 1
    return student(y.mean() / math.sqrt(v[0] + v[1] - v[2]), df)


def ibragimov_muller(ab, window):
    by_cluster = {}
    for value, label in zip(cars(ab, window), clusters(ab, window), strict=True):
        by_cluster.setdefault(label, []).append(value)
    g = len(by_cluster)
    facts = [sum(values) / len(values) for values in by_cluster.values()]
    mean = sum(facts) / g
    square = sum((fact - mean) ** 2 for fact in facts) / (g - 1)
    return student(mean / math.sqrt(square / g), g - 1)


def clustered_t(y, labels):
    import statsmodels.api as sm

    fit = sm.OLS(y, np.ones(len(y))).fit(
        cov_type="cluster", cov_kwds={"groups": labels, "use_correction": False}
    )
    g = len(set(labels))
    return y.mean() / (fit.bse[0] * math.sqrt(g / (g - 1)))


def wild_cluster(ab, window):
    y, labels = cars(ab, window), np.array(clusters(ab, window))
    groups = list(dict.fromkeys(labels))
    half = math.sqrt(0.5), 1.0, math.sqrt(1.5)
    weights = np.array([*(-h for h in half), *half])
    chosen = np.random.default_rng(SEED).integers(0, 6, (N_DRAWS, len(groups)))
    observed = clustered_t(y, labels)
    draws = []
    for row in chosen:
        factor = {g: weights[c] for g, c in zip(groups, row, strict=True)}
        draws.append(clustered_t(y * np.array([factor[g] for g in labels]), labels))
    return observed, share(draws, observed), math.inf


def johnson(x, centre=0.0, *, cubic=False):
    n, s = len(x), x.std(ddof=1)
    ratio = (x.mean() - centre) / s
    g = stats.skew(x) * ((n - 1) / n) ** 1.5
    value = ratio + g * ratio**2 / 3 + g / (6 * n)
    if cubic:
        value += g**2 * ratio**3 / 27
    return math.sqrt(n) * value


def skewness(ab, window):
    x = cars(ab, window)
    return student(johnson(x), len(x) - 1)


def skewness_hall(ab, window):
    return normal(johnson(cars(ab, window), cubic=True))


def skewness_bootstrap(ab, window):
    x = cars(ab, window)
    n = max(len(x) // 4, 4)
    index = np.random.default_rng(SEED).integers(0, len(x), (N_DRAWS, n))
    observed = johnson(x)
    draws = [johnson(x[i], x.mean()) for i in index if len(set(i)) > 1]
    below = (1 + sum(d <= observed for d in draws)) / (1 + len(draws))
    above = (1 + sum(d >= observed for d in draws)) / (1 + len(draws))
    return observed, min(1, 2 * min(below, above)), math.inf


def sign(ab, window):
    x = cars(ab, window)
    positive = int((x > 0).sum())
    p = stats.binomtest(positive, len(x), 0.5).pvalue
    return (positive - len(x) / 2) / math.sqrt(len(x) / 4), p, math.inf


def wilcoxon(ab, window):
    x = cars(ab, window)
    mode = "exact" if len(x) <= 50 else "approx"
    return (
        stats.wilcoxon(
            x, method="approx", correction=False, alternative="greater"
        ).zstatistic,
        stats.wilcoxon(x, method=mode).pvalue,
        math.inf,
    )


def session_z(ab, window, values):
    """Sum of a window's session means over their root mean square over time."""
    sessions = []
    for column in values.T:
        there = column[~np.isnan(column)]
        sessions.append(there.sum() / math.sqrt(len(there)))
    s = math.sqrt(np.mean(np.square(sessions)))
    t0 = ab.residuals.shape[1]
    inside = sessions[t0:][slice(*span(ab, window))]
    return normal(sum(inside) / math.sqrt(len(inside)) / s)


def standardised(ab, *, in_sample=False):
    """Residuals over sigma and forecast-standardised abnormal returns, (E, T+L)."""
    out = np.full((len(ab.ar), ab.residuals.shape[1] + ab.ar.shape[1]), np.nan)
    for i in range(len(ab.ar)):
        if ab.status[i] != 0:
            continue
        past = ab.residuals[i] / (ab.sigma[i] * np.sqrt(ab.span_estimation[i]))
        if in_sample:
            past = past / math.sqrt(ab.df[i] / ab.n_estimation[i])
        event = []
        for c in range(ab.ar.shape[1]):
            x = ab.x_event[i, c]
            sd = math.sqrt(ab.span_event[i, c] + x @ ab.xtx_inv[i] @ x)
            event.append(ab.ar[i, c] / (ab.sigma[i] * sd))
        out[i] = [*past, *event]
    return out


def rank_z(ab, window):
    z = standardised(ab)
    for c in range(ab.residuals.shape[1], z.shape[1]):
        z[:, c] /= np.nanstd(z[:, c], ddof=1)
    u = np.full(z.shape, np.nan)
    for i, row in enumerate(z):
        there = ~np.isnan(row)
        u[i, there] = stats.rankdata(row[there]) / (1 + there.sum()) - 0.5
    return session_z(ab, window, u)


def sign_cz(ab, window):
    values = np.concatenate(
        [ab.residuals / np.sqrt(ab.span_estimation), ab.ar / np.sqrt(ab.span_event)],
        axis=1,
    )
    return session_z(
        ab, window, np.sign(values - np.nanmedian(values, axis=1, keepdims=True))
    )


def grank_z(ab, window):
    u = grank_ranks(ab, window)
    variance = 0.0
    for row in u:
        m = (~np.isnan(row)).sum()
        variance += (m - 1) / (12 * (m + 1))
    return normal(u[:, -1].sum() / math.sqrt(variance))


def permutation(ab, window):
    z = standardised(ab, in_sample=True)
    means = [np.nansum(c) / math.sqrt((~np.isnan(c)).sum()) for c in z.T]
    t0 = ab.residuals.shape[1]
    inside = means[t0:][slice(*span(ab, window))]
    pool = np.array(means[:t0] + inside)
    keys = np.random.default_rng(SEED).random((N_DRAWS, len(pool)))
    draws = [pool[np.argsort(k)[: len(inside)]].sum() for k in keys]
    observed = sum(inside) / math.sqrt(len(inside))
    scaled = [d / math.sqrt(len(inside)) for d in draws]
    return observed, share(scaled, observed), math.inf


def sign_flip(ab, window):
    total = {}
    for value, label in zip(cars(ab, window), clusters(ab, window), strict=True):
        total[label] = total.get(label, 0.0) + value
    sums = np.array(list(total.values()))
    size = math.sqrt((sums**2).sum())
    draws = [
        round(sum(s * f for s, f in zip(signs, sums, strict=True)) / size, 12)
        for signs in itertools.product((1, -1), repeat=len(sums))
    ]
    observed = round(sums.sum() / size, 12)
    # The identity is among the enumerated signs, hence no further one is added.
    return observed, np.mean([abs(d) >= abs(observed) for d in draws]), math.inf


def signed_root(z):
    """sign(μ) sqrt(LR) of rows of standardised returns, by a general optimiser."""

    def loss(mean, log_variance):
        sd = math.exp(abs(log_variance) / 2)  # v >= 1
        odds = stats.norm.pdf(z, mean, sd) / stats.norm.pdf(z)
        return -np.log(np.nanmean(odds, axis=1)).sum()

    best = min(
        (
            optimize.minimize(
                lambda p: loss(*p),
                [np.nanmean(z), start],
                method="Nelder-Mead",
                options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 5000},
            )
            for start in (0.1, 0.7)
        ),
        key=lambda found: found.fun,
    )
    null = optimize.minimize_scalar(
        lambda v: loss(0.0, v), bounds=(0, 6), options={"xatol": 1e-12}
    )
    ratio = max(0.0, 2 * (min(null.fun, loss(0.0, 0.0)) - best.fun))
    return math.copysign(math.sqrt(ratio), best.x[0])


def ball_torous(ab, window):
    t0, z = ab.residuals.shape[1], standardised(ab)
    portfolios = []
    for g in sorted({int(ab.clock[i]) for i in rows(ab, window)}):
        members = [i for i in rows(ab, window) if ab.clock[i] == g]
        series = np.nanmean(z[members], axis=0)
        past = series[:t0]
        past = past[~np.isnan(past)]
        portfolios.append(series / math.sqrt((past**2).sum() / (len(past) - 1)))
    z = np.array(portfolios)
    start, stop = span(ab, window)
    observed = signed_root(z[:, t0 + start : t0 + stop])
    length = stop - start
    draws = [signed_root(z[:, c : c + length]) for c in range(t0 - length + 1)]
    return observed, share(draws, observed), math.inf


TWINS = HEADLINE | {
    "sq": sq,
    "conformal": conformal,
    "bootstrap": bootstrap,
    "crude": crude,
    "lamb": lamb,
    "patell_original": patell_original,
    "jackknife": jackknife,
    "portfolio_z": portfolio_z,
    "cluster": cluster,
    "cluster_cr3": cluster_cr3,
    "cluster_two_way": cluster_two_way,
    "wild_cluster": wild_cluster,
    "ibragimov_muller": ibragimov_muller,
    "skewness": skewness,
    "skewness_hall": skewness_hall,
    "skewness_bootstrap": skewness_bootstrap,
    "sign": sign,
    "sign_cz": sign_cz,
    "rank_z": rank_z,
    "grank_z": grank_z,
    "wilcoxon": wilcoxon,
    "permutation": permutation,
    "sign_flip": sign_flip,
    "ball_torous": ball_torous,
}
