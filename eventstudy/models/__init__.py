"""Normal-return models: arrays -> `Abnormal`; the family is `MODELS`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

from eventstudy.models import linear
from eventstudy.models.linear import (
    Context,
    Model,
    constant_mean,
    factors,
    market,
    market_adjusted,
)
from eventstudy.results import Abnormal, Array

__all__ = [
    "MODELS",
    "Context",
    "Model",
    "ModelEntry",
    "constant_mean",
    "factors",
    "market",
    "market_adjusted",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """A member of `MODELS`; calling it fits the model.

    max_factors : how many factors it takes (None: any number, at least one)
    """

    name: str
    meaning: str
    formula: str
    citation: str
    max_factors: int | None
    fit: Model

    def __call__(
        self,
        y: Array,
        x: Array | None = None,
        *,
        n_estimation: int,
        **context: Unpack[Context],
    ) -> Abnormal:
        """Fit the model; see the function of the same name."""
        return self.fit(y, x, n_estimation=n_estimation, **context)


MODELS: Mapping[str, ModelEntry] = {
    entry.name: entry
    for entry in (
        ModelEntry(
            name="constant_mean",
            meaning="the asset's own mean return in the estimation window",
            formula="E[R] = μ",
            citation="Brown & Warner (1985), J. Financial Economics 14",
            max_factors=0,
            fit=linear.constant_mean,
        ),
        ModelEntry(
            name="market_adjusted",
            meaning="the market's return; nothing is estimated but the variance",
            formula="E[R] = R_m",
            citation="Brown & Warner (1985), J. Financial Economics 14",
            max_factors=1,
            fit=linear.market_adjusted,
        ),
        ModelEntry(
            name="market",
            meaning="market model by least squares (CAPM on excess returns)",
            formula="E[R] = α + β R_m",
            citation="MacKinlay (1997), J. Economic Literature 35",
            max_factors=1,
            fit=linear.market,
        ),
        ModelEntry(
            name="factors",
            meaning="several factors by least squares",
            formula="E[R] = α + Σ β_f F_f",
            citation="Fama & French (1993), J. Financial Economics 33",
            max_factors=None,
            fit=linear.factors,
        ),
    )
}
