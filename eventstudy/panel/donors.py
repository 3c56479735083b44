"""Which donors an observation may have, and their returns around its day 0."""

import numpy as np

from eventstudy.core.abnormal import BoolArray, IntArray
from eventstudy.core.donors import Donors, by_row
from eventstudy.panel.arrays import Block, Panel

RULES = (
    "",
    "it is the asset itself",
    "no prices",
    "another calendar",
    "concerned by this announcement, or by another near it",
    "of the asset's group, which the announcement concerns",
    "prices do not cover both windows",
)
"""Why a donor may not be one, by the code of the rule."""
_ITSELF, _UNPRICED, _CALENDAR, _NAMED, _GROUP, _INCOMPLETE = range(1, 7)


def donors_of_block(
    panel: Panel, rows: IntArray, block: Block
) -> tuple[Donors, IntArray]:
    """Return the donors of some observations, and why each may not be one, (E, J).

    The second holds places in `RULES`.
    """
    series = panel.donors
    assert series is not None
    clocks, first, row = np.unique(
        panel.clock[rows], return_index=True, return_inverse=True
    )
    calendars = [
        panel.calendar[panel.observations[at].asset] for at in rows[first].tolist()
    ]
    returns = np.full(
        (len(clocks), len(panel.columns.offsets), len(series.names)), np.nan
    )
    why = np.zeros((len(rows), len(series.names)), np.int64)
    for at, (name, own) in enumerate(zip(calendars, rows[first].tolist(), strict=True)):
        held = series.returns[name]
        days = panel.day0[own] + panel.columns.offsets
        inside = (days >= 0) & (days < len(held))
        returns[at, inside] = held[days[inside]]
    needed = _needed(panel, block)
    for group, own_rows in by_row(row):
        lacking = np.isnan(returns[group])
        missed = needed[own_rows].astype(np.float64) @ lacking
        why[own_rows] = np.where(missed > 0, _INCOMPLETE, 0)
    _by_rules(panel, rows, why)
    offsets = panel.columns.offsets
    return Donors(
        returns=returns,
        row=row.ravel(),
        allowed=why == 0,
        follows=np.append(False, np.diff(offsets) == 1),
    ), why


def _needed(panel: Panel, block: Block) -> BoolArray:
    """Tell on which columns a donor must have a return, (E, T+L): both windows."""
    t = panel.columns.n_estimation
    out = np.zeros(block.y.shape, np.bool_)
    out[:, :t] = ~block.purged & ~block.outside
    event = panel.columns.slice_of(panel.event_window)
    out[:, t + event.start : t + event.stop] = True
    return out


def _by_rules(panel: Panel, rows: IntArray, why: IntArray) -> None:
    """Write which rule keeps donors out, the plainest last, over (E, J)."""
    series = panel.donors
    assert series is not None
    names = np.array(series.names)
    groups = np.array([group or "" for group in series.groups])
    for at, row in enumerate(rows.tolist()):
        one = panel.observations[row]
        calendar = panel.calendar[one.asset]
        if series.concerned(one):
            why[at, groups == one.group] = _GROUP
        why[at, series.barred[calendar][one.day0]] = _NAMED
        why[at, series.elsewhere[calendar]] = _CALENDAR
        why[at, series.unpriced] = _UNPRICED
        why[at, names == one.asset] = _ITSELF
