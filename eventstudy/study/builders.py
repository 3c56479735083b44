"""What fills the tables of a result: a builder for each part of a study.

A builder takes a `Study` and returns tables, or rows of tables that others add to, by
name. Which builder a table has, and for which part of the study, says `SCHEMA`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property

import polars as pl

from eventstudy.calendars import Calendar
from eventstudy.outcomes import OUTCOMES
from eventstudy.outcomes.entries import possible
from eventstudy.prices import OutcomeSeries
from eventstudy.scale.engine import Engine, OneProcess, Task
from eventstudy.spec import StudySpec
from eventstudy.spec.names import OF_PRICES
from eventstudy.study import group_tables, observation_tables, volatility_tables
from eventstudy.study.adjust import adjusted
from eventstudy.study.asset_history import AssetHistory, asset_histories
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.intraday_bars import BarFile
from eventstudy.study.intraday_tables import intraday_tables, realised_pieces
from eventstudy.study.joint_tables import joint_effects
from eventstudy.study.samples import Fitted, GroupSample
from eventstudy.study.schema import frame
from eventstudy.study.signed import directions
from eventstudy.study.volatility_breaks import break_table, regime_table
from eventstudy.study.volatility_conditional import garch_tables
from eventstudy.study.volatility_garch import (
    garch_forecasts,
    garch_shifts,
    without_average,
)
from eventstudy.study.volatility_pieces import Piece, pieces, return_pieces
from eventstudy.study.volume_tables import volume_tables
from eventstudy.volatility import MEASURES

Tables = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """A study whose normal returns are fitted: what every table is made from.

    Parameters
    ----------
    spec : StudySpec
        The request.
    events : polars.DataFrame
        The catalogue.
    prices : polars.DataFrame
        Daily prices.
    groups : mapping of str to tuple of str
        The assets by group.
    calendars : mapping of str to Calendar
        The calendars by name.
    fitted : sequence of (Estimator, sequence of Estimate)
        The fits of every panel, block by block.
    observations : polars.DataFrame
        The table of that name.
    bars : mapping of str to BarFile
        Intraday bars by symbol.
    series : sequence of OutcomeSeries
        Series that are no prices.
    tell : callable
        Called with the name of each stage.
    engine : Engine
        Who computes what can be done beside one another; it holds this study under
        the name "study".
    """

    spec: StudySpec
    events: pl.DataFrame
    prices: pl.DataFrame
    groups: Mapping[str, tuple[str, ...]]
    calendars: Mapping[str, Calendar]
    fitted: Fitted
    observations: pl.DataFrame
    bars: Mapping[str, BarFile]
    series: Sequence[OutcomeSeries]
    tell: Callable[[str], None]
    engine: Engine = field(default_factory=OneProcess)

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs: it tells nobody, and works alone.

        Prices go along where a part reads them again, once their returns are made.
        """
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        if not _reads_prices(self.spec):
            given["prices"] = self.prices.clear()
        return given | {"tell": _unheard, "engine": OneProcess()}

    def __setstate__(self, given: dict[str, object]) -> None:
        """Hold itself for what is done beside one another there."""
        self.__dict__.update(given)
        self.engine.hold("study", self)

    def stack(
        self, table: Callable[[Estimator, Estimate], pl.DataFrame]
    ) -> pl.DataFrame:
        """Return the tables of all blocks of fits below one another."""
        return pl.concat([table(e, block) for e, held in self.fitted for block in held])

    @cached_property
    def pieces(self) -> list[Piece]:
        """What is compared before and after events, of returns and daily prices."""
        if "volatility" in self.spec.parts:
            return pieces(self.spec, self.fitted, self.calendars, self.prices)
        return return_pieces(self.spec, self.fitted)

    @cached_property
    def compared(self) -> list[Piece]:
        """All pieces whose windows are compared, of daily prices and of bars."""
        held = list(self.pieces) if "volatility" in self.spec.parts else []
        if "intraday" in self.spec.parts:
            held += realised_pieces(self.pieces, self.calendars, self.bars)
        return held

    @cached_property
    def cars(self) -> pl.DataFrame:
        """The CARs of single observations, before their p-values are adjusted."""
        return self.stack(observation_tables.cars)

    @cached_property
    def samples(self) -> list[GroupSample]:
        """The samples that are tested."""
        groups = list(self.groups)
        signs = directions(self.events, groups)
        return group_tables.all_samples(groups, self.fitted, signs)

    @cached_property
    def histories(self) -> list[AssetHistory]:
        """Whole return histories of the assets."""
        return asset_histories(self.spec, self.fitted, self.calendars)


def _reads_prices(spec: StudySpec) -> bool:
    return (
        spec.long_run is not None
        or bool(spec.member_names)
        or any(part in spec.parts for part in OF_PRICES)
    )


def _unheard(_stage: str) -> None:
    """Tell nobody."""


def returns(study: Study) -> Tables:
    """Make the tables of abnormal returns, of observations and of groups."""
    study.tell("Testing single observations")
    abnormal = study.stack(observation_tables.abnormal_returns)
    used = study.observations.filter(pl.col("status") == "used")
    used = used.drop("event_id").rename({"observation": "event_id"})
    cars = adjusted(study.spec, study.cars, study.fitted)
    single = {
        "abnormal_returns": abnormal,
        "cars": cars,
        "ledger": observation_tables.left_out_windows(study.spec, cars),
        "fit": study.stack(observation_tables.fit),
        "coefficients": study.stack(observation_tables.coefficients),
        "contamination": observation_tables.contamination(used, abnormal),
    }
    study.tell("Testing groups")
    tasks = [Task(_SAMPLE, ("study",), (at,)) for at in range(len(study.samples))]
    return single | group_tables.group_tables(study.engine.share(tasks))


_SAMPLE = f"{__name__}:of_sample"


def of_sample(study: Study, at: int) -> group_tables.Rows:
    """Test one of the samples."""
    members = study.samples[at]
    signed = "" if members.outcome == "car" else "signed effects of "
    study.tell(f"Testing {signed}{members.group} ({members.model}, {members.sample})")
    return group_tables.test_sample(study.spec, members)


def outcomes(study: Study) -> Tables:
    """Test the outcomes beside returns that belong to the parts asked for."""
    study.tell("Testing volume")
    asked = [one for one in OUTCOMES.values() if one.part in study.spec.parts]
    prices = study.prices
    held = [name for name in prices.columns if prices[name].null_count() < len(prices)]
    wanted = [one for one in possible(held) if one in asked]
    absent = [
        {
            "stage": one.part,
            "model": one.name,
            "reason": "the prices lack what it is computed from",
            "wanted": ", ".join(one.needs),
        }
        for one in asked
        if one not in wanted
    ]
    found = volume_tables(
        study.spec,
        list(study.groups),
        study.fitted,
        study.calendars,
        study.prices,
        wanted,
    )
    ledger = pl.concat([frame("ledger", absent), found.ledger])
    return {"tests": found.tests, "volume_aar": found.aar, "ledger": ledger}


def volatility(study: Study, window: str, measure: str | None) -> Tables:
    """Compare volatilities by daily prices, and by intraday bars.

    Of single observations, or by one measure of means over observations.
    """
    study.tell("Comparing volatilities")
    # a member that only the other process knows is an error here, not an empty table
    known = measure and MEASURES[measure].name
    answers = volatility_tables.shifts(
        study.spec, list(study.groups), study.compared, window, known
    )
    return {"volatility": volatility_tables.table(list(answers))}


def tasks_of(builder: str, spec: StudySpec) -> list[Task]:
    """Return what a builder does, in parts that can be done beside one another."""
    if builder != f"{__name__}:{volatility.__name__}":
        return [Task(builder, ("study",))]
    return [
        Task(builder, ("study",), (window, measure))
        for window in volatility_tables.windows_of(spec)
        for measure in (None, *MEASURES)
    ]


def garch(study: Study) -> Tables:
    """Fit GARCH models of every asset, and hold event volatility against them."""
    study.tell("Fitting volatilities")
    forecasts = garch_forecasts(study.fitted, study.pieces)
    answers = garch_shifts(study.spec, list(study.groups), forecasts)
    parameters, conditional = garch_tables(study.histories)
    return {
        "volatility": volatility_tables.table(list(answers)),
        "garch": parameters,
        "conditional": conditional,
        "ledger": without_average(forecasts),
    }


def breaks(study: Study) -> Tables:
    """Find breaks of variance and, if the spec says so, its regimes."""
    study.tell("Finding breaks of variance")
    return {
        "breaks": break_table(study.histories),
        "regimes": regime_table(study.histories if study.spec.regimes else []),
    }


def intraday(study: Study) -> Tables:
    """Set announcements among intraday bars."""
    found = intraday_tables(study.spec, study.events, study.bars)
    return {"intraday": found.paths, "intraday_events": found.events}


def joint(study: Study) -> Tables:
    """Estimate the effects of overlapping events together."""
    study.tell("Separating overlapping events")
    found = joint_effects(study.spec, study.events, study.fitted, study.cars)
    return {"joint": found.effects, "joint_tests": found.tests}
