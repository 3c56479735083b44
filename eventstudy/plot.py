"""The figures of a report from Python: a matplotlib Figure each.

>>> import eventstudy as es
>>> result = es.analyze("events/china_2021.csv")  # doctest: +SKIP
>>> es.plot.effects(result)  # doctest: +SKIP
>>> es.plot.caar(result, group="bitcoin", ax=ax)  # doctest: +SKIP
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

import polars as pl

from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.report.figures import aar as _aar
from eventstudy.report.figures import caar as _caar
from eventstudy.report.figures import effects as _effects
from eventstudy.report.figures import forest as _forest
from eventstudy.report.figures import heatmap as _heatmap
from eventstudy.report.figures import influence as _influence
from eventstudy.report.figures import multiverse as _multiverse
from eventstudy.report.figures import outcomes as _outcomes
from eventstudy.report.figures import placebo as _placebo
from eventstudy.report.figures import timeline as _timeline
from eventstudy.spec import Pair, window_text
from eventstudy.study.multiverse_result import MultiverseResult
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "aar",
    "caar",
    "effects",
    "heatmap",
    "influence",
    "multiverse",
    "outcome",
    "placebo",
    "timeline",
    "volatility",
]

# The tables that a group or a model can be chosen from.
_CHOSEN = (
    *("headline", "tests", "cars", "abnormal_returns", "aar", "placebo"),
    "volatility",
)


class _Figure(Protocol):
    """What a module of the report's figures has."""

    def has_data(self, result: StudyResult) -> bool: ...
    def figure(self, result: StudyResult) -> "Figure": ...
    def into(self, axes: "Axes", result: StudyResult) -> None: ...


def effects(
    result: StudyResult,
    *,
    window: Pair | None = None,
    group: str | None = None,
    model: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw the average effects with the intervals of both answers.

    A row per group and model: filled, on these dates; open, for such announcements.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    window : (int, int), optional
        One of the study's windows, by default the first.
    group : str, optional
        An asset group, "all", or the difference of two; by default all that fit.
    model : str, optional
        A model setting of the study; by default all of them.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a page of its own, as in the report.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        For a name or window that the study does not have, and where it holds nothing
        to draw.

    Examples
    --------
    >>> import eventstudy as es
    >>> from eventstudy.study.schema import frame
    >>> spec = es.StudySpec(groups={"banks": ("JPM", "C")})
    >>> at = {"sample": "headline", "model": "constant_mean", "group": "banks"}
    >>> at |= {"start": -1, "end": 1, "outcome": "car"}
    >>> row = at | {"estimate": -0.02, "ci_low_these": -0.05, "ci_high_these": 0.01}
    >>> table = frame("headline", [row])
    >>> result = es.StudyResult(spec=spec, provenance={}, headline=table)
    >>> figure = es.plot.effects(result)
    >>> [round(float(x), 2) for x in figure.axes[0].lines[1].get_xdata()]
    [-4.88, -1.98, 1.01]
    """
    part = _part(result, window=window, group=group, model=model)
    return _drawn(_effects, part, ax, "headline", "averages of these")


def caar(
    result: StudyResult,
    *,
    window: Pair | None = None,
    group: str | None = None,
    model: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw paths of the cumulative average abnormal return.

    A panel per group, a line per model with its band; dashed, cumulated from the start
    of the window, which is shaded.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    window : (int, int), optional
        One of the study's windows, by default the first.
    group : str, optional
        An asset group, "all", or the difference of two; by default all that fit, with
        ``ax`` the first.
    model : str, optional
        A model setting of the study; by default all of them.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a page of its own, as in the report.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        For a name or window that the study does not have, and where it holds nothing
        to draw.

    Examples
    --------
    >>> import eventstudy as es
    >>> from eventstudy.study.schema import frame
    >>> spec = es.StudySpec(groups={"banks": ("JPM", "C")})
    >>> at = {"sample": "headline", "model": "constant_mean", "group": "banks"}
    >>> path = [at | {"offset": t, "aar": 0.01, "caar": 0.01 * t} for t in (-1, 0, 1)]
    >>> result = es.StudyResult(spec=spec, provenance={}, aar=frame("aar", path))
    >>> [axes.get_xlabel() for axes in es.plot.caar(result).axes]
    ['']
    """
    part = _part(result, window=window, group=group, model=model)
    return _drawn(_caar, part, ax, "aar", "paths of that group and model")


def aar(
    result: StudyResult,
    *,
    window: Pair | None = None,
    group: str | None = None,
    model: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw the average abnormal return of each session.

    A panel per group, the window shaded.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    window : (int, int), optional
        One of the study's windows, by default the first.
    group : str, optional
        An asset group, "all", or the difference of two; by default all that fit, with
        ``ax`` the first.
    model : str, optional
        A model setting of the study; by default the first of each group.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a page of its own, as in the report.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        For a name or window that the study does not have, and where it holds nothing
        to draw.

    Examples
    --------
    >>> import eventstudy as es
    >>> from eventstudy.study.schema import frame
    >>> spec = es.StudySpec(groups={"banks": ("JPM", "C")})
    >>> at = {"sample": "headline", "model": "constant_mean", "group": "banks"}
    >>> path = [at | {"offset": t, "aar": 0.01, "caar": 0.01 * t} for t in (-1, 0, 1)]
    >>> result = es.StudyResult(spec=spec, provenance={}, aar=frame("aar", path))
    >>> [axes.get_xlabel() for axes in es.plot.aar(result).axes]
    ['']
    """
    part = _part(result, window=window, group=group, model=model)
    return _drawn(_aar, part, ax, "aar", "paths of that group and model")


def heatmap(
    result: StudyResult,
    *,
    window: Pair | None = None,
    group: str | None = None,
    model: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw single CARs, a row per day 0 and a column per asset.

    Of at most 40 days; a larger list shows in `eventstudy.StudyResult.cars`.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    window : (int, int), optional
        One of the study's windows, by default the first.
    group : str, optional
        An asset group, "all", or the difference of two; by default all that fit.
    model : str, optional
        A model setting of the study; by default the first.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a page of its own, as in the report.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        For a name or window that the study does not have, and where it holds nothing
        to draw.

    Examples
    --------
    >>> import eventstudy as es
    >>> from eventstudy.study.schema import frame
    >>> from datetime import date
    >>> spec = es.StudySpec(groups={"banks": ("JPM", "C")})
    >>> at = {
    ...     "model": "constant_mean",
    ...     "group": "banks",
    ...     "headline": True,
    ...     "asset": "C",
    ... }
    >>> days = {"one": date(2021, 5, 18), "two": date(2021, 6, 21)}
    >>> used = [
    ...     at | {"event_id": e, "observation": e, "day0": day, "status": "used"}
    ...     for e, day in days.items()
    ... ]
    >>> car = at | {"start": -1, "end": 1, "car": -0.02}
    >>> tables = {
    ...     "observations": frame("observations", used),
    ...     "cars": frame("cars", [car | {"event_id": e} for e in days]),
    ... }
    >>> result = es.StudyResult(spec=spec, provenance={}, tables=tables)
    >>> len(es.plot.heatmap(result).axes)
    2
    """
    part = _part(result, window=window, group=group, model=model)
    return _drawn(_heatmap, part, ax, "cars", "CARs of one to 40 days")


def timeline(
    result: StudyResult,
    *,
    asset: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw an asset's price with the announcements numbered and named.

    Of more than 40 announcements their number a month.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    asset : str, optional
        A symbol with closes; by default the first asset of the study.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a page of its own, as in the report.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        For a name or window that the study does not have, and where it holds nothing
        to draw.

    Examples
    --------
    >>> import eventstudy as es
    >>> from eventstudy.study.schema import frame
    >>> from datetime import date
    >>> spec = es.StudySpec(groups={"banks": ("JPM", "C")})
    >>> day = {"event_id": "one", "day0": date(2021, 5, 18), "status": "used"}
    >>> closes = [
    ...     {"symbol": "C", "date": date(2021, 5, 17 + i), "close": 70.0 + i}
    ...     for i in range(3)
    ... ]
    >>> tables = {
    ...     "observations": frame("observations", [day | {"asset": "C"}]),
    ...     "closes": frame("closes", closes),
    ... }
    >>> result = es.StudyResult(spec=spec, provenance={}, tables=tables)
    >>> es.plot.timeline(result).axes[0].lines[0].get_ydata().tolist()
    [70.0, 71.0, 72.0]
    """
    return _drawn(_timeline, _of_asset(result, asset), ax, "closes", "closes")


def volatility(
    result: StudyResult,
    *,
    group: str | None = None,
    model: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw volatility after the announcements over that before.

    A row per group and asset, pooled over announcements.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    group : str, optional
        An asset group, "all", or the difference of two; by default all that fit.
    model : str, optional
        A model setting of the study; by default the first of each group.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a page of its own, as in the report.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        For a name or window that the study does not have, and where it holds nothing
        to draw.

    Examples
    --------
    >>> import eventstudy as es
    >>> from eventstudy.study.schema import frame
    >>> spec = es.StudySpec(groups={"banks": ("JPM", "C")})
    >>> row = {"event_id": "all", "asset": "all", "group": "banks"}
    >>> row |= {"model": "constant_mean", "ratio": 1.3}
    >>> row |= {"measure": "abnormal_return", "window": "post"}
    >>> table = frame("volatility", [row])
    >>> result = es.StudyResult(spec=spec, provenance={}, volatility=table)
    >>> [float(x) for x in es.plot.volatility(result).axes[0].lines[-1].get_xdata()]
    [1.3]
    """
    part = _part(result, group=group, model=model)
    return _drawn(_forest, part, ax, "volatility", "ratios of volatility")


def placebo(
    result: StudyResult,
    *,
    group: str | None = None,
    model: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw the average among those of other dates of the same assets.

    A histogram per group for the study's first window, the actual dates as a line.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    group : str, optional
        An asset group, "all", or the difference of two; by default all that fit, with
        ``ax`` the first.
    model : str, optional
        A model setting of the study; by default the first of each group.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a page of its own, as in the report.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        For a name or window that the study does not have, and where it holds nothing
        to draw.

    Examples
    --------
    >>> import eventstudy as es
    >>> from eventstudy.study.schema import frame
    >>> spec = es.StudySpec(groups={"banks": ("JPM", "C")})
    >>> at = {"sample": "headline", "model": "constant_mean", "group": "banks"}
    >>> at |= {"start": -1, "end": 1, "actual": -0.8, "basis": "the whole history"}
    >>> bins = [
    ...     at | {"low": i / 2, "high": (i + 1) / 2, "n": 9} for i in (-2, -1, 0, 1)
    ... ]
    >>> table = frame("placebo", bins)
    >>> result = es.StudyResult(spec=spec, provenance={}, placebo=table)
    >>> [float(bar.get_height()) for bar in es.plot.placebo(result).axes[0].patches]
    [9.0, 9.0, 9.0, 9.0]
    """
    part = _part(result, group=group, model=model)
    return _drawn(_placebo, part, ax, "placebo", "averages at other dates")


def influence(
    result: StudyResult,
    *,
    window: Pair | None = None,
    group: str | None = None,
    model: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw the averages, and what they are without each date.

    A row per group: a line at the average, a dot for each date that is left out.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    window : (int, int), optional
        One of the study's windows, by default the first.
    group : str, optional
        An asset group, "all", or the difference of two; by default all that fit.
    model : str, optional
        A model setting of the study; by default the first of each group.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a page of its own, as in the report.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        For a name or window that the study does not have, and where it holds nothing
        to draw.

    Examples
    --------
    >>> import eventstudy as es
    >>> from eventstudy.study.schema import frame
    >>> from datetime import date
    >>> spec = es.StudySpec(groups={"banks": ("JPM", "C")})
    >>> at = {
    ...     "model": "constant_mean",
    ...     "group": "banks",
    ...     "headline": True,
    ...     "asset": "C",
    ... }
    >>> days = {"one": date(2021, 5, 18), "two": date(2021, 6, 21)}
    >>> used = [
    ...     at | {"event_id": e, "observation": e, "day0": day, "status": "used"}
    ...     for e, day in days.items()
    ... ]
    >>> car = at | {"start": -1, "end": 1, "car": -0.02}
    >>> tables = {
    ...     "observations": frame("observations", used),
    ...     "cars": frame("cars", [car | {"event_id": e} for e in days]),
    ... }
    >>> result = es.StudyResult(spec=spec, provenance={}, tables=tables)
    >>> len(es.plot.influence(result).axes)
    1
    """
    part = _part(result, window=window, group=group, model=model)
    return _drawn(_influence, part, ax, "cars", "averages of two dates or more")


def multiverse(result: MultiverseResult, *, ax: "Axes | None" = None) -> "Figure":
    """Draw a specification curve: the averages in order, the choices below each.

    Parameters
    ----------
    result : MultiverseResult
        What `eventstudy.multiverse` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw the curve, without the choices; by default on a page of its own.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        Where there is no joint p-value, without which no curve is shown.

    Examples
    --------
    >>> import eventstudy as es
    >>> from eventstudy.study.multiverse_result import SCHEMA
    >>> cell = {"model": "market", "start": -1, "estimation": "-130:-11"}
    >>> cell |= {"overlap": "keep", "returns": "log", "test": "bmp", "pvalue": 0.2}
    >>> cells = [cell | {"end": k, "estimate": -0.01 * k} for k in (1, 2, 5)]
    >>> joint = [{"statistic": "median", "value": -0.02, "pvalue": 0.3}]
    >>> result = es.MultiverseResult(
    ...     spec=es.StudySpec(),
    ...     group="all",
    ...     multiverse=SCHEMA["multiverse"].frame(cells),
    ...     multiverse_joint=SCHEMA["multiverse_joint"].frame(joint),
    ...     provenance={},
    ... )
    >>> len(es.plot.multiverse(result).axes)
    2
    """
    if not _multiverse.has_data(result):
        raise SpecError(
            "there is no specification curve without its joint p-value: "
            f"{result.reason}"
        )
    if ax is None:
        return _multiverse.figure(result)
    _multiverse.into(ax, result)
    return cast("Figure", ax.figure)


def outcome(
    result: StudyResult,
    *,
    outcome: str | None = None,
    event_id: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Draw a series that is no price, and what its past led to expect.

    Parameters
    ----------
    result : StudyResult
        A finished study.
    outcome : str, optional
        Name of a series; by default all of them, or the first in ``ax``.
    event_id : str, optional
        A headline announcement; by default the one that a question is about, or the
        first.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a page of its own, as in the report.

    Returns
    -------
    matplotlib.figure.Figure
        The page, or the figure that ``ax`` is on.

    Raises
    ------
    SpecError
        For a name that the study does not have, and where it holds nothing to draw.

    Examples
    --------
    >>> import eventstudy as es
    >>> spec = es.StudySpec(
    ...     parts=("outcomes",),
    ...     outcomes=(
    ...         es.OutcomeSetting(
    ...             name="hash rate", file="snapshot", value="hash_rate", kind="log"
    ...         ),
    ...     ),
    ...     groups={"bitcoin": ("BTC-USD",)},
    ... )
    >>> events = pl.DataFrame({"event_id": ["ban"], "announced_at": ["2021-05-21"]})
    >>> result = es.run(spec, events, es.fetch_prices(["BTC-USD"], source="snapshot"))
    >>> len(es.plot.outcome(result).axes)
    1
    """
    tables = dict(result.tables)
    for column, name in (("outcome", outcome), ("event_id", event_id)):
        if name is None:
            continue
        known = tables["outcome_paths"][column].unique(maintain_order=True)
        if name not in known:
            raise unknown_name(column, name, known)
        for table in ("outcomes", "outcome_paths"):
            tables[table] = tables[table].filter(pl.col(column) == name)
    part = StudyResult(spec=result.spec, provenance=result.provenance, tables=tables)
    return _drawn(_outcomes, part, ax, "outcome_paths", "series that are no prices")


def _drawn(
    drawing: _Figure,
    result: StudyResult,
    ax: "Axes | None",
    table: str,
    what: str,
) -> "Figure":
    """Draw a figure on its page, or into axes.

    table : that the figure is drawn from;  what : it has to hold
    """
    if not drawing.has_data(result):
        why = f"result.{table} has none"
        if not result.computed(table):
            why = f"not computed, parts = {', '.join(result.spec.parts)}"
        raise SpecError(f"there are no {what} to draw: {why}")
    if ax is None:
        return drawing.figure(result)
    drawing.into(ax, result)
    return cast("Figure", ax.figure)


def _part(
    result: StudyResult,
    *,
    group: str | None = None,
    model: str | None = None,
    window: Pair | None = None,
) -> StudyResult:
    """Return the study with one group or model only, and that window first."""
    spec, tables = result.spec, dict(result.tables)
    if window is not None:
        windows = [tuple(one) for one in spec.windows]
        if tuple(window) not in windows:
            held = ", ".join(map(window_text, spec.windows))
            raise SpecError(f"the study has no window {tuple(window)}; it has {held}")
        others = (one for one in spec.windows if tuple(one) != tuple(window))
        spec = replace(spec, windows=((window[0], window[1]), *others))
    for column, name in (("group", group), ("model", model)):
        if name is None:
            continue
        known = {found for table in _CHOSEN for found in tables[table][column]}
        known = {found for found in known if found is not None}
        if name not in known:
            raise unknown_name(column, name, known)
        for table in _CHOSEN:
            tables[table] = tables[table].filter(pl.col(column) == name)
    return StudyResult(spec=spec, provenance=result.provenance, tables=tables)


def _of_asset(result: StudyResult, asset: str | None) -> StudyResult:
    """Return the study with the closes of one asset only."""
    if asset is None:
        return result
    closes = result.closes.filter(pl.col("symbol") == asset)
    if closes.is_empty():
        raise unknown_name("asset", asset, result.closes["symbol"].unique())
    tables = {**result.tables, "closes": closes}
    return StudyResult(spec=result.spec, provenance=result.provenance, tables=tables)
