"""Tables of the joint regression: effects net of overlapping events, and F tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from eventstudy.catalogue.ids import merged_id
from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.windows import select, stack
from eventstudy.models.joint import Joint, joint, window_indicators
from eventstudy.models.joint_hypotheses import HYPOTHESES, JointTest, joint_test
from eventstudy.spec import Pair, StudySpec
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.observation_tables import keys, number
from eventstudy.study.samples import ALL, Fitted
from eventstudy.study.schema import SCHEMA, empty, frame

# Numbers in the regressors of all assets together; beyond, the answer is a reason.
_BUDGET = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTables:
    """Effects by asset and event, and hypotheses across assets.

    effects, tests : the tables ``joint`` and ``joint_tests``
    """

    effects: pl.DataFrame
    tests: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _System:
    """The used headline observations of one model setting on one calendar.

    y, span : (A, S), x : (A, S, F) all sessions from the first estimation window to the
    last event window; nan in y where no window of the sample is
    day0 : (M,) columns of the distinct day 0s of the headline sample
    keys, asset, event, rows : (n,) the observations, their rows in y and day0, and
    their positions in the panel
    parameter_free : the model estimates no coefficients
    """

    y: Array
    x: Array
    span: Array
    day0: IntArray
    keys: pl.DataFrame
    asset: IntArray
    event: IntArray
    rows: IntArray
    parameter_free: bool

    @property
    def used(self) -> BoolArray:
        """Which asset (A, M) has an observation on which day 0."""
        out = np.zeros((len(self.y), len(self.day0)), np.bool_)
        out[self.asset, self.event] = True
        return out


def joint_effects(
    spec: StudySpec, events: pl.DataFrame, fitted: Fitted, cars: pl.DataFrame
) -> JointTables:
    """Estimate the effects of all headline events together, per setting and calendar.

    events : the catalogue, whose rows the observations count
    cars : the separate CARs, which stand beside the effects with their doubts
    The sample of an asset is its returns in the estimation and event windows of all
    headline events of its calendar, sessions near other events included: these have
    indicators of their own. A model without parameters gets a constant.
    """
    ids = events["event_id"].to_list()
    effects, tests = [empty("joint")], [empty("joint_tests")]
    for estimator, estimates in fitted:
        for system in _systems(estimator, estimates):
            for window in spec.windows:
                fit = _fit(estimator, system, window)
                effects.append(_effects(system, window, fit, cars))
                tests.append(_tests(estimator, system, window, fit, ids))
    return JointTables(effects=pl.concat(effects), tests=pl.concat(tests))


def _systems(estimator: Estimator, estimates: Sequence[Estimate]) -> Iterator[_System]:
    panel = estimator.panel
    found = [
        keys(estimator, estimate).with_columns(row=pl.Series(estimate.rows))
        for estimate in estimates
    ]
    if not found:
        return
    used = pl.concat(found).with_row_index("place").filter("headline")
    of_asset = [panel.calendar[asset] for asset in used["asset"]]
    used = used.with_columns(calendar=pl.Series(of_asset, dtype=pl.String))
    headline = np.array([o.headline for o in panel.observations], np.bool_)
    calendar = np.array([panel.calendar[o.asset] for o in panel.observations])
    for name in used["calendar"].unique(maintain_order=True):
        day0 = np.unique(panel.day0[headline & (calendar == name)])
        own = used.filter(pl.col("calendar") == name)
        yield _system(estimator, estimates, own, day0)


def _system(
    estimator: Estimator,
    estimates: Sequence[Estimate],
    held: pl.DataFrame,
    day0: IntArray,
) -> _System:
    spec, panel = estimator.spec, estimator.panel
    rows = held["row"].to_numpy()
    _, first, asset = np.unique(
        panel.asset[rows], return_index=True, return_inverse=True
    )
    history = panel.history(rows[first], simple=spec.returns == "simple")
    windows = [np.arange(a, b + 1) for a, b in (spec.estimation, spec.event_window)]
    days = np.unique(panel.day0[rows])[:, None] + np.concatenate(windows)
    n_sessions = history.y.shape[1]
    days = np.unique(days[(days >= 0) & (days < n_sessions)])
    inside = np.zeros(n_sessions, np.bool_)
    inside[days] = True
    cut = slice(int(days[0]), int(days[-1]) + 1)
    y, x = np.where(inside, history.y, np.nan)[:, cut], history.x[:, cut]
    span = history.span[:, cut]
    entry = estimator.entry
    free = not estimates[0].wide.coefficients.shape[1]
    if free and not entry.linear and not entry.min_donors:
        fits = stack([estimate.wide for estimate in estimates])
        fits = select(fits, held["place"].to_numpy()[first])
        y, x = y - entry.predict(fits, x, span=span), x[:, :, :0]
    return _System(
        y=y,
        x=x,
        span=span,
        day0=day0 - cut.start,
        keys=held,
        asset=asset,
        event=np.searchsorted(day0, panel.day0[rows]),
        rows=rows,
        parameter_free=free,
    )


def _fit(estimator: Estimator, system: _System, window: Pair) -> Joint | str:
    """Return the joint regression, or why there is none."""
    entry = estimator.entry
    other = entry.conditional_variance or not entry.by_least_squares
    if other or entry.min_donors or entry.linear == system.parameter_free:
        return f"the joint regression is not defined for the model {entry.name}"
    n_assets, n_sessions = system.y.shape
    n_columns = 1 + system.x.shape[2] + len(system.day0)
    if n_columns >= n_sessions:
        return (
            f"the joint regression has {n_columns} parameters for {n_sessions} sessions"
        )
    if n_assets * n_sessions * n_columns > _BUDGET:
        return (
            f"{n_assets} assets x {n_sessions} sessions x {n_columns} parameters are "
            f"more than {_BUDGET} numbers"
        )
    return joint(
        system.y,
        system.x,
        window_indicators(n_sessions, system.day0 + window[0], system.day0 + window[1]),
        span=system.span,
        alternative=estimator.spec.alternative,
    )


def _effects(
    system: _System, window: Pair, fit: Joint | str, cars: pl.DataFrame
) -> pl.DataFrame:
    length = window[1] - window[0] + 1
    gaps = np.abs(system.day0[:, None] - system.day0)
    overlapping = (gaps < length).sum(axis=1) - 1
    nothing = np.full(len(system.rows), np.nan)
    at = system.asset, system.event
    if isinstance(fit, str):
        numbers = dict.fromkeys(("car", "se", "statistic", "df", "pvalue"), nothing)
        reasons: list[str | None] = [fit] * len(system.rows)
    else:
        there = np.isfinite(fit.effects[at])
        numbers = {
            "car": fit.effects[at],
            "se": fit.se[at],
            "statistic": fit.statistic[at],
            "df": np.where(there, fit.df[system.asset], np.nan),
            "pvalue": fit.pvalue[at],
        }
        reasons = [fit.reason[a][m] for a, m in zip(*at, strict=True)]
    effects = system.keys.with_columns(
        start=pl.lit(window[0], pl.Int64),
        end=pl.lit(window[1], pl.Int64),
        n_overlapping=pl.Series(overlapping[system.event], dtype=pl.Int64),
        reason=pl.Series(reasons, dtype=pl.String),
        **{name: number(values) for name, values in numbers.items()},
    )
    key = ["model", "group", "asset", "event_id", "start", "end"]
    alone = cars.select(
        *key,
        "covered",
        "doubt",
        car_alone="car",
        pvalue_alone="pvalue",
    )
    found = effects.join(alone, on=key, how="left", maintain_order="left")
    return found.select(list(SCHEMA["joint"].dtypes))


def _tests(
    estimator: Estimator,
    system: _System,
    window: Pair,
    fit: Joint | str,
    ids: Sequence[str],
) -> pl.DataFrame:
    """Test each group on each event, and on all events that all its assets have."""
    group_of = np.empty(len(system.y), object)
    group_of[system.asset] = system.keys["group"].to_list()
    groups = list(dict.fromkeys(system.keys["group"]))
    rows: list[dict[str, Any]] = []
    for group in [*groups, ALL] if len(groups) > 1 else groups:
        members = np.flatnonzero((group_of == group) | (group == ALL))
        labels = {
            "model": estimator.panel.setting.name,
            "group": group,
            "start": window[0],
            "end": window[1],
        }
        for event_id, assets, events in _cases(estimator, system, members, ids):
            for hypothesis in HYPOTHESES:
                if not isinstance(fit, str):
                    found = joint_test(fit, hypothesis, assets=assets, events=events)
                    rows.append({**labels, "event_id": event_id, **_row(found)})
                elif event_id == ALL:
                    rows.append(
                        {
                            **labels,
                            "event_id": ALL,
                            "hypothesis": hypothesis,
                            "null": HYPOTHESES[hypothesis],
                            "n_assets": len(assets),
                            "n_events": len(events),
                            "reason": fit,
                        }
                    )
    return frame("joint_tests", rows)


def _cases(
    estimator: Estimator, system: _System, members: IntArray, ids: Sequence[str]
) -> Iterator[tuple[str, IntArray, IntArray]]:
    """Yield label, assets and events of each hypothesis about a group's assets."""
    used = system.used[members]
    observations = estimator.observations(system.rows)
    together: dict[int, set[int]] = {}
    for place, asset in enumerate(system.asset.tolist()):
        if asset in members:
            event = int(system.event[place])
            together.setdefault(event, set()).update(observations[place].events)
    for event in np.flatnonzero(used.any(axis=0)).tolist():
        label = merged_id([ids[row] for row in sorted(together[event])])
        yield label, members[used[:, event]], np.array([event])
    yield ALL, members, np.flatnonzero(used.all(axis=0))


def _row(found: JointTest) -> dict[str, Any]:
    missing = found.reason is not None
    return {
        "hypothesis": found.hypothesis,
        "null": found.null,
        "statistic": None if missing else found.statistic,
        "df1": None if missing else found.df1,
        "df2": None if missing else found.df2,
        "pvalue": None if missing else found.pvalue,
        "n_assets": found.n_assets,
        "n_events": found.n_events,
        "exact": None if missing else found.exact,
        "reason": found.reason,
    }
