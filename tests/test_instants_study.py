"""Minutes after announcements in a study: the study file, the table, the words."""

import re
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

import eventstudy as es
from eventstudy.core.errors import DataError, SpecError
from eventstudy.report.sections import instants
from eventstudy.report.views import Views
from eventstudy.spec.files import spec_from
from eventstudy.study.intraday_bars import read_bars

START = datetime(2021, 1, 1, tzinfo=UTC)
HOUR = 3600


def bars(
    folder, name="bars.csv", symbols=("BTC-USD",), jump=None, minutes=15, n=60 * 96
):
    parts = []
    for k, symbol in enumerate(symbols):
        rng = np.random.default_rng(k)
        returns = rng.normal(0, 0.001, n)
        if jump is not None:
            returns[jump] += 0.03
        close = 100 * np.exp(np.cumsum(returns))
        parts.append(
            pl.DataFrame(
                {
                    "symbol": symbol,
                    "time_utc": START.timestamp() + 60 * minutes * np.arange(n),
                    "open": np.r_[100.0, close[:-1]],
                    "close": close,
                }
            ).with_columns(
                pl.from_epoch(pl.col("time_utc").cast(pl.Int64)).dt.strftime(
                    "%Y-%m-%dT%H:%M:%SZ"
                )
            )
        )
    path = folder / name
    pl.concat(parts).write_csv(path)
    return str(path)


def studied(path, **more):
    settings = {"intraday": {"BTC-USD": path}, "groups": {"bitcoin": ("BTC-USD",)}}
    spec = es.StudySpec(
        parts=("intraday",), min_estimation=2, estimation=(-40, -11), **settings | more
    )
    events = pl.DataFrame(
        {
            "event_id": ["minute", "hour", "day"],
            "announced_at": ["2021-02-20T12:05Z", "2021-02-22T12:05Z", "2021-02-24"],
            "precision": ["minute", "hour", "day"],
        }
    )
    days = pl.date_range(pl.date(2020, 12, 1), pl.date(2021, 4, 30), eager=True)
    close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.03, len(days))))
    prices = pl.DataFrame({"symbol": "BTC-USD", "date": days, "close": close})
    return es.run(spec, events, prices)


def test_what_is_said_depends_on_how_well_the_time_is_known(tmp_path):
    jump = 50 * 96 + 48  # the bar in which the first announcement falls
    result = studied(bars(tmp_path, jump=jump))
    table = result.intraday_effects
    assert table["minutes"].to_list() == 3 * [15, 60, 240, 1440]
    minute, hour, day = (
        table.filter(event_id=name) for name in ("minute", "hour", "day")
    )
    assert minute["reason"].null_count() == 4
    assert minute["car"][0] == pytest.approx(0.03, abs=0.004)
    assert minute["pvalue_family"].min() < 0.001
    assert minute["first_move"].to_list() == [10.0] * 4
    assert hour["reason"].to_list()[:2] == ["the time is known to the hour only"] * 2
    assert hour["car"].is_not_null().to_list() == [False, False, True, True]
    assert day["reason"].to_list() == ["the time is known to the day only"] * 4
    page = "\n".join(instants.blocks(Views(result))).replace("\xa0", " ")
    assert re.search(r"\+[23]\.\d % within 15 minutes, p < 0.001", page)
    assert "the first jump ended 10 minutes after the stamp" in page
    assert "known to the day only (1 announcement)" in page


def test_a_jump_before_the_stamp_is_told(tmp_path):
    result = studied(bars(tmp_path, jump=50 * 96 + 40))
    held = result.intraday_effects.filter(event_id="minute")
    assert held["first_move"][0] == -110.0
    page = "\n".join(instants.blocks(Views(result)))
    assert "A jump came before the stamp, by more than it may be off" in page


def test_the_table_intraday_of_a_study_file():
    spec = spec_from(
        {
            "intraday": {
                "bars": {"BTC-USD": "a.csv", "ETH-USD": "a.csv"},
                "minutes": [60],
                "benchmark": "BTC-USD",
            }
        }
    )
    assert spec.intraday == {"BTC-USD": "a.csv", "ETH-USD": "a.csv"}
    assert spec.intraday_minutes == (60,)
    assert spec.intraday_benchmark == "BTC-USD"
    assert spec_from(spec.as_dict()) == spec
    old = spec_from({"intraday": {"BTC-USD": "a.csv"}})
    assert old.intraday == {"BTC-USD": "a.csv"}
    assert old.intraday_minutes == (15, 60, 240, 1440)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"minutes": [0]}, "from 1"),
        ({"minutes": []}, "from 1"),
        ({"minutes": ["an hour"]}, "minutes"),
        ({"bars": ["a.csv"]}, "wanted a table of files by symbol"),
        ({"benchmark": "BTC-USD"}, "wants bars"),
    ],
)
def test_what_cannot_be_is_an_error(table, said):
    with pytest.raises(SpecError, match=said):
        spec_from({"intraday": table})


def test_a_fault_is_told_with_its_line(tmp_path):
    path = tmp_path / "one.toml"
    path.write_text("seed = 1\n[intraday]\nminutes = [0]\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"one\.toml:3: "):
        es.read_spec(path)


def test_one_file_of_several_symbols_and_a_benchmark(tmp_path):
    path = bars(tmp_path, symbols=("BTC-USD", "ETH-USD"), jump=50 * 96 + 48)
    files = {"BTC-USD": path, "ETH-USD": path}
    result = studied(path, intraday=files, intraday_benchmark="ETH-USD")
    table = result.intraday_effects
    assert set(table["symbol"]) == {"BTC-USD"}
    # in the month before the later ones both jumped
    assert table.filter(event_id="minute")["beta"].abs().max() < 0.05
    alone = studied(path, intraday=files).intraday_effects
    assert set(alone["symbol"]) == {"BTC-USD", "ETH-USD"}
    assert alone["beta"].null_count() == alone.height


def test_bars_that_overlap_before_an_opening_are_left_out(tmp_path):
    times = [
        "2021-04-21T13:00:00Z",  # before the session, over its first half hour
        *(f"2021-04-21T{h}:30:00Z" for h in range(13, 20)),
        "2021-04-21T20:00:00Z",
    ]
    frame = pl.DataFrame({"time_utc": times, "open": 1.0, "close": 2.0})
    path = tmp_path / "bars.csv"
    frame.write_csv(path)
    with pytest.raises(DataError, match="not overlap"):
        read_bars(str(path), "BTC-USD")
    found = read_bars(str(path), "RIOT", "XNYS")
    assert len(found.bars.start) == 7
    assert found.notes == (
        "RIOT: bars overlap, so that only the 7 of 9 that begin in a session of XNYS "
        "are used",
    )
