"""Events + prices + sessions -> dense arrays of event time, block by block."""

from eventstudy.panel.arrays import Block, History, Panel
from eventstudy.panel.build import build
from eventstudy.panel.columns import Columns
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
