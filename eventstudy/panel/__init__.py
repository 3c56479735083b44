"""Events + prices + sessions -> dense arrays of event time, block by block."""

from eventstudy.panel.build import Block, Columns, History, Panel, build
from eventstudy.panel.plan import Market, Observation, Unplaced

__all__ = [
    "Block",
    "Columns",
    "History",
    "Market",
    "Observation",
    "Panel",
    "Unplaced",
    "build",
]
