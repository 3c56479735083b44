"""The entry of a test: its function with every fact about it."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal, get_args

from eventstudy.core.abnormal import Abnormal, InferenceResult
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import TESTS
from eventstudy.core.windows import Window, as_window
from eventstudy.inference.aggregates import Need, Outcome
from eventstudy.inference.battery import run
from eventstudy.inference.pvalues import (
    Answer,
    Answers,
    Bounds,
    Options,
    check_alternative,
)
from eventstudy.inference.sample import Sample

Property = Literal[
    "event-induced variance",
    "cross-correlation",
    "clustering",
    "non-normality",
    "missing data",
]
Estimand = Literal["these dates", "such dates"]
Scale = Literal["estimation window", "event", "recent", "none"]
ANY_OUTCOME: frozenset[Outcome] = frozenset(get_args(Outcome))
# What judges abnormal returns by their sessions, which a buy-and-hold return has not.
BY_SESSION: frozenset[Outcome] = frozenset({"car", "scar"})
ONLY_CAR: frozenset[Outcome] = frozenset({"car"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTest:
    """A member of `TESTS`; calling it tests one window of one `Abnormal`.

    Parameters
    ----------
    name : str
        The name in study files and tables.
    meaning : str
        What it does, in a line; by default the first line of the function's docstring.
    null : str
        The null hypothesis in symbols.
    citation : str
        Where it comes from.
    robust_to : set of str
        What does not distort its size: "event-induced variance", "cross-correlation",
        "clustering", "non-normality", "missing data".
    estimand : {"these dates", "such dates"}
        Whether its variance is that of noise, so that it asks if these dates moved
        prices, or that between dates or observations, so that it asks if such dates do.
    scale : {"estimation window", "event", "recent", "none"}
        What it measures the spread of its statistic by.
    resampled : bool
        Whether its p-value rests on random draws, which the seed decides.
    min_n, min_clusters : int
        Least number of observations and of clusters of dates.
    outcomes : set of str
        The outcomes that it is defined on: "car", "scar", "bhar".
    estimates_mean : bool
        Whether its estimate is the mean effect over observations.
    naive : bool
        Whether the report sets it beside the others as one that takes observations as
        independent.
    votes : bool
        Whether it counts among the tests that the report names as robust.
    in_headline : bool
        Whether the report's headline table has a column for it before others.
    floor : bool
        Whether its p-value stands beside the headline's as the one with the estimation
        window's volatility as the least that is believed.
    by_default : bool
        Whether a study runs it unless it names its tests; a test of single observations
        on every CAR.
    needs : set of str
        Sums over observations that it reads from `Sample.sums`, beyond the arrays.
    vectorised : bool
        Whether the function takes samples with leading axes, as a simulation has them
        (`Sample`); otherwise it is called for each replication.
    interval : callable, optional
        ``f(sample, options, level)`` returns the `Bounds` of the effect: what the test
        does not reject. Without it the test has none.
    of_sample : callable, optional
        ``f(sample, options)`` returns the `Answer` of a `Sample`.
    of_each : callable, optional
        ``f(abnormal, window, options)`` returns `Answers`, one per observation. Exactly
        one of the two functions is given.

    Raises
    ------
    SpecError
        Unless exactly one function is given.

    Examples
    --------
    >>> import numpy as np
    >>> import eventstudy as es
    >>> def median_sign(sample, options):
    ...     return es.inference.Answer(estimate=float(np.median(sample.effect)))
    >>> entry = es.inference.EventTest(name="median_sign", of_sample=median_sign)
    >>> entry.level
    'sample'
    >>> ab = es.models.constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> entry(ab, (0, 0)).estimate
    array([-0.2])
    """

    name: str
    meaning: str = ""
    null: str = "H0: no effect"
    citation: str = ""
    robust_to: AbstractSet[Property] = frozenset()
    estimand: Estimand = "these dates"
    scale: Scale = "none"
    resampled: bool = False
    min_n: int = 1
    min_clusters: int = 1
    outcomes: AbstractSet[Outcome] = ANY_OUTCOME
    estimates_mean: bool = True
    naive: bool = False
    votes: bool = False
    in_headline: bool = False
    floor: bool = False
    by_default: bool = False
    needs: AbstractSet[Need] = frozenset()
    vectorised: bool = False
    interval: Callable[[Sample, Options, float], Bounds] | None = None
    of_sample: Callable[[Sample, Options], Answer] | None = None
    of_each: Callable[[Abnormal, Window, Options], Answers] | None = None

    def __post_init__(self) -> None:
        """Fill in the meaning, freeze the sets, and refuse no function or two."""
        if (self.of_sample is None) == (self.of_each is None):
            raise SpecError(
                f"test {self.name!r} has {'no' if self.of_each is None else 'two'} "
                "functions; wanted of_sample or of_each"
            )
        for field in ("robust_to", "outcomes", "needs"):
            object.__setattr__(self, field, frozenset(getattr(self, field)))
        if not self.meaning:
            text = (self.of_sample or self.of_each).__doc__ or ""
            object.__setattr__(self, "meaning", text.strip().partition("\n")[0])

    @property
    def level(self) -> Literal["observation", "sample"]:
        """Whether there is one answer per observation or one in all."""
        return "observation" if self.of_sample is None else "sample"

    def __call__(
        self,
        ab: Abnormal,
        window: Window,
        *,
        alternative: str = "two-sided",
        seed: int = 0,
        n_draws: int = 999,
        outcome: Outcome = "car",
        groups: Mapping[int, int] | None = None,
    ) -> InferenceResult:
        """Test one window.

        Parameters
        ----------
        ab : Abnormal
            The abnormal returns of E observations.
        window : (int, int)
            (start, end) in event time, both ends included.
        alternative : {"two-sided", "less", "greater"}
            The side of the alternative hypothesis.
        seed, n_draws : int
            For tests that resample.
        outcome : {"car", "scar", "bhar"}
            What is tested; "bhar" wants ``ab`` from simple returns.
        groups : mapping of int to int, optional
            Asset code -> group; assets of different groups count as uncorrelated.

        Returns
        -------
        InferenceResult
            Of E rows for a test of single observations, otherwise of one.

        Raises
        ------
        SpecError
            For a window outside the event window.
        """
        options = Options(
            alternative=check_alternative(alternative), seed=seed, n_draws=n_draws
        )
        window = as_window(window)
        found = run(
            ab, [window], [self], options=options, outcome=outcome, groups=groups
        )
        return found[window, self.name]


def single_tests() -> list[str]:
    """Tests of one observation that a study runs on every CAR; the model's own first.

    >>> single_tests()
    ['t', 'placebo_single']
    """
    return [
        name
        for name, entry in TESTS.items()
        if entry.level == "observation" and entry.by_default
    ]


def wrap(function: Callable[..., Any]) -> EventTest:
    """Return the entry of a plain function of a sample and options."""
    return EventTest(name=function.__name__, of_sample=function)


TESTS.wrap = wrap
