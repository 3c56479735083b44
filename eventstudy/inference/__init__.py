"""Inference on abnormal returns: the family `TESTS`, run together by `battery`."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from eventstudy.core import registry
from eventstudy.core.abnormal import Array, InferenceResult
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import Family
from eventstudy.core.windows import Window, as_windows
from eventstudy.inference.aggregates import Evidence, Need, Outcome, collect
from eventstudy.inference.anticipation import Anticipation, anticipation, onset
from eventstudy.inference.battery import Chunks, run
from eventstudy.inference.buy_and_hold import bhar
from eventstudy.inference.dependence import Dependence, dependence
from eventstudy.inference.entry import EventTest
from eventstudy.inference.long_run import (
    LongRun,
    calendar_dummy,
    calendar_time,
    ctar,
    live_sessions,
    rats,
)
from eventstudy.inference.meta import MetaResult, meta
from eventstudy.inference.multiple import (
    ADJUSTMENTS,
    StepDown,
    adjust,
    romano_wolf,
    step_down,
)
from eventstudy.inference.past_slopes import PastSlopes, past_slopes
from eventstudy.inference.pvalues import (
    Answer,
    Answers,
    Options,
    check_alternative,
    tail,
)
from eventstudy.inference.recommend import (
    Assessment,
    Interval,
    Recommendation,
    assess,
    caar_interval,
    recommend,
    variance_increase,
)
from eventstudy.inference.sample import Sample
from eventstudy.inference.share_before import ShareBefore, share_before
from eventstudy.inference.shifts import placebo_shifts
from eventstudy.inference.single import PseudoDates, pseudo_dates
from eventstudy.inference.split_dates import SplitDates, split_dates
from eventstudy.inference.variance_contrast import VarianceContrast, variance_contrast

__all__ = [
    "ADJUSTMENTS",
    "TESTS",
    "Answer",
    "Answers",
    "Anticipation",
    "Assessment",
    "Dependence",
    "EventTest",
    "Evidence",
    "Interval",
    "LongRun",
    "MetaResult",
    "Need",
    "Options",
    "Outcome",
    "PastSlopes",
    "PseudoDates",
    "Recommendation",
    "Sample",
    "ShareBefore",
    "SplitDates",
    "StepDown",
    "VarianceContrast",
    "adjust",
    "anticipation",
    "assess",
    "battery",
    "bhar",
    "caar_interval",
    "calendar_dummy",
    "calendar_time",
    "collect",
    "ctar",
    "dependence",
    "live_sessions",
    "meta",
    "onset",
    "past_slopes",
    "placebo_shifts",
    "pseudo_dates",
    "rats",
    "recommend",
    "romano_wolf",
    "share_before",
    "split_dates",
    "step_down",
    "tail",
    "variance_contrast",
    "variance_increase",
]

TESTS: Family[EventTest] = registry.TESTS
NamedTest = str | EventTest | Callable[[Sample, Options], Answer]


def entries_of(tests: NamedTest | Iterable[NamedTest] | None) -> list[EventTest]:
    """Return the entries that are meant, default all; refuse two of one name."""
    if isinstance(tests, str | EventTest) or callable(tests):
        tests = [tests]
    if tests is not None and not isinstance(tests, Iterable):
        raise SpecError(
            f"tests = {tests!r}: wanted names of tests, entries or functions, such as "
            '["kp_bmp", "csect"]'
        )
    found = list(TESTS.values() if tests is None else map(TESTS.entry, tests))
    known: dict[str, EventTest] = {}
    for entry in found:
        if known.setdefault(entry.name, entry) != entry:
            raise SpecError(f"two tests are named {entry.name!r}; rename one of them")
    return list(known.values())


def battery(
    chunks: Chunks,
    *,
    windows: Sequence[Window] | Window,
    tests: NamedTest | Iterable[NamedTest] | None = None,
    outcome: Outcome = "car",
    alternative: str = "two-sided",
    seed: int = 0,
    n_draws: int = 999,
    shifts: Mapping[Window, Array] | None = None,
    groups: Mapping[int, int] | None = None,
    workers: int = 1,
) -> dict[tuple[Window, str], InferenceResult]:
    """Run several tests on several windows, over observations in any chunks.

    Parameters
    ----------
    chunks : Abnormal, sequence or callable
        One `Abnormal`; a sequence of them, or of functions that return one; or a
        function that returns a fresh iterator each time it is called. Rank tests walk
        twice; millions of observations need never be in memory together. All chunks
        share one table of clocks; results do not depend on the cut.
    windows : sequence of (int, int)
        (start, end) in event time, both ends included; a single one as it is.
    tests : str, EventTest, callable or iterable of these, optional
        Names in `TESTS`, entries, or functions of a `Sample` and `Options` that return
        an `Answer` and appear under their ``__name__``; default all members.
    outcome : {"car", "scar", "bhar"}
        What is tested; "bhar" wants models of simple returns.
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative hypothesis.
    seed, n_draws : int
        Seed and number of resamples of the tests that resample.
    shifts : mapping of (int, int) to array (B,), optional
        See `placebo_shifts`.
    groups : mapping of int to int, optional
        Asset code -> group, to take assets of different groups (industries) as
        uncorrelated.
    workers : int
        Threads over chunks; a sequence of functions lets them fit as well.

    Returns
    -------
    dict of ((int, int), str) to InferenceResult
        One result per window and test.

    Raises
    ------
    SpecError
        For unknown names, windows outside the event window, or chunks that do not
        belong together.

    Examples
    --------
    >>> import numpy as np
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(0).normal(size=(8, 63))
    >>> ab = constant_mean(y, n_estimation=60)
    >>> found = battery(ab, windows=[(0, 0), (-1, 1)], tests=["csect", "kp_bmp"])
    >>> found[(-1, 1), "csect"].n
    array([8])
    """
    options = Options(
        alternative=check_alternative(alternative),
        seed=seed,
        n_draws=n_draws,
        shifts=shifts,
    )
    return run(
        chunks,
        as_windows(windows),
        entries_of(tests),
        options=options,
        outcome=outcome,
        groups=groups,
        workers=workers,
    )
