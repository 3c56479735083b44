"""What tests need of the observations, in a value that merges.

Per observation only scalars are kept (a CAR, its standard error, ...); whatever needs
whole series is kept as sums over observations per session or per asset. So memory
does not grow with the length of the windows times the number of observations, and
chunks, threads and machines give the same numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Clock, IntArray, Status
from eventstudy.core.compiled import MANY
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import (
    Window,
    buy_and_hold,
    columns_from,
    length_of,
)
from eventstudy.inference.block import RowBlock, Walked, blocks
from eventstudy.inference.compiled_walk import compiled_walk
from eventstudy.inference.plain_walk import plain_walk
from eventstudy.inference.standardised import (
    daily_sar,
    pseudo_scars,
    standardised_residuals,
)
from eventstudy.inference.sums import (
    AssetSeries,
    NumberedDates,
    Series,
    Sum,
    Totals,
    numbered_dates,
)

Need = Literal[
    "correlation",
    "residuals",
    "sessions",
    "days",
    "placebo",
    "ranks",
    "signs",
    "granks",
    "rank_z",
]
Outcome = Literal["car", "scar", "bhar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """Scalars per observation: (E,), or (E, W) with one column per window.

    usable : has an estimate;  n_parameters : regressors of the model
    positive : share of positive estimation residuals
    recent, recent_n : recent volatility and its returns, see `recent_volatility`
    car, se, n_valid, sar_sum, effect : per window; see `cumulate`. sar_sum is the sum
        of the daily standardised abnormal returns; effect the outcome tested
    sar : (E, L) daily standardised abnormal returns, (E, 0) unless asked for
    """

    usable: BoolArray
    asset: IntArray
    clock: IntArray
    sigma: Array
    df: Array
    n_estimation: IntArray
    positive: Array
    recent: Array
    recent_n: Array
    car: Array
    se: Array
    n_valid: IntArray
    sar_sum: Array
    effect: Array
    sar: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The mergeable aggregate of any number of observations.

    Parameters
    ----------
    windows : tuple of (int, int)
        (start, end) in event time, both ends included.
    clocks : Clock
        The calendar dates of event time, shared by all observations.
    first_offset : int
        Event time of the first event-window column.
    outcome : {"car", "scar", "bhar"}
        What is tested.
    vectors : Vectors
        Scalars per observation.
    sums : mapping of str to array
        Arrays that add up.
    series : mapping of str to AssetSeries or None
        Sums by asset and date, None once there are more than `MAX_ASSETS` assets.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> ab = constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> collect(ab, [(0, 0)], frozenset()).vectors.car.shape
    (3, 1)
    """

    windows: tuple[Window, ...]
    clocks: Clock
    first_offset: int
    outcome: Outcome
    vectors: Vectors
    sums: Mapping[str, Array]
    series: Mapping[str, AssetSeries | None]

    def columns(self, window: Window) -> slice:
        """Return the event-window columns of a window in event time.

        Parameters
        ----------
        window : (int, int)
            First and last session, both included.

        Returns
        -------
        slice
            Of the event-window columns.
        """
        return columns_from(self.first_offset, self.clocks.event.shape[1], window)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePart:
    """What some observations add to `Evidence`: its fields, sums not yet added up."""

    windows: tuple[Window, ...]
    clocks: Clock
    first_offset: int
    outcome: Outcome
    vectors: Vectors
    sums: Mapping[str, Sum]
    series: Mapping[str, Series]


def collect(
    ab: Abnormal,
    windows: Sequence[Window],
    needs: frozenset[Need],
    *,
    outcome: Outcome = "car",
    calendar: NumberedDates | None = None,
) -> Evidence:
    """Reduce one chunk of observations to `Evidence`.

    Parameters
    ----------
    ab : Abnormal
        The abnormal returns of E observations.
    windows : sequence of (int, int)
        (start, end) in event time, both ends included.
    needs : set of str
        What the tests will ask for, see `EventTest`.
    outcome : {"car", "scar", "bhar"}
        What is tested.
    calendar : NumberedDates, optional
        The numbered dates of the clocks, where they are known already.

    Returns
    -------
    Evidence
        To be merged with that of other chunks.

    Raises
    ------
    SpecError
        For a window outside the event window.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> ab = constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> sorted(collect(ab, [(0, 0)], frozenset({"placebo"})).sums)
    ['placebo_1', 'placebo_count_1']
    """
    many = "correlation" in needs and len(ab.ar) >= MANY
    return merge_all(
        parts_of(ab, windows, needs, outcome=outcome, calendar=calendar, many=many)
    )


def parts_of(
    ab: Abnormal,
    windows: Sequence[Window],
    needs: frozenset[Need],
    *,
    outcome: Outcome = "car",
    calendar: NumberedDates | None = None,
    many: bool = False,
    by_asset: bool = True,
) -> Iterator[EvidencePart]:
    """Reduce a chunk a block of rows at a time; see `collect`.

    many : whether there are so many observations that a compiled walk is worth it
    by_asset : whether series are kept asset by asset if the chunk has few assets
    """
    calendar = numbered_dates(ab.clocks) if calendar is None else calendar
    for block in blocks(ab, calendar, many=many, by_asset=by_asset):
        walked = compiled_walk(block, windows) if many else None
        if walked is None:
            related = "correlation" in needs
            walked = plain_walk(block, windows, correlation=related)
        yield EvidencePart(
            windows=tuple(windows),
            clocks=ab.clocks,
            first_offset=ab.first_offset,
            outcome=outcome,
            vectors=_vectors(block.ab, walked, windows, needs, outcome),
            sums=walked.sums | _further_sums(block, windows, needs),
            series=walked.series,
        )


def _further_sums(
    block: RowBlock, windows: Sequence[Window], needs: frozenset[Need]
) -> dict[str, Sum]:
    """Sums that some tests need: by clock, and by session of event time."""
    ab = block.ab
    sums: dict[str, Sum] = {}
    if "residuals" in needs:
        present = (ab.status == Status.OK)[:, None] & ~np.isnan(ab.residuals)
        sums["residual"] = block.by_clock(np.where(present, ab.residuals, 0.0))
        sums["residual_count"] = block.by_clock(present.astype(np.float64))
    if "days" in needs:
        z = standardised_residuals(ab)
        present = (ab.status == Status.OK)[:, None] & ~np.isnan(z)
        sums["day_z"] = block.by_clock(np.where(present, z, 0.0))
        sums["day_count"] = block.by_clock(present.astype(np.float64))
    if "placebo" in needs:
        for length in sorted(set(map(length_of, windows))):
            scar = pseudo_scars(ab, length)
            sums[f"placebo_{length}"] = np.nansum(scar, axis=0)
            sums[f"placebo_count_{length}"] = (~np.isnan(scar)).sum(axis=0, dtype=float)
    if "sessions" in needs:
        share = np.sqrt(ab.df / np.maximum(ab.n_estimation, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = standardised_residuals(ab) / share[:, None]
        series_z = np.concatenate([z, daily_sar(ab)], axis=1)
        sums["session"] = np.nansum(series_z, axis=0)
        sums["session_count"] = (~np.isnan(series_z)).sum(axis=0, dtype=float)
    if "rank_z" in needs:
        sar = daily_sar(ab)
        sums["sar"] = np.nansum(sar, axis=0)
        sums["sar_square"] = np.nansum(sar**2, axis=0)
        sums["sar_count"] = (~np.isnan(sar)).sum(axis=0, dtype=float)
    return sums


def merge_all(parts: Iterable[Evidence | EvidencePart]) -> Evidence:
    """Merge evidence in order; sums are added as they come, vectors joined at the end.

    Raises `SpecError` when the parts do not share one table of clocks.
    """
    first: Evidence | EvidencePart | None = None
    vectors: list[Vectors] = []
    total = Totals()
    for part in parts:
        if first is None:
            first = part
        else:
            _check_same_study(first, part)
        total.add(part.sums, part.series)
        vectors.append(part.vectors)
    if first is None:
        raise SpecError("there is nothing to test: no chunk of observations was given")
    joined = Vectors(
        **{
            f.name: np.concatenate([getattr(v, f.name) for v in vectors])
            for f in fields(Vectors)
        }
    )
    return Evidence(
        windows=first.windows,
        clocks=first.clocks,
        first_offset=first.first_offset,
        outcome=first.outcome,
        vectors=joined,
        sums=total.sums,
        series=total.series,
    )


def _vectors(
    ab: Abnormal,
    walked: Walked,
    windows: Sequence[Window],
    needs: frozenset[Need],
    outcome: Outcome,
) -> Vectors:
    effect, sar = walked.car, walked.sar
    if outcome == "scar":
        effect = walked.car / walked.se
    elif outcome == "bhar":
        effect = np.column_stack([buy_and_hold(ab, w) for w in windows])
    return Vectors(
        usable=ab.status == Status.OK,
        asset=ab.asset,
        clock=ab.clock,
        sigma=ab.sigma,
        df=ab.df,
        n_estimation=ab.n_estimation,
        positive=walked.positive,
        recent=walked.recent,
        recent_n=walked.recent_n,
        car=walked.car,
        se=walked.se,
        n_valid=walked.n_valid,
        sar_sum=walked.sar_sum,
        effect=effect,
        sar=sar if "days" in needs else sar[:, :0],
    )


def _check_same_study(a: Evidence | EvidencePart, b: Evidence | EvidencePart) -> None:
    same = a.clocks is b.clocks or (
        np.array_equal(a.clocks.estimation, b.clocks.estimation)
        and np.array_equal(a.clocks.event, b.clocks.event)
    )
    if not same:
        raise SpecError(
            "chunks of one study must share one table of clocks; these differ, so "
            "common dates could not be recognised"
        )
    if a.first_offset != b.first_offset:
        raise SpecError(
            f"chunks of one study must share one event window; these begin on "
            f"{a.first_offset:+d} and {b.first_offset:+d}"
        )
    if a.windows != b.windows or a.outcome != b.outcome:
        raise SpecError("evidence of different windows or outcomes cannot be merged")
