"""Size at 5 % of what is said of uncertain dates, and where it is wrong.

Designs of `reference.inference_panels` with 120 estimation sessions, windows that begin
on session -10 to 0 and end on session 1; assets correlate by 0.5.
"""

import numpy as np
import pytest
from reference import inference_panels

from eventstudy.core.abnormal import Clock
from eventstudy.inference import (
    anticipation,
    collect,
    placebo_shifts,
    share_before,
    split_dates,
)
from eventstudy.inference.recommend import rbar_by_window
from eventstudy.models import constant_mean

pytestmark = pytest.mark.slow
REPETITIONS = 2000
LOW, HIGH = 3.5, 6.5


def rejected(pvalues):
    found = np.array([*pvalues])
    return 100 * (found <= 0.05).mean() + 0 * found.sum()


def panels(spacing, **design):
    for seed in range(REPETITIONS):
        yield inference_panels.panel(
            spacing,
            model="constant_mean",
            n_estimation=120,
            n_event=21,
            seed=1000 + seed,
            **design,
        )


def size_of_search(spacing, **design):
    return rejected(
        anticipation(ab, last=1).max_pvalue for ab in panels(spacing, **design)
    )


@pytest.mark.parametrize("spacing", ["one date", "far dates", "adjacent dates"])
def test_the_search_is_part_of_the_test(spacing):
    assert LOW < size_of_search(spacing) < HIGH


@pytest.mark.parametrize("spacing", ["far dates", "adjacent dates"])
def test_the_search_stands_fat_tails(spacing):
    assert LOW < size_of_search(spacing, tails=4) < HIGH


def test_the_search_rejects_too_often_on_few_dates_that_overlap_partly():
    assert HIGH < size_of_search("uneven dates") < 9.5


@pytest.fixture
def many_dates(monkeypatch):
    def made(n, gap):
        dates = tuple(gap * k for k in range(n))
        monkeypatch.setitem(inference_panels.SPACINGS, "many dates", dates)
        return "many dates"

    return made


def size_of_split(spacing, **design):
    held = enumerate(panels(spacing, **design))
    return rejected(split_dates(ab, last=1, seed=seed).pvalue for seed, ab in held)


@pytest.mark.parametrize(
    ("n", "gap", "design"),
    [(20, 150, {}), (20, 31, {}), (20, 31, {"tails": 4})],
)
def test_the_window_found_is_tested_elsewhere(many_dates, n, gap, design):
    assert LOW < size_of_split(many_dates(n, gap), **design) < HIGH


@pytest.mark.parametrize(("n", "gap", "assets"), [(6, 150, 6), (24, 31, 1)])
def test_the_split_of_few_or_single_observations_is_cautious(
    many_dates, n, gap, assets
):
    found = size_of_split(many_dates(n, gap), n_assets=assets)
    assert 1.5 < found < 4.5


def share_rejected(seed, n_clusters, n, tails=None, differ=0.0):
    """Whether the true share of 0.4 is left out."""
    rng = np.random.default_rng(seed)

    def noise(size):
        if tails is None:
            return rng.normal(size=size)
        return rng.standard_t(tails, size) / np.sqrt(tails / (tails - 2))

    cluster = np.repeat(np.arange(n_clusters), n)
    effect = 1 + differ * rng.normal(size=n_clusters)
    before = (0.4 * effect + 0.35 * noise(n_clusters))[cluster]
    after = (0.6 * effect + 0.4 * noise(n_clusters))[cluster]
    before, after = (x + 0.5 * noise(len(cluster)) for x in (before, after))
    found = share_before(before, before + after, cluster)
    inside = found.low <= 0.4 <= found.high
    kept = {"any": True, "between": inside, "outside": not inside}[found.shape]
    return 1.0 if kept else 0.0


@pytest.mark.parametrize(
    ("n_clusters", "n", "design"),
    [
        (20, 6, {}),
        (6, 6, {}),
        (30, 1, {}),
        (20, 6, {"tails": 4}),
        (20, 6, {"differ": 1.0}),
    ],
)
def test_the_true_share_is_kept(n_clusters, n, design):
    p = (share_rejected(seed, n_clusters, n, **design) for seed in range(REPETITIONS))
    assert LOW < rejected(p) < HIGH


def of_history(seed, dates):
    """The search's p against dates moved over a history of 1,000 sessions."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(3, 1000)) + rng.normal(size=1000)
    asset, clock = np.tile(np.arange(3), len(dates)), np.repeat(range(len(dates)), 3)
    days = 450 + np.array(dates)[:, None] + np.r_[-130:-10, -10:11]
    ab = constant_mean(
        noise[asset[:, None], days[clock]],
        n_estimation=120,
        first_offset=-10,
        asset=asset,
        clock=clock,
        clocks=Clock(estimation=days[:, :120], event=days[:, 120:]),
    )
    windows = [(start, 1) for start in range(-10, 1)]
    known = collect(ab, windows, frozenset({"correlation"}))
    shifts = placebo_shifts(
        noise[asset],
        day0=days[clock, 130],
        windows=windows,
        rbar=rbar_by_window(known, windows),
    )
    return anticipation(ab, last=1, shifts=shifts).max_pvalue


@pytest.mark.parametrize("dates", [(0,), (0, 3, 16, 23, 24, 92)])
def test_a_long_history_serves_dates_that_overlap_partly_too(dates):
    """Of 400 samples, so within three standard errors of 5 %."""
    assert 1.8 < rejected(of_history(seed, dates) for seed in range(400)) < 8.2
