"""Effects of dates with their known covariance, and averages with one part left out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference.inference_panels import panel
from reference.inference_twins import (
    asset_correlation,
    car,
    clock_loadings,
    product,
    rows,
)

from eventstudy.inference import collect
from eventstudy.inference.date_effects import date_effects, leave_one_out

WINDOW = (-1, 1)
NEEDS = frozenset({"correlation"})


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_covariance_of_dates_is_that_of_their_observations(missing):
    ab = panel("uneven dates", n_assets=4, missing=missing, seed=1)
    found = date_effects(collect(ab, [WINDOW], NEEDS), WINDOW)
    used, rho = rows(ab, WINDOW), asset_correlation(ab)
    means = clock_loadings(ab, WINDOW)
    clocks = sorted(means)
    members = [[i for i in used if ab.clock[i] == g] for g in clocks]
    expected = np.zeros((len(clocks), len(clocks)))
    for g, h in np.ndindex(expected.shape):
        for i in members[g]:
            for j in members[h]:
                r = rho(int(ab.asset[i]), int(ab.asset[j]))
                r *= product(means[clocks[g]], means[clocks[h]])
                r = 1.0 if i == j else r
                errors = car(ab, i, WINDOW)[1] * car(ab, j, WINDOW)[1]
                expected[g, h] += r * errors / len(members[g]) / len(members[h])
    assert_allclose(found.covariance, expected, rtol=1e-9)
    effects = [np.mean([car(ab, i, WINDOW)[0] for i in held]) for held in members]
    assert_allclose(found.effect, effects, rtol=1e-12)


def test_covariance_pooled_is_near_the_exact_one(monkeypatch):
    ab = panel("far dates", n_assets=5, seed=1)
    exact = date_effects(collect(ab, [WINDOW], NEEDS), WINDOW)
    monkeypatch.setattr("eventstudy.inference.sums.MAX_ASSETS", 1)
    pooled = date_effects(collect(ab, [WINDOW], NEEDS), WINDOW)
    assert_allclose(np.diag(pooled.covariance), np.diag(exact.covariance), rtol=0.2)


def test_the_part_that_moves_the_average_most_is_left_out():
    effect = np.array([-0.2, -0.01, 0.0, 0.01, -0.22])
    found = leave_one_out(effect, np.array([7, 3, 4, 5, 7]))
    assert found.which == 7
    assert found.estimate == pytest.approx(0.0)
    # dates that move it alike: the first, whatever the last digits say
    even = np.array([0.1, 0.3, 0.1 + 1e-16, 0.3 + 1e-16, 0.2])
    for nudge in (-1e-15, 0.0, 1e-15):
        nudged = even + nudge * np.arange(5)
        assert leave_one_out(nudged, np.arange(5)).which == 0
    alone = leave_one_out(effect, np.zeros(5, int))
    assert alone.which is None
    assert np.isnan(alone.estimate)
