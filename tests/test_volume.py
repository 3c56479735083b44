"""Volume outcomes against plain loops, and through models and tests."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from eventstudy.core.errors import DataError
from eventstudy.inference import TESTS
from eventstudy.models import MODELS
from eventstudy.outcomes import (
    OUTCOMES,
    amihud,
    corwin_schultz,
    log_volume,
    recent_change,
)


def test_log_volume_leaves_zero_and_missing_volume_out():
    got = log_volume(np.array([[0.0, 1.0, np.nan, 1e9, -5.0]]))
    assert_array_equal(np.isnan(got), [[True, False, True, False, True]])
    assert_allclose(got[0, [1, 3]], [np.log(2.0), np.log(1e9 + 1)])


def test_amihud_equals_the_plain_ratio():
    rng = np.random.default_rng(0)
    r, c = rng.normal(size=(2, 5)), rng.uniform(5, 9, size=(2, 5))
    v = rng.uniform(1e4, 1e6, size=(2, 5))
    v[0, 2] = 0.0
    got = amihud(r, c, v)
    for i in range(2):
        for t in range(5):
            if v[i, t] == 0:
                assert np.isnan(got[i, t])
            else:
                assert_allclose(got[i, t], abs(r[i, t]) / (c[i, t] * v[i, t]) * 1e6)
    with pytest.raises(DataError, match="one shape"):
        amihud(r, c, v[:, :3])


def slow_corwin_schultz(h, low, c):
    """One pair of sessions, as the authors describe it."""
    h0, h1, l0, l1 = h[0], h[1], low[0], low[1]
    if c[0] > h1:
        rise = c[0] - h1
        h1, l1 = h1 + rise, l1 + rise
    if c[0] < l1:
        fall = l1 - c[0]
        h1, l1 = h1 - fall, l1 - fall
    beta = np.log(h0 / l0) ** 2 + np.log(h1 / l1) ** 2
    gamma = np.log(max(h0, h1) / min(l0, l1)) ** 2
    k = 3 - 2 * np.sqrt(2)
    alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / k - np.sqrt(gamma / k)
    return 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))


def test_spread_equals_the_plain_formula_with_overnight_gaps():
    rng = np.random.default_rng(1)
    mid = 20 * np.exp(np.cumsum(0.03 * rng.normal(size=(3, 40)), axis=1))
    h = mid * np.exp(np.abs(0.01 * rng.normal(size=mid.shape)))
    low = mid * np.exp(-np.abs(0.01 * rng.normal(size=mid.shape)))
    c = low + (h - low) * rng.uniform(size=mid.shape)
    h[2, 10] = np.nan
    low[2, 20] = h[2, 20] * 1.1
    got = corwin_schultz(h, low, c, keep_negative=True)
    assert np.isnan(got[:, 0]).all()
    assert_array_equal(np.flatnonzero(np.isnan(got[2])), [0, 10, 11, 20, 21])
    for i in range(2):
        for t in range(1, 40):
            wanted = slow_corwin_schultz(
                h[i, t - 1 : t + 1], low[i, t - 1 : t + 1], c[i, t - 1 : t + 1]
            )
            assert_allclose(got[i, t], wanted, rtol=1e-10, atol=1e-14)
    assert (got < 0).any()
    assert_allclose(corwin_schultz(h, low, c), np.maximum(got, 0))


def test_spread_of_simulated_quotes_is_recovered():
    """A random walk that trades at bid or ask, 2 % apart."""
    rng = np.random.default_rng(2)
    steps = 0.02 / np.sqrt(390) * rng.normal(size=(60, 250, 390))
    value = np.exp(np.cumsum(steps.reshape(60, -1), axis=1)).reshape(steps.shape)
    quote = value * (1 + 0.01 * rng.choice([-1, 1], size=steps.shape))
    args = quote.max(axis=2), quote.min(axis=2), quote[:, :, -1]
    got = corwin_schultz(*args, keep_negative=True)
    assert_allclose(np.nanmean(got), 0.02, rtol=0.1)


def test_abnormal_volume_goes_through_models_and_tests():
    rng = np.random.default_rng(3)
    market = 15 + 0.3 * rng.normal(size=(8, 141))
    own = 2 + 0.8 * market + 0.4 * rng.normal(size=(8, 141))
    own[:, 120:] += 1.0  # volume rises by e
    volume = np.exp(own)
    volume[0, 5] = 0.0
    y = log_volume(volume)
    ab = MODELS["market"](y, log_volume(np.exp(market)), n_estimation=120)
    assert ab.n_estimation[0] == 119
    assert_allclose(ab.coefficients[:, 1], 0.8, atol=0.4)
    assert_allclose(ab.ar.mean(), 1.0, atol=0.1)
    for name in ("csect", "bmp", "rank", "gsign", "grank_t"):
        assert TESTS[name](ab, window=(-1, 1)).pvalue[0] < 0.05
    plain = MODELS["constant_mean"](y, n_estimation=120)
    assert_allclose(plain.ar[1], y[1, 120:] - y[1, :120].mean())


def test_the_change_from_shortly_before_equals_a_loop():
    rng = np.random.default_rng(1)
    v = rng.normal(size=(4, 60))
    v[rng.random(v.shape) < 0.1] = np.nan
    got = recent_change(v)
    for i in range(4):
        for t in range(60):
            before = [v[i, t - k] for k in range(7, 12)] if t >= 11 else []
            known = [x for x in before if np.isfinite(x)]
            if len(known) < 4 or np.isnan(v[i, t]):
                assert np.isnan(got[i, t])
            else:
                assert_allclose(got[i, t], v[i, t] - np.mean(known), atol=1e-12)
    assert np.isnan(recent_change(v[:, :11])).all()


def test_a_level_that_drifts_slowly_is_no_change():
    """Volume falls by half in a step long before the event: day +1 has none left."""
    volume = np.full(80, 1e6)
    volume[50:] = 5e5
    change = OUTCOMES["volume_change"].of({"volume": volume})
    assert_allclose(change[48], 0.0, atol=1e-12)
    assert_allclose(change[52], np.log(0.5), rtol=1e-5)
    assert_allclose(change[61:], 0.0, atol=1e-12)
