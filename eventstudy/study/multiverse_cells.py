"""The cells of a specification curve: their tests, at the dates and at other dates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray, Status
from eventstudy.core.windows import Window, columns, rows_of
from eventstudy.inference import battery
from eventstudy.panel import History, Panel
from eventstudy.spec import StudySpec
from eventstudy.study.averages import alike, by_window, those
from eventstudy.study.estimate import Estimator
from eventstudy.study.samples import GroupSample

HISTORY, WITHIN = "over the whole history", "within the estimation windows"
# Rows fitted at a time.
_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """One model, estimation window, overlap and kind of returns: all its windows.

    spec : with these settings and the windows of the grid;  tests : of the grid
    estimation : as asked for, where events have windows of their own
    members : the observations, fitted
    """

    spec: StudySpec
    estimation: Window
    members: GroupSample
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """What windows x tests come to.

    estimate, pvalue, n : (..., W, K);  reason : (..., W, K), why there is no p-value
    """

    estimate: Array
    pvalue: Array
    n: IntArray
    reason: Any


def at_the_dates(fits: Sequence[Variant], place: int) -> Cells:
    """Test the actual dates, as a study does."""
    spec, members = fits[place].spec, fits[place].members
    out = _none(fits[place])
    for part_spec, part in by_window(spec, members):
        held = [spec.windows.index(window) for window in part_spec.windows]
        _test(fits[place], part.event, held, out)
    return out


def at_other_dates(
    fits: Sequence[Variant], place: int, shifts: IntArray, where: str
) -> Cells:
    """Test the dates moved by each of the shifts, (B, W, K).

    where : `HISTORY`: the estimation windows move along, or `WITHIN` these, which keep
        their places without the sessions of the event windows
    """
    own, whole = fits[place], where == HISTORY
    n_obs = sum(len(rows) for _, rows in own.members.panels)
    step = max(1, _ROWS // n_obs)
    found = []
    for first in range(0, len(shifts), step):
        some = shifts[first : first + step]
        chunks = [
            _moved(own.spec, estimator, rows, some, whole=whole)
            for estimator, rows in own.members.panels
        ]
        found += [
            _tested(own, [*parts], whole=whole) for parts in zip(*chunks, strict=True)
        ]
    return Cells(
        estimate=np.array([one.estimate for one in found]),
        pvalue=np.array([one.pvalue for one in found]),
        n=np.array([one.n for one in found]),
        reason=None,
    )


def _none(own: Variant) -> Cells:
    shape = (len(own.spec.windows), len(own.tests))
    return Cells(
        estimate=np.full(shape, np.nan),
        pvalue=np.full(shape, np.nan),
        n=np.zeros(shape, np.int64),
        reason=np.full(shape, None, object),
    )


def _test(
    own: Variant, chunks: Sequence[Abnormal], held: Sequence[int], out: Cells
) -> None:
    """Test some windows, whose places are ``held``, and note what is found."""
    spec = own.spec
    windows = [spec.windows[at] for at in held]
    found = battery(
        chunks,
        windows=windows,
        tests=own.tests,
        alternative=spec.alternative,
        seed=spec.seed,
        n_draws=spec.resamples,
    )
    for at, window in zip(held, windows, strict=True):
        for k, name in enumerate(own.tests):
            one = found[window, name]
            out.estimate[at, k], out.pvalue[at, k] = one.estimate[0], one.pvalue[0]
            out.n[at, k], out.reason[at, k] = one.n[0], one.reason[0]


def _tested(own: Variant, chunks: list[Abnormal], *, whole: bool) -> Cells:
    """Test a pseudo-date: observations count where enough of a window has returns."""
    out = _none(own)
    least = own.spec.min_estimation if whole else 0
    used = [_covered(own.spec, ab, least) for ab in chunks]
    for held, kept in alike(used):
        _test(own, those(chunks, kept), held, out)
    return out


def _covered(spec: StudySpec, ab: Abnormal, least: int) -> BoolArray:
    """Tell which observations count in each window at a pseudo-date, (E, W)."""
    fitted = (ab.status == Status.OK) & (ab.n_estimation >= least)
    shares = [
        np.isfinite(ab.ar[:, columns(ab, window)]).mean(axis=1)
        for window in spec.windows
    ]
    out: BoolArray = fitted[:, None] & (np.stack(shares, axis=1) >= spec.min_coverage)
    return out


def _moved(
    spec: StudySpec,
    estimator: Estimator,
    rows: IntArray,
    shifts: IntArray,
    *,
    whole: bool,
) -> list[Abnormal]:
    """Fit a panel's observations with their dates moved: one value per shift.

    Sessions near announcements are in no window tested, and in no estimation window
    from which the study excludes them.
    """
    panel, n = estimator.panel, len(rows)
    history = panel.history(rows, simple=spec.returns == "simple")
    normal = np.arange(spec.estimation[0], spec.estimation[1] + 1)
    event = np.arange(spec.event_window[0], spec.event_window[1] + 1)
    y, x, span = _gathered(spec, panel, history, shifts, normal, event, whole=whole)
    shape = (len(shifts) * n, len(normal) + len(event))
    fitted = estimator.entry(
        y.reshape(shape),
        x.reshape(*shape, -1) if panel.setting.regressors else None,
        n_estimation=len(normal),
        span=span.reshape(shape),
        first_offset=int(event[0]),
    )
    clocks = estimator.clocks
    out = []
    for number, shift in enumerate(shifts.tolist()):
        if not whole:
            dates = estimator.clocks.estimation[:, event + shift - normal[0]]
            clocks = replace(estimator.clocks, event=dates)
        held = rows_of(fitted, slice(number * n, (number + 1) * n))
        asset, clock = panel.asset[rows], panel.clock[rows]
        out.append(replace(held, clocks=clocks, asset=asset, clock=clock))
    return out


def _gathered(
    spec: StudySpec,
    panel: Panel,
    history: History,
    shifts: IntArray,
    normal: IntArray,
    event: IntArray,
    *,
    whole: bool,
) -> tuple[Array, Array, Array]:
    """Return y and span (B, N, T+L), x (B, N, T+L, F) of observations moved."""
    t, moved = len(normal), shifts[:, None]
    kept = moved if whole else np.zeros_like(moved)
    offsets = np.concatenate([normal + kept, event + moved], axis=1)
    at = history.day0[None, :, None] + offsets[:, None, :]
    inside = (at >= 0) & (at < history.y.shape[1])
    at = np.where(inside, at, 0)
    row = np.arange(len(history.day0))[:, None]
    near = history.near_events[row, at]
    if spec.overlap == "keep":
        near[:, :, :t] = False
    # A lead of a factor in the event window would tell of it.
    near[:, :, :t] |= normal + max(panel.setting.shifts) >= event[0]
    if not whole:
        own = (normal >= event[0] + moved) & (normal <= event[-1] + moved)
        near[:, :, :t] |= own[:, None, :]
    y = np.where(inside & ~near, history.y[row, at], np.nan)
    return y, history.x[row, at], history.span[row, at]


# --- which dates --------------------------------------------------------------------


def immovable(fits: Sequence[Variant]) -> str | None:
    """Say why the dates of these cells cannot be moved together; None where they can.

    As of `history_shifts`, but that a sample may have several panels.
    """
    calendars: set[str] = set()
    for one in fits:
        for estimator, rows in one.members.panels:
            panel, entry = estimator.panel, estimator.entry
            name = panel.setting.name
            assets = {panel.observations[row].asset for row in rows.tolist()}
            calendars |= {panel.calendar[asset] for asset in assets}
            if entry.min_donors or entry.by_window:
                return f"model {name} is made for its own dates, and for no others"
            if entry.conditional_variance or entry.slow:
                return f"model {name} is estimated by a search, too slow to be repeated"
            if (panel.estimation[rows] != one.estimation).any():
                return "announcements have estimation windows of their own"
    if len(calendars) > 1:
        return (
            f"the cells lie on several calendars ({', '.join(sorted(calendars))}), on "
            "which the same number of sessions leads to other dates; choose one group, "
            "and models with factors of its calendar"
        )
    return None


def shifts_over_history(fits: Sequence[Variant], most: int) -> IntArray:
    """Return the shifts that no cell forbids, at most so many, evenly spread.

    Every estimation window is in the history, and no window comes near an event.
    """
    common: set[int] | None = None
    for one in fits:
        for estimator, rows in one.members.panels:
            history = estimator.panel.history(rows, simple=False)
            free = set(_free(one.spec, history).tolist())
            common = free if common is None else common & free
    found = np.array(sorted(common or ()), np.int64)
    chosen = np.linspace(0, len(found) - 1, min(len(found), most))
    return np.asarray(found[np.rint(chosen).astype(np.int64)], np.int64)


def _free(spec: StudySpec, history: History) -> IntArray:
    day0, size = history.day0, history.y.shape[1]
    first = -int(day0.min()) - spec.estimation[0]
    shifts = np.arange(first, size - int(day0.max()) - spec.event_window[1])
    total = np.concatenate(
        [np.zeros((len(day0), 1)), history.near_events.cumsum(axis=1)], axis=1
    )
    start, end = _hull(spec.windows)
    at, row = day0 + shifts[:, None], np.arange(len(day0))
    touched = total[row, at + end + 1] - total[row, at + start]
    return np.asarray(shifts[(touched == 0).all(axis=1)], np.int64)


def shifts_within(fits: Sequence[Variant]) -> IntArray:
    """Return the shifts that move event windows into all estimation windows."""
    first = max(one.spec.estimation[0] - one.spec.event_window[0] for one in fits)
    last = min(one.spec.estimation[1] - one.spec.event_window[1] for one in fits)
    return np.arange(first, last + 1)


def _hull(windows: Sequence[Window]) -> Window:
    return min(start for start, _ in windows), max(end for _, end in windows)
