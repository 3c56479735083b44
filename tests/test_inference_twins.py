"""Every test against its slow twin, on shared, far, adjacent and uneven dates."""

import numpy as np
import pytest
from reference.inference_panels import SPACINGS, panel
from reference.inference_twins import TWINS

from eventstudy.inference import TESTS, battery

WINDOWS = [(3, 4), (2, 5), (0, 7)]
MODELS = ("market", "constant_mean", "market_adjusted")


def test_no_test_without_an_oracle():
    assert set(TWINS) == set(TESTS)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("missing", [0.0, 0.08])
def test_battery_agrees_with_twins(spacing, missing):
    ab = panel(spacing, missing=missing, effect=0.01, seed=3)
    found = battery(ab, windows=WINDOWS)
    for (window, name), ours in found.items():
        statistic, pvalue, df = TWINS[name](ab, window)
        there = np.array([r is None for r in ours.reason])
        assert there.any(), (name, ours.reason)
        for mine, theirs in (
            (ours.statistic, statistic),
            (ours.pvalue, pvalue),
            (ours.df, df),
        ):
            np.testing.assert_allclose(
                mine[there],
                np.atleast_1d(theirs),
                rtol=1e-9,
                atol=1e-12,
                err_msg=f"{name} {window}",
            )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", TESTS)
def test_test_agrees_with_twin_on_each_model(name, model):
    ab = panel("uneven dates", model=model, effect=0.01, seed=5)
    ours = TESTS[name](ab, (2, 5))
    statistic, pvalue, _ = TWINS[name](ab, (2, 5))
    np.testing.assert_allclose(ours.statistic, np.atleast_1d(statistic), rtol=1e-9)
    np.testing.assert_allclose(ours.pvalue, np.atleast_1d(pvalue), rtol=1e-9)
