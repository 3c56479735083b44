"""Which observations of a sample are averaged and tested in which window."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eventstudy.core.abnormal import Abnormal, BoolArray
from eventstudy.core.windows import Window, columns, cumulate, extended, select
from eventstudy.spec import StudySpec
from eventstudy.study.samples import GroupSample


def in_average(
    spec: StudySpec, ab: Abnormal, held_back: BoolArray, window: Window
) -> BoolArray:
    """Tell which observations count in a window, (E,).

    held_back : (E, L) sessions that a doubt about the prices keeps out
    """
    if spec.cut_windows == "extend":
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
    the sample itself, once.
    """
    parts: dict[bytes, tuple[list[Window], GroupSample]] = {}
    for window in spec.windows:
        used = [
            in_average(spec, ab, held, window)
            for ab, held in zip(sample.event, sample.held_back, strict=True)
        ]
        key = np.packbits(np.concatenate(used)).tobytes()
        found = sample if all(one.all() for one in used) else _kept(sample, used)
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


def _kept(sample: GroupSample, used: Sequence[BoolArray]) -> GroupSample:
    """Keep the observations that are used; none at all have no returns instead."""
    if not any(one.any() for one in used):
        return replace(
            sample,
            event=[_without_returns(ab) for ab in sample.event],
            event_simple=[_without_returns(ab) for ab in sample.event_simple],
            panels=[],
        )
    kept = [i for i, one in enumerate(used) if one.any()]
    return replace(
        sample,
        event=[select(sample.event[i], used[i]) for i in kept],
        event_simple=[select(sample.event_simple[i], used[i]) for i in kept],
        held_back=[sample.held_back[i][used[i]] for i in kept],
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
    spec: StudySpec, sample: GroupSample, windows: Sequence[Window]
) -> list[BoolArray]:
    """Tell which observations count on a path of averages, per chunk (E, W).

    A path has dozens of windows, so that its evidence is collected once for all of
    them. Its windows are not lengthened: the path goes on where the next return comes.
    """
    if spec.cut_windows == "extend":
        spec = replace(spec, cut_windows="drop", questions=())
    return [
        np.column_stack([in_average(spec, ab, held, window) for window in windows])
        for ab, held in zip(sample.event, sample.held_back, strict=True)
    ]
