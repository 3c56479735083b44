"""Buy-and-hold returns against benchmarks: a slow twin, delistings, and sizes."""

import numpy as np
import polars as pl
import pytest
import simulation_worlds as worlds

import eventstudy as es
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import LONG_RUN
from eventstudy.inference import bhar
from eventstudy.report.sections import long_run
from eventstudy.report.views import Views
from eventstudy.spec.files import spec_from

S = 420


def world(seed=0, assets=24, members=6):
    """Returns with gaps; two assets and a member end early, one begins late."""
    rng = np.random.default_rng(seed)
    market = 0.01 * rng.standard_normal(S)
    y, control, reference = (
        market + 0.02 * rng.standard_normal((n, S)) for n in (assets, assets, members)
    )
    for part in (y, control, reference):
        part[rng.random(part.shape) < 0.03] = np.nan
    y[3, 130:] = y[4, 300:] = reference[2, 160:] = control[7, 150:] = np.nan
    y[5, :150] = reference[1, :120] = np.nan
    day0 = np.repeat(np.arange(60, 360, 25), 2)
    return y, control, reference, np.arange(assets), day0


def life(r):
    held = [t for t in range(len(r)) if np.isfinite(r[t])]
    return held[0], held[-1]


def walk(r, first, last):
    """Wealth after each session of a hold, step by step."""
    out, now = [], 1.0
    for t in range(first, last + 1):
        if np.isfinite(r[t]):
            now *= 1 + r[t]
        out.append(now)
    return out


def portfolio(members, first, last):
    held = {}
    for j, r in enumerate(members):
        begin, end = life(r)
        if begin <= first and end >= first:
            held[j] = 1.0
    out, total = [], 1.0
    weights = {j: total / len(held) for j in held}
    for t in range(first, last + 1):
        weights = {j: w for j, w in weights.items() if life(members[j])[1] >= t}
        if not weights:
            return None
        whole = sum(weights.values())
        weights = {j: w * total / whole for j, w in weights.items()}
        for j in weights:
            if np.isfinite(members[j][t]):
                weights[j] *= 1 + members[j][t]
        total = sum(weights.values())
        out.append(total)
    return out


def effects(y, asset, day0, hold, after, *, control=None, reference=None, own=None):
    """BHAR of every event that counts, with its date."""
    out = []
    for a, day in zip(asset.tolist(), day0.tolist(), strict=True):
        first, last = day + hold[0], day + hold[1]
        if last >= S or not life(y[a])[0] <= first <= life(y[a])[1]:
            continue
        if control is not None:
            begin, end = life(control[a])
            if begin > first or end < last:
                continue
            benchmark = walk(control[a], first, last)
        else:
            others = [r for j, r in enumerate(reference) if own is None or j != own[a]]
            benchmark = portfolio(others, first, last)
            if benchmark is None:
                continue
        wealth = walk(y[a], first, last)
        end = life(y[a])[1]
        value = wealth[-1]
        if after == "benchmark" and end < last:
            value *= benchmark[-1] / benchmark[end - first]
        out.append((day, value - benchmark[-1]))
    return out


def johnson(x):
    n = len(x)
    mean, s = np.mean(x), np.std(x, ddof=1)
    ratio, skew = mean / s, np.sum((x - mean) ** 3) / (n * s**3)
    return np.sqrt(n) * (ratio + skew * ratio**2 / 3 + skew / (6 * n))


def twin(found, seed, n_draws):
    dates = sorted({day for day, _ in found})
    x = np.array([v for _, v in found])
    clusters = [
        np.array([v for d, v in found if d == date]) - x.mean() for date in dates
    ]
    drawn = np.random.default_rng(seed).integers(
        0, len(dates), (n_draws, max(len(dates) // 4, 4))
    )
    draws = [johnson(np.concatenate([clusters[k] for k in row])) for row in drawn]
    observed = johnson(x)
    below = (1 + sum(d <= observed for d in draws)) / (1 + n_draws)
    above = (1 + sum(d >= observed for d in draws)) / (1 + n_draws)
    se = np.sqrt(sum(c.sum() ** 2 for c in clusters)) / len(x)
    return x.mean(), se, observed, min(1.0, 2 * min(below, above))


@pytest.mark.parametrize("after", ["benchmark", "cash"])
@pytest.mark.parametrize("kind", ["control", "reference", "own"])
@pytest.mark.parametrize("hold", [(1, 60), (-5, 20)])
def test_holds_agree_with_a_walk(kind, after, hold):
    y, control, reference, asset, day0 = world()
    given = {"control": control} if kind == "control" else {"reference": reference}
    if kind == "own":
        given["own"] = np.where(np.arange(len(y)) < 6, np.arange(len(y)), -1)
    wanted = effects(y, asset, day0, hold, after, **given)
    assert len({d for d, _ in wanted}) >= 10
    assert len(wanted) < len(asset)
    found = bhar(
        y, asset, day0, hold=hold, after_delisting=after, n_draws=199, seed=3, **given
    )
    mean, se, statistic, pvalue = twin(wanted, 3, 199)
    assert found.reason is None
    assert found.n == len(wanted)
    assert found.estimate == pytest.approx(mean, abs=1e-12)
    assert found.se == pytest.approx(se, rel=1e-10)
    assert found.statistic == pytest.approx(statistic, rel=1e-9)
    assert found.pvalue == pytest.approx(pvalue, abs=1e-12)


def test_what_follows_a_delisting_is_the_benchmark_or_cash():
    y = np.full((1, 5), 0.1)
    y[0, 3:] = np.nan
    control = np.full((1, 5), 0.2)
    for after, wanted in (
        ("benchmark", 1.1**2 * 1.2**2 - 1.2**4),
        ("cash", 1.1**2 - 1.2**4),
    ):
        (effect,) = effects(
            np.pad(y, ((0, 0), (0, S - 5)), constant_values=np.nan),
            np.array([0]),
            np.array([1]),
            (0, 3),
            after,
            control=np.pad(control, ((0, 0), (0, S - 5)), constant_values=np.nan),
        )
        assert effect[1] == pytest.approx(wanted)


def test_few_dates_and_equal_returns_have_a_reason():
    y, control, _, asset, day0 = world()
    few = bhar(y, asset[:8], day0[:8], hold=(1, 20), control=control)
    assert "on 4 dates" in few.reason
    same = np.zeros((12, S))
    still = bhar(same, np.arange(12), np.arange(12) * 20, hold=(1, 20), control=same)
    assert still.reason == "the returns have no variance"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "wants a control for each asset"),
        ({"control": np.zeros((24, 9))}, r"control has shape \(24, 9\)"),
        ({"reference": np.zeros((3, 9))}, "a row for each member"),
        (
            {"control": np.zeros((24, S)), "after_delisting": "bond"},
            "after_delisting 'bond'",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(given, said):
    y, _, _, asset, day0 = world()
    with pytest.raises(SpecError, match=said):
        bhar(y, asset, day0, hold=(1, 20), **given)


# --- in a study ---------------------------------------------------------------------

DAYS = list(range(200, 760, 40))


def study(prices=None, **asked):
    spec = worlds.spec(
        4,
        groups={"g": ("A0", "A1"), "h": ("A2", "A3")},
        model="market",
        factors=("M",),
        resamples=199,
        tests=("csect",),
        long_run=es.LongRunSetting(**({"holds": [(1, 60)]} | asked)),
    )
    held = worlds.prices(10, 900, correlation=0.3) if prices is None else prices
    return es.run(spec, worlds.events(DAYS), held)


def simple(prices, symbol):
    closes = prices.filter(symbol=symbol).sort("date")
    everyone = prices.filter(symbol="M").sort("date")["date"]
    level = everyone.to_frame().join(closes, on="date", how="left")["close"].to_numpy()
    out, before = np.full(len(level), np.nan), np.nan
    for t, now in enumerate(level):
        if np.isfinite(now):
            out[t] = now / before - 1
            before = now
    return out


@pytest.mark.parametrize("after", ["benchmark", "cash"])
def test_a_study_compares_its_assets_with_controls_and_portfolios(after):
    gone = {"A1": range(700, 900), "A5": range(640, 900), "A0": [333, 500]}
    prices = worlds.prices(10, 900, correlation=0.3, missing=gone)
    controls = {"A0": "A4", "A1": "A5", "default": "A6"}
    reference = ("A1", "A7", "A8", "A9")
    found = study(
        prices,
        methods=("bhar",),
        controls=controls,
        reference=reference,
        after_delisting=after,
    )
    table = found.long_run
    assert table["group"].unique(maintain_order=True).to_list() == ["g", "h", "all"]
    assert table["variance"].unique().to_list() == ["date_bootstrap"]
    global S  # the twin's sessions
    before, S = S, 900
    try:
        for group, assets in (
            ("g", ("A0", "A1")),
            ("h", ("A2", "A3")),
            ("all", ("A0", "A1", "A2", "A3")),
        ):
            y = np.stack([simple(prices, a) for a in assets])
            used = found.observations.filter(
                pl.col("asset").is_in(assets), status="used"
            ).select("asset", "event_id")
            asset = np.array([assets.index(a) for a in used["asset"]])
            day0 = np.array([DAYS[int(e[1:])] for e in used["event_id"]])
            given = {
                "control": np.stack(
                    [simple(prices, controls.get(a, "A6")) for a in assets]
                )
            }
            other = {
                "reference": np.stack([simple(prices, m) for m in reference]),
                "own": [reference.index(a) if a in reference else -1 for a in assets],
            }
            for method, held in (("control", given), ("reference", other)):
                wanted = effects(y, asset, day0, (1, 60), after, **held)
                row = table.filter(group=group, method=f"bhar_{method}").row(
                    0, named=True
                )
                assert row["n"] == len(wanted)
                mean = np.mean([v for _, v in wanted])
                assert row["estimate"] == pytest.approx(mean, abs=1e-10)
                assert row["df"] is None
                assert 0 < row["pvalue"] <= 1
    finally:
        S = before
    text = long_run.SECTION.write(Views(found))
    said = {"benchmark": "invested in the benchmark", "cash": "stays in cash"}[after]
    assert said in text
    assert "control assets (A0: A4, A1: A5 and default: A6)" in text


def test_all_groups_together_are_a_group_of_the_other_methods_as_well():
    found = study().long_run
    assert found["method"].unique().sort().to_list() == [
        "calendar_dummy",
        "calendar_time",
        "ctar",
        "rats",
    ]
    rats = found.filter(method="rats").sort("group")
    assert dict(rats.select("group", "n").iter_rows())["all"] == sum(
        dict(
            rats.filter(pl.col("group") != "all").select("group", "n").iter_rows()
        ).values()
    )
    single = worlds.spec(
        4,
        model="market",
        factors=("M",),
        long_run=es.LongRunSetting(holds=[(1, 60)], methods=("rats",)),
    )
    prices = worlds.prices(4, 900, correlation=0.3)
    alone = es.run(single, worlds.events(DAYS), prices).long_run.row(0, named=True)
    pooled = study(
        prices=worlds.prices(4, 900, correlation=0.3), methods=("rats",)
    ).long_run.filter(group="all")
    assert pooled["estimate"].item() == pytest.approx(alone["estimate"], rel=1e-12)


def test_groups_of_different_factors_have_no_portfolio_together():
    spec = worlds.spec(
        4,
        groups={"g": ("A0", "A1"), "h": ("A2", "A3")},
        models=(
            es.ModelSetting(name="m", model="market", factors=("M",), groups=("g",)),
            es.ModelSetting(name="m", model="constant_mean", groups=("h",)),
        ),
        long_run=es.LongRunSetting(holds=[(1, 60)], methods=("rats",)),
    )
    found = es.run(spec, worlds.events(DAYS), worlds.prices(4, 900, correlation=0.3))
    row = found.long_run.filter(group="all").row(0, named=True)
    assert "different factors" in row["reason"]


def test_a_benchmark_has_to_be_named_and_is_read_back():
    with pytest.raises(SpecError, match="bhar wants a benchmark: controls"):
        es.LongRunSetting(holds=[(0, 5)], methods=("bhar",))
    spec = spec_from(
        {
            "long_run": {
                "holds": [[0, 5]],
                "reference": ["X", "Y"],
                "controls": {"A": "B"},
            }
        }
    )
    assert spec.long_run.methods == ("calendar_time", "ctar", "rats", "bhar")
    assert spec.symbols == ("B", "X", "Y")
    assert spec_from(spec.as_dict()) == spec


# --- sizes --------------------------------------------------------------------------


def size(n_dates, per, rho, gap, hold, *, fat=False, uneven=False):
    """Share of samples without an effect that are rejected at 5 %, of 1,000."""
    rejected = 0
    for seed in range(1_000):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 2 * per, n_dates) if uneven else np.full(n_dates, per)
        date = np.repeat(np.arange(n_dates), sizes)
        shape = len(date), 65 + gap * n_dates + hold
        own = rng.standard_normal(shape)
        if fat:
            own = rng.standard_t(4, shape) / np.sqrt(2)
        shared = rng.standard_normal(shape[1])
        y = 0.02 * (np.sqrt(rho) * shared + np.sqrt(1 - rho) * own)
        other = 0.02 * rng.standard_normal(shape)
        found = bhar(
            np.expm1(y - 2e-4),
            np.arange(len(date)),
            50 + gap * date,
            hold=(1, hold),
            control=np.expm1(other - 2e-4),
            n_draws=499,
            seed=seed,
        )
        rejected += found.pvalue < 0.05
    return rejected / 1_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_dates", "per", "rho", "fat"),
    [(40, 2, 0.0, False), (20, 5, 0.3, False), (40, 3, 0.3, True)],
)
def test_sizes_of_holds_that_do_not_overlap(n_dates, per, rho, fat):
    # 1,000 samples: the nominal size, and two standard errors of it
    assert size(n_dates, per, rho, 65, 60, fat=fat) == pytest.approx(0.05, abs=0.015)


@pytest.mark.slow
def test_sizes_that_are_wrong_are_those_that_the_method_says():
    said = LONG_RUN["bhar"].warning
    assert "29 %" in said
    assert size(20, 5, 0.3, 20, 120) == pytest.approx(0.29, abs=0.04)
    assert "8.6 % with ten dates of unequal size" in said
    assert size(10, 5, 0.3, 65, 60, uneven=True) == pytest.approx(0.086, abs=0.025)
    assert "3.3 % of samples of 20 dates with one asset each" in said
    assert size(20, 1, 0.0, 65, 60) == pytest.approx(0.033, abs=0.012)


RETURNS, CONTROL = 0.01 * np.random.default_rng(0).standard_normal((2, 40, 300))
EVENTS = np.arange(40), np.repeat(np.arange(20, 220, 10), 2)


def test_an_effect_of_rounding_has_no_variance():
    found = es.inference.bhar(RETURNS, *EVENTS, hold=(1, 60), control=RETURNS)
    assert found.reason == "the returns have no variance"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hold": (60, 1)}, "ends before it begins"),
        ({"hold": (1, 2, 3)}, "wanted a first and a last session"),
        ({"asset": np.arange(40) - 1}, "wanted 0 to 39"),
        ({"day0": EVENTS[1] + 0.5}, "wanted"),
        ({"y": 100 * RETURNS}, "simple returns as fractions"),
        ({"n_draws": 0}, "wanted 1 or more"),
        ({"own": np.arange(3)}, "own has shape"),
        ({"control": None, "reference": CONTROL[:0]}, "reference has shape"),
    ],
)
def test_what_is_no_hold_is_refused_in_words(changed, said):
    given = {"y": RETURNS, "asset": EVENTS[0], "day0": EVENTS[1], "hold": (1, 60)}
    given |= {"control": CONTROL, **changed}
    with pytest.raises(es.SpecError, match=said):
        es.inference.bhar(**given)


def test_controls_are_other_assets_and_of_assets_of_the_study():
    def spec(controls):
        return es.StudySpec(
            groups={"miners": ("RIOT", "MARA")},
            long_run=es.LongRunSetting(holds=((1, 20),), controls=controls),
        )

    spec({"RIOT": "CAN", "default": "CLSK"})
    with pytest.raises(es.SpecError, match="RIOT is its own control"):
        spec({"RIOT": "RIOT"})
    with pytest.raises(es.SpecError, match="TSLA has the control CAN, but is no asset"):
        spec({"TSLA": "CAN"})
