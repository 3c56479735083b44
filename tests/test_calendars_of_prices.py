"""Prices against calendars that are guessed from symbols, from dates to a study."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import eventstudy as es
from eventstudy.calendars import get_calendar
from eventstudy.calendars.exchange import day_number
from eventstudy.calendars.of_prices import assign_calendars, with_days
from eventstudy.core.errors import SpecError

START, END = date(2021, 1, 4), date(2021, 8, 31)
SATURDAY = date(2021, 6, 19)


def sessions(name, start=START, end=END):
    return get_calendar(name, start=start, end=end).sessions


def assigned(overrides=None, **days):
    return assign_calendars(days, overrides or {})


def every_day():
    return np.arange(day_number(START), day_number(END) + 1)


def plus(days, *more):
    return np.union1d(days, [day_number(day) for day in more])


def test_calendars_that_the_prices_bear_out_are_kept():
    found = assigned(RIOT=sessions("XNYS"), MARA=sessions("XNYS")[5:-5])
    assert not found.names
    assert not found.strays
    assert found.name_of("RIOT") == "XNYS"
    assert not found.notes()


def test_closes_on_every_day_make_a_coin_of_any_spelling():
    found = assigned(BTCUSDT=every_day(), btc=every_day()[:-1], RIOT=sessions("XNYS"))
    assert found.names == {"BTCUSDT": "24/7", "btc": "24/7"}
    (note,) = found.notes()
    assert "BTCUSDT, btc: closes on days that XNYS does not know" in note


def test_what_the_user_says_is_no_guess():
    for overrides in ({"BTCUSDT": "XNYS"}, {"default": "XNYS"}):
        found = assigned(overrides, BTCUSDT=every_day())
        assert not found.names
        assert not found.strays


def test_a_default_of_the_user_does_not_excuse_the_spelling():
    frankfurt = {"F.L": sessions("XETR")}
    found = assign_calendars(frankfurt, {"default": "XNYS"})
    assert set(found.names) | set(found.strays) == {"F.L"}


def test_plain_symbols_of_other_exchanges_trade_on_the_dates_of_their_files():
    xetr, xtks = sessions("XETR"), sessions("XTKS")
    found = assigned(SAP=xetr, BMW=np.delete(xetr, [40, 41]), TOYOTA=xtks)
    assert found.names == {
        "SAP": "prices of SAP",
        "BMW": "prices of SAP",  # its gap stays a gap
        "TOYOTA": "prices of TOYOTA",
    }
    calendar = found.calendar("prices of SAP", START, END)
    assert calendar.sessions.tolist() == xetr.tolist()
    assert not calendar.hours


def test_a_vendors_row_on_a_holiday_of_two_us_shares_keeps_the_trading_hours():
    us = plus(sessions("XNYS"), date(2021, 5, 31))
    found = assigned(RIOT=np.delete(us, 70), MARA=us)
    assert set(found.names.values()) == {"XNYS and prices"}
    assert found.calendar("XNYS and prices", START, END).hours


@pytest.mark.parametrize(("more", "taken"), [(5, False), (6, True)])
def test_more_than_five_dates_are_no_accident(more, taken):
    days = plus(
        sessions("XNYS"), *(SATURDAY + timedelta(days=7 * n) for n in range(more))
    )
    found = assigned(RIOT=days)
    assert ("RIOT" in found.names) is taken
    assert ("RIOT" in found.strays) is not taken


def test_more_than_a_twentieth_of_the_dates_is_no_accident():
    week = sessions("XNYS", date(2021, 6, 1), date(2021, 6, 25))
    assert len(week) == 19
    assert "RIOT" in assigned(RIOT=plus(week, SATURDAY)).strays  # 1 of 20
    assert "RIOT" in assigned(RIOT=plus(week[1:], SATURDAY)).names  # 1 of 19


def test_a_special_session_is_one_when_two_symbols_have_it():
    bombay = sessions("XBOM")
    sunday = date(2021, 6, 20)
    alone = assign_calendars({"A.BO": plus(bombay, SATURDAY), "B.BO": bombay}, {})
    assert alone.strays["A.BO"].tolist() == [day_number(SATURDAY)]
    both = assign_calendars(
        {
            "A.BO": plus(bombay, SATURDAY, sunday),
            "B.NS": plus(bombay, SATURDAY),
            "C.BO": bombay,
        },
        {},
    )
    assert both.names == {"A.BO": "XBOM and prices", "B.NS": "XBOM and prices"}
    assert both.strays["A.BO"].tolist() == [day_number(sunday)]
    calendar = both.calendar("XBOM and prices", START, END)
    assert calendar.sessions.tolist() == plus(bombay, SATURDAY).tolist()
    at = calendar.sessions.tolist().index(day_number(SATURDAY))
    assert calendar.opens_utc[at] - calendar.opens_utc[at - 1] == 86_400_000_000
    assert (np.diff(calendar.closes_utc) > 0).all()


def test_sessions_beyond_the_recorded_years_are_those_of_the_prices():
    known = sessions("XSHG", date(2026, 11, 2), date(2200, 1, 1))
    later = known[-1] + np.array([4, 5, 6])
    found = assign_calendars({"X.SS": np.concatenate([known, later])}, {})
    calendar = found.calendar("XSHG and prices", date(2026, 11, 2), date(2200, 1, 1))
    assert calendar.sessions[-3:].tolist() == later.tolist()
    assert "lacks" in found.notes()[0]


def test_added_days_that_are_sessions_already_change_nothing():
    june = get_calendar("XNYS", start=date(2021, 6, 1), end=date(2021, 6, 30))
    same = with_days(june, "XNYS and prices", june.sessions[:3])
    assert same.sessions is june.sessions
    assert same.name == "XNYS and prices"


# --- in a study ---------------------------------------------------------------------


def study_of(days, *, symbol="BTCUSDT", day="2021-06-19", **settings):
    level = 100 * np.exp(np.cumsum(0.02 * np.sin(1.0 + 7.0 * np.arange(len(days)))))
    frame = pl.DataFrame(
        {
            "symbol": symbol,
            "date": [date.fromordinal(719_163 + int(d)) for d in days],
            "close": level,
        }
    )
    events = pl.DataFrame(
        {"event_id": ["crash"], "announced_at": [day], "assets": [symbol]}
    )
    spec = es.StudySpec(
        model="constant_mean", windows=((-1, 1),), tests=("t",), **settings
    )
    return es.run(spec, events, frame), dict(zip(days.tolist(), level, strict=True))


def test_a_pair_is_studied_on_its_own_days_and_the_note_names_the_event():
    result, level = study_of(every_day())
    ar = result.abnormal_returns.filter(pl.col("offset") == 0)
    assert ar["session"].to_list() == [SATURDAY]
    day = day_number(SATURDAY)
    estimation = [np.log(level[d] / level[d - 1]) for d in range(day - 130, day - 10)]
    assert ar["abnormal"][0] == pytest.approx(
        np.log(level[day] / level[day - 1]) - np.mean(estimation)
    )
    said = result.remarks
    assert said["severity"].unique().to_list() == ["note"]
    assert "moves day 0 of crash from 2021-06-21 to 2021-06-19 (BTCUSDT)" in str(
        said["text"].to_list()
    )
    assert said["text"].to_list() == result.provenance["notes"][-said.height :]


def test_a_stray_row_stays_out_with_a_warning():
    result, _ = study_of(plus(sessions("XNYS"), SATURDAY), day="2021-06-23")
    clean, _ = study_of(sessions("XNYS"), day="2021-06-23")
    assert SATURDAY not in result.abnormal_returns["session"].to_list()
    assert clean.remarks.filter(severity="warning").is_empty()
    (warning,) = result.remarks.filter(severity="warning")["text"]
    assert "BTCUSDT has a close on 2021-06-19" in warning
    rules = result.price_issues.filter(severity="warning")["rule"].to_list()
    assert rules == ["off_session"]


def test_a_stray_row_on_day_0_stops_the_study():
    days = plus(sessions("XNYS"), SATURDAY)
    with pytest.raises(SpecError, match=r"would be day 0 of\s+crash.*\[calendars\]"):
        study_of(days)
    result, _ = study_of(days, calendars={"BTCUSDT": "XNYS"})
    assert result.cars.height == 1
