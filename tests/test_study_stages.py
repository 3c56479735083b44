"""What a study says of its progress, and what it leaves out for want of columns."""

from pathlib import Path

import polars as pl
import pytest

import eventstudy as es
from eventstudy.study import counted
from eventstudy.study.counted import Counted
from eventstudy.study.inputs import request_of


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(counted.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1.0, ""), (30.0, ", about 30 s left"), (600.0, ", about 10 minutes left")],
)
def test_a_stage_says_what_is_done_and_the_time_that_is_left(clock, seconds, said):
    heard: list[str] = []
    tell = Counted(heard.append, total=4)
    clock[0] = seconds
    tell.done()
    tell.done()
    tell("Testing groups")
    assert heard == [f"Testing groups (2 of 4 parts done{said})"]


def study(*, columns):
    prices = es.fetch_prices(["BTCM", "^GSPC"], source="snapshot").frame
    events = pl.DataFrame({"event_id": ["a"], "announced_at": ["2021-06-21"]})
    spec = es.StudySpec(
        model="market",
        factors=("^GSPC",),
        groups={"miner": ("BTCM",)},
        parts=("returns", "volume", "illiquidity"),
    )
    return es.run(spec, events, prices.select("symbol", "date", *columns))


def test_prices_without_volume_give_one_row_of_the_ledger_for_each_measure():
    result = study(columns=("close",))
    measures = {"volume", "volume_change", "illiquidity", "spread"}
    assert not measures & {*result.tests["outcome"]}
    said = result.ledger.filter(stage="volume").to_dicts()
    assert [(row["model"], row["event_id"]) for row in said] == [
        ("volume", None),
        ("volume_change", None),
    ]
    assert {row["wanted"] for row in said} == {"volume"}
    assert result.ledger.filter(stage="illiquidity").height == 2


def test_prices_with_volume_are_tested_on_it():
    result = study(columns=("high", "low", "close", "volume"))
    assert {"volume", "spread"} <= {*result.tests["outcome"]}
    assert result.ledger.filter(stage="illiquidity").is_empty()


def test_paths_of_a_study_file_begin_at_its_folder(tmp_path, monkeypatch):
    (tmp_path / "study" / "quotes").mkdir(parents=True)
    (tmp_path / "elsewhere" / "bars").mkdir(parents=True)
    catalogue = tmp_path / "study" / "events.csv"
    catalogue.write_text("event_id,announced_at\na,2021-06-21\n")
    catalogue.with_suffix(".toml").write_text(
        'prices = "quotes"\n[intraday]\n"BTC-USD" = "bars"\n'
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    spec = request_of(catalogue).spec
    assert Path(spec.prices) == tmp_path / "study" / "quotes"
    assert spec.intraday == {"BTC-USD": "bars"}  # as there is none beside the file
    catalogue.with_suffix(".toml").write_text('prices = "snapshot"\n')
    (tmp_path / "study" / "snapshot").mkdir()
    assert request_of(catalogue).spec.prices == "snapshot"
