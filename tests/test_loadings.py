"""A CAR's loadings on its asset's disturbances, against real fits of basis vectors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference.inference_panels import panel, take
from reference.inference_twins import loading, nu, rbar

from eventstudy.core.loadings import loadings, unit_loadings
from eventstudy.core.windows import cumulate
from eventstudy.inference import TESTS, collect, dependence
from eventstudy.inference.aggregates import merge_all
from eventstudy.models import MODELS

T, L = 40, 9
GAPS = {3: 1, 11: 2, 12: 0, 25: 3, 44: 2}  # last missing session -> how many before it


def lines(rng, n_obs):
    """Flag the sessions with a price; some lack one, some several in a row."""
    held = np.ones((n_obs, T + L), bool)
    for last, before in GAPS.items():
        held[1, last - before : last + 1] = False
    held[2, rng.random(T + L) < 0.2] = False
    held[2, 0] = True
    return held


def compounded(values, held):
    """Sum values over the sessions that each return spans; nan where there is none."""
    out, span = np.full(values.shape, np.nan), np.ones(values.shape)
    for i, row in enumerate(held):
        last = -1
        for t in np.flatnonzero(row):
            out[i, t] = values[i, last + 1 : t + 1].sum()
            span[i, t] = t - last
            last = t
    return out, span


@pytest.mark.parametrize("model", ["constant_mean", "market_adjusted", "market", "two"])
@pytest.mark.parametrize("trade_to_trade", [False, True])
def test_loadings_are_what_a_unit_disturbance_does_to_a_real_fit(model, trade_to_trade):
    rng = np.random.default_rng(4)
    n_factors = {"constant_mean": 0, "two": 2}.get(model, 1)
    fit = MODELS["factors" if model == "two" else model]
    held = lines(rng, 3)
    x = rng.normal(size=(3, T + L, n_factors))
    x_held, span = np.empty(x.shape), np.ones(held.shape)
    for f in range(n_factors):
        x_held[:, :, f], span = compounded(x[:, :, f], held)
    if not trade_to_trade:
        x_held, span = x, np.ones(held.shape)

    def fitted(noise):
        y = np.broadcast_to(noise, held.shape)
        y = compounded(y, held)[0] if trade_to_trade else np.where(held, y, np.nan)
        spans = compounded(y, held)[1] if trade_to_trade else span
        factors = x_held if n_factors else None
        return fit(y, factors, n_estimation=T, span=spans)

    ab = fitted(rng.normal(size=(3, T + L)))
    for window in [(0, 0), (-1, 1), (-4, 4)]:
        found, base = loadings(ab, window), rng.normal(size=(3, T + L))
        for t in range(T + L):
            bump = base + (np.arange(T + L) == t)
            moved = (
                cumulate(fitted(bump), window).car - cumulate(fitted(base), window).car
            )
            if t == T - 1 + 1 and trade_to_trade:
                continue  # a first return may reach back before the event window
            assert_allclose(found[:, t], np.nan_to_num(moved), atol=1e-12)


def test_their_square_sum_is_the_forecast_variance():
    for model in ("market", "constant_mean", "market_adjusted"):
        ab = panel("uneven dates", model=model, missing=0.1)
        variance = (cumulate(ab, (-1, 1)).se / ab.sigma) ** 2
        assert_allclose((loadings(ab, (-1, 1)) ** 2).sum(axis=1), variance, rtol=1e-12)


def test_garch_loadings_are_in_units_of_sigma():
    rng = np.random.default_rng(0)
    h = np.empty(207)
    e = np.empty(207)
    h[0] = 1.0
    for t in range(207):
        h[t] = (
            0.1 + 0.15 * (e[t - 1] ** 2 if t else 1.0) + 0.75 * (h[t - 1] if t else 1)
        )
        e[t] = np.sqrt(h[t]) * rng.normal()
    ab = MODELS["garch"](np.tile(e, (2, 1)), n_estimation=200)
    variance = (cumulate(ab, (-1, 1)).se / ab.sigma) ** 2
    assert_allclose((loadings(ab, (-1, 1)) ** 2).sum(axis=1), variance, rtol=1e-9)


@pytest.mark.parametrize("spacing", ["one date", "adjacent dates", "uneven dates"])
@pytest.mark.parametrize("model", ["market", "constant_mean", "market_adjusted"])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_mean_correlation_and_nu_equal_loops_over_pairs(spacing, model, missing):
    ab = panel(spacing, n_assets=4, model=model, missing=missing, seed=9)
    for window in [(-1, 1), (-3, 3)]:
        found = dependence(ab, window)
        assert found.rbar == pytest.approx(rbar(ab, window), rel=1e-10)
        assert found.nu == pytest.approx(nu(ab, window), rel=1e-10)
    row = unit_loadings(ab, window)[0]
    dates = np.concatenate([ab.clocks.estimation[0], ab.clocks.event[0]])
    twin = loading(ab, 0, window)
    assert_allclose(row, [twin.get(int(d), 0.0) for d in dates], atol=1e-12)


def test_chunks_merge_to_the_same():
    ab = panel("uneven dates", missing=0.1)
    needs = frozenset({"correlation"})
    whole = dependence(collect(ab, [(-1, 1)], needs), (-1, 1))
    parts = [take(ab, np.arange(0, 20)), take(ab, np.arange(20, len(ab.ar)))]
    merged = merge_all(collect(p, [(-1, 1)], needs) for p in parts)
    found = dependence(merged, (-1, 1))
    assert found.rbar == pytest.approx(whole.rbar, rel=1e-12)
    assert found.nu == pytest.approx(whole.nu, rel=1e-12)


def test_one_date_with_one_correlation_has_all_degrees():
    y = np.random.default_rng(1).normal(size=(2, 67))
    ab = MODELS["constant_mean"](y, n_estimation=60)
    assert dependence(ab, (-1, 1)).nu == pytest.approx(1.0)


def test_pooled_correlations_give_the_same_where_all_pairs_are_alike(monkeypatch):
    ab = panel("far dates", n_assets=2)
    ab = take(ab, np.arange(4))
    exact = dependence(ab, (-1, 1))
    monkeypatch.setattr("eventstudy.inference.sums.MAX_ASSETS", 1)
    pooled = dependence(ab, (-1, 1))
    assert pooled.nu == pytest.approx(exact.nu, abs=0.02)
    assert pooled.rbar == pytest.approx(exact.rbar, rel=1e-3)


@pytest.mark.parametrize("most_assets", [500, 1])
def test_many_clocks_are_worked_out_in_blocks(monkeypatch, most_assets):
    ab = panel("uneven dates", n_assets=3, missing=0.1)
    monkeypatch.setattr("eventstudy.inference.sums.MAX_ASSETS", most_assets)
    whole, portfolio = dependence(ab, (-1, 1)), TESTS["portfolio"](ab, (-1, 1))
    monkeypatch.setattr("eventstudy.inference.shared_error._BLOCK", 2)
    found = dependence(ab, (-1, 1))
    assert found.rbar == pytest.approx(whole.rbar, rel=1e-12)
    assert found.nu == pytest.approx(whole.nu, rel=1e-12)
    again = TESTS["portfolio"](ab, (-1, 1))
    assert_allclose(again.statistic, portfolio.statistic, rtol=1e-12)
    assert_allclose(again.df, portfolio.df, rtol=1e-12)
