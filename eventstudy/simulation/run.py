"""The walk of a simulation: design, draws, fits, injections, counts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eventstudy.catalogue import Events
from eventstudy.core.errors import SpecError
from eventstudy.core.threads import OneThread
from eventstudy.inference import EventTest, NamedTest
from eventstudy.panel import build
from eventstudy.prices import Prices, read_prices
from eventstudy.simulation.count import (
    Experiment,
    Tally,
    count,
    experiment_of,
    why_none,
)
from eventstudy.simulation.design import SimulationDesign, designs_of
from eventstudy.simulation.request import QUESTIONS, SimulationSpec, request_from
from eventstudy.simulation.result import SimulationResult
from eventstudy.simulation.schema import SCHEMA
from eventstudy.simulation.tables import (
    Counts,
    coverage_table,
    power_table,
    rejection_table,
    verdict_table,
)
from eventstudy.spec import StudySpec
from eventstudy.study.currencies import converted
from eventstudy.study.estimate import estimators
from eventstudy.study.inputs import check_questions, events_of, groups_of
from eventstudy.study.names import one_spelling
from eventstudy.study.own import own_windows, widened, with_benchmarks
from eventstudy.study.provenance import provenance_of

# Called with a stage and the share of the work that is done.
Progress = Callable[[str, float], None]


@OneThread()
def simulate(
    spec: StudySpec,
    events: Events | str | Path | Any,  # noqa: ANN401 - any frame with Arrow's stream
    prices: Prices | str | Path | Any,  # noqa: ANN401
    *,
    replications: int = 1000,
    window: tuple[int, int] = (-1, 1),
    effects: Sequence[float] | None = None,
    variances: Sequence[float] = (1.0, 2.0),
    scenarios: Sequence[str] | None = None,
    tests: Sequence[NamedTest] | None = None,
    level: float = 0.05,
    seed: int | None = None,
    workers: int = 2,
    engine: object = "threads",
    progress: Progress | None = None,
    command: str | None = None,
    inputs: Mapping[str, str] | None = None,
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

    Parameters
    ----------
    spec : StudySpec
        The study.
    events : Events, path or frame
        As in `run`.
    prices : Prices, path or frame
        As in `run`.
    replications : int
        At least 100.
    window : (int, int)
        Sessions of the CAR tested, with day 0, both ends included.
    effects : sequence of float, optional
        Abnormal returns, default 0, ±0.5, ±1, ±2, ±4, ±7, ±12 and ±20 % on the sides of
        the spec's alternative; 0 is always there.
    variances : sequence of float
        Factors on the variance of the window.
    scenarios : sequence of str, optional
        What else is tried without an effect: "dates differ" (every cluster of dates has
        an effect of its own, of which the mean is 0) and "calmer before" (returns were
        1.6 times as large until 45 sessions before the first date). Default both.
    tests : sequence of str, EventTest or callable, optional
        Tests of the sample: names, entries, or functions of a `Sample` and `Options`;
        default the spec's. Functions that do not say that they are vectorised are
        called for one replication after the other.
    level : float
        Nominal size.
    seed : int, optional
        Default the spec's. Tests that resample use the same draws in all replications.
    workers : int
        Threads; they change no number.
    engine : {"threads", "processes"} or distributed.Client
        Who counts: threads of this process, two processes, or the workers of a Dask
        cluster. The numbers are the same.
    progress : callable, optional
        Called with a stage and the share done.
    command, inputs, notes : optional
        Recorded in the provenance.

    Returns
    -------
    SimulationResult
        Rejections, verdicts, coverage, minimum detectable effects and designs.

    Raises
    ------
    SpecError
        For a request that cannot be met.
    DataError
        For too little history.

    References
    ----------
    Brown & Warner (1980, 1985), J. Financial Economics 8 and 14, on simulated events;
    Politis & Romano (1994), J. American Statistical Association 89, on the blocks.

    Examples
    --------
    >>> import polars as pl
    >>> import eventstudy as es
    >>> spec = es.StudySpec(returns="log", groups={"rigs": ("RIOT", "MARA")})
    >>> events = pl.DataFrame({"event_id": ["a"], "announced_at": ["2021-05-21"]})
    >>> prices = es.fetch_prices(spec.symbols, source="snapshot")
    >>> found = simulate(spec, events, prices, replications=100, tests=["patell"])
    >>> found.verdict["verdict"].to_list()[0]
    'over-rejects'
    """
    if workers < 1:
        raise SpecError(f"workers = {workers}; wanted at least 1")
    tell = progress or (lambda _stage, _share: None)
    events = events_of(events, spec)
    prices = prices if isinstance(prices, Prices) else read_prices(prices)
    check_questions(spec, events)
    events = one_spelling(spec, events, prices)
    asked = with_benchmarks(spec, events)
    own = own_windows(asked, events)
    spec = widened(asked, events, own)
    prices = converted(spec, prices)
    request, entries, left_out = request_from(
        spec,
        replications=replications,
        window=window,
        effects=effects,
        variances=variances,
        scenarios=scenarios,
        tests=tests,
        level=level,
        seed=seed,
    )
    tell("Laying out the design", 0.0)
    groups = groups_of(spec, events, prices)
    panels, _ = build(
        spec,
        groups,
        events.frame,
        prices.frame,
        returns=prices.returns,
        usual=asked.estimation,
        own=own,
    )
    fitted = [(estimator, list(estimator)) for estimator in estimators(spec, panels)]
    designs, not_simulated = designs_of(spec, fitted, list(groups), request.window)
    samples, facts = _evaluate(
        spec, request, entries, designs, workers=workers, engine=engine, tell=tell
    )
    rejections = rejection_table(request, samples)
    return SimulationResult(
        request=request,
        spec=spec,
        rejections=rejections,
        verdict=verdict_table(rejections),
        coverage=coverage_table(request, samples),
        power=power_table(request, samples),
        designs=SCHEMA["designs"].frame(facts),
        notes=(*left_out, *not_simulated),
        provenance=provenance_of(
            spec, events, prices, command=command, inputs=inputs or {}, notes=notes
        ),
    )


def _evaluate(
    spec: StudySpec,
    request: SimulationSpec,
    entries: Sequence[EventTest],
    designs: Sequence[SimulationDesign],
    *,
    workers: int,
    engine: object,
    tell: Progress,
) -> tuple[list[Counts], list[dict[str, Any]]]:
    """Count the rejections of every sample, and describe the samples."""
    experiments = [experiment_of(spec, request, entries, design) for design in designs]
    work = request.replications * sum(e.size for e in experiments)
    finished = 0
    found: dict[tuple[str, str], tuple[Counts, dict[str, Any]]] = {}
    for experiment in experiments:

        def done(replications: int, experiment: Experiment = experiment) -> None:
            nonlocal finished
            finished += replications * experiment.size
            tell(f"Simulating on {experiment.design.calendar}", finished / work)

        tally = count(experiment, workers=workers, done=done, engine=engine)
        for c, cell in enumerate(experiment.design.cells):
            found[cell.model, cell.group] = (
                _counts(experiment, tally, c),
                _facts(experiment, tally, c),
            )
    models = list(dict.fromkeys(setting.name for setting in spec.models))
    keys = sorted(found, key=lambda key: models.index(key[0]))
    return [found[key][0] for key in keys], [found[key][1] for key in keys]


def _counts(experiment: Experiment, tally: Tally, c: int) -> Counts:
    cell, advised = experiment.design.cells[c], experiment.advised[c]
    entries = [*experiment.entries, *advised]
    return Counts(
        model=cell.model,
        group=cell.group,
        tests=(*experiment.request.tests, *QUESTIONS.values()),
        stands_for=tuple(None if one is None else one.name for one in entries),
        rejected=tally.rejected[c],
        answered=tally.answered[c],
        covered=tally.covered[c],
        bounded=tally.bounded[c],
        reasons=tuple(
            None
            if tally.answered[c, :, t].any()
            else why_none(experiment, cell, test)
            if test is not None
            else "no test of the sample is recommended for this question"
            for t, test in enumerate(entries)
        ),
    )


def _facts(experiment: Experiment, tally: Tally, c: int) -> dict[str, Any]:
    cell, layout = experiment.design.cells[c], experiment.layouts[c]
    return {
        "model": cell.model,
        "group": cell.group,
        "calendar": experiment.design.calendar,
        "n": layout.n,
        "n_assets": layout.cells.shape[1],
        "n_dates": layout.n_dates,
        "n_clusters": layout.n_clusters,
        "sessions": len(experiment.design.pool),
        "block": experiment.design.block,
        "replications": int(tally.complete[c]),
    }
