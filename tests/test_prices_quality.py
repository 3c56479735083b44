from datetime import date, timedelta

import polars as pl
import pytest
from yahoo_server import weekdays

from eventstudy.core.errors import DataError
from eventstudy.prices import (
    fetch_prices,
    read_factors,
    read_prices,
    with_factors,
)
from eventstudy.prices.quality import check_quality, refuse_warnings

START, END = date(2021, 4, 5), date(2021, 5, 28)  # no holiday of the NYSE in between


def table(closes, symbol="RIOT", **columns) -> pl.DataFrame:
    frame = pl.DataFrame({"date": list(closes), "close": list(closes.values())})
    return frame.with_columns(symbol=pl.lit(symbol), **columns)


def creeping() -> dict[date, float]:
    """Closes that go up and down by a few per cent, with no two alike."""
    return {
        day: 10 + 0.3 * (-1) ** n + n / 100
        for n, day in enumerate(weekdays(START, END))
    }


def found(frame, **settings) -> pl.DataFrame:
    issues = check_quality(read_prices(frame), **settings)
    return issues.select("symbol", "date", "severity", "rule", "detail")


def the_only(frame, **settings) -> dict:
    issues = found(frame, **settings)
    assert issues.height == 1, issues
    return issues.row(0, named=True)


def test_sound_prices():
    assert found(table(creeping()), end=END).is_empty()


def test_gap():
    closes = creeping()
    for day in (date(2021, 4, 20), date(2021, 4, 21), date(2021, 5, 10)):
        del closes[day]
    closes[date(2021, 5, 3)] = None  # a row without a close is a gap, too
    issues = found(table(closes))
    assert issues["rule"].to_list() == ["gap"] * 3
    assert issues["date"].to_list() == [
        date(2021, 4, 20),
        date(2021, 5, 3),
        date(2021, 5, 10),
    ]
    assert "2 sessions, 2021-04-20 to 2021-04-21" in issues["detail"][0]


def test_holidays_are_no_gaps_and_weekends_no_sessions():
    closes = weekdays(date(2021, 4, 1), date(2021, 6, 11))
    del closes[date(2021, 4, 2)]
    closes |= {date(2021, 6, 5): 10.2}
    closes = dict(sorted(closes.items()))
    issues = found(table(closes))
    assert issues["rule"].to_list() == ["off_session"]
    assert "2021-05-31, 2021-06-05" in issues["detail"][0]
    del closes[date(2021, 5, 31)], closes[date(2021, 6, 5)]
    assert found(table(closes)).is_empty()


def test_each_symbol_has_its_own_calendar():
    every_day = {START + timedelta(days=n): 10 + n / 10 for n in range(30)}
    assert found(table(every_day, "BTC-USD")).is_empty()
    assert found(table(every_day, "BTCUSDT")).is_empty()  # whatever its spelling
    assert set(found(table(every_day, "RIOT"), calendars={"RIOT": "XNYS"})["rule"]) == {
        "off_session"
    }
    assert found(table(every_day, "RIOT"), calendars={"RIOT": "24/7"}).is_empty()
    assert found(table(every_day, "X"), calendars={"default": "prices"}).is_empty()
    only = the_only(table(every_day, "^NOWHERE"))
    assert (only["rule"], only["severity"]) == ("no_calendar", "info")


@pytest.mark.parametrize("calendars", [{}, {"default": "prices"}])
def test_ends_early(calendars):
    frame = table(creeping())
    issue = the_only(frame, end=date(2021, 6, 4), calendars=calendars)
    assert (issue["rule"], issue["date"]) == ("ends_early", END)
    assert "needed is 2021-06-04" in issue["detail"]


def test_a_weekend_after_the_end_is_not_missing():
    closes = {d: c for d, c in creeping().items() if d <= date(2021, 5, 21)}
    assert found(table(closes), end=date(2021, 5, 23)).is_empty()


@pytest.mark.parametrize(("length", "flagged"), [(4, False), (5, True), (9, True)])
def test_stale(length, flagged):
    closes = creeping()
    days = list(closes)[10 : 10 + length]
    closes |= dict.fromkeys(days, 10.05)
    if not flagged:
        assert found(table(closes)).is_empty()
        return
    issue = the_only(table(closes))
    assert (issue["rule"], issue["date"]) == ("stale", days[0])
    assert f"on {length} sessions, {days[0]} to {days[-1]}" in issue["detail"]


def test_zero_volume():
    days = pl.col("date").is_in([date(2021, 4, 20), date(2021, 4, 27)])
    frame = table(creeping(), volume=pl.when(days).then(0.0).otherwise(100.0))
    issues = check_quality(read_prices(frame))  # one a stretch, with its end
    assert issues["rule"].to_list() == ["zero_volume"] * 2
    days = [date(2021, 4, 20), date(2021, 4, 27)]
    assert issues["date"].to_list() == issues["until"].to_list() == days
    issue = the_only(table(creeping(), volume=pl.lit(0.0)))
    assert (issue["rule"], issue["severity"]) == ("no_volume", "info")


def test_spike_that_reverts_is_flagged_once():
    closes = creeping()
    day = list(closes)[20]
    closes[day] = 16.0
    issue = the_only(table(closes))
    assert (issue["rule"], issue["date"]) == ("spike", day)
    assert "close 16 between" in issue["detail"]


def test_a_fall_that_stays_is_no_spike():
    days = list(creeping())
    closes = {d: c * (0.7 if d >= days[20] else 1) for d, c in creeping().items()}
    assert found(table(closes)).is_empty()


@pytest.mark.parametrize("ratio", [2, 3, 5, 10, 30, 1 / 2, 1 / 10, 1 / 50])
@pytest.mark.parametrize("with_open", [True, False])
def test_jump_like_a_split(ratio, with_open):
    days = list(creeping())
    # The second half is flat, so that the jump is the ratio itself.
    closes = {
        d: (10 + n / 1000) * (ratio if n >= 20 else 1) for n, d in enumerate(days)
    }
    columns = {"open": pl.col("close") * 1.001} if with_open else {}
    if with_open:
        columns |= {"high": pl.col("close") * 1.01, "low": pl.col("close") * 0.99}
    issue = the_only(table(closes, **columns))
    assert (issue["rule"], issue["date"]) == ("split", days[20])
    assert f"ratio of {max(ratio, 1 / ratio):.3g}" in issue["detail"]


def test_a_true_doubling_within_the_day_is_no_split():
    days = list(creeping())
    closes = {d: (10 + n / 1000) * (2 if n >= 20 else 1) for n, d in enumerate(days)}
    opens = pl.col("close").shift().fill_null(10.0)
    frame = table(
        closes, open=opens, high=pl.max_horizontal("close", opens), low=pl.lit(9.0)
    )
    assert found(frame).is_empty()


@pytest.mark.parametrize("ratio", [100, 1 / 100])
def test_pounds_and_pence(ratio):
    days = list(creeping())
    closes = {
        d: (10 + n / 1000) * (ratio if n >= 20 else 1) for n, d in enumerate(days)
    }
    issue = the_only(
        table(closes, "ARB.L"), calendars={"default": "prices"} | {"ARB.L": "prices"}
    )
    assert (issue["rule"], issue["date"]) == ("currency", days[20])


def test_a_single_row_and_an_empty_symbol():
    frame = pl.DataFrame({"symbol": ["A"], "date": [START], "close": [1.0]})
    assert found(frame).is_empty()


def test_what_lies_before_the_start_is_not_looked_at():
    closes = creeping()
    del closes[date(2021, 4, 20)]
    frame = table(closes)
    assert found(frame)["rule"].to_list() == ["gap"]
    assert found(frame, start=date(2021, 4, 21)).is_empty()
    assert found(frame, start=date(2022, 1, 3)).is_empty()


def test_factor_levels_are_not_prices(tmp_path):
    rows = "".join(f"2021-05-{day},0.5,0.0\n" for day in range(10, 20))
    path = tmp_path / "factors.csv"
    path.write_text("date,mkt_rf,rf\n2021-05-07,-1.0,0.0\n" + rows)
    prices = read_prices(table(creeping()))
    both = with_factors(prices, read_factors(path, "capm"))
    assert check_quality(both).is_empty()


def test_strict_refuses_warnings_and_not_remarks():
    snapshot = fetch_prices(["BTCM", "BTBT"])
    refuse_warnings(snapshot.issues)
    issues = check_quality(snapshot)
    with pytest.raises(DataError, match="--strict allows none") as caught:
        refuse_warnings(issues)
    assert "BTCM: value '2020-09-28': zero_volume: no trade" in str(caught.value)


def test_the_columns_are_those_of_the_other_issues():
    prices = fetch_prices(["BTCM"])
    assert pl.concat([prices.issues, check_quality(prices)]).height >= 2


def test_a_change_of_unit_is_seen_on_a_day_that_moves_prices():
    days = list(creeping())
    closes = {d: 1000.0 + n if n < 20 else 8.1 for n, d in enumerate(days)}
    assert "currency" in found(table(closes))["rule"].to_list()
