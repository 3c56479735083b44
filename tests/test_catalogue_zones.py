"""Times of catalogues with the name of their zone, and offsets that are slips."""

import datetime as dt

import polars as pl
import pytest

import eventstudy as es
from eventstudy.calendars import get_calendar
from eventstudy.calendars.offsets import foreign_offset
from eventstudy.catalogue import read_events
from eventstudy.core.errors import DataError, SpecError

NEW_YORK = "America/New_York"


@pytest.fixture
def read(tmp_path):
    """Write text to a file and read it as a catalogue."""

    def read_text(content, timezone=None):
        path = tmp_path / "events.csv"
        path.write_text(content, encoding="utf-8")
        return read_events(path, timezone=timezone)

    return read_text


def instant(read, written, zone=None, timezone=None):
    header, row = "event_id,announced_at", f"a,{written}"
    if zone is not None:
        header, row = f"{header},zone", f"{row},{zone}"
    events = read(f"{header}\n{row}\n", timezone=timezone).frame
    return events.select("announced_at", "announced_utc", "zone").row(0)


@pytest.mark.parametrize(
    ("written", "zone", "timezone"),
    [
        ("2021-08-03T15:45[America/New_York]", None, None),
        ("2021-08-03T15:45-04:00[America/New_York]", None, None),
        ("2021-08-03 15:45", NEW_YORK, None),
        ("2021-08-03T15:45-04:00", NEW_YORK, None),
        ("2021-08-03T15:45", None, NEW_YORK),
        ("2021-08-03T15:45[America/New_York]", None, "Asia/Shanghai"),
        ("2021-08-03T15:45", NEW_YORK, "Asia/Shanghai"),
    ],
)
def test_a_named_zone_gives_the_offset(read, written, zone, timezone):
    text, utc, named = instant(read, written, zone, timezone)
    assert text.replace(" ", "T") == "2021-08-03T15:45-04:00"
    assert utc == dt.datetime(2021, 8, 3, 19, 45, tzinfo=dt.UTC)
    assert named == NEW_YORK


def test_an_offset_of_its_own_needs_no_zone_of_the_study(read):
    text, _, named = instant(read, "2021-08-03T15:45+08:00", None, "UTC")
    assert (text, named) == ("2021-08-03T15:45+08:00", None)
    _, utc, named = instant(read, "2021-08-03T19:45Z[America/New_York]")
    assert utc == dt.datetime(2021, 8, 3, 19, 45, tzinfo=dt.UTC)
    assert named == NEW_YORK


@pytest.mark.parametrize(
    ("written", "zone", "words"),
    [
        (
            "2021-08-03T15:45-05:00[America/New_York]",
            None,
            "-05:00 and the zone America/New_York disagree: it was -04:00",
        ),
        ("2021-08-03T15:45-05:00", NEW_YORK, "disagree: it was -04:00"),
        ("2021-08-03T15:45[Mars/Olympus]", None, "no time zone 'Mars/Olympus'"),
        ("2021-08-03T15:45[UTC]", NEW_YORK, "the column zone says"),
        ("2021-03-14T02:30", NEW_YORK, "clocks were put forward"),
        ("2021-11-07T01:30", NEW_YORK, "the offset, -04:00 or -05:00"),
        ("2021-02-30T01:30", NEW_YORK, "there is no day 2021-02-30"),
    ],
)
def test_what_no_clock_showed_is_refused(read, written, zone, words):
    with pytest.raises(DataError) as caught:
        instant(read, written, zone)
    (problem,) = caught.value.problems
    assert words in problem.message
    assert (problem.line, problem.column) == (2, "announced_at")


def test_either_hour_of_the_clock_change_can_be_written(read):
    for offset, hour in (("-04:00", 5), ("-05:00", 6)):
        _, utc, _ = instant(read, f"2021-11-07T01:30{offset}", NEW_YORK)
        assert utc.hour == hour


def test_other_times_have_the_zone_too(read):
    events = read(
        "event_id,announced_at,reaction_at,zone\n"
        "a,2021-08-03,2021-08-03T15:45,America/New_York\n"
    ).frame
    assert events["reaction_at"][0].hour == 19
    assert events["zone"][0] is None  # a date has none


def test_an_unknown_zone_of_the_study(read):
    with pytest.raises(SpecError, match="no time zone 'Nowhere'"):
        instant(read, "2021-08-03T15:45", None, "Nowhere")


# --- offsets that are slips ---------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "exchange", "right"),
    [
        ("2021-08-03T15:45-05:00", "XNYS", "-04:00"),  # winter time in summer
        ("2021-01-12T15:45-04:00", "XNYS", "-05:00"),
        ("2021-08-03T15:45-04:00", "XNYS", None),
        ("2021-08-03T15:45+08:00", "XNYS", None),  # a clock in China
        ("2021-08-03T15:45Z", "XLON", None),  # UTC, and not the time of London
        ("2021-08-03T15:45+00:00", "XLON", "+01:00"),
        ("2021-08-03T15:45-05:00", "24/7", None),
        ("2021-11-07T01:30-05:00", "XNYS", None),  # both hours of that night
        ("2021-08-03", "XNYS", None),
    ],
)
def test_winter_time_in_summer_is_a_slip(written, exchange, right):
    year = {"start": dt.date(2021, 1, 4), "end": dt.date(2021, 12, 30)}
    assert foreign_offset(written, get_calendar(exchange, **year)) == right


def test_a_slip_is_said_by_the_study_and_day_0_is_what_was_written():
    events = {"event_id": ["a"], "assets": ["RIOT"]}
    spec = es.StudySpec(model="constant_mean", windows=((-1, 1),), tests=("t",))
    prices = es.fetch_prices(["RIOT"], source="snapshot")

    def said(written):
        frame = pl.DataFrame(events | {"announced_at": [written]})
        result = es.run(spec, frame, prices)
        return result.observations["day0"][0], result.remarks.filter(about="times")

    day0, warned = said("2021-06-15T15:45-05:00")
    assert day0 == dt.date(2021, 6, 16)
    (text,) = warned["text"]
    assert "offset -05:00" in text
    assert "there it was -04:00" in text
    assert warned["severity"].to_list() == ["warning"]
    day0, warned = said("2021-06-15T15:45-04:00")
    assert day0 == dt.date(2021, 6, 15)
    assert warned.is_empty()
    _, warned = said("2021-06-15T15:45-05:00[America/Chicago]")
    assert warned.is_empty()


def test_the_study_file_names_the_zone(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("event_id,announced_at,assets\na,2021-06-15T15:45,RIOT\n")
    path.with_suffix(".toml").write_text(f'timezone = "{NEW_YORK}"\n')
    result = es.analyze(path, parts=["returns"], tests=["t"], windows=[(-1, 1)])
    assert result.observations["day0"].to_list() == [dt.date(2021, 6, 15)]
    assert result.events["zone"].to_list() == [NEW_YORK]
