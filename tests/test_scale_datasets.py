"""Batteries over Parquet data sets and functions: the numbers of one in memory."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from reference.inference_panels import panel, take
from test_scale_parts import NINE, WINDOWS, assert_same

import eventstudy as es
from eventstudy.core.errors import DataError, SourceError, SpecError
from eventstudy.core.limits import Limits, amount
from eventstudy.inference import battery

DAYS = [date(2020, 1, 1) + timedelta(days=k) for k in range(140)]
ASSETS = [f"S{k:02d}" for k in range(30)]
MARKET = 0.01 * np.random.default_rng(7).standard_normal(len(DAYS))
WINDOW = {"estimation": (-60, -6), "event_window": (-5, 5)}


def returns(seed=0):
    """A long panel with a gap, in the order of dates."""
    rng = np.random.default_rng(seed)
    wide = MARKET[:, None] + 0.02 * rng.standard_normal((len(DAYS), len(ASSETS)))
    wide[90, 3] = np.nan
    frame = pl.DataFrame(
        {
            "asset": ASSETS * len(DAYS),
            "date": np.repeat(np.array(DAYS, "datetime64[D]"), len(ASSETS)),
            "ret": wide.ravel(),
        }
    ).with_columns(pl.col("ret").fill_nan(None))
    return wide.T, frame


def events(n=50, seed=1):
    rng = np.random.default_rng(seed)
    cells = rng.choice(len(ASSETS) * 70, n, replace=False)
    return [(ASSETS[c // 70], DAYS[60 + c % 70]) for c in sorted(cells)]


MARKETS = pl.DataFrame({"date": DAYS, "market": MARKET})


def made_of(folder, *, sort=True, **options):
    _, frame = returns()
    if sort:
        frame = frame.sort("asset", "date")
    path = folder / "returns.parquet"
    frame.write_parquet(path, row_group_size=500)
    listed = pl.DataFrame(events(), schema=["asset", "date"], orient="row")
    given = {"factors": MARKETS, **WINDOW, **options}
    return es.scale.dataset(path, given.pop("events", listed), **given)


def by_hand(chosen, model="market"):
    """The same observations fitted at once, each cut out of the panel by itself."""
    wide, _ = returns()
    at = [DAYS.index(day) for _, day in chosen]
    distinct = sorted(set(at))
    y = np.stack(
        [
            wide[ASSETS.index(a), k - 60 : k + 6]
            for (a, _), k in zip(chosen, at, strict=True)
        ]
    )
    x = None
    if model != "constant_mean":
        x = np.stack([MARKET[k - 60 : k + 6] for k in at])
    epoch = (DAYS[0] - date(1970, 1, 1)).days
    days = epoch + np.array(distinct)[:, None] + np.arange(-60, 6)
    return es.models.MODELS[model](
        y,
        x,
        n_estimation=55,
        first_offset=-5,
        asset=np.array([ASSETS.index(a) for a, _ in chosen]),
        clock=np.searchsorted(distinct, at),
        clocks=es.Clock(estimation=days[:, :55], event=days[:, 55:]),
    )


@pytest.mark.parametrize("sort", [True, False])
@pytest.mark.parametrize("model", ["market", "constant_mean", "market_adjusted"])
def test_a_data_set_gives_what_is_fitted_by_hand(tmp_path, sort, model):
    made = made_of(tmp_path, sort=sort, model=model)
    wanted = battery(by_hand(events(), model), windows=WINDOWS, tests=NINE)
    assert_same(es.scale.battery(made, windows=WINDOWS, tests=NINE), wanted)
    assert (made.observations, made.left_out) == (50, {})


@pytest.mark.processes
def test_chunks_are_cut_for_memory_and_change_no_number(tmp_path):
    wanted = battery(by_hand(events()), windows=WINDOWS, tests=NINE)
    _, frame = returns()
    paths = tmp_path / "returns"
    paths.mkdir()
    for k, part in enumerate(frame.sort("asset").iter_slices(1500)):
        part.write_parquet(paths / f"{k}.parquet")
    listed = pl.DataFrame(events(), schema=["asset", "date"], orient="row")
    listed.write_parquet(tmp_path / "events.parquet")
    MARKETS.write_parquet(tmp_path / "market.parquet")
    made = es.scale.dataset(
        paths,
        tmp_path / "events.parquet",
        factors=tmp_path / "market.parquet",
        **WINDOW,
    )
    for ends in ([0, 50], [0, 1, 2, 50], [*range(0, 50, 7), 50]):
        object.__setattr__(made, "ends", np.array(ends))
        for engine in ("threads", "processes"):
            found = es.scale.battery(made, windows=WINDOWS, tests=NINE, engine=engine)
            assert_same(found, wanted)


def test_windows_apart_and_dates_off_the_calendar(tmp_path):
    gap = {"estimation": (-60, -20)}
    listed = pl.DataFrame(
        {"asset": ["S01", "S02", "S03"], "date": ["2020-04-01", "2020-01-05", None]}
    )
    made = made_of(tmp_path, events=listed, **gap)
    assert made.left_out == {"its windows are not inside the sessions": 1}
    ab = made.open(0)
    assert ab.residuals.shape == (1, 41)
    assert np.diff(np.append(ab.clocks.estimation[0], ab.clocks.event[0]))[40] == 15


def test_day_zero_is_the_next_session(tmp_path):
    sessions = MARKETS.filter(pl.col("date").dt.weekday() <= 5)
    listed = pl.DataFrame({"asset": ["S01"], "date": [date(2020, 4, 18)]})  # Saturday
    made = made_of(tmp_path, events=listed, factors=sessions)
    assert (
        made.open(0).clocks.event[0, 5] == (date(2020, 4, 20) - date(1970, 1, 1)).days
    )


def test_sessions_may_be_minutes(tmp_path):
    made = made_of(tmp_path)
    _, frame = returns()
    minutes = pl.col("date").cast(pl.Datetime("us"))
    minute = pl.lit(datetime(2024, 3, 1, tzinfo=UTC)).dt.replace_time_zone(None) + (
        minutes - DAYS[0]
    ) / (24 * 60)
    frame.sort("asset").with_columns(date=minute).write_parquet(tmp_path / "m.parquet")
    listed = pl.DataFrame(events(), schema=["asset", "date"], orient="row")
    given = [one.with_columns(date=minute) for one in (listed, MARKETS)]
    bars = es.scale.dataset(
        tmp_path / "m.parquet", given[0], factors=given[1], **WINDOW
    )
    assert bars.sessions[1] - bars.sessions[0] == 60_000_000
    asked = {"windows": WINDOWS, "tests": NINE}
    assert es.scale.battery(bars, **asked).equals(es.scale.battery(made, **asked))


def test_every_date_is_a_placebo(tmp_path):
    made = made_of(tmp_path, events=None)
    assert made.observations == 30 * (140 - 60 - 5)
    chosen = [(a, DAYS[k]) for a in ASSETS for k in range(60, 135)]
    wanted = battery(by_hand(chosen), windows=WINDOWS, tests=NINE)
    assert_same(es.scale.battery(made, windows=WINDOWS, tests=NINE), wanted)


def test_what_is_no_data_set_is_refused(tmp_path):
    made_of(tmp_path)
    path, listed = (
        tmp_path / "returns.parquet",
        pl.DataFrame({"asset": ["S01"], "date": [DAYS[80]]}),
    )
    for given, kind, message in (
        ({"returns": tmp_path / "no.parquet"}, SourceError, "cannot be read"),
        ({"names": ("permno", "date", "ret")}, DataError, "'permno': there are asset"),
        ({"events": pl.DataFrame({"asset": ["S01"]})}, DataError, "events lack date"),
        ({"factors": None}, SpecError, "market wants factors"),
        ({"model": "markt"}, SpecError, "did you mean 'market'"),
        ({"estimation": (-60, -5)}, SpecError, "does not end before event_window"),
        (
            {"factors": MARKETS.with_columns(market=pl.lit(None, pl.Float64))},
            DataError,
            "no number on 2020-01-01",
        ),
        (
            {"factors": pl.concat([MARKETS, MARKETS])},
            DataError,
            "two rows of a date",
        ),
        (
            {"events": listed.with_columns(date=pl.lit(date(2030, 1, 1)))},
            DataError,
            "no event has its windows inside the 140 sessions from 2020-01-01",
        ),
        ({"names": ("asset", "date", "asset")}, DataError, "String where numbers are"),
        ({"names": ("asset", "ret", "ret")}, DataError, "Float64 where dates are"),
        ({"events": 5}, SourceError, "the events cannot be read"),
    ):
        with pytest.raises(kind, match=message):
            es.scale.dataset(
                **{
                    "returns": path,
                    "events": listed,
                    "factors": MARKETS,
                    **WINDOW,
                    **given,
                }
            )


def test_two_returns_of_a_date_are_refused(tmp_path):
    made = made_of(tmp_path)
    frame = pl.read_parquet(tmp_path / "returns.parquet")
    pl.concat([frame, frame.head(1)]).write_parquet(tmp_path / "returns.parquet")
    with pytest.raises(DataError, match="two returns on a date"):
        es.scale.battery(made, windows=(0, 1), tests=["csect"])


def chunk(ab, rows):
    return lambda: take(ab, rows)


@pytest.mark.processes
def test_functions_are_a_source_of_both_batteries():
    ab = panel("far dates", n_assets=5)
    parts = np.split(np.arange(30), [4, 19])
    functions = [chunk(ab, rows) for rows in parts]
    wanted = battery(ab, windows=WINDOWS, tests=NINE)
    for engine in ("threads", "processes"):
        found = es.scale.battery(functions, windows=WINDOWS, tests=NINE, engine=engine)
        assert_same(found, wanted)
    own = battery(functions, windows=WINDOWS, tests=NINE)
    for key, one in wanted.items():
        np.testing.assert_allclose(own[key].statistic, one.statistic, rtol=1e-12)


def test_finished_parts_are_kept_and_not_computed_again(tmp_path):
    ab, opened = panel("far dates", n_assets=5), []

    def counted(rows):
        def function():
            opened.append(rows)
            if len(opened) == stop:
                raise KeyboardInterrupt
            return take(ab, rows)

        return function

    functions = [counted(rows) for rows in np.split(np.arange(30), [4, 9, 19])]
    given = {"windows": WINDOWS, "tests": NINE, "limits": Limits(threads=1)}
    stop = 4
    with pytest.raises(KeyboardInterrupt):
        es.scale.battery(functions, **given, keep=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    stop, opened[:] = 0, []
    found = es.scale.battery(functions, **given, keep=tmp_path)
    # The first to see the clocks, two that were not finished, four to rank.
    assert len(opened) == 1 + 2 + 4
    assert_same(found, battery(ab, windows=WINDOWS, tests=NINE))
    opened[:] = []
    assert es.scale.battery(functions, **given, keep=tmp_path).equals(found)
    assert len(opened) == 1
    with pytest.raises(DataError, match="is a part of other observations than chunk 1"):
        es.scale.battery(functions[:3], **given, keep=tmp_path)


def test_kept_parts_of_other_returns_or_settings_are_refused(tmp_path):
    asked = {"windows": (0, 1), "tests": ["csect"], "keep": tmp_path / "parts"}
    made = made_of(tmp_path)
    found = es.scale.battery(made, **asked)
    assert es.scale.battery(made, **asked).equals(found)
    other = made_of(tmp_path, model="constant_mean")
    with pytest.raises(DataError, match="is a part of other observations than"):
        es.scale.battery(other, **asked)
    frame = pl.read_parquet(tmp_path / "returns.parquet")
    frame.with_columns(pl.col("ret") * 2).write_parquet(tmp_path / "returns.parquet")
    listed = pl.DataFrame(events(), schema=["asset", "date"], orient="row")
    changed = es.scale.dataset(
        tmp_path / "returns.parquet", listed, factors=MARKETS, **WINDOW
    )
    with pytest.raises(DataError, match="is a part of other observations than"):
        es.scale.battery(changed, **asked)


def test_progress_says_how_far_it_is():
    ab, told = panel("far dates", n_assets=5), []
    functions = [chunk(ab, rows) for rows in np.split(np.arange(30), [4, 19])]
    es.scale.battery(functions, windows=WINDOWS, tests=NINE, progress=told.append)
    assert [one.rows for one in told] == [4, 19, 30] * 2
    assert [round(one.share * 6) for one in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1].left == 0
    assert str(told[0]).startswith("walk 1 of 2: 4 observations, ")
    assert all(n > 10**7 for n in told[0].memory.values())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "source = list; wanted a list of functions"),
        (panel(), "source = Abnormal; wanted a list of functions"),
        ([lambda: 5], "chunk 1 is int; wanted an Abnormal"),
    ],
)
def test_what_is_no_source_is_refused(source, message):
    with pytest.raises(SpecError, match=message):
        es.scale.battery(source, windows=(0, 1), tests=["csect"])


def test_an_unknown_engine_is_refused():
    ab = panel()
    with pytest.raises(SpecError, match="unknown engine 'thread': did you mean"):
        es.scale.battery([lambda: ab], windows=(0, 1), tests=["csect"], engine="thread")


def test_too_little_memory_is_said_before_it_is_used(tmp_path):
    made = made_of(tmp_path)
    object.__setattr__(made, "asset", np.zeros(5_000_000, np.int32))
    with pytest.raises(SpecError, match=r"5,000,000 observations want about .* GB"):
        es.scale.battery(
            made, windows=(0, 1), tests=["csect"], limits=Limits(memory="900 MB")
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"memory": "3 apples"}, 'wanted an amount such as "3 GB"'),
        ({"memory": "3 MB"}, "wanted at least 100 MB"),
        ({"threads": 0}, "threads = 0; wanted at least 1"),
    ],
)
def test_limits_that_are_none_are_refused(given, message):
    with pytest.raises(SpecError, match=message):
        Limits(**given)


def test_limits_are_read_as_a_person_writes_them():
    assert Limits(memory="1.5GB").bytes == 1_500_000_000
    assert Limits(memory="800 mb").bytes == 800_000_000
    assert Limits(memory="2g").bytes == 2_000_000_000
    assert Limits(memory=300_000_000).bytes == 300_000_000
    assert Limits().bytes > 10**8
    assert Limits().cores >= 1
    assert amount(2.5e9) == "2.5 GB"


@pytest.mark.processes
def test_nothing_else_imports_dask():
    code = (
        "import sys, eventstudy as es, eventstudy.scale, eventstudy.study, "
        "eventstudy.simulation, eventstudy.report, eventstudy.cli; "
        "sys.exit(any(m.split('.')[0] in ('dask', 'distributed') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
