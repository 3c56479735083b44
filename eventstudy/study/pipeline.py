"""The straight walk from a catalogue and prices to the tables of a result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from eventstudy.calendars import day_zero_table
from eventstudy.catalogue import Events, read_events
from eventstudy.core.errors import DataError, Problem, SpecError, unknown_name
from eventstudy.inference import TESTS
from eventstudy.models import MODELS
from eventstudy.panel import Market, build
from eventstudy.prices import Prices, read_prices
from eventstudy.spec import ModelSetting, Question, StudySpec
from eventstudy.study import group_tables, observation_tables, volatility_tables
from eventstudy.study.adjust import adjusted
from eventstudy.study.asset_history import asset_histories
from eventstudy.study.estimate import Estimate, Estimator, estimators
from eventstudy.study.intraday_bars import ClosingPrices, read_bars
from eventstudy.study.intraday_tables import intraday_tables, realised_pieces
from eventstudy.study.joint_tables import joint_effects
from eventstudy.study.provenance import provenance_of
from eventstudy.study.result import StudyResult
from eventstudy.study.volatility_breaks import break_table, regime_table
from eventstudy.study.volatility_conditional import garch_tables
from eventstudy.study.volatility_garch import garch_shifts
from eventstudy.study.volatility_pieces import pieces
from eventstudy.study.volume_tables import volume_tables

Progress = Callable[[str], None]

ALL = "all"


def run(
    spec: StudySpec,
    events: Events | str | Path | Any,  # noqa: ANN401 - any frame with Arrow's stream
    prices: Prices | str | Path | Any,  # noqa: ANN401
    *,
    progress: Progress | None = None,
    command: str | None = None,
    inputs: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> StudyResult:
    """Estimate everything that the spec asks for.

    events : `Events`, a catalogue file or a frame;  prices : `Prices`, a folder or
    file, or a frame
    progress : called with the name of each stage;  command, inputs, notes : recorded
    in the provenance (command line, names and SHA-256 of further files, remarks)

    Raises `DataError` or `SpecError`; a single observation that cannot be estimated
    is in the ledger instead.

    >>> import polars as pl
    >>> import eventstudy as es
    >>> spec = es.StudySpec(returns="log", model="market", factors=("^GSPC",))
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
    events = events if isinstance(events, Events) else read_events(events)
    prices = prices if isinstance(prices, Prices) else read_prices(prices)
    spec = resolve(spec, events)
    tell("Placing events on calendars")
    groups = spec.groups or {ALL: default_assets(spec, events, prices)}
    files = {symbol: read_bars(path, symbol) for symbol, path in spec.intraday.items()}
    closing = ClosingPrices(spec=spec, files=files)
    panels, market = build(
        spec, groups, events.frame, prices.frame, at_close=closing if files else None
    )
    day0 = place_events(spec, events, market)
    tell("Fitting normal returns")
    fitted = [(estimator, list(estimator)) for estimator in estimators(spec, panels)]
    blocks = [(estimator, block) for estimator, held in fitted for block in held]
    observations = pl.concat(
        [
            observation_tables.observations(e.panel, held, events.frame, day0)
            for e, held in fitted
        ]
    )
    if not blocks:
        raise _nothing_to_study(observations, groups)
    abnormal = _stack(observation_tables.abnormal_returns, blocks)
    tell("Testing single observations")
    cars = adjusted(spec, _stack(observation_tables.cars, blocks), fitted)
    tell("Testing groups")
    groups_tested = group_tables.test_groups(spec, groups, fitted, progress=tell)
    tell("Testing volume")
    volume = volume_tables(spec, list(groups), fitted, market.calendars, prices.frame)
    tell("Comparing volatilities")
    measured = pieces(spec, fitted, market.calendars, prices.frame)
    measured += realised_pieces(measured, market.calendars, files)
    answers = [
        *volatility_tables.shifts(spec, list(groups), measured),
        *garch_shifts(spec, list(groups), fitted, measured),
    ]
    histories = asset_histories(spec, fitted, market.calendars)
    garch, conditional = garch_tables(histories)
    intraday = intraday_tables(spec, events.frame, files)
    tell("Separating overlapping events")
    joint = joint_effects(spec, events.frame, fitted)
    used = observations.filter(pl.col("status") == "used")
    return StudyResult(
        spec=spec,
        events=events.frame,
        day0=day0,
        observations=observations.drop("held", "wanted"),
        abnormal_returns=abnormal,
        cars=cars,
        tests=pl.concat([groups_tested.tests, volume.tests]),
        headline=groups_tested.headline,
        aar=groups_tested.aar,
        volatility=volatility_tables.table(answers),
        garch=garch,
        conditional=conditional,
        breaks=break_table(histories),
        regimes=regime_table(histories if spec.regimes else []),
        volume_aar=volume.aar,
        intraday=intraday.paths,
        intraday_events=intraday.events,
        joint=joint.effects,
        joint_tests=joint.tests,
        fit=_stack(observation_tables.fit, blocks),
        coefficients=_stack(observation_tables.coefficients, blocks),
        ledger=pl.concat([ledger(observations, prices), volume.ledger]),
        contamination=observation_tables.contamination(
            used.drop("event_id").rename({"observation": "event_id"}), abnormal
        ),
        closes=_closes(spec, groups, prices),
        price_issues=prices.issues,
        provenance=provenance_of(
            spec,
            events,
            prices,
            command=command,
            inputs=inputs or {},
            bars=list(files.values()),
            notes=[*notes, *closing.notes],
        ),
    )


def resolve(spec: StudySpec, events: Events) -> StudySpec:
    """Check the names in a spec against the families; return it with tests expanded."""
    for setting in spec.models:
        _check_model(setting)
    tests = tuple(TESTS) if spec.tests == (ALL,) else spec.tests
    for test in tests:
        if test not in TESTS:
            raise unknown_name("test", test, TESTS)
    for question in spec.questions:
        _check_question(question, events)
    return replace(spec, tests=tests)


def _check_question(question: Question, events: Events) -> None:
    ids = events.frame["event_id"].to_list()
    if question.event_id not in ids:
        near = get_close_matches(question.event_id, ids, n=3) or ids[:10]
        raise SpecError(
            f"question {question.text!r}: no event {question.event_id!r} in "
            f"{events.source}; it has {', '.join(near)}"
        )


def _check_model(setting: ModelSetting) -> None:
    entry = MODELS.entry(setting.model)
    held, least, most = len(setting.factors), entry.min_factors, entry.max_factors
    if held < least or (most is not None and held > most):
        raise SpecError(
            f"model {setting.name!r} ({entry.name}) takes {entry.takes}, got "
            f"{', '.join(setting.factors) or 'none'}; name them with --market or "
            "--factors, or as factors in the study file"
        )


def default_assets(spec: StudySpec, events: Events, prices: Prices) -> tuple[str, ...]:
    """Return the assets of a study without groups: named by events, else all priced.

    Indices (``^GSPC``) are no assets unless events name them or nothing else is held.
    """
    named = events.frame["assets"].explode().drop_nulls().unique(maintain_order=True)
    if len(named) and (events.frame["assets"].list.len() > 0).all():
        return tuple(named)
    factors = set(spec.factor_names)
    priced = tuple(s for s in prices.symbols if s not in factors)
    assets = tuple(s for s in priced if not s.startswith("^")) or priced
    if not assets:
        raise DataError(
            "there is nothing to study: the prices hold only the factors "
            f"{', '.join(sorted(factors))}; add the prices of assets"
        )
    return assets


def _nothing_to_study(
    observations: pl.DataFrame, groups: Mapping[str, Sequence[str]]
) -> DataError:
    """Return the error for a study in which no event meets a price."""
    rows = observations.select("event_id", "asset", "reason").unique(
        maintain_order=True
    )
    problems = [
        Problem(message=f"{event_id}, {asset}: {reason}")
        for event_id, asset, reason in rows.head(20).iter_rows()
    ]
    if not problems:
        assets = ", ".join(asset for members in groups.values() for asset in members)
        problems = [Problem(message=f"no announcement concerns {assets}")]
    return DataError("there is nothing to study", problems)


def place_events(spec: StudySpec, events: Events, market: Market) -> pl.DataFrame:
    """Return where every event falls on every calendar of the study."""
    return day_zero_table(
        events.frame["event_id"].to_list(),
        market.calendars.values(),
        events.frame["announced_utc"].to_list(),
        events.frame["announced_date"].to_list(),
        spec.day0,
    )


def _stack(
    table: Callable[[Estimator, Estimate], pl.DataFrame],
    blocks: Sequence[tuple[Estimator, Estimate]],
) -> pl.DataFrame:
    return pl.concat([table(estimator, estimate) for estimator, estimate in blocks])


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


def _closes(
    spec: StudySpec, groups: Mapping[str, Sequence[str]], prices: Prices
) -> pl.DataFrame:
    shown = [asset for members in groups.values() for asset in members]
    shown += spec.factor_names
    return prices.frame.filter(pl.col("symbol").is_in(shown)).select(
        "symbol", "date", close=pl.coalesce("adj_close", "close")
    )
