"""A battery over chunks that are opened one after the other, wherever that is."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from eventstudy.core.abnormal import Abnormal, Clock
from eventstudy.core.errors import DataError, SpecError
from eventstudy.core.limits import Limits, amount
from eventstudy.core.windows import Window
from eventstudy.inference import NamedTest, Outcome
from eventstudy.inference.pvalues import Options, check_alternative
from eventstudy.scale.collecting import collect
from eventstudy.scale.finishing import Known, ranking, results, table
from eventstudy.scale.merging import merge
from eventstudy.scale.part import Part, read_part
from eventstudy.scale.plans import Plan, plan
from eventstudy.scale.spreading import Answered, spread

if TYPE_CHECKING:
    import polars as pl

# Parts that are merged at a time: neighbours first, then what came of them.
_FAN = 32
# Bytes of an observation: in parts while they are merged, and while they are tested.
_BYTES, _BYTES_WINDOW, _BYTES_SESSION = 190, 50, 24
# What the process takes before there is any observation.
_BASE = 350_000_000


class ChunkSource(Protocol):
    """Observations in chunks; `dataset` makes one of files."""

    @property
    def clocks(self) -> Clock:
        """The table that all chunks share."""

    @property
    def assets(self) -> int | None:
        """How many assets there are, None where that is not known."""

    @property
    def observations(self) -> int | None:
        """How many observations there are, None where that is not known."""

    def __len__(self) -> int:
        """Chunks."""

    def name(self, number: int) -> str:
        """Name a chunk; it is what its part says that it comes from."""

    def open(self, number: int) -> Abnormal:
        """Fit a chunk."""


Chunks = Sequence[Callable[[], Abnormal]] | ChunkSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a walk through the observations is.

    Parameters
    ----------
    walk, walks : int
        Which walk this is, and how many there are.
    rows : int
        Observations done in this walk.
    share : float
        Share of all chunks of all walks that are done.
    rate : float
        Observations per second.
    left : float
        Seconds that are left at this rate.
    memory : mapping of str to int
        Most memory of each worker, in bytes.

    Examples
    --------
    >>> told = Progress(
    ...     walk=1, walks=2, rows=500, share=0.25, rate=100.0, left=15.0, memory={}
    ... )
    >>> str(told)
    'walk 1 of 2: 500 observations, 100 a second, 15 s left'
    """

    walk: int
    walks: int
    rows: int
    share: float
    rate: float
    left: float
    memory: Mapping[str, int]

    def __str__(self) -> str:
        """Say it in a line."""
        held = ", ".join(f"{who} {amount(n)}" for who, n in self.memory.items())
        return (
            f"walk {self.walk} of {self.walks}: {self.rows:,} observations, "
            f"{self.rate:,.0f} a second, {self.left:,.0f} s left"
            + (f"; memory: {held}" if held else "")
        )


def battery(
    source: Chunks,
    *,
    windows: Sequence[Window] | Window,
    tests: NamedTest | Iterable[NamedTest] | None = None,
    outcome: Outcome = "car",
    alternative: str = "two-sided",
    seed: int = 0,
    n_draws: int = 999,
    groups: Mapping[int, int] | None = None,
    engine: object = "threads",
    limits: Limits | None = None,
    keep: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> "pl.DataFrame":
    """Run tests over observations that are never in memory together.

    Chunks are opened one after the other, reduced to parts and let go; rank tests walk
    through them twice. Any engine and any split give the same numbers.

    Parameters
    ----------
    source : sequence of callable, or a source of chunks
        Functions without arguments that each return an `Abnormal`, all on one table of
        clocks; or what `dataset` returns.
    windows : sequence of (int, int) or (int, int)
        (start, end) in event time, both ends included.
    tests : str, EventTest, callable or iterable of these, optional
        As for `plan`.
    outcome : {"car", "scar", "bhar"}
        What is tested.
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative hypothesis.
    seed, n_draws : int
        Seed and number of resamples of the tests that resample.
    groups : mapping of int to int, optional
        Asset code -> group; assets of different groups count as uncorrelated.
    engine : {"threads", "processes"} or distributed.Client
        Who opens chunks. "processes" are two; a client is that of a Dask cluster, whose
        workers must have this package and reach the same files.
    limits : Limits, optional
        Memory of this process, and its threads.
    keep : str or Path, optional
        A folder for finished parts. What is there already, of the same plan and the
        same chunks, is not computed again. Chunks of a data set are the same while its
        files and settings are; functions are taken to give what they gave before.
    progress : callable, optional
        Called with a `Progress` after every chunk.

    Returns
    -------
    polars.DataFrame
        As `finish` returns it.

    Raises
    ------
    SpecError
        For what no plan can be made of, and for too little memory, before it is used.
    DataError
        For a kept part that cannot be read.
    SourceError
        For a cluster that goes away.

    Examples
    --------
    >>> import numpy as np
    >>> import eventstudy as es
    >>> def chunk(seed):
    ...     y = np.random.default_rng(seed).normal(size=(8, 63))
    ...     return es.models.constant_mean(y, n_estimation=60)
    >>> found = es.scale.battery(
    ...     [lambda: chunk(1), lambda: chunk(2)],
    ...     windows=(0, 1),
    ...     tests=["csect", "rank"],
    ... )
    >>> found["n"].to_list()
    [16, 16]
    """
    limits = limits or Limits()
    chunks: ChunkSource = source if _is_source(source) else _Functions(source)
    options = Options(
        alternative=check_alternative(alternative), seed=seed, n_draws=n_draws
    )
    made = plan(
        clocks=chunks.clocks,
        windows=windows,
        tests=tests,
        outcome=outcome,
        options=options,
        groups=groups,
        assets=chunks.assets,
        observations=chunks.observations,
    )
    _check_memory(made, limits)
    folder = None if keep is None else Path(keep)
    walker = _Walker(chunks, engine, limits, folder, progress, made.walks)
    first = walker.walk(made)
    known: Known = {}
    ranks = None
    if made.walks == 2:
        ranks = walker.walk(ranking(first, made, known))
    return table(results(first, made, ranks, known))


def needed(observations: int, windows: int = 1, kept: int = 0) -> int:
    """Bytes that a battery takes of the process that merges and tests.

    kept : sessions of which tests see every abnormal return
    """
    return _BASE + observations * _each(windows, kept)


def _each(windows: int, kept: int) -> int:
    return _BYTES + _BYTES_WINDOW * windows + _BYTES_SESSION * kept


def _check_memory(made: Plan, limits: Limits) -> None:
    """Say that memory will not do while there is still all of it."""
    if made.observations is None:
        return
    kept = made.clocks.event.shape[1] if "days" in made.needs else 0
    own = len(made.windows), kept
    wanted, there = needed(made.observations, *own), limits.bytes
    if wanted > there:
        most = max(0, there - _BASE) // _each(*own)
        raise SpecError(
            f"{made.observations:,} observations want about {amount(wanted)} of memory "
            f"in the process that tests them; the limit is {amount(there)}. Raise it, "
            f"or test at most {most:,} observations at once"
        )


def _is_source(source: object) -> TypeGuard[ChunkSource]:
    return all(hasattr(source, name) for name in ("clocks", "open", "name"))


class _Functions:
    """Functions as a source; the first is opened to see the table of clocks."""

    assets: int | None = None
    observations: int | None = None

    def __init__(self, functions: Any) -> None:  # noqa: ANN401 - whatever is given
        good = isinstance(functions, Sequence) and all(map(callable, functions))
        if not good or not functions:
            raise SpecError(
                f"source = {type(functions).__name__}; wanted a list of functions "
                "without arguments that each return an Abnormal, or what "
                "eventstudy.scale.dataset returns"
            )
        self._functions = list(functions)
        self.clocks = self.open(0).clocks

    def __len__(self) -> int:
        return len(self._functions)

    def name(self, number: int) -> str:
        return f"chunk {number + 1} of {len(self)}"

    def open(self, number: int) -> Abnormal:
        found = self._functions[number]()
        if not isinstance(found, Abnormal):
            raise SpecError(
                f"chunk {number + 1} is {type(found).__name__}; wanted an Abnormal, as "
                "models return it"
            )
        return found


def part_of(shared: tuple[ChunkSource, Plan], number: int) -> Part:
    """Open one chunk and reduce it; what engines call."""
    source, made = shared
    return collect(source.open(number), made, source=source.name(number))


@dataclass(frozen=True, slots=True)
class _Walker:
    """Walks through a source, once for each plan."""

    source: ChunkSource
    engine: object
    limits: Limits
    keep: Path | None
    progress: Callable[[Progress], None] | None
    walks: int

    def walk(self, made: Plan) -> Part:
        """Collect all chunks for a plan and merge them in order."""
        kept = {n: p for n in range(len(self.source)) if (p := self._kept(made, n))}
        todo = [n for n in range(len(self.source)) if n not in kept]
        told = _Told(self, walk=1 if made.scales is None else 2, known=len(kept))
        found = spread(
            "eventstudy.scale.streaming:part_of",
            (self.source, made),
            todo,
            engine=self.engine,
            threads=self.limits.cores,
        )
        merger = Merger()
        for number in range(len(self.source)):
            path = kept.get(number)
            if path is not None:
                merger.add(self._read(path, made, number))
                continue
            answer = next(found)
            if self.keep is not None:
                answer.value.write(self._path(made, number))
            merger.add(answer.value)
            told.add(answer)
        return merger.merged()

    def _path(self, made: Plan, number: int) -> Path:
        assert self.keep is not None
        return self.keep / f"{made.hash[:16]}_{number:06d}.parquet"

    def _kept(self, made: Plan, number: int) -> Path | None:
        if self.keep is None:
            return None
        path = self._path(made, number)
        return path if path.exists() else None

    def _read(self, path: Path, made: Plan, number: int) -> Part:
        """Read a kept part; one of other observations is refused."""
        part = read_part(path)
        name = self.source.name(number)
        if part.plan != made.hash or [one.name for one in part.sources] != [name]:
            raise DataError(
                f"{path} is a part of other observations than {name}; keep the parts "
                "of one run in a folder of its own, empty when files or settings change"
            )
        return part


class Merger:
    """Merges parts as they come: neighbours, and then what came of them."""

    def __init__(self) -> None:
        self._levels: list[list[Part]] = []

    def add(self, part: Part, level: int = 0) -> None:
        """Take the next part."""
        if level == len(self._levels):
            self._levels.append([])
        held = self._levels[level]
        held.append(part)
        if len(held) == _FAN:
            self._levels[level] = []
            self.add(merge(held), level + 1)

    def merged(self) -> Part:
        """Return all that came, in its order."""
        return merge([part for held in reversed(self._levels) for part in held])


class _Told:
    """What was told of the progress of a walk."""

    def __init__(self, walker: _Walker, *, walk: int, known: int) -> None:
        self._walker, self._walk = walker, walk
        self._begun = time.perf_counter()
        self._rows, self._chunks, self._known = 0, 0, known
        self._memory: dict[str, int] = {}

    def add(self, answer: Answered) -> None:
        """Count a chunk, and tell."""
        self._rows += answer.value.rows
        self._chunks += 1
        last = self._memory.get(answer.worker, 0)
        self._memory[answer.worker] = max(last, answer.memory)
        if self._walker.progress is None:
            return
        walks, every = self._walker.walks, len(self._walker.source)
        passed = max(time.perf_counter() - self._begun, 1e-9)
        left = every - self._known - self._chunks + (walks - self._walk) * every
        done = (self._walk - 1) * every + self._known + self._chunks
        self._walker.progress(
            Progress(
                walk=self._walk,
                walks=walks,
                rows=self._rows,
                share=done / (walks * every),
                rate=self._rows / passed,
                left=passed / self._chunks * left,
                memory=dict(self._memory),
            )
        )
