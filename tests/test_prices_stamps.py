"""Snapshots at midnight are closes of the day before; all other stamps are dates."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

import eventstudy as es
from eventstudy.core.errors import DataError, SpecError
from eventstudy.prices import read_prices

FIRST = datetime(2021, 5, 18, tzinfo=UTC)
WRITTEN = ("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M+00:00")


def table(name="date", written=WRITTEN[0], late=None, **columns):
    times = [FIRST + timedelta(days=n) for n in range(5)]
    if late is not None:
        times[2] += late
    stamps = [time.strftime(written) if written else time for time in times]
    return pl.DataFrame(
        {"symbol": "BTC-USD", name: stamps, "close": [9.0] * 5} | columns
    )


def first(frame, **settings):
    return read_prices(frame, **settings).frame["date"][0]


@pytest.mark.parametrize("written", [*WRITTEN, None])
def test_a_known_column_of_snapshots_is_moved_with_a_note(written):
    prices = read_prices(table("snapped_at", written))
    assert prices.frame["date"].to_list() == [date(2021, 5, d) for d in range(17, 22)]
    (issue,) = prices.issues.rows(named=True)
    assert (issue["severity"], issue["rule"]) == ("info", "snapshot")
    assert first(table("Taken", written), columns={"date": "Taken"}, stamps="end") == (
        date(2021, 5, 17)
    )


def test_a_snapshot_may_be_late():
    for written in (WRITTEN[0], None):
        late = table("snapped_at", written, late=timedelta(minutes=5, seconds=18))
        days = read_prices(late).frame["date"].to_list()
        assert days == [date(2021, 5, d) for d in range(17, 22)]
        noon = table("snapped_at", written, late=timedelta(hours=12))
        with pytest.raises(DataError, match="a time of day"):
            read_prices(noon)


@pytest.mark.parametrize("written", [*WRITTEN, None])
def test_it_is_asked_where_nothing_tells(written):
    with pytest.raises(DataError, match="a snapshot at midnight is the close of"):
        read_prices(table("date", written))
    assert first(table("date", written), stamps="start") == date(2021, 5, 18)
    assert first(table("date", written), stamps="end") == date(2021, 5, 17)
    with pytest.raises(SpecError, match="stamps = 'noon'; wanted 'start' or 'end'"):
        read_prices(table("date", written), stamps="noon")


def test_wide_tables_are_asked_about_too():
    wide = table().select("date", BTC="close", ETH="close")
    with pytest.raises(DataError, match="a snapshot at midnight"):
        read_prices(wide)
    assert first(wide, stamps="end") == date(2021, 5, 17)


@pytest.mark.parametrize(
    ("name", "written", "columns"),
    [
        ("date", "%Y-%m-%d", {}),  # dates
        ("date", "%Y-%m-%d 00:00:00", {}),  # midnights without a zone
        ("date", "%Y-%m-%d 00:00:00-05:00", {}),  # midnights elsewhere
        ("date", WRITTEN[0], {"open": 9.0, "high": 9.0, "low": 9.0}),  # bars
    ],
)
def test_other_stamps_stay_dates(name, written, columns):
    prices = read_prices(table(name, written, **columns))
    assert prices.frame["date"][0] == date(2021, 5, 18)
    assert prices.issues.is_empty()


@pytest.mark.parametrize("name", ["open_time", "timeOpen", "Opening"])
def test_opening_times_stay_dates(name):
    found = read_prices(table(name), columns={"date": name})
    assert found.frame["date"][0] == date(2021, 5, 18)


def test_who_gives_the_format_of_dates_is_not_asked():
    assert first(table(), date_format=WRITTEN[0]) == date(2021, 5, 18)


def test_a_study_reads_snapshots_from_its_files(tmp_path):
    days = [datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(220)]
    closes = [100.0 + n % 7 + (20 if n >= 180 else 0) for n in range(220)]
    rows = [f"{d:%Y-%m-%d} 00:00:00 UTC,{c}" for d, c in zip(days, closes, strict=True)]
    folder = tmp_path / "prices"
    folder.mkdir()
    header = "snapped_at,price"
    (folder / "BTC-USD.csv").write_text("\n".join([header, *rows]))
    events = pl.DataFrame(
        {
            "event_id": ["a"],
            "announced_at": [f"{days[179]:%Y-%m-%d}"],
            "assets": ["BTC-USD"],
        }
    )
    result = es.analyze(
        events, prices=str(folder), parts=["returns"], tests=["t"], windows=[(0, 0)]
    )
    # the jump is in the snapshot taken at the end of the day of the announcement
    assert result.cars["car"][0] > 0.1
    (note,) = result.remarks.filter(about="prices")["text"]
    assert "the close of the day that ended" in note
