"""The catalogues as a data set: their description, their sources, corrections."""

import re
from pathlib import Path

import polars as pl
import pytest

from eventstudy.catalogue import read_events
from eventstudy.catalogue.corrections import COLUMNS
from eventstudy.catalogue.events import KNOWN
from eventstudy.cli.check_all import check_all, unsourced
from eventstudy.core.errors import DataError, SpecError

FOLDER = Path(__file__).parents[1] / "events"
CATALOGUES = sorted(FOLDER.glob("*.csv"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def catalogue(folder, *rows, columns="event_id,announced_at,supersedes,known_since"):
    path = folder / "own.csv"
    path.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    return path


def test_every_catalogue_and_its_size_is_described():
    told = dict(re.findall(r"^\| `(\w+\.csv)` \| (\d+) \|", README, re.MULTILINE))
    sizes = {path.name: str(read_events(path).frame.height) for path in CATALOGUES}
    assert told == sizes


def test_every_column_is_described():
    described = set(re.findall(r"`(\w+)`", README))
    for path in CATALOGUES:
        held = pl.read_csv(path, n_rows=0).columns
        named = {name for name in held if not name.startswith("expected_")}
        assert named <= described, path.name
    assert set(COLUMNS) <= described
    assert described >= {name for name in KNOWN if name != "zone"}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_every_row_has_a_source_or_says_why_not(path):
    assert unsourced(read_events(path).frame) == []


def test_all_catalogues_are_checked_at_once(capsys):
    check_all(FOLDER, None, {}, as_json=False)
    told = capsys.readouterr().out
    assert told.count("no problems found") == len(CATALOGUES)


def test_a_row_without_source_and_reason_is_told(tmp_path, capsys):
    catalogue(tmp_path, "a,2021-06-01,", columns="event_id,announced_at,source_url")
    with pytest.raises(DataError, match="of 1 catalogues 1 must be mended"):
        check_all(tmp_path, None, {}, as_json=False)
    assert "no source for a" in capsys.readouterr().out


def test_one_broken_catalogue_does_not_hide_the_others(tmp_path, capsys):
    catalogue(tmp_path, "a,2021-06-99", columns="event_id,announced_at")
    (tmp_path / "good.csv").write_text("event_id,announced_at,note\na,2021-06-01,why\n")
    with pytest.raises(DataError, match="of 2 catalogues 1"):
        check_all(tmp_path, None, {}, as_json=True)
    assert '"events": 1' in capsys.readouterr().out


def test_a_folder_is_wanted(tmp_path):
    with pytest.raises(SpecError, match="wants a folder"):
        check_all(FOLDER / "world.csv", None, {}, as_json=False)
    with pytest.raises(SpecError, match="holds no catalogue"):
        check_all(tmp_path, None, {}, as_json=False)


def test_a_corrected_row_gives_way_to_its_correction(tmp_path):
    rows = ("a,2021-06-01,,", "b,2021-06-02,a,2026-12-01", "c,2021-06-03,b,2026-12-02")
    events = read_events(catalogue(tmp_path, *rows, "d,2021-06-04,,"))
    assert events.frame["event_id"].to_list() == ["c", "d"]
    assert "a is left out: b takes its place" in events.notes
    assert events.frame["known_since"].to_list() == ["2026-12-02", None]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("b,2021-06-02,x,", "is no event_id of this file"),
        ("b,2021-06-02,b,", "is the row itself"),
        ("b,2021-06-02,,soon", "is no date such as"),
    ],
)
def test_corrections_that_cannot_be_are_told_with_their_line(row, said, tmp_path):
    with pytest.raises(DataError, match=rf"own\.csv:3: .*{said}"):
        read_events(catalogue(tmp_path, "a,2021-06-01,,", row))


def test_corrections_that_go_round_in_a_circle_are_told(tmp_path):
    rows = ("a,2021-06-01,b,", "b,2021-06-02,a,", "c,2021-06-03,,", "d,2021-06-04,c,")
    with pytest.raises(DataError, match="in a circle"):
        read_events(catalogue(tmp_path, *rows))
