"""One row per observation: its outcomes, the characteristics of event and asset."""

import numpy as np
import polars as pl

from eventstudy.cells.frames import ArrowStream
from eventstudy.core.abnormal import IntArray
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.core.overlap import linked
from eventstudy.spec import Pair, window_text
from eventstudy.study.result import StudyResult

OUTCOMES = ("car", "scar", "bhar")
SAMPLES = ("headline", "all")
MIXED = "mixed"
# Columns of the rows that are no characteristics.
_OWN = ("event_id", "day0", "se", *OUTCOMES)
# One event of an observation; no catalogue has a column of this name.
_MEMBER = "event_id of a member"
_KEYS = ("event_id", _MEMBER, "asset", "group")


def observation_rows(
    result: StudyResult,
    *,
    window: Pair,
    model: str,
    sample: str,
    assets: ArrowStream | None = None,
) -> pl.DataFrame:
    """Return event_id, asset, group, day0, outcomes, se and all characteristics.

    An observation that merges several events has the text that they share, "mixed"
    where they differ, and the mean of their numbers. A text column of numbers is a
    number; truth values are 0 and 1.

    Raises `SpecError` when the window, model or sample is not in the study.
    """
    if tuple(window) not in result.spec.windows:
        raise SpecError(
            f"window {window_text((window[0], window[1]))} is none of "
            f"{', '.join(map(window_text, result.spec.windows))}"
        )
    if sample not in SAMPLES:
        raise unknown_name("sample", sample, SAMPLES)
    wanted = (pl.col("model") == model) & (pl.col("start") == window[0])
    rows = result.cars.filter(wanted & (pl.col("end") == window[1]))
    # what is out of averages is out of comparisons
    rows = rows.with_columns(pl.when("in_average").then(pl.col(*OUTCOMES)))
    if sample == "headline":
        rows = rows.filter("headline")
    used = result.observations.filter(
        (pl.col("status") == "used") & (pl.col("model") == model)
    ).rename({"event_id": _MEMBER, "observation": "event_id"})
    days = used.select("event_id", "asset", "day0").unique()
    rows = rows.select("event_id", "asset", "group", "headline", "se", *OUTCOMES)
    rows = rows.join(days, on=["event_id", "asset"], how="left", maintain_order="left")
    of_events = _merged(used.select("event_id", _MEMBER).unique(), result.events)
    rows = rows.join(of_events, on="event_id", how="left", maintain_order="left")
    if assets is not None:
        held = pl.DataFrame(assets)
        _check_assets(held, rows)
        rows = rows.join(held, on="asset", how="left", maintain_order="left")
    return rows.with_columns(_numbers(rows))


def characteristics(rows: pl.DataFrame) -> list[str]:
    """Return the columns that a formula can name."""
    return [
        name
        for name, kind in rows.schema.items()
        if name not in _OWN and (kind == pl.String or kind.is_numeric())
    ]


def _merged(members: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Return one row per observation from the rows of its events."""
    held = events.drop("headline", "line", "asset", "group", strict=False).select(
        pl.col("event_id").alias(_MEMBER),
        pl.selectors.string().exclude("event_id", *_OWN),
        pl.selectors.numeric().exclude(_OWN),
        pl.selectors.boolean().exclude(_OWN),
    )
    held = held.with_columns(_numbers(held))
    texts = [n for n, kind in held.schema.items() if kind == pl.String and n != _MEMBER]
    numbers = [n for n in held.columns if n not in (*texts, _MEMBER)]
    said = {name: pl.col(name).drop_nulls().unique() for name in texts}
    return (
        members.join(held, on=_MEMBER, how="left")
        .group_by("event_id", maintain_order=True)
        .agg(
            *(
                pl.when(value.len() > 1)
                .then(pl.lit(MIXED))
                .otherwise(value.first())
                .alias(name)
                for name, value in said.items()
            ),
            *(pl.col(name).cast(pl.Float64).mean() for name in numbers),
        )
    )


def _check_assets(assets: pl.DataFrame, rows: pl.DataFrame) -> None:
    if "asset" not in assets.columns:
        raise SpecError("the frame of asset characteristics needs a column 'asset'")
    if assets["asset"].is_duplicated().any():
        raise SpecError("the frame of asset characteristics names an asset twice")
    if taken := sorted(set(assets.columns) & set(rows.columns) - {"asset"}):
        raise SpecError(
            f"asset characteristics are called {', '.join(taken)} like columns of the "
            "study; rename them"
        )


def _numbers(frame: pl.DataFrame) -> list[pl.Expr]:
    """Cast truth values and texts that are all numbers; what is not finite is null."""
    out = []
    for name, kind in frame.schema.items():
        value = pl.col(name)
        if kind == pl.Boolean:
            out.append(value.cast(pl.Float64))
        elif kind.is_float():
            out.append(pl.when(value.is_finite()).then(value).alias(name))
        elif kind in (pl.Categorical, pl.Enum):
            out.append(value.cast(pl.String))
        elif kind == pl.String and name not in _KEYS:
            cast = frame[name].cast(pl.Float64, strict=False)
            if 0 < cast.is_finite().sum() == frame[name].count():
                out.append(value.cast(pl.Float64))
    return out


def cluster_labels(
    result: StudyResult, rows: pl.DataFrame, kind: str, *, window: Pair, model: str
) -> IntArray:
    """Number the clusters (N,) of rows by "event", "date" or "asset"."""
    if kind == "asset":
        return np.unique(rows["asset"].to_numpy(), return_inverse=True)[1]
    keys = rows.select("event_id", "asset").with_row_index("row")
    if kind == "event":
        links = result.observations.filter(pl.col("model") == model).select(
            "asset", item="event_id", event_id="observation"
        )
    else:
        links = result.abnormal_returns.filter(
            (pl.col("model") == model) & pl.col("offset").is_between(*window)
        ).select("asset", "event_id", item="session")
    found = keys.join(links.drop_nulls(), on=["event_id", "asset"], how="inner")
    item = found["item"].rank("dense").to_numpy().astype(np.int64) - 1
    return linked(rows.height, found["row"].to_numpy().astype(np.int64), item)
