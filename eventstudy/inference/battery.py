"""Any tests x windows over any number of chunks, in one or two walks through them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, Clock, InferenceResult
from eventstudy.core.compiled import MANY
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import Window
from eventstudy.inference.aggregates import (
    Evidence,
    EvidencePart,
    Need,
    Outcome,
    merge_all,
    parts_of,
)
from eventstudy.inference.dependence import Correlations, correlations
from eventstudy.inference.pvalues import (
    ONE_CLUSTER,
    Answer,
    Answers,
    Options,
    as_result,
    not_on,
)
from eventstudy.inference.rank_aggregates import (
    Ranked,
    RankedPart,
    Scales,
    merge_ranked,
    ranked_parts,
)
from eventstudy.inference.returned import checked_answer, checked_answers
from eventstudy.inference.sample import (
    Sample,
    replication,
    sample_of,
    spread,
    with_ranks,
)
from eventstudy.inference.sums import NumberedDates, numbered_dates

Chunk = Abnormal | Callable[[], Abnormal]
Chunks = Abnormal | Sequence[Chunk] | Callable[[], Iterable[Abnormal]]
# Every table shows how dependent its observations are.
_CORRELATION: frozenset[Need] = frozenset({"correlation"})
# What is ranked, and of it what is first divided by a spread of all observations.
RANKS: frozenset[Need] = frozenset({"ranks", "signs", "granks", "rank_z"})
SCALED_RANKS: frozenset[Need] = frozenset({"granks", "rank_z"})
_C = TypeVar("_C")
_M = TypeVar("_M")
_P = TypeVar("_P")
_T = TypeVar("_T")
# Chunks of more observations are merged where they are walked through.
_MANY = 4_096


class Entry(Protocol):
    """What a walk must know of a test; see `EventTest`."""

    @property
    def name(self) -> str:
        """The name in tables."""
        ...

    @property
    def null(self) -> str:
        """The null hypothesis."""
        ...

    @property
    def needs(self) -> AbstractSet[Need]:
        """What is to be summed over observations."""
        ...

    @property
    def min_n(self) -> int:
        """Least number of observations."""
        ...

    @property
    def min_clusters(self) -> int:
        """Least number of clusters of dates."""
        ...

    @property
    def outcomes(self) -> AbstractSet[Outcome]:
        """The outcomes that it is defined on."""
        ...

    @property
    def vectorised(self) -> bool:
        """Whether the function takes samples with leading axes."""
        ...

    @property
    def of_sample(self) -> Callable[[Sample, Options], Answer] | None:
        """The function of a test of the sample."""
        ...

    @property
    def of_each(self) -> Callable[[Abnormal, Window, Options], Answers] | None:
        """The function of a test of single observations."""
        ...


def run(
    chunks: Chunks,
    windows: Sequence[Window],
    entries: Sequence[Entry],
    *,
    options: Options,
    outcome: Outcome = "car",
    groups: Mapping[int, int] | None = None,
    workers: int = 1,
) -> dict[tuple[Window, str], InferenceResult]:
    """Run ``entries`` on ``windows``; see `battery`."""
    again = _walker(chunks)
    of_each = [(e.name, e.of_each) for e in entries if e.of_each is not None]
    needs = needs_of(entries)
    calendar = _Numbered()

    def first_step(
        numbered: tuple[int, Chunk],
    ) -> tuple[list[Evidence | EvidencePart], list[Answers]]:
        number, chunk = numbered
        ab = _open(chunk)
        found = [
            checked_answers(name, each(ab, w, options), len(ab.ar))
            for name, each in of_each
            for w in windows
        ]
        days = calendar.of(ab.clocks)
        # As if those before had as many; the same in whatever order threads end.
        many = len(ab.ar) * (number + 1) >= MANY
        parts = parts_of(ab, windows, needs, outcome=outcome, calendar=days, many=many)
        return _held(parts, len(ab.ar), merge_all), found

    own: list[list[Answers]] = []
    sizes: list[int] = []

    def first_walk() -> Iterable[Evidence | EvidencePart]:
        for parts, found in _in_order(first_step, enumerate(again()), workers):
            own.append(found)
            sizes.append(sum(len(part.vectors.asset) for part in parts))
            yield from parts

    evidence = merge_all(first_walk())
    keys = [(w, name) for name, _ in of_each for w in windows]
    answers = dict(zip(keys, zip(*own, strict=True), strict=True))
    days = calendar.of(evidence.clocks)
    residual = correlations(evidence, groups=groups, calendar=days)
    samples = {w: sample_of(evidence, w, residual=residual) for w in windows}
    if needs & RANKS:
        scales, scars = scales_of(evidence, samples), _Scars(evidence, sizes)
        ranked = _second_walk(again(), scars, scales, needs, days, workers)
        rank = rank_correlations(evidence, ranked, groups=groups, calendar=days)
        samples = {
            w: ranked_sample(samples[w], rank, ranked, i) for i, w in enumerate(windows)
        }
    return {
        (w, e.name): _each(e, answers[w, e.name], options, outcome)
        if e.of_sample is None
        else result_of(e, samples[w], options)
        for w in windows
        for e in entries
    }


def needs_of(entries: Sequence[Entry]) -> frozenset[Need]:
    """What is to be summed for these tests."""
    return _CORRELATION.union(*(e.needs for e in entries))


def _second_walk(
    chunks: Iterable[Chunk],
    scars: "_Scars",
    scales: Scales,
    needs: frozenset[Need],
    calendar: NumberedDates,
    workers: int,
) -> Ranked:
    """Sum the ranks of all chunks."""
    many = scars.n >= MANY

    def step(numbered: tuple[int, Chunk]) -> list[Ranked | RankedPart]:
        number, chunk = numbered
        ab = _open(chunk)
        scar = scars.of(number, ab)
        parts = ranked_parts(ab, scar, needs, scales, calendar=calendar, many=many)
        return _held(parts, len(ab.ar), merge_ranked)

    found = _in_order(step, enumerate(chunks), workers)
    return merge_ranked(part for parts in found for part in parts)


def _held(
    parts: Iterator[_P], n_obs: int, merged: Callable[[Iterable[_P]], _M]
) -> list[_M | _P]:
    """Return the parts of a chunk; those of a large one are merged as they come."""
    return list(parts) if n_obs <= _MANY else [merged(parts)]


class _Scars:
    """Standardised CARs of the chunks, from the first walk."""

    def __init__(self, evidence: Evidence, sizes: Sequence[int]) -> None:
        self._vectors = evidence.vectors
        self._ends = np.cumsum([0, *sizes])

    @property
    def n(self) -> int:
        """Observations of all chunks."""
        return int(self._ends[-1])

    def of(self, number: int, ab: Abnormal) -> Array:
        """Return (E, W) of a chunk, which must be the one that was walked before."""
        held = range(*self._ends[number : number + 2])
        if len(held) != len(ab.ar):
            raise SpecError(
                f"chunk {number + 1} has {len(ab.ar)} observations; wanted the "
                f"{len(held)} that it had when it was opened first, as chunks are "
                "walked through twice"
            )
        rows = slice(held.start, held.stop)
        with np.errstate(divide="ignore", invalid="ignore"):
            scar: Array = self._vectors.car[rows] / self._vectors.se[rows]
        return scar


def _walker(chunks: Chunks) -> Callable[[], Iterable[Chunk]]:
    if isinstance(chunks, Abnormal):
        return lambda: (chunks,)
    if callable(chunks):
        return chunks
    if not isinstance(chunks, Sequence):
        raise SpecError(
            f"abnormal returns are given as {type(chunks).__name__}; wanted an "
            "Abnormal, as models return it, a sequence of them, or, as chunks are "
            "walked through twice, a function that returns a fresh iterator each time"
        )
    return lambda: chunks


def _open(chunk: Chunk) -> Abnormal:
    found = chunk() if callable(chunk) else chunk
    if not isinstance(found, Abnormal):
        raise SpecError(
            f"a chunk is {type(found).__name__}; wanted an Abnormal, as models return "
            "it, or a function that returns one"
        )
    return found


def _in_order(
    step: Callable[[_C], _T], chunks: Iterable[_C], workers: int
) -> Iterator[_T]:
    """Apply ``step`` in threads, a few chunks ahead; results come in order."""
    if workers <= 1:
        yield from map(step, chunks)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[_T]] = deque()
        for chunk in chunks:
            ahead.append(pool.submit(step, chunk))
            if len(ahead) > workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


class _Numbered:
    """The numbered dates of a table of clocks, worked out once per table."""

    def __init__(self) -> None:
        self._known: NumberedDates | None = None

    def of(self, clocks: Clock) -> NumberedDates:
        if self._known is None or self._known.clocks is not clocks:
            self._known = numbered_dates(clocks)
        return self._known


def scales_of(evidence: Evidence, samples: Mapping[Window, Sample]) -> Scales:
    """What ranks are divided by first, window by window in the order of samples."""
    scar = np.full(len(samples), np.nan)
    for i, sample in enumerate(samples.values()):
        scar[i] = scar_scale(sample)
    return Scales(scar=scar, sar=sar_scale(evidence))


def scar_scale(sample: Sample) -> float:
    """``s(SCAR) / sqrt(1 - r̄)``, nan where there is none."""
    s, rbar = spread(sample.scar), sample.rbar
    return float(s / np.sqrt(1.0 - rbar)) if s > 0 and rbar < 1 else np.nan


def sar_scale(evidence: Evidence) -> Array:
    """Cross-sectional standard deviation of each day's SAR, (L,)."""
    if "sar" not in evidence.sums:
        return np.full(evidence.clocks.event.shape[1], np.nan)
    return daily_spread(*(evidence.sums[k] for k in ("sar", "sar_square", "sar_count")))


def daily_spread(total: Array, square: Array, count: Array) -> Array:
    """Standard deviation across observations from sums, nan where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (square - total**2 / count) / (count - 1)
    out: Array = np.sqrt(np.where((count > 1) & (variance > 0), variance, np.nan))
    return out


def rank_correlations(
    evidence: Evidence,
    ranked: Ranked,
    *,
    groups: Mapping[int, int] | None,
    calendar: NumberedDates,
) -> Correlations | None:
    """Return the correlations of the estimation ranks, None without them."""
    return correlations(
        replace(evidence, sums=ranked.sums, series=ranked.series),
        series="rank",
        groups=groups,
        of=evidence,
        calendar=calendar,
    )


def ranked_sample(
    sample: Sample, rank: Correlations | None, ranked: Ranked, i: int
) -> Sample:
    """Return the sample with the sums of ranks of its own window, the i-th."""
    own = {
        k.removesuffix(f"_{i}"): v
        for k, v in ranked.sums.items()
        if not k.startswith("grank") or k.endswith(f"_{i}")
    }
    return with_ranks(sample, rank, own)


def answer_of(entry: Entry, sample: Sample, options: Options) -> Answer:
    """Ask a test of the sample; refuse it where it is not defined on the sample."""
    assert entry.of_sample is not None
    reason = _lacking(entry, sample)
    if reason is not None:
        return Answer(estimate=sample.mean, reason=reason)
    with np.errstate(divide="ignore", invalid="ignore"):
        answer = entry.of_sample(sample, options)
    return checked_answer(entry.name, answer, leading=sample.effect.shape[:-1])


def answers_of(entry: Entry, samples: Sample, options: Options) -> tuple[Array, Array]:
    """Return statistics and p-values (R,) of samples with a leading axis, or nan."""
    n = len(samples.effect)
    if entry.vectorised:
        found = answer_of(entry, samples, options)
        pair = found.statistic, found.pvalue
    else:
        each = [answer_of(entry, replication(samples, r), options) for r in range(n)]
        pair = (
            np.array([a.statistic for a in each], np.float64),
            np.array([a.pvalue for a in each], np.float64),
        )
    statistic, pvalue = (np.broadcast_to(v, n) for v in pair)
    return statistic, pvalue


def _lacking(entry: Entry, sample: Sample) -> str | None:
    """Say what a test lacks; with clusters to be counted two observations come first.

    Five clusters, say, are more than five observations, so these are asked for.
    """
    if sample.n == 0:
        return "no observation has an estimate and a return"
    least = min(entry.min_n, 2) if entry.min_clusters > 1 else entry.min_n
    if sample.n < least:
        return f"needs {least} observations, there are {sample.n}"
    if sample.outcome not in entry.outcomes:
        return not_on(sample.outcome)
    held, wanted = sample.n_clusters, entry.min_clusters
    if held < wanted:
        few = f"needs {wanted} clusters of dates, there are {held}"
        return ONE_CLUSTER if wanted == 2 else few
    return None


def result_of(entry: Entry, sample: Sample, options: Options) -> InferenceResult:
    """Ask a test of the sample, and say of how many observations its answer is."""
    return as_result(
        answer_of(entry, sample, options),
        test=entry.name,
        null=entry.null,
        alternative=options.alternative,
        n=sample.n,
        n_clusters=sample.n_clusters,
    )


def _each(
    entry: Entry, parts: Sequence[Answers], options: Options, outcome: Outcome
) -> InferenceResult:
    n_rows = sum(len(p.estimate) for p in parts)
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(p, name) for p in parts])
        for name in ("estimate", "statistic", "pvalue", "df", "n")
    }
    reason = tuple(np.concatenate([p.reason for p in parts]))
    if outcome != "car":
        for name in ("estimate", "statistic", "pvalue", "df"):
            joined[name] = np.full(n_rows, np.nan)
        reason = (f"is defined on CARs, not on {outcome}",) * n_rows
    return InferenceResult(
        test=entry.name,
        null=entry.null,
        alternative=options.alternative,
        n_clusters=joined["n"].copy(),
        reason=reason,
        **joined,
    )
