"""Inference on abnormal returns: the family `TESTS`, run together by `battery`."""

from collections.abc import Iterable, Mapping, Sequence

from eventstudy.core.abnormal import InferenceResult
from eventstudy.core.errors import unknown_name
from eventstudy.core.windows import Window
from eventstudy.inference.aggregates import Evidence, Need, Outcome, collect, merge
from eventstudy.inference.battery import Chunks, EventTest, run
from eventstudy.inference.dependence import Dependence, dependence
from eventstudy.inference.multiple import (
    ADJUSTMENTS,
    StepDown,
    adjust,
    romano_wolf,
    step_down,
)
from eventstudy.inference.pvalues import Options, check_alternative
from eventstudy.inference.recommend import (
    Assessment,
    Interval,
    Recommendation,
    assess,
    caar_interval,
    recommend,
    variance_increase,
)
from eventstudy.inference.registry import TESTS

__all__ = [
    "ADJUSTMENTS",
    "TESTS",
    "Assessment",
    "Dependence",
    "EventTest",
    "Evidence",
    "Interval",
    "Need",
    "Outcome",
    "Recommendation",
    "StepDown",
    "adjust",
    "assess",
    "battery",
    "caar_interval",
    "collect",
    "dependence",
    "merge",
    "recommend",
    "romano_wolf",
    "step_down",
    "variance_increase",
]


def battery(
    chunks: Chunks,
    *,
    windows: Sequence[Window],
    tests: Iterable[str] | None = None,
    outcome: Outcome = "car",
    alternative: str = "two-sided",
    seed: int = 0,
    n_draws: int = 999,
    groups: Mapping[int, int] | None = None,
    workers: int = 1,
) -> dict[tuple[Window, str], InferenceResult]:
    """Run several tests on several windows, over observations in any chunks.

    chunks : one `Abnormal`; a sequence of them, or of functions that return one; or a
        function that returns a fresh iterator each time it is called. Rank tests walk
        twice; millions of observations need never be in memory together. All chunks
        share one table of clocks; results do not depend on the cut.
    windows : (start, end) in event time, both ends included
    tests : names in `TESTS`, default all;  outcome : "car", "scar" or "bhar"
    n_draws : resamples of the tests that resample;  seed : theirs
    groups : asset code -> group, to take assets of different groups (industries) as
        uncorrelated
    workers : threads over chunks; a sequence of functions lets them fit as well

    Returns one `InferenceResult` per (window, test). Raises `SpecError` for unknown
    names, windows outside the event window, or chunks that do not belong together.

    >>> import numpy as np
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(0).normal(size=(8, 63))
    >>> ab = constant_mean(y, n_estimation=60)
    >>> found = battery(ab, windows=[(0, 0), (-1, 1)], tests=["csect", "kp_bmp"])
    >>> found[(-1, 1), "csect"].n
    array([8])
    """
    names = list(TESTS if tests is None else tests)
    for name in names:
        if name not in TESTS:
            raise unknown_name("test", name, TESTS)
    options = Options(
        alternative=check_alternative(alternative), seed=seed, n_draws=n_draws
    )
    entries = [TESTS[name] for name in names]
    return run(
        chunks,
        windows,
        entries,
        options=options,
        outcome=outcome,
        groups=groups,
        workers=workers,
    )
