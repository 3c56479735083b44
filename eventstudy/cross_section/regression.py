"""Regressions of single observations' effects on characteristics."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
import polars as pl

from eventstudy.catalogue.frames import ArrowStream
from eventstudy.core.abnormal import Array
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.cross_section import formula as formulas
from eventstudy.cross_section.estimate import (
    CLUSTERED,
    UNCLUSTERED,
    Estimates,
    least_squares,
    no_freedom,
)
from eventstudy.cross_section.rows import (
    OUTCOMES,
    characteristics,
    cluster_labels,
    observation_rows,
)
from eventstudy.spec import Pair, window_text
from eventstudy.study.result import StudyResult

Cluster = Literal["event", "date", "asset"]

CLUSTERS: Mapping[str, str] = {
    "event": "observations that share an event of the catalogue",
    "date": "observations whose windows share a session, directly or by a chain",
    "asset": "observations of one asset",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A cross-sectional regression, its terms and how they are judged.

    terms : term, estimate, se, statistic, df, pvalue, ci_low, ci_high, reason (why a
        number is missing)
    n : observations used;  left_out : column -> observations without a value of it
    n_clusters : clusters by kind, empty when not clustered
    r_squared : None when nothing could be estimated
    covariance : of the estimates, in words;  level : of the intervals
    """

    outcome: str
    formula: str
    window: Pair
    model: str
    sample: str
    terms: pl.DataFrame
    n: int
    left_out: Mapping[str, int]
    n_clusters: Mapping[str, int]
    r_squared: float | None
    covariance: str
    level: float

    def __repr__(self) -> str:
        """Summarise in a line."""
        r_squared = "" if self.r_squared is None else f", R² {self.r_squared:.3f}"
        counts = "".join(f", {n} {kind}s" for kind, n in self.n_clusters.items())
        return (
            f"Regression({self.outcome} {window_text(self.window)} {self.formula}, "
            f"model {self.model}, {self.sample} events, n {self.n}{counts}{r_squared}, "
            f"{self.covariance})"
        )

    def _repr_html_(self) -> str:
        left_out = "".join(
            f"; {count} observations without {name} left out"
            for name, count in self.left_out.items()
        )
        return f"<p>{escape(repr(self) + left_out)}</p>{self.terms._repr_html_()}"


def regress(
    result: StudyResult,
    outcome: str,
    formula: str,
    *,
    window: Pair,
    model: str | None = None,
    sample: str = "headline",
    cluster: Cluster | tuple[Cluster, ...] | None = "event",
    weights: Literal["precision"] | None = None,
    robust: str | None = None,
    assets: ArrowStream | None = None,
) -> Regression:
    """Regress an outcome of single observations on characteristics.

    outcome : "car", "scar" or "bhar" over ``window``, one of the study's windows
    formula : names joined by ``+``, ``:`` and ``*``, ``C(name)`` for categories, ``-1``
        for no constant. Names are the catalogue's texts, numbers and truth values, its
        further columns included, ``asset``, ``group`` and the columns of ``assets``.
        Where an observation merges events, texts that differ become "mixed" and
        numbers their mean
    model : name of a model setting, by default the first;  sample : "headline" or
        "all" (events)
    cluster : "event", "date" or "asset" (see `CLUSTERS`), two of them, or None
    weights : None, or "precision": by 1/se² of the CAR
    robust : with clusters "CR2" (the default; Satterthwaite degrees of freedom) or
        "CR1" (``G/(G-1) (n-1)/(n-k)``, t(G-1)); two-way, G is the smaller number of
        clusters. Without, "HC3" (the default), "HC2", "HC1", "HC0", "classical"; t(n-k)
    assets : characteristics of assets, a frame with a column ``asset``

    A coefficient that rests on a single cluster (or observation) has an estimate but
    no standard error: a sandwich would show one far too small. With few or unequal
    clusters CR1 rejects too often (simulated, six events of 2 to 12 observations, a
    characteristic of events: CR2 6 %, CR1 11 %, HC3 without clusters 36 % at 5 %).

    Raises `SpecError` for unknown names, windows and anything that is no formula.
    Cameron & Miller (2015), J. Human Resources 50; CR2: Bell & McCaffrey (2002),
    Survey Methodology 28; two-way: Cameron, Gelbach & Miller (2011), J. Business and
    Economic Statistics 29; HC3: MacKinnon & White (1985), J. Econometrics 29.
    """
    kinds = (cluster,) if isinstance(cluster, str) else tuple(cluster or ())
    model = model_of(result, model)
    robust = robust or ("CR2" if kinds else "HC3")
    _check(outcome, kinds, weights, robust)
    rows = observation_rows(
        result, window=window, model=model, sample=sample, assets=assets
    )
    parsed = formulas.parse(formula, characteristics(rows))
    needed = [outcome, *parsed.names, *(["se"] if weights else [])]
    held = rows.drop_nulls(needed)
    terms, design = formulas.design(parsed, held)
    labels = {
        kind: cluster_labels(result, held, kind, window=window, model=model)
        for kind in kinds
    }
    if len(terms) < held.height:
        fit = least_squares(
            held[outcome].to_numpy(),
            design.toarray(),
            terms=terms,
            labels=list(labels.values()),
            weight=(1.0 / held["se"] ** 2).to_numpy() if weights else None,
            robust=robust,
            level=result.spec.level,
        )
    else:
        fit = no_freedom(held.height, len(terms))
    missing = {name: rows[name].null_count() for name in needed}
    return Regression(
        outcome=outcome,
        formula=formula,
        window=window,
        model=model,
        sample=sample,
        terms=_terms(terms, fit),
        n=held.height,
        left_out={name: count for name, count in missing.items() if count},
        n_clusters={kind: len(np.unique(label)) for kind, label in labels.items()},
        r_squared=None if np.isnan(fit.r_squared) else fit.r_squared,
        covariance=_words(kinds, robust, weights),
        level=result.spec.level,
    )


def model_of(result: StudyResult, model: str | None) -> str:
    """Return the name of a model setting, the first when none is given."""
    names = list(dict.fromkeys(setting.name for setting in result.spec.models))
    if model is not None and model not in names:
        raise unknown_name("model setting", model, names)
    return model or names[0]


def _check(
    outcome: str, kinds: tuple[str, ...], weights: str | None, robust: str
) -> None:
    if outcome not in OUTCOMES:
        raise unknown_name("outcome", outcome, OUTCOMES)
    for kind in kinds:
        if kind not in CLUSTERS:
            raise unknown_name("cluster", kind, CLUSTERS)
    if len(kinds) > 2 or len(set(kinds)) < len(kinds):
        raise SpecError(f"cluster = {kinds!r}; wanted at most two different kinds")
    if weights not in (None, "precision"):
        raise unknown_name("weights", weights, ["precision"])
    if weights is not None and outcome == "scar":
        raise SpecError("scar is standardised already: give no weights with it")
    allowed = CLUSTERED if kinds else UNCLUSTERED
    if robust not in allowed:
        where = "with" if kinds else "without"
        raise unknown_name(f"covariance {where} clusters", robust, allowed)


def _terms(names: list[str], fit: Estimates) -> pl.DataFrame:
    numbers = {
        "estimate": fit.estimate,
        "se": fit.se,
        "statistic": fit.statistic,
        "df": fit.df,
        "pvalue": fit.pvalue,
        "ci_low": fit.low,
        "ci_high": fit.high,
    }
    return pl.DataFrame(
        {
            "term": pl.Series(names, dtype=pl.String),
            **{name: number(values) for name, values in numbers.items()},
            "reason": pl.Series(fit.reason, dtype=pl.String),
        }
    )


def number(values: Array) -> pl.Series:
    """Return a float column in which nan is null."""
    return pl.Series(values, dtype=pl.Float64).fill_nan(None)


def _words(kinds: tuple[str, ...], robust: str, weights: str | None) -> str:
    squares = "weighted by precision" if weights else "ordinary least squares"
    if not kinds:
        kind = "constant variance" if robust == "classical" else robust
        return f"{squares}, {kind}, t(n-k)"
    satterthwaite = robust == "CR2" and len(kinds) == 1
    df = "Satterthwaite degrees of freedom" if satterthwaite else "t(G-1)"
    return f"{squares}, clustered by {' and '.join(kinds)} ({robust}), {df}"
