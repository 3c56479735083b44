"""The pattern of dates moved over the whole history: pseudo-events by the hundred."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray, Status
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import MODELS
from eventstudy.core.windows import Window, cumulate
from eventstudy.inference.standardised import recent_volatility

# More shifts than these add no digit to a p-value at 5 % worth having.
MAX_SHIFTS = 999
# Rows fitted at a time.
_ROWS = 20_000


def placebo_shifts(
    y: Array,
    x: Array | None = None,
    *,
    day0: IntArray,
    windows: Sequence[Window],
    rbar: Mapping[Window, float],
    estimation: Window = (-130, -11),
    event_window: Window = (-10, 10),
    span: Array | None = None,
    near: BoolArray | None = None,
    purge: Window = (0, 0),
    min_estimation: int = 60,
    model: str | Callable[..., Any] = "constant_mean",
) -> dict[Window, Array]:
    """Move the dates of a sample over the whole history; test every pseudo-date.

    At every shift the model and all scales are estimated anew, as before the events,
    without the returns near events. A shift counts when none of its windows comes near
    an event, and every observation has an estimate there and returns in all windows.

    Parameters
    ----------
    y : array (N, S)
        Returns of each observation's asset on all sessions of one calendar; nan = none.
    x : array (N, S, F), optional
        Factors.
    day0 : int array (N,)
        Column of each observation's day 0.
    windows : sequence of (int, int)
        Windows tested, event time.
    rbar : mapping of (int, int) to float
        Mean correlation of the observations by window, as `dependence` gives it. It is
        that of all shifts, since the pattern of dates is.
    estimation, event_window : (int, int)
        In event time, both ends included.
    span : array (N, S), optional
        Sessions that each return spans, default 1.
    near : bool array (N, S), optional
        Sessions near an event that moved the asset; default ``purge`` around the
        observations' own days 0.
    purge : (int, int)
        See ``near``.
    min_estimation : int
        Least number of estimation returns.
    model : str or callable
        A name in `MODELS`, or a model.

    Returns
    -------
    dict of (int, int) to array (B,)
        By window, the statistic of `kp_guarded` over its larger standard error, for
        `Options.shifts`; at most 999, evenly spread over the history, and the same
        shifts in every window.

    Raises
    ------
    SpecError
        For an estimation window that does not end before the event window.

    References
    ----------
    Fisher (1935), The Design of Experiments; Brown & Warner (1985), J. Financial
    Economics 14, for pseudo-events.

    Examples
    --------
    >>> y = np.random.default_rng(0).normal(size=(3, 700))
    >>> found = placebo_shifts(
    ...     y, day0=np.full(3, 600), windows=[(-1, 1)], rbar={(-1, 1): 0.0}
    ... )
    >>> found[-1, 1].shape
    (557,)
    """
    if estimation[1] >= event_window[0]:
        raise SpecError(
            f"estimation = {estimation} does not end before event_window = "
            f"{event_window}"
        )
    y = np.asarray(y, np.float64)
    span = np.ones(y.shape) if span is None else np.asarray(span, np.float64)
    near = _near(y.shape, day0, purge) if near is None else near
    cleaned = np.where(near, np.nan, y)
    offsets = np.concatenate(
        [np.arange(a, b + 1) for a, b in (estimation, event_window)]
    )
    shifts = _admissible(y, near, day0, estimation[0], windows, event_window)
    out: dict[Window, list[Array]] = {window: [] for window in windows}
    step = max(1, _ROWS // len(y))
    for first in range(0, len(shifts), step):
        at = shifts[first : first + step, None] + day0
        ab, n_valid = _fit(model, cleaned, x, span, at, offsets, estimation)
        found = np.array(
            [_statistics(ab, n_valid, len(day0), w, rbar[w]) for w in windows]
        )
        good = n_valid.reshape(-1, len(day0)).min(axis=1) >= min_estimation
        good &= np.isfinite(found).all(axis=0)
        for window, own in zip(windows, found, strict=True):
            out[window].append(own[good])
    return {
        window: np.concatenate(parts) if parts else np.empty(0)
        for window, parts in out.items()
    }


def _near(shape: tuple[int, ...], day0: IntArray, purge: Window) -> BoolArray:
    out = np.zeros(shape, np.bool_)
    for k in range(purge[0], purge[1] + 1):
        at = np.asarray(day0) + k
        out[:, at[(at >= 0) & (at < shape[1])]] = True
    return out


def _admissible(
    y: Array,
    near: BoolArray,
    day0: IntArray,
    earliest: int,
    windows: Sequence[Window],
    event_window: Window,
) -> IntArray:
    """Shifts whose windows are in the history and not near an event, at most 999."""
    first = min(window[0] for window in windows)
    last = max(window[1] for window in windows)
    shifts = np.arange(
        -int(day0.min()) - earliest, y.shape[1] - int(day0.max()) - event_window[1]
    )
    total = np.concatenate([np.zeros((len(y), 1)), near.cumsum(axis=1)], axis=1)
    at = day0 + shifts[:, None]
    rows = np.arange(len(y))
    touched = total[rows, at + last + 1] - total[rows, at + first]
    free = shifts[(touched == 0).all(axis=1)]
    chosen = np.linspace(0, len(free) - 1, min(len(free), MAX_SHIFTS))
    return np.asarray(free[np.rint(chosen).astype(np.int64)], np.int64)


def _fit(
    model: str | Callable[..., Any],
    y: Array,
    x: Array | None,
    span: Array,
    at: IntArray,
    offsets: IntArray,
    estimation: Window,
) -> tuple[Abnormal, IntArray]:
    """Fit the model at pseudo-dates ``at`` (B, N); rows are (B x N)."""
    columns = at[:, :, None] + offsets
    rows = np.arange(len(y))[:, None]
    shape = (at.size, len(offsets))
    n_estimation = estimation[1] - estimation[0] + 1
    returns = y[rows, columns].reshape(shape)
    factors = None if x is None else np.asarray(x)[rows, columns].reshape(*shape, -1)
    ab = MODELS.entry(model)(
        returns,
        factors,
        n_estimation=n_estimation,
        span=span[rows, columns].reshape(shape),
        first_offset=int(offsets[n_estimation]),
    )
    return ab, np.asarray((~np.isnan(ab.residuals)).sum(axis=1), np.int64)


def _statistics(
    ab: Abnormal, n_valid: IntArray, n: int, window: Window, rbar: float
) -> Array:
    """Mean CAR in units of recent volatility over its larger standard error, (B,)."""
    h, n_recent = recent_volatility(ab)
    sums = cumulate(ab, window)
    z = np.where(ab.status == Status.OK, sums.car / (h * sums.se / ab.sigma), np.nan)
    z, n_recent = z.reshape(-1, n), n_recent.reshape(-1, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (n_recent / (n_recent - 2.0)).mean(axis=1)
        own = z.var(axis=1, ddof=1) / (1.0 - rbar) if n > 1 else np.zeros(len(z))
        variance = np.maximum(own, expected) * (1.0 + (n - 1) * rbar) / n
        return np.asarray(z.mean(axis=1) / np.sqrt(variance), np.float64)
