"""What a study takes where nothing is said, and what it says that it lacks."""

from datetime import date

import polars as pl
import pytest

import eventstudy as es
from eventstudy.cli import main as cli
from eventstudy.core.errors import DataError

SYMBOLS = ["BTCM", "RIOT", "BTC-USD", "^GSPC"]


@pytest.fixture(scope="module")
def prices():
    return es.fetch_prices(SYMBOLS, source="snapshot")


def events(assets="BTCM RIOT", day="2021-06-21"):
    return pl.DataFrame({"event_id": ["a"], "announced_at": [day], "assets": [assets]})


def study(prices, catalogue=None, **settings):
    spec = es.StudySpec(windows=((-1, 1),), tests=("csect",), **settings)
    return es.run(spec, events() if catalogue is None else catalogue, prices)


def held(result):
    return [(m.name, str(m.model), m.factors, m.groups) for m in result.spec.models]


def said(result, about):
    return result.remarks.filter(about=about)["text"].to_list()


def test_the_one_index_is_the_market_of_shares(prices):
    result = study(prices)
    assert held(result) == [("market", "market", ("^GSPC",), ())]
    named = study(prices, model="market", factors=("^GSPC",))
    assert result.cars.equals(named.cars)
    (text,) = said(result, "defaults")
    assert text.startswith("model market on ^GSPC. Assets: all assets (BTCM, RIOT)")
    assert "Estimation window [-130,-11]" in text
    assert "By default: model, estimation window" in text
    assert "By default: estimation" in said(named, "defaults")[0]
    assert said(result, "model") == []


def test_what_trades_every_day_keeps_its_own_mean(prices):
    groups = {"rigs": ("BTCM", "RIOT"), "bitcoin": ("BTC-USD",)}
    result = study(prices, events("BTCM RIOT BTC-USD"), groups=groups)
    assert held(result) == [
        ("market", "market", ("^GSPC",), ("rigs",)),
        ("constant_mean", "constant_mean", (), ("bitcoin",)),
    ]
    only = study(prices, events("BTC-USD"))
    assert held(only) == [("constant_mean", "constant_mean", (), ())]
    assert said(only, "model") == []


def test_without_one_index_market_moves_are_said_to_count(prices):
    alone = prices.frame.filter(pl.col("symbol") != "^GSPC")
    other = prices.frame.filter(symbol="^GSPC").with_columns(symbol=pl.lit("^DJI"))
    several = pl.concat([prices.frame, other])
    for frame, words in ((alone, "such as ^GSPC"), (several, "^DJI, ^GSPC are held")):
        result = study(frame)
        assert held(result)[0][1] == "constant_mean"
        (text,) = said(result, "model")
        assert text.startswith("no benchmark named: market moves count as abnormal")
        assert words in text
    chosen = study(several, benchmarks={"shares": "^DJI"})
    assert held(chosen)[0][2] == ("^DJI",)
    mixed = study(prices, events("BTCM BTC-USD"))
    assert "a group of their own" in said(mixed, "model")[0]
    assert held(mixed)[0][1] == "constant_mean"
    assert said(study(alone, model="constant_mean"), "model") == []


def test_a_benchmark_of_another_name_is_no_asset(prices):
    index = prices.frame.filter(symbol="^GSPC").with_columns(symbol=pl.lit("MKT"))
    frame = pl.concat([prices.frame.filter(pl.col("symbol") != "^GSPC"), index])
    everywhere = events().drop("assets")
    shares = frame.filter(pl.col("symbol") != "BTC-USD")
    result = study(shares, everywhere, benchmarks={"default": "MKT"})
    assert held(result)[0][2] == ("MKT",)
    assert "MKT" not in result.cars["asset"]


def test_the_command_finds_the_index_in_its_source():
    result = es.analyze(events(), parts=["returns"], tests=["csect"], windows=[(-1, 1)])
    assert held(result) == [("market", "market", ("^GSPC",), ())]


# --- a smaller study than asked for -------------------------------------------------


def test_symbols_without_prices_are_said_by_name(prices):
    result = study(prices, events("BTCM RIOTT"))
    (warning,) = result.remarks.filter(
        severity="warning", about="prices", asset="RIOTT"
    )["text"]
    assert warning == "no prices for RIOTT: did you mean RIOT?"
    result = es.analyze(
        events("BTCM RIOTT"), prices="snapshot", parts=["returns"], tests=["csect"]
    )
    assert "no prices for RIOTT: did you mean RIOT?" in result.remarks["text"].to_list()


def test_a_study_of_nothing_is_an_error_with_its_reasons(prices):
    with pytest.raises(DataError) as caught:
        study(prices, events("BTCM RIOT RIOTT", day="2020-08-10"))
    messages = [problem.message for problem in caught.value.problems]
    assert "a, BTCM and 1 more: prices do not cover the event window" in messages[0]
    assert messages[-1] == "no prices for RIOTT: did you mean RIOT?"


def test_a_symbol_without_prices_is_named_once_where_nothing_is_left(prices):
    with pytest.raises(DataError) as caught:
        study(prices, events("RIOTT;BTCMM"))
    assert [problem.message for problem in caught.value.problems] == [
        "no prices for RIOTT: did you mean RIOT?",
        "no prices for BTCMM: did you mean BTCM?",
    ]
    with pytest.raises(DataError, match=r"did you mean RIOT for RIOTT, BTCM for BTCMM"):
        es.analyze(events("RIOTT;BTCMM"), prices="snapshot")


def test_check_says_that_an_event_lies_outside_the_prices(
    tmp_path, monkeypatch, capsys
):
    path = tmp_path / "e.csv"
    path.write_text(
        "event_id,announced_at,assets\nin,2021-06-21,BTCM\nout,2031-06-23,BTCM RIOTT\n"
    )
    arguments = ["eventstudy", "check", str(path), "--prices", "snapshot"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit):
        cli.main()
    printed = capsys.readouterr().out
    assert "warning: out: 2031-06-23 lies outside the prices of BTCM" in printed
    assert f"to {date(2021, 12, 31)}" in printed
    assert "warning: no prices for RIOTT: did you mean RIOT?" in printed
    assert "warning: in:" not in printed
