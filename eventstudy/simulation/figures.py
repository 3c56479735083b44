"""Figures of a simulation: sizes with intervals, and power curves."""

from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.report.figures import style
from eventstudy.report.labels import group_label, label
from eventstudy.report.markdown import shorten
from eventstudy.simulation.result import SimulationResult
from eventstudy.simulation.tables import POWER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
LETTERS = 20  # of a panel's title
# More lines cannot be told apart in a small panel; the others are drawn pale.
HIGHLIGHTED = 5
NEARLY_ALL = 0.98


def figures(result: SimulationResult) -> dict[str, bytes]:
    """Draw the figures: file name -> SVG bytes, the same bytes each time."""
    drawn = {"size.svg": _size(result)}
    if not result.power.is_empty():
        drawn["power.svg"] = _power(result)
    return drawn


def samples_of(result: SimulationResult) -> list[tuple[str, str]]:
    """Models and groups that were simulated, in order."""
    return list(result.designs.select("model", "group").rows())


def sample_label(model: str, group: str) -> str:
    """Name a sample.

    >>> sample_label("net_of_bitcoin", "all")
    'all assets, net of bitcoin'
    """
    return f"{group_label(group)}, {label(model)}"


def _title(model: str, group: str) -> str:
    """Name a sample on two lines that fit above a panel."""
    return f"{shorten(group_label(group), LETTERS)},\n{shorten(label(model), LETTERS)}"


def trusted_first(result: SimulationResult) -> list[str]:
    """Tests in order of trust: fewest samples in which they over-reject, then power."""
    variance = result.request.variances[0]
    sizes = result.verdict.filter(pl.col("variance") == variance)
    power = result.power.filter(pl.col("variance") == variance)
    names = result.request.tests

    def key(test: str) -> tuple[int, float, int]:
        own = sizes.filter((pl.col("test") == test) & pl.col("size").is_not_null())
        if own.is_empty():
            return len(names) * len(sizes), 0.0, names.index(test)
        bad = int((own["verdict"] == "over-rejects").sum())
        found = power.filter(pl.col("test") == test)["mde"]
        worst = float(found.fill_null(max(map(abs, result.request.effects))).sum())
        return bad, worst, names.index(test)

    return sorted(names, key=key)


def _grid(figure: "Figure", result: SimulationResult, **shared: Any) -> Any:  # noqa: ANN401
    """Return (sample, axes) pairs on a grid; places left over are blank."""
    samples = samples_of(result)
    figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    columns = min(COLUMNS, len(samples))
    rows = -(-len(samples) // columns)
    grid = figure.subplots(rows, columns, squeeze=False, **shared)
    for axes in list(grid.flat)[len(samples) :]:
        axes.set_visible(False)
    return list(zip(samples, grid.flat, strict=False))


def _height(result: SimulationResult, per_row: float) -> float:
    rows = -(-result.designs.height // min(COLUMNS, result.designs.height))
    return 0.9 + per_row * rows


def _size(result: SimulationResult) -> bytes:
    tests = result.request.tests
    variances = result.request.variances
    colours = style.colours([str(v) for v in variances])
    with style.canvas(style.WIDTH, _height(result, 0.7 + 0.25 * len(tests))) as figure:
        for (model, group), axes in _grid(figure, result, sharex=True, sharey=True):
            rates = result.verdict.filter(
                (pl.col("model") == model) & (pl.col("group") == group)
            )
            axes.axvline(100 * result.request.level, color=style.INK, linewidth=0.9)
            for place, variance in enumerate(variances):
                shift = 0.32 * (place - (len(variances) - 1) / 2)
                of_variance = rates.filter(pl.col("variance") == variance)
                _dots(axes, of_variance, tests, shift, colours[str(variance)])
            axes.set_title(_title(model, group))
            axes.set_ylim(len(tests) - 0.4, -0.6)
            axes.set_yticks(range(len(tests)), tests)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x", color=style.FAINT, linewidth=0.6)
            axes.set_axisbelow(True)
            axes.set_xlim(left=0)
        figure.supxlabel("rejections without an effect, %", fontsize=style.SIZE)
        _legend(figure, [(f"variance × {v:g}", colours[str(v)]) for v in variances])
        return style.to_svg(figure)


def _dots(
    axes: "Axes", rates: pl.DataFrame, tests: tuple[str, ...], shift: float, colour: str
) -> None:
    for row in rates.filter(pl.col("size").is_not_null()).iter_rows(named=True):
        height = tests.index(row["test"]) + shift
        ends = [100 * row["ci_low"], 100 * row["ci_high"]]
        axes.plot(ends, [height, height], color=colour, linewidth=1.4)
        axes.plot(100 * row["size"], height, "o", color=colour, markersize=4)


def _power(result: SimulationResult) -> bytes:
    shown = trusted_first(result)[:HIGHLIGHTED]
    others = [test for test in result.request.tests if test not in shown]
    effects = _reach(result, shown)
    colours = dict.fromkeys(others, style.FAINT) | style.colours(shown)
    with style.canvas(style.WIDTH, _height(result, 2.5)) as figure:
        for (model, group), axes in _grid(figure, result, sharex=True, sharey=True):
            curves = result.rejections.filter(
                (pl.col("model") == model)
                & (pl.col("group") == group)
                & (pl.col("variance") == result.request.variances[0])
                & pl.col("effect").is_in(effects)
                & pl.col("rate").is_not_null()
            )
            for share in (result.request.level, POWER):
                axes.axhline(100 * share, color=style.MUTED, linewidth=0.8)
            for test in [*others, *reversed(shown)]:
                line = curves.filter(pl.col("test") == test).sort("effect")
                effect, rate = (100 * line[c].to_numpy() for c in ("effect", "rate"))
                axes.plot(effect, rate, color=colours[test], linewidth=1.3)
            axes.set_title(_title(model, group))
            axes.set_ylim(0, 102)
            axes.set_yticks([0, 20, 40, 60, 80, 100])
            axes.set_xlim(100 * effects[0], 100 * effects[-1])
        figure.supxlabel("effect on day 0, %", fontsize=style.SIZE)
        figure.supylabel("rejections, %", fontsize=style.SIZE)
        entries = [(test, colours[test]) for test in shown]
        if others:
            entries.append(("other tests", style.FAINT))
        _legend(figure, entries)
        return style.to_svg(figure)


def _reach(result: SimulationResult, shown: list[str]) -> list[float]:
    """Effects to show: up to where every highlighted test finds nearly all."""
    rates = result.rejections.filter(
        (pl.col("variance") == result.request.variances[0])
        & pl.col("test").is_in(shown)
        & pl.col("rate").is_not_null()
    )
    missed = rates.filter(pl.col("rate") < NEARLY_ALL)["effect"].abs().max()
    effects = result.request.effects
    beyond = [abs(e) for e in effects if isinstance(missed, float) and abs(e) > missed]
    reach = min(beyond, default=max(abs(e) for e in effects))
    return [effect for effect in effects if abs(effect) <= reach]


def _legend(figure: "Figure", entries: list[tuple[str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, label=name) for name, colour in entries]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=min(3, len(handles)),
        frameon=False,
    )
