"""Which observations of a sample are averaged and tested in which window."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from eventstudy.core.abnormal import Abnormal, BoolArray
from eventstudy.core.windows import Window, columns, cumulate, extended, select
from eventstudy.spec import StudySpec
from eventstudy.study.samples import GroupSample


def in_average(
    spec: StudySpec,
    ab: Abnormal,
    held_back: BoolArray,
    window: Window,
    *,
    lengthened: bool = True,
) -> BoolArray:
    """Tell which observations count in a window, (E,).

    held_back : (E, L) sessions that a doubt about the prices keeps out
    lengthened : whether "extend" moves the return that spans the window's end into it;
        without, a window that it would lengthen stays cut
    """
    if spec.cut_windows == "extend" and lengthened:
        ab, _ = extended(ab, window)
    found = cumulate(ab, window, cut_windows=spec.cut_windows).in_average
    doubted = held_back[:, columns(ab, window)].any(axis=1)
    out: BoolArray = found & ~doubted
    return out


def by_window(
    spec: StudySpec, sample: GroupSample
) -> list[tuple[StudySpec, GroupSample]]:
    """Return the sample of every window, windows of one sample together.

    Each comes with the spec cut to its windows. Without cut windows and doubts that is
    the sample itself, once; a model that is fitted anew for every window has one each.
    """
    parts: dict[bytes, tuple[list[Window], GroupSample]] = {}
    for window in spec.windows:
        own = sample.on(window)
        used = [
            in_average(spec, ab, held, window)
            for ab, held in zip(own.event, own.held_back, strict=True)
        ]
        key = np.packbits(np.concatenate(used)).tobytes()
        if own is not sample:
            key += repr(window).encode()
        found = own if all(one.all() for one in used) else kept(own, used)
        if spec.cut_windows == "extend":
            longer = [extended(ab, window)[1].any() for ab in found.event]
            if any(longer):
                found = _extended(found, window)
                key += repr(window).encode()
        parts.setdefault(key, ([], found))[0].append(window)
    return [
        (replace(spec, windows=tuple(windows), questions=()), part)
        for windows, part in parts.values()
    ]


def kept(sample: GroupSample, used: Sequence[BoolArray]) -> GroupSample:
    """Keep the observations that are used; none at all have no returns instead."""
    held_back = sample.held_back
    if any(one.any() for one in used):
        pairs = zip(held_back, used, strict=True)
        held_back = [held[one] for held, one in pairs if one.any()]
    return replace(
        sample,
        event=those(sample.event, used),
        event_simple=those(sample.event_simple, used),
        held_back=held_back,
        panels=[],
    )


def _extended(sample: GroupSample, window: Window) -> GroupSample:
    return replace(
        sample,
        event=[extended(ab, window)[0] for ab in sample.event],
        event_simple=[extended(ab, window)[0] for ab in sample.event_simple],
        panels=[],
    )


def _without_returns(ab: Abnormal) -> Abnormal:
    return replace(ab, ar=np.full_like(ab.ar, np.nan))


def on_path(
    spec: StudySpec, ab: Abnormal, held_back: BoolArray, windows: Sequence[Window]
) -> BoolArray:
    """Tell which observations count in each window of a path of averages, (E, W).

    No window of a path is lengthened, since every return has its place on the path:
    with "extend" an observation is out of the path up to a session without a close,
    and on it again from the session whose return spans that one.
    """
    return np.column_stack(
        [in_average(spec, ab, held_back, w, lengthened=False) for w in windows]
    )


def alike(used: Sequence[BoolArray]) -> Iterator[tuple[list[int], list[BoolArray]]]:
    """Yield windows in which the same observations count, and per chunk these (E,).

    used : per chunk the observations that count in each window, (E, W)
    """
    columns = np.concatenate(used).T
    places: dict[bytes, list[int]] = {}
    for at, column in enumerate(columns):
        places.setdefault(np.packbits(column).tobytes(), []).append(at)
    for held in places.values():
        yield held, [one[:, held[0]] for one in used]


def those(chunks: Sequence[Abnormal], used: Sequence[BoolArray]) -> list[Abnormal]:
    """Keep the observations that are used, (E,); none at all have no returns."""
    if not any(one.any() for one in used):
        return [_without_returns(ab) for ab in chunks]
    pairs = zip(chunks, used, strict=True)
    return [ab if one.all() else select(ab, one) for ab, one in pairs if one.any()]
