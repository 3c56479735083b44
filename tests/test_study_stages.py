"""What a study says of its progress, and what it leaves out for want of columns."""

import polars as pl
import pytest

import eventstudy as es
from eventstudy.study import counted
from eventstudy.study.counted import Counted


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
