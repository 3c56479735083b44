"""Abnormal volume and liquidity: what was traded around events, and at what cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from eventstudy.calendars import ALWAYS_OPEN, Calendar
from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray, Status
from eventstudy.core.windows import narrow, select
from eventstudy.models import MODELS
from eventstudy.outcomes.volume import amihud, corwin_schultz, log_volume
from eventstudy.panel.series import Quotes, on_sessions
from eventstudy.spec import StudySpec
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.group_tables import (
    Row,
    path_evidence,
    path_rows,
    sample_tests,
    test_rows,
)
from eventstudy.study.observation_tables import keys
from eventstudy.study.samples import ALL, HEADLINE, Fitted
from eventstudy.study.schema import SCHEMA, empty, frame

VOLUME = "volume"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeTables:
    """Rows for the tests, the path of abnormal volume, and for the ledger."""

    tests: pl.DataFrame
    aar: pl.DataFrame
    ledger: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """Abnormal log volume of some observations.

    n_valid : (E,) sessions with a volume in the estimation window
    usable : (E,) whether there is an abnormal volume;  why : E reasons where not
    """

    keys: pl.DataFrame
    event: Abnormal
    n_valid: IntArray
    usable: BoolArray
    why: list[str | None]


def volume_tables(
    spec: StudySpec,
    groups: Sequence[str],
    fitted: Fitted,
    calendars: Mapping[str, Calendar],
    prices: pl.DataFrame,
) -> VolumeTables:
    """Test abnormal volume and liquidity of every group, on the windows of the returns.

    The normal value of an outcome is its mean over the estimation window, in the
    asset's own units, without the sessions that returns leave out. No outcome depends
    on a model of returns: an asset's is studied once.
    """
    tests: list[Row] = []
    path: list[Row] = []
    ledger = [empty("ledger")]
    for outcome in OUTCOMES:
        blocks = list(_blocks(spec, fitted, calendars, prices, outcome))
        held = list(_samples(groups, blocks)) if blocks else []
        for labels, chunks in held:
            tests += _tested(spec, {**labels, "model": outcome}, chunks)
        if outcome == VOLUME:
            for labels, chunks in held:
                if chunks:
                    path += path_rows(spec, labels, path_evidence(spec, chunks))
            ledger += map(_left_out, blocks)
    return VolumeTables(
        tests=frame("tests", tests),
        aar=frame("volume_aar", path),
        ledger=pl.concat(ledger),
    )


def _samples(
    groups: Sequence[str], blocks: Sequence[_Block]
) -> Iterator[tuple[dict[str, str], list[Abnormal]]]:
    """Yield the labels of every group in every sample, and its observations."""
    samples = [HEADLINE]
    if any(not b.keys["headline"].all() for b in blocks):
        samples.append(ALL)
    for sample in samples:
        held = 0
        for group in dict.fromkeys([*groups, ALL]):
            if group not in groups and held < 2:
                continue  # one group is all there is
            chunks = _chunks(blocks, sample, group)
            held += bool(chunks)
            yield {"sample": sample, "group": group}, chunks


def _tested(
    spec: StudySpec, labels: Mapping[str, str], chunks: Sequence[Abnormal]
) -> list[Row]:
    """Return the rows of the tests of one outcome of one group."""
    outcome = labels["model"]
    if not chunks:
        return _nothing(spec, labels, outcome)
    return test_rows(spec, labels, outcome, chunks, _names(spec, chunks), "car")


def _blocks(
    spec: StudySpec,
    fitted: Fitted,
    calendars: Mapping[str, Calendar],
    prices: pl.DataFrame,
    outcome: str,
) -> Iterator[_Block]:
    done: set[str] = set()
    quotes: dict[tuple[str, str], Array] = {}
    for estimator, estimates in fitted:
        fresh = set(estimator.panel.calendar) - done
        for estimate in estimates:
            who = keys(estimator, estimate)
            new = who["asset"].is_in(list(fresh)).to_numpy()
            if not new.any():
                continue
            yield _block(
                spec, estimator, estimate, new, calendars, prices, quotes, outcome
            )
        done |= fresh


def _block(
    spec: StudySpec,
    estimator: Estimator,
    estimate: Estimate,
    new: BoolArray,
    calendars: Mapping[str, Calendar],
    prices: pl.DataFrame,
    quotes: dict[tuple[str, str], Array],
    outcome: str,
) -> _Block:
    panel, rows = estimator.panel, estimate.rows[new]
    y = np.full((len(rows), len(panel.columns.offsets)), np.nan)
    for at, row in enumerate(rows.tolist()):
        asset = panel.observations[row].asset
        key = asset, panel.calendar[asset]
        if key not in quotes:
            quotes[key] = _series(prices, asset, calendars[key[1]], outcome)
        column = panel.day0[row] + panel.columns.offsets
        inside = (column >= 0) & (column < len(quotes[key]))
        y[at, inside] = quotes[key][column[inside]]
    # sessions that the returns leave out are left out here
    y[np.isnan(estimate.raw[new])] = np.nan
    t = panel.columns.n_estimation
    fit = MODELS["constant_mean"](
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
        keys=keys(estimator, estimate).filter(pl.Series(new)),
        event=event,
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


def _series(
    prices: pl.DataFrame, asset: str, calendar: Calendar, outcome: str
) -> Array:
    """Return an outcome on the calendar's sessions, (S,), nan where there is none."""
    held = prices.filter(pl.col("symbol") == asset).sort("date")
    columns = {
        name: held[name].fill_null(np.nan).to_numpy()
        for name in ("high", "low", "close", "adj_close", "volume")
    }
    quotes = Quotes(
        days=held["date"].to_physical().cast(pl.Int64).to_numpy(),
        closes=OUTCOMES[outcome](columns, calendar),
    )
    return on_sessions(quotes, calendar)


def _volume(columns: Mapping[str, Array], _calendar: Calendar) -> Array:
    return np.asarray(log_volume(columns["volume"])[0])


def _illiquidity(columns: Mapping[str, Array], calendar: Calendar) -> Array:
    """Log of Amihud's ratio; round the clock, volume is in money already."""
    close = columns["adj_close"]
    returns = np.full_like(close, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns[1:] = close[1:] / close[:-1] - 1.0
        price = np.ones_like(close) if calendar.name == ALWAYS_OPEN else close
        ratio = np.log(amihud(returns, price, columns["volume"])[0])
    return np.asarray(np.where(np.isfinite(ratio), ratio, np.nan))


def _spread(columns: Mapping[str, Array], _calendar: Calendar) -> Array:
    return np.asarray(
        corwin_schultz(columns["high"], columns["low"], columns["close"])[0]
    )


OUTCOMES: Mapping[str, Callable[[Mapping[str, Array], Calendar], Array]] = {
    VOLUME: _volume,
    "illiquidity": _illiquidity,
    "spread": _spread,
}
"""Log volume, log of Amihud's ratio, Corwin and Schultz's bid-ask spread."""


def _chunks(blocks: Sequence[_Block], sample: str, group: str) -> list[Abnormal]:
    chunks = []
    for block in blocks:
        wanted = np.ones(block.keys.height, np.bool_)
        if sample == HEADLINE:
            wanted &= block.keys["headline"].to_numpy()
        if group != ALL:
            wanted &= (block.keys["group"] == group).to_numpy()
        wanted &= block.usable
        if wanted.any():
            chunks.append(select(block.event, wanted))
    return chunks


def _names(spec: StudySpec, chunks: Sequence[Abnormal]) -> list[str]:
    names = sample_tests(spec.tests)
    single = sum(len(ab.asset) for ab in chunks) == 1
    return [*names, "t", "placebo_single"] if single else names


def _nothing(spec: StudySpec, labels: Mapping[str, str], outcome: str) -> list[Row]:
    return [
        {**labels, "outcome": outcome}
        | {"start": start, "end": end, "test": name}
        | {"alternative": spec.alternative, "n": 0, "reason": "no volume to study"}
        for start, end in spec.windows
        for name in sample_tests(spec.tests)
    ]


def _left_out(block: _Block) -> pl.DataFrame:
    return (
        block.keys.with_columns(
            stage=pl.lit(VOLUME),
            model=pl.lit(VOLUME),
            reason=pl.Series(block.why, dtype=pl.String),
            held=pl.Series(block.n_valid).cast(pl.String),
            wanted=pl.lit(None, pl.String),
        )
        .filter(~pl.Series(block.usable))
        .select(list(SCHEMA["ledger"].dtypes))
    )
