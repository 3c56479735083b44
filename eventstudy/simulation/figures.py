"""Figures of a simulation: sizes with intervals, and power curves."""

from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report.figures import multiples, style
from eventstudy.report.figures.drawing import Drawing, drawn
from eventstudy.report.figures.scales import Scale, linear
from eventstudy.report.labels import label, words
from eventstudy.report.markdown import shorten
from eventstudy.simulation.request import AS_DRAWN
from eventstudy.simulation.result import SimulationResult
from eventstudy.simulation.tables import POWER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTERS = 40  # of each name in a panel's title
# More lines cannot be told apart in a small panel; the others are drawn pale.
HIGHLIGHTED = 5
NEARLY_ALL = 0.98


def figures(result: SimulationResult) -> dict[str, bytes]:
    """Draw the figures: file name -> SVG bytes, the same bytes each time."""
    return drawn([SIZES, POWERS], result)


def samples_of(result: SimulationResult) -> list[tuple[str, str]]:
    """Models and groups that were simulated, in order."""
    return list(result.designs.select("model", "group").rows())


def sample_label(model: str, group: str) -> str:
    """Name a sample.

    >>> sample_label("net_of_bitcoin", "all")
    'all assets, net of bitcoin'
    """
    return f"{words(group, {})}, {label(model)}"


def trusted_first(result: SimulationResult) -> list[str]:
    """Tests in order of trust: fewest samples in which they over-reject, then power."""
    variance = result.request.variances[0]
    sizes = result.sizes(variance)
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


def _titles(result: SimulationResult) -> list[str]:
    return [
        f"{shorten(words(group, {}), LETTERS)}, {shorten(label(model), LETTERS)}"
        for model, group in samples_of(result)
    ]


@style.house()
def _size(result: SimulationResult) -> bytes:
    tests = result.request.tests
    variances = result.request.variances
    colours = style.colours([str(v) for v in variances])
    titles = _titles(result)
    level = 100 * result.request.level
    sizes = pl.concat([result.sizes(variance) for variance in variances])
    highest = sizes["ci_high"].max()
    most = 104 * highest if isinstance(highest, float) else level
    title, room = "rejections without an effect, %", multiples.room(len(titles))
    x, y = (
        linear(title, 0, max(most, 1.04 * level), room),
        Scale("", len(tests) - 0.4, -0.6, dict(enumerate(tests))),
    )
    named = {f"variance × {v:g}": colours[str(v)] for v in variances}
    figure, panels = multiples.panels(titles, x, y, 20.0 + 18.0 * len(tests), named)
    for axes, (model, group) in zip(panels, samples_of(result), strict=True):
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.axvline(level, color=style.INK, linewidth=0.9)
        rates = sizes.filter(model=model, group=group)
        for place, variance in enumerate(variances):
            shift = 0.32 * (place - (len(variances) - 1) / 2)
            of_variance = rates.filter(variance=variance)
            _dots(axes, of_variance, tests, shift, colours[str(variance)])
    return style.to_svg(figure)


def _dots(
    axes: "Axes", rates: pl.DataFrame, tests: tuple[str, ...], shift: float, colour: str
) -> None:
    known = rates.filter(pl.col("size").is_not_null())
    heights = [tests.index(test) + shift for test in known["test"]]
    low, high, size = (100 * known[c].to_numpy() for c in ("ci_low", "ci_high", "size"))
    axes.hlines(heights, low, high, colour, linewidth=1.4)
    axes.plot(size, heights, "o", color=colour, markersize=4)


@style.house()
def _power(result: SimulationResult) -> bytes:
    shown = trusted_first(result)[:HIGHLIGHTED]
    others = [test for test in result.request.tests if test not in shown]
    effects = _reach(result, shown)
    colours = dict.fromkeys(others, style.FAINT) | style.colours(shown)
    named = {test: colours[test] for test in shown}
    if others:
        named["other tests"] = style.FAINT
    titles = _titles(result)
    ends, room = (100 * effects[0], 100 * effects[-1]), multiples.room(len(titles))
    shares = {float(share): f"{share}" for share in range(0, 101, 20)}
    x, y = (
        linear("effect on day 0, %", *ends, room),
        Scale("rejections, %", 0, 102, shares),
    )
    figure, panels = multiples.panels(titles, x, y, 145.0, named)
    for axes, (model, group) in zip(panels, samples_of(result), strict=True):
        curves = result.rejections.filter(
            pl.col("effect").is_in(effects),
            pl.col("rate").is_not_null(),
            model=model,
            group=group,
            scenario=AS_DRAWN,
            variance=result.request.variances[0],
            nominal=result.request.level,
        )
        for share in (result.request.level, POWER):
            axes.axhline(100 * share, color=style.MUTED, linewidth=0.8)
        for test in [*others, *reversed(shown)]:
            line = curves.filter(pl.col("test") == test).sort("effect")
            effect, rate = (100 * line[c].to_numpy() for c in ("effect", "rate"))
            axes.plot(effect, rate, color=colours[test], linewidth=1.3)
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


def _power_caption(_: SimulationResult) -> str:
    return (
        "Every replication has the same effect on day 0 of each observation. Lines "
        f"mark the nominal level and {100 * POWER:.0f} %. Coloured: the tests that "
        "over-reject least."
    )


SIZES: Drawing[SimulationResult] = Drawing(
    name="size",
    has_data=lambda _: True,
    draw=_size,
    alt=lambda _: "Rejections without an effect per test and sample, with intervals",
    caption=lambda _: "",
)
POWERS: Drawing[SimulationResult] = Drawing(
    name="power",
    has_data=lambda result: not result.power.is_empty(),
    draw=_power,
    alt=lambda _: "Rejections by size of the effect per test and sample",
    caption=_power_caption,
)
