"""Windows of event time: their columns, and sums over them with exact variance.

A window is a pair ``(start, end)`` of sessions in event time, both ends included: day
0 is session 0, ``(-1, 1)`` are the three sessions around it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Clock, IntArray
from eventstudy.core.errors import SpecError

Window = tuple[int, int]

_SHARED = ("model", "clocks", "first_offset", "further_terms")


CUT_WINDOWS = ("drop", "extend", "keep")


class Covered(IntEnum):
    """Which sessions the returns of a window span: all and no other, or not.

    CUT : not all of them, as where the last close is missing;  BEYOND : sessions before
    the first one as well, as where the close before it is missing
    """

    FULL = 0
    CUT = 1
    BEYOND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Cumulated:
    """Cumulative abnormal returns of one window; every array is (E,).

    car : sum of the valid abnormal returns, nan where there is none
    se : forecast standard error, exact;  scar : car / se
    n_valid : valid returns in the window;  length : sessions that they span
    covered : values of `Covered`;  in_average : may be averaged and tested
    """

    car: Array
    se: Array
    scar: Array
    n_valid: IntArray
    length: Array
    covered: NDArray[np.int8]
    in_average: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSums:
    """What `Cumulated` says of the sums alone; every array is (E,)."""

    car: Array
    se: Array
    n_valid: IntArray
    length: Array


def length_of(window: Window) -> int:
    """Return the number of sessions of a window.

    >>> length_of((-1, 1))
    3
    """
    return window[1] - window[0] + 1


def window_text(window: Window) -> str:
    """Write a window in words of the field.

    >>> window_text((-1, 1)), window_text((0, 5))
    ('[-1,+1]', '[0,+5]')
    """
    return "[" + ",".join(f"{day:+d}" if day else "0" for day in window) + "]"


def whole(given: object) -> int | None:
    """Return a whole number as an int, None for anything else.

    >>> whole(np.int64(3)), whole(-10.0), whole(0.5), whole(True)
    (3, -10, None, None)
    """
    if isinstance(given, bool | np.bool_):
        return None
    if isinstance(given, float | np.floating) and float(given).is_integer():
        return int(given)
    try:
        return index(given)  # type: ignore[arg-type]
    except TypeError:
        return None


def as_window(given: object) -> Window:
    """Return a window as it is used, or raise `SpecError` for what is none.

    >>> as_window([-1, 1.0])
    (-1, 1)
    """
    pair = (
        [whole(end) for end in given]
        if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str)
        else []
    )
    if len(pair) != 2 or None in pair:
        raise SpecError(
            f"window {given!r}: wanted (start, end), two whole numbers of sessions in "
            "event time, both included, such as (-1, 1)"
        )
    start, end = pair
    assert start is not None
    assert end is not None
    if start > end:
        raise SpecError(
            f"window {window_text((start, end))} ends before it starts; wanted "
            f"(start, end), such as {(end, start)}"
        )
    return start, end


def as_windows(given: object) -> list[Window]:
    """Return windows as they are used; a single one may be given as itself.

    >>> as_windows([(0, 0), [-1, 1]]), as_windows((-1, 1))
    ([(0, 0), (-1, 1)], [(-1, 1)])
    """
    if not isinstance(given, Iterable) or isinstance(given, str):
        return [as_window(given)]
    held = list(given)
    if held and all(whole(one) is not None for one in held):
        return [as_window(held)]
    return [as_window(one) for one in held]


def columns_from(first_offset: int, n_sessions: int, window: Window) -> slice:
    """Return the event-window columns of a window, of which ``n_sessions`` are held.

    first_offset : event time of the first column
    Raises `SpecError` for a window that does not lie inside.

    >>> columns_from(-10, 21, (-1, 1))
    slice(9, 12, None)
    """
    start, end = as_window(window)
    last = first_offset + n_sessions - 1
    if not first_offset <= start <= end <= last:
        raise SpecError(
            f"window {window_text((start, end))} is not inside the event window "
            f"{window_text((first_offset, last))} that is held"
        )
    return slice(start - first_offset, end - first_offset + 1)


def columns(ab: Abnormal, window: Window) -> slice:
    """Return the event-window columns of a window in event time.

    Raises `SpecError` for a window outside the event window.

    >>> from eventstudy.models import constant_mean
    >>> columns(constant_mean(np.arange(6.0), n_estimation=3), (0, 1))
    slice(1, 3, None)
    """
    return columns_from(ab.first_offset, ab.ar.shape[1], window)


def check_window(ab: Abnormal, window: Window) -> Window:
    """Return the window, or raise `SpecError` when it is not inside the event window.

    >>> from eventstudy.models import constant_mean
    >>> ab = constant_mean(np.arange(6.0), n_estimation=3)
    >>> check_window(ab, (0, 2))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    eventstudy.core.errors.SpecError: window [0,+2] is not inside the event window ...
    """
    columns(ab, window)
    return window


def cumulate(ab: Abnormal, window: Window, *, cut_windows: str = "keep") -> Cumulated:
    """Sum the abnormal returns over ``window``; variance ``σ² (L_w + s'C s)``.

    ``s`` is the sum of the regressor rows of the window's valid sessions, ``L_w`` the
    sessions that they span and ``σ² C`` the covariance of the coefficients, so the
    estimation error of α grows with L², as it must (Campbell, Lo & MacKinlay 1997,
    section 4.4.3). With ``cut_windows="drop"``
    only a window whose returns span exactly its sessions is in the average, with
    "extend" one that `extended` could complete, with "keep" any that has a return.

    Raises `SpecError` for a window outside the event window.

    >>> from eventstudy.models import constant_mean
    >>> y = np.array([[0.01, -0.01, 0.0, 0.02, 0.03]])
    >>> ab = constant_mean(y, n_estimation=3, first_offset=0)
    >>> found = cumulate(ab, (0, 1))
    >>> found.car.round(4), found.se.round(4)  # 0.01 sqrt(2 + 2²/3)
    (array([0.05]), array([0.0183]))
    """
    sums = window_sums(ab, window)
    covered = covered_by(ab, window)
    refused = {
        "drop": covered != Covered.FULL,
        "extend": covered == Covered.CUT,
        "keep": np.zeros(len(covered), np.bool_),
    }[cut_windows]
    return Cumulated(
        car=sums.car,
        se=sums.se,
        scar=sums.car / sums.se,
        n_valid=sums.n_valid,
        length=sums.length,
        covered=covered,
        in_average=(sums.n_valid > 0) & ~refused,
    )


def window_sums(ab: Abnormal, window: Window) -> WindowSums:
    """Sum the abnormal returns over ``window``, as `cumulate` says."""
    held = columns(ab, window)
    ar = ab.ar[:, held]
    valid = ~np.isnan(ar)
    n_valid = valid.sum(axis=1)
    some = n_valid > 0
    if valid.all():
        length = ab.span_event[:, held].sum(axis=1)
        rows, car = ab.x_event[:, held].sum(axis=1), ar.sum(axis=1)
    else:
        length = np.where(valid, ab.span_event[:, held], 0.0).sum(axis=1)
        rows = np.where(valid[:, :, None], ab.x_event[:, held], 0.0).sum(axis=1)
        car = np.where(some, np.where(valid, ar, 0.0).sum(axis=1), np.nan)
    estimation_error = np.einsum("ek,ekl,el->e", rows, ab.cov_coef, rows)
    se = np.where(some, ab.sigma * np.sqrt(length + estimation_error), np.nan)
    return WindowSums(car=car, se=se, n_valid=n_valid, length=length)


def sessions_spanned(ab: Abnormal) -> Array:
    """Return the sessions that each return spans, (E, L): the constant's regressor.

    The spans of `Abnormal` count variance, which GARCH models measure otherwise.
    """
    return ab.x_event[:, :, 0] if ab.x_event.shape[2] else ab.span_event


def covered_by(ab: Abnormal, window: Window) -> NDArray[np.int8]:
    """Tell which sessions the returns of a window span: values of `Covered`, (E,).

    A gap inside the window is covered, since the next return spans it.

    >>> from eventstudy.models import constant_mean
    >>> y = np.array([[0.01, -0.01, 0.0, 0.02, np.nan, 0.01]])
    >>> span = np.array([[1.0, 1, 1, 1, 1, 2]])
    >>> ab = constant_mean(y, n_estimation=3, span=span, first_offset=-1)
    >>> [Covered(covered_by(ab, w)[0]).name for w in ((-1, 0), (1, 1), (-1, 1))]
    ['CUT', 'BEYOND', 'FULL']
    """
    held = columns(ab, window)
    valid = ~np.isnan(ab.ar[:, held])
    span = np.where(valid, sessions_spanned(ab)[:, held], 0.0)
    upto = np.arange(1.0, length_of(window) + 1)
    inside = np.minimum(span, upto).sum(axis=1)
    found = np.where(
        inside < length_of(window),
        Covered.CUT,
        np.where((span > upto).any(axis=1), Covered.BEYOND, Covered.FULL),
    )
    return found.astype(np.int8)


def extended(ab: Abnormal, window: Window) -> tuple[Abnormal, IntArray]:
    """Date the return that spans the end of a cut window on the window's last session.

    Returns the observations, whose window then ends where that return does, and by how
    many sessions each is longer, (E,). Where no return of the event window spans its
    end, a window stays cut.
    """
    held = columns(ab, window)
    last = held.stop - 1
    valid = ~np.isnan(ab.ar)
    later = np.where(valid[:, last:], np.arange(last, valid.shape[1]), valid.shape[1])
    carrier = later.min(axis=1)
    rows = np.flatnonzero((carrier > last) & (carrier < valid.shape[1]))
    at = carrier[rows]
    spanned = sessions_spanned(ab)[rows, at] > at - last
    rows, at = rows[spanned], at[spanned]
    longer = np.zeros(len(ab.ar), np.int64)
    longer[rows] = at - last
    moved: dict[str, Any] = {}
    for name in ("ar", "actual", "span_event", "x_event"):
        values = getattr(ab, name).copy()
        values[rows, last] = values[rows, at]
        moved[name] = values
    moved["ar"][rows, at] = np.nan
    return replace(ab, **moved), longer


def estimation_error(ab: Abnormal) -> Array:
    """Variance of the expected returns by the estimates' errors, over sigma², (E, L).

    ``x'C x`` of the event window's regressors, see `forecast_se`.
    """
    if not ab.cov_coef.shape[1]:
        return np.zeros(ab.ar.shape)
    error: Array = np.einsum("elk,elk->el", ab.x_event @ ab.cov_coef, ab.x_event)
    return error


def forecast_se(ab: Abnormal) -> Array:
    """Standard error of each abnormal return, (E, L): ``σ sqrt(k + x'C x)``.

    ``k`` is the number of sessions that the return spans and ``σ² C`` the covariance
    of the coefficients; nan where there is no return. Campbell, Lo & MacKinlay (1997),
    section 4.4.2.

    >>> from eventstudy.models import constant_mean
    >>> ab = constant_mean(np.array([[0.01, -0.01, 0.0, 0.02]]), n_estimation=3)
    >>> forecast_se(ab).round(4)
    array([[0.0115]])
    """
    se: Array = ab.sigma[:, None] * np.sqrt(ab.span_event + estimation_error(ab))
    return np.where(np.isnan(ab.ar), np.nan, se)


def buy_and_hold(ab: Abnormal, window: Window) -> Array:
    """Buy-and-hold abnormal return of ``window``, (E,): ``Π(1+R) - Π(1+E[R])``.

    ``ab`` must come from simple returns. Missing returns span to the next valid one,
    so their product is still the holding return; nan where the window has none.
    Barber & Lyon (1997), J. Financial Economics 43.

    Raises `SpecError` for a window outside the event window.

    >>> from eventstudy.models import constant_mean
    >>> y = np.array([[0.01, -0.01, 0.0, 0.1, 0.1]])
    >>> ab = constant_mean(y, n_estimation=3, first_offset=0)
    >>> buy_and_hold(ab, (0, 1)).round(4)
    array([0.21])
    """
    held = columns(ab, window)
    ar, actual = ab.ar[:, held], ab.actual[:, held]
    valid = ~np.isnan(ar)
    earned = np.where(valid, 1.0 + actual, 1.0).prod(axis=1)
    normal = np.where(valid, 1.0 + actual - ar, 1.0).prod(axis=1)
    return np.where(valid.any(axis=1), earned - normal, np.nan)


def select(ab: Abnormal, rows: IntArray | BoolArray) -> Abnormal:
    """Return the observations ``rows`` of ``ab``, in that order.

    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(0).normal(size=(4, 9))
    >>> select(constant_mean(y, n_estimation=8), np.array([3, 0])).asset
    array([3, 0])
    """
    return rows_of(ab, rows)


def rows_of(ab: Abnormal, rows: IntArray | BoolArray | slice) -> Abnormal:
    """Return some observations; a slice gives views of their arrays."""
    names = (field.name for field in fields(ab) if field.name not in _SHARED)
    return replace(ab, **{name: getattr(ab, name)[rows] for name in names})


def stack(parts: Sequence[Abnormal]) -> Abnormal:
    """Join observations that share one table of clocks, in the order given."""
    first = parts[0]
    joined: dict[str, Any] = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(first)
        if field.name not in _SHARED
    }
    return replace(first, **joined)


def narrow(ab: Abnormal, window: Window, clocks: Clock) -> Abnormal:
    """Keep a window of the event window; ``clocks`` is the table cut in the same way.

    Observations that are to be judged together must carry the same table, so it is
    cut once, by `narrow_clocks`, and handed to every call.
    Raises `SpecError` for a window outside the event window.

    >>> from eventstudy.models import constant_mean
    >>> ab = constant_mean(np.random.default_rng(0).normal(size=(4, 9)), n_estimation=6)
    >>> cut = narrow(ab, (0, 1), narrow_clocks(ab.clocks, columns(ab, (0, 1))))
    >>> cut.ar.shape, cut.first_offset
    ((4, 2), 0)
    """
    held = columns(ab, window)
    return replace(
        ab,
        ar=ab.ar[:, held],
        actual=ab.actual[:, held],
        span_event=ab.span_event[:, held],
        x_event=ab.x_event[:, held],
        clocks=clocks,
        first_offset=window[0],
    )


def narrow_clocks(clocks: Clock, columns: slice) -> Clock:
    """Keep some event-window columns of a table of clocks."""
    return replace(clocks, event=clocks.event[:, columns])
