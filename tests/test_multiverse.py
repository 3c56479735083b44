"""Specification curves, against plain loops over cells, shifts and observations."""

import json
import math
import sys
from datetime import date, timedelta
from itertools import pairwise, product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from scipy import stats

import eventstudy as es
from eventstudy.cli import main as cli
from eventstudy.core.errors import DataError, SpecError
from eventstudy.report.figures import multiverse as curve
from eventstudy.report.multiverse_page import render, write_multiverse
from eventstudy.study.multiverse import MOST_SHIFTS
from eventstudy.study.multiverse_result import SCHEMA

ASSETS = ("AA", "BB", "CC", "DD")
WINDOWS, EVENT, PURGE = ((-1, 1), (0, 2)), (-3, 3), (-1, 2)
ESTIMATION = ((-70, -11), (-60, -11))
LEAST, COVERAGE = 20, 0.8


def world(n, at, seed=3):
    """Prices of four assets and an index on all days, and events at some places."""
    rng = np.random.default_rng(seed)
    days = [date(2019, 1, 1) + timedelta(days=k) for k in range(n)]
    market = rng.normal(0, 0.01, n)
    own = {a: 0.8 * market + rng.normal(0, 0.015, n) for a in ASSETS}
    for place in at:
        for returns in own.values():
            returns[place] -= 0.02
    closes = {"^MK": market, **own}
    prices = pl.concat(
        pl.DataFrame({"symbol": s, "date": days, "close": 50 * np.exp(np.cumsum(r))})
        for s, r in closes.items()
    )
    events = pl.DataFrame(
        {
            "event_id": [f"e{place}" for place in at],
            "announced_at": [str(days[place]) for place in at],
        }
    )
    return events, es.read_prices(prices)


def spec_of(**more):
    held = {
        "groups": {"firms": ASSETS},
        "models": (
            es.ModelSetting(name="market", model="market", factors=("^MK",)),
            es.ModelSetting(name="mean", model="constant_mean"),
        ),
        "calendars": {"default": "prices"},
        "event_window": EVENT,
        "estimation": ESTIMATION[0],
        "windows": WINDOWS,
        "purge": PURGE,
        "min_estimation": LEAST,
        "min_coverage": COVERAGE,
        "volatility_pre": (-10, -4),
        "volatility_event": (0, 3),
        "volatility_post": (0, 3),
    }
    return es.StudySpec(**held | more)


# --- the slow twin ------------------------------------------------------------------


class Twin:
    """One cell by loops: returns from closes, a fit per observation, t of the CARs."""

    def __init__(self, prices, at, cell):
        self.model, self.estimation, self.overlap, self.returns, self.window = cell
        self.at = at
        self.r = {}
        for symbol in (*ASSETS, "^MK"):
            closes = prices.frame.filter(symbol=symbol).sort("date")["close"].to_list()
            steps = [math.nan]
            for before, after in pairwise(closes):
                ratio = after / before
                steps.append(ratio - 1 if self.returns == "simple" else math.log(ratio))
            self.r[symbol] = steps
        self.near = {p + k for p in at for k in range(PURGE[0], PURGE[1] + 1)}

    def car(self, asset, fit_at, where, barred):
        """CAR of one observation, nan where too little of it is there."""
        first, last = self.estimation
        # The first session of the history has no return.
        sessions = [s for s in range(fit_at + first, fit_at + last + 1) if s > 0]
        sessions = [s for s in sessions if s not in barred]
        y = np.array([self.r[asset][s] for s in sessions])
        m = np.array([self.r["^MK"][s] for s in sessions])
        design = np.ones((len(y), 1))
        if self.model == "market":
            design = np.column_stack([design, m])
        slope = np.linalg.lstsq(design, y, rcond=None)[0]
        total = 0.0
        for s in where:
            known = [1.0, self.r["^MK"][s]][: len(slope)]
            total += self.r[asset][s] - float(np.dot(known, slope))
        return total

    def judged(self, cars):
        n = len(cars)
        mean = sum(cars) / n
        deviation = math.sqrt(sum((c - mean) ** 2 for c in cars) / (n - 1))
        t = mean / (deviation / math.sqrt(n))
        return mean, 2 * stats.t.sf(abs(t), n - 1)

    def actual(self):
        barred = self.near if self.overlap == "exclude" else set()
        span = range(self.window[0], self.window[1] + 1)
        return self.judged(
            [
                self.car(a, p, [p + k for k in span], barred)
                for p in self.at
                for a in ASSETS
            ]
        )

    def moved(self, shift, whole):
        """Mean and p at the shifted dates, None where too few observations count."""
        barred = set(self.near) if self.overlap == "exclude" else set()
        cars = []
        for p in self.at:
            span = [p + shift + k for k in range(self.window[0], self.window[1] + 1)]
            free = [s for s in span if s not in self.near]
            if len(free) / len(span) < COVERAGE:
                continue
            out, fit_at = set(barred), p + shift
            if not whole:
                fit_at = p
                out |= {p + shift + k for k in range(EVENT[0], EVENT[1] + 1)}
            cars += [self.car(a, fit_at, free, out) for a in ASSETS]
        if 2 * len(cars) < len(self.at) * len(ASSETS):
            return None
        return self.judged(cars)


def joint(pairs):
    means = [mean for mean, _ in pairs]
    up = sum(mean > 0 for mean in means) / len(means)
    down = sum(mean < 0 for mean in means) / len(means)
    significant = sum(p < 0.05 for _, p in pairs) / len(pairs)
    ordered, half = sorted(means), len(means) // 2
    middle = (ordered[half] + ordered[-half - 1]) / 2
    return abs(middle), max(up, down), significant


def slow(prices, at, cells, shifts, whole):
    """Actual pairs per cell, and the joint p-values with the number of shifts."""
    twins = [Twin(prices, at, cell) for cell in cells]
    actual = [twin.actual() for twin in twins]
    draws = []
    for shift in shifts:
        found = [twin.moved(shift, whole) for twin in twins]
        if None not in found:
            draws.append(joint(found))
    real = joint(actual)
    p = [
        (1 + sum(draw[k] >= real[k] - 1e-12 for draw in draws)) / (1 + len(draws))
        for k in range(3)
    ]
    return actual, p, len(draws)


def agrees(found, actual, p, n):
    assert found.multiverse["estimate"].to_list() == pytest.approx(
        [mean for mean, _ in actual], abs=1e-12
    )
    assert found.multiverse["pvalue"].to_list() == pytest.approx(
        [one for _, one in actual], rel=1e-8
    )
    assert found.multiverse_joint["n_shifts"].to_list() == [n] * 3
    assert found.multiverse_joint["pvalue"].to_list() == pytest.approx(p, abs=1e-12)


def cells_of(found):
    kept = found.multiverse.rows(named=True)
    return [
        (
            row["model"],
            tuple(map(int, row["estimation"].split(":"))),
            row["overlap"],
            row["returns"],
            (row["start"], row["end"]),
        )
        for row in kept
    ]


@pytest.fixture(scope="module")
def within():
    """A short history: dates are moved within the estimation windows."""
    at = (90, 104)
    events, prices = world(130, at)
    grid = {"estimation": ESTIMATION, "tests": ["csect"]}
    return at, events, prices, grid, es.multiverse(spec_of(), events, prices, **grid)


def test_cells_and_joint_p_equal_plain_loops_within_estimation_windows(within):
    at, _, prices, _, found = within
    cells = cells_of(found)
    axes = (ESTIMATION, ("exclude", "keep"), ("log", "simple"), ("market", "mean"))
    assert cells == [
        (model, estimation, overlap, returns, window)
        for estimation, overlap, returns, model in product(*axes)
        for window in WINDOWS
    ]
    shifts = range(-60 - EVENT[0], -11 - EVENT[1] + 1)
    agrees(found, *slow(prices, at, cells, shifts, whole=False))
    assert "within the estimation windows" in found.multiverse_joint["basis"][0]
    assert found.reason is None


@pytest.mark.long
def test_cells_and_joint_p_equal_plain_loops_over_a_long_history():
    at, n = (300, 320), 420
    events, prices = world(n, at)
    spec = spec_of(models=(spec_of().models[0],), windows=((-1, 1),))
    found = es.multiverse(spec, events, prices, returns=["log"], tests=["csect"])
    near = {p + k for p in at for k in range(PURGE[0], PURGE[1] + 1)}
    shifts = [
        s
        for s in range(-at[0] - ESTIMATION[0][0], n - at[1] - EVENT[1])
        if not any(p + s + k in near for p in at for k in (-1, 0, 1))
    ]
    assert 200 <= len(shifts) <= MOST_SHIFTS
    agrees(found, *slow(prices, at, cells_of(found), shifts, whole=True))
    assert "over the whole history" in found.multiverse_joint["basis"][0]


@pytest.mark.processes
def test_every_engine_gives_the_same_numbers(within):
    _, events, prices, grid, found = within
    other = es.multiverse(spec_of(), events, prices, engine="processes", **grid)
    assert other.multiverse.equals(found.multiverse)
    assert other.multiverse_joint.equals(found.multiverse_joint)


def test_cells_are_those_of_a_study(within):
    _, events, prices, _, found = within
    study = es.run(spec_of(tests=("csect",)), events, prices)
    own = study.tests.filter(
        sample="headline", outcome="car", group="firms", test="csect"
    )
    rows = found.multiverse.filter(
        estimation="-70:-11", overlap="exclude", returns="log"
    ).join(own, on=["model", "start", "end", "test"])
    assert rows.height == 4
    assert rows["estimate"].to_list() == pytest.approx(rows["estimate_right"].to_list())
    assert rows["pvalue"].to_list() == pytest.approx(rows["pvalue_right"].to_list())


def test_the_recommended_test_is_taken_and_models_by_name(within):
    _, events, prices, _, _ = within
    found = es.multiverse(
        spec_of(),
        events,
        prices,
        models=["mean", "market_adjusted"],
        windows=[(0, 0)],
        overlap=["keep"],
        returns=["log"],
    )
    assert found.multiverse["model"].to_list() == ["mean", "market_adjusted"]
    study = es.run(spec_of(windows=((0, 0),)), events, prices)
    advised = study.headline.filter(model="mean", outcome="car")["test_these"][0]
    assert set(found.multiverse["test"]) == {advised}


# --- what cannot be -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (
            {"models": ["mean"], "windows": [(0, 0)], "overlap": ["keep"]},
            "nothing to vary",
        ),
        ({"tests": ["csekt"]}, "unknown test 'csekt': did you mean 'csect'"),
        ({"tests": ["t"]}, "test t is of single observations; wanted tests of a"),
        ({"tests": "csect"}, "write a list"),
        ({"models": ["meen"]}, "unknown model 'meen': did you mean 'mean'"),
        ({"group": "firmz"}, "unknown group 'firmz': did you mean 'firms'"),
        ({"overlap": []}, "overlap is empty"),
        ({"overlap": ["drop"]}, "overlap"),
        ({"windows": [(-9, 9)]}, "event_window"),
    ],
)
def test_errors_are_words(within, asked, error):
    _, events, prices, _, _ = within
    given = {"returns": ["log"], "tests": ["csect"]} | asked
    with pytest.raises(SpecError, match=error):
        es.multiverse(spec_of(), events, prices, **given)


def test_a_choice_that_leaves_nothing_is_an_error(within):
    _, events, prices, _, _ = within
    spec = spec_of(min_estimation=85, estimation=(-95, -11))
    with pytest.raises(DataError, match=r"-95:-11, .*79 of 85.*leave this choice out"):
        es.multiverse(spec, events, prices, tests=["csect"])


@pytest.mark.parametrize(
    ("more", "asked", "reason"),
    [
        ({}, {"estimation": [(-32, -11)]}, "only 16 shifts of the dates count"),
        (
            {"models": (es.ModelSetting(model="garch", factors=("^MK",)),)},
            {},
            "estimated by a search",
        ),
    ],
)
def test_without_a_joint_p_there_is_no_curve(within, tmp_path, more, asked, reason):
    _, events, prices, _, _ = within
    given = {"returns": ["log"], "tests": ["csect"]} | asked
    found = es.multiverse(spec_of(**more), events, prices, **given)
    assert reason in found.reason
    assert found.multiverse_joint["pvalue"].null_count() == 3
    assert found.multiverse["estimate"].null_count() == 0
    with pytest.raises(SpecError, match="no specification curve without its joint p"):
        es.plot.multiverse(found)
    folder = write_multiverse(found, tmp_path / "page")
    assert "No curve is shown" in (folder / "multiverse.md").read_text("utf-8")
    assert not (folder / "figures").exists()


# --- what is written ----------------------------------------------------------------


def test_the_figure_says_its_numbers(within):
    found = within[-1]
    figure = es.plot.multiverse(found)
    top, below = figure.axes
    dots = [line for line in top.lines if str(line.get_gid()).startswith("multiverse-")]
    heights = [float(dot.get_ydata()[0]) for dot in dots[1:]]
    assert heights == sorted(100 * found.multiverse["estimate"])
    # every specification has one mark per axis that varies: all but the test
    assert sum(len(line.get_xdata()) for line in below.lines) == 5 * len(heights)
    svg = curve.DRAWING.draw(found)
    assert svg == curve.DRAWING.draw(found)
    for gid in curve.DRAWING.marks(found):
        assert f'id="{gid}"'.encode() in svg
    own, before = Figure().add_subplot(), dict(mpl.rcParams)
    assert es.plot.multiverse(found, ax=own) is own.figure
    assert own.has_data()
    assert dict(mpl.rcParams) == before


def test_the_folder_has_the_tables_of_the_contract(within, tmp_path):
    found = within[-1]
    folder = write_multiverse(found, tmp_path / "page")
    cells = pl.read_csv(folder / "tables" / "multiverse.csv")
    assert cells.columns[:9] == [
        *("model", "start", "end", "estimation", "overlap", "returns", "test"),
        *("estimate", "pvalue"),
    ]
    total = pl.read_csv(folder / "tables" / "multiverse_joint.csv")
    assert total.columns[:3] == ["statistic", "value", "pvalue"]
    for name, table in SCHEMA.items():
        assert table.checked(getattr(found, name)).height
    assert "figures/multiverse.svg" in render(found)
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["group"] == "firms"
    assert "32 specifications of group firms" in repr(found)
    assert "median" in found._repr_html_()


@pytest.mark.long
def test_the_command_writes_and_says(tmp_path, monkeypatch, capsys):
    example = Path(__file__).parents[1] / "events" / "china_2021.csv"
    words = ["multiverse", example, "--offline", "--group", "foreign_rigs"]
    words += ["--overlap", "exclude", "--tests", "csect", "--models", "total"]
    words += ["--window", "-1:1", "--window", "0:1", "--engine", "threads"]
    monkeypatch.setattr(sys, "argv", ["eventstudy", *map(str, words)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "Mean CAR of foreign_rigs under 4 specifications" in said
    assert "joint p" in said
    folder = tmp_path / "reports" / "china_2021-multiverse"
    assert (folder / "multiverse.md").is_file()
    assert pl.read_csv(folder / "tables" / "multiverse.csv").height == 4
