"""Size of every test of the mean under the null, for four designs of event dates.

Six assets whose errors have correlation 0.5, estimation 100 sessions, window of three
sessions, constant mean; nominal 5 %. What claims to stand a design rejects within
binomial bounds, and what does not claim it is shown to reject far too often. Far
dates: the windows share nothing. Adjacent: three pairs a session apart. Uneven: the
spacing of China's events of 2021.
"""

from functools import cache

import numpy as np
import pytest
from reference.inference_panels import SPACINGS, panel

from eventstudy.core.abnormal import Clock
from eventstudy.inference import TESTS, battery
from eventstudy.models import MODELS

pytestmark = pytest.mark.slow
N_REPETITIONS = 1000
WINDOW = (-1, 1)
NAIVE = (
    "csect",
    "patell",
    "patell_original",
    "bmp",
    "skewness",
    "gsign",
    "grank_z",
    "wilcoxon",
    "sign",
)
# Read off a shared date's own history: right while all share their dates or none.
BY_HISTORY = ("crude", "lamb", "rank", "grank_t", "sign_cz", "permutation")
ALWAYS = ("kp_patell", "kp_bmp", "kp_guarded", "kp_guarded_estimation", "grank_overlap")
BY_CLUSTER = (
    "portfolio",
    "portfolio_z",
    "cluster",
    "cluster_cr3",
    "wild_cluster",
    "ibragimov_muller",
    "sign_flip",
)
# With five or six clusters these reject less than they may, never more; so do those
# whose spread has a floor, or whose ranks have a bound.
CAUTIOUS = ("cluster_cr3", "wild_cluster", "sign_flip", "cluster")
GUARDED = ("kp_guarded", "kp_guarded_estimation", "grank_overlap")


@cache
def rejections(spacing, tails=None):
    names = [*NAIVE, *BY_HISTORY, *ALWAYS, *BY_CLUSTER]
    count = dict.fromkeys(names, 0.0)
    for seed in range(N_REPETITIONS):
        ab = panel(
            spacing,
            model="constant_mean",
            n_estimation=100,
            rho=0.5,
            tails=tails,
            seed=50_000 + seed,
        )
        found = battery(ab, windows=[WINDOW], tests=names, n_draws=199)
        for (_, name), result in found.items():
            count[name] += float(result.pvalue[0] < 0.05) + 0 * result.pvalue[0]
    return {name: 100 * c / N_REPETITIONS for name, c in count.items()}


def bounds(percent=5.0):
    """Three standard errors of a share of 5 % in this many repetitions."""
    error = np.sqrt(percent * (100 - percent) / N_REPETITIONS)
    return percent - 3 * error, percent + 3 * error


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("name", ALWAYS)
def test_robust_tests_keep_their_size_in_every_design(spacing, name):
    low, high = bounds()
    assert rejections(spacing)[name] < high
    assert name in GUARDED or rejections(spacing)[name] > low


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("name", NAIVE)
def test_naive_tests_reject_far_too_often(spacing, name):
    assert rejections(spacing)[name] > 15


@pytest.mark.parametrize("spacing", ["one date", "far dates"])
@pytest.mark.parametrize("name", BY_HISTORY)
def test_tests_by_history_keep_their_size_on_shared_or_far_dates(spacing, name):
    low, high = bounds()
    assert low < rejections(spacing)[name] < high


@pytest.mark.parametrize("name", BY_HISTORY)
def test_tests_by_history_miss_partial_overlap(name):
    assert rejections("adjacent dates")[name] > 9


@pytest.mark.parametrize("spacing", ["far dates", "uneven dates"])
@pytest.mark.parametrize("name", BY_CLUSTER)
def test_tests_by_cluster_keep_their_size(spacing, name):
    low, high = bounds()
    found = rejections(spacing)[name]
    assert found < high
    assert name in CAUTIOUS or found > low


def test_the_portfolio_of_one_date_is_exact():
    low, high = bounds()
    assert low < rejections("one date")["portfolio"] < high


def test_adjacent_dates_are_one_cluster():
    low, high = bounds()
    assert low < rejections("adjacent dates")["portfolio"] < high


@pytest.mark.parametrize("spacing", ["far dates", "uneven dates"])
@pytest.mark.parametrize("name", [*ALWAYS, "portfolio", "ibragimov_muller"])
def test_fat_tails(spacing, name):
    low, high = bounds()
    assert rejections(spacing, tails=4)[name] < high
    assert name in GUARDED or rejections(spacing, tails=4)[name] > low


def test_clusters_of_unlike_precision_make_ibragimov_muller_cautious_not_wrong():
    rng = np.random.default_rng(11)
    scale = np.array([1.0, 1.0, 1.0, 1.0, 3.0, 6.0])[:, None]
    days = 200 * np.arange(6)[:, None] + np.arange(103)
    clocks = Clock(estimation=days[:, :100], event=days[:, 100:])
    name, count = "ibragimov_muller", 0
    for _ in range(N_REPETITIONS):
        y = 0.01 * scale * rng.standard_normal((6, 103))
        ab = MODELS["constant_mean"](
            y, n_estimation=100, clock=np.arange(6), clocks=clocks
        )
        count += int(TESTS[name](ab, (-1, 1)).pvalue[0] < 0.05)
    assert 0 < 100 * count / N_REPETITIONS < bounds()[1]


def test_ibragimov_muller_rejects_too_often_where_estimation_is_shared_and_purged():
    rng = np.random.default_rng(12)
    name, count = "ibragimov_muller", 0
    for _ in range(N_REPETITIONS):
        count += int(TESTS[name](purged(rng), (-10, 10)).pvalue[0] < 0.05)
    assert 100 * count / N_REPETITIONS > 8


def purged(rng):
    """Six dates 25 sessions apart, whose windows no estimation window holds."""
    dates, t = 25 * np.arange(6), 120
    days = np.array([np.arange(d, d + t + 21) for d in dates])
    held = (dates[None, :] + t)[..., None] + np.arange(21)
    series = rng.standard_normal((6, days.max() + 1)) * np.sqrt(0.3)
    series += np.sqrt(0.7) * rng.standard_normal(days.max() + 1)
    y = np.stack([series[:, row] for row in days])
    others = np.isin(days[:, :t], held)
    y[np.broadcast_to(np.pad(others, ((0, 0), (0, 21)))[:, None], y.shape)] = np.nan
    return MODELS["constant_mean"](
        0.01 * y.reshape(36, -1),
        n_estimation=t,
        first_offset=-10,
        asset=np.tile(np.arange(6), 6),
        clock=np.repeat(np.arange(6), 6),
        clocks=Clock(estimation=days[:, :t], event=days[:, t:]),
    )


def test_every_claim_of_clustering_is_tested():
    claimed = {n for n, e in TESTS.items() if "clustering" in e.robust_to}
    assert claimed <= {*ALWAYS, *BY_CLUSTER}
