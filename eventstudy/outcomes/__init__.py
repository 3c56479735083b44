"""Outcomes beside returns: what else an announcement moves."""

from eventstudy.outcomes.volume import amihud, corwin_schultz, log_volume

__all__ = ["amihud", "corwin_schultz", "log_volume"]
