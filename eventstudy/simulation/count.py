"""Counting rejections: chunks of replications, in threads, added up."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from eventstudy.core.abnormal import IntArray, Status
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import select
from eventstudy.inference import EventTest, Need, battery
from eventstudy.inference.battery import answers_of
from eventstudy.inference.pvalues import Options
from eventstudy.simulation.batch import batch_of, fits_of
from eventstudy.simulation.design import SimulatedSample, SimulationDesign
from eventstudy.simulation.draw import draw_sessions, replicate
from eventstudy.simulation.injected import Injections
from eventstudy.simulation.layout import Layout, layout_of
from eventstudy.simulation.request import SimulationSpec
from eventstudy.spec import StudySpec

# Observations fitted at a time: a few hundred megabytes for the usual windows.
CHUNK_ROWS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """Counts that add up over chunks.

    rejected, answered : (cells, effects, variances, tests)
    complete : (cells,) replications in which every observation has an estimate
    """

    rejected: IntArray
    answered: IntArray
    complete: IntArray

    def __add__(self, other: "Tally") -> "Tally":
        """Return the counts of both."""
        return Tally(
            rejected=self.rejected + other.rejected,
            answered=self.answered + other.answered,
            complete=self.complete + other.complete,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Experiment:
    """One design with all its draws.

    entries : the tests asked for
    sessions : (R, path), drawn at once, so that chunks and threads change no number
    """

    spec: StudySpec
    request: SimulationSpec
    entries: tuple[EventTest, ...]
    design: SimulationDesign
    layouts: tuple[Layout, ...]
    sessions: IntArray

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
    return Experiment(
        spec=spec,
        request=request,
        entries=tuple(entries),
        design=design,
        layouts=tuple(layout_of(design, cell, request.window) for cell in design.cells),
        sessions=draw_sessions(design, request.replications, request.seed),
    )


def count(
    experiment: Experiment, *, workers: int, done: Callable[[int], None]
) -> Tally:
    """Count over all replications; ``done`` is told how many each chunk adds."""
    step = max(1, CHUNK_ROWS // experiment.size)
    chunks = [
        experiment.sessions[start : start + step]
        for start in range(0, len(experiment.sessions), step)
    ]
    total: Tally | None = None
    with ThreadPoolExecutor(workers) as pool:
        for chunk, found in zip(
            chunks, pool.map(partial(_tally, experiment), chunks), strict=True
        ):
            total = found if total is None else total + found
            done(len(chunk))
    assert total is not None
    return total


def _tally(experiment: Experiment, sessions: IntArray) -> Tally:
    """Fit these replications once, and judge them under every injection."""
    request, design = experiment.request, experiment.design
    simple = experiment.spec.returns == "simple"
    fits = [
        fits_of(
            replicate(part, sessions, simple=simple),
            len(sessions),
            experiment.request.window,
        )
        for part in design.parts
    ]
    needs = frozenset[Need]().union(*(entry.needs for entry in experiment.entries))
    options = experiment.options
    grid = (len(request.effects), len(request.variances), len(request.tests))
    rejected, answered = np.zeros((2, len(design.cells), *grid), np.int64)
    complete = np.zeros(len(design.cells), np.int64)
    for c, cell in enumerate(design.cells):
        batch = batch_of(fits, cell, experiment.layouts[c])
        injections = Injections(batch=batch, needs=needs)
        complete[c] = len(batch.car)
        for e, v in np.ndindex(grid[:2]):
            sample = injections.sample(request.effects[e], request.variances[v])
            for t, entry in enumerate(experiment.entries):
                _, p = answers_of(entry, sample, options)
                rejected[c, e, v, t] = (p <= request.level).sum()
                answered[c, e, v, t] = np.isfinite(p).sum()
    return Tally(rejected=rejected, answered=answered, complete=complete)


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
