"""Volatility shifts: arrays -> `ShiftResult`; the family is `SHIFTS`."""

from collections.abc import Mapping
from dataclasses import dataclass

from eventstudy.volatility.breaks import (
    BreakDistance,
    BreakResult,
    RegimeResult,
    break_distance,
    icss,
    markov_switching,
)
from eventstudy.volatility.conditional import (
    VolatilityTest,
    abnormal_volatility,
    cumulative_abnormal_volatility,
    event_multiple,
    filtered_simulation,
    garch_dummy,
    window_dummy,
)
from eventstudy.volatility.pooled import POOLED_TESTS, date_clusters, pooled_ratio
from eventstudy.volatility.range_based import RANGES, LogRanges, log_ranges
from eventstudy.volatility.ratio import TESTS, variance_ratio
from eventstudy.volatility.realised import (
    REALISED,
    Bars,
    HarResult,
    IntradayPath,
    PricesAt,
    RealisedResult,
    check_bars,
    har,
    path_around,
    price_at,
    realised_variance,
)
from eventstudy.volatility.spread import (
    SPREADS,
    ShiftResult,
    ShiftWindows,
    Spread,
    cut,
    dated,
    spread_of,
)

__all__ = [
    "POOLED_TESTS",
    "RANGES",
    "REALISED",
    "SHIFTS",
    "SPREADS",
    "TESTS",
    "Bars",
    "BreakDistance",
    "BreakResult",
    "HarResult",
    "IntradayPath",
    "LogRanges",
    "PricesAt",
    "RealisedResult",
    "RegimeResult",
    "ShiftEntry",
    "ShiftResult",
    "ShiftWindows",
    "Spread",
    "VolatilityTest",
    "abnormal_volatility",
    "break_distance",
    "check_bars",
    "cumulative_abnormal_volatility",
    "cut",
    "date_clusters",
    "dated",
    "event_multiple",
    "filtered_simulation",
    "garch_dummy",
    "har",
    "icss",
    "log_ranges",
    "markov_switching",
    "path_around",
    "pooled_ratio",
    "price_at",
    "realised_variance",
    "spread_of",
    "variance_ratio",
    "window_dummy",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftEntry:
    """A member of `SHIFTS`: what it tells, what it supposes, where it comes from."""

    name: str
    meaning: str
    null: str
    robust_to: str
    citation: str


SHIFTS: Mapping[str, ShiftEntry] = {
    entry.name: entry
    for entry in (
        ShiftEntry(
            name="f",
            meaning="F test of the variance ratio post/pre",
            null="equal variances of independent normal returns",
            robust_to="nothing: shown as what a naive test would claim",
            citation="Snedecor & Cochran (1989), Statistical Methods, section 6.12",
        ),
        ShiftEntry(
            name="brown_forsythe",
            meaning="equal mean absolute deviation from the median, post and pre",
            null="equal spread of independent returns",
            robust_to="fat tails, not volatility clustering",
            citation="Brown & Forsythe (1974), J. American Statistical Association 69",
        ),
        ShiftEntry(
            name="fligner",
            meaning="equal normal scores of ranked absolute deviations, post and pre",
            null="equal spread of independent returns",
            robust_to="fat tails and outliers, not volatility clustering",
            citation="Fligner & Killeen (1976), J. American Statistical Association 71",
        ),
        ShiftEntry(
            name="bootstrap",
            meaning="log ratio against stationary bootstrap resamples of the history",
            null="post and pre come from the asset's own stationary history",
            robust_to="fat tails, volatility clustering; pooled: shared dates",
            citation="Politis & Romano (1994), J. American Statistical Association 89",
        ),
        ShiftEntry(
            name="placebo",
            meaning="log ratio against that at every other date of the same asset",
            null="day 0 is a date like any other",
            robust_to="fat tails, volatility clustering; pooled: shared dates",
            citation="Brown & Warner (1985), J. Financial Economics 14 (the design)",
        ),
        ShiftEntry(
            name="csect",
            meaning="mean log ratio over its standard error across observations",
            null="mean log ratio is zero, observations independent",
            robust_to="differences between observations, not shared dates",
            citation="Boehmer, Musumeci & Poulsen (1991), J. Financial Economics 30",
        ),
        ShiftEntry(
            name="cluster",
            meaning="mean log ratio over its standard error by cluster of dates",
            null="mean log ratio is zero",
            robust_to="shared and overlapping dates, from five clusters on",
            citation="Liang & Zeger (1986), Biometrika 73",
        ),
        ShiftEntry(
            name="garch_dummy",
            meaning="step or impulse in the variance equation of a GARCH model",
            null="the variance's intercept is the same during the event",
            robust_to="volatility clustering, errors of any law (robust errors)",
            citation="Lamoureux & Lastrapes (1990), J. Finance 45",
        ),
        ShiftEntry(
            name="abnormal_volatility",
            meaning="squared abnormal returns over their forecast-error variance",
            null="squared abnormal returns are as large as forecast",
            robust_to="estimation error, not fat tails, clustering or shared dates",
            citation="Patell (1976), J. Accounting Research 14",
        ),
        ShiftEntry(
            name="cav",
            meaning="cumulative abnormal volatility against GARCH forecasts",
            null="the cross-section's variance is as forecast",
            robust_to="volatility clustering, a common mean effect; not fat tails",
            citation="Bialkowski, Gottschalk & Wisniewski (2008), "
            "J. Banking & Finance 32",
        ),
        ShiftEntry(
            name="cav_bootstrap",
            meaning="cumulative abnormal volatility against simulated windows",
            null="the cross-section's variance is as the models simulate it",
            robust_to="volatility clustering, fat tails, shared dates",
            citation="Bialkowski, Gottschalk & Wisniewski (2008), "
            "J. Banking & Finance 32",
        ),
        ShiftEntry(
            name="filtered_simulation",
            meaning="an asset's squared abnormal returns against its own GARCH paths",
            null="the window's volatility is as the asset's model simulates it",
            robust_to="volatility clustering, fat tails",
            citation="Barone-Adesi, Giannopoulos & Vosper (1999), "
            "J. Futures Markets 19",
        ),
        ShiftEntry(
            name="icss",
            meaning="dates of variance breaks by cumulative sums of squares (κ₂)",
            null="the unconditional variance is constant",
            robust_to="fat tails, moderate volatility clustering",
            citation="Inclan & Tiao (1994), J. American Statistical Association 89; "
            "Sanso, Arago & Carrion (2004), Revista de Economia Financiera 4",
        ),
    )
}
