"""Adjusted p-values: against statsmodels, plain loops, and the errors they control."""

from dataclasses import replace

import numpy as np
import pytest
from reference.inference_panels import panel, take
from statsmodels.stats.multitest import multipletests

from eventstudy.core.errors import SpecError
from eventstudy.inference import ADJUSTMENTS, TESTS, adjust, romano_wolf, step_down

PEERS = {"holm": "holm", "bh": "fdr_bh", "by": "fdr_by"}


def test_no_adjustment_without_an_oracle():
    assert set(PEERS) == set(ADJUSTMENTS)


@pytest.mark.parametrize("method", ADJUSTMENTS)
def test_adjustment_agrees_with_statsmodels(method):
    rng = np.random.default_rng(0)
    for p in (rng.random(30) ** 2, np.array([0.02]), np.repeat(0.04, 5)):
        theirs = multipletests(p, method=PEERS[method])[1]
        np.testing.assert_allclose(adjust(p, method), theirs, rtol=1e-12)


@pytest.mark.parametrize("method", ADJUSTMENTS)
def test_missing_p_values_neither_count_nor_vanish(method):
    p = np.array([[0.01, np.nan], [0.2, 0.03]])
    out = adjust(p, method)
    assert out.shape == p.shape
    assert np.isnan(out[0, 1])
    known = ~np.isnan(p)
    np.testing.assert_array_equal(out[known], adjust(p[known], method))


def test_unknown_adjustment():
    with pytest.raises(
        SpecError, match="unknown adjustment 'bonf'; known: bh, by, holm"
    ):
        adjust(np.array([0.1]), "bonf")


def romano_wolf_by_loops(observed, draws):
    """Algorithm 4.1 and 4.2 of Romano & Wolf (2005), one hypothesis after the other."""
    order = sorted(range(len(observed)), key=lambda h: -abs(observed[h]))
    p, before = [None] * len(observed), 0.0
    for step, h in enumerate(order):
        rest = order[step:]
        count = sum(max(abs(d[k]) for k in rest) >= abs(observed[h]) for d in draws)
        before = max(before, (1 + count) / (1 + len(draws)))
        p[h] = before
    return p


def test_romano_wolf_agrees_with_plain_loops():
    rng = np.random.default_rng(1)
    common = rng.normal(size=(300, 1))
    draws = 0.8 * common + 0.6 * rng.normal(size=(300, 7))
    observed = np.array([2.5, -0.3, 1.9, -3.1, 0.0, 2.4, 1.0])
    expected = romano_wolf_by_loops(observed, draws)
    np.testing.assert_allclose(romano_wolf(observed, draws), expected)


def test_romano_wolf_of_one_hypothesis_is_its_own_p_value():
    draws = np.random.default_rng(2).normal(size=(999, 1))
    p = (1 + (np.abs(draws) >= 1.7).sum()) / 1000
    assert romano_wolf(np.array([1.7]), draws)[0] == pytest.approx(p)
    less = (1 + (draws <= -1.7).sum()) / 1000
    assert romano_wolf(np.array([-1.7]), draws, "less")[0] == pytest.approx(less)


def test_romano_wolf_keeps_missing_statistics_out():
    draws = np.random.default_rng(2).normal(size=(99, 3))
    observed = np.array([1.0, np.nan, 2.0])
    out = romano_wolf(observed, draws)
    assert np.isnan(out[1])
    np.testing.assert_allclose(
        out[[0, 2]], romano_wolf(observed[[0, 2]], draws[:, [0, 2]])
    )


def test_identical_hypotheses_cost_nothing():
    draws = np.random.default_rng(3).normal(size=(999, 1))
    many = romano_wolf(np.full(50, 3.0), np.repeat(draws, 50, axis=1))
    alone = romano_wolf(np.array([3.0]), draws)
    np.testing.assert_allclose(many, alone[0])
    p = np.full(50, alone[0])
    assert adjust(p, "holm")[0] == pytest.approx(50 * alone[0])


def test_step_down_of_one_observation_is_close_to_its_t_test():
    ab = take(panel("one date", n_estimation=400, effect=0.03, seed=2), np.array([3]))
    found = step_down(ab, [(0, 0)], n_draws=4999)
    assert found.n_dates == 407
    assert found.pvalue[0, 0] == pytest.approx(
        TESTS["t"](ab, (0, 0)).pvalue[0], abs=0.03
    )


def test_step_down_uses_the_correlation_between_assets():
    loose = panel("one date", n_assets=20, rho=0.0, seed=6)
    tight = panel("one date", n_assets=20, rho=0.99, seed=6)

    def cost(ab):
        raw = TESTS["t"](ab, (0, 0)).pvalue
        adjusted = step_down(ab, [(0, 0)], n_draws=1999).pvalue[:, 0]
        return adjusted.min() / raw.min()

    assert cost(tight) < 3
    assert cost(loose) > 5


def test_step_down_draws_the_same_dates_for_all():
    # Two copies of an asset have equal statistics in every draw: one hypothesis.
    ab = panel("uneven dates", n_assets=1, effect=0.02, seed=3)
    twice = take(ab, np.repeat(np.arange(6), 2))
    found = step_down(twice, [(0, 0)], n_draws=499)
    alone = step_down(ab, [(0, 0)], n_draws=499)
    np.testing.assert_allclose(found.pvalue[::2], found.pvalue[1::2])
    np.testing.assert_allclose(found.pvalue[::2], alone.pvalue)


def test_step_down_says_why_it_cannot():
    ab = panel("one date", n_assets=3)
    residuals = ab.residuals.copy()
    residuals[0, :40] = np.nan
    residuals[1, 30:] = np.nan
    found = step_down(replace(ab, residuals=residuals), [(0, 0)])
    assert np.isnan(found.pvalue).all()
    assert found.reason == "the assets share 7 dates, 37 are needed"


@pytest.mark.slow
def test_step_down_keeps_the_familywise_error():
    wrong = 0
    for seed in range(300):
        ab = panel("uneven dates", n_assets=4, rho=0.6, seed=seed, n_estimation=120)
        found = step_down(ab, [(0, 0), (-1, 1)], n_draws=199, seed=seed)
        wrong += bool((found.pvalue <= 0.05).any())
    assert 0.02 < wrong / 300 < 0.095
