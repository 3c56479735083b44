"""Intraday returns on a clock: what each step is of, and when it ends.

Where a market never closes, every bar of the clock is a step; a missing bar keeps the
last price. An exchange's sessions are cut out: overnight is one step, and so is each
bar of the session. Prices outside the sessions are not used.
"""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import DataError, SpecError
from eventstudy.volatility.realised import Bars, price_at

_DAY, _WEEK = 86_400, 7
_SPLIT_DAYS = 60  # weekends have slots of their own from so many days of bars on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """Log returns in the order of time, N of them.

    Parameters
    ----------
    ends : int array (N,)
        Seconds since 1970-01-01 UTC at which each is known.
    returns : array (N,)
        Log returns.
    clock : int array (N,)
        Which time of day or of the session it is of, from 0.
    slot : int array (N,)
        The same, of weekends apart where there are 60 days of bars and no sessions.
    seconds : int array (N,)
        Seconds of trade; 0 overnight.
    there : bool array (N,)
        Whether a bar was found.
    bar : int
        Length of the bars in seconds.

    Examples
    --------
    >>> from eventstudy.volatility import check_bars, steps_of
    >>> bars = check_bars(60 * np.arange(3), [1, 2, 4.0], [2, 4, 8.0], bar=60)
    >>> steps_of(bars).returns.round(2).tolist()
    [0.69, 0.69, 0.69]
    """

    ends: IntArray
    returns: Array
    clock: IntArray
    slot: IntArray
    seconds: IntArray
    there: BoolArray
    bar: int

    @property
    def per_day(self) -> int:
        """Steps of a day, or of a session and its night."""
        return int(self.clock.max()) + 1

    def first(self, instant: int) -> int:
        """Return the first step that ends after an instant.

        Parameters
        ----------
        instant : int
            Seconds since 1970-01-01 UTC.

        Returns
        -------
        int
            Its place; N where the steps end before.

        Examples
        --------
        >>> from eventstudy.volatility import check_bars, steps_of
        >>> bars = check_bars(60 * np.arange(3), [1, 2, 4.0], [2, 4, 8.0], bar=60)
        >>> steps_of(bars).first(60)
        1
        """
        return int(np.searchsorted(self.ends, instant, side="right"))


def steps_of(
    bars: Bars, opens: IntArray | None = None, closes: IntArray | None = None
) -> Steps:
    """Return the steps of bars.

    Parameters
    ----------
    bars : Bars
        Bars of one asset.
    opens, closes : int array (S,), optional
        First and last second of an exchange's sessions; without them the market never
        closes.

    Returns
    -------
    Steps
        One a bar of the clock, and one a night.

    Raises
    ------
    DataError
        Where no session has a bar.

    Examples
    --------
    >>> from eventstudy.volatility import check_bars, steps_of
    >>> start = np.array([0, 60, 1000, 1060])
    >>> bars = check_bars(start, [1, 2, 4, 4.0], [2, 3, 4, 8.0], bar=60)
    >>> steps = steps_of(bars, np.array([0, 1000]), np.array([120, 1120]))
    >>> steps.slot.tolist(), steps.seconds.tolist()
    ([1, 2, 0, 1, 2], [60, 60, 0, 60, 60])
    """
    if opens is None or closes is None:
        return _continuous(bars)
    return _of_sessions(bars, np.asarray(opens), np.asarray(closes))


def returns_over(steps: Steps, bars: Bars) -> Array:
    """Return the log returns of another asset over the same steps.

    Parameters
    ----------
    steps : Steps
        Those of the one asset.
    bars : Bars
        Bars of the other, not longer than the steps.

    Returns
    -------
    array (N,)
        From the price at the end of each step to that at the end of the next; nought
        where it is not known.

    Raises
    ------
    SpecError
        For bars that are longer than the steps.

    Examples
    --------
    >>> from eventstudy.volatility import check_bars, steps_of
    >>> bars = check_bars(60 * np.arange(3), [1, 2, 4.0], [2, 4, 8.0], bar=60)
    >>> returns_over(steps_of(bars), bars).round(2).tolist()
    [0.0, 0.69, 0.69]
    """
    if bars.bar > steps.bar:
        raise SpecError(
            f"bars of the benchmark are {bars.bar // 60} minutes long, those of the "
            f"asset {steps.bar // 60}; wanted shorter ones or the same"
        )
    price = np.log(price_at(bars, steps.ends, max_age=2 * steps.bar).price)
    returns = np.diff(price, prepend=np.nan)
    return np.where(np.isfinite(returns), returns, 0.0)


def _continuous(bars: Bars) -> Steps:
    place = (bars.start - bars.start[0]) // bars.bar
    n = int(place[-1]) + 1
    there = np.zeros(n, np.bool_)
    there[place] = True
    last = np.maximum.accumulate(np.where(there, np.arange(n), 0))
    close = np.empty(n)
    close[place] = np.log(bars.close)
    close = close[last]
    returns = np.diff(close, prepend=float(np.log(bars.open[0])))
    starts = bars.start[0] + bars.bar * np.arange(n)
    clock = np.asarray((starts % _DAY) // bars.bar, np.int64)
    slot = clock
    if n * bars.bar >= _SPLIT_DAYS * _DAY:
        # 1970-01-01 was a Thursday.
        weekend = (starts // _DAY + 3) % _WEEK >= 5
        slot = clock + weekend * (int(clock.max()) + 1)
    return Steps(
        ends=starts + bars.bar,
        returns=returns,
        clock=clock,
        slot=slot,
        seconds=np.full(n, bars.bar),
        there=there,
        bar=bars.bar,
    )


def _of_sessions(bars: Bars, opens: IntArray, closes: IntArray) -> Steps:
    session = np.searchsorted(opens, bars.start, side="right") - 1
    inside = (session >= 0) & (bars.start < closes[np.maximum(session, 0)])
    if not inside.any():
        raise DataError("no bar lies in a session of the exchange; are the times UTC?")
    session = session[inside]
    first, last = int(session.min()), int(session.max())
    opens, closes = opens[first : last + 1], closes[first : last + 1]
    session = session - first
    per = -(-(closes - opens) // bars.bar)
    widest = int(per.max())
    # Column 0 is the night before, the others are the bars of the session.
    shape = len(opens), widest + 1
    close, there = np.full(shape, np.nan), np.zeros(shape, np.bool_)
    column = (bars.start[inside] - opens[session]) // bars.bar + 1
    close[session, column] = np.log(bars.close[inside])
    there[session, column] = True
    one, at = np.unique(session, return_index=True)
    close[one, 0] = np.log(bars.open[inside][at])
    there[one, 0] = True
    number = np.arange(widest + 1)
    kept = number[None, :] <= per[:, None]
    ends = np.minimum(opens[:, None] + number * bars.bar, closes[:, None])
    seconds = np.diff(ends, axis=1, prepend=opens[:, None])
    slot = np.asarray(np.broadcast_to(number, shape).ravel(), np.int64)
    flat = kept.ravel()
    values, known = close.ravel()[flat], there.ravel()[flat]
    previous = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    returns = np.diff(values[previous], prepend=np.nan)
    # The first night has no close before it.
    return Steps(
        ends=ends.ravel()[flat][1:],
        returns=returns[1:],
        clock=slot[flat][1:],
        slot=slot[flat][1:],
        seconds=seconds.ravel()[flat][1:],
        there=known[1:],
        bar=bars.bar,
    )
