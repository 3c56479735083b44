"""Batched GARCH models: likelihoods, fits and forecasts of many series at once."""

from eventstudy.garch.covariance import GarchErrors, robust_errors
from eventstudy.garch.estimate import DISTS, MIN_SESSIONS, fit
from eventstudy.garch.fitted import GarchFit
from eventstudy.garch.forecast import (
    filtered,
    forecast,
    half_life,
    persistence,
    simulate,
)
from eventstudy.garch.series import NAMES

__all__ = [
    "DISTS",
    "MIN_SESSIONS",
    "NAMES",
    "GarchErrors",
    "GarchFit",
    "filtered",
    "fit",
    "forecast",
    "half_life",
    "persistence",
    "robust_errors",
    "simulate",
]
