"""The types of the main calls, which `make lint` checks, and that they run."""

from typing import assert_type

import numpy as np
import polars as pl
from numpy.typing import NDArray

import eventstudy as es
from eventstudy.core.abnormal import Abnormal, InferenceResult
from eventstudy.inference import (
    Anticipation,
    Dependence,
    Interval,
    MetaResult,
    ShareBefore,
    SplitDates,
)
from eventstudy.models import constant_mean

Array = NDArray[np.float64]


def returns() -> Array:
    return np.random.default_rng(0).normal(scale=0.01, size=(8, 141))


def fitted() -> Abnormal:
    found = constant_mean(returns(), n_estimation=120, first_offset=-10)
    return assert_type(found, Abnormal)


def test_a_study() -> None:
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2021, 6, 1), eager=True)
    close = 50 * np.exp(0.01 * np.random.default_rng(0).normal(size=len(days)).cumsum())
    prices = es.read_prices(
        pl.DataFrame({"symbol": "BTC-USD", "date": days, "close": close})
    )
    events = es.read_events(
        pl.DataFrame({"event_id": ["A"], "announced_at": ["2020-12-01"]})
    )
    spec = es.StudySpec(
        returns="log",
        groups={"bitcoin": ("BTC-USD",)},
        parts=("returns",),
        models=(es.ModelSetting(name="mean", model="constant_mean"),),
    )
    result = es.run(spec, events, prices)
    assert_type(prices, es.Prices)
    assert_type(events, es.Events)
    assert_type(spec, es.StudySpec)
    assert_type(result, es.StudyResult)
    assert_type(result.cars, pl.DataFrame)
    assert_type(result.headline, pl.DataFrame)
    assert result.cars.height


def test_tests_of_arrays() -> None:
    ab, window = fitted(), (-1, 1)
    found = es.inference.battery(ab, windows=[window], tests=["csect"])
    assert_type(found, dict[tuple[tuple[int, int], str], InferenceResult])
    assert_type(found[window, "csect"].pvalue, Array)
    assert_type(es.inference.dependence(ab, window), Dependence)
    interval = assert_type(es.inference.caar_interval(ab, window), Interval)
    assert_type(interval.low, float)
    average = es.inference.meta(np.array([0.02, -0.01, 0.05]), np.full(3, 4e-4))
    assert_type(average, MetaResult)
    assert interval.low < interval.high


def test_uncertain_dates() -> None:
    ab = fitted()
    path = assert_type(es.inference.anticipation(ab), Anticipation)
    assert_type(path.max_pvalue, float)
    assert_type(es.inference.split_dates([ab]), SplitDates)
    moves = np.array([0.1, 0.2, 0.2])
    share = es.inference.share_before(moves, moves + 0.1)
    assert_type(share, ShareBefore)
    assert_type(es.inference.onset(moves, moves), Array)
    assert path.reason is None


def test_shifts() -> None:
    found = es.placebo_shifts(
        np.tile(returns(), 4),
        day0=np.full(8, 400),
        windows=[(0, 0)],
        rbar={(0, 0): 0.0},
    )
    assert_type(found, dict[tuple[int, int], Array])
    assert len(found[0, 0])
