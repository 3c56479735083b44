"""What is asked of a simulation: how often, which effects, which tests."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.inference import EventTest, NamedTest, entries_of
from eventstudy.spec import StudySpec, window_text

LEAST_REPLICATIONS, MOST_REPLICATIONS = 100, 1_000_000
LARGEST_EFFECT, LARGEST_VARIANCE = 10.0, 1e6
# Mirrored where the alternative has two sides: with skewed returns falls and rises
# are differently hard to find.
DEFAULT_EFFECTS = (0.005, 0.01, 0.02, 0.04, 0.07, 0.12, 0.2)
# Beside the size that is asked for, how often tests reject at these.
SMALL_LEVELS = (0.01, 0.005)

# Names under which the tests stand that a study recommends, by question.
QUESTIONS = {"these dates": "recommended_these", "such dates": "recommended_such"}

AS_DRAWN, DATES_DIFFER, CALMER = "as drawn", "dates differ", "calmer before"
SCENARIOS = {
    AS_DRAWN: "returns as they are drawn, with the effects and variances asked for",
    DATES_DIFFER: "every cluster of dates has an effect of its own, normal with mean 0 "
    "and the standard deviation of a CAR, which its assets share",
    CALMER: "all returns are 1.6 times as large until 45 sessions before the first "
    "date",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is done to the returns that are drawn."""

    scenario: str
    effect: float
    variance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSpec:
    """The request of a simulation, checked.

    Parameters
    ----------
    replications : int
        How often the whole study is repeated on resampled returns.
    window : (int, int)
        The CAR window that is tested, sessions relative to day 0.
    effects : tuple of float
        Abnormal returns put on day 0, ascending, 0 among them.
    variances : tuple of float
        Factors on the variance of the window's abnormal returns.
    scenarios : tuple of str
        Of "as drawn", "dates differ", "calmer before"; the first is always there.
    tests : tuple of str
        Names of the tests.
    level : float
        Nominal size.
    seed : int
        Seed of all draws.

    Raises
    ------
    SpecError
        For values with which nothing can be simulated.

    Examples
    --------
    >>> SimulationSpec(tests=("bmp",)).replications
    1000
    """

    replications: int = 1000
    window: tuple[int, int] = (-1, 1)
    effects: tuple[float, ...] = ()
    variances: tuple[float, ...] = (1.0, 2.0)
    scenarios: tuple[str, ...] = tuple(SCENARIOS)
    tests: tuple[str, ...] = ()
    level: float = 0.05
    seed: int = 0

    @property
    def levels(self) -> tuple[float, ...]:
        """Nominal sizes at which rejections are counted, the one asked for first."""
        return (self.level, *(one for one in SMALL_LEVELS if one != self.level))

    @property
    def states(self) -> tuple[State, ...]:
        """What is done to the returns; scenarios beside the first have no effect."""
        drawn = [
            State(scenario=AS_DRAWN, effect=effect, variance=variance)
            for effect in self.effects
            for variance in self.variances
        ]
        others = [
            State(scenario=scenario, effect=0.0, variance=1.0)
            for scenario in self.scenarios
            if scenario != AS_DRAWN
        ]
        return (*drawn, *others)

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated."""
        if self.replications < LEAST_REPLICATIONS:
            raise SpecError(
                f"replications = {self.replications}; wanted at least "
                f"{LEAST_REPLICATIONS}; 1000 give a rate of 5 % to ±1.4 points"
            )
        if self.replications > MOST_REPLICATIONS:
            raise SpecError(
                f"replications = {self.replications}; wanted at most "
                f"{MOST_REPLICATIONS:,}"
            )
        if not 0 < self.level < 0.5:
            raise SpecError(
                f"level = {self.level}; wanted the nominal size of a test, such as 0.05"
            )
        if not self.variances or not all(
            0 < v <= LARGEST_VARIANCE for v in self.variances
        ):
            raise SpecError(
                f"variances = {_listed(self.variances)}; wanted positive factors, such "
                "as 1 and 2"
            )
        if not all(abs(e) <= LARGEST_EFFECT for e in self.effects):
            raise SpecError(
                f"effects = {_listed(self.effects)}; wanted returns, such as 0.01, up "
                f"to {LARGEST_EFFECT:g}"
            )
        for scenario in self.scenarios:
            if scenario not in SCENARIOS:
                raise unknown_name("scenario", scenario, SCENARIOS)
        if self.seed < 0:
            raise SpecError(f"seed = {self.seed}; wanted a whole number from 0")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values.

        Returns
        -------
        dict
            Every field by name.
        """
        return asdict(self)


def request_from(
    spec: StudySpec,
    *,
    replications: int,
    window: tuple[int, int],
    effects: Sequence[float] | None,
    variances: Sequence[float],
    scenarios: Sequence[str] | None,
    tests: Sequence[NamedTest] | None,
    level: float,
    seed: int | None,
) -> tuple[SimulationSpec, list[EventTest], list[str]]:
    """Return the request, its tests, and notes on those of the study left out."""
    _check_window(spec, window)
    entries, notes = _tests(spec, tests)
    grid = _default_effects(spec) if effects is None else tuple(effects)
    request = SimulationSpec(
        replications=int(replications),
        window=(int(window[0]), int(window[1])),
        effects=grid,
        variances=tuple(dict.fromkeys(float(v) for v in variances)),
        scenarios=tuple(
            dict.fromkeys([AS_DRAWN, *(SCENARIOS if scenarios is None else scenarios)])
        ),
        tests=tuple(entry.name for entry in entries),
        level=float(level),
        seed=spec.seed if seed is None else int(seed),
    )
    # Without effect 0 there would be no size to judge the power by.
    ascending = tuple(sorted({0.0, *(float(e) for e in request.effects)}))
    return replace(request, effects=ascending), entries, notes


def _default_effects(spec: StudySpec) -> tuple[float, ...]:
    """Return the default grid on the sides that the alternative looks at."""
    rises = () if spec.alternative == "less" else DEFAULT_EFFECTS
    falls = () if spec.alternative == "greater" else DEFAULT_EFFECTS
    return (*rises, *(-effect for effect in falls))


def _check_window(spec: StudySpec, window: tuple[int, int]) -> None:
    start, end = window
    first, last = spec.event_window
    if not first <= start <= end <= last:
        raise SpecError(
            f"window = {window_text(window)} is not inside the event window "
            f"{window_text(spec.event_window)}; widen event_window or shorten it"
        )
    if not start <= 0 <= end:
        raise SpecError(
            f"window = {window_text(window)} does not hold day 0, where effects are "
            "put; give one such as -1:1"
        )


def _tests(
    spec: StudySpec, tests: Sequence[NamedTest] | None
) -> tuple[list[EventTest], list[str]]:
    if tests is not None and not tests:
        raise SpecError("tests is empty; name at least one, such as kp_bmp")
    wanted = entries_of(spec.tests if tests is None else tests)
    refused = [entry.name for entry in wanted if entry.level == "observation"]
    reason = "it judges single observations, not the sample"
    if refused and tests is not None:
        raise SpecError(f"test {refused[0]!r} cannot be simulated: {reason}")
    if len(refused) == len(wanted):
        raise SpecError(
            f"none of the study's tests ({', '.join(refused)}) can be simulated: they "
            "judge single observations, not the sample"
        )
    notes = [f"{name} is not simulated: {reason}" for name in refused]
    return [entry for entry in wanted if entry.name not in refused], notes


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{v:g}" for v in values) or "none"
