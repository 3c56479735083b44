"""Uncertain dates in a study: the three tables, their words and the figure."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import eventstudy as es
from eventstudy.core.windows import cumulate
from eventstudy.inference import anticipation, share_before, split_dates
from eventstudy.report.figures import DRAWINGS
from eventstudy.report.sections import uncertain_dates as words
from eventstudy.report.views import Views
from eventstudy.spec.files import spec_from
from eventstudy.study import pipeline
from eventstudy.study.builders import Study
from eventstudy.study.uncertain_dates import path_windows

pytestmark = pytest.mark.long
SPEC = {
    "models": [{"model": "market", "factors": ["^GSPC"]}],
    "groups": {"miners": ["MARA", "RIOT"]},
    "windows": [[-1, 1]],
    "tests": ["t"],
}


@pytest.fixture(scope="module")
def made():
    """A study with an effect, its result, and its fits."""
    held: list[Study] = []
    plain = pipeline._tables

    def kept(study, always, resume):
        held.append(study)
        return plain(study, always, resume)

    rng = np.random.default_rng(3)
    days = pl.date_range(pl.date(2016, 1, 1), pl.date(2021, 12, 31), "1d", eager=True)
    days = days.filter(days.dt.weekday() < 6)
    market = rng.normal(size=len(days))
    at = np.arange(300, 1500, 80)
    frames = []
    for symbol in ("MARA", "RIOT", "^GSPC"):
        move = 0.01 * market + 0.02 * rng.normal(size=len(days))
        if symbol != "^GSPC":
            for one in at:
                move[one - 3 : one + 1] -= 0.03
        frames.append(
            pl.DataFrame(
                {"symbol": symbol, "date": days, "close": 50 * np.exp(move.cumsum())}
            )
        )
    events = pl.DataFrame(
        {
            "event_id": [f"E{k}" for k in range(len(at))],
            "announced_at": [
                f"{day}T12:00Z" if k % 2 else str(day)
                for k, day in enumerate(days[at.tolist()])
            ],
            "flags": ["leak" if k % 3 == 0 else "" for k in range(len(at))],
            "title": "news",
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "_tables", kept)
        result = es.run(
            spec_from(SPEC), es.read_events(events), es.read_prices(pl.concat(frames))
        )
    return result, held[0]


def chunks(made):
    return made[1].samples[0].event


def test_the_path_is_that_of_the_function(made):
    table = made[0].anticipation
    path = anticipation(chunks(made), last=1)
    assert table["start"].to_list() == list(range(-10, 1))
    assert table["estimate"].to_numpy() == pytest.approx(path.estimate)
    assert table["onset"].to_numpy() == pytest.approx(path.onset)
    assert table.filter("found").height == 1
    assert table["pvalue"].min() < 0.01
    assert "whole history" in table["basis"][0]


def test_the_split_is_that_of_the_function(made):
    row = made[0].split_dates.to_dicts()[0]
    found = split_dates(chunks(made), last=1, seed=made[0].spec.seed)
    assert (row["start"], row["end"]) == found.found
    assert row["pvalue"] == pytest.approx(found.pvalue)
    assert row["estimate"] == pytest.approx(found.interval.estimate)
    assert row["n_found"] + row["n"] == 30


def test_shares_are_those_of_the_function_by_kind(made):
    table = made[0].share_before
    assert table.select("by", "value").rows() == [
        ("all", "all"),
        ("precision", "day"),
        ("precision", "minute"),
        ("leak", "leak"),
        ("leak", "none"),
    ]
    ab = chunks(made)[0]
    before, whole = (cumulate(ab, window).car for window in ((-10, -1), (-10, 1)))
    found = share_before(before, whole, ab.clock)
    row = table.row(0, named=True)
    assert row["share"] == pytest.approx(found.share)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((found.low, found.high))
    assert row["shape"] == "between"
    assert row["ci_low"] < 0.75 < row["ci_high"]
    assert table["n"].to_list() == [30, 16, 14, 10, 20]


@pytest.mark.parametrize(
    ("event_window", "window", "wanted"),
    [
        ((-10, 10), (-1, 1), (-10, 1, 11)),
        ((-3, 3), (0, 0), (-3, 0, 4)),
        ((-60, 10), (2, 5), (-10, 5, 11)),
        ((-20, 10), (-15, -12), (-12, -12, 1)),
        ((-10, 10), (-8, -4), (-10, -4, 7)),
        ((0, 10), (0, 1), (0, 1, 1)),
        ((1, 10), (1, 2), None),
    ],
)
def test_paths_lie_in_the_event_window(event_window, window, wanted):
    spec = es.StudySpec(
        returns="log",
        estimation=(-200, -70),
        event_window=event_window,
        windows=(window,),
    )
    found = path_windows(spec)
    if wanted is None:
        assert found == ()
    else:
        assert (*found[0], len(found)) == wanted


def test_the_words_name_what_was_found(made):
    views = Views(made[0])
    text = "\n\n".join(words.blocks(views))
    assert "stamp to the minute" in text
    assert "no known leak" in text
    assert "[-3,+1]" in text
    assert "few dates overlap" not in text
    assert words.line(made[0]).startswith("**The day itself.** The largest move")
    drawing = DRAWINGS["anticipation.svg"]
    assert drawing.has_data(made[0])
    assert b"<svg" in drawing.draw(made[0])
    assert "from session -3" in drawing.alt(made[0])


def test_without_rows_there_are_no_words(made):
    result = made[0]
    nothing = replace(result, anticipation=result.anticipation.clear())
    assert list(words.blocks(Views(nothing))) == []
    assert words.line(nothing) == ""
    assert not DRAWINGS["anticipation.svg"].has_data(nothing)
