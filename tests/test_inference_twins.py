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
    "sign_flip",
    "skewness_bootstrap",
}
# Found by a search that stops, not by a formula.
TOLERANCE = {"ball_torous": 1e-4}


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
            rtol=TOLERANCE.get(name, 1e-9),
            atol=1e-11,
            err_msg=name,
        )


@pytest.mark.long
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("missing", [0.0, 0.08])
def test_battery_agrees_with_twins(spacing, missing):
    ab = panel(spacing, missing=missing, effect=0.01, seed=3)
    windows = [(0, 0), (-1, 1), (-3, 3)]
    names = [n for n in TESTS if n not in ("bootstrap", "wild_cluster", "ball_torous")]
    found = battery(ab, windows=windows, tests=names, n_draws=N_DRAWS, seed=SEED)
    for (window, name), ours in found.items():
        if name in NEED_CLUSTERS and ours.reason[0] is not None:
            assert "cluster" in ours.reason[0] or "needs 8" in ours.reason[0]
            continue
        assert_same(name, ours, TWINS[name](ab, window), rows(ab, window))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", TESTS)
def test_test_agrees_with_twin_on_each_model(name, model):
    ab = panel("uneven dates", model=model, effect=0.01, seed=5)
    ours = TESTS[name](ab, (-1, 1), n_draws=N_DRAWS, seed=SEED)
    assert_same(name, ours, TWINS[name](ab, (-1, 1)), rows(ab, (-1, 1)))
