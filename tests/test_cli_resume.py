"""Studies on a cluster, and studies that go on where they were broken off."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

import eventstudy as es
from eventstudy import __main__ as cli
from eventstudy.core.errors import SourceError
from eventstudy.study import builders
from eventstudy.study.result import StudyResult

EVENTS = pl.DataFrame(
    {"event_id": ["summons"], "announced_at": ["2021-06-21T18:12+08:00"]}
)
ASKED = {
    "assets": ["BTCM", "SOS"],
    "factors": ["^GSPC"],
    "windows": [(-1, 1)],
    "parts": ["returns", "volume", "breaks"],
    "resamples": 99,
}


def made(resume=None, **changed):
    return es.analyze(EVENTS, **{**ASKED, **changed}, resume=resume)


def assert_same(a: StudyResult, b: StudyResult):
    for name, table in a.tables.items():
        assert table.equals(b.tables[name]), name


def command(monkeypatch, capsys, words):
    """Run the command; return its exit code and what it printed."""
    monkeypatch.setattr(sys, "argv", ["eventstudy", *words])
    code = 0
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code
    found = capsys.readouterr()
    return SimpleNamespace(code=code, out=found.out, err=found.err)


@pytest.mark.long
def test_finished_parts_are_taken_and_the_rest_is_computed(
    tmp_path, monkeypatch, capsys
):
    whole = made()
    called = []

    def broken(study):
        raise KeyboardInterrupt

    def counted(name):
        builder = getattr(builders, name)

        def function(study):
            called.append(name)
            return builder(study)

        return function

    names = ("returns", "outcomes", "breaks")
    with monkeypatch.context() as patched:
        patched.setattr(builders, "breaks", broken)
        with pytest.raises(KeyboardInterrupt):
            made(tmp_path)
    there = sorted(one.name.split("_")[0] for one in tmp_path.iterdir())
    assert there == ["outcomes", "returns", "uncertain"]
    for name in names:
        monkeypatch.setattr(builders, name, counted(name))
    assert_same(made(tmp_path), whole)
    assert called == ["breaks"]
    assert_same(made(tmp_path), whole)
    assert called == ["breaks"]
    # Another request is another study.
    made(tmp_path, seed=5)
    assert sorted(called[1:]) == sorted(names)


@pytest.mark.long
def test_a_spoiled_part_is_made_again(tmp_path):
    whole = made(tmp_path)
    for one in tmp_path.iterdir():
        for file in one.glob("*.parquet"):
            file.write_bytes(file.read_bytes()[:40])
    assert_same(made(tmp_path), whole)


def test_a_folder_that_is_none_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceError, match="finished parts cannot be kept there"):
        made(tmp_path / "file" / "parts", parts=["breaks"])


@pytest.mark.long
def test_the_command_keeps_parts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    EVENTS.write_csv("tiny.csv")
    Path("tiny.toml").write_text('parts = ["breaks"]\n', encoding="utf-8")
    words = ["analyze", "tiny.csv", "--assets", "BTCM", "--json", "--format", "md"]
    for number in (1, 2):
        ended = command(
            monkeypatch,
            capsys,
            [*words, "--resume", "parts", "--out", f"report_{number}"],
        )
        assert ended.code == 0, ended.err
        assert json.loads(ended.out)["report"] == f"report_{number}"
    assert [one.name.split("_")[0] for one in Path("parts").iterdir()] == ["breaks"]


@pytest.mark.processes
def test_the_command_says_that_no_scheduler_answers(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed", reason="a cluster wants the extra cluster")
    monkeypatch.chdir(tmp_path)
    EVENTS.write_csv("tiny.csv")
    ended = command(
        monkeypatch, capsys, ["analyze", "tiny.csv", "--cluster", "tcp://127.0.0.1:9"]
    )
    assert ended.code == 2
    assert "no scheduler answers at tcp://127.0.0.1:9" in ended.err
    assert not Path("reports").exists()


def test_the_command_says_what_a_cluster_wants(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "distributed", None)
    EVENTS.write_csv("tiny.csv")
    words = ["analyze", "tiny.csv", "--cluster", "tcp://127.0.0.1:9"]
    ended = command(monkeypatch, capsys, words)
    assert ended.code == 2
    assert "pip install 'market-eventstudy[cluster]'" in ended.err
