"""Any tests x windows over any number of chunks, in one or two walks through them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, Clock, InferenceResult
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import Window
from eventstudy.inference.aggregates import (
    Calendar,
    Evidence,
    Need,
    Outcome,
    calendar_of,
    collect,
    merge_all,
)
from eventstudy.inference.dependence import correlations
from eventstudy.inference.pvalues import (
    Answer,
    Answers,
    Options,
    as_result,
    check_alternative,
)
from eventstudy.inference.rank_aggregates import (
    Ranked,
    Scales,
    collect_ranked,
    merge_ranked,
)
from eventstudy.inference.sample import Sample, sample_of, spread, with_ranks

Chunk = Abnormal | Callable[[], Abnormal]
Chunks = Abnormal | Sequence[Chunk] | Callable[[], Iterable[Abnormal]]
Property = Literal[
    "event-induced variance",
    "cross-correlation",
    "clustering",
    "non-normality",
    "missing data",
]
# Every table shows how dependent its observations are.
_CORRELATION: frozenset[Need] = frozenset({"correlation"})
_T = TypeVar("_T")
_SECOND_WALK: frozenset[Need] = frozenset({"ranks", "granks", "rank_z"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTest:
    """A member of `TESTS`; calling it tests one window of one `Abnormal`.

    null : the null hypothesis in symbols;  min_n : least number of observations
    robust_to : what does not distort its size
    needs : parts of the evidence beyond the scalars per observation
    of_sample or of_each : the function, for tests of the sample or of each observation
    """

    name: str
    meaning: str
    null: str
    robust_to: frozenset[Property]
    min_n: int
    citation: str
    needs: frozenset[Need] = frozenset()
    of_sample: Callable[[Sample, Options], Answer] | None = None
    of_each: Callable[[Abnormal, Window, Options], Answers] | None = None

    @property
    def level(self) -> Literal["observation", "sample"]:
        """Whether there is one answer per observation or one in all."""
        return "observation" if self.of_sample is None else "sample"

    def __call__(
        self,
        ab: Abnormal,
        window: Window,
        *,
        alternative: str = "two-sided",
        seed: int = 0,
        n_draws: int = 999,
        outcome: Outcome = "car",
        groups: Mapping[int, int] | None = None,
    ) -> InferenceResult:
        """Test ``window``, (start, end) in event time, both ends included.

        alternative : "two-sided", "less" or "greater"
        seed, n_draws : for tests that resample
        outcome : "car", "scar", or "bhar" (``ab`` from simple returns)
        groups : asset code -> group; assets of different groups count as uncorrelated
        Raises `SpecError` for a window outside the event window.
        """
        options = Options(
            alternative=check_alternative(alternative), seed=seed, n_draws=n_draws
        )
        found = run(
            ab, [window], [self], options=options, outcome=outcome, groups=groups
        )
        return found[window, self.name]


def run(
    chunks: Chunks,
    windows: Sequence[Window],
    entries: Sequence[EventTest],
    *,
    options: Options,
    outcome: Outcome = "car",
    groups: Mapping[int, int] | None = None,
    workers: int = 1,
) -> dict[tuple[Window, str], InferenceResult]:
    """Run ``entries`` on ``windows``; see `battery`."""
    again = _walker(chunks)
    of_each = [(e.name, e.of_each) for e in entries if e.of_each is not None]
    needs = _CORRELATION.union(*(e.needs for e in entries))
    calendar = _Calendars()

    def first_step(chunk: Chunk) -> tuple[Evidence, list[Answers]]:
        ab = _open(chunk)
        found = [each(ab, w, options) for _, each in of_each for w in windows]
        days = calendar.of(ab.clocks)
        return collect(ab, windows, needs, outcome=outcome, calendar=days), found

    parts: list[list[Answers]] = []

    def first_walk() -> Iterable[Evidence]:
        for part, found in _in_order(first_step, again(), workers):
            parts.append(found)
            yield part

    evidence = merge_all(first_walk())
    keys = [(w, name) for name, _ in of_each for w in windows]
    own = dict(zip(keys, zip(*parts, strict=True), strict=True))
    residual = correlations(evidence, groups=groups)
    samples = {w: sample_of(evidence, w, residual=residual) for w in windows}
    if needs & _SECOND_WALK:
        scales = _scales(evidence, samples, windows)

        def second_step(chunk: Chunk) -> Ranked:
            ab = _open(chunk)
            days = calendar.of(ab.clocks)
            return collect_ranked(ab, windows, needs, scales, calendar=days)

        ranked = merge_ranked(_in_order(second_step, again(), workers))
        samples = _with_ranks(evidence, ranked, samples, windows, groups)
    return {
        (w, e.name): _each(e, own[w, e.name], options, outcome)
        if e.of_sample is None
        else _one(e, samples[w], options)
        for w in windows
        for e in entries
    }


def _walker(chunks: Chunks) -> Callable[[], Iterable[Chunk]]:
    if isinstance(chunks, Abnormal):
        return lambda: (chunks,)
    if callable(chunks):
        return chunks
    if not isinstance(chunks, Sequence):
        raise SpecError(
            "chunks are walked through twice: give a sequence, or a function that "
            "returns a fresh iterator each time"
        )
    return lambda: chunks


def _open(chunk: Chunk) -> Abnormal:
    return chunk if isinstance(chunk, Abnormal) else chunk()


def _in_order(
    step: Callable[[Chunk], _T], chunks: Iterable[Chunk], workers: int
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


class _Calendars:
    """The numbered dates of a table of clocks, worked out once per table."""

    def __init__(self) -> None:
        self._known: Calendar | None = None

    def of(self, clocks: Clock) -> Calendar:
        if self._known is None or self._known.clocks is not clocks:
            self._known = calendar_of(clocks)
        return self._known


def _scales(
    evidence: Evidence, samples: dict[Window, Sample], windows: Sequence[Window]
) -> Scales:
    scar = np.full(len(windows), np.nan)
    for i, window in enumerate(windows):
        sample = samples[window]
        s, rbar = spread(sample.scar), sample.dependence.rbar
        if s > 0 and rbar < 1:
            scar[i] = s / np.sqrt(1.0 - rbar)
    sar = np.full(evidence.clocks.event.shape[1], np.nan)
    if "sar" in evidence.sums:
        sar = _daily_spread(
            *(evidence.sums[k] for k in ("sar", "sar_square", "sar_count"))
        )
    return Scales(scar=scar, sar=sar)


def _daily_spread(total: Array, square: Array, count: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (square - total**2 / count) / (count - 1)
    out: Array = np.sqrt(np.where((count > 1) & (variance > 0), variance, np.nan))
    return out


def _with_ranks(
    evidence: Evidence,
    ranked: Ranked,
    samples: Mapping[Window, Sample],
    windows: Sequence[Window],
    groups: Mapping[int, int] | None,
) -> dict[Window, Sample]:
    """Return the samples with the sums of ranks of their own window."""
    rank = correlations(
        replace(evidence, sums=ranked.sums, series=ranked.series),
        series="rank",
        groups=groups,
    )
    out = {}
    for i, window in enumerate(windows):
        own = {
            k.removesuffix(f"_{i}"): v
            for k, v in ranked.sums.items()
            if not k.startswith("grank") or k.endswith(f"_{i}")
        }
        out[window] = with_ranks(samples[window], rank, own)
    return out


def _one(entry: EventTest, sample: Sample, options: Options) -> InferenceResult:
    assert entry.of_sample is not None
    answer = (
        Answer(estimate=np.nan, reason="no observation has an estimate and a return")
        if sample.n == 0
        else entry.of_sample(sample, options)
    )
    return as_result(
        answer,
        test=entry.name,
        null=entry.null,
        alternative=options.alternative,
        n=sample.n,
        n_clusters=sample.dependence.n_clusters,
    )


def _each(
    entry: EventTest, parts: Sequence[Answers], options: Options, outcome: Outcome
) -> InferenceResult:
    n_rows = sum(len(p.estimate) for p in parts)
    joined = {
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
