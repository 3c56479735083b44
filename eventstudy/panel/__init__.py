"""Events + prices + sessions -> dense arrays of event time, block by block."""

from eventstudy.panel.build import Block, Columns, Panel, build, session_date
from eventstudy.panel.plan import Market, Observation, Unplaced

__all__ = [
    "Block",
    "Columns",
    "Market",
    "Observation",
    "Panel",
    "Unplaced",
    "build",
    "session_date",
]
