"""Size and power by simulation: against single tests, plain loops, known answers."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import simulation_worlds as worlds
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import eventstudy as es
from eventstudy.catalogue import read_events
from eventstudy.core.errors import DataError, SpecError
from eventstudy.core.windows import cumulate, select
from eventstudy.inference import TESTS, Answer, EventTest, Options, assess, battery
from eventstudy.inference.aggregates import collect
from eventstudy.inference.battery import answers_of
from eventstudy.panel import build
from eventstudy.prices import read_prices
from eventstudy.simulation import count as counting
from eventstudy.simulation.batch import batch_of, fits_of
from eventstudy.simulation.design import designs_of
from eventstudy.simulation.draw import draw_sessions, draw_shocks, replicate
from eventstudy.simulation.injected import Injections
from eventstudy.simulation.layout import layout_of
from eventstudy.simulation.page import render
from eventstudy.simulation.tables import clopper_pearson, minimum_detectable
from eventstudy.study.estimate import estimators

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
WHOLE = [name for name, entry in TESTS.items() if entry.level == "sample"]


def lay_out(spec, events, prices, window=(-1, 1)):
    """The designs of a study, by the same way as `simulate`."""
    events = read_events(events)
    prices = prices if isinstance(prices, es.Prices) else read_prices(prices)
    panels, _ = build(spec, spec.groups, events.frame, prices.frame)
    fitted = [(e, list(e)) for e in estimators(spec, panels)]
    return designs_of(spec, fitted, list(spec.groups), window)


# --- one replication of a batch equals the plain call -------------------------------

N_TWINS = 3
SLOW = "ball_torous"  # climbs a likelihood in every replication
GAPS = {"A0": [820, 860, 861, 900], "A1": [901], "A2": [897, 898]}


def china():
    return (
        es.read_spec(ROOT / "events/china_2021.toml"),
        ROOT / "events/china_2021.csv",
        es.fetch_prices(es.read_spec(ROOT / "events/china_2021.toml").symbols),
    )


WORLDS = {
    "china_2021": china,
    "one date": lambda: (
        worlds.spec(6),
        worlds.events([900]),
        worlds.prices(6, 1000, correlation=0.5),
    ),
    "market model, simple returns, against falls": lambda: (
        worlds.spec(
            5, model="market", factors=("M",), returns="simple", alternative="less"
        ),
        worlds.events([700, 702, 850]),
        worlds.prices(5, 1000, correlation=0.4),
    ),
    "gaps, against rises": lambda: (
        worlds.spec(4, model="market", factors=("M",), alternative="greater"),
        worlds.events([896, 900]),
        worlds.prices(4, 1000, correlation=0.3, missing=GAPS),
    ),
    "gaps dropped": lambda: (
        worlds.spec(4, missing="drop"),
        worlds.events([600, 900]),
        worlds.prices(4, 1000, missing=GAPS),
    ),
    "one observation": lambda: (
        worlds.spec(1),
        worlds.events([900]),
        worlds.prices(1, 1000),
    ),
}


@pytest.fixture(scope="module", params=WORLDS)
def world(request):
    spec, events, prices = WORLDS[request.param]()
    designs, _ = lay_out(spec, events, prices)
    window = (-1, 1)
    simulated = []
    for design in designs:
        sessions = draw_sessions(design, N_TWINS, seed=4)
        simple = spec.returns == "simple"
        fits = [replicate(part, sessions, simple=simple) for part in design.parts]
        simulated.append((design, window, fits))
    return spec, simulated


def one_replication(design, cell, fits, layout, r, effect, variance):
    """What a study would see: the abnormal returns of replication r, injected."""
    columns = layout.columns
    chunks, first = [], 0
    for number, rows in cell.members:
        n = len(design.parts[number].base)
        ab = select(fits[number], r * n + rows)
        ar = ab.ar.copy()
        ar[:, columns] *= np.sqrt(variance)
        ar += effect * layout.carries[first : first + len(rows)]
        chunks.append(replace(ab, ar=ar))
        first += len(rows)
    return chunks


def mean_over_range(sample, options):
    """A user's test, which knows nothing of leading axes and reads its own sums."""
    if sample.n < 2:
        return Answer(estimate=sample.effect.mean(), reason="needs two")
    z = float(sample.effect.mean() / np.ptp(sample.effect)) * sample.n
    z += float(sample.sums["placebo_3"].mean()) + float(sample.rbar)
    p = float(2 * stats.norm.sf(abs(z)))
    return Answer(estimate=sample.effect.mean(), statistic=z, df=np.inf, pvalue=p)


def test_a_replication_of_a_batch_equals_the_plain_call(world):
    spec, simulated = world
    own = EventTest(
        name="mean_over_range", needs={"placebo"}, of_sample=mean_over_range
    )
    entries = [*(TESTS[name] for name in WHOLE), own]
    needs = frozenset().union(*(entry.needs for entry in entries))
    options = Options(alternative=spec.alternative, seed=3, n_draws=99)
    for design, window, fits in simulated:
        arranged = [fits_of(ab, N_TWINS, window) for ab in fits]
        for cell in design.cells:
            layout = layout_of(design, cell, window)
            batch = batch_of(arranged, cell, layout)
            injections = Injections(batch=batch, needs=needs)
            for effect, variance in [(0.0, 1.0), (-0.03, 2.0)]:
                sample = injections.sample(effect, variance)
                found = {e.name: answers_of(e, sample, options) for e in entries}
                for r in range(N_TWINS):
                    plain = battery(
                        one_replication(
                            design, cell, fits, layout, r, effect, variance
                        ),
                        windows=[window],
                        tests=entries,
                        alternative=spec.alternative,
                        seed=3,
                        n_draws=99,
                    )
                    for (_, name), expected in plain.items():
                        statistic, pvalue = found[name]
                        assert statistic.shape == pvalue.shape == (N_TWINS,)
                        assert_allclose(
                            (statistic[r], pvalue[r]),
                            (expected.statistic[0], expected.pvalue[0]),
                            1e-10,
                            1e-12,
                            err_msg=name,
                        )


def test_a_replication_without_a_fit_is_left_out():
    spec, events, prices = WORLDS["one date"]()
    (design,), _ = lay_out(spec, events, prices)
    sessions = draw_sessions(design, 6, seed=1)
    sessions[2] = sessions[2, 0]  # the same session all along: nothing varies
    fits = [
        fits_of(replicate(part, sessions, simple=False), 6, (-1, 1))
        for part in design.parts
    ]
    layout = layout_of(design, design.cells[0], (-1, 1))
    batch = batch_of(fits, design.cells[0], layout)
    assert batch.car.shape == (5, 6)
    assert_allclose(batch.car, np.delete(fits[0].car, 2, axis=0))


# --- what is drawn ------------------------------------------------------------------


def test_the_pool_has_no_session_near_an_event():
    spec = worlds.spec(3)
    (design,), _ = lay_out(spec, worlds.events([300, 700]), worlds.prices(3, 1000))
    near = {e + k for e in (300, 700) for k in range(-1, 6)}
    held = set(design.pool.tolist())
    assert held == set(range(1, 1000)) - near


def test_events_outside_the_headline_are_kept_out_of_the_pool_but_not_simulated():
    events = worlds.events([300, 700]).with_columns(headline=pl.Series([False, True]))
    (design,), _ = lay_out(worlds.spec(3), events, worlds.prices(3, 1000))
    assert len(design.parts[0].base) == 3
    assert not {299, 300, 305} & set(design.pool.tolist())


def test_a_replication_takes_every_asset_and_factor_from_the_same_session():
    spec = worlds.spec(3, model="market", factors=("M",))
    prices = worlds.prices(3, 500, correlation=0.5)
    (design,), _ = lay_out(spec, worlds.events([300, 420]), prices)
    (part,) = design.parts
    sessions = draw_sessions(design, 4, seed=2)
    ab = replicate(part, sessions, simple=False)
    returns = {
        symbol: np.diff(np.log(frame["close"].to_numpy()), prepend=np.nan)
        for (symbol,), frame in prices.partition_by("symbol", as_dict=True).items()
    }
    offsets = range(-3, 4)
    first = 300 - 70  # the path begins with the first window
    for r in range(4):
        for i, (day0, asset) in enumerate((d, a) for a in range(3) for d in (300, 420)):
            drawn = [sessions[r, day0 + k - first] for k in offsets]
            row = r * 6 + i
            assert_allclose(ab.actual[row], returns[f"A{asset}"][drawn], rtol=1e-9)
            assert_allclose(ab.x_event[row, :, 1], returns["M"][drawn], rtol=1e-9)


def test_gaps_stay_where_they_are_and_returns_span_them():
    prices = worlds.prices(1, 500, missing={"A0": [300, 301]})
    (design,), _ = lay_out(worlds.spec(1), worlds.events([300]), prices)
    sessions = draw_sessions(design, 3, seed=2)
    ab = replicate(design.parts[0], sessions, simple=False)
    assert np.isnan(ab.ar[:, 3:5]).all()
    assert np.isfinite(np.delete(ab.ar, [3, 4], axis=1)).all()
    assert (ab.span_event[:, 5] == 3).all()
    closes = worlds.prices(1, 500).filter(symbol="A0")["close"].to_numpy()
    returns = np.diff(np.log(closes), prepend=np.nan)
    at = int(design.parts[0].at[0, -2])
    for r in range(3):
        expected = returns[sessions[r, at - 2 : at + 1]].sum()
        assert_allclose(ab.actual[r, 5], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("missing", "carrier"), [("trade_to_trade", [5]), ("drop", [])]
)
def test_the_effect_is_in_the_return_that_spans_day_0(missing, carrier):
    prices = worlds.prices(1, 500, missing={"A0": [300, 301]})
    spec = worlds.spec(1, missing=missing, min_coverage=0.5)
    (design,), _ = lay_out(spec, worlds.events([300]), prices, (-2, 3))
    layout = layout_of(design, design.cells[0], (-2, 3))
    assert np.flatnonzero(layout.carries[0]).tolist() == carrier


def test_blocks_keep_neighbours_together():
    prices = worlds.prices(2, 600)
    (design,), _ = lay_out(worlds.spec(2), worlds.events([300]), prices)
    sessions = draw_sessions(replace(design, block=10.0), 400, seed=1)
    place = np.searchsorted(design.pool, sessions)
    follows = (np.diff(place, axis=1) % len(design.pool) == 1).mean()
    assert abs(follows - 0.9) < 0.01
    shares = np.bincount(place.ravel(), minlength=len(design.pool)) / place.size
    assert shares.max() < 3 / len(design.pool)


# --- scenarios, the tests recommended, and their intervals --------------------------


def scenario_study(replications, **changes):
    return {
        "spec": worlds.spec(4, tests=("csect",), resamples=99),
        "events": worlds.events([600, 640, 700, 702, 800]),
        "prices": worlds.prices(4, 1000, correlation=0.4, seed=3),
        "replications": replications,
        "effects": [],
        "variances": [1.0],
        "seed": 4,
        **changes,
    }


def scenario_loop(replications):
    """Count rejections and covering intervals, one replication after the other."""
    asked = scenario_study(replications)
    spec = asked["spec"]
    (design,), _ = lay_out(spec, asked["events"], asked["prices"])
    (part,), (cell,) = design.parts, design.cells
    sessions = draw_sessions(design, replications, 4)
    shocks = draw_shocks(design, replications, 4)
    window, (layout,) = (-1, 1), [layout_of(design, cell, (-1, 1))]
    names = {"these dates": "kp_guarded", "such dates": "portfolio"}
    rejected, covered = Counter(), Counter()
    for scenario in ("as drawn", "dates differ", "calmer before"):
        for r in range(replications):
            own = sessions[[r]]
            scaled = part
            if scenario == "calmer before":
                until = part.at[:, part.n_estimation - part.first_offset].min() - 45
                growth = np.array(
                    [
                        [1.6 if at < until else 1.0 for at in places]
                        for places in part.at
                    ]
                )
                at = part.base[:, None] + own[0][part.at]
                flat = (part.growth[at] * growth).ravel()
                scaled = replace(
                    part,
                    growth=flat,
                    base=np.zeros(len(part.base), np.int64),
                    factor_growth=np.zeros((len(flat), 0)),
                    at=np.arange(len(flat)).reshape(part.at.shape),
                )
                own = np.arange(len(flat))[None]
            ab = replicate(scaled, own, simple=False)
            ab = select(ab, cell.members[0][1])
            moved = np.zeros(len(ab.ar))
            if scenario == "dates differ":
                size = cumulate(ab, window).se.mean()
                moved = np.array([shocks[r, c] * size for c in layout.cluster])
            ab = replace(ab, ar=ab.ar + moved[:, None] * layout.carries)
            found = battery(ab, windows=[window], tests=list(names.values()))
            evidence = collect(ab, [window], frozenset({"correlation", "residuals"}))
            (known,) = assess(evidence, [window])
            for question, name in names.items():
                p = found[window, name].pvalue[0]
                for level in (0.05, 0.01, 0.005):
                    rejected[scenario, question, level] += p <= level
                interval = known.interval if question == "these dates" else known.such
                assert interval.test == name
                truth = moved.mean() if question == "these dates" else 0.0
                covered[scenario, question] += interval.low <= truth <= interval.high
    return rejected, covered


def test_scenarios_recommended_tests_and_coverage_are_those_of_a_loop():
    rejected, covered = scenario_loop(100)
    found = es.simulate(**scenario_study(100))
    alias = {"recommended_these": "these dates", "recommended_such": "such dates"}
    rows = found.rejections.filter(pl.col("test").is_in(list(alias)))
    assert rows.height == 3 * 2 * 3
    for row in rows.iter_rows(named=True):
        key = row["scenario"], alias[row["test"]], row["nominal"]
        assert row["rejections"] == rejected[key], key
    assert found.coverage.height == 6
    for row in found.coverage.iter_rows(named=True):
        assert row["intervals"] == 100
        assert row["coverage"] == covered[row["scenario"], row["question"]] / 100
    assert sum(rejected.values()) > 20


def test_where_dates_differ_only_tests_of_such_dates_are_judged():
    found = es.simulate(**scenario_study(100, tests=["kp_bmp", "portfolio"]))
    rows = found.verdict.filter(scenario="dates differ", nominal=0.05)
    said = {row["test"]: row for row in rows.iter_rows(named=True)}
    for test in ("kp_bmp", "recommended_these"):
        assert said[test]["verdict"] is None
        assert said[test]["size"] is not None
        assert said[test]["reason"].startswith("asks of these dates")
    for test in ("portfolio", "recommended_such"):
        assert said[test]["verdict"] is not None
    assert "of such" in render(found) or "such dates" in render(found)


def test_scenarios_that_are_not_asked_for_are_not_computed():
    found = es.simulate(**scenario_study(100, scenarios=[]))
    assert set(found.rejections["scenario"]) == {"as drawn"}
    with pytest.raises(SpecError, match="did you mean 'dates differ'"):
        es.simulate(**scenario_study(100, scenarios=["date differ"]))


# --- known answers ------------------------------------------------------------------


def rates(result, effect=0.0, variance=1.0):
    rows = result.rejections.filter(
        effect=effect, variance=variance, scenario="as drawn", nominal=0.05
    )
    return dict(rows.select("test", "rate").rows())


def test_independent_normal_observations_are_rejected_in_five_per_cent():
    assets = [f"A{i}" for i in range(10)]
    found = es.simulate(
        worlds.spec(10),
        worlds.events([200 + 90 * i for i in range(10)], assets),
        worlds.prices(10, 1800, seed=1),
        replications=2000,
        tests=[name for name in WHOLE if not TESTS[name].resampled and name != SLOW],
        effects=[0.02],
        variances=[1.0],
        seed=5,
    )
    size = rates(found)
    exact = "csect patell bmp kp_patell kp_bmp portfolio cluster wilcoxon placebo rank"
    for test in exact.split():
        assert 0.034 < size[test] < 0.066, test
    # Ten fair coins: at most one head or tail in 2 · 11/1024 of cases.
    assert abs(size["sign"] - 22 / 1024) < 4 * np.sqrt(0.0215 / 2000)
    verdicts = dict(found.sizes(1.0).select("test", "verdict").rows())
    assert verdicts["kp_bmp"] == "well-sized"
    assert verdicts["sign"] == "under-rejects"
    # The power of a normal statistic with a known mean.
    forecast = 0.01 * np.sqrt(3 + 3**2 / 60)
    shift = np.sqrt(10) * 0.02 / forecast / np.sqrt(59 / 57)
    assert abs(rates(found, 0.02)["patell"] - stats.norm.cdf(shift - 1.96)) < 0.03
    assert_allclose(
        found.power.filter(test="patell")["mde"][0],
        0.02 * (1.96 + 0.84) / shift,
        rtol=0.1,
    )


def test_one_shared_date_misleads_those_who_count_observations():
    found = es.simulate(
        worlds.spec(8),
        worlds.events([900]),
        worlds.prices(8, 1800, correlation=0.5),
        replications=1000,
        tests=["csect", "bmp", "kp_bmp", "portfolio", "placebo"],
        effects=[],
        variances=[1.0],
        seed=2,
    )
    size = rates(found)
    assert size["csect"] > 0.3
    assert size["bmp"] > 0.3
    for test in ("kp_bmp", "portfolio", "placebo"):
        assert 0.025 < size[test] < 0.08, test
    verdict = dict(found.sizes(1.0).select("test", "verdict").rows())
    assert verdict["csect"] == "over-rejects"
    assert verdict["kp_bmp"] == "well-sized"


def test_variance_of_the_event_fools_those_who_trust_the_estimation_window():
    found = es.simulate(
        worlds.spec(10),
        worlds.events([900]),
        worlds.prices(10, 1500),
        replications=500,
        tests=["csect", "patell", "bmp"],
        effects=[],
        variances=[1.0, 4.0],
    )
    calm, raised = rates(found), rates(found, variance=4.0)
    for test in ("csect", "bmp"):
        assert raised[test] == calm[test]  # a common scale cancels
    assert raised["patell"] > 0.25 > calm["patell"]


def test_a_large_effect_is_always_found():
    tests = "placebo csect crude lamb patell bmp kp_patell kp_bmp gsign sign grank_t"
    found = es.simulate(
        worlds.spec(8),
        worlds.events([500, 900]),
        worlds.prices(8, 1200),
        replications=100,
        effects=[0.2, -0.2],
        variances=[1.0],
        tests=[*tests.split(), "grank_z", "grank_overlap", "wilcoxon"],
    )
    strong = found.rejections.filter(
        pl.col("effect") != 0, pl.col("test").is_in(found.request.tests), nominal=0.05
    )
    assert strong["test"].n_unique() == 14
    assert (strong["rate"] == 1).all()
    assert set(found.power["direction"]) == {"rise", "fall"}
    assert (found.power.filter(test="csect")["mde"] < 0.2).all()


# --- seeds, chunks, threads ---------------------------------------------------------


def small(**changes):
    settings = {"replications": 150, "effects": [0.01], "seed": 8} | changes
    return es.simulate(
        worlds.spec(4),
        worlds.events([500, 502, 900]),
        worlds.prices(4, 1000, correlation=0.3),
        **settings,
    )


def test_chunks_and_threads_change_no_number(monkeypatch):
    reference = small(workers=1)
    for rows, workers in ((12, 1), (100, 3), (10**9, 2)):
        monkeypatch.setattr(counting, "CHUNK_ROWS", rows)
        again = small(workers=workers)
        assert again.rejections.equals(reference.rejections)
        assert again.designs.equals(reference.designs)


def test_the_seed_decides():
    assert small().rejections.equals(small().rejections)
    assert not small(seed=9).rejections.equals(small().rejections)


def test_the_seed_is_the_studys_unless_given():
    assert small(seed=None).request.seed == worlds.spec(4).seed


def test_progress_ends_at_one():
    told = []
    small(progress=lambda stage, share: told.append((stage, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert told[-1][0] == "Simulating on prices"


# --- tables -------------------------------------------------------------------------


def test_intervals_are_those_of_clopper_and_pearson():
    for hits, trials in [(0, 10), (3, 10), (10, 10), (52, 1000)]:
        low, high = clopper_pearson(hits, trials)
        expected = stats.binomtest(hits, trials).proportion_ci(0.95, method="exact")
        assert_allclose((low, high), expected, atol=1e-12)
    assert np.isnan(clopper_pearson(0, 0)).all()


def test_the_minimum_detectable_effect_of_a_normal_statistic():
    effects = np.array([0.0, 0.01, 0.02, 0.04])
    power = stats.norm.cdf(effects / 0.01 - 1.96)
    n = np.full(4, 1_000_000)
    found, reason = minimum_detectable(effects, np.round(power * n).astype(int), n)
    assert reason is None
    assert_allclose(found, 0.01 * (1.96 + stats.norm.ppf(0.8)), rtol=1e-3)


def test_an_effect_beyond_the_grid_has_a_reason():
    effects, n = np.array([0.0, 0.01]), np.array([100, 100])
    found = minimum_detectable(effects, np.array([5, 60]), n)
    assert found == (None, "power is at most 60% up to an effect of 0.01")
    found = minimum_detectable(effects, np.array([90, 95]), n)
    assert found == (None, "rejects in 90% of replications without an effect")
    found = minimum_detectable(effects, np.array([0, 0]), np.array([0, 0]))
    assert found == (None, "some effects have no answer")


def test_rates_count_every_replication_and_effect():
    found = small(effects=[0.01, -0.01], variances=[1, 2])
    assert found.request.effects == (-0.01, 0.0, 0.01)
    table = found.rejections
    n_states, n_tests = 3 * 2 + 2, len(found.request.tests) + 2
    assert table.height == n_states * 3 * n_tests
    assert (table["replications"] == 150).all()
    assert_allclose(table["rate"], table["rejections"] / 150)
    assert table["reason"].is_null().all()
    assert set(table["nominal"]) == {0.05, 0.01, 0.005}
    assert set(table["scenario"]) == {"as drawn", "dates differ", "calmer before"}
    (row,) = found.designs.rows(named=True)
    assert (row["n"], row["n_assets"], row["n_dates"]) == (12, 4, 3)
    assert (row["n_clusters"], row["replications"]) == (2, 150)


def test_a_test_without_an_answer_is_null_with_its_own_reason():
    found = es.simulate(
        worlds.spec(1),
        worlds.events([900]),
        worlds.prices(1, 1000),
        replications=100,
        tests=["csect", "patell"],
        effects=[0.01],
    )
    rows = found.verdict.filter(test="csect")
    assert rows["size"].is_null().all()
    assert set(rows["reason"]) == {"needs 2 observations, there are 1"}
    assert found.power.filter(test="csect")["mde"].is_null().all()
    assert "needs 2 observations" in found.power.filter(test="csect")["reason"][0]
    assert found.verdict.filter(test="patell")["size"].is_not_null().all()
    assert "has no answer: needs 2 observations" in render(found)


def test_the_default_effects_lie_on_the_sides_of_the_alternative():
    def grid(alternative):
        return es.simulate(
            worlds.spec(3, alternative=alternative),
            worlds.events([900]),
            worlds.prices(3, 1000),
            replications=100,
            tests=["bmp"],
        ).request.effects

    assert min(grid("greater")) == 0.0
    assert max(grid("less")) == 0.0
    both = grid("two-sided")
    assert both == tuple(sorted(both))
    assert both == tuple(-effect for effect in reversed(both))


def test_groups_on_several_calendars_are_simulated_apart():
    spec, events, prices = china()
    found = es.simulate(
        spec, events, prices, replications=100, tests=["kp_bmp"], effects=[]
    )
    assert found.designs.select("model", "group", "calendar").rows() == [
        ("total", "china_rigs", "XNYS"),
        ("total", "foreign_rigs", "XNYS"),
        ("total", "bitcoin", "24/7"),
        ("total", "ether", "24/7"),
        ("net_of_bitcoin", "china_rigs", "XNYS"),
        ("net_of_bitcoin", "foreign_rigs", "XNYS"),
        ("net_of_bitcoin", "all", "XNYS"),
    ]
    assert found.notes == (
        "all (total) is not simulated: its assets are on several calendars (24/7, "
        "XNYS), whose sessions cannot be drawn together",
    )
    quick = replace(
        spec, tests=("csect",), windows=((-1, 1),), questions=(), resamples=99
    )
    study = es.run(quick, events, prices).headline.filter(
        sample="headline", outcome="car"
    )
    shared = study.join(found.designs, on=["model", "group"], suffix="_simulated")
    assert shared.height == 7
    for name in ("n", "n_dates", "n_clusters"):
        assert shared[name].to_list() == shared[f"{name}_simulated"].to_list()


# --- what cannot be done ------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"replications": 99}, "replications = 99; wanted at least 100"),
        ({"window": (-5, 1)}, r"\[-5,\+1\] is not inside the event window \[-3,\+3\]"),
        ({"window": (1, 2)}, "does not hold day 0"),
        ({"tests": ["bmpp"]}, "unknown test 'bmpp': did you mean 'bmp'"),
        ({"tests": ["t"]}, "'t' cannot be simulated: it judges single observations"),
        ({"tests": []}, "tests is empty"),
        ({"variances": [0.0]}, "variances = 0; wanted positive factors"),
        ({"variances": []}, "variances = none"),
        ({"effects": [float("nan")]}, "effects = nan; wanted returns"),
        ({"level": 0.7}, "level = 0.7; wanted the nominal size"),
        ({"seed": -1}, "seed = -1"),
        ({"workers": 0}, "workers = 0"),
    ],
)
def test_impossible_requests_are_refused(changes, said):
    with pytest.raises(SpecError, match=said):
        small(**changes)


def test_too_little_history_says_how_much_is_held_and_needed():
    prices = worlds.prices(3, 1000, missing={"A2": range(700)})
    spec = worlds.spec(3, estimation=(-70, -6), purge=(-150, 100))
    with pytest.raises(DataError) as caught:
        es.simulate(spec, worlds.events([900]), prices)
    assert str(caught.value) == (
        "too little history to simulate on prices: 49 sessions outside [-150,+100] of "
        "every event have a return of every asset, 72 are needed (estimation and event "
        "window); A2 has the fewest, 49. Give longer prices, shorten the windows or "
        "leave that asset out"
    )


def test_nothing_to_simulate_is_said():
    events = worlds.events([900]).with_columns(headline=pl.lit(value=False))
    with pytest.raises(SpecError, match="no observation of the headline sample"):
        es.simulate(worlds.spec(3), events, worlds.prices(3, 1000))


def test_tests_of_the_study_that_cannot_be_simulated_are_noted():
    found = es.simulate(
        worlds.spec(3, tests=("t", "bmp")),
        worlds.events([900]),
        worlds.prices(3, 1000),
        replications=100,
        effects=[],
    )
    assert found.request.tests == ("bmp",)
    assert found.notes == (
        "t is not simulated: it judges single observations, not the sample",
    )
    with pytest.raises(SpecError, match=r"none of the study's tests \(t\)"):
        es.simulate(
            worlds.spec(3, tests=("t",)), worlds.events([900]), worlds.prices(3, 1000)
        )


def test_tests_that_resample_and_tests_of_users_are_simulated():
    def half_of_bmp(sample, options):
        """Half of a known statistic, one replication at a time."""
        t = sample.scar.mean() * np.sqrt(sample.n) / sample.scar.std(ddof=1)
        p = 2 * stats.t.sf(abs(t / 2), sample.n - 1)
        return Answer(estimate=sample.mean, statistic=t / 2, pvalue=p, df=np.inf)

    dates = [300, 400, 500, 600, 700, 800]
    resampled = [n for n in WHOLE if TESTS[n].resampled]
    found = es.simulate(
        worlds.spec(2),
        worlds.events(dates),
        worlds.prices(2, 1000),
        replications=100,
        effects=[0.2],
        variances=[1.0],
        tests=["bmp", half_of_bmp, SLOW, *resampled],
    )
    size, power = rates(found), rates(found, 0.2)
    assert 0 <= size["half_of_bmp"] < size["bmp"] < 0.15
    for name in resampled:
        # Six clusters have 64 assignments of signs: 2/64 is the least p-value.
        assert size[name] < 0.15
        assert power[name] > 0.7
    assert found.request.tests[1] == "half_of_bmp"


# --- the page -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def result():
    return small(effects=[0.01, -0.01, 0.05], command="eventstudy simulate x.csv")


def test_the_same_result_gives_the_same_bytes(result, tmp_path):
    first = es.write_simulation(result, tmp_path / "a")
    again = es.write_simulation(result, tmp_path / "b")
    names = sorted(
        path.relative_to(first).as_posix()
        for path in first.rglob("*")
        if path.is_file()
    )
    assert names == [
        "figures/power.svg",
        "figures/size.svg",
        "manifest.json",
        "simulation.md",
        "tables/coverage.csv",
        "tables/designs.csv",
        "tables/power.csv",
        "tables/rejections.csv",
        "tables/verdict.csv",
    ]
    for name in names:
        assert (first / name).read_bytes() == (again / name).read_bytes(), name
    manifest = json.loads((first / "manifest.json").read_text())
    assert manifest["simulation"]["replications"] == 150
    table = pl.read_csv(first / "tables/rejections.csv")
    assert_array_equal(table["rate"], result.rejections["rate"])


def test_links_of_the_page_lead_somewhere(result, tmp_path):
    folder = es.write_simulation(result, tmp_path / "page")
    text = (folder / "simulation.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    tables = re.findall(r"`(tables/[^`]+)`", text)
    assert len(links) == 3
    assert len(tables) == 5
    assert all((folder / name).is_file() for name in [*links, *tables])
    assert not re.search(r"\bnan\b", text)
    assert "eventstudy simulate x.csv" in text


def test_a_folder_of_somebody_else_is_left_alone(result, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SpecError, match="not empty"):
        es.write_simulation(result, tmp_path)
    es.write_simulation(result, tmp_path, force=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_without_effects_there_is_no_power(tmp_path):
    found = small(effects=[], variances=[1.0], tests=["bmp"])
    assert found.power.is_empty()
    folder = es.write_simulation(found, tmp_path / "page")
    assert "What can be found" not in (folder / "simulation.md").read_text("utf-8")
    assert [path.name for path in (folder / "figures").iterdir()] == ["size.svg"]


def test_the_page_names_what_over_rejects():
    found = es.simulate(
        worlds.spec(6),
        worlds.events([900]),
        worlds.prices(6, 1200, correlation=0.7),
        replications=200,
        tests=["csect", "kp_bmp"],
        effects=[0.05],
        variances=[1.0],
    )
    text = render(found)
    assert "rejecting too often: `csect`" in text
    row = next(line for line in text.splitlines() if line.startswith("| `csect`"))
    assert "▲" in row


def test_the_result_shows_itself(result):
    assert repr(result) == (
        "SimulationResult(150 replications of 1 samples, 14 tests of [-1,+1])"
    )
    assert "<table" in result._repr_html_()


# --- the command --------------------------------------------------------------------


def test_the_command_writes_the_page_and_prints_the_sizes(tmp_path):
    from typer.testing import CliRunner

    from eventstudy.cli.main import app

    catalogue = str(ROOT / "events/china_2021.csv")
    flags = ["--replications", "100", "--effects", "10%,-0.1", "--variances", "1"]
    flags += ["--tests", "bmp,kp_bmp", "--window", "0:1", "--seed", "3"]
    out = tmp_path / "page"
    done = CliRunner().invoke(app, ["simulate", catalogue, *flags, "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "kp_bmp" in done.output
    assert str(out / "simulation.md") in done.output
    power = pl.read_csv(out / "tables/power.csv")
    assert set(power["direction"]) == {"rise", "fall"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["simulation"]["effects"] == [-0.1, 0.0, 0.1]
    assert manifest["simulation"]["window"] == [0, 1]
    quiet = CliRunner().invoke(
        app, ["simulate", catalogue, *flags, "-q", "-o", str(out)]
    )
    assert quiet.output == ""
