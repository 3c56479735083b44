"""The table of the long run: holds of months, by calendar session."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from eventstudy.calendars import Calendar
from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.registry import LONG_RUN
from eventstudy.inference.long_run_methods import Benchmarks, LongSample
from eventstudy.panel.series import quotes_of, trade_to_trade, without
from eventstudy.spec import ALL
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.observation_tables import keys
from eventstudy.study.schema import frame

if TYPE_CHECKING:
    from eventstudy.study.builders import Study, Tables

# Headline observations of a block of fits, with the estimator that made it.
Members = list[tuple[Estimator, Estimate, BoolArray]]
_NUMBERS = ("estimate", "se", "statistic", "df", "pvalue")


def long_run(study: "Study") -> "Tables":
    """Judge the holds of the study file, by model and group, on headline events.

    Beside the groups of a model stands one of all of them, where there are several.
    """
    asked = study.spec.long_run
    if asked is None:
        return {}
    study.tell("Testing long runs")
    rows: list[dict[str, Any]] = []
    for (model, group), members in _groups(study).items():
        given = _arrays(study, members)
        for start, end in asked.holds:
            labels = {"model": model, "group": group, "start": start, "end": end}
            if isinstance(given, str):
                found = [{"method": m, "reason": given} for m in asked.methods]
            else:
                sample = LongSample(
                    **given,
                    hold=(start, end),
                    estimation=study.spec.estimation,
                    alternative=study.spec.alternative,
                )
                found = list(_judged(sample, asked.methods))
            rows += [labels | one for one in found]
    return {"long_run": frame("long_run", rows)}


def _judged(sample: LongSample, methods: Sequence[str]) -> Iterator[dict[str, Any]]:
    for name in methods:
        for method, variance, found in LONG_RUN[name].of_sample(sample):
            labels = {"method": method, "variance": variance, "n": found.n}
            if found.reason is None:
                held = {one: getattr(found, one) for one in _NUMBERS}
                labels |= {k: v for k, v in held.items() if np.isfinite(v)}
            yield labels | {"reason": found.reason}


def _groups(study: "Study") -> dict[tuple[str, str], Members]:
    """Return the headline observations of each model's groups, and of all together."""
    found: dict[tuple[str, str], Members] = {}
    for estimator, estimates in study.fitted:
        model = estimator.panel.setting.name
        for estimate in estimates:
            table = keys(estimator, estimate)
            for group in table["group"].unique(maintain_order=True):
                wanted = ((table["group"] == group) & table["headline"]).to_numpy()
                if wanted.any():
                    own = found.setdefault((model, group), [])
                    own.append((estimator, estimate, wanted))
    for model in dict.fromkeys(name for name, _ in found):
        parts = [held for (name, _), held in found.items() if name == model]
        if len(parts) > 1:
            found[model, ALL] = [one for held in parts for one in held]
    return found


def _arrays(study: "Study", members: Members) -> dict[str, Any] | str:
    """Return the arrays of a sample, or why there is none."""
    panels = [estimator.panel for estimator, _, _ in members]
    names, factors = set(), {panel.setting.regressors for panel in panels}
    for estimator, one, wanted in members:
        held = estimator.observations(one.rows[wanted])
        names |= {estimator.panel.calendar[o.asset] for o in held}
    if len(names) > 1:
        return (
            f"the group's assets trade on several calendars ({', '.join(sorted(names))}"
            "), whose sessions cannot be counted together; give each a group"
        )
    if len(factors) > 1:
        return "the groups' models have different factors, which have no portfolio"
    parts = [_part(*one) for one in members]
    y, x, errors = (np.concatenate([p[k] for p in parts]) for k in range(3))
    code, day0 = (np.concatenate([p[k] for p in parts]) for k in (3, 4))
    _, first, asset = np.unique(code, return_index=True, return_inverse=True)
    symbols = [symbol for part in parts for symbol in part[5]]
    return {
        "y": y[first],
        "x": x[first],
        "errors": np.where(np.isfinite(y), errors, np.nan),
        "asset": asset,
        "day0": day0,
        "benchmarks": _benchmarks(
            study, study.calendars[names.pop()], [symbols[at] for at in first.tolist()]
        ),
    }


def _part(
    estimator: Estimator, one: Estimate, wanted: BoolArray
) -> tuple[Array, Array, Array, IntArray, IntArray, list[str]]:
    """Return returns, factors and errors, assets' codes, days 0, and symbols."""
    panel, simple = estimator.panel, estimator.spec.returns == "simple"
    rows = one.rows[wanted]
    history = panel.history(rows, simple=simple)
    errors = estimator.prediction_errors(one, panel.history(one.rows, simple=simple))
    # A return over several sessions has no session of its own in a portfolio.
    y = np.where(history.span == 1, history.y, np.nan)
    symbols = [o.asset for o in estimator.observations(rows)]
    held = errors[wanted][:, : y.shape[1]]
    return y, history.x, held, panel.asset[rows], history.day0, symbols


def _benchmarks(
    study: "Study", calendar: Calendar, assets: Sequence[str]
) -> Benchmarks | None:
    """Return the returns of assets and of what they are compared with."""
    asked = study.spec.long_run
    if asked is None or not asked.symbols:
        return None
    held = _simple_returns(study, calendar, [*assets, *asked.symbols])
    nothing = np.full(len(calendar.sessions), np.nan)
    usual = asked.controls.get("default", "")
    controls = [asked.controls.get(asset, usual) for asset in assets]
    place = {symbol: at for at, symbol in enumerate(asked.reference)}
    return Benchmarks(
        assets=np.stack([held[asset] for asset in assets]),
        controls=np.stack(
            [
                nothing if control == asset else held.get(control, nothing)
                for asset, control in zip(assets, controls, strict=True)
            ]
        )
        if asked.controls
        else None,
        reference=np.stack([held.get(one, nothing) for one in asked.reference])
        if asked.reference
        else None,
        own=np.array([place.get(asset, -1) for asset in assets], np.int64),
        after_delisting=asked.after_delisting,
        n_draws=study.spec.resamples,
        seed=study.spec.seed,
    )


def _simple_returns(
    study: "Study", calendar: Calendar, symbols: Sequence[str]
) -> Mapping[str, Array]:
    """Return the simple returns of symbols that have prices, without wrong ones.

    They are no excess returns, whatever the model's are.
    """
    quotes = quotes_of(study.prices.filter(pl.col("symbol").is_in(list(symbols))))
    wrong = {k: v for e, _ in study.fitted for k, v in e.gate.wrong().items()}
    out = {}
    for symbol in quotes:
        series = trade_to_trade(symbol, (), quotes, calendar, bridge_gaps=True)
        if symbol in wrong:
            series = without(series, wrong[symbol], calendar)
        out[symbol] = series.simple_return
    return out
