"""The catalogues that are shipped, against lists typed from the sources' fact sheet."""

import datetime as dt
import re
from pathlib import Path

import polars as pl
import pytest

from eventstudy.calendars import get_calendar
from eventstudy.calendars.day_zero import day_zeros
from eventstudy.catalogue import KINDS, read_events
from eventstudy.spec import StudySpec, read_spec

FOLDER = Path(__file__).parents[1] / "events"
NAMES = ("china_2021", "china_2013_2019", "united_states", "world")

# id, weekday and date as written, instant in UTC or "-", kind, NYSE day 0 or "-"
# where the sheet states none.
CHINA_2021 = """
CN21-01  Mon 2021-03-01 -     mining_ban      2021-03-01
CN21-02  Tue 2021-03-09 -     mining_ban      -
CN21-03  Tue 2021-05-18 -     mining_curb     2021-05-18
CN21-04  Tue 2021-05-18 15:14 banking_payment 2021-05-18
CN21-05  Fri 2021-05-21 14:32 policy_signal   2021-05-21
CN21-06  Tue 2021-05-25 14:54 mining_ban      2021-05-25
CN21-07  Thu 2021-06-10 -     censorship      -
CN21-08  Wed 2021-06-09 10:23 mining_ban      2021-06-09
CN21-09  Wed 2021-06-09 -     mining_ban      2021-06-09
CN21-10  Sat 2021-06-12 -     mining_curb     2021-06-14
CN21-11  Fri 2021-06-18 -     mining_ban      2021-06-18
CN21-12  Sat 2021-06-19 13:00 enforcement     2021-06-21
CN21-13a Mon 2021-06-21 08:30 banking_payment 2021-06-21
CN21-13b Mon 2021-06-21 10:12 banking_payment 2021-06-21
CN21-14  Tue 2021-07-06 -     enforcement     2021-07-06
CN21-15  Wed 2021-07-14 09:24 mining_ban      2021-07-14
CN21-16  Tue 2021-09-14 11:49 mining_curb     2021-09-14
CN21-17a Fri 2021-09-24 09:32 trading_ban     2021-09-24
CN21-17b Fri 2021-09-24 -     mining_ban      2021-09-24
CN21-18  Fri 2021-10-08 -     mining_ban      2021-10-08
CN21-19  Fri 2021-11-12 -     mining_curb     2021-11-12
CN21-20  Sat 2021-11-13 -     enforcement     2021-11-15
CN21-21  Tue 2021-11-16 07:39 mining_curb     2021-11-16
CN21-22  Mon 2022-01-10 -     mining_ban      2022-01-10
CO-01    Tue 2021-02-16 -     company         -
CO-02    Wed 2021-05-19 -     company         -
CO-03    Sun 2021-05-23 -     company         2021-05-24
CO-04    Mon 2021-05-24 -     company         -
CO-05    Mon 2021-06-21 -     company         -
CO-06    Tue 2021-07-13 -     company         -
CO-07    Wed 2021-06-23 -     company         -
CO-08    Wed 2021-09-22 -     company         -
CO-09    Sun 2021-09-26 -     company         -
CO-10    Mon 2021-10-18 -     company         -
CO-11    Thu 2022-02-17 -     company         -
CO-12    Thu 2022-06-30 -     company         -
"""
CHINA_2013_2019 = """
CN13-01  Thu 2013-12-05 -     banking_payment -
CN13-02  Mon 2013-12-16 -     banking_payment -
CN14-01  Thu 2014-03-27 -     banking_payment -
CN14-02  Thu 2014-04-10 -     banking_payment -
CN17-01  Thu 2017-01-05 -     guidance        -
CN17-02  Wed 2017-01-11 -     guidance        -
CN17-03  Thu 2017-02-09 -     enforcement     -
CN17-04  Mon 2017-09-04 -     trading_ban     -
CN17-05  Fri 2017-09-08 -     trading_ban     -
CN17-06  Wed 2017-09-13 -     guidance        -
CN17-07  Thu 2017-09-14 12:00 company         -
CN17-08  Fri 2017-09-15 15:38 trading_ban     -
CN18-01  Thu 2018-01-04 -     mining_curb     -
CN19-01  Mon 2019-04-08 -     mining_ban      -
CN19-02  Wed 2019-10-30 -     relief          -
"""
UNITED_STATES = """
US17-01  Fri 2017-03-10 21:00    etf        2017-03-13
US17-02  Tue 2017-03-28 -        etf        -
US17-03  Tue 2017-07-25 -        securities -
US18-01  Thu 2018-07-26 -        etf        -
US18-02  Wed 2018-08-22 -        etf        -
US21-01  Wed 2021-07-28 21:25    tax        2021-07-29
US21-02  Sun 2021-08-01 -        tax        2021-08-02
US21-03  Tue 2021-08-10 -        tax        2021-08-10
US21-04  Thu 2021-10-14 03:59    etf        2021-10-15
US21-05  Fri 2021-10-15 -        etf        2021-10-15
US21-06  Tue 2021-10-19 -        etf        2021-10-19
US21-07  Mon 2021-11-15 -        tax        2021-11-15
US22-01  Tue 2022-03-08 23:00    guidance   2022-03-09
US22-02  Wed 2022-03-09 -        guidance   2022-03-09
US22-03  Tue 2022-11-22 04:59    mining_ban 2022-11-23
US23-01  Mon 2023-06-05 15:19:55 securities 2023-06-05
US23-02  Tue 2023-06-06 -        securities 2023-06-06
US23-03  Tue 2023-08-29 -        etf        2023-08-29
US24-01  Tue 2024-01-09 21:18    hoax       2024-01-10
US24-02  Wed 2024-01-10 21:00    etf        2024-01-11
"""
WORLD = """
JP17-01  Sat 2017-04-01 -     framework       -
KR18-01  Thu 2018-01-11 03:28 policy_signal   -
JP18-01  Thu 2018-03-08 -     enforcement     -
IN18-01  Thu 2018-04-05 -     banking_payment -
IN18-02  Fri 2018-04-06 -     banking_payment -
JP18-02  Fri 2018-06-22 -     enforcement     -
IN20-01  Wed 2020-03-04 -     relief          -
IR21-01  Wed 2021-05-26 -     mining_ban      -
SV21-01  Sat 2021-06-05 -     legal_tender    2021-06-07
SV21-02  Wed 2021-06-09 06:05 legal_tender    2021-06-09
KZ21-01  Thu 2021-06-24 -     tax             -
SV21-03  Tue 2021-09-07 -     legal_tender    2021-09-07
KZ22-01  Wed 2022-01-05 12:00 infrastructure  2022-01-05
RU22-01  Thu 2022-01-20 -     policy_signal   -
KZ22-02  Mon 2022-01-24 -     mining_curb     -
EU22-01  Mon 2022-03-14 17:10 relief          2022-03-14
EU22-02  Thu 2022-06-30 -     framework       -
KZ22-03  Mon 2022-07-11 -     tax             -
EU23-01  Thu 2023-04-20 -     framework       -
EU23-02  Fri 2023-06-09 -     framework       -
EU23-03  Thu 2023-06-29 -     framework       -
"""
SHEETS = dict(
    zip(NAMES, (CHINA_2021, CHINA_2013_2019, UNITED_STATES, WORLD), strict=True)
)

HEADLINE = "CN21-04 CN21-05 CN21-08 CN21-11 CN21-13a CN21-13b CN21-17a CN21-17b"

# When prices moved (UTC); none of these minutes may pass for an announcement.
REACTIONS = {
    "CN21-04": "2021-05-18T12:37",
    "CN21-05": "2021-05-21T14:14",
    "CN21-11": "2021-06-18T14:09",
    "CN21-13a": "2021-06-21T06:27",
    "CN21-13b": "2021-06-21T09:08",
    "CN21-17a": "2021-09-24T09:03",
    "CN21-17b": "2021-09-24T09:55",
    "CN17-05": "2017-09-08T13:20",
}

# Directions for bitcoin, rigs in China and rigs elsewhere; "." is not stated.
DIRECTIONS = """
CN21-01 --?  CN21-02 --?  CN21-03 --0  CN21-04 ---  CN21-05 --?  CN21-06 --?
CN21-07 -00  CN21-08 --?  CN21-09 --?  CN21-10 --0  CN21-11 --?  CN21-12 0-?
CN21-13a -00 CN21-13b -00 CN21-14 -00  CN21-15 0-0  CN21-16 0-0  CN21-17a ---
CN21-17b --? CN21-18 0-0  CN21-19 0-0  CN21-20 0-0  CN21-21 --0  CN21-22 000
CO-01 .+.    CO-02 .+.    CO-03 -..    CO-04 .+.    CO-05 .?.    CO-06 .?.
CO-07 .+.    CO-08 .+.    CO-09 -..    CO-10 .+.    CO-11 .-.    CO-12 .0.
"""


def events_of(name: str) -> pl.DataFrame:
    return read_events(FOLDER / f"{name}.csv").frame


def spec_of(name: str) -> StudySpec:
    return read_spec(FOLDER / f"{name}.toml")


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


@pytest.mark.parametrize("name", NAMES)
class TestEveryCatalogue:
    def test_ids_dates_instants_and_kinds(self, name):
        found = []
        for row in events_of(name).iter_rows(named=True):
            instant = row["announced_utc"]
            clock = "-"
            if instant is not None:
                clock = f"{instant:%H:%M:%S}".removesuffix(":00")
            weekday = f"{row['announced_date']:%a}"
            date = row["announced_date"].isoformat()
            found.append([row["event_id"], weekday, date, clock, row["kind"]])
        assert found == [row[:5] for row in words(SHEETS[name])]

    def test_weekdays_of_this_list(self, name):
        for _, weekday, date, *_ in words(SHEETS[name]):
            assert f"{dt.date.fromisoformat(date):%a}" == weekday

    def test_first_session_in_new_york(self, name):
        frame = events_of(name)
        dates = frame["announced_date"]
        margin = dt.timedelta(days=30)
        nyse = get_calendar(
            "XNYS", start=dates.min() - margin, end=dates.max() + margin
        )
        zeros = day_zeros(nyse, frame["announced_utc"].to_list(), dates.to_list())
        sessions = dict(zip(frame["event_id"], zeros, strict=True))
        stated = [row for row in words(SHEETS[name]) if row[5] != "-"]
        for event_id, *_, day0 in stated:
            assert sessions[event_id].session == dt.date.fromisoformat(day0), event_id

    def test_every_row_has_a_source_or_is_from_memory(self, name):
        for row in events_of(name).iter_rows(named=True):
            urls = (row["source_url"] or "").split()
            assert all(re.fullmatch(r"https?://[^\s|;,]+\.\S+", url) for url in urls)
            assert len(set(urls)) == len(urls)
            assert row["status"] in ("confirmed", "memory")
            if row["status"] == "confirmed":
                assert urls, row["event_id"]
            else:
                assert "memory" in row["note"], row["event_id"]

    def test_rows_are_complete(self, name):
        frame = events_of(name)
        required = ["title", "jurisdiction", "level", "authority", "cluster", "status"]
        assert frame.select(required).null_count().sum_horizontal().item() == 0
        assert frame["title"].is_unique().all()
        assert (frame["title"] != frame["event_id"]).all()
        assert frame["title"].str.len_chars().max() <= 90
        assert set(frame["kind"]) <= set(KINDS) - {"other"}

    def test_reactions_are_no_announcements(self, name):
        frame = events_of(name)
        reactions = frame.filter(pl.col("reaction_at").is_not_null())
        found = {
            row["event_id"]: f"{row['reaction_at']:%Y-%m-%dT%H:%M}"
            for row in reactions.iter_rows(named=True)
        }
        ids = set(frame["event_id"])
        assert found == {k: v for k, v in REACTIONS.items() if k in ids}
        instants = {f"{i:%Y-%m-%dT%H:%M}" for i in frame["announced_utc"].drop_nulls()}
        assert not instants & set(REACTIONS.values())

    def test_announced_not_after_the_earliest_document(self, name):
        both = events_of(name).drop_nulls(["source_latest_at", "announced_utc"])
        assert (both["announced_utc"] == both["source_latest_at"]).all()

    def test_an_instant_has_a_stated_bound_or_a_note(self, name):
        timed = events_of(name).filter(pl.col("announced_utc").is_not_null())
        assert timed["note"].null_count() == 0

    def test_the_study_file_covers_the_catalogue(self, name):
        frame, spec = events_of(name), spec_of(name)
        universe = {symbol for group in spec.groups.values() for symbol in group}
        assert set(frame["assets"].explode().drop_nulls()) <= universe
        expected = {
            column.removeprefix("expected_")
            for column in frame.columns
            if column.startswith("expected_")
        }
        assert expected <= set(spec.groups)
        modelled = {group for model in spec.models for group in model.groups}
        assert modelled == set(spec.groups)

    def test_no_misspelt_columns(self, name):
        notes = read_events(FOLDER / f"{name}.csv").notes
        assert notes == ("extra columns kept: named, note",)


class TestChina2021:
    def test_counts(self):
        frame = events_of("china_2021")
        assert frame["event_id"].str.starts_with("CN21-").sum() == 24
        assert frame["event_id"].str.starts_with("CO-").sum() == 12

    def test_headline(self):
        frame = events_of("china_2021")
        headline = frame.filter("headline")["event_id"].to_list()
        assert headline == HEADLINE.split()

    def test_directions(self):
        groups = ("bitcoin", "china_rigs", "foreign_rigs")
        columns = [f"expected_{group}" for group in groups]
        frame = events_of("china_2021")
        found = {
            row[0]: "".join(sign or "." for sign in row[1:])
            for row in frame.select("event_id", *columns).iter_rows()
        }
        tokens = DIRECTIONS.split()
        assert found == dict(zip(tokens[::2], tokens[1::2], strict=True))

    def test_flags(self):
        frame = events_of("china_2021").filter(pl.col("flags").list.len() > 0)
        assert {row[0]: row[1] for row in frame.select("event_id", "flags").rows()} == {
            "CN21-04": ["stale"],
            "CN21-08": ["leak"],
            "CN21-10": ["leak"],
            "CN21-13a": ["leak"],
            "CN21-13b": ["leak"],
            "CN21-17a": ["stale"],
            "CO-05": ["mixed"],
            "CO-11": ["mixed"],
        }

    def test_assets(self):
        frame = events_of("china_2021").filter(pl.col("assets").list.len() > 0)
        assets = {row[0]: row[1] for row in frame.select("event_id", "assets").rows()}
        bit_mining = "01 02 04 05 08 10 11 12"
        assert assets == {
            **{f"CO-{number}": ["BTCM"] for number in bit_mining.split()},
            "CO-03": ["BTC-USD"],
            "CO-06": ["BTBT"],
            "CO-07": ["CAN"],
            "CO-09": ["BTC-USD"],
        }

    def test_clusters(self):
        frame = events_of("china_2021").filter(pl.col("event_id").str.contains("CN21"))
        clusters = frame.group_by("cluster", maintain_order=True).len().rows()
        assert clusters == [
            *(("2021-02/03", 2), ("2021-05", 4), ("2021-06", 8), ("2021-07", 2)),
            *(("2021-09/10", 4), ("2021-11", 3), ("2022-01", 1)),
        ]

    def test_dates_that_differ(self):
        frame = events_of("china_2021")
        columns = ("date_act", "date_first_public", "date_effective")
        dates = {
            row[0]: [None if day is None else f"{day:%m-%d}" for day in row[1:]]
            for row in frame.select("event_id", *columns).rows()
        }
        assert dates["CN21-01"] == ["02-25", "02-25", "04-30"]
        assert dates["CN21-10"] == [None, "06-11", "06-30"]
        assert dates["CN21-11"] == ["06-18", "06-18", "06-20"]
        assert dates["CN21-17a"] == ["09-15", "09-24", None]
        assert dates["CN21-17b"] == ["09-03", "09-24", None]
        assert dates["CN21-19"] == ["11-10", "11-12", None]
        assert dates["CN21-22"] == ["12-27", "01-10", None]
        assert dates["CO-01"] == [None, None, "04-20"]
        assert dates["CO-06"] == [None, "07-13", "06-21"]

    def test_from_memory(self):
        frame = events_of("china_2021").filter(pl.col("status") == "memory")
        assert frame["event_id"].to_list() == ["CN21-02", "CO-01", "CO-07"]

    def test_the_story_is_in_the_notes(self):
        frame = events_of("china_2021")
        texts = {
            row["event_id"]: f"{row['title']} {row['named']} {row['note']}"
            for row in frame.iter_rows(named=True)
        }
        for event_id, facts in {
            "CN21-11": ["26 suspected mining projects"],
            "CN21-13b": ["Alipay", "ICBC", "Postal Savings", "Industrial Bank"],
            "CO-05": ["3% of May revenue", "320 machines", "2,600", "Kazakhstan"],
            "CO-02": ["Texas", "57.2 MW"],
        }.items():
            assert all(fact in texts[event_id] for fact in facts), event_id


class TestOtherCatalogues:
    @pytest.mark.parametrize(
        ("name", "memory"),
        [
            ("china_2013_2019", "CN14-01 CN14-02 CN17-01 CN17-02 CN17-03"),
            ("united_states", "US17-02 US18-01 US18-02 US23-03"),
            ("world", "KZ21-01 EU22-02 EU23-01 EU23-02 EU23-03"),
        ],
    )
    def test_from_memory_and_outside_the_headline(self, name, memory):
        frame = events_of(name)
        found = frame.filter(pl.col("status") == "memory")
        assert found["event_id"].to_list() == memory.split()
        assert not found["headline"].any()

    def test_headline_events_are_first_hand_regulation(self):
        for name in NAMES[1:]:
            frame = events_of(name)
            out = (
                (pl.col("status") == "memory")
                | pl.col("kind").is_in(["infrastructure", "hoax"])
                | pl.col("flags").list.contains("stale")
            )
            assert frame.filter(pl.col("headline") == out).is_empty()

    def test_directions_for_bitcoin(self):
        signs = {
            name: "".join(sign or "." for sign in events_of(name)["expected_bitcoin"])
            for name in NAMES[1:]
        }
        assert signs == {
            "china_2013_2019": "-" * 14 + "+",
            "united_states": "--.-----+++?++?--+??",
            "world": "+-----+-++-+--.+?-???",
        }
