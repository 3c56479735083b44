"""Tables for uncertain dates: when moves began, and what came before the stamp."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, IntArray
from eventstudy.core.windows import Window, columns, cumulate
from eventstudy.inference import collect, share_before, split_dates
from eventstudy.inference.aggregates import merge_all
from eventstudy.inference.anticipation import (
    needs_of_path,
    path_of,
    windows_before,
    with_returns,
)
from eventstudy.inference.dependence import date_clusters
from eventstudy.scale.engine import Task
from eventstudy.spec import StudySpec
from eventstudy.study.averages import in_average, kept
from eventstudy.study.history_shifts import history_shifts
from eventstudy.study.samples import GroupSample
from eventstudy.study.schema import frame

if TYPE_CHECKING:
    from eventstudy.study.builders import Study, Tables

Row = dict[str, Any]
Rows = Mapping[str, list[Row]]
# No path begins earlier than two weeks of an exchange before day 0.
FIRST = -10
_TABLES = ("anticipation", "split_dates", "share_before")
_SAMPLE = f"{__name__}:of_sample"
_COARSEST = ("day", "hour", "minute")


def uncertain_dates(study: "Study") -> "Tables":
    """Judge paths of windows that end with the study's first window."""
    study.tell("Judging when moves began")
    tasks = [
        Task(_SAMPLE, ("study",), (at,))
        for at, members in enumerate(study.samples)
        if members.outcome == "car"
    ]
    found: list[Rows] = list(study.engine.share(tasks))
    return {
        name: frame(name, [row for rows in found for row in rows[name]])
        for name in _TABLES
    }


def of_sample(study: "Study", at: int) -> Rows:
    """Return the rows of one of the samples."""
    spec, members = study.spec, study.samples[at]
    windows = path_windows(spec)
    rows: dict[str, list[Row]] = {name: [] for name in _TABLES}
    if len(windows) < 2:
        return rows
    part = _on_path(spec, members, windows)
    chunks = with_returns(part.event, windows[-1])
    if not chunks:
        return rows
    rows["anticipation"] = _path(spec, part, chunks, windows)
    rows["split_dates"] = [_split(spec, part, chunks, windows)]
    kinds = kinds_of_clocks(study, part)
    rows["share_before"] = list(_shares(spec, part, chunks, windows, kinds))
    return rows


def path_windows(spec: StudySpec) -> tuple[Window, ...]:
    """Return the windows that end with the study's first window; may be none."""
    first, last = spec.event_window[0], spec.windows[0][1]
    if first > min(0, last):
        return ()
    return windows_before(min(max(first, FIRST), last), last)


def _on_path(
    spec: StudySpec, members: GroupSample, windows: Sequence[Window]
) -> GroupSample:
    """Keep the observations that count in the longest and in the shortest window."""
    used = []
    for ab, held in zip(members.event, members.held_back, strict=True):
        own = [
            in_average(spec, ab, held, window, lengthened=False)
            for window in (windows[0], windows[-1])
        ]
        used.append(own[0] & own[1])
    return members if all(one.all() for one in used) else kept(members, used)


def _path(
    spec: StudySpec,
    members: GroupSample,
    chunks: Sequence[Abnormal],
    windows: Sequence[Window],
) -> list[Row]:
    related = bool(members.panels)
    needs = needs_of_path(related=related)
    known = merge_all(collect(ab, windows, needs) for ab in chunks)
    shifts = None
    if related:
        own = replace(spec, windows=tuple(windows), questions=())
        shifts = history_shifts(own, members, known)
    found = path_of(known, level=spec.level, shifts=shifts)
    return [
        {
            **members.labels,
            "start": window[0],
            "end": window[1],
            "estimate": found.estimate[k],
            "ci_low": found.low[k],
            "ci_high": found.high[k],
            "statistic": found.statistic[k],
            "pvalue": found.pvalue[k],
            "onset": found.onset[k],
            "found": window == found.found,
            "n": found.n,
            "basis": found.basis,
            "reason": found.reason,
        }
        for k, window in enumerate(windows)
    ]


def _split(
    spec: StudySpec,
    members: GroupSample,
    chunks: Sequence[Abnormal],
    windows: Sequence[Window],
) -> Row:
    first, last = windows[0]
    found = split_dates(
        chunks, first=first, last=last, level=spec.level, seed=spec.seed
    )
    row: Row = {
        **members.labels,
        "estimate_found": found.estimate_found,
        "pvalue": found.pvalue,
        "n_found": found.n_found,
        "n": found.n_tested,
        "clusters_found": found.clusters_found,
        "n_clusters": found.clusters_tested,
        "reason": found.reason,
    }
    if found.found is not None and found.interval is not None:
        row["start"], row["end"] = found.found
        row["test"] = found.interval.test
        row["estimate"] = found.interval.estimate
        row["ci_low"], row["ci_high"] = found.interval.low, found.interval.high
    return row


def kinds_of_clocks(study: "Study", members: GroupSample) -> dict[str, dict[int, str]]:
    """Tell for every clock how precisely its announcements are dated, and if leaked.

    Of several announcements of one day 0 the coarsest stamp counts, and any leak.
    """
    said = study.events.select("event_id", "precision", "flags").rows_by_key(
        "event_id", unique=True
    )
    found: dict[str, dict[int, str]] = {"precision": {}, "leak": {}}
    for clock, events in _events_of_clocks(study, members).items():
        stamps = {said[event][0] for event in events}
        flags = {flag for event in events for flag in said[event][1] or ()}
        found["precision"][clock] = next(one for one in _COARSEST if one in stamps)
        found["leak"][clock] = "leak" if "leak" in flags else "none"
    return found


def _events_of_clocks(study: "Study", members: GroupSample) -> dict[int, set[str]]:
    out: dict[int, set[str]] = {}
    headline = members.sample == "headline"
    for estimator, _ in study.fitted:
        panel = estimator.panel
        if panel.setting.name != members.model:
            continue
        for one, clock in zip(panel.observations, panel.clock.tolist(), strict=True):
            if one.headline or not headline:
                out.setdefault(clock, set()).update(one.ids)
    return out


def _shares(
    spec: StudySpec,
    members: GroupSample,
    chunks: Sequence[Abnormal],
    windows: Sequence[Window],
    kinds: Mapping[str, Mapping[int, str]],
) -> Iterator[Row]:
    """Yield the share before day 0 of all observations, and by kind of stamp."""
    first, last = windows[0]
    if first > -1 or last < 0:
        return
    before, whole, clock = _moves(chunks, first, last)
    cluster = date_clusters(chunks[0].clocks, clock, columns(chunks[0], windows[0]))
    everyone = np.ones(len(clock), np.bool_)
    cases = [("all", "all", everyone)]
    for by, known in kinds.items():
        values = np.array([known[one] for one in clock.tolist()])
        cases += [(by, one, values == one) for one in np.unique(values).tolist()]
    for by, value, those in cases:
        found = share_before(
            before[those], whole[those], cluster[those], level=spec.level
        )
        yield {
            **members.labels,
            "by": by,
            "value": value,
            "start": first,
            "end": last,
            "before": found.before,
            "whole": found.whole,
            "share": found.share,
            "ci_low": found.low,
            "ci_high": found.high,
            "shape": found.shape,
            "n": found.n,
            "n_clusters": found.n_clusters,
            "reason": found.reason,
        }


def _moves(
    chunks: Sequence[Abnormal], first: int, last: int
) -> tuple[Array, Array, IntArray]:
    """Return the CARs before day 0 and of the whole window, and the clocks.

    Without any return before day 0 there is no move before it.
    """
    before = np.concatenate([cumulate(ab, (first, -1)).car for ab in chunks])
    whole = np.concatenate([cumulate(ab, (first, last)).car for ab in chunks])
    clock = np.concatenate([ab.clock for ab in chunks])
    return np.where(np.isnan(before), 0.0, before), whole, clock
