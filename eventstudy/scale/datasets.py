"""Observations of a Parquet data set: a long panel of returns, and a list of dates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from glob import glob
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from eventstudy.core.abnormal import Abnormal, Array, Clock, IntArray
from eventstudy.core.errors import DataError, Problem, SpecError
from eventstudy.core.limits import Limits
from eventstudy.core.registry import MODELS
from eventstudy.core.windows import Window, as_window
from eventstudy.scale.dataset_files import (
    calendar_of,
    kind_of,
    observations_of,
    pattern_of,
    times,
)

# Codes of tens of millions of observations.
ShortArray = NDArray[np.int32]
# Numbers of an observation that are held at once, per session and factor.
_COPIES = 14
_MOST_ROWS = 8_000
# Returns of a block of assets, on all sessions.
_MOST_CELLS = 8_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Observations in chunks, read from a Parquet data set when they are fitted.

    Made by `dataset`; a source of `eventstudy.scale.battery`.

    Parameters
    ----------
    path : str
        The returns.
    model : str
        Name of the normal-return model.
    names : tuple of str
        Columns of asset, date and return.
    kind : polars.DataType
        Of the sessions: dates, or times within days.
    sessions : int array (D,)
        The calendar: days, or microseconds, since 1970-01-01.
    factors : array (D, F)
        Factors by session.
    codes : tuple
        The assets of the list of dates, in order; an observation's asset is its place.
    asset, day0 : int array (E,)
        Of each observation, in the order of assets: its asset, and its session.
    ends : int array (C+1,)
        Where chunks begin and end.
    estimation, event_window : (int, int)
        In event time, both ends included.
    clocks : Clock
        A row for each distinct day 0.
    clock : int array (E,)
        Its row.
    left_out : mapping of str to int
        Dates that are no observations, by the reason.

    Examples
    --------
    >>> import tempfile
    >>> import eventstudy as es
    >>> days = pl.date_range(pl.date(2021, 1, 1), pl.date(2021, 3, 31), eager=True)
    >>> rng = np.random.default_rng(0)
    >>> frame = pl.DataFrame({"asset": "x", "date": days, "ret": rng.normal(size=90)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame.write_parquet(f"{folder}/returns.parquet")
    ...     made = es.scale.dataset(
    ...         f"{folder}/returns.parquet",
    ...         model="constant_mean",
    ...         estimation=(-60, -2),
    ...         event_window=(-1, 1),
    ...     )
    ...     made.open(0).ar.shape
    (29, 3)
    """

    path: str
    model: str
    names: tuple[str, str, str]
    kind: pl.DataType
    sessions: IntArray = field(repr=False)
    factors: Array = field(repr=False)
    codes: tuple[Any, ...] = field(repr=False)
    asset: ShortArray = field(repr=False)
    day0: ShortArray = field(repr=False)
    ends: IntArray = field(repr=False)
    estimation: Window
    event_window: Window
    clocks: Clock = field(repr=False)
    clock: ShortArray = field(repr=False)
    left_out: Mapping[str, int]

    def __len__(self) -> int:
        """Chunks."""
        return len(self.ends) - 1

    @property
    def assets(self) -> int:
        """Assets that have observations."""
        return len(np.unique(self.asset))

    @property
    def observations(self) -> int:
        """Observations of all chunks."""
        return len(self.asset)

    def name(self, number: int) -> str:
        """Name the observations of a chunk.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        str
            The file, and which observations.
        """
        first, end = self.ends[number : number + 2]
        return (
            f"{self.path} ({self.content[:12]}), observations {first + 1} to {end} of "
            f"{len(self.asset)}"
        )

    @cached_property
    def content(self) -> str:
        """SHA-256 of all that decides the fits: settings, dates, factors and files.

        Files are known by their names, sizes and times of change.
        """
        said = sha256(
            repr(
                (self.model, self.names, self.estimation, self.event_window, self.codes)
            ).encode()
        )
        for array in (self.sessions, self.factors, self.asset, self.day0):
            said.update(np.ascontiguousarray(array).tobytes())
        for file in sorted(glob(self.path)):  # noqa: PTH207 - a pattern from any root
            there = Path(file).stat()
            said.update(f"{file} {there.st_size} {there.st_mtime_ns}\n".encode())
        return said.hexdigest()

    def open(self, number: int) -> Abnormal:
        """Read the returns of a chunk and fit its observations.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        Abnormal
            On the clocks of the data set.

        Raises
        ------
        DataError
            For returns that are no numbers, and for two of an asset on a date.
        """
        rows = slice(*self.ends[number : number + 2])
        held, place = np.unique(self.asset[rows].astype(np.int64), return_inverse=True)
        wide = self._returns(held)
        t = self.estimation[1] - self.estimation[0] + 1
        first = self.day0[rows] + self.estimation[0]
        width = self.event_window[1] - self.estimation[0] + 1
        # Whole windows are copied at once; what lies between the two is taken out.
        own = _offsets(self.estimation, self.event_window) - self.estimation[0]
        kept = slice(None) if len(own) == width else own
        y = sliding_window_view(wide, width, axis=1)[place, first][:, kept]
        x = sliding_window_view(self.factors, width, axis=0)[first][:, :, kept]
        fit = MODELS.entry(self.model)
        found: Abnormal = fit(
            y,
            np.moveaxis(x, 1, 2) if self.factors.shape[1] else None,
            n_estimation=t,
            first_offset=self.event_window[0],
            asset=self.asset[rows].astype(np.int64),
            clock=self.clock[rows].astype(np.int64),
            clocks=self.clocks,
        )
        return found

    def _returns(self, assets: IntArray) -> Array:
        """Returns (A, D) of some assets; row groups without them are not read."""
        asset, date, ret = self.names
        chosen = pl.Series([self.codes[i] for i in assets.tolist()])
        found = (
            pl.scan_parquet(self.path)
            .select(asset, date, ret)
            .filter(
                pl.col(asset).is_between(pl.lit(chosen[0]), pl.lit(chosen[-1]))
                & pl.col(asset).is_in(chosen.implode())
            )
            .collect()
        )
        row = found[asset].replace_strict(
            chosen, np.arange(len(chosen)), return_dtype=pl.Int64
        )
        day = times(found[date], self.kind)
        column = np.searchsorted(self.sessions, day)
        inside = column < len(self.sessions)
        inside[inside] = self.sessions[column[inside]] == day[inside]
        cell = row.to_numpy()[inside] * len(self.sessions) + column[inside]
        wide = np.full(len(assets) * len(self.sessions), np.nan)
        there = np.zeros(len(wide), np.bool_)
        there[cell] = True
        if there.sum() < len(cell):
            raise DataError(
                "an asset has two returns on a date",
                [Problem(message="keep one of each", file=self.path, column=ret)],
            )
        wide[cell] = found[ret].cast(pl.Float64).to_numpy()[inside]
        return wide.reshape(len(assets), -1)


def dataset(
    returns: str | Path,
    events: Any = None,  # noqa: ANN401 - any frame with Arrow's stream, or a path
    *,
    factors: Any = None,  # noqa: ANN401
    model: str = "market",
    estimation: Window = (-260, -11),
    event_window: Window = (-10, 10),
    names: tuple[str, str, str] = ("asset", "date", "ret"),
    limits: Limits | None = None,
) -> Dataset:
    """Make observations of returns in Parquet files that are larger than memory.

    Every asset and date of ``events`` is an observation, fitted when its chunk is
    opened: the returns of its assets are read then, by row groups. Files sorted by
    asset are read once in all; others again for each chunk.

    Parameters
    ----------
    returns : str or Path
        A Parquet file, a folder of them or a pattern such as ``crsp/*.parquet``: a row
        per asset and session, with columns asset (text or a whole number), date (a
        date, or a time within days) and ret (a number; null = no return), or as
        ``names`` says.
    events : frame or path, optional
        A Parquet file, or any frame that polars reads, with columns asset and date.
        Day 0 is the date, or the next session. Default every session of every asset:
        a placebo over all dates.
    factors : frame or path, optional
        A row per session: date, and a column per factor, the market's first. Its dates
        are the calendar; without it the distinct dates of the returns are.
    model : str
        A name in `eventstudy.models.MODELS`, of one that wants no more than these.
    estimation, event_window : (int, int)
        In event time, both ends included.
    names : (str, str, str)
        The columns of asset, date and return.
    limits : Limits, optional
        What memory and threads chunks are cut for.

    Returns
    -------
    Dataset
        To be given to `battery`.

    Raises
    ------
    DataError
        For missing columns, factors with gaps, or no observation at all.
    SpecError
        For windows that overlap, or an unknown model.
    SourceError
        For files that cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import eventstudy as es
    >>> from datetime import date, timedelta
    >>> days = [date(2021, 1, 1) + timedelta(days=k) for k in range(90)]
    >>> rng = np.random.default_rng(0)
    >>> rows = [(a, d, rng.normal()) for a in ("x", "y") for d in days]
    >>> frame = pl.DataFrame(rows, schema=["asset", "date", "ret"], orient="row")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame.write_parquet(f"{folder}/returns.parquet")
    ...     made = dataset(
    ...         f"{folder}/returns.parquet",
    ...         pl.DataFrame({"asset": ["x", "y"], "date": [days[70], days[75]]}),
    ...         model="constant_mean",
    ...         estimation=(-60, -2),
    ...         event_window=(-1, 1),
    ...     )
    ...     found = es.scale.battery(made, windows=(0, 1), tests=["csect"])
    >>> made.observations, found["n"].to_list()
    (2, [2])
    """
    estimation, event_window = as_window(estimation), as_window(event_window)
    if estimation[1] >= event_window[0]:
        raise SpecError(
            f"estimation = {estimation} does not end before event_window = "
            f"{event_window}"
        )
    entry = MODELS.entry(model)
    path = pattern_of(returns)
    kind = kind_of(path, names)
    sessions, held = calendar_of(path, names, factors, kind)
    needs_factors = entry.min_factors > 0
    if needs_factors and not held.shape[1]:
        raise SpecError(f"{model} wants factors: a frame with date and a column each")
    if entry.max_factors == 0:
        held = held[:, :0]
    codes, asset, day0, left_out = observations_of(
        path, names, events, sessions, kind, estimation, event_window
    )
    kept, clock = np.unique(day0, return_inverse=True)
    at = kept[:, None] + _offsets(estimation, event_window)
    # Within days the number of the session says the same as its time.
    days = sessions[at] if kind == pl.Date else at
    t = estimation[1] - estimation[0] + 1
    found = Dataset(
        path=path,
        model=entry.name,
        names=names,
        kind=kind,
        sessions=sessions,
        factors=held,
        codes=codes,
        asset=asset.astype(np.int32),
        day0=day0.astype(np.int32),
        ends=_cut(asset, len(sessions), at.shape[1], held.shape[1], limits or Limits()),
        estimation=estimation,
        event_window=event_window,
        clocks=Clock(estimation=days[:, :t], event=days[:, t:]),
        clock=clock.astype(np.int32),
        left_out=left_out,
    )
    # Looked up here, as workers may see files with other times of change.
    assert found.content
    return found


def _offsets(estimation: Window, event_window: Window) -> IntArray:
    return np.concatenate(
        [np.arange(first, last + 1) for first, last in (estimation, event_window)]
    )


def _cut(
    asset: IntArray, n_sessions: int, width: int, n_factors: int, limits: Limits
) -> IntArray:
    """Cut observations into chunks that fit in memory, several at once."""
    own = 8 * width * (_COPIES + 2 * n_factors)
    share = limits.bytes // (4 * (limits.cores + 1))
    most = int(np.clip(share // own, 100, _MOST_ROWS))
    assets = max(1, min(_MOST_CELLS, share // 8) // n_sessions)
    ends, start = [0], 0
    while start < len(asset):
        # As many observations, and as many assets.
        far = int(np.searchsorted(asset, asset[start] + assets, "left"))
        start = min(start + most, far, len(asset))
        ends.append(start)
    return np.array(ends)
