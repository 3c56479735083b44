"""The contrast of two kinds against plain loops and scipy, and its size."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from scipy import stats

import eventstudy as es
from eventstudy.core.errors import DataError, SpecError
from eventstudy.inference import variance_contrast

NAMES = {"kind": "ban", "against": "rumour"}


def announcements(n_first=6, n_second=8, n_assets=3, scale=1.0, seed=0, tails=None):
    """Moves of assets that share a shock on their date: z, kinds, clusters."""
    rng = np.random.default_rng(seed)

    def noise(*shape):
        if tails is None:
            return rng.normal(size=shape)
        return rng.standard_t(tails, size=shape)

    n = n_first + n_second
    z = 0.8 * noise(n, 1) + 0.6 * noise(n, n_assets)
    z[:n_first] *= scale
    kinds = np.repeat(["ban"] * n_first + ["rumour"] * n_second, n_assets)
    return z.ravel(), kinds, np.repeat(np.arange(n), n_assets)


def slow(z, kinds, cluster):
    """All arrangements one by one; (ratio, p)."""
    labels = sorted(set(cluster))
    pairs = list(zip(z, cluster, strict=True))
    facts = [np.mean([v**2 for v, c in pairs if c == g]) for g in labels]
    kind = [kinds[list(cluster).index(g)] for g in labels]
    mine = [i for i, name in enumerate(kind) if name == "ban"]

    def ratio(chosen):
        rest = [facts[i] for i in range(len(facts)) if i not in chosen]
        return np.mean([facts[i] for i in chosen]) / np.mean(rest)

    own = ratio(mine)
    ratios = [ratio(chosen) for chosen in combinations(range(len(facts)), len(mine))]
    above = np.mean([r >= own * (1 - 1e-9) for r in ratios])
    below = np.mean([r <= own * (1 + 1e-9) for r in ratios])
    return own, min(1.0, 2 * min(above, below))


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_ratio_and_p_value_agree_with_a_loop_over_arrangements(scale):
    z, kinds, cluster = announcements(scale=scale)
    found = variance_contrast(z, kinds, cluster, **NAMES)
    ratio, pvalue = slow(z, kinds, cluster)
    assert found.ratio == pytest.approx(ratio, rel=1e-12)
    assert found.pvalue == pytest.approx(pvalue, rel=1e-12)
    assert (found.n_clusters, found.n_clusters_against, found.n_mixed) == (6, 8, 0)


def test_p_value_agrees_with_scipy():
    z, kinds, _ = announcements(n_assets=1, scale=1.5)
    theirs = stats.permutation_test(
        (z[kinds == "ban"] ** 2, z[kinds == "rumour"] ** 2),
        lambda a, b, axis: np.log(a.mean(axis=axis) / b.mean(axis=axis)),
        n_resamples=np.inf,
        vectorized=True,
    )
    found = variance_contrast(z, kinds, **NAMES)
    assert found.pvalue == pytest.approx(theirs.pvalue)


def test_the_interval_ends_where_the_test_begins_to_reject():
    z, kinds, cluster = announcements(scale=2.0)
    found = variance_contrast(z, kinds, cluster, **NAMES)
    assert found.low < found.ratio < found.high
    for end, inward in ((found.low, 1.001), (found.high, 0.999)):
        for ratio, rejected in ((end * inward, False), (end / inward, True)):
            other = np.where(kinds == "ban", z / np.sqrt(ratio), z)
            p = variance_contrast(other, kinds, cluster, **NAMES).pvalue
            assert (p <= 0.05) == rejected


def test_kinds_in_the_other_order_give_the_inverse_ratio():
    z, kinds, cluster = announcements(scale=2.0)
    one = variance_contrast(z, kinds, cluster, **NAMES)
    other = variance_contrast(z, kinds, cluster, kind="rumour", against="ban")
    assert other.ratio == pytest.approx(1 / one.ratio)
    assert other.pvalue == pytest.approx(one.pvalue)
    assert other.low == pytest.approx(1 / one.high, rel=1e-6)


def test_many_arrangements_are_drawn_from_the_seed():
    z, kinds, cluster = announcements(n_first=15, n_second=15)
    one, two, three = (
        variance_contrast(z, kinds, cluster, **NAMES, seed=seed).pvalue
        for seed in (1, 1, 2)
    )
    assert one == two != three
    assert one == pytest.approx(three, abs=0.05)


def test_clusters_of_both_kinds_are_left_out_and_counted():
    z, kinds, cluster = announcements()
    kinds = kinds.copy()
    kinds[0] = "rumour"
    found = variance_contrast(z, kinds, cluster, **NAMES)
    assert (found.n_clusters, found.n_mixed) == (5, 1)
    kinds[:3] = "law"
    assert variance_contrast(z, kinds, cluster, **NAMES).n_mixed == 0


def test_too_few_clusters_have_a_ratio_and_a_reason():
    found = variance_contrast(*announcements(2, 3), **NAMES)
    assert np.isfinite(found.ratio)
    assert np.isnan([found.pvalue, found.low, found.high]).all()
    assert found.reason == (
        "2 and 3 clusters of dates can be arranged in 10 ways, at least 40 are needed"
    )


def test_an_interval_without_ends():
    z, kinds, cluster = announcements(4, 4)
    found = variance_contrast(z, kinds, cluster, **NAMES, level=0.99)
    assert (found.low, found.high) == (0.0, float("inf"))


def test_what_cannot_be_compared_is_refused():
    z, kinds, cluster = announcements()
    with pytest.raises(SpecError, match="two different kinds"):
        variance_contrast(z, kinds, cluster, kind="ban", against="ban")
    with pytest.raises(DataError, match="no 'law'; there are"):
        variance_contrast(z, kinds, cluster, kind="ban", against="law")
    with pytest.raises(DataError, match="three times"):
        variance_contrast(z[:5], kinds, cluster, **NAMES)
    with pytest.raises(DataError, match="finite"):
        variance_contrast(z * np.nan, kinds, cluster, **NAMES)
    with pytest.raises(DataError, match="zero throughout"):
        variance_contrast(0 * z, kinds, cluster, **NAMES)
    with pytest.raises(DataError, match="cannot be told apart"):
        variance_contrast(z, kinds, 0 * cluster, **NAMES)
    none = variance_contrast(np.where(kinds == "ban", 0, z), kinds, cluster, **NAMES)
    assert none.reason == "the moves of one kind are all zero"


@pytest.mark.slow
@pytest.mark.parametrize(
    "design", [{}, {"tails": 3}, {"n_first": 4, "n_second": 16, "n_assets": 1}], ids=str
)
def test_size_where_assets_share_their_dates(design):
    reps, count = 2000, 0
    for seed in range(reps):
        z, kinds, cluster = announcements(**design, seed=seed)
        p = variance_contrast(z, kinds, cluster, **NAMES, reps=499).pvalue
        count += p <= 0.05
    assert 3.5 < 100 * count / reps < 6.5


def test_kinds_of_a_study_are_compared_by_their_standardised_cars():
    spec = es.StudySpec(
        model="constant_mean",
        groups={"bitcoin": ("BTC-USD",)},
        windows=((0, 1),),
        tests=("t",),
    )
    prices = es.fetch_prices(["BTC-USD"], source="snapshot")
    study = es.run(spec, "events/china_2021.csv", prices)
    table = es.variance_contrasts(study, window=(0, 1), sample="all")
    named = table.select("category", "against").rows()
    assert named == sorted(set(named))
    assert not {"mixed"} & {name for pair in named for name in pair}
    row = table.filter(category="mining_ban", against="mining_curb").to_dicts()[0]
    # by hand: the kind that all events of an observation share
    kinds = study.observations.filter(status="used").join(
        study.events.select("event_id", "kind"), on="event_id"
    )
    shared = kinds.group_by("observation", "day0").agg(
        pl.col("kind").first(), pl.col("kind").n_unique().alias("several")
    )
    held = study.cars.filter("in_average").join(
        shared.filter(several=1), left_on="event_id", right_on="observation"
    )
    held = held.filter(pl.col("kind").is_in(["mining_ban", "mining_curb"]))
    held = held.sort("day0")
    gaps = held["day0"].diff().dt.total_days().fill_null(9) > 1
    facts = (
        held.with_columns(cluster=gaps.cum_sum())
        .group_by("cluster")
        .agg(
            pl.col("kind").n_unique().alias("kinds"),
            pl.col("kind").first(),
            (pl.col("scar") ** 2).mean().alias("square"),
        )
    )
    alone = facts.filter(kinds=1)
    means = {
        kind: alone.filter(kind=kind)["square"].mean()
        for kind in ("mining_ban", "mining_curb")
    }
    assert row["n_clusters"] == alone.filter(kind="mining_ban").height
    assert row["mean_square"] == pytest.approx(means["mining_ban"], rel=1e-9)
    assert row["mean_square_against"] == pytest.approx(means["mining_curb"], rel=1e-9)
    assert row["ratio"] == pytest.approx(
        means["mining_ban"] / means["mining_curb"], rel=1e-9
    )
    never = table.filter(pl.col("ratio").is_null())
    assert all("cannot be told apart" in one for one in never["reason"])
