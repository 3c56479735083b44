"""Counting rejections: chunks of replications, in threads, added up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from eventstudy.core.abnormal import Array, IntArray, Status
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import select
from eventstudy.inference import TESTS, Dependence, EventTest, Need, battery, recommend
from eventstudy.inference.battery import answers_of
from eventstudy.inference.pvalues import Options
from eventstudy.inference.sample import Sample
from eventstudy.scale.spreading import spread
from eventstudy.simulation.batch import Batch, Fits, batch_of, fits_of
from eventstudy.simulation.design import SimulatedSample, SimulationDesign
from eventstudy.simulation.draw import (
    draw_sessions,
    draw_shocks,
    replicate,
    wilder_before,
)
from eventstudy.simulation.injected import Injections
from eventstudy.simulation.layout import Layout, layout_of
from eventstudy.simulation.request import (
    CALMER,
    DATES_DIFFER,
    QUESTIONS,
    SimulationSpec,
)
from eventstudy.spec import StudySpec

# Observations fitted at a time: a few hundred megabytes for the usual windows.
# Returns of donors that are held at once.
MOST_OF_DONORS = 20_000_000
CHUNK_ROWS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """Counts that add up over chunks; the last two tests are those recommended.

    rejected : (cells, states, levels, tests);  answered : (cells, states, tests)
    covered, bounded : (cells, states, 2) intervals of the tests recommended for these
        and for such dates that hold the true effect, and all of them; states with an
        effect are not counted, their intervals are those without, moved
    complete : (cells,) replications in which every observation has an estimate
    """

    rejected: IntArray
    answered: IntArray
    covered: IntArray
    bounded: IntArray
    complete: IntArray

    def __add__(self, other: "Tally") -> "Tally":
        """Return the counts of both."""
        return Tally(
            **{
                field.name: getattr(self, field.name) + getattr(other, field.name)
                for field in fields(self)
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Experiment:
    """One design with all its draws.

    entries : the tests asked for
    advised : per cell those recommended for these and for such dates, or None
    sessions, shocks : (R, path), (R, C), drawn at once, so that chunks and threads
        change no number
    """

    spec: StudySpec
    request: SimulationSpec
    entries: tuple[EventTest, ...]
    design: SimulationDesign
    layouts: tuple[Layout, ...]
    advised: tuple[tuple[EventTest | None, EventTest | None], ...]
    sessions: IntArray
    shocks: Array

    @property
    def options(self) -> Options:
        """What every test is asked for; resamples are the same in all replications."""
        return Options(
            alternative=self.spec.alternative,
            seed=self.request.seed,
            n_draws=self.spec.resamples,
        )

    @property
    def size(self) -> int:
        """Observations of one replication."""
        return sum(len(part.base) for part in self.design.parts)


def experiment_of(
    spec: StudySpec,
    request: SimulationSpec,
    entries: Sequence[EventTest],
    design: SimulationDesign,
) -> Experiment:
    """Draw the sessions of every replication and work out what stays the same."""
    layouts = tuple(layout_of(design, cell, request.window) for cell in design.cells)
    return Experiment(
        spec=spec,
        request=request,
        entries=tuple(entries),
        design=design,
        layouts=layouts,
        advised=tuple(map(_advised, layouts)),
        sessions=draw_sessions(design, request.replications, request.seed),
        shocks=draw_shocks(design, request.replications, request.seed),
    )


def _advised(layout: Layout) -> tuple[EventTest | None, EventTest | None]:
    """Return the tests of a sample that a study of the same design recommends."""
    advice = recommend(
        Dependence(
            n=layout.n,
            n_dates=layout.n_dates,
            n_clusters=layout.n_clusters,
            rbar=float("nan"),
            nu=float("nan"),
            n_effective=float("nan"),
            n_unmeasured=0,
        )
    )
    these, such = (
        None if name is None else TESTS.entry(name)
        for name in (advice.test, advice.such)
    )
    return these if these and these.level == "sample" else None, such


def count(
    experiment: Experiment,
    *,
    workers: int,
    done: Callable[[int], None],
    engine: object = "threads",
) -> Tally:
    """Count over all replications; ``done`` is told how many each chunk adds."""
    step = max(1, min(CHUNK_ROWS, _most_rows(experiment.design)) // experiment.size)
    starts = range(0, len(experiment.sessions), step)
    chunks = [slice(start, start + step) for start in starts]
    total: Tally | None = None
    answers = spread(
        "eventstudy.simulation.count:tally_of",
        experiment,
        chunks,
        engine=engine,
        threads=workers,
    )
    for chunk, found in zip(chunks, answers, strict=True):
        total = found.value if total is None else total + found.value
        done(len(experiment.sessions[chunk]))
    assert total is not None
    return total


def _most_rows(design: SimulationDesign) -> int:
    """Return how many rows have donors that can be held at once."""
    drawn = [part for part in design.parts if part.donors]
    numbers = [p.at.shape[1] * p.donors.growth.shape[1] for p in drawn if p.donors]
    return MOST_OF_DONORS // max(numbers, default=1)


def tally_of(experiment: Experiment, chunk: slice) -> Tally:
    """Judge these replications in every state; a scenario's fits serve all of its."""
    request, cells = experiment.request, experiment.design.cells
    states, n_tests = request.states, len(request.tests) + len(QUESTIONS)
    grid = (len(cells), len(states))
    tally = Tally(
        rejected=np.zeros((*grid, len(request.levels), n_tests), np.int64),
        answered=np.zeros((*grid, n_tests), np.int64),
        covered=np.zeros((*grid, len(QUESTIONS)), np.int64),
        bounded=np.zeros((*grid, len(QUESTIONS)), np.int64),
        complete=np.zeros(len(cells), np.int64),
    )
    wilder = {scenario == CALMER for scenario in request.scenarios}
    for scaled in sorted(wilder):
        fits = _fits(experiment, chunk, scaled=scaled)
        own = [s for s, one in enumerate(states) if (one.scenario == CALMER) == scaled]
        for c, cell in enumerate(cells):
            batch = batch_of(fits, cell, experiment.layouts[c])
            if not scaled:
                tally.complete[c] = len(batch.car)
            _judge(experiment, tally, c, batch, own, experiment.shocks[chunk])
    return tally


def _fits(experiment: Experiment, chunk: slice, *, scaled: bool) -> list[Fits]:
    design, sessions = experiment.design, experiment.sessions[chunk]
    scale = wilder_before(design) if scaled else None
    simple = experiment.spec.returns == "simple"
    return [
        fits_of(
            replicate(part, sessions, simple=simple, scale=scale),
            len(sessions),
            experiment.request.window,
        )
        for part in design.parts
    ]


def _judge(
    experiment: Experiment,
    tally: Tally,
    c: int,
    batch: Batch,
    own: Sequence[int],
    shocks: Array,
) -> None:
    """Count what the tests of one sample say in these states."""
    request, advised = experiment.request, experiment.advised[c]
    entries = [*experiment.entries, *advised]
    needs = frozenset[Need]().union(*(e.needs for e in entries if e is not None))
    injections = Injections(batch=batch, needs=needs)
    levels = np.array(request.levels)[:, None]
    for s in own:
        state = request.states[s]
        effect: Array | float = state.effect
        if state.scenario == DATES_DIFFER:
            effect = _of_dates(batch, shocks)
        sample = injections.sample(effect, state.variance)
        known: dict[str, Array] = {}
        for t, entry in enumerate(entries):
            if entry is None:
                continue
            if entry.name not in known:
                known[entry.name] = answers_of(entry, sample, experiment.options)[1]
            p = known[entry.name]
            tally.rejected[c, s, :, t] = (p <= levels).sum(axis=1)
            tally.answered[c, s, t] = np.isfinite(p).sum()
        if state.effect == 0:
            moved = state.scenario == DATES_DIFFER
            plain = injections.sample(0.0, state.variance) if moved else sample
            for q, entry in enumerate(advised):
                found = _covered(experiment, entry, sample, plain, these=q == 0)
                tally.covered[c, s, q], tally.bounded[c, s, q] = found


def _of_dates(batch: Batch, shocks: Array) -> Array:
    """Return an effect of each cluster of dates, as large as CARs vary, (R, N)."""
    own = shocks[batch.complete][:, batch.layout.cluster]
    return np.asarray(own * batch.se.mean(axis=1, keepdims=True), np.float64)


def _covered(
    experiment: Experiment,
    entry: EventTest | None,
    sample: Sample,
    plain: Sample,
    *,
    these: bool,
) -> tuple[int, int]:
    """Count the intervals that hold the true effect, and all intervals.

    For these dates the truth is what the effects move the estimate by, for such dates
    their mean, 0.
    """
    if entry is None or entry.interval is None or not entry.vectorised:
        return 0, 0
    level = 1.0 - experiment.request.level
    with np.errstate(divide="ignore", invalid="ignore"):
        found = entry.interval(sample, experiment.options, level)
        without = entry.interval(plain, experiment.options, level)
    truth = found.estimate - np.asarray(without.estimate) if these else 0.0
    low, high = np.broadcast_arrays(found.low, found.high)
    there = ~(np.isnan(low) | np.isnan(high))
    return int(((low <= truth) & (truth <= high) & there).sum()), int(there.sum())


def why_none(experiment: Experiment, cell: SimulatedSample, test: EventTest) -> str:
    """Ask the test itself, on the first replication, why it has no answer."""
    simple = experiment.spec.returns == "simple"
    chunks = []
    for number, rows in cell.members:
        part = experiment.design.parts[number]
        ab = select(replicate(part, experiment.sessions[:1], simple=simple), rows)
        for status in ab.status[ab.status != Status.OK].tolist():
            return f"an observation has no estimate: {Status(status).text}"
        chunks.append(ab)
    found = battery(
        chunks,
        windows=[experiment.request.window],
        tests=[test],
        alternative=experiment.spec.alternative,
        seed=experiment.request.seed,
        n_draws=experiment.spec.resamples,
    )
    reason = found[experiment.request.window, test.name].reason[0]
    if reason is None:
        raise SpecError(f"{test.name} has an answer alone but none in a batch")
    return reason
