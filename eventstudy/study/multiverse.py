"""The same average under many specifications, with one p-value for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from eventstudy.catalogue import Events
from eventstudy.core.abnormal import Array
from eventstudy.core.errors import DataError, SpecError, unknown_name
from eventstudy.core.threads import OneThread
from eventstudy.inference import TESTS, assess, collect
from eventstudy.inference.aggregates import merge_all
from eventstudy.inference.pvalues import exceedance
from eventstudy.inference.recommend import needs_of
from eventstudy.inference.single import MIN_PSEUDO_DATES, MIN_SHIFTS
from eventstudy.models import MODELS
from eventstudy.panel import build
from eventstudy.prices import Prices, read_prices
from eventstudy.scale.choice import opened
from eventstudy.scale.engine import Engine, Task
from eventstudy.spec import ALL, ModelSetting, Pair, StudySpec
from eventstudy.study.currencies import converted
from eventstudy.study.defaults import with_market
from eventstudy.study.doubts import Gate, findings_of
from eventstudy.study.estimate import estimators
from eventstudy.study.inputs import events_of, gated, groups_of
from eventstudy.study.multiverse_cells import (
    HISTORY,
    WITHIN,
    Cells,
    Variant,
    at_other_dates,
    at_the_dates,
    immovable,
    shifts_over_history,
    shifts_within,
)
from eventstudy.study.multiverse_result import SCHEMA, MultiverseResult
from eventstudy.study.names import one_spelling
from eventstudy.study.own import own_windows, widened, with_benchmarks
from eventstudy.study.pipeline import Progress
from eventstudy.study.provenance import provenance_of
from eventstudy.study.samples import HEADLINE, group_samples

# Shifts over a long history; each is a study of its own.
MOST_SHIFTS = 400


@OneThread()
def multiverse(
    spec: StudySpec,
    events: Events | Any,  # noqa: ANN401 - a path, or any frame with Arrow's stream
    prices: Prices | Any,  # noqa: ANN401
    *,
    group: str | None = None,
    models: Sequence[str | ModelSetting] | None = None,
    windows: Sequence[Pair] | None = None,
    estimation: Sequence[Pair] | None = None,
    overlap: Sequence[str] = ("exclude", "keep"),
    returns: Sequence[str] = ("log", "simple"),
    tests: Sequence[str] | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    command: str | None = None,
    inputs: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    engine: str | Engine = "threads",
) -> MultiverseResult:
    """Average the effects of a group under every combination of choices.

    Nothing but the headline averages and their tests is computed. The joint p-values
    compare three statistics of all specifications with the same at pseudo-dates: all
    dates are moved by the same number of sessions in every specification, every model
    is fitted anew and every test repeated. Where 200 shifts over the whole history are
    free of announcements these are taken, at most 400, evenly spread; otherwise the
    windows are moved within the estimation windows, from which they are left out.

    Parameters
    ----------
    spec : StudySpec
        The study; what is not varied is as it says.
    events : Events, str, Path or frame
        The announcements, as for `run`.
    prices : Prices, str, Path or frame
        The prices, as for `run`.
    group : str, optional
        An asset group, or "all"; by default the first of those with the most models.
    models : sequence of str or ModelSetting, optional
        Names of the study's settings, names in `MODELS` (with as many of the study's
        factors as they take), or settings; by default those of the group.
    windows : sequence of (int, int), optional
        In event time, both ends included; by default the study's.
    estimation : sequence of (int, int), optional
        Estimation windows in event time; by default the study's.
    overlap : sequence of str
        "exclude" and "keep": sessions near other events in the estimation window.
    returns : sequence of str
        "log" and "simple".
    tests : sequence of str, optional
        Names of tests of samples; by default the test that the study recommends for
        its first window.
    strict : bool
        Whether doubtful prices are an error.
    progress : callable, optional
        Called with the name of each stage.
    command : str, optional
        Command line for the provenance.
    inputs : mapping of str to str, optional
        Names and SHA-256 of further files for the provenance.
    notes : sequence of str
        Remarks for the provenance.
    engine : str or Engine
        As for `analyze`; the numbers are the same.

    Returns
    -------
    MultiverseResult
        The tables. Without joint p-values these are null, and a reason says why.

    Raises
    ------
    SpecError
        For an unknown name, a window that cannot be, and where nothing varies.
    DataError
        For events or prices that cannot be used.

    References
    ----------
    Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4.

    Examples
    --------
    >>> import eventstudy as es
    >>> spec = es.StudySpec(
    ...     groups={"miners": ("RIOT", "MARA")}, model="market", factors=("^GSPC",)
    ... )
    >>> prices = es.fetch_prices(spec.symbols, source="snapshot")
    >>> found = es.multiverse(
    ...     spec,
    ...     "events/china_2021.csv",
    ...     prices,
    ...     windows=[(-1, 1)],
    ...     overlap=["exclude"],
    ... )
    >>> found.multiverse["returns"].to_list()
    ['log', 'simple']
    >>> found.multiverse_joint["statistic"].to_list()
    ['median', 'share_dominant_sign', 'share_significant']
    """
    tell = progress or (lambda _stage: None)
    events = events_of(events, spec)
    prices = prices if isinstance(prices, Prices) else read_prices(prices)
    events = one_spelling(spec, events, prices)
    groups = groups_of(spec, events, prices)
    spec, _ = with_market(with_benchmarks(spec, events), groups, prices)
    group = _group(group, spec, groups)
    if group in groups:
        groups = {group: groups[group]}
    base = _base(spec, groups, _models(spec, group, models), windows, tests)
    grid = _Grid(
        estimation=_distinct("estimation", estimation or [spec.estimation]),
        overlap=_distinct("overlap", overlap),
        returns=_distinct("returns", returns),
    )
    if tests is not None:
        _check_varied(base, grid)
    tell("Fitting normal returns")
    fits = list(_fitted(base, grid, group, groups, events, prices, strict=strict))
    if tests is None:
        fits = [replace(one, tests=(_recommended(fits[0]),)) for one in fits]
        _check_varied(replace(base, tests=fits[0].tests), grid)
    tell("Testing the specifications")
    with opened(engine, ahead=[at_the_dates.__module__]) as who:
        actual, joint = _judged(who, fits)
    shown = replace(spec, tests=fits[0].tests, windows=base.windows, questions=())
    return MultiverseResult(
        spec=shown,
        group=group,
        multiverse=_table(fits, actual),
        multiverse_joint=joint,
        provenance=provenance_of(
            shown,
            events,
            prices,
            command=command,
            inputs=inputs or {},
            bars=[],
            notes=notes,
        ),
    )


# --- what is asked ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The choices that a panel or a fit is made for."""

    estimation: tuple[Any, ...]
    overlap: tuple[Any, ...]
    returns: tuple[Any, ...]


def _distinct(name: str, values: Sequence[Any]) -> tuple[Any, ...]:
    if isinstance(values, str):
        raise SpecError(f"{name} = {values!r}: write a list, such as [{values!r}]")
    found = [tuple(one) if isinstance(one, list) else one for one in values]
    if not found:
        raise SpecError(f"{name} is empty; name one or more")
    return tuple(dict.fromkeys(found))


def _group(group: str | None, spec: StudySpec, groups: Mapping[str, Any]) -> str:
    """Return the group that is averaged."""
    if group is None:
        return max(groups, key=lambda name: len(_settings(spec, name)))
    if group != ALL and group not in groups:
        raise unknown_name("group", group, groups)
    return group


def _settings(spec: StudySpec, group: str) -> list[ModelSetting]:
    return [one for one in spec.models if group in (ALL, *one.groups) or not one.groups]


def _models(
    spec: StudySpec, group: str, asked: Sequence[str | ModelSetting] | None
) -> tuple[ModelSetting, ...]:
    """Return the settings of the models that were asked for, for the group alone."""
    own = _settings(spec, group)
    if asked is None:
        found = own
    else:
        factors = tuple(dict.fromkeys(f for one in own for f in one.factors))
        names = _distinct("models", asked)
        found = [s for one in names for s in _named(one, own, factors)]
    if group == ALL:
        return tuple(found)
    return tuple(replace(one, groups=()) for one in found)


def _named(
    one: str | ModelSetting, own: Sequence[ModelSetting], factors: tuple[str, ...]
) -> list[ModelSetting]:
    if isinstance(one, ModelSetting):
        return [one]
    if held := [setting for setting in own if setting.name == one]:
        return held
    if one not in MODELS:
        raise unknown_name("model", one, [*(s.name for s in own), *MODELS])
    return [ModelSetting(model=one, factors=factors[: MODELS.entry(one).max_factors])]


def _base(
    spec: StudySpec,
    groups: Mapping[str, tuple[str, ...]],
    models: tuple[ModelSetting, ...],
    windows: Sequence[Pair] | None,
    tests: Sequence[str] | None,
) -> StudySpec:
    """Return the study with nothing but what the cells need."""
    named = _distinct("tests", tests) if tests is not None else ()
    for name in named:
        if name not in TESTS:
            raise unknown_name("test", name, TESTS)
        if TESTS.entry(name).level != "sample":
            raise SpecError(
                f"test {name} is of single observations; wanted tests of a sample, "
                "see eventstudy list tests"
            )
    return replace(
        spec,
        groups=groups,
        labels={},
        models=models,
        windows=_distinct("windows", windows or spec.windows),
        tests=named or spec.tests,
        parts=("returns",),
        questions=(),
        intraday={},
        long_run=None,
    )


def _check_varied(base: StudySpec, grid: _Grid) -> None:
    """Refuse a single specification."""
    names = {one.name for one in base.models}
    axes = [names, base.windows, base.tests]
    axes += [grid.estimation, grid.overlap, grid.returns]
    if all(len(axis) == 1 for axis in axes):
        raise SpecError(
            "there is nothing to vary: one model, window, estimation window, overlap, "
            "kind of returns and test; give two or more of one of them"
        )


# --- the cells ----------------------------------------------------------------------


def _fitted(
    base: StudySpec,
    grid: _Grid,
    group: str,
    groups: Mapping[str, tuple[str, ...]],
    events: Events,
    prices: Prices,
    *,
    strict: bool,
) -> Iterator[Variant]:
    """Yield the fits of each model, estimation window, overlap and kind of returns."""
    hull = (min(a for a, _ in grid.estimation), max(b for _, b in grid.estimation))
    held = [asset for members in groups.values() for asset in members]
    held += [*base.beside]
    # Of a single group there is no sample of all groups besides.
    averaged = next(iter(groups)) if len(groups) == 1 else group
    widest = replace(base, estimation=hull)
    prices = gated(widest, events.frame, prices, symbols=held, strict=strict)
    prices = converted(base, prices)
    first = Gate(findings=findings_of(prices.issues), hold_back=base.hold_back)
    for estimation, overlap, returns in product(
        grid.estimation, grid.overlap, grid.returns
    ):
        asked = replace(base, estimation=estimation, overlap=overlap, returns=returns)
        own = own_windows(asked, events)
        spec = widened(asked, events, own)
        panels, market = build(
            spec,
            groups,
            events.frame,
            prices.frame,
            wrong=first.wrong(),
            returns=prices.returns,
            usual=asked.estimation,
            own=own,
        )
        gate = first.in_periods(market.calendars, panels)
        fitted = [(one, list(one)) for one in estimators(spec, panels, gate)]
        samples = {
            one.model: one
            for one in group_samples(list(groups), fitted)
            if one.sample == HEADLINE and one.group == averaged
        }
        for name in dict.fromkeys(one.name for one in base.models):
            if name not in samples:
                raise _nothing(name, asked, fitted)
            yield Variant(
                spec=spec,
                estimation=estimation,
                members=samples[name],
                tests=base.tests,
            )


def _nothing(name: str, spec: StudySpec, fitted: Sequence[Any]) -> DataError:
    """Return the error for a specification without an observation."""
    why = [
        f": {reason}, {held}, wanted {wanted}"
        for estimator, blocks in fitted
        if estimator.panel.setting.name == name
        for block in blocks
        for reason, held, wanted in block.left_out.values()
    ]
    return DataError(
        f"model {name}, estimation {_text(spec.estimation)}, overlap {spec.overlap}: "
        f"no observation can be estimated{(why or [''])[0]}; leave this choice out"
    )


def _recommended(fits: Variant) -> str:
    """Return the test that the study recommends for the first window."""
    chunks, window = fits.members.event, fits.spec.windows[0]
    needs = needs_of(sum(len(ab.asset) for ab in chunks))
    known = merge_all(collect(ab, [window], needs) for ab in chunks)
    (found,) = assess(known, [window], level=fits.spec.level)
    return found.advice.test


def _judged(
    engine: Engine, fits: Sequence[Variant]
) -> tuple[list[Cells], pl.DataFrame]:
    """Return the cells of each fit, and the table of the joint test."""
    engine.hold("fits", fits)
    actual: list[Cells] = engine.share(
        [_task(at_the_dates, i) for i in range(len(fits))]
    )
    estimate, pvalue = (_joined(actual, name) for name in ("estimate", "pvalue"))
    alpha = 1.0 - fits[0].spec.level
    known = np.isfinite(estimate)
    if not known.any():
        raise DataError(
            "no specification has an average: no observation counts in any window; "
            "see cut_windows and the findings about the prices"
        )
    values = statistics(estimate[known], pvalue[known], alpha)
    reason = immovable(fits)
    draws, basis = np.empty((0, 3)), None
    if reason is None:
        draws, basis, reason = _draws(engine, fits, actual, alpha)
    ways = (fits[0].spec.alternative, "greater", "greater")
    rows = [
        {
            "statistic": name,
            "value": value,
            "pvalue": None
            if reason
            else float(exceedance(draws[:, k], np.asarray(value), way)),  # type: ignore[arg-type]
            "n_shifts": len(draws),
            "basis": basis,
            "reason": reason,
        }
        for k, (name, value, way) in enumerate(
            zip(STATISTICS, values.tolist(), ways, strict=True)
        )
    ]
    return actual, SCHEMA["multiverse_joint"].frame(rows)


def _task(function: Any, *args: object) -> Task:  # noqa: ANN401
    name = f"{function.__module__}:{function.__name__}"
    return Task(name, ("fits",), args)


def _joined(cells: Sequence[Cells], name: str) -> Array:
    """Return a value of all cells in a row, (..., C)."""
    parts = [getattr(one, name) for one in cells]
    return np.concatenate([p.reshape(*p.shape[:-2], -1) for p in parts], axis=-1)


STATISTICS = ("median", "share_dominant_sign", "share_significant")


def statistics(estimate: Array, pvalue: Array, alpha: float) -> Array:
    """Return the three statistics of cells (..., C) as (..., 3).

    A cell without a p-value is not significant.

    >>> statistics(np.array([-2.0, -1.0, 3.0]), np.array([0.01, np.nan, 0.2]), 0.05)
    array([-1.        ,  0.66666667,  0.33333333])
    """
    up, down = (estimate > 0).mean(axis=-1), (estimate < 0).mean(axis=-1)
    found = (
        np.median(estimate, axis=-1),
        np.maximum(up, down),
        (pvalue < alpha).mean(axis=-1),
    )
    return np.stack(found, axis=-1)


def _draws(
    engine: Engine, fits: Sequence[Variant], actual: Sequence[Cells], alpha: float
) -> tuple[Array, str | None, str | None]:
    """Return the statistics at pseudo-dates (B, 3), where these lie, or why not."""
    n, known = _joined(actual, "n"), np.isfinite(_joined(actual, "estimate"))
    held = 0
    for where, least, shifts in (
        (HISTORY, MIN_SHIFTS, shifts_over_history(fits, MOST_SHIFTS)),
        (WITHIN, MIN_PSEUDO_DATES, shifts_within(fits)),
    ):
        if len(shifts) < least:
            held = len(shifts)
            continue
        found: list[Cells] = engine.share(
            [_task(at_other_dates, i, shifts, where) for i in range(len(fits))]
        )
        estimate, pvalue = (_joined(found, name) for name in ("estimate", "pvalue"))
        enough = (2 * _joined(found, "n") >= n) & np.isfinite(estimate)
        good = enough[:, known].all(axis=1)
        held = int(good.sum())
        if held >= least:
            of_good = estimate[good][:, known], pvalue[good][:, known]
            return statistics(*of_good, alpha), f"{held} shifts {where}", None
    return (
        np.empty((0, 3)),
        None,
        f"only {held} shifts of the dates count in every specification, at least "
        f"{MIN_PSEUDO_DATES} are needed; take longer estimation windows or a longer "
        "history of prices, or shorter windows",
    )


def _table(fits: Sequence[Variant], cells: Sequence[Cells]) -> pl.DataFrame:
    rows = [
        {
            "model": one.members.model,
            "start": window[0],
            "end": window[1],
            "estimation": _text(one.estimation),
            "overlap": one.spec.overlap,
            "returns": one.spec.returns,
            "test": test,
            "estimate": float(found.estimate[w, k]),
            "pvalue": float(found.pvalue[w, k]),
            "n": int(found.n[w, k]),
            "reason": found.reason[w, k],
        }
        for one, found in zip(fits, cells, strict=True)
        for w, window in enumerate(one.spec.windows)
        for k, test in enumerate(one.tests)
    ]
    return SCHEMA["multiverse"].frame(rows)


def _text(window: Pair) -> str:
    return f"{window[0]}:{window[1]}"
