"""Counts of rejections -> rates, verdicts, minimum detectable effects."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.inference import TESTS
from eventstudy.simulation.request import DATES_DIFFER, QUESTIONS, SimulationSpec
from eventstudy.simulation.schema import SCHEMA

CONFIDENCE = 0.95
POWER = 0.8
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """Counts of one sample; see `Tally` for their axes after the cells.

    tests : names, those recommended under the names of the questions
    stands_for : per test its own name, None where nothing is recommended
    reasons : per test why it gives no answer at all
    """

    model: str
    group: str
    tests: tuple[str, ...]
    stands_for: tuple[str | None, ...]
    rejected: IntArray
    answered: IntArray
    covered: IntArray
    bounded: IntArray
    reasons: tuple[str | None, ...]


def clopper_pearson(
    hits: IntArray | int, trials: IntArray | int, confidence: float = CONFIDENCE
) -> tuple[Array, Array]:
    """Exact interval of a share, nan without trials.

    Clopper & Pearson (1934), Biometrika 26.

    >>> low, high = clopper_pearson(5, 100)
    >>> f"{low:.4f} {high:.4f}"
    '0.0164 0.1128'
    """
    k, n = np.asarray(hits, np.float64), np.asarray(trials, np.float64)
    tail = (1.0 - confidence) / 2.0
    low = special.betaincinv(np.maximum(k, 1.0), n - k + 1.0, tail)
    high = special.betaincinv(k + 1.0, np.maximum(n - k, 1.0), 1.0 - tail)
    low = np.where(n == 0, np.nan, np.where(k == 0, 0.0, low))
    high = np.where(n == 0, np.nan, np.where(k == n, 1.0, high))
    return low, high


def rejection_table(request: SimulationSpec, samples: Sequence[Counts]) -> pl.DataFrame:
    """Return a row per sample, state, nominal size and test."""
    rows = []
    for sample in samples:
        for s, state in enumerate(request.states):
            for at, nominal in enumerate(request.levels):
                for t, test in enumerate(sample.tests):
                    answered = int(sample.answered[s, t])
                    rejected = int(sample.rejected[s, at, t])
                    rows.append(
                        {
                            **_labels(request, sample),
                            **asdict(state),
                            "test": test,
                            "stands_for": sample.stands_for[t],
                            "nominal": nominal,
                            "rejections": rejected,
                            "replications": answered,
                            **_share("rate", rejected, answered),
                            "reason": None if answered else sample.reasons[t],
                        }
                    )
    return SCHEMA["rejections"].frame(rows)


def _share(name: str, hits: int, trials: int) -> Row:
    """Return a share with the ends of its interval, null without trials."""
    if not trials:
        return {name: None, "ci_low": None, "ci_high": None}
    low, high = clopper_pearson(hits, trials)
    return {name: hits / trials, "ci_low": float(low), "ci_high": float(high)}


def verdict_table(rejections: pl.DataFrame) -> pl.DataFrame:
    """Judge every test by its rejections without an effect.

    Where dates differ these dates have effects: tests that ask of them are not judged.
    """
    low, high, nominal = pl.col("ci_low"), pl.col("ci_high"), pl.col("nominal")
    asked = [name for name in TESTS if TESTS.entry(name).estimand == "these dates"]
    there = (pl.col("scenario") == DATES_DIFFER) & pl.col("stands_for").is_in(asked)
    found = rejections.filter(pl.col("effect") == 0).select(
        "model",
        "group",
        "start",
        "end",
        "scenario",
        "variance",
        "test",
        "stands_for",
        pl.col("rate").alias("size"),
        "ci_low",
        "ci_high",
        "nominal",
        pl.when(there)
        .then(None)
        .when(low > nominal)
        .then(pl.lit("over-rejects"))
        .when(high < nominal)
        .then(pl.lit("under-rejects"))
        .when(low.is_not_null())
        .then(pl.lit("well-sized"))
        .alias("verdict"),
        pl.when(there & pl.col("reason").is_null())
        .then(pl.lit("asks of these dates, which have effects here"))
        .otherwise("reason")
        .alias("reason"),
    )
    return SCHEMA["verdict"].checked(found)


def coverage_table(request: SimulationSpec, samples: Sequence[Counts]) -> pl.DataFrame:
    """Return how often the intervals that a study prints hold the true effect."""
    rows = []
    for sample in samples:
        for s, state in enumerate(request.states):
            if state.effect:
                continue
            for q, (question, alias) in enumerate(QUESTIONS.items()):
                t = sample.tests.index(alias)
                held, all_of = int(sample.covered[s, q]), int(sample.bounded[s, q])
                rows.append(
                    {
                        **_labels(request, sample),
                        "scenario": state.scenario,
                        "variance": state.variance,
                        "question": question,
                        "test": sample.stands_for[t],
                        "intervals": all_of,
                        **_share("coverage", held, all_of),
                        "nominal": 1.0 - request.level,
                        "reason": None
                        if all_of
                        else sample.reasons[t] or "the test has no interval",
                    }
                )
    return SCHEMA["coverage"].frame(rows)


def power_table(request: SimulationSpec, samples: Sequence[Counts]) -> pl.DataFrame:
    """Return the minimum detectable effect per sample, variance, test, direction."""
    effects = np.array(request.effects)
    # the states as drawn come first, by effect and variance
    shape = len(request.effects), len(request.variances)
    drawn = np.arange(np.prod(shape)).reshape(shape)
    sides = [
        ("rise", np.flatnonzero(effects >= 0)),
        ("fall", np.flatnonzero(effects <= 0)[::-1]),
    ]
    rows = []
    for sample in samples:
        for v, variance in enumerate(request.variances):
            for t, test in enumerate(sample.tests):
                for direction, at in sides:
                    if len(at) < 2:
                        continue
                    mde, reason = minimum_detectable(
                        np.abs(effects[at]),
                        sample.rejected[drawn[at, v], 0, t],
                        sample.answered[drawn[at, v], t],
                    )
                    rows.append(
                        {
                            **_labels(request, sample),
                            "variance": variance,
                            "test": test,
                            "stands_for": sample.stands_for[t],
                            "direction": direction,
                            "power": POWER,
                            "mde": mde,
                            "reason": sample.reasons[t] or reason,
                        }
                    )
    return SCHEMA["power"].frame(rows)


def minimum_detectable(
    sizes: Array, rejected: IntArray, answered: IntArray
) -> tuple[float | None, str | None]:
    """Return the least size of an effect that is found with 80 % probability.

    sizes : (S,) ascending from 0.  Between the first two neighbours on either side of
    80 % the normal quantile of the rate is taken as linear in the effect, as it is
    for a normal statistic far enough from 0. None and a reason beyond the grid.

    >>> minimum_detectable(
    ...     np.array([0.0, 0.1]), np.array([50, 999]), np.array([1000, 1000])
    ... )[0].__round__(3)
    0.054
    """
    if not answered.all():
        return None, "some effects have no answer"
    rate = rejected / answered
    if rate[0] >= POWER:
        return None, f"rejects in {rate[0]:.0%} of replications without an effect"
    reached = np.flatnonzero(rate >= POWER)
    if not len(reached):
        return None, (
            f"power is at most {rate.max():.0%} up to an effect of {sizes[-1]:.3g}"
        )
    after = int(reached[0])
    # Half a rejection more or less, so that 0 and 1 have a quantile.
    quantile = special.ndtri((rejected + 0.5) / (answered + 1.0))
    left, right = quantile[after - 1], quantile[after]
    goal = min(float(special.ndtri(POWER)), float(right))
    share = (goal - left) / (right - left)
    return float(sizes[after - 1] + share * (sizes[after] - sizes[after - 1])), None


def _labels(request: SimulationSpec, sample: Counts) -> Row:
    start, end = request.window
    return {"model": sample.model, "group": sample.group, "start": start, "end": end}
