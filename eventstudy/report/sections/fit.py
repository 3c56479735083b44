"""How well the models fit the assets, and how their residuals behave."""

from collections.abc import Iterator, Sequence

import polars as pl

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import level_text
from eventstudy.report.labels import (
    alpha_of,
    asset_order,
    model_names,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.study.result import StudyResult


def blocks(views: Views) -> Iterator[str]:
    """Fit and diagnostics of every model."""
    result = views.result
    for model in model_names(result):
        table = fit_table(result, model)
        if not table:
            continue
        yield (
            f"**Model {md.escape(words_for(result, model))}** (medians over the "
            "observations of an asset; T: estimation returns, sigma: residual "
            "standard deviation per session)"
        )
        yield table
        yield md.details(
            f"Residual diagnostics, model {words_for(result, model)}",
            f"In how many estimation windows a test at {level_text(result)} finds the "
            "residuals not normal (Jarque-Bera), autocorrelated (Ljung-Box) or with "
            "changing variance (ARCH-LM); skewness and kurtosis are medians.\n\n"
            + diagnostics_table(result, model),
        )
    yield "Per observation: `tables/fit.csv`, `tables/coefficients.csv`."


def fit_table(result: StudyResult, model: str) -> str:
    """Fit per asset: medians over its observations."""
    betas = _betas(result, model)
    factors = list(dict.fromkeys(term for _, term in betas))[:3]
    rows = []
    shown = nb.Returns(result.spec.returns)
    for asset, fits in _by_asset(result, model):
        of_asset = [nb.decimal(betas.get((asset, f)), 2) for f in factors]
        rows.append(
            [
                md.escape(asset),
                str(fits.height),
                nb.decimal(_median(fits, "n_estimation"), 0),
                nb.percent(shown.change(_median(fits, "alpha")), 3),
                *of_asset,
                nb.spread(_median(fits, "sigma")),
                nb.decimal(_median(fits, "r_squared")),
            ]
        )
    heads = ["Asset", "Observations", "T", "alpha, % a session"]
    heads += [f"beta {md.escape(f)}" for f in factors]
    return md.table([*heads, "sigma, %", "R²"], rows) if rows else ""


def _betas(result: StudyResult, model: str) -> dict[tuple[str, str], float | None]:
    table = result.coefficients.filter(
        (pl.col("model") == model) & ~pl.col("term").is_in(["constant", "alpha"])
    )
    grouped = table.group_by("asset", "term", maintain_order=True).agg(
        pl.col("value").median()
    )
    return {(asset, term): value for asset, term, value in grouped.iter_rows()}


def _by_asset(result: StudyResult, model: str) -> list[tuple[str, pl.DataFrame]]:
    of_model = result.fit.filter(pl.col("model") == model)
    found = [
        (asset, of_model.filter(pl.col("asset") == asset))
        for asset in asset_order(result)
    ]
    return [(asset, fits) for asset, fits in found if not fits.is_empty()]


def _median(table: pl.DataFrame, column: str) -> float | None:
    return nb.median(table[column].to_list())


def diagnostics_table(result: StudyResult, model: str) -> str:
    """Shares of observations whose residuals fail a diagnostic, per asset."""
    alpha = alpha_of(result)
    tests = ("jarque_bera_pvalue", "ljung_box_pvalue", "arch_lm_pvalue")
    rows = []
    for asset, fits in _by_asset(result, model):
        shares = [
            _share(fits[column].drop_nulls().to_list(), alpha) for column in tests
        ]
        moments = [
            nb.decimal(_median(fits, c)) for c in ("skewness", "excess_kurtosis")
        ]
        rows.append([md.escape(asset), str(fits.height), *moments, *shares])
    heads = ["Asset", "Observations", "Skewness", "Excess kurtosis"]
    heads += ["Not normal", "Autocorrelated", "ARCH effects"]
    return md.table(heads, rows) if rows else ""


def _share(values: Sequence[float], alpha: float) -> str:
    if not values:
        return nb.MISSING
    return f"{sum(value < alpha for value in values)} of {len(values)}"


SECTION = Section(title="Fit and diagnostics", table="fit", blocks=blocks)
