"""Day 0 against an answer key made by wall clocks, typed cases, and properties."""

import csv
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventstudy.calendars import (
    POLICIES,
    calendar_from_dates,
    day_zero,
    day_zero_table,
    get_calendar,
)
from eventstudy.calendars.cache import Sessions, keep_sessions, read_sessions
from eventstudy.calendars.day_zero import day_zeros
from eventstudy.calendars.exchange import day_number, day_of
from eventstudy.core.errors import DataError, SpecError

REFERENCE = Path(__file__).parent / "reference"
EXCHANGES = ["XNYS", "XTSE", "XLON", "XHKG", "24/7"]
EPOCH = date(1970, 1, 1)


def calendar_of(name):
    return get_calendar(name, start=date(2020, 12, 1), end=date(2022, 1, 31))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def place(name, text, policy="next"):
    instant = utc(text)
    return day_zero(
        calendar_of(name),
        announced_utc=instant,
        announced_date=instant.date(),
        policy=policy,
    )


def place_day(name, text, policy="next"):
    day = date.fromisoformat(text)
    return day_zero(
        calendar_of(name), announced_utc=None, announced_date=day, policy=policy
    )


# --- the answer key ------------------------------------------------------------------


@pytest.mark.parametrize("name", EXCHANGES)
def test_answer_key_of_wall_clocks(name):
    with (REFERENCE / "day_zero.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    instants = [datetime.fromisoformat(row["instant"]) for row in rows]
    zeros = day_zeros(calendar_of(name), instants, [i.date() for i in instants])
    found = [
        (row["instant"], str(zero.session), zero.state)
        for row, zero in zip(rows, zeros, strict=True)
    ]
    assert found == [
        (row["instant"], row[f"{name}_day0"], row[f"{name}_state"]) for row in rows
    ]


@pytest.mark.processes
def test_answer_key_is_what_its_script_writes(tmp_path):
    copy = tmp_path / "day_zero.py"
    copy.write_bytes((REFERENCE / "day_zero.py").read_bytes())
    subprocess.run([sys.executable, str(copy)], check=True)
    written = copy.with_suffix(".csv").read_bytes()
    assert written == (REFERENCE / "day_zero.csv").read_bytes()


# --- cases typed by hand -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "instant", "day0", "state", "shift"),
    [
        # The State Council's committee, in the first hour of US trading; Hong Kong had
        # closed at 08:00 UTC and reacts on Monday.
        ("XNYS", "2021-05-21T14:14", "2021-05-21", "open", 0),
        ("XTSE", "2021-05-21T14:14", "2021-05-21", "open", 0),
        ("XLON", "2021-05-21T14:14", "2021-05-21", "open", 0),
        ("24/7", "2021-05-21T14:14", "2021-05-21", "open", 0),
        ("XHKG", "2021-05-21T14:14", "2021-05-24", "post", 3),
        ("24/7", "2021-06-12T06:00", "2021-06-12", "open", 0),
        ("XNYS", "2021-06-12T06:00", "2021-06-14", "weekend", 2),
        ("XHKG", "2021-06-12T06:00", "2021-06-15", "weekend", 3),  # Dragon Boat Monday
        # Juneteenth closes the exchange from 2022 on: Friday 18 June was a session.
        ("XNYS", "2021-06-18T14:09", "2021-06-18", "open", 0),
        ("24/7", "2021-06-19T13:00", "2021-06-19", "open", 0),
        ("XNYS", "2021-06-19T13:00", "2021-06-21", "weekend", 2),
        # A summer evening, and the close itself: news at 20:00:00 is too late.
        ("XNYS", "2021-06-21T20:30", "2021-06-22", "post", 1),
        ("XNYS", "2021-06-21T20:00", "2021-06-22", "post", 1),
        ("XNYS", "2021-06-21T19:59:59.999999", "2021-06-21", "open", 0),
        ("XNYS", "2021-06-21T13:30", "2021-06-21", "open", 0),
        ("XNYS", "2021-06-21T13:29:59.999999", "2021-06-21", "pre", 0),
        # New York's day: night until 04:00, and from 20:00.
        ("XNYS", "2021-06-22T07:59:59", "2021-06-22", "night", 0),
        ("XNYS", "2021-06-22T08:00", "2021-06-22", "pre", 0),
        ("XNYS", "2021-06-21T23:59:59", "2021-06-22", "post", 1),
        ("XNYS", "2021-06-22T00:00", "2021-06-22", "night", 1),
        # The day after Thanksgiving closes at 13:00 in New York, not in Toronto.
        ("XNYS", "2021-11-26T17:59:59", "2021-11-26", "open", 0),
        ("XNYS", "2021-11-26T18:00", "2021-11-29", "post", 3),
        ("XTSE", "2021-11-26T18:00", "2021-11-26", "open", 0),
        # 15 March: US on summer time, Europe not; the closes are 20:00 and 16:30 UTC.
        ("XNYS", "2021-03-12T20:30", "2021-03-12", "open", 0),
        ("XNYS", "2021-03-15T20:30", "2021-03-16", "post", 1),
        ("XLON", "2021-03-15T16:00", "2021-03-15", "open", 0),
        ("XLON", "2021-03-29T16:00", "2021-03-30", "post", 1),
        # 1 November: Europe back on winter time, US not.
        ("XLON", "2021-10-29T16:00", "2021-11-01", "post", 3),
        ("XLON", "2021-11-01T16:00", "2021-11-01", "open", 0),
        ("XNYS", "2021-11-01T20:30", "2021-11-02", "post", 1),
        ("XNYS", "2021-11-08T20:30", "2021-11-08", "open", 0),
        # The year's end: New York traded on 31 December, London half a day.
        ("XNYS", "2021-12-31T20:59", "2021-12-31", "open", 0),
        ("XNYS", "2021-12-31T21:00", "2022-01-03", "post", 3),
        ("XLON", "2021-12-31T12:30", "2022-01-04", "post", 4),
        ("XTSE", "2021-12-31T21:00", "2022-01-04", "post", 4),
        ("24/7", "2021-12-31T23:59:59.999999", "2021-12-31", "open", 0),
        ("24/7", "2022-01-01T00:00", "2022-01-01", "open", 0),
        # One market's holiday is another's session.
        ("XNYS", "2021-05-31T14:00", "2021-06-01", "holiday", 1),
        ("XTSE", "2021-05-31T14:00", "2021-05-31", "open", 0),
        ("XLON", "2021-05-31T14:00", "2021-06-01", "holiday", 1),
        ("XHKG", "2021-05-31T04:30", "2021-05-31", "open", 0),  # the lunch break
    ],
)
def test_typed_cases(name, instant, day0, state, shift):
    zero = place(name, instant)
    assert (str(zero.session), zero.state, zero.shift) == (day0, state, shift)
    assert zero.reason is None


def test_announced_local_carries_the_offset_of_the_exchange():
    assert place("XNYS", "2021-05-21T14:14").announced_local == (
        "2021-05-21T10:14:00-04:00"
    )
    assert place("XHKG", "2021-05-21T17:00").announced_local == (
        "2021-05-22T01:00:00+08:00"
    )


def test_the_announcement_may_carry_any_offset():
    chinese = datetime.fromisoformat("2021-05-21T22:14+08:00")
    zero = day_zero(
        calendar_of("XNYS"), announced_utc=chinese, announced_date=chinese.date()
    )
    assert zero == place("XNYS", "2021-05-21T14:14")


def test_a_session_that_opens_the_evening_before_is_open_on_sunday():
    calendar = get_calendar("CMES", start=date(2021, 6, 1), end=date(2021, 6, 30))
    sunday = utc("2021-06-20T22:30")  # 17:30 in Chicago
    zeros = [
        day_zeros(calendar, [sunday], [sunday.date()], policy)[0] for policy in POLICIES
    ]
    assert {(str(z.session), z.state, z.shift) for z in zeros} == {
        ("2021-06-21", "open", 1)
    }


# --- policies ------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "instant", ["2021-06-21T05:00", "2021-06-21T12:00", "2021-06-21T15:00"]
)
def test_no_policy_moves_news_before_or_during_a_session(policy, instant):
    assert place("XNYS", instant, policy).session == date(2021, 6, 21)


@pytest.mark.parametrize(
    ("instant", "previous", "following", "state"),
    [
        ("2021-06-19T13:00", "2021-06-18", "2021-06-21", "weekend"),
        ("2021-06-21T02:00", "2021-06-18", "2021-06-21", "weekend"),  # Sunday, 22:00
        ("2021-07-05T15:00", "2021-07-02", "2021-07-06", "holiday"),
        ("2021-06-21T20:00", "2021-06-21", "2021-06-22", "post"),
        ("2021-06-22T01:00", "2021-06-21", "2021-06-22", "night"),  # Monday, 21:00
    ],
)
def test_policies_off_session(instant, previous, following, state):
    assert str(place("XNYS", instant, "previous").session) == previous
    assert str(place("XNYS", instant, "next").session) == following
    dropped = place("XNYS", instant, "drop")
    assert (dropped.index, dropped.session, dropped.shift) == (None, None, 0)
    assert dropped.state == state
    assert dropped.reason == f"on no session of XNYS ({state})"
    with pytest.raises(DataError, match=rf"no session of XNYS \({state}\)"):
        place("XNYS", instant, "error")


def test_previous_has_a_negative_shift():
    assert place("XNYS", "2021-06-20T13:00", "previous").shift == -2


def test_policy_error_lists_every_announcement_off_session():
    instants = [utc(f"2021-06-{day}T15:00") for day in (18, 19, 20, 21)]
    with pytest.raises(DataError) as caught:
        day_zeros(calendar_of("XNYS"), instants, [i.date() for i in instants], "error")
    assert [problem.value for problem in caught.value.problems] == [
        "2021-06-19T11:00:00-04:00",
        "2021-06-20T11:00:00-04:00",
    ]
    assert "next, previous or drop" in str(caught.value)


def test_unknown_policy_lists_the_known():
    with pytest.raises(SpecError, match="drop, error, next, previous"):
        place("XNYS", "2021-06-21T15:00", "nearest")


# --- only the day is known -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "day", "policy", "day0", "state", "shift"),
    [
        ("XNYS", "2021-06-09", "next", "2021-06-09", "unknown", 0),
        ("XNYS", "2021-06-09", "drop", "2021-06-09", "unknown", 0),
        ("XNYS", "2021-06-12", "next", "2021-06-14", "weekend", 2),
        ("XNYS", "2021-06-12", "previous", "2021-06-11", "weekend", -1),
        ("XNYS", "2021-07-05", "next", "2021-07-06", "holiday", 1),
        ("24/7", "2021-06-12", "next", "2021-06-12", "open", 0),
    ],
)
def test_day_precision(name, day, policy, day0, state, shift):
    zero = place_day(name, day, policy)
    assert (str(zero.session), zero.state, zero.shift) == (day0, state, shift)
    assert (zero.announced_local, zero.reason) == (day, "only the day is known")


def test_day_precision_off_session_can_be_dropped():
    zero = place_day("XNYS", "2021-06-12", "drop")
    assert zero.index is None
    assert zero.reason == "on no session of XNYS (weekend); only the day is known"


# --- the ends of a calendar ----------------------------------------------------------


@pytest.mark.parametrize("policy", ["next", "previous", "drop"])
@pytest.mark.parametrize(
    ("instant", "reason", "state"),
    [
        (
            "2019-06-03T15:00",
            "before 2021-06-01, the first session of XNYS at hand",
            "unknown",
        ),
        (
            "2021-05-29T15:00",
            "before 2021-06-01, the first session of XNYS at hand",
            "unknown",
        ),
        (
            "2021-06-30T20:00",
            "after 2021-06-30, the last session of XNYS at hand",
            "post",
        ),
        (
            "2031-06-03T15:00",
            "after 2021-06-30, the last session of XNYS at hand",
            "unknown",
        ),
    ],
)
def test_outside_the_calendar_is_a_reason(instant, reason, state, policy):
    calendar = get_calendar("XNYS", start=date(2021, 5, 29), end=date(2021, 6, 30))
    zero = day_zeros(calendar, [utc(instant)], [EPOCH], policy)[0]
    assert (zero.index, zero.session, zero.reason) == (None, None, reason)
    assert zero.state == state
    with pytest.raises(DataError, match=reason):
        day_zeros(calendar, [utc(instant)], [EPOCH], "error")


@pytest.mark.parametrize("day", ["2020-06-01", "2023-06-01"])
def test_a_day_outside_the_calendar_has_no_state(day):
    zero = place_day("XNYS", day)
    assert (zero.index, zero.state) == (None, "unknown")
    assert zero.reason.endswith("; only the day is known")


def test_the_first_and_last_sessions_can_be_day_zero():
    calendar = get_calendar("XNYS", start=date(2021, 6, 1), end=date(2021, 6, 30))
    instants = [utc("2021-06-01T05:00"), utc("2021-06-30T19:59")]
    zeros = day_zeros(calendar, instants, [EPOCH, EPOCH])
    assert [zero.index for zero in zeros] == [0, len(calendar.sessions) - 1]


# --- properties ----------------------------------------------------------------------

instants = st.datetimes(
    datetime(2020, 12, 15),  # noqa: DTZ001
    datetime(2022, 1, 15),  # noqa: DTZ001
    timezones=st.just(UTC),
)
calendars = st.sampled_from([*EXCHANGES, "CMES", "XNZE"])


def microseconds(instant):
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@settings(deadline=None)  # the first example builds the calendar
@given(calendars, instants)
def test_day_zero_closes_after_and_its_predecessor_does_not(name, instant):
    calendar = calendar_of(name)
    zero = day_zero(calendar, announced_utc=instant, announced_date=EPOCH)
    closes = calendar.closes_utc
    assert closes[zero.index - 1] <= microseconds(instant) < closes[zero.index]
    assert zero.session == EPOCH + timedelta(days=int(calendar.sessions[zero.index]))


@settings(deadline=None)
@given(calendars, instants, instants, st.sampled_from(["next", "previous"]))
def test_day_zero_is_monotone(name, one, other, policy):
    early, late = day_zeros(
        calendar_of(name), sorted([one, other]), [EPOCH, EPOCH], policy
    )
    assert early.index <= late.index


@settings(deadline=None)
@given(
    calendars,
    st.lists(
        st.tuples(st.none() | instants, st.dates(date(2020, 12, 15), date(2022, 1, 15)))
    ),
    st.sampled_from(["next", "drop"]),
)
def test_batch_equals_single(name, events, policy):
    calendar = calendar_of(name)
    batch = day_zeros(calendar, [e[0] for e in events], [e[1] for e in events], policy)
    assert batch == [
        day_zero(calendar, announced_utc=e[0], announced_date=e[1], policy=policy)
        for e in events
    ]


@settings(deadline=None)
@given(calendars, instants)
def test_previous_is_next_or_the_session_before(name, instant):
    calendar = calendar_of(name)
    following, previous, dropped = (
        day_zeros(calendar, [instant], [EPOCH], policy)[0]
        for policy in ("next", "previous", "drop")
    )
    moved = dropped.index is None
    assert previous.index == following.index - moved
    on_next_date = calendar.opens_utc[following.index] <= microseconds(instant)
    assert not (moved and on_next_date)


# --- building calendars --------------------------------------------------------------


@pytest.mark.parametrize("name", EXCHANGES)
def test_arrays_are_aligned_ascending_and_read_only(name):
    calendar = calendar_of(name)
    assert calendar.sessions.shape == calendar.opens_utc.shape
    assert (np.diff(calendar.sessions) > 0).all()
    assert (calendar.opens_utc < calendar.closes_utc).all()
    assert (calendar.closes_utc[:-1] <= calendar.opens_utc[1:]).all()
    with pytest.raises(ValueError, match="read-only"):
        calendar.sessions[0] = 0


def test_24_7_sessions_are_the_utc_days():
    calendar = get_calendar("24/7", start=date(2021, 2, 27), end=date(2021, 3, 1))
    assert calendar.sessions.tolist() == [18685, 18686, 18687]
    assert calendar.opens_utc.tolist() == [
        d * 86_400_000_000 for d in calendar.sessions
    ]
    assert calendar.closes_utc[:-1].tolist() == calendar.opens_utc[1:].tolist()


def test_a_calendar_is_built_once():
    assert calendar_of("XNYS") is calendar_of("XNYS")


def test_aliases_carry_the_name_of_their_calendar():
    assert calendar_of("XNAS").name == "XNYS"
    assert calendar_of("LSE").name == "XLON"


@pytest.mark.parametrize(
    ("name", "near"), [("xlon", "XLON"), ("NYS", "XNYS"), ("XNYC", "XNYS")]
)
def test_an_unknown_calendar_names_its_neighbours(name, near):
    with pytest.raises(SpecError, match=rf"unknown calendar '{name}'; near: .*{near}"):
        calendar_of(name)


def test_an_unknown_calendar_without_neighbours():
    with pytest.raises(SpecError, match="unknown calendar '@@'; give a name"):
        calendar_of("@@")


@pytest.mark.parametrize(
    ("name", "start", "end", "words"),
    [
        ("XNYS", date(2021, 6, 2), date(2021, 6, 2), "empty; give a start before"),
        ("XNYS", date(2021, 6, 5), date(2021, 6, 6), "no sessions"),
        ("XHKG", date(1950, 1, 1), date(1951, 6, 6), "1960"),
    ],
)
def test_a_range_that_cannot_be_had(name, start, end, words):
    with pytest.raises(SpecError, match=words):
        get_calendar(name, start=start, end=end)


def test_a_calendar_gives_what_is_recorded_of_a_range():
    known = get_calendar("XHKG", start=date(1950, 1, 1), end=date(1960, 2, 1))
    assert known.sessions[0] >= day_number(date(1960, 1, 1))
    assert known.sessions[-1] == day_number(date(1960, 2, 1))
    ahead = get_calendar("XSHG", start=date(2026, 11, 2), end=date(2200, 1, 1))
    assert day_of(int(ahead.sessions[-1])).year < 2200


@pytest.mark.processes
@pytest.mark.parametrize("name", ["XNYS", "XHKG"])
def test_users_who_make_warnings_errors_get_a_calendar(name, tmp_path):
    in_new_process(YEAR.format(name=name), tmp_path, "-W", "error")


YEAR = (
    "import sys; from datetime import date; "
    "from eventstudy.calendars import get_calendar; "
    "found = get_calendar('{name}', start=date(2021, 1, 1), end=date(2021, 12, 31)); "
    "print(found.name, found.zone, 'pandas' in sys.modules, "
    "found.sessions.sum(), found.opens_utc.sum(), found.closes_utc.sum())"
)


def in_new_process(code, cache, *flags):
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"EVENTSTUDY_CACHE": str(cache)},
    )
    return done.stdout.split()


@pytest.mark.processes
def test_an_exchange_is_kept_between_runs_and_built_again_when_damaged(
    tmp_path, monkeypatch
):
    first = in_new_process(YEAR.format(name="NASDAQ"), tmp_path)
    assert first[:3] == ["XNYS", "America/New_York", "True"]
    (kept,) = (tmp_path / "calendars").iterdir()
    sound = kept.read_bytes()
    assert kept.name.startswith("NASDAQ.2021-01-01.2021-12-31.")
    assert version("exchange_calendars") in kept.name
    second = in_new_process(YEAR.format(name="NASDAQ"), tmp_path)
    assert second == [*first[:2], "False", *first[3:]]
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path))
    assert read_sessions("NASDAQ", "2021-01-01", "2021-12-31") is not None
    for damaged in (b"", sound[: len(sound) // 2], b"PK\x03\x04" + sound[50:], b"\x93"):
        kept.write_bytes(damaged)
        assert read_sessions("NASDAQ", "2021-01-01", "2021-12-31") is None
    assert in_new_process(YEAR.format(name="NASDAQ"), tmp_path) == first
    assert kept.read_bytes() == sound


@pytest.mark.parametrize(
    "spoiled",
    [
        {"days": np.array([2, 1])},
        {"days": np.array([], np.int64)},
        {"opens": np.array([1, 2, 3])},
        {"days": np.array([[1], [2]])},
        {"zone": None},
        {"days": np.array([object(), object()])},
    ],
)
def test_kept_sessions_that_are_not_sound_are_not_used(spoiled, tmp_path, monkeypatch):
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path))
    days = np.array([1, 2])
    sessions = Sessions("XNYS", "America/New_York", days, days * 10, days * 10 + 5)
    keep_sessions(sessions, "XNYS", "a", "b")
    found = read_sessions("XNYS", "a", "b")
    assert (found.name, found.zone) == ("XNYS", "America/New_York")
    np.testing.assert_array_equal(found.closes, [15, 25])
    (path,) = (tmp_path / "calendars").iterdir()
    parts = {k: np.array(v) for k, v in sessions._asdict().items()} | spoiled
    np.savez(path, **{k: v for k, v in parts.items() if v is not None})
    assert read_sessions("XNYS", "a", "b") is None


def test_a_cache_folder_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path / "file"))
    calendar = get_calendar("XLON", start=date(2018, 1, 1), end=date(2018, 12, 31))
    assert calendar.sessions.size == 253


def test_names_that_are_no_exchange_reach_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SpecError, match="unknown calendar"):
        calendar_of("../../escape")
    assert not list(tmp_path.iterdir())


@pytest.mark.processes
def test_importing_calendars_leaves_the_heavy_libraries_alone():
    code = (
        "import sys, eventstudy.calendars; "
        "assert not {'exchange_calendars', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- dates at hand -------------------------------------------------------------------


def test_dates_at_hand_are_the_sessions():
    days = [date(2021, 6, 21), date(2021, 6, 18), date(2021, 6, 18)]
    calendar = calendar_from_dates(days, zone="America/New_York")
    assert calendar.sessions.tolist() == [(d - EPOCH).days for d in days[1::-1]]
    assert calendar.opens_utc[0] == microseconds(utc("2021-06-18T04:00"))
    assert calendar.closes_utc[0] == microseconds(utc("2021-06-19T04:00"))


@pytest.mark.parametrize(
    "days",
    [
        pl.Series([date(2021, 6, 18), date(2021, 6, 21)]),
        np.array(["2021-06-18", "2021-06-21"], dtype="datetime64[D]"),
        np.array([18796, 18799]),
    ],
    ids=["polars", "numpy", "days"],
)
def test_dates_may_come_as_a_column(days):
    assert calendar_from_dates(days).sessions.tolist() == [18796, 18799]


@pytest.mark.parametrize(
    ("instant", "day0", "state"),
    [
        ("2021-06-18T23:59:59.999999", "2021-06-18", "unknown"),
        ("2021-06-19T00:00", "2021-06-21", "weekend"),
        ("2021-06-21T00:00", "2021-06-21", "unknown"),
        ("2021-06-22T12:00", "2021-06-23", "holiday"),
    ],
)
def test_a_session_without_hours_lasts_its_whole_day(instant, day0, state):
    calendar = calendar_from_dates(
        [date(2021, 6, 17), date(2021, 6, 18), date(2021, 6, 21), date(2021, 6, 23)]
    )
    zero = day_zero(calendar, announced_utc=utc(instant), announced_date=EPOCH)
    assert (str(zero.session), zero.state) == (day0, state)
    assert zero.reason.startswith("no trading hours are known")


def test_midnights_follow_the_clock_changes():
    calendar = calendar_from_dates([date(2021, 3, 14)], zone="America/New_York")
    assert calendar.closes_utc[0] - calendar.opens_utc[0] == 23 * 3_600_000_000


@pytest.mark.parametrize(
    ("days", "words"), [([], "no dates"), ([date(2021, 6, 18), None], "missing")]
)
def test_bad_dates(days, words):
    with pytest.raises(DataError, match=words):
        calendar_from_dates(days)


@pytest.mark.parametrize("zone", ["Mars/Base", "", "America"])
def test_unknown_zone(zone):
    with pytest.raises(SpecError, match="unknown time zone"):
        calendar_from_dates([date(2021, 6, 18)], zone=zone)


# --- borders -------------------------------------------------------------------------


def test_naive_times_are_refused():
    naive = datetime(2021, 6, 18, 12)  # noqa: DTZ001
    with pytest.raises(DataError, match="no UTC offset"):
        day_zero(calendar_of("XNYS"), announced_utc=naive, announced_date=EPOCH)


def test_no_announcements_no_answers():
    assert day_zeros(calendar_of("XNYS"), [], []) == []
    assert day_zero_table([], [calendar_of("XNYS")], [], []).is_empty()


def test_the_table_has_a_row_per_event_and_calendar():
    frame = day_zero_table(
        ["a", "b"],
        [calendar_of("XNYS"), calendar_of("24/7")],
        [utc("2021-06-19T13:00"), None],
        [date(2021, 6, 19), date(2021, 6, 20)],
        "drop",
    )
    assert frame.select("event_id", "calendar", "state", "day0", "shift").rows() == [
        ("a", "XNYS", "weekend", None, None),
        ("b", "XNYS", "weekend", None, None),
        ("a", "24/7", "open", date(2021, 6, 19), 0),
        ("b", "24/7", "open", date(2021, 6, 20), 0),
    ]
    assert frame["announced_local"].to_list()[:2] == [
        "2021-06-19T09:00:00-04:00",
        "2021-06-20",
    ]
    assert frame["announced_utc"].to_list()[0] == utc("2021-06-19T13:00")
    assert frame["reason"].to_list()[3] == "only the day is known"
