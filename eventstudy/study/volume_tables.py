"""Abnormal volume and liquidity: what was traded around events, and at what cost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from eventstudy.calendars import ALWAYS_OPEN, Calendar
from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray, Status
from eventstudy.core.windows import narrow, select
from eventstudy.inference.entry import single_tests
from eventstudy.models import constant_mean
from eventstudy.outcomes import OUTCOMES, OutcomeEntry
from eventstudy.outcomes.entries import COLUMNS, leading
from eventstudy.panel.series import Quotes, on_sessions
from eventstudy.spec import StudySpec
from eventstudy.study.averages import alike, on_path
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.group_tables import (
    Row,
    path_rows,
    sample_tests,
    test_rows,
    tested_windows,
)
from eventstudy.study.observation_tables import keys
from eventstudy.study.samples import ALL, HEADLINE, Fitted
from eventstudy.study.schema import SCHEMA, empty, frame
from eventstudy.study.volatility_pieces import by_symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeTables:
    """Rows for the tests, the path of abnormal volume, and for the ledger."""

    tests: pl.DataFrame
    aar: pl.DataFrame
    ledger: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Studied:
    """Observations of a block of fits whose assets were not met before.

    new : (E,) of the block's observations, those meant;  keys : of these
    counts : (E, W) whether they count in each window of tests and path, as their
        returns do; what is traded is never moved, so that no window is lengthened
    """

    estimator: Estimator
    estimate: Estimate
    new: BoolArray
    keys: pl.DataFrame
    counts: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """An abnormal outcome of some observations.

    counts : see `_Studied`
    n_valid : (E,) sessions with a value in the estimation window
    usable : (E,) whether there is an abnormal outcome;  why : E reasons where not
    """

    keys: pl.DataFrame
    event: Abnormal
    counts: BoolArray
    n_valid: IntArray
    usable: BoolArray
    why: list[str | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Market:
    """Prices by symbol, and their columns as arrays, each made once."""

    prices: Mapping[str, pl.DataFrame]
    calendars: Mapping[str, Calendar]
    held: dict[str, dict[str, Array]] = field(default_factory=dict)
    known: dict[tuple[str, str, str], Array] = field(default_factory=dict)

    def series(self, asset: str, calendar: str, outcome: OutcomeEntry) -> Array:
        """Return an outcome on the calendar's sessions, (S,), nan where none is."""
        key = asset, calendar, outcome.name
        if key not in self.known:
            self.known[key] = self._series(asset, self.calendars[calendar], outcome)
        return self.known[key]

    def _series(self, asset: str, calendar: Calendar, outcome: OutcomeEntry) -> Array:
        prices = self.prices[asset]
        if asset not in self.held:
            self.held[asset] = {
                name: prices[name].fill_null(np.nan).to_numpy()
                for name in COLUMNS
                if name in prices.columns
            }
        columns = self.held[asset]
        # Round the clock, volume is in money already.
        price = 1.0 if calendar.name == ALWAYS_OPEN else columns["adj_close"]
        columns = {**columns, "value": price * columns["volume"]}
        values = outcome.of({name: columns[name] for name in outcome.needs})
        days = prices["date"].to_physical().cast(pl.Int64).to_numpy()
        closes = np.asarray(values, np.float64)
        return on_sessions(Quotes(days=days, closes=closes), calendar)


def volume_tables(
    spec: StudySpec,
    groups: Sequence[str],
    fitted: Fitted,
    calendars: Mapping[str, Calendar],
    prices: pl.DataFrame,
    outcomes: Sequence[OutcomeEntry] | None = None,
) -> VolumeTables:
    """Test abnormal volume and liquidity of every group, on the windows of the returns.

    The normal value of an outcome is its mean over the estimation window, in the
    asset's own units, without the sessions that returns leave out. No outcome depends
    on a model of returns: an asset's is studied once.

    outcomes : those wanted; None is all of the family
    """
    tests: list[Row] = []
    path: list[Row] = []
    left_out = [empty("ledger")]
    market = _Market(prices=by_symbol(prices), calendars=calendars)
    studied = list(_studied(spec, fitted))
    for outcome in OUTCOMES.values() if outcomes is None else outcomes:
        blocks = [_block(spec, one, market, outcome) for one in studied]
        held = list(_samples(groups, blocks)) if blocks else []
        for labels, sample in held:
            tests += _tested(spec, {**labels, "model": outcome.name}, outcome, sample)
        if outcome is leading():
            for labels, sample in held:
                if sample.chunks:
                    path += path_rows(spec, labels, sample.chunks, sample.counts)
            left_out += [_left_out(block, outcome.name) for block in blocks]
    return VolumeTables(
        tests=frame("tests", tests),
        aar=frame("volume_aar", path),
        ledger=pl.concat(left_out),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _GroupOutcome:
    """The observations of a group, in chunks, and in which windows each counts."""

    chunks: list[Abnormal]
    counts: list[BoolArray]


def _samples(
    groups: Sequence[str], blocks: Sequence[_Block]
) -> Iterator[tuple[dict[str, str], _GroupOutcome]]:
    """Yield the labels of every group in every sample, and its observations."""
    samples = [HEADLINE]
    if any(not b.keys["headline"].all() for b in blocks):
        samples.append(ALL)
    for sample in samples:
        held = 0
        for group in dict.fromkeys([*groups, ALL]):
            if group not in groups and held < 2:
                continue  # one group is all there is
            found = _group_outcome(blocks, sample, group)
            held += bool(found.chunks)
            yield {"sample": sample, "group": group}, found


def _tested(
    spec: StudySpec,
    labels: Mapping[str, str],
    outcome: OutcomeEntry,
    sample: _GroupOutcome,
) -> list[Row]:
    """Return the rows of the tests of one outcome of one group.

    Windows in which the same observations count are tested together.
    """
    if not sample.chunks:
        return _nothing(spec, labels, outcome)
    rows: dict[int, list[Row]] = {}
    for places, kept in alike([one[:, : len(spec.windows)] for one in sample.counts]):
        windows = tuple(spec.windows[at] for at in places)
        own = replace(spec, windows=windows, questions=())
        pairs = zip(sample.chunks, kept, strict=True)
        chunks = [
            ab if used.all() else select(ab, used) for ab, used in pairs if used.any()
        ]
        if not chunks:
            found = _nothing(own, labels, outcome)
        else:
            names = _names(spec, chunks)
            found = test_rows(
                own, labels, outcome.name, chunks, names, "car", shifts=None, held=None
            )
        each = len(found) // len(places)
        for nth, at in enumerate(places):
            rows[at] = found[nth * each : (nth + 1) * each]
    return [row for at in sorted(rows) for row in rows[at]]


def _studied(spec: StudySpec, fitted: Fitted) -> Iterator[_Studied]:
    """Yield the observations of every asset, on its first model setting."""
    done: set[str] = set()
    windows = tested_windows(spec)
    for estimator, estimates in fitted:
        fresh = set(estimator.panel.calendar) - done
        for estimate in estimates:
            who = keys(estimator, estimate)
            new = who["asset"].is_in(list(fresh)).to_numpy()
            if new.any():
                doubts = estimator.doubts(estimate)
                kept_out = doubts.held_event | doubts.held_estimation[:, None]
                counts = on_path(spec, estimate.event, kept_out, windows)
                yield _Studied(
                    estimator=estimator,
                    estimate=estimate,
                    new=new,
                    keys=who.filter(pl.Series(new)),
                    counts=counts[new],
                )
        done |= fresh


def _block(
    spec: StudySpec, studied: _Studied, market: _Market, outcome: OutcomeEntry
) -> _Block:
    estimator, estimate, new = studied.estimator, studied.estimate, studied.new
    panel, rows = estimator.panel, estimate.rows[new]
    y = np.full((len(rows), len(panel.columns.offsets)), np.nan)
    for at, row in enumerate(rows.tolist()):
        asset = panel.observations[row].asset
        values = market.series(asset, panel.calendar[asset], outcome)
        column = panel.day0[row] + panel.columns.offsets
        inside = (column >= 0) & (column < len(values))
        y[at, inside] = values[column[inside]]
    # sessions that the returns leave out are left out here
    y[np.isnan(estimate.raw[new])] = np.nan
    t = panel.columns.n_estimation
    fit = constant_mean(
        y,
        n_estimation=t,
        asset=panel.asset[rows],
        clock=panel.clock[rows],
        clocks=panel.clocks,
        first_offset=panel.columns.first_offset,
    )
    event = narrow(fit, spec.event_window, estimator.clocks)
    n_valid = np.isfinite(y[:, :t]).sum(axis=1)
    traded: BoolArray = np.asarray(np.isfinite(event.ar).any(axis=1))
    why = [
        _reason(spec, *row)
        for row in zip(n_valid.tolist(), fit.status.tolist(), traded, strict=True)
    ]
    return _Block(
        keys=studied.keys,
        event=event,
        counts=studied.counts,
        n_valid=n_valid,
        usable=np.array([reason is None for reason in why], np.bool_),
        why=why,
    )


def _reason(spec: StudySpec, n_valid: int, status: int, traded: np.bool_) -> str | None:
    """Say why an observation has no abnormal volume, or None."""
    if n_valid < spec.min_estimation:
        return "too few sessions with a volume in the estimation window"
    if status != Status.OK:
        return "the volume does not vary in the estimation window"
    return None if traded else "no volume in the event window"


def _group_outcome(blocks: Sequence[_Block], sample: str, group: str) -> _GroupOutcome:
    out = _GroupOutcome(chunks=[], counts=[])
    for block in blocks:
        wanted = np.ones(block.keys.height, np.bool_)
        if sample == HEADLINE:
            wanted &= block.keys["headline"].to_numpy()
        if group != ALL:
            wanted &= (block.keys["group"] == group).to_numpy()
        wanted &= block.usable
        if wanted.any():
            out.chunks.append(select(block.event, wanted))
            out.counts.append(block.counts[wanted])
    return out


def _names(spec: StudySpec, chunks: Sequence[Abnormal]) -> list[str]:
    names = sample_tests(spec.tests)
    single = sum(len(ab.asset) for ab in chunks) == 1
    return [*names, *single_tests()] if single else names


def _nothing(
    spec: StudySpec, labels: Mapping[str, str], outcome: OutcomeEntry
) -> list[Row]:
    return [
        {**labels, "outcome": outcome.name}
        | {"start": start, "end": end, "test": name}
        | {"alternative": spec.alternative, "n": 0, "reason": outcome.lacking}
        for start, end in spec.windows
        for name in sample_tests(spec.tests)
    ]


def _left_out(block: _Block, outcome: str) -> pl.DataFrame:
    return (
        block.keys.with_columns(
            stage=pl.lit(outcome),
            model=pl.lit(outcome),
            reason=pl.Series(block.why, dtype=pl.String),
            held=pl.Series(block.n_valid).cast(pl.String),
            wanted=pl.lit(None, pl.String),
        )
        .filter(~pl.Series(block.usable))
        .select(list(SCHEMA["ledger"].dtypes))
    )
