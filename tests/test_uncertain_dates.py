"""Uncertain dates: when a move began, a window found and tested, the share before."""

import numpy as np
import pytest
from reference import anticipation_twins as twins
from reference.inference_panels import SPACINGS, panel, take
from reference.inference_twins import rows
from scipy import stats

from eventstudy.core.errors import DataError, SpecError
from eventstudy.inference import (
    anticipation,
    battery,
    caar_interval,
    onset,
    share_before,
    split_dates,
)
from eventstudy.models import constant_mean

PATH = {"first": -3, "last": 1}
WINDOWS = ((-3, 1), (-2, 1), (-1, 1), (0, 1))


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("model", ["constant_mean", "market"])
def test_anticipation_equals_its_twin(spacing, model):
    ab = panel(spacing, model=model, missing=0.05, effect=0.02, seed=3)
    found = anticipation(ab, **PATH)
    observed, weight, largest = twins.anticipation(ab, WINDOWS)
    assert found.windows == WINDOWS
    assert found.n == len(rows(ab, (0, 1)))
    assert found.statistic == pytest.approx(observed, rel=1e-9)
    p = [
        (1 + sum(one >= abs(s) * (1 - 1e-12) for one in largest)) / (1 + len(largest))
        for s in observed
    ]
    assert found.pvalue == pytest.approx(p, abs=1e-15)
    assert found.max_pvalue == min(p)
    assert found.found == WINDOWS[int(np.argmax(np.abs(observed)))]
    size = sorted(largest)[-int(0.05 * (1 + len(largest)) + 1e-9)]
    assert found.low == pytest.approx(
        [(s - size) / v for s, v in zip(observed, weight, strict=True)], rel=1e-9
    )
    assert found.basis == f"{len(largest)} pseudo-dates of the estimation window"


def test_the_band_leaves_out_zero_where_the_search_rejects():
    for seed in range(30):
        ab = panel("far dates", effect=0.01, seed=seed)
        found = anticipation(ab, **PATH)
        away = (found.low > 0) | (found.high < 0)
        assert ((found.pvalue <= 0.05) == away).all()


def test_anticipation_takes_shifts_of_one_call():
    ab = panel("uneven dates", seed=4, effect=0.01)
    draws = np.random.default_rng(1).normal(size=(4, 240))
    found = anticipation(ab, **PATH, shifts=dict(zip(WINDOWS, draws, strict=True)))
    assert found.basis == "240 shifts over the whole history"
    largest = np.abs(draws).max(axis=0)
    for at, window in enumerate(WINDOWS):
        t, weight = twins.by_recent(ab, window)
        assert found.statistic[at] == pytest.approx(t, rel=1e-9)
        p = (1 + (largest >= abs(t)).sum()) / 241
        assert found.pvalue[at] == pytest.approx(p, abs=1e-15)
        size = np.sort(largest)[-12]
        assert found.high[at] == pytest.approx((t + size) / weight, rel=1e-9)
    apart = dict(zip(WINDOWS, draws, strict=True)) | {(0, 1): draws[0, :230]}
    with pytest.raises(DataError, match="of one call of placebo_shifts"):
        anticipation(ab, **PATH, shifts=apart)
    few = dict.fromkeys(WINDOWS, draws[0, :100])
    assert "estimation window" in anticipation(ab, **PATH, shifts=few).basis


def test_one_observation_takes_shifts_too():
    ab = take(panel(seed=4), np.array([2]))
    draws = np.random.default_rng(1).normal(size=(4, 240))
    found = anticipation(ab, **PATH, shifts=dict(zip(WINDOWS, draws, strict=True)))
    assert np.isfinite(found.low).all()
    assert np.isfinite(found.statistic).all()


def test_chunks_change_nothing():
    ab = panel("uneven dates", missing=0.05, seed=8)
    parts = [take(ab, np.arange(a, b)) for a, b in ((0, 5), (5, 6), (6, 36))]
    whole, cut = anticipation(ab, **PATH), anticipation(parts, **PATH)
    np.testing.assert_allclose(cut.low, whole.low, rtol=1e-12)
    np.testing.assert_allclose(cut.onset, whole.onset, rtol=1e-9)
    far = panel("far dates", missing=0.05, seed=8)
    parts = [take(far, np.arange(a, b)) for a, b in ((0, 5), (5, 6), (6, 36))]
    one, other = split_dates(far, **PATH), split_dates(parts, **PATH)
    assert one.found == other.found
    assert one.pvalue == pytest.approx(other.pvalue, rel=1e-12)


def test_observations_without_returns_in_the_shortest_window_are_left_out():
    ab = panel("far dates", seed=2)
    ab.ar[3, 3:5] = np.nan
    found = anticipation(ab, **PATH)
    without = anticipation(take(ab, np.delete(np.arange(36), 3)), **PATH)
    assert found.n == 35
    np.testing.assert_allclose(found.estimate, without.estimate, rtol=1e-12)
    ab.ar[:] = np.nan
    assert "no observation" in anticipation(ab, **PATH).reason
    assert "no observation" in split_dates(ab, **PATH).reason


def test_a_short_estimation_window_gives_a_reason():
    found = anticipation(panel(n_estimation=20), **PATH)
    assert found.reason == (
        "only 16 pseudo-dates in the estimation window, at least 20 are needed"
    )
    assert np.isfinite(found.estimate).all()
    assert np.isnan(found.max_pvalue)


@pytest.mark.parametrize("call", [anticipation, split_dates])
def test_a_path_begins_before_it_ends(call):
    with pytest.raises(SpecError, match="first = 1: wanted a session up to 0"):
        call(panel(), first=1, last=3)


def test_onset_equals_integrals():
    rng = np.random.default_rng(5)
    path, past = np.array([0.1, -0.3, 1.4, 0.9]), rng.normal(size=40)
    found = onset(path, past)
    assert found == pytest.approx(twins.onset(path, past), rel=1e-6)
    assert onset(path, past, kappa=0.3) == pytest.approx(
        twins.onset(path, past, 0.3), rel=1e-6
    )


def test_onset_does_not_depend_on_the_unit():
    path, past = np.array([0.1, -0.3, 1.4, 0.9]), np.tile([1.0, -0.5], 20)
    np.testing.assert_allclose(
        onset(path, past), onset(-100 * path, 100 * past), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (([], [1.0, 2.0]), "must be finite, and path not empty"),
        (([np.nan], [1.0, 2.0]), "must be finite"),
        (([1.0], [0.0, 0.0]), "past has no variance"),
    ],
)
def test_onset_says_what_lacks(given, error):
    with pytest.raises(DataError, match=error):
        onset(*map(np.array, given))
    with pytest.raises(SpecError, match="kappa = 0"):
        onset(np.ones(2), np.ones(2), kappa=0)


def test_split_dates_tests_the_other_half():
    ab = panel("far dates", effect=0.05, seed=6)
    found = split_dates(ab, **PATH, seed=7)
    drawn = np.random.default_rng(7).permutation(6)[:3]
    chosen = np.isin(ab.clock, drawn)
    half, rest = take(ab, chosen), take(ab, ~chosen)
    observed = twins.anticipation(half, WINDOWS)[0]
    window = WINDOWS[int(np.argmax(np.abs(observed)))]
    assert found.found == window
    assert (found.clusters_found, found.clusters_tested) == (3, 3)
    wanted = caar_interval(rest, window)
    assert found.interval == wanted
    p = battery(rest, windows=[window], tests=[wanted.test])[window, wanted.test]
    assert found.pvalue == p.pvalue[0]
    assert found.n_found + found.n_tested == 36


def test_split_dates_needs_four_clusters():
    found = split_dates(panel("adjacent dates"), **PATH)
    assert found.reason == (
        "clusters of dates whose windows share no session: 3, at least 4 are needed"
    )
    assert found.found is None


def fieller_set(found, grid):
    if found.shape == "any":
        return np.ones(len(grid), np.bool_)
    inside = (grid > found.low) & (grid < found.high)
    return inside if found.shape == "between" else ~inside


@pytest.mark.parametrize("size", [0.0, 0.4, 0.8, 3.0])
@pytest.mark.parametrize("seed", range(6))
def test_share_before_keeps_what_the_t_test_keeps(size, seed):
    rng = np.random.default_rng(seed)
    cluster = np.array([4, 4, 1, 1, 1, 7, 9, 9, 2])
    before = 0.3 * size + rng.normal(size=9)
    whole = before + 0.7 * size + 0.3 * rng.normal(size=9)
    grid = np.linspace(-20, 20, 401) + 0.00123
    found = share_before(before, whole, cluster)
    kept = twins.shares_kept(before, whole, cluster, grid)
    assert (fieller_set(found, grid) == kept).all()
    assert found.n_clusters == 5


@pytest.mark.parametrize("seed", range(8))
def test_the_ends_are_where_the_t_test_rejects_just_not(seed):
    rng = np.random.default_rng(seed)
    before = rng.normal(size=7)
    whole = before + 0.8 + rng.normal(size=7)
    found = share_before(before, whole, level=0.9)
    ends = [end for end in (found.low, found.high) if found.shape != "any"]
    for end in ends:
        p = stats.ttest_1samp(before - end * whole, 0.0).pvalue
        assert p == pytest.approx(0.1, rel=1e-9)


def test_all_shapes_of_the_set_occur():
    shapes = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        b = rng.normal(size=6)
        shapes.add(share_before(b, b + 0.5 + rng.normal(size=6)).shape)
    assert shapes == {"between", "outside", "any"}


def test_share_before_says_what_lacks():
    few = share_before([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], [0, 0, 1])
    assert few.reason == "clusters of dates: 2, at least 3 are needed"
    assert few.share == pytest.approx(2.25 / 2)
    with pytest.raises(DataError, match="wanted three times"):
        share_before([1.0], [1.0, 2.0])
    with pytest.raises(DataError, match="must be finite"):
        share_before([1.0, np.nan], [1.0, 2.0])


def test_share_of_a_whole_that_is_all_before_is_one():
    moves = np.array([0.1, 0.3, 0.2, 0.4])
    found = share_before(moves, moves)
    assert (found.share, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.parametrize("level", [95, 1.0, -0.5, float("nan")])
def test_a_confidence_that_is_none_is_refused(level):
    with pytest.raises(SpecError, match="wanted a number between 0 and 1"):
        share_before([0.1, 0.2, 0.1], [0.2, 0.3, 0.3], level=level)


def test_a_move_that_is_zero_everywhere_has_no_share():
    found = share_before([0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    assert found.shape is None
    assert "zero in every cluster" in found.reason
    with pytest.raises(DataError, match="cluster must be finite"):
        share_before([0.1, 0.2], [0.2, 0.3], [0.0, float("nan")])


@pytest.mark.parametrize("function", [anticipation, split_dates])
@pytest.mark.parametrize(
    ("given", "changes", "said"),
    [
        (None, {}, "are a NoneType; wanted an Abnormal"),
        (np.zeros((3, 4)), {}, "are a ndarray"),
        ([1.0], {}, "are a list; wanted an Abnormal"),
        ([], {"first": -2.5}, "wanted whole numbers"),
        ([], {"last": "0"}, "wanted whole numbers"),
    ],
)
def test_what_is_no_observation_is_an_error_in_words(function, given, changes, said):
    with pytest.raises(SpecError, match=said):
        function(given, **changes)


def test_few_shifts_are_said_where_other_dates_stand_in():
    y = np.random.default_rng(0).normal(size=(8, 141))
    ab = constant_mean(y, n_estimation=120, first_offset=-10)
    windows = [(start, 0) for start in range(-3, 1)]
    few = {window: np.zeros(50) for window in windows}
    found = anticipation(ab, first=-3, shifts=few)
    assert "as there are 50 shifts, wanted" in found.basis
