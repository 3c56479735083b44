"""The windows around day 0, what a test of them answers, and why one cannot."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.volatility.histories import Histories


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftResult:
    """Answer of one test of a shift, with a row per series or pool.

    Every array has H values, one per series given.

    Parameters
    ----------
    measure : str
        What the spread was taken of.
    test : str
        Name of the test.
    pre, post : ndarray
        Standard deviations per session (not annualised); of a pooled answer their
        geometric means.
    ratio : ndarray
        Post / pre.
    ci_low, ci_high : ndarray
        Interval of the ratio, nan where the test has none.
    statistic : ndarray
        Statistic of the test.
    df_num : ndarray
        Degrees of freedom of the numerator of an F statistic, otherwise nan.
    df : ndarray
        Degrees of freedom (of the denominator), inf for resampling.
    pvalue : ndarray
        Two-sided.
    n_pre, n_post : ndarray
        Valid sessions, summed over observations in a pooled answer.
    n, n_clusters : ndarray
        Observations and independent clusters of dates behind the answer.
    reason : tuple of str or None
        Why a value is missing, None where it is there.

    Examples
    --------
    >>> from eventstudy.volatility import variance_ratio
    >>> rng = np.random.default_rng(0)
    >>> pre, post = rng.normal(size=(1, 50)), 2 * rng.normal(size=(1, 31))
    >>> (found,) = variance_ratio(pre, post, tests=("f",))
    >>> found.test, found.n_pre, found.n_post
    ('f', array([50]), array([31]))
    """

    measure: str
    test: str
    pre: Array
    post: Array
    ratio: Array
    ci_low: Array
    ci_high: Array
    statistic: Array
    df_num: Array
    df: Array
    pvalue: Array
    n_pre: IntArray
    n_post: IntArray
    n: IntArray
    n_clusters: IntArray
    reason: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftWindows:
    """The windows of E observations, cut from histories; see `cut`.

    Parameters
    ----------
    pre, post : ndarray
        Values of the windows, (E, P) and (E, Q).
    gap : int
        Sessions between the two.
    history : ndarray
        The series without the sessions from day 0 to the end of the post window, (E,
        S).
    day0 : ndarray
        Column of day 0 in ``history``, (E,).

    Examples
    --------
    >>> cut(np.arange(10.0)[None, :], 5, pre=(-3, -2), post=(0, 1)).history
    array([[ 0.,  1.,  2.,  3.,  4., nan, nan,  7.,  8.,  9.]])
    """

    pre: Array
    post: Array
    gap: int
    history: Array
    day0: IntArray


def cut(
    series: Array,
    day0: IntArray | int,
    *,
    pre: tuple[int, int] = (-60, -11),
    post: tuple[int, int] = (0, 30),
) -> ShiftWindows:
    """Cut the windows before and after day 0 out of histories.

    Parameters
    ----------
    series : ndarray
        Returns or abnormal returns, (E, S), or (E, S, ...) such as prices per session.
    day0 : int or ndarray
        Column of day 0, one or (E,).
    pre, post : tuple of int
        First and last session of the windows, counted from day 0, both included.

    Returns
    -------
    ShiftWindows
        Sessions beyond the series are nan.

    Raises
    ------
    SpecError
        Unless the pre window ends before the post window starts.

    Examples
    --------
    >>> w = cut(np.arange(10.0)[None, :], 5, pre=(-3, -2), post=(0, 1))
    >>> w.pre, w.post, w.gap
    (array([[2., 3.]]), array([[5., 6.]]), 1)
    """
    x = np.atleast_2d(np.asarray(series, np.float64))
    if not pre[0] <= pre[1] < post[0] <= post[1]:
        raise SpecError(
            f"windows {pre[0]}:{pre[1]} and {post[0]}:{post[1]}: the pre window must "
            "end before the post window starts, and each must run forwards"
        )
    n_rows, n_sessions = x.shape[:2]
    zero = np.broadcast_to(np.asarray(day0, np.int64), (n_rows,))
    column = np.arange(n_sessions) - zero[:, None]
    history = x.copy()
    # the event's own sessions run from day 0 on, even if the post window starts later
    history[(column >= min(0, post[0])) & (column <= post[1])] = np.nan
    return ShiftWindows(
        pre=_take(x, zero, pre),
        post=_take(x, zero, post),
        gap=post[0] - pre[1] - 1,
        history=history,
        day0=zero.copy(),
    )


class SharedWindows(NamedTuple):
    """Windows of observations that share series, and their histories; see `cut`."""

    pre: Array
    post: Array
    gap: int
    history: Histories


def cut_shared(
    series: Array | BoolArray,
    row: IntArray,
    day0: IntArray,
    *,
    pre: tuple[int, int],
    post: tuple[int, int],
) -> SharedWindows:
    """Cut windows as `cut` does, of observations that share series.

    series : (A, S, ...);  row : (E,) each observation's series
    """
    lengths = (pre, post)
    before, after = (_take(series, day0, w, row) for w in lengths)
    held = Histories(
        values=np.asarray(series),
        row=row,
        first=day0 + min(0, post[0]),
        stop=day0 + post[1] + 1,
    )
    return SharedWindows(before, after, post[0] - pre[1] - 1, held)


def _take(
    x: Array | BoolArray,
    zero: IntArray,
    window: tuple[int, int],
    row: IntArray | None = None,
) -> Array:
    column = zero[:, None] + np.arange(window[0], window[1] + 1)
    inside = (column >= 0) & (column < x.shape[1])
    if not x.shape[1]:
        return np.full((*column.shape, *x.shape[2:]), np.nan)
    row = np.arange(len(x)) if row is None else row
    taken = np.asarray(x[row[:, None], np.where(inside, column, 0)], np.float64)
    taken[~inside] = np.nan
    return taken


def window_reasons(
    pre: Array, n_pre: IntArray, post: Array, n_post: IntArray, wanted: tuple[int, int]
) -> list[str | None]:
    """Why a ratio of the spreads ``pre`` and ``post`` (E,) cannot be had, or None."""
    why: list[str | None] = [None] * len(pre)
    lacking = (n_pre < wanted[0]) | (n_post < wanted[1]) | ~(pre > 0) | ~(post > 0)
    for row in np.flatnonzero(lacking).tolist():
        why[row] = _reason("before", n_pre[row], pre[row], wanted[0]) or _reason(
            "after", n_post[row], post[row], wanted[1]
        )
    return why


def _reason(side: str, n: int, spread: float, wanted: int) -> str | None:
    if n < wanted:
        return f"{n} valid sessions {side} the event, {wanted} needed"
    if not spread > 0:
        return f"no variation {side} the event"
    return None
