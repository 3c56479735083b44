"""What was left out and how far the models can be trusted: ledger and diagnostics."""

from collections.abc import Sequence

import polars as pl

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import alpha_of, asset_order, label, model_names
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

MOST_ROWS = 60


def summary(result: StudyResult) -> str:
    """Count what was asked for, used and dropped."""
    observations = result.observations
    used = observations.filter(pl.col("status") == "used")
    pairs = ["event_id", "asset"]
    asked = observations.unique(pairs).height
    held = used.unique(pairs).height
    distinct = used.unique(["observation", "asset"]).height
    text = (
        f"{nb.count(asked, 'pair')} of announcement and asset were asked for; "
        f"{held:,} could be estimated, {asked - held:,} could not."
    )
    if distinct < held:
        text += (
            f" They make {nb.count(distinct, 'observation')}, as announcements that "
            "share an asset's day 0 are one."
        )
    return text


def joint_observations(result: StudyResult) -> list[str]:
    """Announcements that count as one, with the assets on which they do."""
    used = result.observations.filter(
        (pl.col("status") == "used") & (pl.col("observation") != pl.col("event_id"))
    )
    grouped = used.group_by("observation", maintain_order=True).agg(
        pl.col("asset").unique(maintain_order=True), pl.col("day0").min()
    )
    return [
        f"{nb.listing([md.escape(e) for e in joined.split('+')])} ({day}): "
        f"{nb.listing([md.escape(a) for a in assets])}"
        for joined, assets, day in grouped.sort("day0").iter_rows()
    ]


def ledger_counts(result: StudyResult) -> str:
    """Reasons with the number of rows that they concern."""
    counted = (
        result.ledger.group_by("stage", "reason", maintain_order=True)
        .agg(pl.len(), pl.col("asset").drop_nulls().unique(maintain_order=True))
        .sort("len", descending=True, maintain_order=True)
    )
    rows = [
        [
            md.escape(stage or ""),
            md.escape(md.shorten(reason or "", 160)),
            str(n),
            nb.listing([md.escape(a) for a in assets], most=6),
        ]
        for stage, reason, n, assets in counted.head(MOST_ROWS).iter_rows()
    ]
    return md.table(["Stage", "Reason", "Rows", "Assets"], rows, "llrl") if rows else ""


def ledger_rows(result: StudyResult) -> str:
    """Every row of the ledger, up to a limit."""
    columns = ("stage", "event_id", "asset", "model", "reason", "held", "wanted")
    rows = [
        [md.escape(md.shorten(str(value), 160)) if value else "" for value in row]
        for row in result.ledger.head(MOST_ROWS).select(columns).iter_rows()
    ]
    heads = ["Stage", "Event", "Asset", "Model", "Reason", "Held", "Wanted"]
    return md.table(heads, rows, "lllllrr") if rows else ""


def overlap_sentence(result: StudyResult) -> str:
    """Count the observations whose event windows share sessions, per asset at most."""
    rows = result.contamination.filter(pl.col("event_id") != pl.col("other_event_id"))
    if rows.is_empty():
        return "No two event windows of one asset share a session."
    used = result.observations.filter(pl.col("status") == "used")
    total = used.unique(["observation", "asset"]).height
    touched = rows.unique(["event_id", "asset"]).height
    return (
        f"{touched:,} of {nb.count(total, 'observation')} have an event window "
        f"{window_text(result.spec.event_window)} that shares sessions with another "
        "one of the same asset: a CAR over such a window holds both announcements."
    )


def fit_table(result: StudyResult, model: str) -> str:
    """Fit per asset: medians over its observations."""
    betas = _betas(result, model)
    factors = list(dict.fromkeys(term for _, term in betas))[:3]
    rows = []
    for asset, fits in _by_asset(result, model):
        of_asset = [nb.decimal(betas.get((asset, f)), 2) for f in factors]
        rows.append(
            [
                md.escape(asset),
                str(fits.height),
                nb.decimal(_median(fits, "n_estimation"), 0),
                nb.percent(_median(fits, "alpha"), 3),
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


def drift_sentence(result: StudyResult) -> str:
    """Name the asset whose alpha weighs most on its CARs."""
    name = model_names(result)[0]
    alphas = [
        (asset, value)
        for asset, fits in _by_asset(result, name)
        if (value := _median(fits, "alpha")) is not None
    ]
    if not alphas:
        return ""
    asset, value = max(alphas, key=lambda item: abs(item[1]))
    first, last = result.spec.event_window
    length = last - first + 1
    part = nb.percent(-value * length, 1)
    return (
        f"The largest is that of {md.escape(asset)}, {nb.percent(value)} % a session "
        f"at the median (model {md.escape(label(name))}): over the {length} sessions "
        f"of the event window subtracting it alone adds {part} points to the CAR."
    )
