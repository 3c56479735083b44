"""Long runs the slow way: a session at a time, regressions by statsmodels."""

import math

import numpy as np
import statsmodels.api as sm


def portfolio(y, x, asset, day0, hold):
    """(sessions, returns, factors, sizes) of the assets with a live event."""
    out = []
    for t in range(y.shape[1]):
        named = {
            a for a, d in zip(asset, day0, strict=True) if hold[0] <= t - d <= hold[1]
        }
        held = [a for a in sorted(named) if not math.isnan(y[a, t])]
        if held:
            mean = sum(y[a, t] for a in held) / len(held)
            out.append((t, mean, list(x[t]), len(held)))
    return out


def regression(rows, variance, extra=None):
    """Estimate, se and t of the constant, or of the last column where one is given."""
    y = np.array([row[1] for row in rows])
    design = np.array([[1.0, *row[2]] for row in rows])
    if extra is not None:
        design = np.column_stack([design, extra])
    at = 0 if extra is None else design.shape[1] - 1
    if variance == "wls":
        fit = sm.WLS(y, design, weights=[row[3] for row in rows]).fit()
    else:
        fit = sm.OLS(y, design).fit()
    se = fit.bse[at]
    if variance == "hc3":
        se = fit.HC3_se[at]
    if variance == "newey_west":
        se = math.sqrt(newey_west(rows, design, fit.resid)[at, at])
    return fit.params[at], se, fit.params[at] / se


def newey_west(rows, design, rest):
    n, k = design.shape
    lags = math.floor(4 * (n / 100) ** (2 / 9))
    middle = np.zeros((k, k))
    for i in range(n):
        for j in range(n):
            apart = abs(rows[i][0] - rows[j][0])
            if apart <= lags:
                share = 1 - apart / (lags + 1)
                middle += share * rest[i] * rest[j] * np.outer(design[i], design[j])
    bread = np.linalg.inv(design.T @ design)
    return bread @ middle @ bread * n / (n - k)


def ctar(errors, asset, day0, hold, estimation):
    z = []
    for t in range(errors.shape[1]):
        newest = {}
        for e in sorted(range(len(asset)), key=lambda e: day0[e]):
            live = hold[0] <= t - day0[e] <= hold[1]
            if live and not math.isnan(errors[e, t]):
                newest[asset[e]] = e
        if not newest:
            continue
        members = list(newest.values())
        first = min(day0[e] for e in members)
        before = []
        for s in range(first + estimation[0], first + estimation[1] + 1):
            own = [errors[e, s] for e in members] if 0 <= s < errors.shape[1] else []
            if own and not any(math.isnan(one) for one in own):
                before.append(sum(own) / len(own))
        mean = sum(errors[e, t] for e in members) / len(members)
        z.append(mean / np.std(before, ddof=1))
    se = np.std(z, ddof=1) / math.sqrt(len(z))
    return np.mean(z), se, np.mean(z) / se


def rats(y, x):
    total, variance = 0.0, 0.0
    for s in range(y.shape[1]):
        known = ~np.isnan(y[:, s])
        fit = sm.OLS(y[known, s], sm.add_constant(x[known, s])).fit()
        total += fit.params[0]
        variance += fit.bse[0] ** 2
    return total, math.sqrt(variance), total / math.sqrt(variance)
