"""Volatility shifts: arrays -> `ShiftResult`; the families are `SHIFTS`, `MEASURES`."""

from eventstudy.volatility.baseline import HarResult, har
from eventstudy.volatility.breaks import (
    BreakDistance,
    BreakResult,
    RegimeResult,
    break_distance,
    icss,
    markov_switching,
)
from eventstudy.volatility.clustered import date_clusters
from eventstudy.volatility.conditional import (
    VolatilityTest,
    abnormal_volatility,
    cumulative_abnormal_volatility,
    event_multiple,
    filtered_simulation,
)
from eventstudy.volatility.connectedness import (
    Connectedness,
    ConnectednessChange,
    connectedness,
    connectedness_change,
)
from eventstudy.volatility.entries import (
    SHIFTS,
    PoolQuestion,
    RatioQuestion,
    ShiftAnswer,
    ShiftEntry,
    ShiftOptions,
)
from eventstudy.volatility.instants import InstantEffects, instant_effects
from eventstudy.volatility.jumps import jump_threshold
from eventstudy.volatility.pooled import pooled_ratio
from eventstudy.volatility.range_based import LogRanges, log_ranges
from eventstudy.volatility.ratio import variance_ratio
from eventstudy.volatility.realised import (
    Bars,
    IntradayPath,
    PricesAt,
    RealisedResult,
    check_bars,
    path_around,
    price_at,
    realised_variance,
)
from eventstudy.volatility.spread import MEASURES, MeasureEntry, Spread, spread_of
from eventstudy.volatility.steps import Steps, returns_over, steps_of
from eventstudy.volatility.variance_step import garch_dummy, window_dummy
from eventstudy.volatility.windows import ShiftResult, ShiftWindows, cut

__all__ = [
    "MEASURES",
    "SHIFTS",
    "Bars",
    "BreakDistance",
    "BreakResult",
    "Connectedness",
    "ConnectednessChange",
    "HarResult",
    "InstantEffects",
    "IntradayPath",
    "LogRanges",
    "MeasureEntry",
    "PoolQuestion",
    "PricesAt",
    "RatioQuestion",
    "RealisedResult",
    "RegimeResult",
    "ShiftAnswer",
    "ShiftEntry",
    "ShiftOptions",
    "ShiftResult",
    "ShiftWindows",
    "Spread",
    "Steps",
    "VolatilityTest",
    "abnormal_volatility",
    "break_distance",
    "check_bars",
    "connectedness",
    "connectedness_change",
    "cumulative_abnormal_volatility",
    "cut",
    "date_clusters",
    "event_multiple",
    "filtered_simulation",
    "garch_dummy",
    "har",
    "icss",
    "instant_effects",
    "jump_threshold",
    "log_ranges",
    "markov_switching",
    "path_around",
    "pooled_ratio",
    "price_at",
    "realised_variance",
    "returns_over",
    "spread_of",
    "steps_of",
    "variance_ratio",
    "window_dummy",
]
