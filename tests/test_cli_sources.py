"""Where the commands take prices and factors from, and the quality gate in front."""

import math
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

import eventstudy as es
from eventstudy.cli import main as cli
from eventstudy.prices import read_factors, with_factors

pytestmark = pytest.mark.long


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a folder with the catalogue one.csv."""
    monkeypatch.chdir(tmp_path)
    catalogue = "event_id,announced_at,assets\nsummons,2021-06-21T18:12+08:00,BTCM\n"
    Path("one.csv").write_text(catalogue, encoding="utf-8")

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["eventstudy", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        return code, *capsys.readouterr()

    return command


REFUSALS = [
    ("--strict", "findings in the prices, and --strict allows none"),
    ("--refresh", "refresh downloads anew, but the prices are snapshot"),
    ("--cache here", "cache holds downloads, but the prices are snapshot"),
    (
        "--factors ff3 --offline --cache here",
        "or give the factors as a file with --factor-file FILE.csv",
    ),
    (
        "--prices yahoo --offline --cache here",
        "offline, so nothing was downloaded. With a network, run: eventstudy prices",
    ),
]


@pytest.mark.parametrize(("words", "message"), REFUSALS)
def test_what_cannot_be_had_is_told_and_ends_with_2(words, message, run):
    code, out, err = run("analyze", "one.csv", *words.split())
    assert code == 2
    assert message in err
    assert out == ""
    assert not Path("reports").exists()


def test_check_lists_what_is_doubtful_in_the_prices(run):
    code, out, _ = run("check", "one.csv", "--prices", "snapshot")
    assert code == 0
    assert "warning: BTCM 2020-09-28: zero_volume: no trade on 1 session" in out
    code, _, err = run("check", "one.csv", "--prices", "snapshot", "--strict")
    assert code == 2
    assert "zero_volume" in err


def test_findings_of_the_gate_are_in_the_ledger(run):
    assert run("analyze", "one.csv", "--prices", "snapshot", "-q")[0] == 0
    ledger = pl.read_csv("reports/one/tables/ledger.csv")
    (reason,) = ledger.filter(stage="prices", asset="BTCM")["reason"]
    assert reason.startswith("zero_volume (2020-09-28): no trade on 1 session")


# --- factor files -------------------------------------------------------------------


def business_days(n):
    day, found = date(2020, 1, 1), []
    while len(found) < n:
        if day.weekday() < 5:
            found.append(day)
        day += timedelta(days=1)
    return found


@pytest.fixture
def market(tmp_path):
    """Prices of one asset, and its factors as Kenneth French writes them."""
    rng = np.random.default_rng(5)
    days = business_days(200)
    mkt_rf, smb, hml = (rng.normal(0, s, 200).round(2) for s in (1.0, 0.5, 0.5))
    rf = np.full(200, 0.01)
    returns = (0.05 + rf + 1.3 * mkt_rf - 0.4 * smb + rng.normal(0, 1, 200)) / 100
    returns[0] = 0.0  # the first price
    prices = pl.DataFrame(
        {"symbol": "A", "date": days, "close": 50 * np.cumprod(1 + returns)}
    )
    lines = ["This file was created by CMPT_ME_BEME_RETS", "", ",Mkt-RF,SMB,HML,RF"]
    lines += [
        f"{day:%Y%m%d},{m:.2f},{s:.2f},{h:.2f},{r:.3f}"
        for day, m, s, h, r in zip(days, mkt_rf, smb, hml, rf, strict=True)
    ]
    path = tmp_path / "ff3.csv"
    path.write_text("\n".join([*lines, "", "Copyright"]), encoding="utf-8")
    table = np.column_stack([mkt_rf, smb, hml, rf]) / 100
    return days, prices, returns, table, path


def study(returns):
    return es.StudySpec(
        returns=returns,
        model="factors",
        factors=("ff3",),
        calendars={"default": "prices"},
        overlap="keep",
        windows=((0, 1),),
        volatility_post=(0, 10),
        tests=("csect",),
        resamples=99,
    )


@pytest.mark.parametrize("returns", ["simple", "log"])
def test_three_factors_explain_returns_in_excess_of_the_riskless_rate(market, returns):
    days, prices, own, table, path = market
    held = with_factors(es.read_prices(prices), read_factors(path, "ff3"))
    events = pl.DataFrame({"event_id": ["e"], "announced_at": [f"{days[160]}"]})
    events = events.with_columns(assets=pl.lit("A"))
    result = es.run(study(returns), events, held)

    # By hand: excess returns on the published factors.
    scale = (lambda r: r) if returns == "simple" else np.log1p
    y = scale(own) - scale(table[:, 3])
    x = sm.add_constant(scale(table[:, :3]))
    ols = sm.OLS(y[30:150], x[30:150]).fit()
    found = dict(result.coefficients.select("term", "value").iter_rows())
    assert list(found) == ["constant", "mkt_rf", "smb", "hml"]
    np.testing.assert_allclose(list(found.values()), ols.params, rtol=1e-9)
    car = (y[160:162] - x[160:162] @ ols.params).sum()
    assert math.isclose(result.cars["car"][0], car, rel_tol=1e-9)


def test_a_factor_file_on_the_command_line(market, run):
    days, prices, _, _, path = market
    prices.write_csv("prices.csv")
    catalogue = f"event_id,announced_at,assets\ne,{days[160]},A\n"
    Path("two.csv").write_text(catalogue, encoding="utf-8")
    words = ["--prices", "prices.csv", "--factors", "ff3", "--factor-file", str(path)]
    settings = 'resamples = 99\nreturns = "log"\n[calendars]\ndefault = "prices"\n'
    Path("two.toml").write_text(settings, encoding="utf-8")
    code, out, err = run("analyze", "two.csv", *words)
    assert (code, err) == (0, "")
    assert "Report:" in out
    terms = pl.read_csv("reports/two/tables/coefficients.csv")["term"].to_list()
    assert terms == ["constant", "mkt_rf", "smb", "hml"]
    code, _, err = run(
        "analyze", "two.csv", *words[:2], "--factors", "carhart", *words[4:]
    )
    assert code == 2
    assert "no factor mom in ff3.csv" in err


def test_a_history_that_changed_its_symbol(run):
    held = es.fetch_prices(["BTCM", "^GSPC"]).frame
    seam = date(2021, 4, 20)
    old = held.filter(symbol="BTCM").filter(pl.col("date") < seam)
    old = old.with_columns(symbol=pl.lit("WBAI"))
    new = held.filter((pl.col("symbol") != "BTCM") | (pl.col("date") >= seam))
    pl.concat([old, new]).write_csv("split.csv")
    settings = 'resamples = 99\n[splices]\nBTCM = ["WBAI", "BTCM"]\n'
    Path("one.toml").write_text(settings, encoding="utf-8")
    flags = ["--market", "^GSPC", "-q"]
    assert run("analyze", "one.csv", "--prices", "split.csv", *flags)[0] == 0
    spliced = pl.read_csv("reports/one/tables/cars.csv")
    Path("one.toml").write_text("resamples = 99\n", encoding="utf-8")
    assert run("analyze", "one.csv", "--prices", "snapshot", *flags)[0] == 0
    assert pl.read_csv("reports/one/tables/cars.csv").equals(spliced)


def test_returns_are_studied_in_place_of_prices(run):
    held = es.fetch_prices(["BTCM", "^GSPC"], source="snapshot").frame
    before = pl.col("adj_close").shift().over("symbol")
    made = held.select("symbol", "date", ret=pl.col("adj_close") / before - 1)
    made.drop_nulls("ret").write_csv("r.csv")
    words = [
        "analyze",
        "one.csv",
        "--prices",
        "r.csv",
        "--market",
        "^GSPC",
        "-o",
        "out",
    ]
    code, out, err = run(*words)
    assert code == 0, err
    assert "read as simple returns" in " ".join((out + err).split())
    code, out, err = run(*words, "--input-returns", "simple")
    assert code == 0, err
    assert "read as simple returns" not in " ".join((out + err).split())
    assert "| `input_returns` | simple |" in Path("out/details/methods.md").read_text()
    assert "simple returns of the file" in Path("out/manifest.json").read_text()
