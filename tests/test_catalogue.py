"""The reader of catalogues: what it accepts, what it refuses, and where it points."""

import csv
import datetime as dt
import hashlib
import io
import os
import threading
import tracemalloc
from typing import ClassVar

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstudy.catalogue import (
    FLAGS,
    KINDS,
    PRECISIONS,
    STATUSES,
    Events,
    read_events,
)
from eventstudy.catalogue.schema import Catalogue
from eventstudy.catalogue.text import MAX_BYTES, MAX_LINE_BYTES, escape_cell
from eventstudy.cells import opened
from eventstudy.core.errors import DataError, Problem

UTC = dt.UTC
MINIMAL = "event_id,announced_at\na,2021-05-21T22:14+08:00\n"


@pytest.fixture
def read(tmp_path):
    """Write text or bytes to a file and read it as a catalogue."""

    def read_content(content: str | bytes) -> Events:
        path = tmp_path / "events.csv"
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
        return read_events(path)

    return read_content


@pytest.fixture
def problems(read):
    """Read content that must be refused and return its problems."""

    def refused(content: str | bytes) -> tuple[Problem, ...]:
        with pytest.raises(DataError) as caught:
            read(content)
        assert caught.value.problems
        assert all(p.file.endswith("events.csv") for p in caught.value.problems)
        assert all(str(p) in str(caught.value) for p in caught.value.problems)
        return caught.value.problems

    return refused


def one(problems: tuple[Problem, ...]) -> Problem:
    (problem,) = problems
    return problem


def catalogue_with(column: str, value: str) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    cells = {"event_id": "a", "announced_at": "2021-05-21"} | {column: value}
    writer.writerow(cells)
    writer.writerow(cells.values())
    return stream.getvalue()


class TestMinimal:
    def test_two_columns_are_enough(self, read):
        events = read(MINIMAL)
        row = events.frame.row(0, named=True)
        assert len(events) == 1
        assert row["event_id"] == row["title"] == "a"
        assert row["announced_at"] == "2021-05-21T22:14+08:00"
        assert row["announced_utc"] == dt.datetime(2021, 5, 21, 14, 14, tzinfo=UTC)
        assert row["announced_date"] == dt.date(2021, 5, 21)
        assert row["precision"] == "minute"
        assert row["kind"] == "other"
        assert row["assets"] == []
        assert row["flags"] == []
        assert row["headline"] is True
        assert row["line"] == 2
        empty = "jurisdiction level authority cluster confounders source_url status"
        dates = "reaction_at source_latest_at date_act date_first_public date_effective"
        assert {row[name] for name in (empty + " " + dates).split()} == {None}

    def test_defaults_are_told(self, read):
        notes = " / ".join(read(MINIMAL).notes)
        for said in ("every event belongs to the headline", "'other'", "all assets"):
            assert said in notes

    def test_provenance(self, read, tmp_path):
        events = read(MINIMAL)
        assert events.source == str(tmp_path / "events.csv")
        assert events.sha256 == hashlib.sha256(MINIMAL.encode()).hexdigest()

    def test_columns_keep_to_the_contract(self, read):
        frame = read(MINIMAL).frame
        Catalogue.validate(frame)
        assert frame.columns == Catalogue.column_names()

    def test_html(self, read):
        html = read(
            'event_id,announced_at,title\na,2021-05-21,"<script>x</script>"\n'
        )._repr_html_()
        assert "1 events from" in html
        assert "<table" in html
        assert "<script>" not in html


class TestInstants:
    @pytest.mark.parametrize(
        ("text", "utc", "date"),
        [
            ("2021-05-21T22:14+08:00", (2021, 5, 21, 14, 14), (2021, 5, 21)),
            ("2021-05-21 22:14+08:00", (2021, 5, 21, 14, 14), (2021, 5, 21)),
            ("2021-05-21T22:14:05+08:00", (2021, 5, 21, 14, 14, 5), (2021, 5, 21)),
            (
                "2021-05-21T22:14:05.25Z",
                (2021, 5, 21, 22, 14, 5, 250000),
                (2021, 5, 21),
            ),
            ("2021-05-21T14:14Z", (2021, 5, 21, 14, 14), (2021, 5, 21)),
            # the local date is the one written, on whichever day it is in UTC
            ("2021-06-09T00:05-06:00", (2021, 6, 9, 6, 5), (2021, 6, 9)),
            ("2021-06-10T05:30+08:00", (2021, 6, 9, 21, 30), (2021, 6, 10)),
            ("2021-10-14T23:59-04:00", (2021, 10, 15, 3, 59), (2021, 10, 14)),
            ("2021-01-01T00:00+05:45", (2020, 12, 31, 18, 15), (2021, 1, 1)),
            ("2020-02-29T23:59:59+14:00", (2020, 2, 29, 9, 59, 59), (2020, 2, 29)),
        ],
    )
    def test_accepted(self, read, text, utc, date):
        frame = read(catalogue_with("announced_at", text)).frame
        assert frame["announced_utc"][0] == dt.datetime(*utc, tzinfo=UTC)
        assert frame["announced_date"][0] == dt.date(*date)
        assert frame["precision"][0] == "minute"
        assert frame["announced_at"][0] == text

    def test_a_date_has_no_instant(self, read):
        frame = read(catalogue_with("announced_at", "2021-05-21")).frame
        assert frame["announced_utc"][0] is None
        assert frame["announced_date"][0] == dt.date(2021, 5, 21)
        assert frame["precision"][0] == "day"

    def test_an_instant_may_be_known_to_the_day_only(self, read):
        text = "event_id,announced_at,precision\na,2021-10-14T23:59-04:00,day\n"
        frame = read(text).frame
        assert frame["precision"][0] == "day"
        assert frame["announced_utc"][0] == dt.datetime(2021, 10, 15, 3, 59, tzinfo=UTC)

    @pytest.mark.parametrize("precision", ["hour", "minute"])
    def test_a_date_cannot_claim_a_time(self, problems, precision):
        text = f"event_id,announced_at,precision\na,2021-05-21,{precision}\n"
        problem = one(problems(text))
        assert (problem.line, problem.column) == (2, "precision")
        assert "write the time with its offset, or precision day" in problem.message

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "2021-05-21T22:14",
                "write 2021-05-21T22:14Z for UTC or 2021-05-21T22:14+08",
            ),
            ("2021-05-21 22:14:30", "has no offset from UTC"),
            ("2021-05-21T24:00+08:00", "no hour 24; hours go from 00 to 23"),
            ("2021-05-21T25:00Z", "no hour 25"),
            ("2021-05-21T10:60Z", "minutes and seconds go from 00 to 59"),
            ("2021-05-21T10:00:60Z", "minutes and seconds go from 00 to 59"),
            ("2021-02-29", "no day 2021-02-29 in the calendar"),
            ("2021-02-29T10:00Z", "no day 2021-02-29 in the calendar"),
            ("2021-13-01", "no day 2021-13-01"),
            ("2021-00-10", "no day 2021-00-10"),
            ("1899-12-31", "year 1899 is out of range; years go from 1900 to 2200"),
            ("2201-01-01T00:00Z", "year 2201 is out of range"),
            ("0000-01-01", "year 0 is out of range"),
            ("2021-05-21T22:14+14:01", "offsets go from -14:00 to +14:00"),
            ("2021-05-21T22:14+08:75", "offsets go from"),
            (
                "2021-05-21T22:14+0800",
                "neither a date such as 2021-05-21 nor an instant",
            ),
            ("2021-05-21T22:14 CST", "neither a date"),
            ("21/05", "neither a date"),
            ("5/21/21 22:14", "neither a date"),
            ("2021-5-32", "neither a date"),
            ("2021-05-21T2:14Z", "neither a date"),
            ("1621606440", "neither a date"),
            ("tomorrow", "neither a date"),
            ("٢٠٢١-٠٥-٢١", "neither a date"),
            ("12021-05-21", "neither a date"),
            ("2021-05-21T22:14+08:00x", "neither a date"),
        ],
    )
    def test_refused(self, problems, text, said):
        problem = one(problems(catalogue_with("announced_at", text)))
        assert (problem.line, problem.column) == (2, "announced_at")
        assert problem.value == text
        assert said in problem.message

    def test_every_minute_of_a_day_is_the_one_that_python_reads(self):
        texts = [
            f"2021-03-28T{h:02}:{m:02}{sign}{oh:02}:30"
            for h in range(24)
            for m in range(0, 60, 7)
            for sign in "+-"
            for oh in (0, 5, 13)
        ]
        frame = pl.DataFrame(
            {"event_id": map(str, range(len(texts))), "announced_at": texts}
        )
        read = read_events(frame).frame
        stamps = [dt.datetime.fromisoformat(text) for text in texts]
        assert read["announced_utc"].to_list() == [s.astimezone(UTC) for s in stamps]
        assert read["announced_date"].to_list() == [s.date() for s in stamps]

    @pytest.mark.parametrize("column", ["reaction_at", "source_latest_at"])
    def test_other_instants(self, read, problems, column):
        frame = read(catalogue_with(column, "2021-05-21T22:14+08:00")).frame
        assert frame[column][0] == dt.datetime(2021, 5, 21, 14, 14, tzinfo=UTC)
        for text, said in (
            ("2021-05-21", "is not an instant with offset such as"),
            ("2021-05-21T22:14", "has no offset from UTC"),
            ("2021-05-21T24:00Z", "no hour 24"),
        ):
            problem = one(problems(catalogue_with(column, text)))
            assert (problem.column, problem.value) == (column, text)
            assert said in problem.message

    @pytest.mark.parametrize(
        "column", ["date_act", "date_first_public", "date_effective"]
    )
    def test_other_dates(self, read, problems, column):
        frame = read(catalogue_with(column, "2021-05-21")).frame
        assert frame[column][0] == dt.date(2021, 5, 21)
        for text, said in (
            ("2021-05-21T22:14Z", "is not a date such as 2021-05-21"),
            ("2021-06-31", "no day 2021-06-31"),
            ("1492-10-12", "year 1492"),
        ):
            problem = one(problems(catalogue_with(column, text)))
            assert (problem.column, problem.value) == (column, text)
            assert said in problem.message


class TestWords:
    @pytest.mark.parametrize(
        ("column", "value", "said"),
        [
            ("kind", "miningban", "did you mean mining_ban? known: mining_ban,"),
            ("kind", "Mining ban", "did you mean mining_ban?"),
            ("kind", "xyzzy", "is not known; known: mining_ban, mining_curb,"),
            ("precision", "second", "known: minute, hour, day"),
            ("status", "rumour", "known: confirmed, inferred, memory"),
            ("headline", "yes", "known: true, false"),
            ("flags", "leak stael", "'stael' is no flag; known: leak, mixed, stale"),
            ("flags", "leak;old|new", "'old', 'new' is no flag"),
            ("expected_bitcoin", "++", "no direction; known: - 0 + ? (or -1, 0, 1)"),
            ("expected_bitcoin", "+?", "no direction"),
            ("expected_bitcoin", "0.5", "no direction"),
        ],
    )
    def test_refused(self, problems, column, value, said):
        problem = one(problems(catalogue_with(column, value)))
        assert (problem.line, problem.column, problem.value) == (2, column, value)
        assert said in problem.message

    @pytest.mark.parametrize("kind", KINDS)
    def test_kinds(self, read, kind):
        assert read(catalogue_with("kind", kind)).frame["kind"][0] == kind
        assert KINDS[kind]

    @pytest.mark.parametrize("status", STATUSES)
    def test_statuses(self, read, status):
        assert read(catalogue_with("status", status)).frame["status"][0] == status

    @pytest.mark.parametrize(
        ("written", "meant"),
        [("true", True), ("TRUE", True), ("False", False), ("", False)],
    )
    def test_headline(self, read, written, meant):
        events = read(catalogue_with("headline", written))
        assert events.frame["headline"][0] is meant
        assert not any("headline" in note for note in events.notes)

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            *(("-", "-"), ("−", "-"), ("-1", "-"), ("0", "0"), ("+", "+")),
            *(("+1", "+"), ("1", "+"), ("?", "?"), (" + ", "+"), ("", None)),
        ],
    )
    def test_directions(self, read, written, meant):
        frame = read(catalogue_with("expected_miners", written)).frame
        assert frame["expected_miners"][0] == meant

    @pytest.mark.parametrize("written", ["leak stale", "leak;stale", " leak | stale "])
    def test_flags(self, read, written):
        assert read(catalogue_with("flags", written)).frame["flags"][0].to_list() == [
            "leak",
            "stale",
        ]


class TestAssets:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("BTCM", ["BTCM"]),
            ("BTCM CAN", ["BTCM", "CAN"]),
            ("BTCM;CAN | EBON", ["BTCM", "CAN", "EBON"]),
            ("BTCM BTCM", ["BTCM"]),
            ("", []),
            (
                "BTC-USD ^GSPC 0700.HK ES=F M&M.NS BRK-B EURUSD=X BF.B",
                [
                    "BTC-USD",
                    "^GSPC",
                    "0700.HK",
                    "ES=F",
                    "M&M.NS",
                    "BRK-B",
                    "EURUSD=X",
                    "BF.B",
                ],
            ),
        ],
    )
    def test_accepted(self, read, written, meant):
        frame = read(catalogue_with("assets", written)).frame
        assert frame["assets"][0].to_list() == meant

    @pytest.mark.parametrize(
        "symbol",
        [
            *("../x", "/etc/passwd", "..", ".hidden", "C:\\x", "a/b", "x.", "-rm", "^"),
            *(
                "=1+1",
                "@SUM",
                "BTCM,CAN",
                "<b>",
                "$(id)",
                "`id`",
                "x" * 32,
                "ＢＴＣ",
                "ß",
            ),
            *("%2e%2e", "~", "*", "a'b"),
        ],
    )
    def test_refused(self, problems, symbol):
        problem = one(problems(catalogue_with("assets", f"BTCM {symbol}")))
        assert (problem.line, problem.column) == (2, "assets")
        assert repr(symbol) in problem.message
        assert "wanted the Yahoo spelling" in problem.message
        assert "'BTCM'" not in problem.message


class TestIds:
    @pytest.mark.parametrize(
        "text", ["CN21-13b", "a b", "5", "=1+1", "été", "..x", "大阪"]
    )
    def test_accepted(self, read, text):
        assert read(catalogue_with("event_id", text)).frame["event_id"][0] == text

    @pytest.mark.parametrize(
        "text",
        [
            "a/b",
            "a\\b",
            "../x",
            "a:b",
            "a*",
            "a?",
            'a"b',
            "<a>",
            "a|b",
            "a\nb",
            "a\u202eb",
        ],
    )
    def test_refused(self, problems, text):
        problem = one(problems(catalogue_with("event_id", text)))
        assert (problem.column, problem.value) == ("event_id", text)
        assert "cannot stand in a file name" in problem.message

    def test_dots_are_no_name(self, problems):
        for text in (".", ".."):
            problem = one(problems(catalogue_with("event_id", text)))
            assert (problem.column, problem.value) == ("event_id", text)
            assert "wanted more than dots" in problem.message

    def test_too_long(self, problems):
        problem = one(problems(catalogue_with("event_id", "x" * 101)))
        assert "longer than 100 characters" in problem.message

    def test_twice(self, problems):
        found = problems(
            "event_id,announced_at\na,2021-05-21\nb,2021-05-21\na,2021-05-22\n\na,2021-05-23\n"
        )
        assert [p.line for p in found] == [4, 6]
        assert {p.column for p in found} == {"event_id"}
        assert all("used already on line 2" in p.message for p in found)

    def test_empty(self, problems):
        found = problems("event_id,announced_at\n,2021-05-21\nb,\n")
        assert [(p.line, p.column) for p in found] == [
            (2, "event_id"),
            (3, "announced_at"),
        ]
        assert all("is empty; every event needs one" in p.message for p in found)


class TestAllAtOnce:
    TEXT = (
        "event_id,announced_at,kind,title,assets,date_act\n"
        "\n"
        'a,2021-05-21,other,"two\nlines, quoted",BTCM,\n'
        "a,2021-05-21T22:14,minig_ban,x,../x,2021-02-30\n"
        "c,2021-05-21,other,x\n"
        "d,24:00,other,x,BTCM,\n"
    )

    def test_every_problem_with_its_place(self, problems):
        found = problems(self.TEXT)
        assert [(p.line, p.column) for p in found] == [
            (5, "event_id"),
            (5, "announced_at"),
            (5, "kind"),
            (5, "assets"),
            (5, "date_act"),
            (6, None),
            (7, "announced_at"),
        ]
        assert (
            "4 cells where the header has 6; is the line cut off?" in found[5].message
        )

    def test_the_count_comes_first(self, read):
        with pytest.raises(
            DataError, match=r"events\.csv: 7 problems in the catalogue"
        ):
            read(self.TEXT)

    def test_with_the_header(self, problems):
        found = problems("event_id,when,kind,kind\na,2021-05-21,what,other\n")
        assert [(p.line, p.column) for p in found] == [
            (1, "kind"),
            (1, "announced_at"),
        ]
        found = problems("id,announced_at,status\na,2021-05-21T10:00,what\n")
        assert [(p.line, p.column) for p in found] == [
            (1, "event_id"),
            (2, "announced_at"),
            (2, "status"),
        ]

    def test_a_flood_is_cut_and_counted(self, problems):
        rows = "".join(f"e{i},yesterday\n" for i in range(1000))
        found = problems("event_id,announced_at\n" + rows)
        assert len(found) == 101
        assert found[-1].message == "… and 900 more problems"


class TestHeader:
    @pytest.mark.parametrize(
        ("header", "missing", "near"),
        [
            ("event_id,Announced At", "announced_at", "'Announced At'"),
            ("event_id,timestamp", "announced_at", "'timestamp'"),
            ("event_id,anounced_at", "announced_at", "'anounced_at'"),
            ("id,announced_at", "event_id", "'id'"),
            ("EVENT_ID,announced_at", "event_id", "'EVENT_ID'"),
        ],
    )
    def test_near_misses(self, problems, header, missing, near):
        problem = one(problems(header + "\na,2021-05-21\n"))
        assert (problem.line, problem.column) == (1, missing)
        assert f"is required but missing; rename {near} if" in problem.message

    def test_no_near_miss(self, problems):
        found = problems("\n\nx,y\n1,2\n")
        assert [(p.line, p.column) for p in found] == [
            (3, "event_id"),
            (3, "announced_at"),
        ]
        assert all("found 'x', 'y'" in p.message for p in found)

    def test_names_twice(self, problems):
        problem = one(problems("event_id,announced_at,note,note\na,2021-05-21,x,y\n"))
        assert (problem.line, problem.column) == (1, "note")
        assert "occurs 2 times; names must be unique" in problem.message

    def test_nameless_columns(self, read, problems):
        events = read("event_id,announced_at,,\na,2021-05-21,,\n")
        assert "empty columns without a name skipped: 2" in events.notes
        problem = one(problems("event_id,announced_at,\na,2021-05-21,x\n"))
        assert problem.message == "column 3 has cells but no name"

    def test_extra_columns_are_kept(self, read):
        events = read("note,event_id,announced_at,Weight\n 007 ,a,2021-05-21,\n")
        assert events.frame["note"].to_list() == ["007"]
        assert events.frame["Weight"].to_list() == [None]
        assert events.frame.columns[-3:] == ["note", "Weight", "line"]
        assert "extra columns kept: note, Weight" in events.notes

    def test_a_misspelt_optional_column_is_told(self, read):
        notes = read("event_id,announced_at,statuss,flag\na,2021-05-21,x,leak\n").notes
        assert "column 'statuss' is not read; did you mean 'status'?" in notes
        assert "column 'flag' is not read; did you mean 'flags'?" in notes

    def test_derived_columns_are_worked_out_anew(self, read):
        events = read("event_id,announced_at,announced_utc,line\na,2021-05-21,x,9\n")
        assert events.frame["announced_utc"].to_list() == [None]
        assert events.frame["line"].to_list() == [2]
        said = [note for note in events.notes if "yours is ignored" in note]
        assert len(said) == 2


class TestFileForms:
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_separators_marks_and_line_ends(self, read, separator, mark, end):
        rows = [
            ["event_id", "announced_at", "title"],
            ["a", "2021-05-21T22:14+08:00", f'"one{separator} two ""three"""'],
            ["b", "2021-05-22", "plain"],
        ]
        text = mark + end.join(separator.join(row) for row in rows) + end
        events = read(text)
        assert events.frame["title"].to_list() == [
            f'one{separator} two "three"',
            "plain",
        ]
        assert events.frame["line"].to_list() == [2, 3]
        assert ("byte order mark skipped" in events.notes) == bool(mark)
        said = {
            ",": None,
            ";": "separator ';' detected",
            "\t": "separator tab detected",
        }
        found = [note for note in events.notes if note.startswith("separator")]
        assert found == [said[separator]] * (separator != ",")

    def test_lines_count_through_quoted_breaks_and_blanks(self, read):
        header = "event_id,announced_at,note\r\n\r\n"
        text = header + 'a,2021-05-21,"x\r\n\r\ny"\r\n\nb,2021-05-22,z'
        frame = read(text).frame
        assert frame["line"].to_list() == [3, 7]

    def test_blanks_after_a_separator(self, read):
        frame = read('event_id, announced_at, note\na , 2021-05-21, "x, y"\n').frame
        assert frame["event_id"].to_list() == ["a"]
        assert frame["note"].to_list() == ["x, y"]

    def test_blank_lines_need_no_note(self, read):
        notes = read("event_id,announced_at\n\n  \na,2021-05-21\n\n").notes
        assert not any("skipped" in note for note in notes)

    def test_rows_of_empty_cells(self, read):
        events = read("event_id,announced_at\n,\na,2021-05-21\n , \n")
        assert len(events) == 1
        assert "lines of empty cells skipped: 2, 4" in events.notes

    def test_cells_are_read_as_they_are(self, read):
        cells = ["=1+1", "+x", "-x", "@SUM(A1)", "'=1", "<b>", "$(id)"]
        rows = "".join(f"{i},2021-05-21,{cell}\n" for i, cell in enumerate(cells))
        frame = read("event_id,announced_at,title\n" + rows).frame
        assert frame["title"].to_list() == cells

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            ("a,2021-05-21,x,y", "4 cells where the header has 3; put quotation marks"),
            ("a,2021-05-21", "2 cells where the header has 3; is the line cut off?"),
            ("a", "1 cells where the header has 3"),
            (
                'a,2021-05-21,"never closed',
                "quotation marks of this row do not pair up",
            ),
            ('a,2021-05-21,"x"y', "quotation marks of this row do not pair up"),
        ],
    )
    def test_ragged_rows(self, problems, row, said):
        problem = one(problems(f"event_id,announced_at,title\n0,2021-01-01,x\n{row}\n"))
        assert problem.line == 3
        assert said in problem.message

    @pytest.mark.parametrize("control", ["\x01", "\x1b", "\x7f", "\x85", "\x9b"])
    @pytest.mark.parametrize("column", ["event_id", "title", "note", "kind"])
    def test_control_characters(self, problems, column, control):
        problem = one(problems(catalogue_with(column, f"x{control}y")))
        assert (problem.line, problem.column) == (2, column)
        assert "control character" in problem.message
        assert control not in str(problem)


class TestNotACatalogue:
    @pytest.mark.parametrize(
        ("content", "line", "said"),
        [
            (b"", None, "is empty"),
            (b"\xef\xbb\xbf", None, "is empty"),
            (b"\n \r\n", None, "is empty"),
            (b"event_id,announced_at\n", None, "has a header but no events"),
            (b"event_id,announced_at\n,\n", None, "has a header but no events"),
            (b"<!DOCTYPE html>\n<html></html>", 1, "is HTML or XML, not CSV"),
            (b"\n  <html lang=en>", 1, "is HTML or XML, not CSV"),
            (b"PK\x03\x04rest", None, "the workbook cannot be read"),
            (b"\xd0\xcf\x11\xe0rest", None, "old Excel workbook"),
            (b"PAR1rest", None, "a Parquet file"),
            (b"\x1f\x8brest", None, "compressed with gzip"),
            (b"%PDF-1.7", None, "a PDF document"),
            (MINIMAL.encode() + b"b,\0\n", 3, "holds NUL bytes"),
        ],
    )
    def test_refused(self, problems, content, line, said):
        problem = one(problems(content))
        assert problem.line == line
        assert said in problem.message

    def test_bytes_that_are_not_utf8(self, problems):
        content = MINIMAL.encode() + b"b,2021-05-21 \xe9\nc,x\nd,\x81\n"
        found = problems(content)
        assert [p.line for p in found] == [3, 5]
        assert "byte 0xe9 is not UTF-8; save as UTF-8" in found[0].message
        assert found[0].value == ",2021-05-21 \ufffd"

    def test_no_such_file(self, tmp_path):
        with pytest.raises(DataError, match="No such file or directory") as caught:
            read_events(tmp_path / "none.csv")
        assert caught.value.problems[0].file.endswith("none.csv")

    def test_a_folder(self, tmp_path):
        with pytest.raises(DataError, match="Is a directory"):
            read_events(tmp_path)

    @pytest.mark.parametrize("source", [None, 5, ["a"], {"event_id": ["a"]}])
    def test_neither_file_nor_frame(self, source):
        with pytest.raises(DataError, match="cannot be read from"):
            read_events(source)


class TestBounds:
    def test_200_mb_in_one_line_stay_on_disk(self, tmp_path):
        path = tmp_path / "endless.csv"
        with path.open("wb") as stream:
            stream.write(MINIMAL.encode())
            for _ in range(200):
                stream.write(b"a" * 1_000_000)
        tracemalloc.start()
        with pytest.raises(DataError, match=r"endless\.csv:3: a line of more than"):
            read_events(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10e6

    @pytest.mark.parametrize("before", [0, 1, 700_000, 1_048_570])
    @pytest.mark.parametrize("end", ["\n", "\r"])
    def test_the_long_line_is_named(self, problems, before, end):
        text = "event_id,announced_at" + end + "x" * before + end
        problem = one(problems(text + "y" * (MAX_LINE_BYTES + 1) + end + "z"))
        assert problem.line == 3
        assert "a line of more than" in problem.message

    def test_a_sparse_file_stays_on_disk(self, tmp_path):
        path = tmp_path / "sparse.csv"
        path.write_text(MINIMAL)
        with path.open("r+b") as stream:
            stream.truncate(200_000_000)
        with pytest.raises(DataError, match=r"sparse\.csv:3: holds NUL bytes"):
            read_events(path)

    def test_too_large(self, tmp_path):
        path = tmp_path / "large.csv"
        line = b"x" * 999 + b"\n"
        with path.open("wb") as stream:
            for _ in range(MAX_BYTES // 1_000_000 + 1):
                stream.write(line * 1000)
        with pytest.raises(DataError, match=r"larger than 64 MB.*pass a frame instead"):
            read_events(path)

    def test_the_longest_line_is_read(self, read):
        start = "event_id,announced_at,note\na,2021-05-21,"
        cells = ",".join(["x" * 100_000] * 10)
        header = start.replace("note", ",".join(f"n{i}" for i in range(10)))
        assert len(cells) < MAX_LINE_BYTES
        assert len(read(header + cells + "\n")) == 1

    def test_an_endless_cell(self, problems):
        text = 'event_id,announced_at\na,"' + "2021\n" * 50_000
        problem = one(problems(text))
        assert problem.line == 2
        assert "do not pair up" in problem.message


class TestFrames:
    COLUMNS: ClassVar[dict[str, list[object]]] = {
        "event_id": ["a", "b"],
        "announced_at": ["2021-05-21T22:14+08:00", "2021-05-22"],
        "headline": [True, False],
        "expected_bitcoin": [-1, 0],
        "note": ["x", None],
    }

    @pytest.mark.parametrize(
        "make",
        [pl.DataFrame, pd.DataFrame, pa.table, lambda d: pl.DataFrame(d).to_arrow()],
        ids=["polars", "pandas", "pyarrow", "arrow of polars"],
    )
    def test_any_frame(self, make):
        events = read_events(make(self.COLUMNS))
        assert events.source == "frame"
        assert events.sha256 is None
        frame = events.frame
        assert frame["announced_utc"].to_list() == [
            dt.datetime(2021, 5, 21, 14, 14, tzinfo=UTC),
            None,
        ]
        assert frame["headline"].to_list() == [True, False]
        assert frame["expected_bitcoin"].to_list() == ["-", "0"]
        assert frame["note"].to_list() == ["x", None]
        assert frame["line"].to_list() == [1, 2]

    def test_typed_instants_and_dates(self):
        local = pl.Series(
            [dt.datetime(2021, 5, 21, 22, 14), dt.datetime(2021, 11, 7, 1, 30, 5, 7)]  # noqa: DTZ001
        ).dt.replace_time_zone("America/New_York", ambiguous="earliest")
        frame = pl.DataFrame(
            {
                "event_id": ["a", "b"],
                "announced_at": local,
                "date_act": [dt.date(2021, 5, 20), None],
                "assets": [["BTCM", "CAN"], []],
                "expected_x": [1.0, float("nan")],
            }
        )
        events = read_events(frame).frame
        assert events["announced_at"].to_list() == [
            "2021-05-21T22:14:00-04:00",
            "2021-11-07T01:30:05.000007-04:00",
        ]
        in_utc = local.dt.convert_time_zone("UTC")
        assert events["announced_utc"].to_list() == in_utc.to_list()
        assert events["date_act"].to_list() == [dt.date(2021, 5, 20), None]
        assert events["assets"].to_list() == [["BTCM", "CAN"], []]
        assert events["expected_x"].to_list() == ["+", None]
        days = read_events(
            pl.DataFrame({"event_id": ["a"], "announced_at": [dt.date(2021, 5, 20)]})
        )
        assert days.frame["precision"].to_list() == ["day"]

    def test_pandas_instants(self):
        stamps = pd.to_datetime(["2021-05-21 22:14"]).tz_localize("Asia/Shanghai")
        frame = pd.DataFrame({"event_id": ["a"], "announced_at": stamps})
        assert read_events(frame).frame["announced_date"][0] == dt.date(2021, 5, 21)

    def test_naive_midnights_are_days(self):
        for made in (pl, pd):
            frame = made.DataFrame(
                {
                    "event_id": ["a"],
                    "announced_at": [dt.datetime(2021, 6, 21)],  # noqa: DTZ001
                }
            )
            (row,) = (
                read_events(frame)
                .frame.select("announced_date", "announced_utc", "precision")
                .rows()
            )
            assert row == (dt.date(2021, 6, 21), None, "day")

    def test_naive_times_need_their_zone(self):
        moment = dt.datetime(2021, 8, 3, 15, 45)  # noqa: DTZ001
        frame = pl.DataFrame({"event_id": ["a"], "announced_at": [moment]})
        with pytest.raises(DataError) as caught:
            read_events(frame)
        (problem,) = caught.value.problems
        assert (problem.line, problem.column) == (1, "announced_at")
        assert "or timezone in the study file" in problem.message
        events = read_events(frame, timezone="America/New_York")
        utc = events.frame["announced_utc"][0]
        assert utc == dt.datetime(2021, 8, 3, 19, 45, tzinfo=dt.UTC)

    def test_types_without_text(self):
        frame = pl.DataFrame({"event_id": ["a"], "announced_at": [b"x"]})
        with pytest.raises(DataError, match="has type Binary; wanted text"):
            read_events(frame)

    def test_empty(self):
        with pytest.raises(DataError, match="holds no events"):
            read_events(pl.DataFrame({"event_id": [], "announced_at": []}))

    def test_not_a_table(self):
        with pytest.raises(DataError, match="cannot be read as a table"):
            read_events(pd.DataFrame({"event_id": ["a", 1], "announced_at": 1}))

    def test_reading_what_was_read_changes_nothing(self, read):
        first = read(
            "event_id,announced_at,assets,flags,headline,expected_x,note,reaction_at\n"
            "a,2021-05-21T22:14+08:00,BTCM;CAN,leak,true,-,x,2021-05-21T14:14Z\n"
            "b,2021-05-22,,,,,,\n"
        ).frame
        again = read_events(first).frame
        assert again.drop("line").equals(first.drop("line"))


def test_many_events_are_read_in_bulk():
    n = 100_000
    frame = pl.DataFrame({"event_id": pl.int_range(n, eager=True).cast(pl.String)})
    frame = frame.with_columns(announced_at=pl.lit("2021-05-21T22:14+08:00"))
    assert len(read_events(frame)) == n


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_escape_cell(start):
    assert escape_cell(start + "x") == "'" + start + "x"
    assert escape_cell("x" + start) == "x" + start
    assert escape_cell("") == ""


TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=20
).map(str.strip)
SYMBOLS = st.sampled_from(["BTC-USD", "^GSPC", "0700.HK", "ES=F", "M&M.NS", "BTCM"])
OFFSETS = st.integers(-14 * 60, 14 * 60).map(
    lambda m: dt.timezone(dt.timedelta(minutes=m))
)
INSTANTS = st.datetimes(
    dt.datetime(1900, 1, 1),  # noqa: DTZ001
    dt.datetime(2200, 12, 31, 23, 59),  # noqa: DTZ001
    timezones=OFFSETS,
)
DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2200, 12, 31))
IDS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='/\\:*?"<>|'
    ),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip(".") != "" and text == text.strip())


@st.composite
def valid_rows(draw):
    """Rows of a valid catalogue as Python values."""
    ids = draw(st.lists(IDS, min_size=1, max_size=6, unique=True))
    return [
        {
            "event_id": event_id,
            "announced": draw(INSTANTS | DAYS),
            "title": draw(TEXT),
            "kind": draw(st.sampled_from(list(KINDS))),
            "assets": draw(st.lists(SYMBOLS, unique=True, max_size=3)),
            "flags": draw(st.lists(st.sampled_from(list(FLAGS)), unique=True)),
            "headline": draw(st.booleans()),
            "expected_x": draw(st.sampled_from(["-", "0", "+", "?"])),
            "note": draw(TEXT | st.just("two\nlines")),
            "date_act": draw(st.none() | DAYS),
        }
        for event_id in ids
    ]


def as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list):
        return " ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.long
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=valid_rows(),
    separator=st.sampled_from([",", ";", "\t"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_written_is_read(tmp_path, rows, separator, mark, end, quoting):
    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream, delimiter=separator, lineterminator=end, quoting=quoting
    )
    columns = [name if name != "announced" else "announced_at" for name in rows[0]]
    writer.writerow(columns)
    for row in rows:
        writer.writerow([as_text(value) for value in row.values()])
    path = tmp_path / "valid.csv"
    path.write_bytes(mark + stream.getvalue().encode())
    frame = read_events(path).frame
    line = 2
    for row, found in zip(rows, frame.iter_rows(named=True), strict=True):
        said = row["announced"]
        is_instant = isinstance(said, dt.datetime)
        assert found["announced_utc"] == (said if is_instant else None)
        assert found["announced_date"] == (said.date() if is_instant else said)
        assert found["precision"] == ("minute" if is_instant else "day")
        assert found["precision"] in PRECISIONS
        assert found["title"] == (row["title"] or row["event_id"])
        assert found["note"] == (row["note"] or None)
        for name in (
            "event_id",
            "kind",
            "assets",
            "flags",
            "headline",
            "expected_x",
            "date_act",
        ):
            assert found[name] == row[name]
        assert found["line"] == line
        line += 1 + row["note"].count("\n")


class TestLists:
    """Lists of others: tickers and dates, other spellings, no ids."""

    @pytest.mark.parametrize(
        ("text", "settings"),
        [
            ("ticker,date\nAAA,2021-06-21\nBBB,2021-05-05\n", {}),
            ("Ticker;Date\nAAA;21.06.2021\nBBB;05.05.2021\n", {}),
            ("ticker,date\nAAA,21/06/2021\nBBB,05/05/2021\n", {}),
            ("symbol,event_date\nAAA,06/21/2021\nBBB,05/05/2021\n", {}),
            ('ticker,date\nAAA,"Jun 21, 2021"\nBBB,"May 5, 2021"\n', {}),
            ("ticker,date\nAAA,44368\nBBB,44321\n", {}),
            ("ticker,date\nAAA,20210621\nBBB,20210505\n", {}),
            ("ticker,date\nAAA,2021-06-21 00:00:00\nBBB,2021-05-05 00:00:00\n", {}),
            ("sep=;\nticker;date\nAAA;2021-06-21\nBBB;2021-05-05\n", {}),
            ("Firm;Symbol;Date\nA Corp.;AAA;2021-06-21\nB;BBB;2021-05-05\n", {}),
            ("PERMNO,rdq\nAAA,2021-06-21\nBBB,2021-05-05\n", {}),
            (
                "firm;day\nAAA;21 06 2021\nBBB;05 05 2021\n",
                {"columns": {"announced_at": "day"}, "date_format": "%d %m %Y"},
            ),
        ],
    )
    def test_ids_are_made_of_tickers_and_dates(self, tmp_path, text, settings):
        for content in (text.encode(), text.encode("utf-16")):
            path = tmp_path / "deals.csv"
            path.write_bytes(content)
            events = read_events(path, **settings)
            assert events.frame["event_id"].to_list() == [
                "AAA-2021-06-21",
                "BBB-2021-05-05",
            ]
            assert events.frame["assets"].to_list() == [["AAA"], ["BBB"]]
            assert [str(d) for d in events.frame["announced_date"]] == [
                "2021-06-21",
                "2021-05-05",
            ]
            assert (
                "no column 'event_id': ids are made of assets and dates" in events.notes
            )

    def test_one_firm_twice_on_a_day_has_two_ids(self, read):
        ids = read("ticker,date\nA,2021-06-21\nA,2021-06-21\n").frame["event_id"]
        assert ids.to_list() == ["A-2021-06-21", "A-2021-06-21-2"]

    def test_day_and_month_that_cannot_be_told_are_asked(self, problems):
        problem = one(problems("ticker,date\nA,05/06/2021\nB,05/07/2021\n"))
        assert problem.column == "announced_at"
        assert "say event_date_format = '%d/%m/%Y' or '%m/%d/%Y'" in problem.message

    def test_a_request_file_of_eventstudytools(self, read):
        text = (
            "1;AAA;MKT;21.06.2021;a;-1;1;-11;120\n2;BBB;MKT;05.05.2021;a;-1;1;-11;120\n"
        )
        events = read(text)
        assert events.frame["event_id"].to_list() == ["1", "2"]
        assert events.frame["assets"].to_list() == [["AAA"], ["BBB"]]
        assert str(events.frame["announced_date"][1]) == "2021-05-05"
        assert any("request of EventStudyTools" in note for note in events.notes)

    def test_a_request_with_other_dates_and_commas(self, read):
        events = read("1,AAA,MKT,2021-06-21,a,-1,1,-11,120\n")
        assert events.frame["estimation_end"].to_list() == ["-11"]
        assert str(events.frame["announced_date"][0]) == "2021-06-21"

    def test_two_columns_of_dates_are_asked_about(self, problems):
        text = "ticker,date,announcement date\nA,2021-05-06,2021-05-07\n"
        found = problems(text)
        assert any("event_columns = { announced_at = 'date' }" in str(p) for p in found)

    def test_headings_that_say_nothing_are_asked_about(self, problems):
        for problem in problems("Nr,Wann\n1,2021-06-21\n"):
            assert "event_columns = {" in problem.message

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
    def test_a_pipe_is_read_if_somebody_writes_to_it(self, tmp_path, monkeypatch):
        path = tmp_path / "pipe"
        os.mkfifo(path)
        text = b"event_id,announced_at\na,2021-06-21\n"
        writer = threading.Thread(target=path.write_bytes, args=(text,))
        writer.start()
        assert read_events(path).frame["event_id"].to_list() == ["a"]
        writer.join()
        monkeypatch.setattr(opened, "PATIENCE", 0.1)
        with pytest.raises(DataError, match="a pipe, and nobody wrote to it"):
            read_events(path)

    def test_a_workbook(self, tmp_path):
        xlsxwriter = pytest.importorskip("xlsxwriter", reason="the extra excel")
        pytest.importorskip("fastexcel", reason="the extra excel")
        with xlsxwriter.Workbook(tmp_path / "deals.xlsx") as book:
            page = book.add_worksheet("Deals")
            day = book.add_format({"num_format": "dd.mm.yyyy"})
            page.write_row(0, 0, ["ticker", "date", "title"])
            page.write_row(1, 0, ["AAA", 44368, "A deal"])
            page.write_datetime(2, 1, dt.date(2021, 5, 5), day)
            page.write_datetime(1, 1, dt.date(2021, 6, 21), day)
            page.write(2, 0, "BBB")
        events = read_events(tmp_path / "deals.xlsx", sheet="Deals")
        assert events.frame["event_id"].to_list() == [
            "AAA-2021-06-21",
            "BBB-2021-05-05",
        ]
        assert events.frame["title"][0] == "A deal"
        with pytest.raises(DataError, match="there is no sheet 'Deal'"):
            read_events(tmp_path / "deals.xlsx", sheet="Deal")
