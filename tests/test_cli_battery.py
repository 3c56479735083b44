"""The command that tests Parquet data sets."""

import json
import sys
from types import SimpleNamespace

import polars as pl
import pytest
from test_scale_datasets import MARKETS, WINDOW, events, made_of

import eventstudy as es
from eventstudy.cli import main as cli
from eventstudy.cli.battery import usual_tests

WORDS = (
    *("battery", "returns.parquet", "--events", "events.parquet"),
    *("--factors", "market.parquet", "--estimation", "-60:-6"),
    *("--event-window", "-5:5"),
)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in a folder that has a data set."""
    monkeypatch.chdir(tmp_path)
    made_of(tmp_path)
    listed = [*events(), ("S01", MARKETS["date"][3])]
    frame = pl.DataFrame(listed, schema=["asset", "date"], orient="row")
    frame.write_parquet("events.parquet")
    MARKETS.write_parquet("market.parquet")

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["eventstudy", *WORDS, *words])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        found = capsys.readouterr()
        return SimpleNamespace(code=code, out=found.out, err=found.err)

    return command


def wanted(folder, **asked):
    return es.scale.battery(made_of(folder, **WINDOW), **asked)


def test_it_says_what_the_library_says(run, tmp_path):
    tests = ["kp_bmp", "grank_t"]
    ended = run(
        *("--tests", "kp_bmp,grank_t", "--window", "-1:1", "--window", "0:2", "--json"),
        *("--alternative", "greater", "--seed", "3"),
    )
    assert (ended.code, ended.err) == (0, "")
    found = wanted(
        tmp_path,
        windows=[(-1, 1), (0, 2)],
        tests=tests,
        alternative="greater",
        seed=3,
    )
    assert json.loads(ended.out) == found.to_dicts()


def test_the_table_and_what_was_left_out_are_on_the_screen(run):
    ended = run("--tests", "csect,rank", "--threads", "1")
    assert ended.code == 0
    lines = ended.out.splitlines()
    head = "test window estimate statistic df p N reason"
    assert " ".join(lines[0].split()) == head
    assert [line.split()[0] for line in lines[1:3]] == ["csect", "rank"]
    assert lines[3] == "1 date left out: its windows are not inside the sessions"


def test_tests_are_those_of_a_study_unless_named(run):
    ended = run("--json", "--columns", "asset,date,ret", "--model", "market_adjusted")
    assert [row["test"] for row in json.loads(ended.out)] == usual_tests()


def test_the_table_is_written_and_parts_are_kept(run, tmp_path):
    for name in ("found.csv", "found.parquet"):
        ended = run(
            *("--tests", "csect", "--out", f"tables/{name}", "--resume", "parts"),
            *("--quiet", "--memory", "900MB", "--engine", "threads"),
        )
        assert (ended.code, ended.out) == (0, "")
    assert len(list((tmp_path / "parts").iterdir())) == 1
    assert pl.read_parquet("tables/found.parquet")["n"].to_list() == [50]
    assert pl.read_csv("tables/found.csv")["n"].to_list() == [50]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--columns asset,date", "--columns names 2; wanted three"),
        ("--columns permno,date,ret", "'permno': there are asset, date, ret"),
        ("--events no.parquet", "the events cannot be read"),
        ("--model markt", "unknown model 'markt': did you mean 'market'"),
        ("--tests t", "'t' judges every observation by itself"),
        ("--window x", "--window 'x': write two whole numbers"),
        ("--estimation -60:-5", "does not end before event_window"),
        ("--memory 5apples", 'wanted an amount such as "3 GB"'),
        ("--threads 0", "threads = 0; wanted at least 1"),
        ("--alternative lower", "unknown alternative 'lower'"),
        ("--engine nope", "unknown engine 'nope'; known: threads, processes"),
        ("--engine threads --cluster tcp://x:1", "give --cluster or --engine"),
    ],
)
def test_a_wrong_flag_ends_with_one_message(run, words, message):
    ended = run(*words.split())
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.startswith("eventstudy: ")
    assert "Traceback" not in ended.err
