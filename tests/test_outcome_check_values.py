"""The hash rate after 21 May 2021: published readings from first principles.

The readings are those of a filter whose forecast error takes the drift's error and the
last level's as unrelated. `level_gaps` knows their covariance, which makes errors some
1 % larger. Both are computed here on the embedded figures of the network, which every
installation has.
"""

import datetime as dt
from functools import cache

import numpy as np
import pytest
from scipy import optimize, stats

import eventstudy as es
from eventstudy.outcomes import level_gaps
from eventstudy.outcomes.kinds import weights_of

LN_Q = np.linspace(-18.0, -3.0, 121)
AT, LENGTH = 354, 61


@cache
def network():
    """Days, log hash rate and one over the blocks of each UTC day."""
    held = es.read_series(
        "snapshot",
        name="hash rate",
        value="hash_rate",
        kind="log",
        variance="counting_variance",
    )
    days = [dt.date(1970, 1, 1) + dt.timedelta(days=int(d)) for d in held.days]
    return days, held.y, held.variance


class Drifting:
    """Changes of a local level with known noise: q and a moving average."""

    def __init__(self, y, h):
        self.y, self.h = y, h
        noise = np.diag(h[:-1] + h[1:])
        noise -= np.diag(h[1:-1], 1) + np.diag(h[1:-1], -1)
        # q adds to each eigenvalue, so that one decomposition serves every q
        self.values, vectors = np.linalg.eigh(noise)
        self.changes = vectors.T @ np.diff(y)
        self.one = vectors.T @ np.ones(len(y) - 1)

    def drift(self, q):
        """Return the drift, its variance and the restricted log likelihood."""
        variance = self.values + q
        info = (self.one**2 / variance).sum()
        drift = (self.one * self.changes / variance).sum() / info
        rest = ((self.changes - drift * self.one) ** 2 / variance).sum()
        return drift, 1.0 / info, -0.5 * (np.log(variance).sum() + np.log(info) + rest)

    def gap(self, q, ahead, noise, weights, *, related):
        """Return the weighted mean gap and its variance."""
        drift, variance, _ = self.drift(q)
        level, p, lag = self.y[0], self.h[0], 0.0
        for value, h in zip(self.y[1:], self.h[1:], strict=True):
            level, p, lag = level + drift, p + q, lag + 1.0
            gain = p / (p + h)
            level += gain * (value - level)
            p, lag = (1.0 - gain) * p, (1.0 - gain) * lag
        g = np.arange(1.0, len(ahead) + 1.0)
        z = g + lag if related else g
        cov = p + q * np.minimum.outer(g, g) + variance * np.outer(z, z)
        cov += np.diag(noise)
        return weights @ (ahead - level - drift * g), weights @ cov @ weights

    def likeliest(self):
        """Return the q of the greatest restricted likelihood."""

        def loss(ln_q):
            return -self.drift(np.exp(ln_q))[2]

        start = LN_Q[np.argmin([loss(one) for one in LN_Q])]
        near = (max(start - 0.3, LN_Q[0]), min(start + 0.3, LN_Q[-1]))
        return np.exp(optimize.minimize_scalar(loss, bounds=near).x)


def averaged(weights, *, related):
    """Return per cent and p of the mixture over q with 354 days of history."""
    _, y, h = network()
    model = Drifting(y[:AT], h[:AT])
    ahead = slice(AT, AT + len(weights))
    q = np.exp(LN_Q)
    logs = np.array([model.drift(one)[2] for one in q]) + LN_Q / 2
    share = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
    found = np.array(
        [model.gap(one, y[ahead], h[ahead], weights, related=related) for one in q]
    )
    below = share @ stats.norm.cdf(found[:, 0] / np.sqrt(found[:, 1]))
    return np.expm1(share @ found[:, 0]), 2 * min(below, 1 - below)


READINGS = [
    ("mean", dt.date(2021, 7, 20), -0.29, 0.005),
    ("last_week", dt.date(2021, 7, 20), -0.38, 0.009),
    # "a month later" is the last week of a window that ends a month later
    ("last_week", dt.date(2021, 8, 20), -0.27, 0.14),
]


@pytest.mark.parametrize(("measure", "end", "gap", "p"), READINGS)
def test_published_gaps_of_the_hash_rate(measure, end, gap, p):
    days, _, _ = network()
    assert (days[0], days[AT]) == (dt.date(2020, 6, 1), dt.date(2021, 5, 21))
    weights = weights_of((measure,), days.index(end) - AT + 1, 7)[0]
    found, pvalue = averaged(weights, related=False)
    assert round(found, 2) == gap
    assert round(pvalue, 3 if p < 0.1 else 2) == p


@pytest.mark.parametrize(("measure", "end", "gap", "p"), READINGS)
def test_the_package_differs_only_by_the_covariance_of_level_and_drift(
    measure, end, gap, p
):
    days, y, h = network()
    weights = weights_of((measure,), days.index(end) - AT + 1, 7)
    until = AT + weights.shape[1]
    found = level_gaps(y[None, :until], h[None, :until], history=AT, weights=weights)
    slow, pvalue = averaged(weights[0], related=True)
    # The two grids of q differ; both are far wider than the likelihood.
    assert np.expm1(found.effect[0, 0]) == pytest.approx(slow, rel=1e-6)
    assert found.pvalue[0, 0] == pytest.approx(pvalue, rel=1e-6)
    assert round(slow, 2) == gap
    published = averaged(weights[0], related=False)[1]
    assert round(published, 3 if p < 0.1 else 2) == p
    assert published < found.pvalue[0, 0] < 1.1 * published


def statistic(at, *, related):
    """Return the statistic of the last week after 75 days with the likeliest q."""
    _, y, h = network()
    model = Drifting(y[at - 75 : at], h[at - 75 : at])
    ahead = slice(at, at + LENGTH)
    weights = weights_of(("last_week",), LENGTH, 7)[0]
    gap, variance = model.gap(
        model.likeliest(), y[ahead], h[ahead], weights, related=related
    )
    return gap / np.sqrt(variance)


def test_with_75_days_and_the_likeliest_q_the_last_week_is_within_chance():
    assert statistic(AT, related=False) == pytest.approx(-0.88, abs=0.005)
    others = [statistic(at, related=True) for at in range(75, AT - LENGTH + 1)]
    own = statistic(AT, related=True)
    assert len(others) == 219
    p = (1 + (np.abs(others) >= abs(own)).sum()) / (1 + len(others))
    assert round(p, 2) == 0.49


def test_the_naive_t_of_the_hash_rate_is_minus_eight():
    _, y, _ = network()
    found = stats.ttest_ind(y[AT : AT + LENGTH], y[:AT])
    assert round(float(found.statistic), 1) == -8.0
