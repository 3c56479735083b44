"""Faults seen in other implementations, each as a test that it would fail."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reference.inference_panels import panel, take
from scipy import special

import eventstudy.inference
from eventstudy.core.windows import cumulate
from eventstudy.inference import TESTS, battery, caar_interval, dependence
from eventstudy.inference.pvalues import tail
from eventstudy.models import constant_mean, market

WINDOW = (-1, 1)


def test_sums_use_the_firms_present_not_all_firms():
    # Rebuilding a sum as mean x all firms inflates it where returns are missing.
    ab = panel("one date", n_assets=12, seed=1)
    ar = ab.ar.copy()
    ar[6:, 3] = np.nan
    half = take(ab, np.arange(6))
    for name in ("patell", "sign", "gsign", "wilcoxon", "csect", "bmp"):
        holed = TESTS[name](replace(ab, ar=ar), (0, 0))
        assert holed.statistic[0] == pytest.approx(
            TESTS[name](half, (0, 0)).statistic[0]
        )
        assert holed.n[0] == 6


def test_rank_statistic_of_a_day_with_missing_returns_is_not_inflated():
    rejected = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=(30, 101))
        y[rng.random(30) < 0.3, 100] = np.nan
        ab = constant_mean(y, n_estimation=100)
        rejected += TESTS["rank"](ab, (0, 0)).pvalue[0] < 0.05
    assert rejected < 22  # 11 %; the inflated one rejects 22 %


def test_every_day_has_its_own_statistic():
    # A scalar condition over days returns the first day's value for all of them.
    ab = panel("one date", n_assets=8)
    days = [(d, d) for d in range(-3, 4)]
    whole = [n for n, e in TESTS.items() if e.level == "sample"]
    found = battery(ab, windows=days, tests=whole, n_draws=99)
    for name in ("rank", "rank_z", "portfolio", "grank_t", "bmp", "crude"):
        values = {found[d, name].statistic[0] for d in days}
        assert len(values) == 7, name


def test_correlation_is_that_of_the_windows_sums():
    # Averaged over all pairs the test dies; aligned in event time overlap is missed.
    ab = panel("adjacent dates", n_assets=6, rho=0.5, seed=1)
    r = dependence(ab, WINDOW).rbar
    by_event_time = np.corrcoef(ab.residuals)
    n = len(ab.ar)
    event_time = (by_event_time.sum() - n) / (n * (n - 1))
    # Truth: 5 + 6·(2/3)·... partners; ρ = ½ between assets, 1 for the asset itself.
    same_date, next_date = 5 * 0.5, (2 / 3) * (5 * 0.5 + 1)
    truth = (same_date + next_date) / (n - 1)
    assert r == pytest.approx(truth, abs=0.05)
    assert event_time < 0.8 * truth
    assert r < 0.5 * 0.5  # mean over all pairs on the calendar would be about ½


def test_degrees_of_freedom_count_the_parameters():
    rng = np.random.default_rng(0)
    y, x = rng.normal(size=(2, 63)), rng.normal(size=(2, 63))
    assert TESTS["t"](market(y, x, n_estimation=60), (0, 0)).df[0] == 58
    assert TESTS["t"](constant_mean(y, n_estimation=60), (0, 0)).df[0] == 59


def test_variance_of_a_long_window_has_the_error_of_the_mean():
    # With Lσ² the t of 41 sessions on 120 rejects 9.8 % at 5 %.
    rng = np.random.default_rng(5)
    ab = constant_mean(rng.normal(size=(6000, 161)), n_estimation=120)
    exact = TESTS["t"](ab, (-20, 20)).pvalue
    naive = cumulate(ab, (-20, 20)).car / (ab.sigma * np.sqrt(41))
    assert (exact < 0.05).mean() == pytest.approx(0.05, abs=0.009)
    assert (tail(naive, 119.0, "two-sided") < 0.05).mean() > 0.08


@pytest.mark.long
def test_patell_as_published_rejects_too_often_in_long_windows():
    rng = np.random.default_rng(6)
    counts = {"patell": 0, "patell_original": 0}
    for _ in range(300):
        ab = constant_mean(rng.normal(size=(30, 101)), n_estimation=60)
        for name in counts:
            counts[name] += TESTS[name](ab, (-20, 20)).pvalue[0] < 0.05
    assert counts["patell"] < 27
    assert counts["patell_original"] > 1.5 * counts["patell"]


def test_the_event_does_not_enter_its_own_variance():
    ab = panel("one date", seed=3)
    shocked = replace(ab, ar=ab.ar * 10)
    for name in ("t", "crude", "lamb", "portfolio", "patell"):
        a, b = TESTS[name](ab, WINDOW), TESTS[name](shocked, WINDOW)
        np.testing.assert_allclose(b.statistic, 10 * a.statistic)


def test_one_missing_return_does_not_empty_the_average():
    ab = panel("one date", n_assets=8)
    ar = ab.ar.copy()
    ar[0, 3] = np.nan
    found = TESTS["csect"](replace(ab, ar=ar), WINDOW)
    assert found.n[0] == 8
    assert np.isfinite(found.statistic[0])


def test_far_tails_keep_their_digits():
    ab = panel("one date", n_assets=30, rho=0.0, effect=0.1, seed=1)
    p = TESTS["patell"](ab, (0, 0)).pvalue[0]
    assert 0 < p < 1e-100
    assert tail(-12.0, np.inf, "less") == special.ndtr(-12.0)


def test_negative_statistics_have_p_values_below_one():
    ab = panel("one date", effect=-0.05, seed=1)
    for name in TESTS:
        p = TESTS[name](ab, WINDOW).pvalue
        assert not (p > 1).any()
    assert TESTS["t"](ab, (0, 0)).pvalue.max() < 0.2


def test_confidence_of_90_percent_covers_90_percent():
    covered = 0
    for seed in range(300):
        ab = panel("one date", model="constant_mean", seed=seed, rho=0.3)
        found = caar_interval(ab, (0, 0), level=0.9)
        covered += found.low < 0.0 < found.high
    assert 0.85 < covered / 300 < 0.945


def test_the_cumulation_starts_with_the_first_day_of_the_window():
    ab = panel("one date")
    ar = ab.ar.copy()
    ar[:, 3 + WINDOW[0]] += 50.0
    moved = TESTS["csect"](replace(ab, ar=ar), WINDOW).estimate[0]
    assert moved == pytest.approx(TESTS["csect"](ab, WINDOW).estimate[0] + 50)


def test_adjacent_dates_are_not_independent_facts():
    ab = panel("adjacent dates", n_assets=6)
    found = TESTS["portfolio"](ab, WINDOW)
    assert found.n_clusters[0] == 3
    assert found.df[0] == 2


def test_cluster_degrees_are_those_of_clusters():
    ab = panel("far dates", n_assets=6)
    assert TESTS["cluster"](ab, WINDOW).df[0] == pytest.approx(5.0)


def test_wilcoxon_has_the_same_level_in_both_tails():
    ab = panel("one date", n_assets=40, rho=0.0, seed=2)
    mirrored = replace(ab, ar=-ab.ar)
    a, b = (TESTS["wilcoxon"](s, WINDOW) for s in (ab, mirrored))
    assert a.pvalue[0] == b.pvalue[0]


def test_repeat_events_of_an_asset_stay_apart():
    ab = panel("far dates", n_assets=1)
    assert TESTS["csect"](ab, WINDOW).n[0] == 6


def test_the_diagonal_is_not_in_the_mean_correlation():
    ab = panel("one date", n_assets=30, rho=0.0, n_estimation=400, seed=4)
    assert abs(dependence(ab, WINDOW).rbar) < 0.01


def test_no_p_value_is_made_by_one_minus_cdf():
    for path in Path(eventstudy.inference.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
                text = ast.unparse(node)
                assert "cdf" not in text, f"{path.name}: {text}"
