"""Normal-return models: arrays -> `Abnormal`; the family is `MODELS`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

from eventstudy.core.abnormal import Abnormal, Array
from eventstudy.models import garch, linear
from eventstudy.models.linear import (
    Context,
    Model,
    constant_mean,
    factors,
    market,
    market_adjusted,
)

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

    min_factors, max_factors : how many factors it takes (None: any number)
    """

    name: str
    meaning: str
    formula: str
    citation: str
    min_factors: int
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
            min_factors=0,
            max_factors=0,
            fit=linear.constant_mean,
        ),
        ModelEntry(
            name="market_adjusted",
            meaning="the market's return; nothing is estimated but the variance",
            formula="E[R] = R_m",
            citation="Brown & Warner (1985), J. Financial Economics 14",
            min_factors=1,
            max_factors=1,
            fit=linear.market_adjusted,
        ),
        ModelEntry(
            name="market",
            meaning="market model by least squares (CAPM on excess returns)",
            formula="E[R] = α + β R_m",
            citation="MacKinlay (1997), J. Economic Literature 35",
            min_factors=1,
            max_factors=1,
            fit=linear.market,
        ),
        ModelEntry(
            name="factors",
            meaning="several factors by least squares",
            formula="E[R] = α + Σ β_f F_f",
            citation="Fama & French (1993), J. Financial Economics 33",
            min_factors=1,
            max_factors=None,
            fit=linear.factors,
        ),
        ModelEntry(
            name="garch",
            meaning="mean or factors, with errors whose variance is GARCH(1,1)",
            formula="E[R] = α + Σ β_f F_f; h = ω + a e² + b h",
            citation="Savickas (2003), J. Financial Research 26",
            min_factors=0,
            max_factors=None,
            fit=garch.garch,
        ),
        ModelEntry(
            name="gjr",
            meaning="the same, falls raising the variance by more than rises",
            formula="E[R] = α + Σ β_f F_f; h = ω + (a + g 1[e < 0]) e² + b h",
            citation="Glosten, Jagannathan & Runkle (1993), J. Finance 48",
            min_factors=0,
            max_factors=None,
            fit=garch.gjr,
        ),
        ModelEntry(
            name="egarch",
            meaning="the same, for the logarithm of the variance",
            formula="E[R] = α + Σ β_f F_f; ln h = ω + a (|z| - E|z|) + g z + b ln h",
            citation="Nelson (1991), Econometrica 59",
            min_factors=0,
            max_factors=None,
            fit=garch.egarch,
        ),
    )
}
