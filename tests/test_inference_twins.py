"""Every test against its slow twin, on shared, far, adjacent and uneven dates."""

import numpy as np
import pytest
from reference.inference_panels import SPACINGS, panel
from reference.inference_twins import rows
from reference.inference_twins_more import N_DRAWS, SEED, TWINS

from eventstudy.inference import TESTS, battery

MODELS = ("market", "constant_mean", "market_adjusted")
# Not defined on one cluster of dates, or on fewer than 5, or on 6 observations.
NEED_CLUSTERS = {
    "cluster",
    "cluster_cr3",
    "cluster_two_way",
    "wild_cluster",
    "ibragimov_muller",
    "sign_flip",
    "skewness_bootstrap",
}
# Found by a search that stops, not by a formula, and of 20 dates or more.
OF_MANY_DATES = "ball_torous"


def test_no_test_without_an_oracle():
    assert set(TWINS) == set(TESTS)


def assert_same(name, ours, theirs, used):
    there = np.array([r is None for r in ours.reason])
    assert there.any(), (name, ours.reason)
    answered = there[used] if len(there) > 1 else there
    for mine, expected in zip(
        (ours.statistic, ours.pvalue, ours.df), theirs, strict=True
    ):
        np.testing.assert_allclose(
            mine[there],
            np.atleast_1d(expected)[answered],
            rtol=1e-9,
            atol=1e-11,
            err_msg=name,
        )


@pytest.mark.long
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("missing", [0.0, 0.08])
def test_battery_agrees_with_twins(spacing, missing):
    ab = panel(spacing, missing=missing, effect=0.01, seed=3)
    windows = [(0, 0), (-1, 1), (-3, 3)]
    names = [n for n in TESTS if n not in ("bootstrap", "wild_cluster", OF_MANY_DATES)]
    found = battery(ab, windows=windows, tests=names, n_draws=N_DRAWS, seed=SEED)
    for (window, name), ours in found.items():
        if name in NEED_CLUSTERS and ours.reason[0] is not None:
            assert "cluster" in ours.reason[0] or "needs " in ours.reason[0]
            continue
        assert_same(name, ours, TWINS[name](ab, window), rows(ab, window))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", [n for n in TESTS if n != OF_MANY_DATES])
def test_test_agrees_with_twin_on_each_model(name, model):
    ab = panel("uneven dates", model=model, effect=0.01, seed=5)
    ours = TESTS[name](ab, (-1, 1), n_draws=N_DRAWS, seed=SEED)
    if name == "sign_flip":
        assert ours.reason[0] == "needs 6 clusters of dates, there are 5"
        ab = panel("far dates", model=model, effect=0.01, seed=5)
        ours = TESTS[name](ab, (-1, 1), n_draws=N_DRAWS, seed=SEED)
    assert_same(name, ours, TWINS[name](ab, (-1, 1)), rows(ab, (-1, 1)))


@pytest.mark.parametrize("n_assets", [1, 2])
def test_ball_torous_of_many_dates_agrees_with_its_twin(monkeypatch, n_assets):
    dates = {"many": tuple(8 * k for k in range(20))}
    monkeypatch.setattr("reference.inference_panels.SPACINGS", dates)
    ab = panel("many", n_assets=n_assets, effect=0.03, n_estimation=32, seed=2)
    ours = TESTS["ball_torous"](ab, (-1, 1))
    statistic, pvalue, _ = TWINS["ball_torous"](ab, (-1, 1))
    assert ours.statistic[0] == pytest.approx(statistic, rel=1e-4)
    assert ours.pvalue[0] == pytest.approx(pvalue, abs=1e-12)
    assert ours.basis == "30 pseudo-dates of the estimation window"


def test_ball_torous_says_that_it_needs_dates_not_observations():
    found = TESTS["ball_torous"](panel("uneven dates"), (-1, 1))
    assert found.reason[0] == "needs 20 dates, there are 6"
