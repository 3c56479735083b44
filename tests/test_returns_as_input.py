"""Returns in place of prices: the same study, and gaps that no return spans."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

import eventstudy as es
from eventstudy.core.errors import DataError
from eventstudy.prices import read_prices

SYMBOLS = ["BTCM", "RIOT", "MARA", "^GSPC", "BTC-USD"]
MINERS = ("BTCM", "RIOT", "MARA")
EVENTS = pl.DataFrame(
    {
        "event_id": ["a", "b", "c"],
        "announced_at": ["2021-05-21T20:00+08:00", "2021-06-21", "2021-09-24"],
    }
)


@pytest.fixture(scope="module")
def closes():
    return es.fetch_prices(SYMBOLS, source="snapshot").frame


@pytest.fixture(scope="module")
def returns(closes):
    before = pl.col("adj_close").shift().over("symbol")
    made = closes.select("symbol", "date", ret=pl.col("adj_close") / before - 1)
    return made.drop_nulls("ret")


def numbers(table):
    return np.column_stack(
        [table[name].to_numpy() for name in ("car", "se", "n_valid")]
    ).astype(float)


@pytest.mark.parametrize("kind", ["simple", "log"])
@pytest.mark.parametrize("of_study", ["simple", "log"])
@pytest.mark.parametrize(
    ("groups", "model"),
    [
        (MINERS, {"model": "market", "factors": ("^GSPC",)}),
        (MINERS, {"model": "market", "factors": ("BTC-USD",)}),
        (("BTC-USD",), {"model": "constant_mean"}),
        (("BTC-USD",), {"model": "market", "factors": ("^GSPC",)}),
    ],
)
def test_returns_make_the_study_of_their_closes(
    closes, returns, kind, of_study, groups, model
):
    spec = es.StudySpec(returns=of_study, groups={"shares": groups}, **model)
    given = returns
    if kind == "log":
        given = given.with_columns(pl.col("ret").log1p())
    wanted = es.run(spec, EVENTS, closes).cars
    found = es.run(spec, EVENTS, read_prices(given, input_returns=kind)).cars
    assert found["covered"].to_list() == wanted["covered"].to_list()
    assert_allclose(numbers(found), numbers(wanted), rtol=0, atol=1e-12)


def test_shares_of_returns_are_held_against_an_index_of_closes(closes, returns):
    spec = es.StudySpec(
        groups={"shares": MINERS},
        model="market",
        factors=("^GSPC",),
        windows=((-1, 1),),
    )
    shares = read_prices(returns.filter(pl.col("symbol").is_in(MINERS)))
    index = read_prices(closes.filter(symbol="^GSPC"))
    both = es.prices.Prices(
        frame=pl.concat([shares.frame, index.frame]).sort("symbol", "date"),
        source="frame",
        files=(*shares.files, *index.files),
        issues=pl.concat([shares.issues, index.issues]),
        returns=shares.returns,
    )
    wanted = es.run(spec, EVENTS, closes).cars
    assert_allclose(
        numbers(es.run(spec, EVENTS, both).cars), numbers(wanted), rtol=0, atol=1e-12
    )


def sessions(n):
    days = (date(2021, 1, 4) + timedelta(days=k) for k in range(2 * n))
    return [day for day in days if day.weekday() < 5][:n]


def world(missing=()):
    """Return a share and an index in returns, without some of the share's."""
    days = sessions(200)
    g = np.random.default_rng(5)
    market = 0.01 * g.standard_normal(200)
    share = 0.8 * market + 0.02 * g.standard_normal(200)
    rows = [
        {"symbol": s, "date": day, "return": r}
        for s, values in (("AAA", share), ("MKT", market))
        for n, (day, r) in enumerate(zip(days, values, strict=True))
        if s == "MKT" or n not in missing
    ]
    return days, share, market, pl.DataFrame(rows)


def study(frame, day, **more):
    spec = es.StudySpec(
        returns="simple",
        groups={"shares": ("AAA",)},
        model="market",
        factors=("MKT",),
        estimation=(-100, -11),
        windows=((-1, 1),),
        calendars={"default": "prices"},
        **more,
    )
    events = pl.DataFrame({"event_id": ["x"], "announced_at": [day.isoformat()]})
    return es.run(spec, events, frame)


@pytest.mark.parametrize("blank", [True, False])
@pytest.mark.parametrize("missing", ["trade_to_trade", "drop"])
def test_a_missing_return_is_in_no_other(blank, missing):
    """A plain loop over the sessions that have a return gives the same numbers."""
    gaps = {60, 61, 100, 155}
    days, share, market, frame = world(() if blank else gaps)
    if blank:
        out = pl.col("date").is_in([days[n] for n in gaps]) & (
            pl.col("symbol") == "AAA"
        )
        frame = frame.with_columns(pl.when(~out).then(pl.col("return")))
    day0 = 150
    found = study(frame, days[day0], missing=missing, cut_windows="keep")
    kept = [n for n in range(day0 - 100, day0 - 10) if n not in gaps]
    slope, level = np.polyfit(market[kept], share[kept], 1)
    ar = {
        n - day0: share[n] - level - slope * market[n]
        for n in range(day0 - 10, day0 + 11)
        if n not in gaps
    }
    rows = found.abnormal_returns.drop_nulls("abnormal")
    assert rows["offset"].to_list() == sorted(ar)
    assert_allclose(rows["abnormal"].to_list(), [ar[k] for k in sorted(ar)], atol=1e-12)


def test_a_window_whose_edge_has_no_return_is_cut():
    days, _, _, frame = world({151})
    (row,) = study(frame, days[150]).cars.iter_rows(named=True)
    assert (row["covered"], row["n_valid"], row["n_window"]) == ("cut", 2, 3)
    assert not row["in_average"]


def test_the_gate_says_that_a_return_is_missing():
    days, _, _, frame = world({100})
    found = es.run(
        es.StudySpec(groups={"shares": ("MKT", "AAA")}, estimation=(-100, -11)),
        pl.DataFrame({"event_id": ["x"], "announced_at": [days[150].isoformat()]}),
        frame,
    )
    gaps = found.tables["price_issues"].filter(rule="gap", symbol="AAA")
    assert any("no return on 1 session" in text for text in gaps["detail"])


def test_a_wide_file_of_returns_is_read_where_it_is_said(tmp_path, returns):
    wide = returns.pivot("symbol", index="date", values="ret")
    wide.write_csv(tmp_path / "wide.csv")
    found = read_prices(tmp_path / "wide.csv", input_returns="simple")
    assert set(found.returns) == set(SYMBOLS)
    long = read_prices(returns, input_returns="simple")
    assert found.frame.equals(long.frame)
    with pytest.raises(DataError, match=r"look like returns.*--input-returns simple"):
        read_prices(tmp_path / "wide.csv")


def test_the_advice_for_returns_called_close_works(tmp_path, returns):
    part = returns.filter(symbol="BTCM").select("date", Close="ret")
    part.write_csv(tmp_path / "BTCM.csv")
    with pytest.raises(DataError, match=r"price_columns = \{ return = "):
        read_prices(tmp_path)
    found = read_prices(tmp_path, columns={"return": "Close"})
    assert found.returns == {"BTCM": (part["date"][0], 100.0)}
    assert (
        found.files[0].basis == "returns of the file, taken for simple ones, as a level"
    )


def test_crsp_has_prices_beside_returns(tmp_path):
    (tmp_path / "c.csv").write_text(
        "TICKER,date,PRC,VOL,RET\n"
        "AAA,20210104,-10.5,100,C\n"
        "AAA,20210105,11,100,0.1\n"
        "AAA,20210106,,100,-66\n"
        "AAA,20210107,12,100,0.05\n"
    )
    plain = read_prices(tmp_path / "c.csv")
    assert not plain.returns  # closes are there, and nobody asked for returns
    found = read_prices(tmp_path / "c.csv", columns={"return": "RET"})
    assert found.returns == {"AAA": (date(2021, 1, 5), 100.0)}
    levels = found.frame["adj_close"].to_list()
    assert levels[0] is None
    assert levels[2] is None
    assert_allclose([levels[1], levels[3]], [110, 115.5])
    assert found.frame["close"].to_list() == [None, 11, None, 12]


@pytest.mark.parametrize(
    ("rows", "settings", "words"),
    [
        (
            "2021-01-04,-1.2\n2021-01-05,-1.1\n",
            {},
            r"x\.csv:2: .*input_returns = \"log\"",
        ),
        (
            "2021-01-04,-1.2\n2021-01-05,1.9\n2021-01-06,-0.7\n",
            {},
            "look like per cent",
        ),
        (
            "2021-01-04,101\n2021-01-05,102\n",
            {"input_returns": "log"},
            "look like prices",
        ),
        ("2021-01-04,0.1\n2021-01-04,0.2\n", {}, r"x\.csv:3: .*a second return of x"),
        ("2021-01-04,inf\n2021-01-05,0.2\n", {"input_returns": "log"}, "x.csv:2"),
    ],
)
def test_what_are_no_returns_is_refused(tmp_path, rows, settings, words):
    (tmp_path / "x.csv").write_text("date,return\n" + rows)
    with pytest.raises(DataError, match=words):
        read_prices(tmp_path / "x.csv", **settings)


def test_the_same_return_twice_is_one(tmp_path):
    (tmp_path / "x.csv").write_text(
        "date,return\n2021-01-04,0.1\n2021-01-05,0.2\n2021-01-05,0.2\n"
    )
    found = read_prices(tmp_path / "x.csv")
    assert_allclose(found.frame["adj_close"].to_list(), [110, 132])


def test_spliced_returns_go_on(returns):
    held = read_prices(returns.filter(symbol="BTCM"), input_returns="simple")
    middle = date(2021, 3, 1)
    old, new = pl.col("date") < middle, pl.col("date") >= middle
    parts = pl.concat(
        [
            returns.filter(old, symbol="BTCM").with_columns(symbol=pl.lit("OLD")),
            returns.filter(new, symbol="BTCM"),
        ]
    )
    found = es.fetch_prices(
        ["BTCM"],
        source=lambda symbols, *, start, end: read_prices(parts),
        splices={"BTCM": ["OLD", "BTCM"]},
    )
    assert_allclose(found.frame["adj_close"], held.frame["adj_close"], rtol=1e-13)
    assert found.returns == held.returns
