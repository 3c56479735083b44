"""Regressions of single observations' effects on characteristics."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
import polars as pl

from eventstudy.cells.frames import ArrowStream
from eventstudy.core.abnormal import Array
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.core.threads import OneThread
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

    Parameters
    ----------
    outcome : str
        What was regressed: ``"car"``, ``"scar"`` or ``"bhar"``.
    formula : str
        The formula as given.
    window : (int, int)
        First and last offset in event time.
    model : str
        Name of the model setting.
    sample : str
        ``"headline"`` or ``"all"``.
    terms : polars.DataFrame
        Columns term, estimate, se, statistic, df, pvalue, ci_low, ci_high and reason
        (why a number is missing); estimates in the units of the outcome.
    n : int
        Observations used.
    left_out : mapping of str to int
        Observations without a value of a column.
    n_clusters : mapping of str to int
        Number of clusters by kind, empty when not clustered.
    r_squared : float or None
        Share of the variance explained; None when nothing could be estimated.
    covariance : str
        How the variance of the estimates is taken, in words.
    level : float
        Of the confidence intervals.

    Examples
    --------
    >>> terms = pl.DataFrame({"term": ["Intercept"], "estimate": [-0.02]})
    >>> Regression(
    ...     outcome="car",
    ...     formula="~ 1",
    ...     window=(-1, 1),
    ...     model="market",
    ...     sample="headline",
    ...     terms=terms,
    ...     n=12,
    ...     left_out={},
    ...     n_clusters={"event": 3},
    ...     r_squared=0.0,
    ...     covariance="clustered by event",
    ...     level=0.95,
    ... )
    Regression(car [-1,+1] ~ 1, model market, headline events, n 12, 3 events, R² 0.000, clustered by event)
    """  # noqa: E501

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


@OneThread()
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

    A coefficient that rests on a single cluster (or observation) has an estimate but
    no standard error: a sandwich would show one far too small. With few or unequal
    clusters CR1 rejects too often (simulated, six events of 2 to 12 observations, a
    characteristic of events: CR2 6 %, CR1 11 %, HC3 without clusters 36 % at 5 %).

    Parameters
    ----------
    result : StudyResult
        A study with ``window`` among its windows.
    outcome : {"car", "scar", "bhar"}
        Effect of an observation over the window: cumulative abnormal return, the same
        divided by its standard error, buy-and-hold abnormal return.
    formula : str
        Names joined by ``+``, ``:`` and ``*``, ``C(name)`` for categories, ``-1`` for
        no constant; nothing else is read. Names are the catalogue's texts, numbers and
        truth values, its further columns included, ``asset``, ``group`` and the columns
        of ``assets``. Where an observation merges events, texts that differ become
        "mixed" and numbers their mean.
    window : (int, int)
        One of the study's windows, in event time, both ends included.
    model : str, optional
        Name of a model setting; default the first.
    sample : {"headline", "all"}
        Which events.
    cluster : {"event", "date", "asset"}, two of them, or None
        Observations that are not independent: of one event, with windows that share a
        session (directly or by a chain), or of one asset.
    weights : {"precision"}, optional
        Weights ``1/se²`` of the CAR; default equal weights.
    robust : str, optional
        With clusters ``"CR2"`` (the default; Satterthwaite degrees of freedom) or
        ``"CR1"`` (``G/(G-1) (n-1)/(n-k)``, t(G-1)); two-way, G is the smaller number of
        clusters. Without, ``"HC3"`` (the default), ``"HC2"``, ``"HC1"``, ``"HC0"`` or
        ``"classical"``, t(n-k).
    assets : frame, optional
        Characteristics of assets, with a column ``asset``.

    Returns
    -------
    Regression
        The terms with standard errors, tests and intervals.

    Raises
    ------
    SpecError
        For unknown names and windows, and anything that is no formula.

    References
    ----------
    Cameron & Miller (2015), Journal of Human Resources 50, 317-372. CR2: Bell &
    McCaffrey (2002), Survey Methodology 28, 169-181. Two-way clusters: Cameron,
    Gelbach & Miller (2011), Journal of Business and Economic Statistics 29, 238-249.
    HC3: MacKinnon & White (1985), Journal of Econometrics 29, 305-325.

    Examples
    --------
    >>> import eventstudy as es
    >>> events = pl.DataFrame(
    ...     {
    ...         "event_id": ["may", "june", "september"],
    ...         "announced_at": ["2021-05-21", "2021-06-18", "2021-09-24"],
    ...     }
    ... )
    >>> spec = es.StudySpec(
    ...     model="market",
    ...     factors=("^GSPC",),
    ...     windows=((-1, 1),),
    ...     groups={"china": ("BTCM", "CAN"), "abroad": ("RIOT", "MARA")},
    ...     tests=("csect",),
    ... )
    >>> study = es.run(spec, events, es.fetch_prices([*spec.assets, "^GSPC"]))
    >>> found = es.regress(study, "car", "~ group", window=(-1, 1), cluster="date")
    >>> found.terms["term"].to_list(), found.n
    (['Intercept', 'group[T.china]'], 12)
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
