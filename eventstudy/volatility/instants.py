"""What an instant did, in minutes: moves after it against moves of the month before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.volatility.jumps import jump_threshold
from eventstudy.volatility.steps import Steps

MINUTES = (15, 60, 240, 1440)
DAYS = 30
SEARCHED = 240
"""Minutes before and after the instant in which the first move is looked for."""
JUMP_LEVEL = 0.01
_HOUR, _DAY = 3_600, 86_400
_MAD = 1.4826
_LEAST_SHARE = 0.8
_LEAST_SCALE = 0.1  # of a slot, over the median slot: a slot without trade has none
_LEAST_DATES = 99
_LEAST_STEPS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InstantEffects:
    """Moves after one instant over W windows; every array is (W,).

    Parameters
    ----------
    minutes : int array
        Length of each window.
    car, se : array
        Log return from the last price before the instant, net of a benchmark if one was
        given, and its standard error by the local bipower scale.
    pvalue : array
        Share of the instants of the month before with as large a move for its error.
    pvalue_family : array
        The same among the largest of all windows, so that the number of windows is
        allowed for.
    pvalue_same_time : array
        The same among instants at the same time of day.
    n, n_same_time : int
        Instants before, and those at the same time of day.
    first_move : float
        Minutes from the instant to the end of the first jump, below zero before it;
        nan where there is none.
    jumps : int
        Jumps among the bars that were searched.
    beta : float
        Slope on the benchmark; nan without one.
    reason : tuple of str or None
        Why a window has no value.

    Examples
    --------
    >>> from eventstudy.volatility import check_bars, steps_of
    >>> rng = np.random.default_rng(1)
    >>> close = np.exp(np.cumsum(rng.normal(0, 0.001, 4000)))
    >>> open_ = np.r_[1.0, close[:-1]]
    >>> bars = check_bars(900 * np.arange(4000), open_, close, bar=900)
    >>> found = instant_effects(steps_of(bars), 900 * 3500, minutes=(60, 240))
    >>> found.n, found.reason
    (2764, (None, None))
    """

    minutes: IntArray
    car: Array
    se: Array
    pvalue: Array
    pvalue_family: Array
    pvalue_same_time: Array
    n: int
    n_same_time: int
    first_move: float
    jumps: int
    beta: float
    reason: tuple[str | None, ...]


def instant_effects(
    steps: Steps,
    instant: int,
    *,
    minutes: Sequence[int] = MINUTES,
    benchmark: Array | None = None,
) -> InstantEffects:
    """Compare the moves after an instant with those after all instants of a month.

    Parameters
    ----------
    steps : Steps
        Returns of one asset, see `steps_of`.
    instant : int
        Of the announcement, in seconds since 1970-01-01 UTC. The first step is the one
        that ends after it: the bar in which the instant falls lies partly before it.
    minutes : sequence of int
        Lengths of the windows, in minutes of trade.
    benchmark : array (N,), optional
        Returns of another asset over the same steps, see `returns_over`; their slope
        over the month times them is taken out.

    Returns
    -------
    InstantEffects
        One value per window.

    Raises
    ------
    SpecError
        For windows that are not positive, and a benchmark on other steps.

    Notes
    -----
    Time of day: of each slot ``f = 1.4826 median |r|`` over the 30 days before, scaled
    to mean square 1 (Boudt, Croux & Laurent 2011, J. Empirical Finance 18). Scale:
    bipower variation of ``x = r / f``, ``v = π/2 mean |x_t| |x_t-1|``, over the day, 30
    steps at least, that ends one hour before (Barndorff-Nielsen & Shephard 2004, J.
    Financial Econometrics 2). ``z = Σ r / √(v Σ f²)``; its law is that of all instants
    of the 30 days, each with its own v, whose longest window ends before the instant.
    Jumps: Lee & Mykland (2008), Review of Financial Studies 21, at 1 % over the bars
    from 240 minutes before to 240 after, v of the day before them.

    Size at 5 % (3,000 months of bars each): 5 to 6.3 % with fat tails and a time of
    day, of 15-minute and hourly bars; 5.5 to 6.7 % where volatility clusters through
    the day, the most for a window of a day. ``pvalue_same_time``: 3 to 4 %.

    Examples
    --------
    >>> from eventstudy.volatility import check_bars, steps_of
    >>> rng = np.random.default_rng(2)
    >>> returns = rng.normal(0, 0.001, 4000)
    >>> returns[3500] = -0.02
    >>> close = np.exp(np.cumsum(returns))
    >>> bars = check_bars(900 * np.arange(4000), np.r_[1, close[:-1]], close, bar=900)
    >>> found = instant_effects(steps_of(bars), 900 * 3500, minutes=(15,))
    >>> found.first_move, bool(found.pvalue[0] < 0.001)
    (15.0, True)
    """
    wanted = np.asarray(list(minutes), np.int64)
    if not len(wanted) or (wanted <= 0).any():
        raise SpecError(f"minutes = {list(minutes)}; wanted positive whole numbers")
    first = steps.first(instant)
    reasons = _lacking(steps, instant, first, wanted)
    if all(reasons):
        return _nothing(wanted, reasons)
    returns, beta = _net(steps, benchmark, first)
    return _effects(steps, returns, beta, instant, first, wanted, reasons)


def _lacking(
    steps: Steps, instant: int, first: int, minutes: IntArray
) -> list[str | None]:
    """Say why windows have no value."""
    n = len(steps.ends)
    begin = int(np.searchsorted(steps.ends, instant - DAYS * _DAY, side="right"))
    if first >= n:
        return ["the bars end before the announcement"] * len(minutes)
    start = int(steps.ends[0]) - int(steps.seconds[0])
    if start > instant - (DAYS - 1) * _DAY:
        days = max((instant - start) / _DAY, 0)
        said = f"the bars begin {days:.0f} days before the announcement, wanted {DAYS}"
        return [said] * len(minutes)
    if (share := steps.there[begin:first].mean()) < _LEAST_SHARE:
        said = f"{1 - share:.0%} of the bars of the {DAYS} days before are missing"
        return [said] * len(minutes)
    out: list[str | None] = []
    ends = np.cumsum(steps.seconds[first:])
    for length in (60 * minutes).tolist():
        if steps.bar > length:
            out.append(f"bars of {steps.bar // 60} minutes are too long")
            continue
        stop = int(np.searchsorted(ends, length)) + 1
        if stop > len(ends):
            out.append("the bars end within the window")
        elif (share := steps.there[first : first + stop].mean()) < _LEAST_SHARE:
            out.append(f"{1 - share:.0%} of the window's bars are missing")
        else:
            out.append(None)
    return out


def _nothing(minutes: IntArray, reasons: Sequence[str | None]) -> InstantEffects:
    nothing = np.full(len(minutes), np.nan)
    return InstantEffects(
        minutes=minutes,
        car=nothing,
        se=nothing,
        pvalue=nothing,
        pvalue_family=nothing,
        pvalue_same_time=nothing,
        n=0,
        n_same_time=0,
        first_move=float("nan"),
        jumps=0,
        beta=float("nan"),
        reason=tuple(reasons),
    )


def _net(steps: Steps, benchmark: Array | None, first: int) -> tuple[Array, float]:
    """Take the benchmark out, by its slope over the month before the first step."""
    if benchmark is None:
        return steps.returns, float("nan")
    own = np.nan_to_num(np.asarray(benchmark, np.float64))
    if own.shape != steps.returns.shape:
        raise SpecError(
            f"the benchmark has {own.shape} returns; wanted {steps.returns.shape}, one "
            "a step"
        )
    start = steps.ends[first] - DAYS * _DAY
    part = slice(int(np.searchsorted(steps.ends, start, side="right")), first)
    square = float(own[part] @ own[part])
    beta = float(own[part] @ steps.returns[part]) / square if square else 0.0
    return steps.returns - beta * own, beta


def _scales(returns: Array, slot: IntArray, begin: int, first: int) -> Array:
    """Return the scale of each step's slot, by the returns from ``begin`` on, (N,)."""
    part = slice(begin, first)
    size, own = np.abs(returns[part]), slot[part]
    order = np.lexsort((size, own))
    count = np.bincount(own, minlength=int(slot.max()) + 1)
    start = np.cumsum(count) - count
    ranked = size[order]
    low = np.minimum(start + np.maximum(count - 1, 0) // 2, len(ranked) - 1)
    high = np.minimum(start + count // 2, len(ranked) - 1)
    scale = np.where(count > 0, _MAD * (ranked[low] + ranked[high]) / 2, np.nan)
    usual = np.nanmedian(np.where(scale > 0, scale, np.nan))
    if not np.isfinite(usual):
        usual = float(np.sqrt(np.mean(size**2))) or 1.0
    scale = np.where(np.isfinite(scale), scale, usual)
    scale = np.maximum(scale, _LEAST_SCALE * usual)
    square = float(np.mean(scale[own] ** 2))
    return np.asarray(scale[slot] / np.sqrt(square))


def _effects(
    steps: Steps,
    returns: Array,
    beta: float,
    instant: int,
    first: int,
    minutes: IntArray,
    reasons: Sequence[str | None],
) -> InstantEffects:
    begin = int(np.searchsorted(steps.ends, instant - DAYS * _DAY, side="right"))
    scale = _scales(returns, steps.slot, begin, first)
    walk = _Walk.of(steps, returns, scale)
    known = np.array([reason is None for reason in reasons])
    lengths = 60 * minutes[known]
    own = walk.after(np.array([first]), lengths)
    # instants before, whose scale lies in the month and whose windows end in time
    dates = np.arange(walk.lead(begin), first)
    dates = dates[walk.stop(dates, int(lengths.max())) <= first]
    placebo = walk.after(dates, lengths)
    sound = np.isfinite(placebo.z).all(axis=1) & (placebo.share >= _LEAST_SHARE)
    dates, z = dates[sound], np.abs(placebo.z[sound])
    if len(dates) < _LEAST_DATES:
        said = f"{len(dates)} instants before to compare with, wanted {_LEAST_DATES}"
        return _nothing(minutes, [one or said for one in reasons])
    mine = np.abs(own.z[0])
    spread = np.sqrt(np.mean(z**2, axis=0))
    largest = (z / spread).max(axis=1)
    same = steps.clock[dates] == steps.clock[first]

    def rank(values: Array) -> Array:
        return np.asarray((1 + (values >= mine).sum(axis=0)) / (1 + len(values)))

    def filled(values: Array) -> Array:
        out = np.full(len(minutes), np.nan)
        out[known] = values
        return out

    first_move, jumps = _jumps(steps, walk, instant)
    return InstantEffects(
        minutes=minutes,
        car=filled(own.car[0]),
        se=filled(own.se[0]),
        pvalue=filled(rank(z)),
        pvalue_family=filled(
            (1 + (largest[:, None] >= mine / spread).sum(axis=0)) / (1 + len(dates))
        ),
        pvalue_same_time=filled(rank(z[same])),
        n=len(dates),
        n_same_time=int(same.sum()),
        first_move=first_move,
        jumps=jumps,
        beta=beta,
        reason=tuple(reasons),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _After:
    """Moves after B steps over W windows, (B, W).

    share : (B,) of the bars of the longest window that were found
    """

    car: Array
    se: Array
    share: Array

    @property
    def z(self) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.car / self.se)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Walk:
    """Running sums of returns, squared scales, and neighbouring absolute moves.

    x : returns over scales, (N,);  the sums are (N + 1,)
    """

    ends: IntArray
    elapsed: IntArray
    x: Array
    returns: Array
    squares: Array
    bipower: Array
    found: IntArray
    lookback: int

    @classmethod
    def of(cls, steps: Steps, returns: Array, scale: Array) -> "_Walk":
        x = returns / scale
        pairs = np.abs(x[1:]) * np.abs(x[:-1])
        return cls(
            ends=steps.ends,
            elapsed=np.concatenate([[0], np.cumsum(steps.seconds)]),
            x=x,
            returns=np.concatenate([[0.0], np.cumsum(returns)]),
            squares=np.concatenate([[0.0], np.cumsum(scale**2)]),
            bipower=np.concatenate([[0.0, 0.0], np.cumsum(pairs)]),
            found=np.concatenate([[0], np.cumsum(steps.there)]),
            lookback=max(steps.per_day, _LEAST_STEPS),
        )

    def lead(self, begin: int) -> int:
        """Return the first step that has enough others before it, from ``begin`` on."""
        at = min(begin + self.lookback, len(self.ends) - 1)
        until = self.ends[at] + _HOUR
        return int(np.searchsorted(self.ends, until, side="left")) + 1

    def stop(self, at: IntArray, length: int) -> IntArray:
        """Return where windows of so many seconds of trade end, (B,)."""
        wanted = self.elapsed[at] + length
        return np.asarray(np.searchsorted(self.elapsed, wanted, side="left"), np.int64)

    def variance(self, until: IntArray) -> Array:
        """Bipower variance of the steps up to each moment, in seconds, (B,)."""
        stop = np.searchsorted(self.ends, until, side="right")
        start = np.maximum(stop - self.lookback, 0)
        total = self.bipower[stop] - self.bipower[np.minimum(start + 1, stop)]
        whole = stop >= self.lookback
        return np.where(whole, np.pi / 2 * total / (self.lookback - 1), np.nan)

    def after(self, at: IntArray, lengths: IntArray) -> _After:
        """Return moves from the steps ``at`` (B,) on, over windows (W,) in seconds."""
        stop = np.stack([self.stop(at, int(one)) for one in lengths], axis=1)
        before = self.ends[np.maximum(at - 1, 0)]
        v = self.variance(before - _HOUR)
        car = self.returns[stop] - self.returns[at][:, None]
        square = self.squares[stop] - self.squares[at][:, None]
        longest = stop.max(axis=1)
        share = (self.found[longest] - self.found[at]) / np.maximum(longest - at, 1)
        return _After(car=car, se=np.sqrt(v[:, None] * square), share=share)


def _jumps(steps: Steps, walk: _Walk, instant: int) -> tuple[float, int]:
    """Return minutes to the end of the first jump, and the number of jumps."""
    start = int(np.searchsorted(walk.ends, instant - 60 * SEARCHED, side="right"))
    stop = int(np.searchsorted(walk.ends, instant + 60 * SEARCHED, side="right"))
    v = walk.variance(np.array([walk.ends[max(start - 1, 0)]]))[0]
    if stop - start < 2 or not v > 0:
        return float("nan"), 0
    over = np.abs(walk.x[start:stop]) / np.sqrt(v) > jump_threshold(
        stop - start, JUMP_LEVEL
    )
    if not over.any():
        return float("nan"), 0
    at = start + int(over.argmax())
    return float(steps.ends[at] - instant) / 60.0, int(over.sum())
