"""Mean correlation, clusters of dates and the effective number of observations."""

from dataclasses import replace

import numpy as np
import pytest
from reference.inference_panels import N_ESTIMATION, panel, take
from reference.inference_twins import rbar

from eventstudy.core.abnormal import Clock
from eventstudy.core.errors import SpecError
from eventstudy.inference import TESTS, dependence
from eventstudy.inference.dependence import date_clusters
from eventstudy.models import constant_mean

WINDOW = (-1, 1)


def pooled(ab, window, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("eventstudy.inference.sums.MAX_ASSETS", 1)
        return dependence(ab, window)


def test_one_date_is_the_mean_pairwise_correlation():
    ab = panel("one date", n_assets=8)
    r = np.corrcoef(ab.residuals)
    expected = (r.sum() - 8) / (8 * 7)
    assert dependence(ab, WINDOW).rbar == pytest.approx(expected)


def test_far_dates_share_nothing_but_their_own_date():
    ab = panel("far dates", n_assets=6)
    found = dependence(ab, WINDOW)
    one = dependence(take(ab, np.arange(6)), WINDOW)
    assert found.n_dates == found.n_clusters == 6
    assert one.n_dates == one.n_clusters == 1
    # 5 of 35 partners share the date, and ρ is now from all estimation windows
    assert found.rbar == pytest.approx(rbar(ab, WINDOW))
    assert found.rbar < one.rbar / 4
    assert found.n_effective == pytest.approx(36 / (1 + 35 * found.rbar))


@pytest.mark.parametrize("spacing", ["one date", "adjacent dates", "uneven dates"])
def test_pooled_by_date_equals_exact_when_series_are_complete(spacing, monkeypatch):
    # One date, or assets of one date each, so that no series is averaged or cut.
    ab = panel(spacing, n_assets=6)
    if spacing == "one date":
        exact, by_date = dependence(ab, WINDOW), pooled(ab, WINDOW, monkeypatch)
        assert by_date.rbar == pytest.approx(exact.rbar, rel=1e-12)
    else:
        exact, by_date = dependence(ab, WINDOW), pooled(ab, WINDOW, monkeypatch)
        # Here repeated assets and windows of different dates make it approximate.
        assert by_date.rbar == pytest.approx(exact.rbar, abs=0.03)


def test_pooled_by_date_equals_exact_on_two_calendars_with_the_same_dates(monkeypatch):
    ab = panel("one date", n_assets=6)
    clocks = Clock(
        estimation=np.repeat(ab.clocks.estimation, 2, axis=0),
        event=np.repeat(ab.clocks.event, 2, axis=0),
    )
    ab = replace(ab, clock=np.arange(6) % 2, clocks=clocks)
    exact, by_date = dependence(ab, WINDOW), pooled(ab, WINDOW, monkeypatch)
    assert by_date.rbar == pytest.approx(exact.rbar, rel=1e-12)
    assert by_date.n_clusters == 1


def test_partly_overlapping_windows_count_by_their_share():
    ab = panel("adjacent dates", n_assets=1, model="market_adjusted")
    for window, share in (((-1, 1), 2 / 3), ((0, 0), 0.0), ((-3, 3), 6 / 7)):
        pair = take(ab, np.array([0, 1]))  # one asset on two adjacent dates: ρ = 1
        assert dependence(pair, window).rbar == pytest.approx(share)


def test_clusters_are_chains_of_shared_sessions():
    event = np.array([[0, 1, 2], [2, 3, 4], [4, 5, 6], [9, 10, 11], [30, 31, 32]])
    clocks = Clock(estimation=event - 100, event=event)
    clock = np.array([3, 0, 1, 2, 2, 4])
    labels = date_clusters(clocks, clock, slice(0, 3))
    assert len(set(labels)) == 3
    assert len({labels[i] for i in (1, 2, 3, 4)}) == 1
    assert len(set(date_clusters(clocks, clock, slice(1, 2)))) == 5


def test_a_window_of_another_calendar_shares_sessions_by_date():
    # Seven-day calendar against business days: Monday to Wednesday are shared.
    event = np.array([[10, 11, 14, 15, 16], [12, 13, 14, 15, 16]])
    clocks = Clock(estimation=event - 300, event=event)
    labels = date_clusters(clocks, np.array([0, 1]), slice(0, 5))
    assert labels.tolist() == [0, 0]


def test_too_few_common_dates_count_as_uncorrelated_and_are_counted():
    ab = panel("one date", n_assets=3, model="market_adjusted")
    residuals = ab.residuals.copy()
    residuals[0, : N_ESTIMATION - 20] = np.nan
    residuals[1, N_ESTIMATION - 20 :] = np.nan
    found = dependence(replace(ab, residuals=residuals), WINDOW)
    assert found.n_unmeasured == 2
    r = np.corrcoef(ab.residuals[1:, : N_ESTIMATION - 20])[0, 1]
    assert found.rbar == pytest.approx(2 * r / 6)


def test_blocks_by_group_ignore_correlation_between_groups():
    ab = panel("one date", n_assets=4)
    r = np.corrcoef(ab.residuals)
    groups = {0: 1, 1: 1, 2: 2, 3: 2}
    found = dependence(ab, WINDOW, groups=groups)
    assert found.rbar == pytest.approx(2 * (r[0, 1] + r[2, 3]) / 12)
    by_test = TESTS["kp_patell"](ab, WINDOW, groups=groups)
    plain = TESTS["patell"](ab, WINDOW)
    assert by_test.statistic == pytest.approx(
        plain.statistic / np.sqrt(1 + 3 * found.rbar)
    )
    with pytest.raises(SpecError, match="asset 3 has no group"):
        dependence(ab, WINDOW, groups={0: 1, 1: 1, 2: 2})


def test_groups_need_correlations_asset_by_asset(monkeypatch):
    monkeypatch.setattr("eventstudy.inference.sums.MAX_ASSETS", 1)
    with pytest.raises(SpecError, match="asset by asset"):
        dependence(panel(), WINDOW, groups=dict.fromkeys(range(6), 0))


def test_same_asset_on_the_same_sessions_is_one_fact():
    y = np.repeat(np.random.default_rng(0).normal(size=(1, 67)), 5, axis=0)
    found = dependence(constant_mean(y, n_estimation=60), (-1, 1))
    assert found.n_effective == pytest.approx(1.0)


def test_one_observation():
    found = dependence(take(panel(), np.array([0])), WINDOW)
    assert (found.n, found.n_effective) == (1, 1.0)
    assert np.isnan(found.rbar)


def test_no_observation():
    found = dependence(take(panel(), np.array([], int)), WINDOW)
    assert (found.n, found.n_dates, found.n_clusters) == (0, 0, 0)
