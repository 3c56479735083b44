"""Table of volatility shifts: per observation, and pooled over a group's events."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.spec import StudySpec
from eventstudy.study.observation_tables import number
from eventstudy.study.samples import ALL
from eventstudy.study.schema import SCHEMA, empty
from eventstudy.study.volatility_pieces import Piece
from eventstudy.volatility import (
    MeasureEntry,
    ShiftOptions,
    ShiftResult,
    pooled_ratio,
    variance_ratio,
)
from eventstudy.volatility.entries import tests_of
from eventstudy.volatility.spread import dated
from eventstudy.volatility.windows import SharedWindows, cut_shared

MOST_ASSETS = 300
POST = "post"
EVENT = "event"

# Pieces with the (E,) observations of each that are meant.
Chosen = list[tuple[Piece, BoolArray]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShiftRows:
    """Answers of one test, and the rows of the table that they go to.

    who : event_id, asset, group, model, pre_near_events, post_near_events, (H,)
    """

    who: pl.DataFrame
    window: str
    found: ShiftResult


def windows_of(spec: StudySpec) -> dict[str, tuple[int, int]]:
    """The windows that are compared with ``volatility_pre``, by name."""
    return {POST: spec.volatility_post, EVENT: spec.volatility_event}


def options_of(spec: StudySpec, measure: MeasureEntry) -> ShiftOptions:
    """Return how a study compares volatilities."""
    return ShiftOptions(
        measure=measure, level=spec.level, reps=spec.resamples, seed=spec.seed
    )


def shifts(
    spec: StudySpec,
    groups: Sequence[str],
    held: Sequence[Piece],
    window: str,
    measure: str | None = None,
) -> Iterator[ShiftRows]:
    """Yield the answers of a window for single observations, or of a measure, pooled.

    Further measures of the same sessions, such as ranges, are pooled only: single ones
    would say the same again.
    """
    if measure is None:
        for piece in held:
            if piece.measure.single:
                yield from _single(spec, piece, window)
    else:
        own = [piece for piece in held if piece.measure.name == measure]
        yield from _pooled(spec, groups, own, window)


def table(answers: Sequence[ShiftRows]) -> pl.DataFrame:
    """Return the answers as the table of the output contract."""
    if not answers:
        return empty("volatility")
    found = [answer.found for answer in answers]
    columns: dict[str, pl.Series] = {
        name: number(np.concatenate([getattr(one, name) for one in found]))
        for name in _NUMBERS
    }
    counts = {
        name: pl.Series(np.concatenate([getattr(f, name) for f in found]), dtype=_INT)
        for name in ("n", "n_clusters")
    }
    texts: dict[str, list[str | None]] = {
        "measure": [f.measure for f in found for _ in f.reason],
        "test": [f.test for f in found for _ in f.reason],
        "window": [a.window for a in answers for _ in a.found.reason],
        "reason": [reason for f in found for reason in f.reason],
    }
    return (
        pl.concat([answer.who for answer in answers])
        .with_columns(**columns, **counts)
        .with_columns(
            pl.Series(name, values, dtype=pl.String) for name, values in texts.items()
        )
        .select(list(SCHEMA["volatility"].dtypes))
    )


def _cut(
    spec: StudySpec, values: Array | BoolArray, piece: Piece, window: str
) -> SharedWindows:
    return cut_shared(
        values,
        piece.row,
        piece.day0,
        pre=spec.volatility_pre,
        post=windows_of(spec)[window],
    )


def _single(spec: StudySpec, piece: Piece, window: str) -> list[ShiftRows]:
    windows = _cut(spec, piece.values, piece, window)
    found = variance_ratio(
        windows.pre,
        windows.post,
        history=windows.history,
        gap=windows.gap,
        tests=tests_of(piece.measure, pooled=False),
        options=options_of(spec, piece.measure),
    )
    who = who_of(spec, piece, window)
    return [ShiftRows(who=who, window=window, found=one) for one in found]


def who_of(spec: StudySpec, piece: Piece, window: str) -> pl.DataFrame:
    """Return the observations of a piece, with the sessions near events counted."""
    near = _cut(spec, piece.near_events, piece, window)
    return piece.keys.with_columns(
        pre_near_events=pl.Series(np.nansum(near.pre, axis=1)).cast(_INT),
        post_near_events=pl.Series(np.nansum(near.post, axis=1)).cast(_INT),
    ).select(_WHO)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Headline observations of one measure that are judged together."""

    group: str
    asset: str
    measure: MeasureEntry
    model: str | None
    chosen: Chosen

    @property
    def who(self) -> pl.DataFrame:
        """The row's labels."""
        values = (ALL, self.asset, self.group, self.model, None, None)
        return pl.DataFrame(
            {name: [value] for name, value in zip(_WHO, values, strict=True)},
            schema={n: SCHEMA["volatility"].dtypes[n] for n in _WHO},
        )


def pools(groups: Sequence[str], held: Sequence[Piece]) -> Iterator[Pool]:
    """Yield the headline events of each asset, of each group, and of all groups.

    Only observations on one calendar can be pooled: their dates are resampled jointly.
    Of more assets than `MOST_ASSETS` none is a pool of its own: their announcements
    are a row each anyway.
    """
    alike: dict[tuple[str, str | None], list[Piece]] = {}
    for piece in held:
        alike.setdefault((piece.measure.name, piece.model), []).append(piece)
    for (_, model), own in alike.items():
        assets = (
            pl.concat([p.keys for p in own])
            .select("group", "asset")
            .unique(maintain_order=True)
        )
        few = assets.height <= MOST_ASSETS
        wanted = [(group, asset) for group, asset in assets.iter_rows() if few]
        wanted += [(group, ALL) for group in groups]
        if assets["group"].n_unique() > 1:
            wanted.append((ALL, ALL))
        for group, asset in wanted:
            chosen = [(p, at) for p in own if (at := _members(p, group, asset)).any()]
            calendars = {p.calendar[i] for p, at in chosen for i in np.flatnonzero(at)}
            if len(calendars) == 1:
                yield Pool(
                    group=group,
                    asset=asset,
                    measure=own[0].measure,
                    model=model,
                    chosen=chosen,
                )


def _members(piece: Piece, group: str, asset: str) -> BoolArray:
    inside = piece.keys["headline"]
    if group != ALL:
        inside = inside & (piece.keys["group"] == group)
    if asset != ALL:
        inside = inside & (piece.keys["asset"] == asset)
    return np.asarray(inside.to_numpy(), np.bool_)


def _pooled(
    spec: StudySpec, groups: Sequence[str], held: Sequence[Piece], window: str
) -> Iterator[ShiftRows]:
    for together in _comparable(pools(groups, held)):
        whole = _union(together)
        day0 = np.concatenate([piece.day0[at] for piece, at in whole])
        windows = cut_shared(
            *_series(whole),
            day0,
            pre=spec.volatility_pre,
            post=windows_of(spec)[window],
        )
        measure = together[0].measure
        who = pl.concat([pool.who for pool in together])
        for found in pooled_ratio(
            windows.pre,
            windows.post,
            day0=day0,
            history=windows.history,
            gap=windows.gap,
            pools=np.array([_places(pool, whole) for pool in together]),
            tests=tests_of(measure, pooled=True),
            options=options_of(spec, measure),
        ):
            yield ShiftRows(who=who, window=window, found=found)


def _comparable(found: Iterable[Pool]) -> list[list[Pool]]:
    """Pools of one measure and model on one calendar, priced over the same dates.

    They can be judged on the same resamples; an asset that was listed late would lack
    prices in many of those of the others.
    """
    out: dict[tuple[Any, ...], list[Pool]] = {}
    for pool in found:
        piece, members = pool.chosen[0]
        series, row = _series(pool.chosen)
        priced = np.flatnonzero(dated(series[np.unique(row)]))
        span = (priced[0], priced[-1]) if len(priced) else (0, 0)
        calendar = piece.calendar[int(members.argmax())]
        key = pool.measure.name, pool.model, calendar, *span
        out.setdefault(key, []).append(pool)
    return list(out.values())


def _union(together: Sequence[Pool]) -> Chosen:
    """Return the members of any of the pools."""
    held: dict[int, tuple[Piece, BoolArray]] = {}
    for pool in together:
        for piece, at in pool.chosen:
            _, others = held.get(id(piece), (piece, at))
            held[id(piece)] = piece, at | others
    return list(held.values())


def _places(pool: Pool, whole: Chosen) -> BoolArray:
    """Which of the members of a union belong to a pool."""
    own = {id(piece): at for piece, at in pool.chosen}
    return np.concatenate(
        [own.get(id(piece), np.zeros_like(at))[at] for piece, at in whole]
    )


def _series(chosen: Chosen) -> tuple[Array, IntArray]:
    """Series of chosen observations, (A, S, ...), and the row of each there, (E,)."""
    held = [piece.values for piece, _ in chosen]
    starts = np.cumsum([0, *map(len, held)])
    pairs = zip(starts[:-1], chosen, strict=True)
    rows = [start + piece.row[at] for start, (piece, at) in pairs]
    return held[0] if len(held) == 1 else joined(held), np.concatenate(rows)


def joined(parts: Sequence[Array]) -> Array:
    """Stack (E, S, ...) arrays, the shorter ones filled with nan."""
    width = max(part.shape[1] for part in parts)
    out = np.full(
        (sum(map(len, parts)), width, *parts[0].shape[2:]), np.nan, np.float64
    )
    start = 0
    for part in parts:
        out[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return out


_INT = pl.Int64
_WHO = ("event_id", "asset", "group", "model", "pre_near_events", "post_near_events")
_NUMBERS = (
    "pre",
    "post",
    "ratio",
    "ci_low",
    "ci_high",
    "statistic",
    "df_num",
    "df",
    "pvalue",
)
