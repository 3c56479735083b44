"""How well the models fit the assets, and how their residuals behave."""

from collections.abc import Iterator, Sequence

import polars as pl

from eventstudy.models import MODELS
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.announced import MANY
from eventstudy.report.effects import level_text
from eventstudy.report.labels import (
    alpha_of,
    asset_order,
    groups_of,
    model_names,
    period_word,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.study.result import StudyResult

_AT_BOUND = 1e-6  # distance from a bound, as a share of it
_NOT_TOLD = 1.0  # standard error of a slope beyond which it is hardly known


def blocks(views: Views) -> Iterator[str]:
    """Fit and diagnostics of every model."""
    result = views.result
    for model in model_names(result):
        table = fit_table(result, model)
        if not table:
            continue
        yield (
            f"**Model {md.escape(words_for(result, model))}** (medians over the "
            f"observations of each {_unit(result)}; T: estimation returns, sigma: "
            f"residual standard deviation per {period_word(result.spec)})"
        )
        yield table
        yield md.details(
            f"Residual diagnostics, model {words_for(result, model)}",
            f"In how many estimation windows a test at {level_text(result)} finds the "
            "residuals not normal (Jarque-Bera), autocorrelated (Ljung-Box) or with "
            "changing variance (ARCH-LM); skewness and kurtosis are medians.\n\n"
            + diagnostics_table(result, model),
        )
        for said in (_imprecise(result, model), _at_bounds(result, model)):
            if said:
                yield said
    if offer := _lead_lag(result):
        yield offer
    yield "Per observation: `tables/fit.csv`, `tables/coefficients.csv`."


def fit_table(result: StudyResult, model: str) -> str:
    """Fit per asset, or per group of many: medians over its observations."""
    betas = _betas(result, model)
    terms = list(dict.fromkeys(term for _, term in betas))
    words = _further_words(result, model)
    # What a model estimates beside its slopes tells more than each of many slopes.
    factors = [term for term in terms if term in words] or terms[:3]
    rows = []
    shown = nb.Returns(result.spec.returns)
    for unit, fits in _by_unit(result, model):
        of_asset = [nb.decimal(betas.get((unit, f)), 2) for f in factors]
        rows.append(
            [
                _name(result, unit),
                str(fits.height),
                nb.decimal(_median(fits, "n_estimation"), 0),
                nb.percent(shown.change(_median(fits, "alpha")), 3),
                *of_asset,
                nb.spread(_median(fits, "sigma")),
                nb.decimal(_median(fits, "r_squared")),
            ]
        )
    heads = [
        _unit(result).capitalize(),
        "Observations",
        "T",
        f"alpha, % a {period_word(result.spec)}",
    ]
    heads += [words.get(f, f"beta {md.escape(f)}") for f in factors]
    return md.table([*heads, "sigma, %", "R²"], rows) if rows else ""


def _further_words(result: StudyResult, model: str) -> dict[str, str]:
    """What a model estimates beside its slopes, in words."""
    held = [one.model for one in result.spec.models if one.name == model]
    entries = [entry for name in held if (entry := MODELS.get(name))]
    return {t: md.escape(text) for e in entries for t, text in e.words.items()}


def _imprecise(result: StudyResult, model: str) -> str:
    """Name the assets whose slopes the estimation windows do not tell."""
    known = pl.col("model") == model, pl.col("term") != "constant"
    errors = result.coefficients.filter(*known).drop_nulls("se")
    worst = errors.group_by("asset", "term", maintain_order=True).agg(
        pl.col("se").median()
    )
    words = _further_words(result, model)
    shown = pl.col("term").is_in(list(words)) if words else True
    held = worst.filter(pl.col("se") > _NOT_TOLD, shown)
    if held.is_empty():
        return ""
    named = [
        f"{md.escape(asset)} ({words.get(term, md.escape(term))}: {nb.decimal(se, 1)})"
        for asset, term, se in held.iter_rows()
    ]
    return (
        "**Not told by these data.** The estimation window is too short or too wild "
        f"for some slopes, whose standard errors are {nb.decimal(_NOT_TOLD, 0)} or "
        f"more (medians over the observations of an asset): {nb.listing(named)}. What "
        "a CAR owes to them is in its standard error."
    )


def _at_bounds(result: StudyResult, model: str) -> str:
    """Name the assets of which an estimate lies at a bound of its own."""
    held = [one.model for one in result.spec.models if one.name == model]
    entries = [entry for name in held if (entry := MODELS.get(name))]
    bounds = {term: pair for one in entries for term, pair in one.bounds.items()}
    words = _further_words(result, model)
    named = []
    of_model = result.coefficients.filter(pl.col("model") == model)
    for term, pair in bounds.items():
        own = of_model.filter(pl.col("term") == term).drop_nulls("value")
        for bound in pair:
            near = (pl.col("value") - bound).abs() <= _AT_BOUND * bound
            counted = own.group_by("asset", maintain_order=True).agg(
                at=near.sum(), n=pl.len()
            )
            named += [
                f"{md.escape(asset)} ({words.get(term, md.escape(term))} {bound:g}: "
                f"{at} of {n})"
                for asset, at, n in counted.filter(pl.col("at") > 0).iter_rows()
            ]
    if not named:
        return ""
    return (
        "**At a bound.** In so many estimation windows the data do not tell an "
        f"estimate, which lies at the bound of what is looked for: {nb.listing(named)}."
    )


def _lead_lag(result: StudyResult) -> str:
    """Offer leads and lags where those of a factor that never closes carry weight."""
    tested = result.lead_lag.drop_nulls("pvalue")
    if tested.is_empty():
        return ""
    # Over all assets at once, by Bonferroni.
    carries = tested.filter(pl.col("pvalue") < alpha_of(result) / tested.height)
    factors = nb.listing([md.escape(f) for f in tested["factor"].unique().sort()])
    head = (
        f"**Leads and lags.** {factors} trades around the clock, and its day ends at "
        "another time than the session of the shares."
    )
    if carries.is_empty():
        return (
            f"{head} Its returns of the session before and after carry no weight that "
            f"could be told from chance (F tests of {tested.height} regressions over "
            "the whole histories, `tables/lead_lag.csv`)."
        )
    named = [
        f"{md.escape(asset)} ({md.escape(words_for(result, model))})"
        for asset, model in carries.select("asset", "model").iter_rows()
    ]
    return (
        f"{head} Its returns of the session before or after carry weight for "
        f"{nb.listing(named)}: F tests over the whole histories, {carries.height} of "
        f"{tested.height} at {level_text(result)} over all of them "
        "(`tables/lead_lag.csv`). The model `dimson` takes such returns in: "
        '`model = "dimson"` with `lags` and `leads` in the study file.'
    )


def _betas(result: StudyResult, model: str) -> dict[tuple[str, str], float | None]:
    table = result.coefficients.filter(
        (pl.col("model") == model) & ~pl.col("term").is_in(["constant", "alpha"])
    )
    units = result.fit.select("event_id", "asset", "model", "group")
    unit = _unit(result)
    grouped = (
        table.join(units, on=["event_id", "asset", "model"], maintain_order="left")
        .group_by(unit, "term", maintain_order=True)
        .agg(pl.col("value").median())
    )
    return {(name, term): value for name, term, value in grouped.iter_rows()}


def _unit(result: StudyResult) -> str:
    """What has a row of its own: each asset or, of many assets, each group."""
    return "asset" if result.fit["asset"].n_unique() <= MANY else "group"


def _by_unit(result: StudyResult, model: str) -> list[tuple[str, pl.DataFrame]]:
    unit = _unit(result)
    of_model = result.fit.filter(pl.col("model") == model)
    held = of_model.partition_by(unit, as_dict=True)
    order = asset_order(result) if unit == "asset" else groups_of(result, of_model)
    return [(name, held[name,]) for name in order if (name,) in held]


def _name(result: StudyResult, unit: str) -> str:
    return md.escape(unit if _unit(result) == "asset" else words_for(result, unit))


def _median(table: pl.DataFrame, column: str) -> float | None:
    return nb.median(table[column].to_list())


def diagnostics_table(result: StudyResult, model: str) -> str:
    """Shares of observations whose residuals fail a diagnostic."""
    alpha = alpha_of(result)
    tests = ("jarque_bera_pvalue", "ljung_box_pvalue", "arch_lm_pvalue")
    rows = []
    for unit, fits in _by_unit(result, model):
        shares = [
            _share(fits[column].drop_nulls().to_list(), alpha) for column in tests
        ]
        moments = [
            nb.decimal(_median(fits, c)) for c in ("skewness", "excess_kurtosis")
        ]
        rows.append([_name(result, unit), str(fits.height), *moments, *shares])
    heads = [_unit(result).capitalize(), "Observations", "Skewness", "Excess kurtosis"]
    heads += ["Not normal", "Autocorrelated", "ARCH effects"]
    return md.table(heads, rows) if rows else ""


def _share(values: Sequence[float], alpha: float) -> str:
    if not values:
        return nb.MISSING
    return f"{sum(value < alpha for value in values)} of {len(values)}"


SECTION = Section(title="Fit and diagnostics", table="fit", blocks=blocks)
