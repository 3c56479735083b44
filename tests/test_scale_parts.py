"""Parts of a plan, cut and merged in any way, tell what the whole tells."""

import json
import pickle
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.inference_panels import panel, take

import eventstudy as es
from eventstudy.core.errors import DataError, SourceError, SpecError
from eventstudy.core.windows import stack
from eventstudy.inference import TESTS, Answer, EventTest, Options, battery
from eventstudy.models import factors
from eventstudy.scale import again, collect, finish, merge, plan, read_part

WINDOWS = [(-1, 1), (0, 0)]
NINE = (
    *("csect", "patell", "bmp", "kp_patell", "kp_bmp"),
    *("rank", "grank_t", "sign", "gsign"),
)
OF_SAMPLE = tuple(name for name, test in TESTS.items() if test.level == "sample")
NUMBERS = ("estimate", "statistic", "df", "pvalue")


def from_parts(chunks, made, *, by_wire=False):
    """Collect chunks one by one, in two walks where the tests want it, and finish."""

    def walk(own):
        parts = [collect(chunk, own) for chunk in chunks]
        if by_wire:
            parts = [pickle.loads(pickle.dumps(part)) for part in parts]
        half = len(parts) // 2
        inner = [merge(parts[:half])] if half else []
        return merge([*inner, *parts[half:]])

    first = walk(made)
    if made.walks == 1:
        return finish(first, made)
    return finish(first, made, walk(again(first, made)))


def assert_same(found, wanted):
    """A table of tests that says what `battery` says."""
    assert found.height == len(wanted)
    for row in found.iter_rows(named=True):
        own = wanted[(row["start"], row["end"]), row["test"]]
        assert row["reason"] == own.reason[0], row
        assert (row["n"], row["n_clusters"]) == (own.n[0], own.n_clusters[0])
        for name in NUMBERS:
            value = getattr(own, name)[0]
            if np.isfinite(value):
                assert row[name] == pytest.approx(value, rel=1e-12, abs=1e-14), row
            else:
                assert row[name] is None


def cut(ab, at):
    return [take(ab, rows) for rows in np.split(np.arange(len(ab.ar)), at)]


@pytest.mark.parametrize("spacing", ["one date", "adjacent dates", "uneven dates"])
@pytest.mark.parametrize("model", ["market", "constant_mean", "market_adjusted"])
def test_every_test_of_the_sample_is_the_same_from_parts(spacing, model):
    ab = panel(spacing, model=model, n_assets=9)
    made = plan(windows=WINDOWS, tests=OF_SAMPLE, clocks=ab.clocks)
    wanted = battery(ab, windows=WINDOWS, tests=OF_SAMPLE)
    assert_same(from_parts([ab], made), wanted)
    assert_same(from_parts(cut(ab, [1, 4]), made, by_wire=True), wanted)


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(
    spacing=st.sampled_from(["one date", "far dates", "adjacent dates"]),
    missing=st.sampled_from([0.0, 0.02, 0.3]),
    seed=st.integers(0, 99),
    at=st.lists(st.integers(0, 12), max_size=4),
    outcome=st.sampled_from(["car", "scar", "bhar"]),
)
def test_any_cut_gives_the_same(spacing, missing, seed, at, outcome):
    ab = panel(spacing, n_assets=12, missing=missing, seed=seed)
    made = plan(windows=WINDOWS, tests=NINE, clocks=ab.clocks, outcome=outcome)
    wanted = battery(ab, windows=WINDOWS, tests=NINE, outcome=outcome)
    assert_same(from_parts(cut(ab, sorted(at)), made), wanted)


def many_dates(n_obs=300, n_dates=90, n_assets=700, seed=0, n_factors=2):
    """Observations of many assets on daily dates; every third has another index."""
    rng = np.random.default_rng(seed)
    days = np.arange(n_dates)[:, None] + np.arange(67)
    indices = 0.01 * rng.standard_normal((2, days.max() + 1, n_factors))
    clock = rng.integers(0, n_dates, n_obs)
    asset = rng.permutation(n_assets)[:n_obs] if n_assets >= n_obs else None
    if asset is None:
        asset = rng.integers(0, n_assets, n_obs)
    x = indices[(clock % 3 == 0).astype(int)[:, None], days[clock]]
    y = x.sum(axis=2) + 0.02 * rng.standard_normal((n_obs, 67))
    return factors(
        y,
        x,
        n_estimation=60,
        asset=asset,
        clock=clock,
        clocks=es.Clock(estimation=days[:, :60], event=days[:, 60:]),
    )


@pytest.mark.parametrize("n_assets", [700, 20])
def test_indices_of_several_markets_stay_few_coefficients(n_assets):
    ab = many_dates(n_assets=n_assets)
    made = plan(windows=WINDOWS, tests=NINE, clocks=ab.clocks)
    part = merge([collect(one, made) for one in cut(ab, [50, 51, 200])])
    assert len(part.loadings.linear) == 2
    assert len(part.loadings.rows) == 0
    assert_same(
        from_parts(cut(ab, [50, 51, 200]), made),
        battery(ab, windows=WINDOWS, tests=NINE),
    )


def test_regressors_of_an_assets_own_are_kept_session_by_session():
    ab = many_dates()
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 67))
    y = 0.02 * rng.standard_normal((300, 67)) + 0.01 * x
    own = es.models.market(
        y, x, n_estimation=60, asset=ab.asset, clock=ab.clock, clocks=ab.clocks
    )
    made = plan(windows=WINDOWS, tests=NINE, clocks=own.clocks)
    assert len(collect(own, made).loadings.rows) > 50
    assert_same(
        from_parts(cut(own, [100]), made), battery(own, windows=WINDOWS, tests=NINE)
    )


def test_known_to_be_many_assets_are_pooled_and_few_are_refused():
    ab = many_dates(n_obs=600)
    made = plan(windows=WINDOWS, tests=NINE, clocks=ab.clocks, assets=700)
    assert set(collect(take(ab, np.arange(3)), made).series.values()) == {None}
    assert_same(
        from_parts(cut(ab, [10]), made), battery(ab, windows=WINDOWS, tests=NINE)
    )
    with pytest.raises(SpecError, match="the plan says 700 assets, the parts have 10"):
        finish(
            collect(take(ab, np.arange(10)), one_walk := replace_tests(made)), one_walk
        )


def replace_tests(made):
    return plan(
        windows=WINDOWS, tests=["kp_bmp"], clocks=made.clocks, assets=made.assets
    )


def test_parts_are_small():
    ab = many_dates(n_obs=10_000, n_dates=2_500, n_assets=10_000, n_factors=1)
    made = plan(windows=(-1, 1), tests=NINE, clocks=ab.clocks, assets=10_000)
    first = collect(ab, made)
    assert len(pickle.dumps(first)) <= 1_000_000
    assert len(pickle.dumps(collect(ab, again(first, made)))) <= 200_000
    assert len(pickle.dumps(collect(take(ab, np.arange(1)), made))) <= 200_000


def test_a_spec_gives_windows_tests_and_options():
    spec = es.StudySpec(
        model="market",
        factors=("^GSPC",),
        windows=((0, 1),),
        tests=("csect", "bmp"),
        alternative="less",
        seed=5,
        resamples=199,
    )
    ab = panel()
    made = plan(spec, clocks=ab.clocks)
    assert made.windows == ((0, 1),)
    assert made.tests == ("csect", "bmp")
    assert made.options == Options(alternative="less", seed=5, n_draws=199)
    assert plan(spec, clocks=ab.clocks, windows=(0, 0)).windows == ((0, 0),)


def test_the_hash_is_of_what_decides_numbers():
    ab = panel()
    same = {"windows": (0, 1), "tests": ["csect"], "clocks": ab.clocks}
    made = plan(**same)
    assert plan(**same).hash == made.hash
    assert plan(**same, observations=10**6).hash == made.hash
    others = (
        {"windows": (0, 0)},
        {"tests": ["bmp"]},
        {"clocks": panel("far dates").clocks},
        {"outcome": "scar"},
        {"options": Options(seed=1)},
        {"options": Options(alternative="less")},
        {"options": Options(n_draws=99)},
        {"groups": dict.fromkeys(range(6), 0)},
        {"assets": 1000},
    )
    hashes = {made.hash, *(plan(**{**same, **other}).hash for other in others)}
    assert len(hashes) == len(others) + 1


def test_own_tests_are_in_a_plan_by_their_functions():
    def largest(sample, options):
        return Answer(estimate=float(sample.effect.max()), reason="shown")

    ab = panel()
    made = plan(windows=(0, 0), tests=[largest], clocks=ab.clocks)
    found = from_parts(cut(ab, [2]), made)
    assert found["reason"].to_list() == ["shown"]
    needy = EventTest(name="largest", of_sample=largest, needs={"ranks"})
    assert plan(windows=(0, 0), tests=[needy], clocks=ab.clocks).hash != made.hash


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tests": ["t"]}, "'t' judges every observation by itself"),
        ({"tests": ["kpbmp"]}, "unknown test 'kpbmp': did you mean 'kp_bmp'"),
        ({"windows": None}, "a plan wants windows, or a spec"),
        ({"outcome": "cars"}, "outcome = 'cars'; wanted one of car, scar, bhar"),
        ({"clocks": [1]}, "clocks = list; wanted an eventstudy.Clock"),
        ({"tests": []}, "at least one test"),
        (
            {"options": Options(shifts={(0, 0): np.zeros(300)})},
            "statistics of the whole sample, which no part has",
        ),
        ({"options": Options(alternative="lower")}, "unknown alternative 'lower'"),
    ],
)
def test_what_no_plan_can_be_made_of_is_refused(given, message):
    wanted = {"windows": (0, 0), "tests": ["csect"], "clocks": panel().clocks}
    with pytest.raises(SpecError, match=message):
        plan(**{**wanted, **given})


def test_parts_of_another_plan_are_refused():
    ab = panel()
    one, other = (
        plan(windows=(0, 1), tests=tests, clocks=ab.clocks)
        for tests in (["csect"], ["bmp"])
    )
    named = collect(ab, one, source="row group 3 of x.parquet")
    with pytest.raises(SpecError, match=r"parts of two plans .* row group 3 of x"):
        merge([named, collect(ab, other)])
    with pytest.raises(
        SpecError, match=r"that of row group 3 .* wanted one of the plan"
    ):
        finish(named, other)
    with pytest.raises(SpecError, match=r"row group 3 of x\.parquet is in two of the"):
        merge([named, named])
    with pytest.raises(SpecError, match="nothing to merge"):
        merge([])
    with pytest.raises(SpecError, match="a part is Abnormal; wanted what"):
        merge([ab])


def test_observations_on_other_clocks_are_refused():
    ab = panel("far dates")
    made = plan(windows=(0, 1), tests=["csect"], clocks=panel("uneven dates").clocks)
    with pytest.raises(SpecError, match="6 clocks that is not the plan's, of 6"):
        collect(ab, made)
    with pytest.raises(SpecError, match="abnormal returns are list"):
        collect([ab], made)
    made = plan(windows=(0, 9), tests=["csect"], clocks=ab.clocks)
    with pytest.raises(SpecError, match="is not inside the event window"):
        collect(ab, made)
    moved = replace(ab, first_offset=0)
    made = plan(windows=(0, 1), tests=["csect"], clocks=ab.clocks)
    with pytest.raises(SpecError, match="must share one event window"):
        merge([collect(ab, made), collect(moved, made)])


def test_the_second_walk_is_held_to_the_first():
    ab = panel("far dates")
    made = plan(windows=(0, 1), tests=["grank_t", "rank"], clocks=ab.clocks)
    part = collect(ab, made)
    ranking = again(part, made)
    ranks = collect(ab, ranking)
    assert finish(part, made, ranks).height == 2
    with pytest.raises(SpecError, match="grank_t, rank rank what is first divided"):
        finish(part, made)
    few = take(ab, np.arange(4))
    with pytest.raises(SpecError, match="4 observations; wanted the 36"):
        finish(part, made, collect(few, ranking))
    with pytest.raises(SpecError, match=r"wanted one of again\(part, plan\)"):
        finish(part, made, collect(few, again(collect(few, made), made)))
    with pytest.raises(SpecError, match="needs no second walk"):
        again(ranks, ranking)
    simple = plan(windows=(0, 1), tests=["rank"], clocks=ab.clocks)
    with pytest.raises(SpecError, match="needs no second walk"):
        again(collect(ab, simple), simple)
    with pytest.raises(SpecError, match="leave ranks out"):
        finish(collect(ab, simple), simple, ranks)


def test_a_written_part_is_the_same(tmp_path):
    ab = panel("uneven dates", missing=0.02)
    made = plan(windows=WINDOWS, tests=OF_SAMPLE, clocks=ab.clocks)
    part = collect(ab, made, source="all of it")
    path = tmp_path / "parts" / "1.parquet"
    part.write(path)
    read = read_part(path)
    assert read.sources == part.sources
    assert read.digest == part.digest
    for name, value in part.vectors.items():
        assert read.vectors[name].dtype == value.dtype
        np.testing.assert_array_equal(read.vectors[name], value)
    ranking = again(read, made)
    assert ranking.hash == again(part, made).hash
    ranks = collect(ab, ranking)
    assert finish(read, made, ranks).equals(finish(part, made, ranks))
    assert [one.name for one in path.parent.iterdir()] == ["1.parquet"]
    assert pl.read_parquet(path).height == 1


def test_files_that_are_no_whole_part_are_refused(tmp_path):
    ab = panel()
    made = plan(windows=(0, 1), tests=["csect"], clocks=ab.clocks)
    path = tmp_path / "1.parquet"
    collect(ab, made).write(path)
    data = path.read_bytes()
    other = tmp_path / "2.parquet"
    other.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"2.parquet: is no part, or was cut off"):
        read_part(other)
    pl.DataFrame({"a": [1]}).write_parquet(other)
    with pytest.raises(DataError, match="is no part"):
        read_part(other)
    header = json.loads(pl.read_parquet_metadata(path)["eventstudy.part"])
    for change, message in (
        ({"format": 99}, "has format 99; this version reads 1"),
        ({"sha": "0"}, "was changed since it was written"),
    ):
        text = json.dumps(header | change)
        frame = pl.read_parquet(path)
        frame.write_parquet(other, metadata={"eventstudy.part": text})
        with pytest.raises(DataError, match=message):
            read_part(other)
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        read_part(tmp_path / "3.parquet")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceError, match="cannot be written"):
        collect(ab, made).write(tmp_path / "file" / "1.parquet")


def test_the_order_of_parts_changes_no_more_than_rounding():
    ab = stack([panel("far dates", seed=s, n_assets=3) for s in range(3)])
    made = plan(windows=WINDOWS, tests=NINE, clocks=ab.clocks)
    parts = cut(ab, [5, 11, 30])
    wanted = battery(ab, windows=WINDOWS, tests=NINE)
    assert_same(from_parts(parts[::-1], made), wanted)
