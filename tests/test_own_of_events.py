"""Benchmarks and estimation windows that events and assets have of their own."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from typer.testing import CliRunner

import eventstudy as es
from eventstudy.catalogue import read_events
from eventstudy.cli.main import app
from eventstudy.core.errors import DataError, SpecError

SHARES = {"BTCM": "^GSPC", "RIOT": "BTC-USD", "MARA": "^GSPC"}
EVENTS = pl.DataFrame(
    {
        "event_id": ["a", "b", "c"],
        "announced_at": ["2021-05-21T20:00+08:00", "2021-06-21", "2021-09-24"],
    }
)


@pytest.fixture(scope="module")
def prices():
    return es.fetch_prices([*SHARES, "^GSPC", "BTC-USD"], source="snapshot")


def spec(assets=tuple(SHARES), **more):
    return es.StudySpec(
        **{
            "groups": {"miners": assets},
            "model": "market",
            "factors": ("benchmark",),
            "windows": ((-1, 1), (0, 5)),
            **more,
        }
    )


def numbers(table):
    columns = ("start", "end", "car", "se", "df", "n_valid")
    ordered = table.sort("event_id", "asset", "start")
    found = ordered.select(columns).to_numpy().astype(float)
    return ordered.select("event_id", "asset").rows(), found


def same(found, wanted):
    names, values = numbers(found)
    wanted_names, wanted_values = numbers(wanted)
    assert names == wanted_names
    assert_allclose(values, wanted_values, rtol=0, atol=1e-14)


def alone(prices, events=EVENTS, **more):
    """Study each share by itself on its own benchmark, named as a factor."""
    return pl.concat(
        es.run(spec((asset,), factors=(factor,), **more), events, prices).cars
        for asset, factor in SHARES.items()
    )


@pytest.mark.parametrize("returns", ["log", "simple"])
def test_own_benchmarks_are_studies_run_apart(prices, returns):
    found = es.run(spec(benchmarks=SHARES, returns=returns), EVENTS, prices)
    same(found.cars, alone(prices, returns=returns))


def test_a_default_stands_for_all_that_are_not_named(prices):
    own = {"default": "^GSPC", "RIOT": "BTC-USD"}
    same(es.run(spec(benchmarks=own), EVENTS, prices).cars, alone(prices))


def test_the_catalogue_names_benchmarks(prices):
    rows = [
        {"event_id": f"{asset}{n}", "announced_at": at, "assets": asset, "benchmark": b}
        for asset, b in SHARES.items()
        for n, at in enumerate(EVENTS["announced_at"])
    ]
    found = es.run(spec(), pl.DataFrame(rows), prices)
    assert found.spec.benchmarks == SHARES
    same(
        found.cars.with_columns(event_id=pl.lit("")),
        alone(prices).with_columns(event_id=pl.lit("")),
    )


def test_an_asset_without_a_benchmark_is_an_error(prices):
    with pytest.raises(SpecError, match=r"no benchmark for MARA: .*\[benchmarks\]"):
        es.run(spec(benchmarks={"BTCM": "^GSPC", "RIOT": "^GSPC"}), EVENTS, prices)


@pytest.mark.parametrize(
    ("assets", "benchmark", "words"),
    [
        (["BTCM", "BTCM"], ["^GSPC", "BTC-USD"], "line 2.*|frame:2.*write one"),
        ([None, "BTCM"], ["^GSPC", "^GSPC"], "fill assets"),
    ],
)
def test_benchmarks_of_a_catalogue_are_one_an_asset(prices, assets, benchmark, words):
    events = EVENTS.head(2).with_columns(
        assets=pl.Series(assets, dtype=pl.String), benchmark=pl.Series(benchmark)
    )
    with pytest.raises(DataError, match=words):
        es.run(spec(), events, prices)


def test_a_column_that_is_not_used_is_said(prices):
    events = EVENTS.with_columns(assets=pl.lit("BTCM"), benchmark=pl.lit("^GSPC"))
    found = es.run(spec(factors=("BTC-USD",)), events, prices)
    assert any("--market benchmark does" in t for t in found.tables["remarks"]["text"])


def test_groups_of_several_benchmarks_have_no_spread(prices):
    groups = {"one": ("BTCM",), "two": ("RIOT",)}
    several = es.run(spec(groups=groups, benchmarks=SHARES), EVENTS, prices)
    assert not several.tests["group"].str.contains(" - ").any()
    one = {"default": "^GSPC"}
    shared = es.run(spec(groups=groups, benchmarks=one), EVENTS, prices)
    plain = es.run(spec(groups=groups, factors=("^GSPC",)), EVENTS, prices)
    wanted = plain.tests.filter(group="one - two")
    assert wanted.height
    assert shared.tests.filter(group="one - two").equals(wanted)


WINDOWS = {"a": ("-150", "-31"), "b": (None, "-21"), "c": (None, None)}


def with_windows(windows):
    start, end = zip(*windows.values(), strict=True)
    return EVENTS.with_columns(
        estimation_start=pl.Series(start, dtype=pl.String),
        estimation_end=pl.Series(end, dtype=pl.String),
    )


def test_own_estimation_windows_are_studies_run_apart(prices):
    plain = {"factors": ("^GSPC",), "estimation": (-120, -11)}
    found = es.run(spec(**plain), with_windows(WINDOWS), prices)
    assert found.spec.estimation == (-120, -11)
    for event_id, (start, end) in WINDOWS.items():
        own = (int(start or -120), int(end or -11))
        apart = es.run(spec(**{**plain, "estimation": own}), EVENTS, prices)
        same(found.cars.filter(event_id=event_id), apart.cars.filter(event_id=event_id))
        keys = ["event_id", "asset", "n_estimation", "n_excluded", "n_missing"]
        assert (
            found.observations.filter(event_id=event_id)
            .select(keys)
            .equals(apart.observations.filter(event_id=event_id).select(keys))
        )


def test_dates_are_sessions(prices):
    """A window by dates is that of the sessions from the one to the other."""
    plain = {"factors": ("^GSPC",), "estimation": (-120, -11)}
    sessions = sorted(prices.frame.filter(symbol="BTCM")["date"])
    at = sessions.index(date(2021, 6, 21))
    first, last = sessions[at - 100], sessions[at - 15]
    events = with_windows(
        {"a": (None, None), "b": (str(first), str(last)), "c": (None, None)}
    )
    found = es.run(spec(**plain), events, prices).cars
    apart = es.run(spec(**{**plain, "estimation": (-100, -15)}), EVENTS, prices).cars
    same(found.filter(event_id="b"), apart.filter(event_id="b"))


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (("-150", "soon"), "estimation_end.*'soon'.*such as -250, or a date"),
        (("-50", "-60"), "begin before it ends"),
        (("-150", "5"), r"end before the event window \[-10,\+10\]"),
        (("2021-01-04", "2021-06-20"), "end before the event window"),
    ],
)
def test_windows_that_cannot_be_are_refused(prices, window, words):
    events = with_windows({"a": (None, None), "b": window, "c": (None, None)})
    with pytest.raises(DataError, match=words):
        es.run(spec(factors=("^GSPC",)), events, prices)


def test_a_request_names_its_market_and_its_window(tmp_path, prices):
    path = tmp_path / "request.csv"
    path.write_text(
        "1;BTCM;^GSPC;21.06.2021;miners;-1;1;-11;120\n"
        "2;RIOT;BTC-USD;21.06.2021;miners;-1;1;-21;100\n"
    )
    events = read_events(path)
    assert events.frame["benchmark"].to_list() == ["^GSPC", "BTC-USD"]
    assert events.frame["estimation_start"].to_list() == ["-130", "-120"]
    found = es.run(spec(("BTCM", "RIOT")), events, prices)
    one = es.run(
        spec(("RIOT",), factors=("BTC-USD",), estimation=(-120, -21)),
        pl.DataFrame({"event_id": ["2"], "announced_at": ["2021-06-21"]}),
        prices,
    )
    same(found.cars.filter(asset="RIOT"), one.cars)


def test_the_command_takes_both(tmp_path):
    path = tmp_path / "firms.csv"
    path.write_text(
        "ticker,date,benchmark,estimation_start,estimation_end\n"
        "BTCM,2021-06-21,^GSPC,-150,-31\nRIOT,2021-06-21,BTC-USD,,\n"
    )
    line = ["analyze", str(path), "--prices", "snapshot", "--market", "benchmark"]
    said = CliRunner().invoke(app, [*line, "-o", str(tmp_path / "out")])
    assert said.exit_code == 0, said.output
    words = " ".join(said.output.split())
    assert "model market on the benchmark of each asset" in words
    assert "1 event has an estimation window of their own" not in words
    assert "1 event has an estimation window of its own" in words
    report = (tmp_path / "out" / "details/methods.md").read_text()
    assert "the benchmark of each asset" in report
    checked = CliRunner().invoke(app, ["check", str(path), "--prices", "snapshot"])
    assert checked.exit_code == 0, checked.output


def test_the_placebo_stays_inside_own_windows(prices):
    """With windows of their own the dates move within them, as without a history."""
    own = es.run(spec(factors=("^GSPC",)), with_windows(WINDOWS), prices).tests
    rows = own.filter(pl.col("group") != "all", test="placebo", outcome="car")
    assert rows["pvalue"].is_not_null().all()
    assert_array_equal(np.unique(rows["n"].to_numpy()), [9])


@pytest.mark.long
def test_the_simulation_has_own_benchmarks_and_windows(prices):
    asked = {"replications": 100, "tests": ["csect", "kp_patell"]}
    own = spec(benchmarks={"default": "^GSPC"})
    found = es.simulate(own, EVENTS, prices, **asked).rejections
    wanted = es.simulate(spec(factors=("^GSPC",)), EVENTS, prices, **asked).rejections
    assert found.equals(wanted)
    shorter = with_windows(dict.fromkeys(WINDOWS, ("-100", "-21")))
    windows = es.simulate(own, shorter, prices, **asked).rejections
    assert windows.height == wanted.height
    assert not windows.equals(wanted)
