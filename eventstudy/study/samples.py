"""Which observations are judged together: by sample, model and group, and spreads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from eventstudy.catalogue.ids import merged_id
from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray
from eventstudy.core.windows import Window, narrow, select
from eventstudy.models import MODELS
from eventstudy.panel import Observation, Panel
from eventstudy.spec import StudySpec
from eventstudy.study.estimate import Estimate, Estimator

Fitted = Sequence[tuple[Estimator, Sequence[Estimate]]]
Directions = Mapping[str, Sequence[int]]
"""Per group the direction expected of every event of the catalogue: 1, -1 or 0."""

# Clock -> ids of the events then; asset code -> symbol.
Names = tuple[Mapping[int, str], Mapping[int, str]]

ALL = "all"
HEADLINE = "headline"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupSample:
    """The observations of one sample, model and group, in chunks.

    held_back : per chunk the sessions that a doubt about prices keeps out, (E, L)
    outcome : "car", or "signed_car": CARs times the direction that was expected
    names : clock -> ids of the events then, and asset code -> symbol
    of_windows : fits made anew for a window, in the place of event and event_simple
    panels : estimators with the positions of their observations; none for a spread, for
        signed effects, and where some observations are left out
    """

    sample: str
    model: str
    group: str
    event: list[Abnormal]
    event_simple: list[Abnormal]
    held_back: list[BoolArray]
    panels: list[tuple[Estimator, IntArray]]
    names: Names
    outcome: str = "car"
    of_windows: dict[Window, tuple[list[Abnormal], list[Abnormal]]] = field(
        default_factory=dict
    )

    def on(self, window: Window) -> "GroupSample":
        """Return the sample with the fits of a window, where it has its own."""
        if window not in self.of_windows:
            return self
        event, simple = self.of_windows[window]
        return replace(self, event=event, event_simple=simple, of_windows={})

    @property
    def labels(self) -> dict[str, str]:
        """The columns that name it."""
        return {"sample": self.sample, "model": self.model, "group": self.group}


def group_samples(groups: Sequence[str], fitted: Fitted) -> Iterator[GroupSample]:
    """Cut the fits by sample, model and group; empty ones are left out.

    "all" pools the groups of one model name when there are several, and "A - B" is the
    portfolio long group A and short group B (see `_spread`); the sample "all" appears
    only when some event is outside the headline sample.
    """
    models = dict.fromkeys(e.panel.setting.name for e, _ in fitted)
    samples = [HEADLINE, ALL] if _has_minor_events(fitted) else [HEADLINE]
    for sample in samples:
        for model in models:
            held = [
                found
                for group in groups
                if (found := _sample(sample, model, group, fitted)).event
            ]
            yield from held
            if len(held) > 1:
                yield _sample(sample, model, ALL, fitted)
                yield from _spreads(sample, model, groups, fitted)


def signed_samples(
    groups: Sequence[str], fitted: Fitted, directions: Directions
) -> Iterator[GroupSample]:
    """Cut the fits as `group_samples`, each effect times its expected direction.

    Only observations with a direction are in it, see `direction_of`.
    """
    models = dict.fromkeys(e.panel.setting.name for e, _ in fitted)
    samples = [HEADLINE, ALL] if _has_minor_events(fitted) else [HEADLINE]
    for sample in samples:
        for model in models:
            held = [
                found
                for group in groups
                if (found := _sample(sample, model, group, fitted, directions)).event
            ]
            yield from held
            if len(held) > 1:
                yield _sample(sample, model, ALL, fitted, directions)


def direction_of(observation: Observation, directions: Directions) -> int:
    """Return the direction expected of an observation, 0 where there is not one.

    Of several announcements of a day those decide that have a direction; where these
    differ there is none.
    """
    known = directions.get(observation.group)
    if known is None:
        return 0
    signs = {known[event] for event in observation.events} - {0}
    return signs.pop() if len(signs) == 1 else 0


def _has_minor_events(fitted: Fitted) -> bool:
    return any(not o.headline for e, _ in fitted for o in e.panel.observations)


def _sample(
    sample: str,
    model: str,
    group: str,
    fitted: Fitted,
    directions: Directions | None = None,
) -> GroupSample:
    found = GroupSample(
        sample=sample,
        model=model,
        group=group,
        event=[],
        event_simple=[],
        held_back=[],
        panels=[],
        names=_names(fitted, sample),
        outcome="car" if directions is None else "signed_car",
    )
    signs: list[IntArray] = []
    for estimator, estimates in fitted:
        if estimator.panel.setting.name != model:
            continue
        held = []
        for estimate in estimates:
            wanted = _members(estimator, estimate, sample, group)
            if directions is not None:
                own = estimator.observations(estimate.rows)
                sign = np.array([direction_of(o, directions) for o in own], np.int64)
                wanted &= sign != 0
            if wanted.any():
                doubts = estimator.doubts(estimate)
                held.append(estimate.rows[wanted])
                found.event.append(select(estimate.event, wanted))
                found.event_simple.append(select(estimate.event_simple, wanted))
                for window, pair in estimate.of_windows.items():
                    own_fits = found.of_windows.setdefault(window, ([], []))
                    for chunks, fits in zip(own_fits, pair, strict=True):
                        chunks.append(select(fits, wanted))
                kept_out = doubts.held_event | doubts.held_estimation[:, None]
                found.held_back.append(kept_out[wanted])
                if directions is not None:
                    signs.append(sign[wanted])
        if held and directions is None:
            found.panels.append((estimator, np.concatenate(held)))
    return found if directions is None else _signed(found, signs)


def _signed(sample: GroupSample, signs: Sequence[IntArray]) -> GroupSample:
    """Multiply returns and residuals by the direction expected of each observation.

    An asset with both directions is two in it, since its residuals differ in sign.
    """
    of_asset: dict[int, set[int]] = {}
    for ab, sign in zip(sample.event, signs, strict=True):
        for asset, one in zip(ab.asset.tolist(), sign.tolist(), strict=True):
            of_asset.setdefault(asset, set()).add(one)
    both = [asset for asset, found in of_asset.items() if len(found) > 1]
    first = max(of_asset, default=0) + 1

    def turned(ab: Abnormal, sign: IntArray) -> Abnormal:
        second = np.isin(ab.asset, both) & (sign < 0)
        column = sign[:, None].astype(np.float64)
        return replace(
            ab,
            ar=column * ab.ar,
            actual=column * ab.actual,
            residuals=column * ab.residuals,
            coefficients=column * ab.coefficients,
            asset=np.where(second, ab.asset + first, ab.asset),
        )

    def all_turned(chunks: Sequence[Abnormal]) -> list[Abnormal]:
        return [turned(ab, s) for ab, s in zip(chunks, signs, strict=True)]

    return replace(
        sample,
        event=all_turned(sample.event),
        event_simple=all_turned(sample.event_simple),
        of_windows={
            window: (all_turned(event), all_turned(simple))
            for window, (event, simple) in sample.of_windows.items()
        },
    )


def _names(fitted: Fitted, sample: str) -> Names:
    """Name the clocks by the events on them, and the assets."""
    events: dict[int, dict[str, None]] = {}
    assets: dict[int, str] = {}
    for estimator, _ in fitted:
        panel = estimator.panel
        held = zip(panel.observations, panel.clock, panel.asset, strict=True)
        for observation, clock, asset in held:
            if sample == ALL or observation.headline:
                ids = events.setdefault(int(clock), {})
                ids.update(dict.fromkeys(observation.ids))
                assets[int(asset)] = observation.asset
    return {clock: merged_id(list(ids)) for clock, ids in events.items()}, assets


def _members(
    estimator: Estimator, estimate: Estimate, sample: str, group: str
) -> BoolArray:
    held = estimator.observations(estimate.rows)
    return np.array(
        [(group in (ALL, o.group)) and (sample == ALL or o.headline) for o in held],
        np.bool_,
    )


def _spreads(
    sample: str, model: str, groups: Sequence[str], fitted: Fitted
) -> Iterator[GroupSample]:
    for estimator, estimates in fitted:
        if estimator.panel.setting.name != model:
            continue
        held = {o.group for o in estimator.panel.observations}
        if not one_benchmark(estimator.spec, estimator.panel):
            continue  # no model has the factors of both sides
        if estimator.panel.donors:
            continue  # a spread is no portfolio that donors could stand for
        for long, short in combinations([g for g in groups if g in held], 2):
            found = GroupSample(
                sample=sample,
                model=model,
                group=f"{long} - {short}",
                event=[],
                event_simple=[],
                held_back=[],
                panels=[],
                names=(_names(fitted, sample)[0], {}),
            )
            for simple, chunks in (
                (estimator.spec.returns == "simple", found.event),
                (True, found.event_simple),
            ):
                sides = [
                    _side(estimator, estimates, sample, group, simple=simple)
                    for group in (long, short)
                ]
                if ((sides[0].members > 0) & (sides[1].members > 0)).any():
                    chunks.append(_spread(estimator, *sides))
            if found.event:
                found.held_back.extend(
                    np.zeros(ab.ar.shape, np.bool_) for ab in found.event
                )
                yield found


def one_benchmark(spec: StudySpec, panel: Panel) -> bool:
    """Tell whether all assets of a panel have the same factors."""
    if panel.setting.members:
        return False  # each is left out of its own basket
    assets = {observation.asset for observation in panel.observations}
    return len({spec.factors_of(panel.setting, asset) for asset in assets}) < 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """Sums over a group's members per clock: total, missing (G, T+L), members (G,).

    x : (G, T+L, F) factors of one member
    """

    total: Array
    missing: Array
    members: Array
    x: Array


def _side(
    estimator: Estimator,
    estimates: Sequence[Estimate],
    sample: str,
    group: str,
    *,
    simple: bool,
) -> _Side:
    """Add up a group's returns by date, block by block; gaps count as missing."""
    panel = estimator.panel
    shape = len(panel.clocks.event), len(panel.columns.offsets)
    total, missing = np.zeros(shape), np.zeros(shape)
    members = np.zeros(shape[0])
    x = np.full((*shape, len(panel.setting.regressors)), np.nan)
    for estimate in estimates:
        doubts = estimator.doubts(estimate)
        wanted = _members(estimator, estimate, sample, group)
        wanted &= ~doubts.held_estimation
        rows = estimate.rows[wanted]
        block, clock = panel.block(rows), panel.clock[rows]
        y = np.where(block.span == 1, block.y_simple if simple else block.y, np.nan)
        t, window = panel.columns.n_estimation, estimator.spec.event_window
        event = panel.columns.slice_of(window)
        around = y[:, t + event.start : t + event.stop]
        around[doubts.held_event[wanted]] = np.nan
        np.add.at(total, clock, np.where(np.isnan(y), 0.0, y))
        np.add.at(missing, clock, np.isnan(y).astype(np.float64))
        np.add.at(members, clock, 1.0)
        x[clock] = block.x_simple if simple else block.x
    return _Side(total=total, missing=missing, members=members, x=x)


def _spread(estimator: Estimator, long: _Side, short: _Side) -> Abnormal:
    """Fit the model to the mean return of one group less that of the other.

    One observation per date on which both groups have one. All of them are the same
    asset, the spread, so that windows of close dates count as the dependent facts that
    they are. A session is missing where any member's return is.
    """
    panel = estimator.panel
    clock = np.flatnonzero((long.members > 0) & (short.members > 0))
    means = [side.total[clock] / side.members[clock, None] for side in (long, short)]
    complete = long.missing[clock] + short.missing[clock] == 0
    setting = panel.setting
    fit = MODELS.entry(setting.model).with_options(setting.options)(
        np.where(complete, means[0] - means[1], np.nan),
        long.x[clock] if setting.regressors else None,
        n_estimation=panel.columns.n_estimation,
        asset=np.zeros(len(clock), np.int64),
        clock=clock,
        clocks=panel.clocks,
        first_offset=panel.columns.first_offset,
    )
    return narrow(fit, estimator.spec.event_window, estimator.clocks)
