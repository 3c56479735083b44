"""The straight walk from a catalogue and prices to the tables of a result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from eventstudy.calendars import ALWAYS_OPEN, calendar_name, day_zero_table
from eventstudy.catalogue import Events
from eventstudy.core.errors import DataError, Problem
from eventstudy.core.memory import give_back
from eventstudy.core.threads import OneThread
from eventstudy.panel import Market, build
from eventstudy.prices import OutcomeSeries, Prices, read_prices
from eventstudy.prices.series import series_of
from eventstudy.prices.table import LEVEL
from eventstudy.scale.choice import opened
from eventstudy.spec import PARTS, StudySpec
from eventstudy.spec.typed import refuse_twice
from eventstudy.study import builders, defaults, observation_tables, remarks
from eventstudy.study.builders import Study
from eventstudy.study.counted import Counted
from eventstudy.study.currencies import converted, of_currencies
from eventstudy.study.defaults import with_market
from eventstudy.study.doubts import Gate, findings_of
from eventstudy.study.estimate import estimators
from eventstudy.study.inputs import (
    Access,
    check_questions,
    events_of,
    gated,
    groups_of,
    prices_of,
    request_of,
)
from eventstudy.study.intraday_bars import ClosingPrices, read_bars
from eventstudy.study.kept import FinishedParts
from eventstudy.study.names import one_spelling
from eventstudy.study.own import own_windows, widened, with_benchmarks
from eventstudy.study.own import said as said_of_own
from eventstudy.study.provenance import provenance_of
from eventstudy.study.result import StudyResult
from eventstudy.study.schema import SCHEMA, empty
from eventstudy.study.signed import directions, of_signs

_MOST_REASONS = 20

Progress = Callable[[str], None]


@OneThread()
def analyze(
    catalogue: str | Path | Events | Any,  # noqa: ANN401 - any frame with Arrow's stream
    *,
    study: str | Path | None = None,
    cache: str | Path | None = None,
    offline: bool = False,
    refresh: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
    command: str | None = None,
    engine: object = "threads",
    resume: str | Path | None = None,
    **overrides: Any,  # noqa: ANN401 - fields of StudySpec
) -> StudyResult:
    """Study a catalogue as the command ``eventstudy analyze`` does, without a report.

    Parameters
    ----------
    catalogue : str, Path, Events or frame
        The announcements: a file (CSV), or any frame with Arrow's stream.
    study : str or Path, optional
        Study file (TOML); by default the one beside the catalogue, of the same name.
    cache : str or Path, optional
        Folder of downloaded prices.
    offline, refresh : bool
        Never touch the network; download all prices anew.
    strict : bool
        Whether doubtful prices are an error.
    progress : callable, optional
        Called with the name of each stage.
    command : str, optional
        Command line for the provenance.
    engine : str, Engine or distributed.Client
        "threads" computes in this process, "processes" in a second one beside it too,
        a client on the workers of a Dask cluster; the numbers are the same.
    resume : str or Path, optional
        A folder for finished parts. Those of the same study that are there already are
        not computed again.
    **overrides
        Fields of `StudySpec` that replace what the study file says, and ``assets``:
        symbols to pick from its groups.

    Returns
    -------
    StudyResult
        All tables.

    Raises
    ------
    DataError
        For a catalogue, study file or prices that cannot be used.
    SpecError
        For a setting that cannot be.
    SourceError
        Where prices cannot be had.

    Examples
    --------
    >>> import polars as pl
    >>> import eventstudy as es
    >>> events = pl.DataFrame(
    ...     {"event_id": ["summons"], "announced_at": ["2021-06-21T18:12+08:00"]}
    ... )
    >>> result = es.analyze(
    ...     events, assets=["BTCM"], factors=["^GSPC"], windows=[(-1, 1)], resamples=99
    ... )
    >>> result.cars.select("asset", "model", "start", "end").rows()
    [('BTCM', 'market', -1, 1)]
    """
    tell = progress or (lambda _stage: None)
    tell("Reading the catalogue")
    request = request_of(catalogue, study, **overrides)
    tell("Reading prices")
    access = Access(cache=cache, offline=offline, refresh=refresh)
    return run(
        request.spec,
        request.events,
        prices_of(request.spec, request.events, access),
        strict=strict,
        progress=progress,
        command=command,
        inputs=request.inputs,
        notes=request.notes,
        engine=engine,
        resume=resume,
    )


@OneThread()
def run(
    spec: StudySpec,
    events: Events | str | Path | Any,  # noqa: ANN401 - any frame with Arrow's stream
    prices: Prices | str | Path | Any,  # noqa: ANN401
    *,
    strict: bool = False,
    progress: Progress | None = None,
    command: str | None = None,
    inputs: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    engine: object = "threads",
    resume: str | Path | None = None,
    outcomes: Sequence[OutcomeSeries] = (),
) -> StudyResult:
    """Compute the parts of a study that the spec asks for.

    Parameters
    ----------
    spec : StudySpec
        What to estimate; its ``parts`` say which tables are computed.
    events : Events, str, Path or frame
        The announcements, a catalogue file, or any frame with Arrow's stream.
    prices : Prices, str, Path or frame
        The prices, a folder or file, or any frame with Arrow's stream.
    strict : bool
        Whether doubtful prices are an error.
    progress : callable, optional
        Called with the name of each stage.
    command : str, optional
        Command line for the provenance.
    inputs : mapping of str to str, optional
        Names and SHA-256 of further files for the provenance.
    notes : sequence of str
        Remarks for the provenance.
    engine : str, Engine or distributed.Client
        As for `analyze`.
    resume : str or Path, optional
        As for `analyze`.
    outcomes : sequence of OutcomeSeries
        Series that are no prices, from `read_series`, beside those of the spec; they
        belong to the part ``outcomes``.

    Returns
    -------
    StudyResult
        The tables; those of parts not asked for are empty. An observation that cannot
        be estimated is in the ledger.

    Raises
    ------
    DataError
        For events or prices that cannot be used.
    SpecError
        For a question about an event that there is not.

    Examples
    --------
    >>> import polars as pl
    >>> import eventstudy as es
    >>> spec = es.StudySpec(model="market", factors=("^GSPC",))
    >>> events = pl.DataFrame(
    ...     {
    ...         "event_id": ["summons"],
    ...         "announced_at": ["2021-06-21T18:12+08:00"],
    ...         "assets": ["BTCM"],
    ...     }
    ... )
    >>> prices = es.fetch_prices(["BTCM", "^GSPC"], source="snapshot")
    >>> run(spec, events, prices).cars["asset"].unique().to_list()
    ['BTCM']
    """
    tell = progress or (lambda _stage: None)
    events = events_of(events, spec)
    prices = prices if isinstance(prices, Prices) else read_prices(prices)
    check_questions(spec, events)
    series = _series(spec, outcomes)
    events = one_spelling(spec, events, prices)
    asked = with_benchmarks(spec, events)
    own = own_windows(spec, events)
    spec = widened(asked, events, own)
    groups = groups_of(spec, events, prices)
    spec, about_model = with_market(spec, groups, prices)
    shown = [asset for members in groups.values() for asset in members]
    shown += [*spec.factor_names, *spec.member_names]
    held = [*shown, *spec.donor_names, *spec.benchmark_names]
    prices = gated(spec, events.frame, prices, symbols=held, strict=strict)
    prices = converted(spec, prices)
    tell("Placing events on calendars")
    files = {
        symbol: read_bars(path, symbol, calendar_name(symbol, spec.calendars))
        for symbol, path in spec.intraday.items()
    }
    closing = ClosingPrices(spec=spec, files=files)
    gate = Gate(findings=findings_of(prices.issues), hold_back=spec.hold_back)
    panels, market = build(
        spec,
        groups,
        events.frame,
        prices.frame,
        at_close=closing if files else None,
        wrong=gate.wrong(),
        returns=prices.returns,
        usual=asked.estimation,
        own=own,
    )
    gate = gate.in_periods(market.calendars, panels)
    day0 = place_events(spec, events, market)
    tell("Fitting normal returns")
    fitted = [
        (estimator, list(estimator)) for estimator in estimators(spec, panels, gate)
    ]
    observations = pl.concat(
        [
            observation_tables.observations(e.panel, blocks, events.frame, day0)
            for e, blocks in fitted
        ]
    )
    if "used" not in observations["status"]:
        raise _nothing_to_study(observations, groups, prices)
    used = observations.filter(status="used").unique(["observation", "asset"]).height
    spec, about_parts = defaults.without_searches(spec, used)
    study = Study(
        spec=replace(
            spec,
            calendars={
                **spec.calendars,
                **dict.fromkeys(market.every_day, ALWAYS_OPEN),
            },
        ),
        events=events.frame,
        prices=gate.right(prices.frame),
        groups=groups,
        calendars=market.calendars,
        fitted=fitted,
        observations=observations.drop("held", "wanted"),
        bars=files,
        series=series,
        tell=tell,
    )
    always = {
        "events": events.frame,
        "day0": day0,
        "observations": study.observations,
        "ledger": ledger(observations, prices),
        "closes": _closes(prices, shown),
        "price_issues": prices.issues,
    }
    give_back()
    with opened(engine, ahead=[builders.__name__]) as who:
        tables = _tables(replace(study, engine=who), always, resume)
    spec = replace(
        spec,
        estimation=asked.estimation,
        outcomes=tuple(one.setting for one in series) or spec.outcomes,
    )
    said = [
        *about_model,
        defaults.said(spec, groups),
        *about_parts,
        *remarks.of_frequency(spec),
        *said_of_own(asked, events, own),
        *of_currencies(spec, groups, prices),
        *remarks.of_absent(held, prices),
        *remarks.of_twins(held, prices.issues),
        *remarks.of_calendars(market),
        *remarks.of_snapshots(prices.issues),
        *remarks.of_returns(prices.issues),
        *remarks.of_times(events.frame, panels, market),
        *of_signs(events.frame, fitted, directions(events.frame, list(groups))),
        *remarks.of_windows(spec, tables.get("cars", empty("cars"))),
        *remarks.of_doubts(spec, tables.get("cars", empty("cars")), prices.issues),
    ]
    return StudyResult(
        spec=spec,
        tables={**tables, "remarks": remarks.table(said)},
        provenance=provenance_of(
            spec,
            events,
            prices,
            command=command,
            inputs=inputs or {},
            bars=list(files.values()),
            series=series,
            notes=[
                *notes,
                *_notes(spec),
                *closing.notes,
                *(note for file in files.values() for note in file.notes),
                *(r.text for r in said),
            ],
        ),
    )


def _series(spec: StudySpec, given: Sequence[OutcomeSeries]) -> Sequence[OutcomeSeries]:
    """Return the series that are no prices, if their part is asked for."""
    if "outcomes" not in spec.parts:
        return []
    series = [*(series_of(setting) for setting in spec.outcomes), *given]
    refuse_twice(("outcomes",), [one.setting.name for one in series])
    return series


def _tables(
    study: Study, always: Mapping[str, pl.DataFrame], resume: str | Path | None
) -> Mapping[str, pl.DataFrame]:
    """Return the tables of the parts asked for, each made by its builders in turn."""
    found = {name: [table] for name, table in always.items()}
    wanted = [
        builder
        for table in SCHEMA.values()
        for part, builder in table.made_by.items()
        if part in study.spec.parts
    ]
    # The last are begun first elsewhere, while this process begins with the first.
    tasks = [
        task
        for builder in dict.fromkeys(wanted)
        for task in builders.tasks_of(builder, study.spec)
    ]
    kept = None if resume is None else FinishedParts(Path(resume), study)
    known = {} if kept is None else {task: kept.of(task) for task in tasks}
    todo = [task for task in tasks if known.get(task) is None]
    tell = Counted(study.tell, len(todo))
    study.engine.hold("study", replace(study, tell=tell))
    later = dict(zip(todo[::-1], study.engine.later(todo[::-1]), strict=True))
    for task in tasks:
        tables = known.get(task)
        if tables is None:
            tables = later[task].result()
            if kept is not None:
                kept.keep(task, tables)
            tell.done()
            give_back()
        for name, rows in tables.items():
            found.setdefault(name, []).append(SCHEMA[name].checked(rows))
    return {name: pl.concat(rows) for name, rows in found.items()}


def _nothing_to_study(
    observations: pl.DataFrame, groups: Mapping[str, Sequence[str]], prices: Prices
) -> DataError:
    """Return the error for a study that estimates nothing: the commonest reasons.

    An asset without prices is named once, whatever announcements concern it.
    """
    assets = [asset for members in groups.values() for asset in members]
    absent = remarks.of_absent(assets, prices)
    rows = observations.filter(
        ~pl.col("asset").is_in([remark.asset for remark in absent])
    )
    rows = rows.select("event_id", "asset", "reason", "held", "wanted").unique(
        maintain_order=True
    )
    reasons = rows.group_by("reason", maintain_order=True).agg(
        pl.len(), pl.col("event_id", "asset", "held", "wanted").first()
    )
    problems = []
    for one in reasons.sort("len", descending=True, maintain_order=True).iter_rows(
        named=True
    ):
        there = f": {one['held']}, wanted {one['wanted']}" if one["held"] else ""
        more = f" and {one['len'] - 1} more" if one["len"] > 1 else ""
        where = f"{one['event_id']}, {one['asset']}{more}"
        problems.append(Problem(message=f"{where}: {one['reason']}{there}"))
    if observations.is_empty():
        problems = [Problem(message=f"no announcement concerns {', '.join(assets)}")]
    problems += [Problem(message=remark.text) for remark in absent]
    return DataError("there is nothing to study", problems[:_MOST_REASONS])


def _notes(spec: StudySpec) -> list[str]:
    """Say which conventions were taken by default, and what is not computed."""
    notes = [
        f"{name}: {getattr(spec, name)}, as nothing else was asked for"
        for name in spec.assumed
    ]
    if left := [part for part in PARTS if part not in spec.parts]:
        notes.append(f"not computed: {', '.join(left)}")
    return notes


def place_events(spec: StudySpec, events: Events, market: Market) -> pl.DataFrame:
    """Return where every event falls on every calendar of the study."""
    return day_zero_table(
        events.frame["event_id"].to_list(),
        market.by_day.values(),
        events.frame["announced_utc"].to_list(),
        events.frame["announced_date"].to_list(),
        spec.day0,
    )


def ledger(observations: pl.DataFrame, prices: Prices) -> pl.DataFrame:
    """Return everything that was left out, with the reason."""
    dropped = observations.filter(pl.col("status") == "dropped").select(
        pl.lit("observation").alias("stage"),
        "event_id",
        "asset",
        "model",
        "reason",
        "held",
        "wanted",
    )
    faults = prices.issues.filter(pl.col("severity") != "info").select(
        pl.lit("prices").alias("stage"),
        pl.lit(None, pl.String).alias("event_id"),
        pl.col("symbol").alias("asset"),
        pl.lit(None, pl.String).alias("model"),
        pl.concat_str(
            pl.concat_str("rule", pl.format(" ({})", "date"), ignore_nulls=True),
            "detail",
            "action",
            separator=": ",
            ignore_nulls=True,
        ).alias("reason"),
        pl.when(pl.col("file").is_not_null())
        .then(pl.concat_str("file", pl.format(":{}", "line"), ignore_nulls=True))
        .alias("held"),
        pl.lit(None, pl.String).alias("wanted"),
    )
    return pl.concat([dropped, faults])


def _closes(prices: Prices, symbols: Sequence[str]) -> pl.DataFrame:
    frame = prices.frame
    if set(prices.symbols) - set(symbols):
        frame = frame.filter(pl.col("symbol").is_in(symbols))
    return frame.select("symbol", "date", close=LEVEL)
