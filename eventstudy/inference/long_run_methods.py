"""The methods of the long run as a family: what a study asks, and what they answer."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.registry import LONG_RUN
from eventstudy.inference.buy_and_hold import AfterDelisting, bhar
from eventstudy.inference.long_run import (
    VARIANCES,
    LongRun,
    calendar_dummy,
    calendar_time,
    ctar,
    live_sessions,
    rats,
)
from eventstudy.inference.pvalues import Alternative

# Method, variance, and what it found.
Found = tuple[str, str, LongRun]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmarks:
    """What holds are compared with, on the sessions of a sample.

    assets, controls : (A, S) simple returns of the assets and of their controls, nan
        for those that have none;  reference : (M, S) of the members of a portfolio
    own : (A,) row of each asset in ``reference``, -1 for none
    after_delisting, n_draws, seed : as for `bhar`
    """

    assets: Array
    controls: Array | None
    reference: Array | None
    own: IntArray
    after_delisting: AfterDelisting
    n_draws: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LongSample:
    """The events of a group on the union of its sessions.

    y : (A, S) returns of the assets;  x : (A, S, F) their factors
    errors : (E, S) abnormal returns by the normal return of each event
    asset, day0 : (E,) row of the asset and column of day 0 of each event
    hold, estimation : first and last session, day 0 = 0
    benchmarks : where some are named
    """

    y: Array
    x: Array
    errors: Array
    asset: IntArray
    day0: IntArray
    hold: tuple[int, int]
    estimation: tuple[int, int]
    alternative: Alternative
    benchmarks: Benchmarks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRunMethod:
    """A member of `LONG_RUN`.

    name, meaning, null, citation : as of a test
    warning : where its size is wrong, in a sentence for the report; empty if nowhere
    needs_benchmark : whether it compares with assets that are named
    of_sample : sample -> answers
    """

    name: str
    meaning: str
    null: str
    citation: str
    warning: str = ""
    needs_benchmark: bool = False
    of_sample: Callable[[LongSample], list[Found]]


def _calendar(s: LongSample) -> list[Found]:
    live = live_sessions(s.asset, s.day0, s.hold, (s.y.shape[0], s.y.shape[1]))
    found: list[Found] = []
    for name, form in (
        ("calendar_time", calendar_time),
        ("calendar_dummy", calendar_dummy),
    ):
        found += [
            (name, one, form(s.y, s.x, live, variance=one, alternative=s.alternative))
            for one in VARIANCES
        ]
    return found


def _ctar(s: LongSample) -> list[Found]:
    found = ctar(
        s.errors,
        s.asset,
        s.day0,
        hold=s.hold,
        estimation=s.estimation,
        alternative=s.alternative,
    )
    return [("ctar", "cross_section", found)]


def _rats(s: LongSample) -> list[Found]:
    column = s.day0[:, None] + np.arange(s.hold[0], s.hold[1] + 1)
    inside = (column >= 0) & (column < s.y.shape[1])
    at = np.where(inside, column, 0)
    y = np.where(inside, s.y[s.asset[:, None], at], np.nan)
    found = rats(y, s.x[s.asset[:, None], at], alternative=s.alternative)
    return [("rats", "cross_section", found)]


def _bhar(s: LongSample) -> list[Found]:
    held = s.benchmarks
    if held is None:
        return []
    named = (("control", held.controls), ("reference", held.reference))
    return [
        (
            f"bhar_{kind}",
            "date_bootstrap",
            bhar(
                held.assets,
                s.asset,
                s.day0,
                hold=s.hold,
                own=held.own,
                after_delisting=held.after_delisting,
                alternative=s.alternative,
                n_draws=held.n_draws,
                seed=held.seed,
                **{kind: returns},
            ),
        )
        for kind, returns in named
        if returns is not None
    ]


LONG_RUN.register(
    LongRunMethod(
        name="calendar_time",
        meaning="portfolio of the assets with a live event, by calendar session",
        null="H0: alpha of the portfolio = 0; dummy form: same as at other times",
        citation="Jaffe (1974), J. Business 47; Fama (1998), J. Financial Economics 49",
        warning=(
            "`wls` weights sessions by their assets, which is right for independent "
            "assets alone: where shocks are shared it rejects too often."
        ),
        of_sample=_calendar,
    )
)
LONG_RUN.register(
    LongRunMethod(
        name="ctar",
        meaning="standardised abnormal returns of those portfolios",
        null="H0: mean standardised abnormal return = 0",
        citation="Mandelker (1974), J. Financial Economics 1",
        warning=(
            "`ctar` does not know of the errors of the normal returns' own "
            "coefficients, which last for the whole hold. In simulations of 40 assets, "
            "holds of 21 sessions and estimation windows of 120 it rejected at 5 % in "
            "7.1 % of samples where assets were independent, and in 2.5 % where they "
            "shared a shock."
        ),
        of_sample=_ctar,
    )
)
LONG_RUN.register(
    LongRunMethod(
        name="rats",
        meaning="intercepts of regressions across observations, added up by session",
        null="H0: sum of the intercepts = 0",
        citation="Ibbotson (1975), J. Financial Economics 2",
        warning=(
            "`rats` takes observations as independent: where announcements share "
            "dates it rejects far too often, and it is shown as history only."
        ),
        of_sample=_rats,
    )
)
LONG_RUN.register(
    LongRunMethod(
        name="bhar",
        meaning="buy-and-hold returns in excess of a control asset's or a reference "
        "portfolio's, by Johnson's statistic and resamples of dates",
        null="H0: mean BHAR = 0",
        citation="Lyon, Barber & Tsai (1999), J. Finance 54",
        warning=(
            "`bhar` keeps the announcements of a date together, and takes dates as "
            "independent, which those with overlapping holds are not where assets "
            "share shocks. In simulations of 20 dates with five assets each, whose "
            "shocks have a correlation of 0.3, it rejected at 5 % in 6.1 % of samples "
            "with holds that do not overlap, and in 29 % with holds of 120 sessions "
            "and 20 between the dates; in 8.6 % with ten dates of unequal size, and in "
            "3.3 % of samples of 20 dates with one asset each."
        ),
        needs_benchmark=True,
        of_sample=_bhar,
    )
)
