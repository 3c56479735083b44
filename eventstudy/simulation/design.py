"""What every replication keeps: who is studied when, and which returns are missing.

A design is all observations of the headline sample on one calendar. Only returns are
simulated; dates, windows, purged and missing sessions are those of the study.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, Clock, IntArray
from eventstudy.core.bootstrap import politis_white
from eventstudy.core.errors import DataError, SpecError
from eventstudy.panel import Panel
from eventstudy.panel.donors import donors_of_block
from eventstudy.spec import ModelSetting, StudySpec, window_text
from eventstudy.study.estimate import Estimate, Estimator

ALL = "all"
Fitted = Sequence[tuple[Estimator, Sequence[Estimate]]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelBlock:
    """The observations of one model setting on one calendar, (N,) and (N, T+L).

    group : name of each observation's group
    at : (N, T+L) position on the path of simulated sessions
    keep : (N, T+L) there is a return;  span : (N, T+L) sessions that it spans
    base : (N,) where the asset's series begins in ``growth``
    growth, factor_growth : (S,) and (S, F) log returns, or the logarithm of one plus
        simple returns, so that gaps are spanned by sums
    window : the window that is tested;  donors : of a model with donors
    """

    setting: ModelSetting
    group: tuple[str, ...]
    at: IntArray
    keep: BoolArray
    span: Array
    base: IntArray
    growth: Array
    factor_growth: Array
    asset: IntArray
    clock: IntArray
    clocks: Clock
    n_estimation: int
    first_offset: int
    window: tuple[int, int]
    donors: "DrawnDonors | None" = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnDonors:
    """Donors of a part, which are drawn with its assets.

    growth : (S, J) the logarithm of one plus simple returns
    allowed : (N, J);  follows : (T+L,), see `Donors`
    """

    growth: Array
    allowed: BoolArray
    follows: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSample:
    """A sample that is tested: a group under a model name, or "all" of them.

    members : (part, positions in the part) of its observations
    """

    model: str
    group: str
    members: tuple[tuple[int, IntArray], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulationDesign:
    """Everything on one calendar, which is simulated together.

    pool : (P,) sessions that returns are drawn from;  block : mean block length
    path : sessions of one replication, from the first window to the last
    first_date : place of the first day 0 on it
    """

    calendar: str
    parts: tuple[ModelBlock, ...]
    cells: tuple[SimulatedSample, ...]
    pool: IntArray
    block: float
    path: int
    first_date: int


def designs_of(
    spec: StudySpec, fitted: Fitted, groups: Sequence[str], window: tuple[int, int]
) -> tuple[list[SimulationDesign], list[str]]:
    """Return one design per calendar, and notes on samples that cannot be simulated.

    Raises `SpecError` without an observation, `DataError` for too little history.
    """
    drafts = [draft for estimator, held in fitted for draft in _split(estimator, held)]
    if not drafts:
        raise SpecError(
            "there is nothing to simulate: no observation of the headline sample has "
            "an estimate; see what `analyze` leaves out"
        )
    names = list(dict.fromkeys(calendar for calendar, _, _ in drafts))
    cells, notes = _cells(spec, drafts, groups)
    designs = []
    for name in names:
        own = [(panel, rows) for calendar, panel, rows in drafts if calendar == name]
        clocks = fitted[0][0].clocks
        design = _design(spec, name, own, clocks, window)
        wanted = [(m, g) for calendar, m, g in cells if calendar == name]
        found = tuple(
            cell for m, g in wanted if (cell := _cell(design.parts, m, g)).members
        )
        if found:
            designs.append(replace(design, cells=found))
    if not designs:
        raise SpecError("there is nothing to simulate: " + "; ".join(notes))
    return designs, notes


_Draft = tuple[str, Panel, IntArray]


def _split(estimator: Estimator, held: Sequence[Estimate]) -> list[_Draft]:
    """Cut the headline observations of a panel by calendar."""
    panel = estimator.panel
    rows = np.concatenate([estimate.rows for estimate in held] or [np.zeros(0, int)])
    by_calendar: dict[str, list[int]] = {}
    for row in rows.tolist():
        observation = panel.observations[row]
        if observation.headline:
            by_calendar.setdefault(panel.calendar[observation.asset], []).append(row)
    return [(name, panel, np.array(own)) for name, own in by_calendar.items()]


def _cells(
    spec: StudySpec, drafts: Sequence[_Draft], groups: Sequence[str]
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Return (calendar, model, group) of each sample that lives on one calendar."""
    found, notes = [], []
    for model in dict.fromkeys(setting.name for setting in spec.models):
        held: dict[str, set[str]] = {}
        for calendar, panel, rows in drafts:
            if panel.setting.name == model:
                for row in rows.tolist():
                    held.setdefault(panel.observations[row].group, set()).add(calendar)
        wanted = [group for group in groups if group in held]
        if len(wanted) > 1:
            held[ALL] = set().union(*held.values())
            wanted.append(ALL)
        for group in wanted:
            if len(held[group]) == 1:
                found.append((next(iter(held[group])), model, group))
            else:
                notes.append(
                    f"{group} ({model}) is not simulated: its assets are on several "
                    f"calendars ({', '.join(sorted(held[group]))}), whose sessions "
                    "cannot be drawn together"
                )
    return found, notes


def _design(
    spec: StudySpec,
    calendar: str,
    own: Sequence[tuple[Panel, IntArray]],
    clocks: Clock,
    window: tuple[int, int],
) -> SimulationDesign:
    pool = _pool(spec, calendar, own)
    blocks = [panel.block(rows) for panel, rows in own]
    longest = int(max(block.span.max() for block in blocks))
    columns = own[0][0].columns
    t = columns.n_estimation
    event = columns.slice_of(spec.event_window)
    used = np.r_[:t, t + event.start : t + event.stop]
    offsets = columns.offsets[used]
    days = np.concatenate([panel.day0[rows] for panel, rows in own])
    start = int(days.min() + offsets.min()) - (longest - 1)
    simple = spec.returns == "simple"
    parts = []
    for (panel, rows), block in zip(own, blocks, strict=True):
        flat = panel.flat
        keep = np.isfinite(block.y[:, used]) & np.isfinite(block.x[:, used]).all(axis=2)
        first = t + window[0] - spec.event_window[0]
        tested = slice(first, first + window[1] - window[0] + 1)
        # Without a return in the window an observation takes part in no test of it.
        there = np.flatnonzero(keep[:, tested].any(axis=1))
        rows = rows[there]
        parts.append(
            ModelBlock(
                setting=panel.setting,
                group=tuple(panel.observations[row].group for row in rows.tolist()),
                at=panel.day0[rows][:, None] + offsets - start,
                keep=keep[there],
                span=block.span[there][:, used],
                base=panel.base[rows],
                growth=np.log1p(flat.simple_return) if simple else flat.log_return,
                factor_growth=np.log1p(flat.simple_factors)
                if simple
                else flat.log_factors,
                asset=panel.asset[rows],
                clock=panel.clock[rows],
                clocks=clocks,
                n_estimation=t,
                first_offset=spec.event_window[0],
                window=window,
                donors=_donors(panel, rows, offsets),
            )
        )
    return SimulationDesign(
        calendar=calendar,
        parts=tuple(parts),
        cells=(),
        pool=pool,
        block=_block_length(own, pool),
        path=int(days.max() + offsets.max()) - start + 1,
        first_date=int(days.min()) - start,
    )


def _donors(panel: Panel, rows: IntArray, offsets: IntArray) -> DrawnDonors | None:
    """Return the donors of some observations of one calendar."""
    if panel.donors is None or not len(rows):
        return None
    held, _ = donors_of_block(panel, rows, panel.block(rows))
    calendar = panel.calendar[panel.observations[int(rows[0])].asset]
    return DrawnDonors(
        growth=np.log1p(panel.donors.returns[calendar]),
        allowed=held.allowed,
        follows=np.append(False, np.diff(offsets) == 1),
    )


def _pool(
    spec: StudySpec, calendar: str, own: Sequence[tuple[Panel, IntArray]]
) -> IntArray:
    """Return the sessions far from every event with a return of every asset."""
    usable: BoolArray | None = None
    fewest, scarce = np.inf, ""
    for panel, rows in own:
        near = np.diff(panel.near_events) > 0
        flat = panel.flat
        single = (flat.span == 1) & np.isfinite(flat.log_return)
        single &= np.isfinite(flat.log_factors).all(axis=1) & ~near
        for row in np.unique(panel.base[rows], return_index=True)[1].tolist():
            at = rows[row]
            held = single[panel.base[at] : panel.base[at] + panel.length[at]]
            usable = held if usable is None else usable & held
            if held.sum() < fewest:
                fewest, scarce = held.sum(), panel.observations[at].asset
        drawn = _donors(panel, rows, panel.columns.offsets)
        if panel.donors is not None and drawn is not None:
            for donor in np.flatnonzero(drawn.allowed.any(axis=0)).tolist():
                held = np.isfinite(drawn.growth[:, donor])
                usable = held if usable is None else usable & held
                if held.sum() < fewest:
                    fewest, scarce = held.sum(), panel.donors.names[donor]
    assert usable is not None
    pool = np.flatnonzero(usable)
    wanted = spec.estimation[1] - spec.estimation[0] + 1
    wanted += spec.event_window[1] - spec.event_window[0] + 1
    if len(pool) < wanted:
        raise DataError(
            f"too little history to simulate on {calendar}: {len(pool)} sessions "
            f"outside {window_text(spec.purge)} of every event have a return of every "
            f"asset, {wanted} are needed (estimation and event window); {scarce} has "
            f"the fewest, {int(fewest)}. Give longer prices, shorten the windows or "
            "leave that asset out"
        )
    return pool


def _block_length(own: Sequence[tuple[Panel, IntArray]], pool: IntArray) -> float:
    """Mean over assets of the optimal block length for the variance.

    Volatility clusters far longer than returns correlate, so squared deviations are
    what a block must hold together.
    """
    series = []
    for panel, rows in own:
        for base in np.unique(panel.base[rows]).tolist():
            returns = panel.flat.log_return[base + pool]
            series.append((returns - returns.mean()) ** 2)
    lengths = politis_white(np.array(series)).stationary
    return float(np.nanmean(lengths)) if np.isfinite(lengths).any() else 1.0


def _cell(parts: Sequence[ModelBlock], model: str, group: str) -> SimulatedSample:
    members = []
    for number, part in enumerate(parts):
        if part.setting.name != model:
            continue
        rows = [i for i, g in enumerate(part.group) if group in (ALL, g)]
        if rows:
            members.append((number, np.array(rows, np.int64)))
    return SimulatedSample(model=model, group=group, members=tuple(members))
