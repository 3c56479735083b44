"""The walk of a simulation: design, draws, fits, injections, counts."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from eventstudy.catalogue import Events, read_events
from eventstudy.errors import SpecError
from eventstudy.inference import battery
from eventstudy.panel import build
from eventstudy.prices import Prices, read_prices
from eventstudy.results import IntArray, Status
from eventstudy.simulation.batch import Injected, batch_of, fits_of
from eventstudy.simulation.batched import BATCHED
from eventstudy.simulation.design import Cell, Design, designs_of
from eventstudy.simulation.draw import draw_sessions, replicate
from eventstudy.simulation.layout import layout_of
from eventstudy.simulation.request import SimulationSpec, request_from
from eventstudy.simulation.result import SimulationResult
from eventstudy.simulation.tables import (
    Counts,
    power_table,
    rejection_table,
    verdict_table,
)
from eventstudy.spec import StudySpec
from eventstudy.study.estimate import estimators
from eventstudy.study.provenance import provenance_of
from eventstudy.study.run import ALL, default_assets, resolve
from eventstudy.windows import Window, select

# Called with a stage and the share of the work that is done.
Progress = Callable[[str, float], None]

# Fits in memory at a time: about 150 arrays of a double per session and fit.
CHUNK_ROWS = 4_000


def simulate(
    spec: StudySpec,
    events: Events | str | Path | Any,  # noqa: ANN401 - any frame with Arrow's stream
    prices: Prices | str | Path | Any,  # noqa: ANN401
    *,
    replications: int = 1000,
    window: tuple[int, int] = (-1, 1),
    effects: Sequence[float] | None = None,
    variances: Sequence[float] = (1.0, 2.0),
    tests: Sequence[str] | None = None,
    level: float = 0.05,
    seed: int | None = None,
    progress: Progress | None = None,
    command: str | None = None,
    inputs: dict[str, str] | None = None,
    notes: Sequence[str] = (),
) -> SimulationResult:
    """Say how often each test rejects for this design, with and without an effect.

    Every replication keeps the study's headline observations: assets, groups, dates,
    windows, purged and missing sessions. Its returns are whole sessions of the user's
    own data, drawn in blocks from outside the purge windows of all events, so that
    nothing happened on the pseudo-dates while tails, cross-correlation, factors and
    the clustering of volatility stay as they are. Effects are then put on day 0 of
    every observation, and the abnormal returns of ``window`` multiplied by the root
    of a variance factor; neither touches the estimation window.

    events, prices : as in `run`
    replications : at least 100;  window : sessions of the CAR tested, with day 0
    effects : abnormal returns, default 0, ±0.5 %, ±1, ±2, ±5, ±10 and ±20 % on the
        sides of the spec's alternative; 0 is always there
    variances : factors;  tests : names, default the spec's;  level : nominal size
    seed : default the spec's;  progress : called with a stage and the share done
    command, inputs, notes : recorded in the provenance

    Raises `SpecError` for a request that cannot be met, `DataError` for too little
    history.

    Brown & Warner (1980, 1985), J. Financial Economics 8 and 14, on simulated events;
    Politis & Romano (1994), J. American Statistical Association 89, on the blocks.

    >>> import eventstudy as es
    >>> spec = es.StudySpec(returns="log", groups={"rigs": ("RIOT", "MARA")})
    >>> events = pl.DataFrame({"event_id": ["a"], "announced_at": ["2021-05-21"]})
    >>> prices = es.fetch_prices(spec.symbols, source="snapshot")
    >>> found = simulate(spec, events, prices, replications=100, tests=["patell"])
    >>> found.verdict["verdict"].to_list()[0]
    'over-rejects'
    """
    tell = progress or (lambda _stage, _share: None)
    events = events if isinstance(events, Events) else read_events(events)
    prices = prices if isinstance(prices, Prices) else read_prices(prices)
    spec = resolve(spec, events)
    request, left_out = request_from(
        spec,
        replications=replications,
        window=window,
        effects=effects,
        variances=variances,
        tests=tests,
        level=level,
        seed=seed,
    )
    tell("Laying out the design", 0.0)
    groups = spec.groups or {ALL: default_assets(spec, events, prices)}
    panels, _ = build(spec, groups, events.frame, prices.frame)
    fitted = [(estimator, list(estimator)) for estimator in estimators(spec, panels)]
    designs, not_simulated = designs_of(spec, fitted, list(groups), request.window)
    samples, facts = _evaluate(spec, request, designs, tell)
    rejections = rejection_table(request, samples)
    return SimulationResult(
        request=request,
        spec=spec,
        rejections=rejections,
        verdict=verdict_table(rejections),
        power=power_table(request, samples),
        designs=pl.DataFrame(facts),
        notes=(*left_out, *not_simulated),
        provenance=provenance_of(
            spec, events, prices, command=command, inputs=inputs or {}, notes=notes
        ),
    )


def _evaluate(
    spec: StudySpec, request: SimulationSpec, designs: Sequence[Design], tell: Progress
) -> tuple[list[Counts], list[dict[str, Any]]]:
    """Count the rejections of every sample, and describe the samples."""
    work = sum(len(part.base) for design in designs for part in design.parts)
    work *= request.replications
    done = 0
    counts, facts = {}, {}
    for design in designs:
        simulation = _Simulation(spec, request, design)
        for rows in simulation.chunks():
            simulation.add(rows)
            done += len(rows) * simulation.size
            tell(f"Simulating on {design.calendar}", done / work)
        for cell, found, fact in simulation.finish():
            counts[cell.model, cell.group] = found
            facts[cell.model, cell.group] = fact
    names = list(dict.fromkeys(model for model, _ in counts))
    order = sorted(counts, key=lambda key: names.index(key[0]))
    return [counts[key] for key in order], [facts[key] for key in order]


class _Simulation:
    """The replications of one design, counted chunk by chunk."""

    def __init__(
        self, spec: StudySpec, request: SimulationSpec, design: Design
    ) -> None:
        first = spec.event_window[0]
        start, end = request.window
        self.spec, self.request, self.design = spec, request, design
        self.window: Window = (start - first, end - first + 1)
        self.size = sum(len(part.base) for part in design.parts)
        self.layouts = [
            layout_of(design, cell, self.window, -first) for cell in design.cells
        ]
        # Drawn once for all replications: chunks cannot change a number.
        self.sessions = draw_sessions(design, request.replications, request.seed)
        shape = (
            len(design.cells),
            len(request.effects),
            len(request.variances),
            len(request.tests),
        )
        self.rejected = np.zeros(shape, np.int64)
        self.answered = np.zeros(shape, np.int64)
        self.complete = np.zeros(len(design.cells), np.int64)

    def chunks(self) -> Iterator[IntArray]:
        """Cut the replications so that their fits stay in a small memory."""
        step = max(1, CHUNK_ROWS // self.size)
        for start in range(0, self.request.replications, step):
            yield np.arange(start, min(start + step, self.request.replications))

    def add(self, rows: IntArray) -> None:
        """Fit these replications, and count the rejections of every injection."""
        simple = self.spec.returns == "simple"
        fits = [
            fits_of(
                replicate(part, self.sessions[rows], simple=simple),
                len(rows),
                self.window,
            )
            for part in self.design.parts
        ]
        for c, (cell, layout) in enumerate(
            zip(self.design.cells, self.layouts, strict=True)
        ):
            batch = batch_of(fits, cell, layout, self.spec.alternative)
            self.complete[c] += len(batch.car)
            for e, effect in enumerate(self.request.effects):
                for v, variance in enumerate(self.request.variances):
                    one = Injected(batch=batch, effect=effect, variance=variance)
                    for t, test in enumerate(self.request.tests):
                        _, p = BATCHED[test](one)
                        self.rejected[c, e, v, t] += (p <= self.request.level).sum()
                        self.answered[c, e, v, t] += np.isfinite(p).sum()

    def finish(self) -> Iterator[tuple[Cell, Counts, dict[str, Any]]]:
        """Return the counts of every sample, and what the sample is."""
        for c, (cell, layout) in enumerate(
            zip(self.design.cells, self.layouts, strict=True)
        ):
            reasons = tuple(
                None if self.answered[c, :, :, t].any() else self._why_none(cell, test)
                for t, test in enumerate(self.request.tests)
            )
            counts = Counts(
                model=cell.model,
                group=cell.group,
                rejected=self.rejected[c],
                answered=self.answered[c],
                reasons=reasons,
            )
            fact = {
                "model": cell.model,
                "group": cell.group,
                "calendar": self.design.calendar,
                "n": layout.n,
                "n_assets": len(layout.shared),
                "n_dates": layout.n_dates,
                "n_clusters": len(layout.cluster_weights),
                "sessions": len(self.design.pool),
                "block": self.design.block,
                "replications": int(self.complete[c]),
            }
            yield cell, counts, fact

    def _why_none(self, cell: Cell, test: str) -> str:
        """Ask the test itself, on the first replication."""
        simple = self.spec.returns == "simple"
        chunks = []
        for number, rows in cell.members:
            part = self.design.parts[number]
            ab = select(replicate(part, self.sessions[:1], simple=simple), rows)
            for status in ab.status[ab.status != Status.OK].tolist():
                return f"an observation has no estimate: {Status(status).text}"
            chunks.append(ab)
        found = battery(
            chunks,
            windows=[self.window],
            tests=[test],
            alternative=self.spec.alternative,
        )
        reason = found[self.window, test].reason[0]
        if reason is None:
            raise SpecError(f"{test} has an answer alone but not in a batch")
        return reason
