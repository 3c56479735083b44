"""Normal-return models: arrays -> `Abnormal`; the family is `MODELS`.

A model of one's own is a function ``f(y, x, *, n_estimation, **context)`` that returns
an `Abnormal`, most easily by `abnormal_from`; it is registered as a `ModelEntry`, or
given in place of a name.
"""

from eventstudy.core import registry
from eventstudy.core.abnormal import Abnormal, Clock, Status
from eventstudy.core.registry import Family
from eventstudy.models.basket import basket, basket_return
from eventstudy.models.conformal import Conformal, conformal
from eventstudy.models.entry import Context, Model, ModelEntry, expected_linear
from eventstudy.models.gsynth import gsynth
from eventstudy.models.in_space import InSpace, placebo_in_space
from eventstudy.models.lad import lad
from eventstudy.models.linear import (
    constant_mean,
    factors,
    market,
    market_adjusted,
)
from eventstudy.models.nonsynchronous import dimson, scholes_williams
from eventstudy.models.own import abnormal_from
from eventstudy.models.pca import pca
from eventstudy.models.robust import huber
from eventstudy.models.student import student
from eventstudy.models.synthetic import synthetic, synthetic_weights
from eventstudy.models.synthetic_did import synthetic_did
from eventstudy.models.theil_sen import theil_sen

MODELS: Family[ModelEntry] = registry.MODELS

__all__ = [
    "MODELS",
    "Abnormal",
    "Clock",
    "Conformal",
    "Context",
    "InSpace",
    "Model",
    "ModelEntry",
    "Status",
    "abnormal_from",
    "basket",
    "basket_return",
    "conformal",
    "constant_mean",
    "dimson",
    "expected_linear",
    "factors",
    "gsynth",
    "huber",
    "lad",
    "market",
    "market_adjusted",
    "pca",
    "placebo_in_space",
    "scholes_williams",
    "student",
    "synthetic",
    "synthetic_did",
    "synthetic_weights",
    "theil_sen",
]
