"""Intervals, the recommended test, and the event's variance."""

from dataclasses import replace

import numpy as np
import pytest
from reference.inference_panels import SPACINGS, panel, take
from reference.inference_twins import recent
from scipy import stats

from eventstudy.inference import (
    TESTS,
    Dependence,
    assess,
    caar_interval,
    collect,
    dependence,
    recommend,
    variance_increase,
)
from eventstudy.inference.dependence import correlations
from eventstudy.inference.recommend import interval_of
from eventstudy.inference.sample import sample_of

WINDOW = (-1, 1)


def found(n=20, dates=1, clusters=1, rbar=0.3):
    return Dependence(
        n=n,
        n_dates=dates,
        n_clusters=clusters,
        rbar=rbar,
        nu=n - 1.0,
        n_effective=n / (1 + (n - 1) * rbar),
        n_unmeasured=0,
    )


def test_interval_of_one_date_is_that_of_the_t_test_inflated():
    ab = panel("one date", n_assets=8)
    alone = {a: a for a in range(8)}
    evidence = collect(ab, [WINDOW], frozenset({"correlation"}))
    tested = TESTS["csect"](ab, WINDOW)
    known = dependence(evidence, WINDOW)
    low, high = stats.t.interval(
        0.9, known.nu, tested.estimate[0], tested.estimate[0] / tested.statistic[0]
    )
    inflated = caar_interval(evidence, WINDOW, level=0.9)
    factor = np.sqrt((1 + 7 * known.rbar) / (1 - known.rbar))
    assert inflated.high - inflated.low == pytest.approx((high - low) * factor)
    assert dependence(ab, WINDOW, groups=alone).rbar == pytest.approx(0.0, abs=1e-15)


def test_interval_of_one_observation_is_its_forecast_error():
    ab = take(panel(), np.array([2]))
    interval, t = caar_interval(ab, WINDOW), TESTS["t"](ab, WINDOW)
    assert interval.estimate / interval.se == pytest.approx(t.statistic[0])
    assert interval.df == t.df[0]
    assert interval.test == "t"


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("effect", [0.0, 0.01, 0.02])
def test_interval_excludes_zero_when_its_test_rejects(spacing, effect):
    ab = panel(spacing, seed=2, effect=effect, model="market_adjusted")
    # equal variances, so that CAR and SCAR say the same
    ab = replace(
        ab,
        ar=ab.ar / ab.sigma[:, None],
        residuals=ab.residuals / ab.sigma[:, None],
        sigma=np.ones_like(ab.sigma),
    )
    evidence = collect(ab, [(0, 0)], frozenset({"correlation", "placebo"}))
    sample = sample_of(evidence, (0, 0), residual=correlations(evidence))
    for name in ("kp_bmp", "kp_guarded_estimation", "cluster", "portfolio", "placebo"):
        if name in ("cluster", "portfolio") and sample.n_clusters < 2:
            continue
        interval = interval_of(sample, test=name)
        p = TESTS[name](ab, (0, 0)).pvalue[0]
        assert (interval.low > 0 or interval.high < 0) == (p < 0.05), name


def test_interval_of_few_observations_holds_what_the_placebo_does_not_reject():
    ab = take(panel(seed=5), np.arange(3))
    interval = caar_interval(ab, WINDOW)
    assert interval.test == "placebo"
    columns = slice(WINDOW[0] - ab.first_offset, WINDOW[1] - ab.first_offset + 1)
    for b in np.linspace(-0.1, 0.1, 41):
        ar = ab.ar.copy()
        ar[:, columns] -= b / 3
        p = TESTS["placebo"](replace(ab, ar=ar), WINDOW).pvalue[0]
        assert (interval.low <= b <= interval.high) == (p > 0.05)


def test_guarded_interval_is_the_wider_of_the_two():
    ab = panel("uneven dates", seed=3)
    evidence = collect(ab, [WINDOW], frozenset({"correlation"}))
    sample = sample_of(evidence, WINDOW, residual=correlations(evidence))
    n, r = sample.n, float(sample.rbar)
    factor = (1 + (n - 1) * r) / n
    own = sample.car.var(ddof=1) / (1 - r) * factor
    h = [recent(ab, i) for i in range(n)]
    forecast = (sample.se / sample.sigma) ** 2
    floor = np.mean([v * v * f for (v, _), f in zip(h, forecast, strict=True)])
    floor *= np.mean([m / (m - 2) for _, m in h]) * factor
    half = max(
        np.sqrt(own) * stats.t.ppf(0.975, float(sample.nu)),
        np.sqrt(floor) * stats.norm.ppf(0.975),
    )
    found = caar_interval(ab, WINDOW)
    assert found.test == "kp_guarded"
    assert found.high - found.estimate == pytest.approx(half, rel=1e-9)


def test_interval_of_many_clusters_is_that_of_the_cluster_test(monkeypatch):
    dates = dict(SPACINGS) | {"many": tuple(100 * k for k in range(12))}
    monkeypatch.setattr("reference.inference_panels.SPACINGS", dates)
    ab = panel("many", model="constant_mean", rho=0.5)
    (known,) = assess(collect(ab, [WINDOW], frozenset({"correlation"})), [WINDOW])
    interval = known.such
    test = TESTS["cluster"](ab, WINDOW)
    assert interval.test == "cluster"
    assert interval.estimate / interval.se == pytest.approx(test.statistic[0])
    assert interval.df == pytest.approx(test.df[0])


def test_windows_assessed_together_are_those_assessed_alone():
    ab = panel("uneven dates")
    windows = [WINDOW, (-3, -3)]
    evidence = collect(ab, windows, frozenset({"correlation"}))
    for window, known in zip(windows, assess(evidence, windows), strict=True):
        assert known.interval == caar_interval(ab, window)
        assert known.dependence == dependence(ab, window)
        assert known.variance_increase == variance_increase(ab, window)


def test_interval_says_why_there_is_none():
    empty = take(panel(), np.array([], int))
    assert "no observation" in caar_interval(empty, WINDOW).reason
    same = take(panel(), np.array([0, 0, 0, 0]))
    assert caar_interval(same, WINDOW).reason == "the estimate has no standard error"
    single = caar_interval(take(panel(), np.array([0])), WINDOW, outcome="bhar")
    assert single.reason == "the estimate has no standard error"
    assert np.isnan(single.low)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_interval_covers(spacing):
    inside = 0
    for seed in range(150):
        ab = panel(spacing, model="constant_mean", seed=seed, rho=0.5)
        interval = caar_interval(ab, WINDOW)
        inside += interval.low < 0 < interval.high
    assert inside / 150 > 0.88


@pytest.mark.parametrize(
    ("given", "test", "such", "words"),
    [
        (found(n=0, dates=0, clusters=0), "t", None, "no observation"),
        (found(n=1), "t", None, "placebo_single"),
        (found(n=3), "placebo", None, "too few"),
        (found(n=6), "kp_bmp", None, "share one date"),
        (
            found(n=36, dates=6, clusters=5),
            "kp_guarded",
            "portfolio",
            "6 dates in 5 separate clusters",
        ),
        (
            found(n=12, dates=2, clusters=2),
            "kp_bmp",
            "portfolio",
            "2 separate clusters",
        ),
        (found(n=60, dates=14, clusters=12), "kp_bmp", "cluster", "12 separate"),
        (found(n=30, dates=30, clusters=30), "kp_guarded", "portfolio_z", "no session"),
    ],
)
def test_recommended_tests_follow_the_rules(given, test, such, words):
    advice = recommend(given)
    assert (advice.test, advice.such) == (test, such)
    assert words in advice.reason
    assert advice.test in TESTS


def test_recommendation_mentions_a_change_of_variance():
    assert "variance rose 3.0-fold" in recommend(found(n=6), 3.0).reason
    assert "variance" not in recommend(found(n=6), 1.1).reason
    fallen = recommend(found(n=6), 0.3).reason
    assert "fell to 0.30" in fallen
    assert "placebo" in fallen


def test_variance_increase_sees_through_the_shared_date():
    ratios = []
    for seed in range(200):
        ab = panel("one date", n_assets=12, rho=0.7, seed=seed)
        ratios.append(variance_increase(ab, (0, 0)))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.12)
    doubled = replace(ab, ar=ab.ar * np.sqrt(2))
    ratio = variance_increase(doubled, (0, 0)) / variance_increase(ab, (0, 0))
    assert ratio == pytest.approx(2.0)
    assert np.isnan(variance_increase(take(ab, np.arange(2)), (0, 0)))
