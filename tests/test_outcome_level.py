"""Series whose level persists: twin, check values, missing values and sizes."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from eventstudy.core.errors import SpecError
from eventstudy.outcomes import level_gaps, mean_gaps
from eventstudy.outcomes.kinds import KINDS, weights_of

WEIGHTS = weights_of(("mean", "last_week"), 61, 7)
NETWORK = Path(__file__).parents[2] / "shared" / "data" / "network" / "btc_network.csv"


def slow_gaps(y, h, history, weights, x):
    """Kriging with unknown coefficients, one dense system for each q."""
    seen = np.flatnonzero(np.isfinite(y))
    old, new = seen[seen < history], seen[seen >= history]
    n, k = len(old), x.shape[1]
    place = np.arange(1.0, len(y) + 1)
    changes = np.diff(y[:history])
    size = np.mean(changes[np.isfinite(changes)] ** 2)
    if h is None:
        gains = np.arange(1, 122) / 121
        grid = [(g**2, np.full(len(y), 1 - g), 0.0) for g in gains]
    else:
        logs = [-14 + 15 * i / 120 for i in range(121)]
        grid = [(size * np.exp(one), h, one / 2) for one in logs]
    found = []
    for q, noise, prior in grid:
        cov = q * np.minimum.outer(place, place) + np.diag(noise)
        inv = np.linalg.inv(cov[np.ix_(old, old)])
        info = x[old].T @ inv @ x[old]
        beta = np.linalg.solve(info, x[old].T @ inv @ y[old])
        rest = y[old] - x[old] @ beta
        square = rest @ inv @ rest
        logs = -0.5 * (np.linalg.slogdet(cov[np.ix_(old, old)])[1])
        logs -= 0.5 * np.linalg.slogdet(info)[1]
        logs -= 0.5 * square if h is not None else 0.5 * (n - k) * np.log(square)
        scale = 1.0 if h is not None else square / (n - k)
        b = cov[np.ix_(new, old)] @ inv
        z = x[new] - b @ x[old]
        gap = y[new] - x[new] @ beta - b @ rest
        error = cov[np.ix_(new, new)] - b @ cov[np.ix_(old, new)]
        error = scale * (error + z @ np.linalg.inv(info) @ z.T)
        found.append((logs + prior, gap, error))
    top = max(one[0] for one in found)
    total = sum(np.exp(one[0] - top) for one in found)
    out = []
    for row in weights:
        c = row[new - history] / row[new - history].sum()
        mean = var = below = 0.0
        for logs, gap, error in found:
            w = np.exp(logs - top) / total
            effect, sd = c @ gap, np.sqrt(c @ error @ c)
            law = stats.norm if h is not None else stats.t(n - k)
            below += w * law.cdf(effect / sd)
            mean += w * effect
            var += w * (sd**2 + effect**2)
        out.append((mean, np.sqrt(var - mean**2), 2 * min(below, 1 - below)))
    return np.array(out)


def made(seed, history=60, after=20, gaps=4):
    rng = np.random.default_rng(seed)
    n = history + after
    level = np.cumsum(rng.normal(0.01, 0.05, n))
    h = rng.uniform(0.002, 0.02, n)
    y = level + rng.normal(0, np.sqrt(h))
    y[rng.choice(n, gaps, replace=False)] = np.nan
    return y, h


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_the_filter_is_dense_kriging(seed, known):
    y, h = made(seed)
    weights = weights_of(("mean", "last_week"), 20, 7)
    x = np.stack([np.ones(80), np.arange(1.0, 81.0)], axis=1)
    slow = slow_gaps(y, h if known else None, 60, weights, x)
    fast = level_gaps(y[None], h[None] if known else None, history=60, weights=weights)
    held = np.stack([fast.effect[0], fast.se[0], fast.pvalue[0]], axis=1)
    np.testing.assert_allclose(held, slow, rtol=1e-9, atol=1e-11)


def test_weekdays_that_differ_are_expected():
    y, h = made(7, history=140, gaps=0)
    day = np.arange(len(y)) % 7
    plain = level_gaps(y[None], h[None], history=140, weights=np.eye(20)[:1])
    alike = level_gaps(
        y[None], h[None], history=140, weights=np.eye(20)[:1], weekday=day[None]
    )
    assert not alike.weekdays[0]
    assert alike.effect == plain.effect
    shift = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.4, 0.4])
    moved = level_gaps(
        (y + shift[day])[None],
        h[None],
        history=140,
        weights=np.eye(20)[:1],
        weekday=day[None],
    )
    assert moved.weekdays[0]
    x = np.stack(
        [np.ones(160), np.arange(1.0, 161.0)]
        + [(day == d) * 1.0 - (day == 6) for d in range(6)],
        axis=1,
    )
    slow = slow_gaps(y + shift[day], h, 140, np.eye(20)[:1], x)
    np.testing.assert_allclose(moved.effect[0, 0], slow[0, 0], rtol=1e-9)
    np.testing.assert_allclose(moved.se[0, 0], slow[0, 1], rtol=1e-9)


def test_the_rows_of_a_batch_are_each_alone():
    rows = [made(seed) for seed in range(5)]
    y, h = (np.stack([row[k] for row in rows]) for k in range(2))
    weights = weights_of(("mean",), 20, 7)
    both = level_gaps(y, h, history=60, weights=weights)
    for at in range(5):
        one = level_gaps(y[at], h[at], history=60, weights=weights)
        np.testing.assert_allclose(both.effect[at], one.effect[0], rtol=1e-13)
        np.testing.assert_allclose(both.expected[at], one.expected[0], rtol=1e-12)


def test_units_do_not_matter():
    y, h = made(3)
    weights = weights_of(("mean",), 20, 7)
    for known in (True, False):
        one = level_gaps(y, h[None] if known else None, history=60, weights=weights)
        other = level_gaps(
            1e6 * y, 1e12 * h[None] if known else None, history=60, weights=weights
        )
        np.testing.assert_allclose(other.pvalue, one.pvalue, rtol=1e-8)
        np.testing.assert_allclose(other.se, 1e6 * one.se, rtol=1e-8)


def test_too_few_values_are_no_number():
    y, h = made(1)
    y[:40] = np.nan
    found = level_gaps(y, h[None], history=60, weights=np.full((1, 20), 0.05))
    assert np.isnan(found.effect).all()
    assert np.isnan(found.expected).all()
    y, h = made(1)
    y[60:] = np.nan
    found = level_gaps(y, h[None], history=60, weights=np.full((1, 20), 0.05))
    assert np.isnan(found.effect).all()
    assert np.isfinite(found.expected).all()


def test_what_does_not_fit_is_an_error():
    y, h = made(1)
    with pytest.raises(SpecError, match="at least one session before"):
        level_gaps(y, history=80, weights=np.ones((1, 20)))
    with pytest.raises(SpecError, match="wanted 20 sessions each"):
        level_gaps(y, history=60, weights=np.ones((1, 19)))
    with pytest.raises(SpecError, match="as the series"):
        level_gaps(y, h[None, 1:], history=60, weights=np.ones((1, 20)))
    with pytest.raises(SpecError, match="is negative"):
        level_gaps(y, -h[None], history=60, weights=np.ones((1, 20)))


def slow_mean(y, history, c):
    old = y[:history][np.isfinite(y[:history])]
    gap = y[history:] - old.mean()
    se = old.std(ddof=1) * np.sqrt((c**2).sum() + 1 / len(old))
    return c @ gap, se, 2 * stats.t.sf(abs(c @ gap) / se, len(old) - 1)


def test_changes_are_held_against_their_mean():
    rng = np.random.default_rng(4)
    y = rng.normal(0.3, 1, 110)
    y[[3, 50]] = np.nan
    c = np.full(10, 0.1)
    found = mean_gaps(y, history=100, weights=c[None])
    held = found.effect[0, 0], found.se[0, 0], found.pvalue[0, 0]
    np.testing.assert_allclose(held, slow_mean(y, 100, c), rtol=1e-12)
    day = np.arange(110) % 7
    shift = np.where(day == 6, 3.0, 0.0)
    moved = mean_gaps(y + shift, history=100, weights=c[None], weekday=day[None])
    assert moved.weekdays[0]
    x = np.stack([np.ones(110)] + [(day == d) * 1.0 for d in range(6)], axis=1)
    seen = np.isfinite(y[:100])
    beta, rest, _, _ = np.linalg.lstsq(
        x[:100][seen], (y + shift)[:100][seen], rcond=None
    )
    z = c @ x[100:]
    var = (
        rest[0]
        / (98 - 7)
        * ((c**2).sum() + z @ np.linalg.inv(x[:100][seen].T @ x[:100][seen]) @ z)
    )
    effect = c @ ((y + shift)[100:] - x[100:] @ beta)
    np.testing.assert_allclose(moved.effect[0, 0], effect, rtol=1e-9)
    np.testing.assert_allclose(moved.se[0, 0], np.sqrt(var), rtol=1e-9)


def hash_rate():
    if not NETWORK.exists():
        pytest.skip("the table of the bitcoin network is not here")
    table = pl.read_csv(NETWORK, try_parse_dates=True)
    blocks = table["blocks"].to_numpy()
    rate = table["difficulty"].to_numpy() * blocks * 2.0**32 / 86_400
    return table["date"].to_list(), np.log(rate), 1.0 / blocks


def test_the_hash_rate_after_the_state_council_meeting():
    days, y, h = hash_rate()
    at = days.index(dt.date(2021, 5, 21))
    assert at == 354
    cut = slice(0, at + 61)
    found = level_gaps(y[cut], h[None, cut], history=at, weights=WEIGHTS)
    assert days[at + 60] == dt.date(2021, 7, 20)
    assert np.expm1(found.effect[0]).round(2).tolist() == [-0.29, -0.38]
    assert found.pvalue[0].round(3).tolist() == [0.005, 0.010]
    # a month later
    longer = weights_of(("last_week",), 92, 7)
    cut = slice(0, at + 92)
    found = level_gaps(y[cut], h[None, cut], history=at, weights=longer)
    assert np.expm1(found.effect[0]).round(2).tolist() == [-0.27]
    assert found.pvalue[0, 0] == pytest.approx(0.145, abs=0.001)


def test_sizes_of_the_mean_of_changes():
    rng = np.random.default_rng(8)
    y = rng.normal(0, 1, (4000, 110))
    found = mean_gaps(y, history=100, weights=np.full((1, 10), 0.1))
    assert 0.043 < (found.pvalue < 0.05).mean() < 0.057


# q, h, sessions of history, what is known, least and greatest size at 5 %
DESIGNS = [
    (4e-4, 7e-3, 100, True, 0.035, 0.065),
    (4e-4, 7e-3, 180, True, 0.035, 0.065),
    (4e-4, 7e-3, 354, True, 0.035, 0.065),
    (2e-3, 7e-3, 180, True, 0.035, 0.065),
    (4e-4, 7e-3, 180, False, 0.035, 0.065),
    (2e-3, 7e-3, 180, False, 0.035, 0.065),
    (2e-3, 7e-3, 354, False, 0.035, 0.065),
    # a level that hardly moves: the prior is wider, the test errs on the safe side
    (1e-5, 7e-3, 100, True, 0.0, 0.035),
    # all change stays, and none is known to be noise
    (4e-3, 1e-4, 100, False, 0.065, 0.095),
]


@pytest.mark.slow
@pytest.mark.parametrize(("q", "h", "history", "known", "least", "most"), DESIGNS)
def test_sizes_where_the_level_wanders(q, h, history, known, least, most):
    rng = np.random.default_rng(history)
    rejected = []
    for _ in range(16):
        shape = 250, history + 61
        level = np.cumsum(rng.normal(0.001, np.sqrt(q), shape), axis=1)
        y = level + rng.normal(0, np.sqrt(h), shape)
        found = level_gaps(
            y,
            np.full(shape, h) if known else None,
            history=history,
            weights=WEIGHTS,
        )
        rejected.append(found.pvalue < 0.05)
    size = np.concatenate(rejected).mean(axis=0)
    assert (size >= least).all(), size
    assert (size <= most).all(), size


def test_kinds_say_what_is_studied():
    values = np.array([1.0, 0.0, 4.0, np.nan])
    assert KINDS["level"].of(values)[:3].tolist() == [1.0, 0.0, 4.0]
    assert np.isnan(KINDS["log"].of(values)).tolist() == [False, True, False, True]
    assert KINDS["difference"].of(values)[1:3].tolist() == [-1.0, 4.0]
    assert KINDS["count"].poisson(values)[[0, 2]].tolist() == [1.0, 0.25]
    assert KINDS["level"].poisson(values)[2] == 4.0


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("wanders", [True, False])
def test_a_series_far_from_nought_has_the_same_p(known, wanders):
    rng = np.random.default_rng(1)
    y = rng.normal(size=(1, 120))
    y = np.cumsum(y, axis=1) if wanders else y
    h = np.ones((1, 120)) if known else None
    weights = np.full((1, 20), 0.05)
    near = level_gaps(y, h, history=100, weights=weights)
    far = level_gaps(y + 1e9, h, history=100, weights=weights)
    np.testing.assert_allclose(far.pvalue, near.pvalue, rtol=1e-5)
    np.testing.assert_allclose(far.expected - 1e9, near.expected, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0, 1e7 / 3])
@pytest.mark.parametrize("gaps", [level_gaps, mean_gaps])
def test_a_history_that_does_not_vary_has_no_p(gaps, value):
    y = np.full((2, 120), value)
    y[:, 100:] += np.arange(20)
    y[1] += np.random.default_rng(1).normal(size=120)
    weekday = np.tile(np.arange(120) % 7, (2, 1))
    found = gaps(y, history=100, weights=np.full((1, 20), 0.05), weekday=weekday)
    assert np.isfinite(found.pvalue[:, 0]).tolist() == [False, True]
    assert np.isfinite(found.effect[:, 0]).tolist() == [False, True]
    assert np.isnan(found.expected[0]).all()


def test_a_straight_line_has_no_p():
    y = np.arange(120.0)[None] / 3
    found = level_gaps(y, history=100, weights=np.full((1, 20), 0.05))
    assert np.isnan(found.pvalue).all()
