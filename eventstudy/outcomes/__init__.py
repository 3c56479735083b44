"""Outcomes beside returns: what else an announcement moves.

Each function turns prices and volumes, (E, S), into an outcome, (E, S), to be given
to a normal-return model as ``y`` (constant mean, or a market model on the market's own
outcome) with one session per span; the abnormal outcome then goes to the tests of
abnormal returns. The family is `OUTCOMES`.
"""

from eventstudy.outcomes.entries import OUTCOMES, OutcomeEntry
from eventstudy.outcomes.gaps import Gaps
from eventstudy.outcomes.illiquidity import amihud
from eventstudy.outcomes.level import level_gaps
from eventstudy.outcomes.mean import mean_gaps
from eventstudy.outcomes.spread import corwin_schultz
from eventstudy.outcomes.volume import log_volume, recent_change

__all__ = [
    "OUTCOMES",
    "Gaps",
    "OutcomeEntry",
    "amihud",
    "corwin_schultz",
    "level_gaps",
    "log_volume",
    "mean_gaps",
    "recent_change",
]
