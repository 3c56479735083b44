"""The placebo's shifts over the whole history, where the prices allow them."""

from collections.abc import Mapping

from eventstudy.core.abnormal import Array
from eventstudy.core.windows import Window
from eventstudy.inference import Evidence, placebo_shifts
from eventstudy.inference.recommend import rbar_by_window
from eventstudy.spec import StudySpec
from eventstudy.study.samples import GroupSample

# Returns held at once; larger samples keep to their estimation windows.
_MOST = 20_000_000


def history_shifts(
    spec: StudySpec, members: GroupSample, evidence: Evidence
) -> Mapping[Window, Array] | None:
    """Return the statistics of the sample's dates moved over the whole history.

    None where the sample lies on several calendars or under several model settings,
    so that its dates cannot be moved together, where events have estimation windows of
    their own, or where the model is estimated by a search that takes too long to be
    repeated, or has donors, which other announcements concern at other dates.
    """
    if len(members.panels) != 1:
        return None
    estimator, rows = members.panels[0]
    panel, setting = estimator.panel, estimator.panel.setting
    entry = estimator.entry
    calendars = {panel.calendar[panel.observations[row].asset] for row in rows.tolist()}
    size = len(rows) * int(panel.length[rows].max(initial=0))
    own = (panel.estimation[rows] != spec.estimation).any()
    apart = entry.conditional_variance or entry.slow or entry.min_donors
    if len(calendars) > 1 or apart or own or size > _MOST:
        return None
    history = panel.history(rows, simple=spec.returns == "simple")
    return placebo_shifts(
        history.y,
        history.x if setting.regressors else None,
        day0=history.day0,
        windows=spec.windows,
        rbar=rbar_by_window(evidence, spec.windows),
        estimation=spec.estimation,
        event_window=spec.event_window,
        span=history.span,
        near=history.near_events,
        min_estimation=spec.min_estimation,
        model=entry,
    )
