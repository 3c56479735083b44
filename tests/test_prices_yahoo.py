"""The real client against a server that speaks Yahoo's chart service."""

import inspect
import logging
import warnings
from dataclasses import replace
from datetime import date, timedelta
from datetime import time as clock
from importlib import metadata
from pathlib import Path

import polars as pl
import pytest
import yahoo_server as ys
from yahoo_server import Listing, utc, weekdays

from eventstudy.core.errors import SourceError, SpecError
from eventstudy.prices import fetch_prices
from eventstudy.prices.cached import Cached
from eventstudy.prices.provider import TryAgainError
from eventstudy.prices.retry import Retry
from eventstudy.prices.store import Store
from eventstudy.prices.yahoo import Yahoo

START, END = date(2021, 5, 3), date(2021, 6, 30)
NOW = utc(2021, 7, 15, 12)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ys.serving(Listing(symbol="RIOT", closes=weekdays(START, END))) as server:
        ys.redirect(server.url, monkeypatch.setattr)
        yield server


@pytest.fixture
def waits():
    return []


@pytest.fixture
def source(tmp_path, server, waits):
    retry = Retry(sleep=waits.append, draw=lambda: 1.0)
    return Cached(
        provider=Yahoo(timeout=2.0, retry=retry),
        store=Store(root=tmp_path / "cache", source="yahoo"),
        now=lambda: NOW,
    )


def fetch(source, *symbols, start=START, end=END, **settings):
    return fetch_prices(symbols or ["RIOT"], source=source, start=start, end=end)


def stored(source) -> list[Path]:
    return sorted(p for p in source.store.root.rglob("*") if p.suffix != ".lock")


def stored_files(source) -> list[str]:
    return [path.name for path in stored(source) if path.is_file()]


class TestNormalDays:
    def test_prices_and_their_origin(self, source, server):
        prices = fetch(source)
        listing = server.listings["RIOT"]
        assert prices.frame["date"].to_list() == sorted(listing.closes)
        assert prices.frame["close"].to_list() == list(listing.closes.values())
        adjusted = [0.9 * close for close in listing.closes.values()]
        assert prices.frame["adj_close"].to_list() == adjusted
        assert prices.source == "yahoo"
        (file,) = prices.files
        assert (file.symbol, file.name) == ("RIOT", "RIOT.parquet")
        assert "USD" in file.basis
        assert "2021-07-15" in file.basis
        assert "terms of use" in prices.notice

    def test_the_request(self, source, server):
        fetch(source)
        ((symbol, params),) = server.requests
        assert symbol == "RIOT"
        assert params["interval"] == "1d"
        assert params["crumb"] == "crumb"

    def test_raw_and_adjusted_and_actions_are_stored(self, source, server):
        listing = server.listings["RIOT"]
        listing.splits[date(2021, 6, 1)] = (1, 10)
        listing.dividends[date(2021, 6, 2)] = 0.25
        prices = fetch(source)
        held = source.store.read("RIOT")
        by_date = {row["date"]: row for row in held.frame.iter_rows(named=True)}
        assert by_date[date(2021, 6, 1)]["split"] == 0.1
        assert by_date[date(2021, 6, 2)]["dividend"] == 0.25
        assert held.provenance.adjusted_on == NOW.date()
        assert held.provenance.client.startswith("yfinance ")
        assert held.provenance.fetched_at == NOW
        assert "split" in prices.issues["rule"].to_list()

    def test_symbols_with_marks_are_quoted(self, source, server):
        for symbol in ("^GSPC", "M&M.NS", "GC=F", "A?b#c%20".replace("?", "'")):
            server.listings[symbol] = Listing(
                symbol=symbol, closes=weekdays(START, END)
            )
            assert fetch(source, symbol).symbols == (symbol,)

    def test_unfinished_day_is_left_out(self, source, server):
        server.listings["RIOT"].closes = weekdays(START, NOW.date())
        prices = fetch(source, end=NOW.date())
        assert prices.frame["date"].max() == date(2021, 7, 14)

    def test_weekends_of_a_coin_are_utc_days(self, source, server):
        days = [START + timedelta(days=n) for n in range(20)]
        server.listings["BTC-USD"] = Listing(
            symbol="BTC-USD",
            closes=dict.fromkeys(days, 5e4),
            zone="UTC",
            opens=clock(0),
            instrument="CRYPTOCURRENCY",
        )
        prices = fetch(source, "BTC-USD")
        assert prices.frame["date"].to_list() == days

    @pytest.mark.parametrize(
        ("zone", "opens"),
        [
            ("Europe/London", clock(8)),
            ("America/New_York", clock(9, 30)),
            ("Asia/Hong_Kong", clock(9, 30)),
            ("Asia/Tokyo", clock(9)),
            ("Australia/Sydney", clock(10)),
            ("Pacific/Auckland", clock(10)),
            ("America/New_York", clock(0)),
        ],
    )
    def test_local_dates_across_a_change_of_the_clocks(
        self, source, server, zone, opens
    ):
        span = date(2021, 3, 1), date(2021, 4, 30)
        closes = weekdays(*span)
        server.listings["X"] = Listing(
            symbol="X", closes=closes, zone=zone, opens=opens
        )
        prices = fetch(source, "X", start=span[0], end=span[1])
        assert prices.frame["date"].to_list() == list(closes)

    def test_midnight_stamped_an_hour_early_is_the_next_day(self, source, server):
        listing = server.listings["RIOT"]
        listing.opens = clock(0)

        def early(chart):
            result = chart["chart"]["result"][0]
            result["timestamp"] = [stamp - 3600 for stamp in result["timestamp"]]

        listing.change = early
        prices = fetch(source)
        assert prices.frame["date"].to_list() == list(listing.closes)
        (issue,) = prices.issues.iter_rows(named=True)
        assert (issue["severity"], issue["rule"]) == ("info", "stamped_early")
        assert issue["detail"].startswith("43 bars")

    def test_nulls_stay_missing(self, source, server):
        day = date(2021, 5, 20)
        server.listings["RIOT"].closes[day] = None
        row = fetch(source).frame.row(by_predicate=pl.col("date") == day, named=True)
        assert {value for name, value in row.items() if name not in ("symbol", "date")}
        assert row["close"] is row["adj_close"] is row["open"] is row["volume"] is None

    def test_the_snapshots_prices_come_back_as_they_are(self, source, server):
        """Fifteen months of true sessions: winter time, holidays, weekends."""
        snapshot = fetch_prices(["BTCM", "BTC-USD"])
        for symbol in snapshot.symbols:
            held = snapshot.frame.filter(symbol=symbol)
            coin = symbol == "BTC-USD"
            server.listings[symbol] = Listing(
                symbol=symbol,
                closes=dict(held.select("date", "close").iter_rows()),
                zone="UTC" if coin else "America/New_York",
                opens=clock(0) if coin else clock(9, 30),
                instrument="CRYPTOCURRENCY" if coin else "EQUITY",
            )
        first, last = date(2020, 8, 3), date(2021, 12, 31)
        later = replace(source, now=lambda: utc(2022, 1, 3))
        prices = fetch(later, *snapshot.symbols, start=first, end=last)
        columns = ["symbol", "date", "close"]
        assert prices.frame.select(columns).equals(snapshot.frame.select(columns))

    def test_hourly_bars(self, tmp_path, server, source):
        hourly = Cached(
            provider=source.provider,
            store=Store(root=tmp_path, source="yahoo", interval="1h"),
            now=source.now,
        )
        loaded = hourly.load(["RIOT"], start=START, end=END)
        frame = loaded.stored["RIOT"].frame
        assert frame["time"][0] == utc(2021, 5, 3, 13, 30)
        assert server.requests[0][1]["interval"] == "1h"
        assert hourly.store.path("RIOT").parent.parent.name == "1h"


FAULTS = {
    "500": (ys.status(500), "HTTP 500"),
    "429": (ys.status(429), "HTTP 429, too many requests; wait"),
    "truncated JSON": (ys.truncated, "no JSON, or only a part"),
    "web page": (ys.web_page, "a web page"),
    "nothing": (ys.nothing, "no JSON, or only a part"),
    "connection reset": (ys.reset, "cannot be reached"),
    "cut off": (ys.cut_off, "cannot be reached"),
    "slow drip": (ys.drip, "cannot be reached.*[Tt]ime"),
}


def changed(change) -> ys.Answer:
    def answer(handler, listing, params):
        listing.change = change
        try:
            ys.normal(handler, listing, params)
        finally:
            listing.change = lambda chart: None

    return answer


def shorter(chart):
    chart["chart"]["result"][0]["indicators"]["quote"][0]["close"].pop()


def without_volume(chart):
    del chart["chart"]["result"][0]["indicators"]["quote"][0]["volume"]


def words_for_prices(chart):
    chart["chart"]["result"][0]["indicators"]["quote"][0]["close"][3] = "10.0"


def no_stamp(chart):
    chart["chart"]["result"][0]["timestamp"][3] = None


def two_bars_of_a_day(chart):
    stamps = chart["chart"]["result"][0]["timestamp"]
    stamps[3] = stamps[4] + 60


def list_for_object(chart):
    chart["chart"]["result"][0]["indicators"] = [1]


def no_zone(chart):
    chart["chart"]["result"][0]["meta"]["exchangeTimezoneName"] = "../../etc/passwd"


FAULTS |= {
    "values too few": (changed(shorter), "timestamps and .* values of close"),
    "no volume": (changed(without_volume), "timestamps and no values of volume"),
    "words": (changed(words_for_prices), "close are not all numbers"),
    "no stamp": (changed(no_stamp), "a bar of the answer has no timestamp"),
    "two bars": (changed(two_bars_of_a_day), "two different bars of RIOT for 2021"),
    "a list": (changed(list_for_object), "has list for an object"),
    "no zone": (changed(no_zone), "time zone .* is unknown"),
}


class TestFaultsThatPass:
    @pytest.mark.parametrize("answer", [a for a, _ in FAULTS.values()], ids=FAULTS)
    def test_the_next_try_succeeds(self, source, server, waits, answer):
        server.scripts["RIOT"] = [answer]
        assert fetch(source).frame.height == 43
        assert server.counts["RIOT"] == 2
        assert waits == [1.0]
        assert stored_files(source) == ["RIOT.parquet"]

    @pytest.mark.parametrize(("answer", "words"), FAULTS.values(), ids=FAULTS)
    def test_nothing_is_stored_when_it_stays(
        self, tmp_path, server, waits, answer, words
    ):
        retry = Retry(attempts=2, sleep=waits.append, draw=lambda: 1.0)
        source = Cached(
            provider=Yahoo(timeout=0.5, retry=retry),
            store=Store(root=tmp_path / "cache", source="yahoo"),
            now=lambda: NOW,
        )
        server.scripts["RIOT"] = [answer] * 2
        with pytest.raises(SourceError, match=rf"(?s)RIOT: .*{words}"):
            fetch(source)
        assert server.counts["RIOT"] == 2
        assert stored_files(source) == []

    def test_waits_grow_and_end(self, source, server, waits):
        server.scripts["RIOT"] = [ys.status(503)] * 9
        with pytest.raises(SourceError, match="HTTP 503"):
            fetch(source)
        assert server.counts["RIOT"] == 4
        assert waits == [1.0, 2.0, 4.0]

    @pytest.mark.parametrize(
        "headers",
        [
            {"Retry_After": "7"},
            {"Retry_After": "Thu, 01 Jan 2099 00:00:07 GMT"},
        ],
    )
    def test_the_server_says_how_long(
        self, source, server, waits, headers, monkeypatch
    ):
        monkeypatch.setattr(
            ys.Handler, "date_time_string", lambda self: "Thu, 01 Jan 2099 00:00:00 GMT"
        )
        server.scripts["RIOT"] = [ys.status(429, **headers)]
        assert fetch(source).frame.height == 43
        assert waits == [7.0]

    def test_an_hour_is_too_long(self, source, server, waits):
        server.scripts["RIOT"] = [ys.status(429, Retry_After="3600")]
        with pytest.raises(SourceError, match="HTTP 429"):
            fetch(source)
        assert waits == []

    def test_a_server_that_fails_is_not_asked_for_the_others(self, source, server):
        symbols = [f"S{n}" for n in range(20)]
        for symbol in symbols:
            server.listings[symbol] = Listing(
                symbol=symbol, closes=weekdays(START, END)
            )
            server.scripts[symbol] = [ys.status(429)] * 4
        with pytest.raises(SourceError, match="not asked for, since"):
            fetch(source, *symbols)
        assert len(server.counts) <= source.workers

    def test_the_first_wait_is_set_by_the_environment(self, monkeypatch):
        monkeypatch.setenv("EVENTSTUDY_RETRY_WAIT", "0.25")
        waits = []
        retry = Retry(sleep=waits.append, draw=lambda: 1.0)
        answers = iter([TryAgainError("no"), TryAgainError("no"), 7])

        def ask():
            if isinstance(answer := next(answers), Exception):
                raise answer
            return answer

        assert retry(ask) == 7
        assert waits == [0.25, 0.5]
        for text in ("soon", "-1", "inf", "nan"):
            monkeypatch.setenv("EVENTSTUDY_RETRY_WAIT", text)
            with pytest.raises(SpecError, match=r"RETRY_WAIT='.*seconds"):
                Retry()

    def test_a_jitter_between_half_and_whole(self):
        waits = []
        retry = Retry(attempts=2, sleep=waits.append, draw=lambda: 0.0)

        def fail():
            raise TryAgainError("no")

        with pytest.raises(TryAgainError, match="no"):
            retry(fail)
        assert waits == [0.5]


def renamed(chart):
    chart["chart"]["result"][0]["meta"]["symbol"] = "MARA"


def quarterly(chart):
    chart["chart"]["result"][0]["meta"]["dataGranularity"] = "3mo"


class TestFaultsThatStay:
    """Asking again would not help: one request, nothing stored, and the reason."""

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (ys.not_found, "No data found, symbol may be delisted"),
            (ys.status(404), "HTTP 404, unknown symbol"),
            (ys.empty, "an empty answer for RIOT"),
            (changed(renamed), "asked for RIOT, answered with MARA"),
            (changed(quarterly), "asked for 1d bars of RIOT, answered with 3mo"),
        ],
        ids=["404", "404 in HTML", "empty", "wrong symbol", "wrong interval"],
    )
    def test_one_request(self, source, server, waits, answer, words):
        server.scripts["RIOT"] = [answer]
        with pytest.raises(SourceError, match=f"RIOT: .*{words}"):
            fetch(source)
        assert server.counts["RIOT"] == 1
        assert waits == []
        assert stored_files(source) == []

    def test_no_bars_in_the_span(self, source):
        with pytest.raises(SourceError, match="no prices of RIOT"):
            fetch(source, start=date(2019, 1, 1), end=date(2019, 1, 31))

    def test_the_others_go_on(self, source, server):
        server.listings["MARA"] = Listing(symbol="MARA", closes=weekdays(START, END))
        with pytest.raises(SourceError, match="DEAD, GONE: No data found") as caught:
            fetch(source, "RIOT", "DEAD", "MARA", "GONE")
        assert "RIOT" not in str(caught.value)
        assert stored_files(source) == ["MARA.parquet", "RIOT.parquet"]
        prices = fetch_prices(
            ["RIOT", "DEAD"], source=source, start=START, end=END, partial=True
        )
        assert prices.symbols == ("RIOT",)
        issue = prices.issues.row(
            by_predicate=pl.col("severity") == "error", named=True
        )
        assert (issue["symbol"], issue["rule"]) == ("DEAD", "no_prices")

    def test_unknown_interval(self, tmp_path):
        with pytest.raises(SpecError, match="unknown interval '5m'; known: 1d, 1h, 1m"):
            fetch_prices(
                ["RIOT"], source="yahoo", cache=tmp_path, interval="5m", start=START
            )


class TestTheClientIsTamed:
    def test_it_prints_nothing_and_leaves_nothing(
        self, source, server, capfd, caplog, tmp_path, monkeypatch
    ):
        home = tmp_path / "home"
        for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
            monkeypatch.setenv(name, str(home))
        filters = list(warnings.filters)
        server.scripts["RIOT"] = [ys.status(500)] * 4
        with caplog.at_level(logging.DEBUG), pytest.raises(SourceError):
            fetch(source, "RIOT", "DEAD")
        assert capfd.readouterr() == ("", "")
        assert [r for r in caplog.records if r.name.startswith("yfinance")] == []
        assert list(warnings.filters) == filters
        assert not home.exists()

    def test_not_even_from_many_threads(self, source, server, capfd, caplog):
        server.crumb_status = 429  # the client warns about that, for each symbol
        symbols = [f"S{n}" for n in range(12)]
        for symbol in symbols:
            server.listings[symbol] = Listing(
                symbol=symbol, closes=weekdays(START, END)
            )
            server.scripts[symbol] = [ys.slow(0.01 * (int(symbol[1:]) % 4))]
        fetch(replace(source, workers=6), *symbols)
        logging.getLogger("yfinance").warning("of the user's own")
        assert [record.message for record in caplog.records] == ["of the user's own"]
        assert capfd.readouterr() == ("", "")

    def test_what_it_trips_over_is_told(self, source, server, monkeypatch):
        def trip(**_):
            raise KeyError("sessionId")

        fetch(source)
        monkeypatch.setattr(source.provider._client(), "get", trip)
        with pytest.raises(SourceError, match=r"MARA: yfinance fails \(KeyError"):
            fetch(source, "RIOT", "MARA")

    def test_the_users_own_client_is_another(self, source, server):
        from yfinance.data import YfData

        mine = YfData()
        session = mine._session
        fetch(source)
        assert YfData()._session is session
        assert source.provider._client() is not mine

    def test_its_private_names_are_where_they_were(self):
        """What `Yahoo` uses of yfinance without a promise that it stays."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from yfinance import const, data
        version = metadata.version("yfinance")
        words = f"yfinance {version} has moved it: adapt prices/yahoo.py and the pin"
        assert const._BASE_URL_.startswith("https://"), words
        for name in ("_load_cookie_curlCffi", "_save_cookie_curlCffi"):
            assert callable(getattr(data.YfData, name, None)), f"YfData.{name}: {words}"
        assert {"url", "params", "timeout"} <= set(
            inspect.signature(data.YfData.get).parameters
        ), f"YfData.get: {words}"
        assert "session" in inspect.signature(data.YfData.__init__).parameters, words
        assert hasattr(data.requests, "Session"), f"data.requests.Session: {words}"
        assert type(data.YfData) is not type, f"the metaclass of YfData: {words}"

    def test_a_private_name_that_moved_is_told(self, tmp_path, server, monkeypatch):
        from yfinance import data

        monkeypatch.delattr(data.YfData, "_load_cookie_curlCffi")
        store = Store(root=tmp_path / "cache", source="yahoo")
        source = Cached(provider=Yahoo(), store=store, now=lambda: NOW)
        message = "lacks yfinance.data.YfData._load_cookie_curlCffi, with which prices"
        with pytest.raises(SourceError, match=message):
            fetch(source)
