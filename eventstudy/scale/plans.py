"""What is to be tested, frozen and hashed: the contract between parts of one study."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from eventstudy._version import __version__
from eventstudy.core.abnormal import Array, Clock, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import Window, as_windows
from eventstudy.inference import EventTest, NamedTest, Need, Outcome, entries_of
from eventstudy.inference.battery import SCALED_RANKS, needs_of
from eventstudy.inference.pvalues import Options, check_alternative
from eventstudy.inference.rank_aggregates import Scales
from eventstudy.inference.sums import NumberedDates, kept_apart, numbered_dates

if TYPE_CHECKING:
    from eventstudy.spec import StudySpec

# Of what parts hold; parts of another number are not read.
FORMAT = 1
_OUTCOMES = ("car", "scar", "bhar")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What every part of a study is collected for; made by `plan`.

    Parameters
    ----------
    windows : tuple of (int, int)
        (start, end) in event time, both ends included.
    entries : tuple of EventTest
        The tests, all of them of the sample.
    clocks : Clock
        The table of dates that the observations of all parts share.
    outcome : {"car", "scar", "bhar"}
        What is tested.
    options : Options
        Side of the alternative, seed and resamples.
    groups : mapping of int to int, optional
        Asset code -> group; assets of different groups count as uncorrelated.
    assets : int, optional
        Assets of the whole study, where they are known.
    observations : int, optional
        Observations of the whole study, about; it decides no number.
    scales : Scales, optional
        Of the plan of a second walk, see `again`: what is divided before it is ranked.
    first : str, optional
        Of the plan of a second walk: hash of the first one and of what was collected.
    calendar : NumberedDates
        The numbered dates of the clocks.
    hash : str
        SHA-256 of all that decides numbers, and of the versions.

    Examples
    --------
    >>> import eventstudy as es
    >>> clocks = es.Clock(
    ...     estimation=np.arange(60)[None], event=np.array([[60, 61, 62]])
    ... )
    >>> made = plan(windows=(0, 1), tests=["bmp", "rank"], clocks=clocks)
    >>> made.tests, made.walks, len(made.hash)
    (('bmp', 'rank'), 1, 64)
    """

    windows: tuple[Window, ...]
    entries: tuple[EventTest, ...]
    clocks: Clock
    outcome: Outcome
    options: Options
    groups: Mapping[int, int] | None = None
    assets: int | None = None
    observations: int | None = None
    scales: Scales | None = None
    first: str | None = None
    calendar: NumberedDates = field(repr=False)
    hash: str

    @property
    def tests(self) -> tuple[str, ...]:
        """Names of the tests."""
        return tuple(entry.name for entry in self.entries)

    @property
    def needs(self) -> frozenset[Need]:
        """What the tests want to be summed."""
        return needs_of(self.entries)

    @property
    def walks(self) -> int:
        """How often observations are walked through: twice to rank what is scaled."""
        return 2 if self.needs & SCALED_RANKS else 1

    @property
    def by_asset(self) -> bool:
        """Whether parts hold series asset by asset, for correlations of each pair."""
        return self.assets is None or kept_apart(self.assets)


def plan(
    spec: "StudySpec | None" = None,
    *,
    clocks: Clock,
    windows: Sequence[Window] | Window | None = None,
    tests: NamedTest | Iterable[NamedTest] | None = None,
    outcome: Outcome = "car",
    options: Options | None = None,
    groups: Mapping[int, int] | None = None,
    assets: int | None = None,
    observations: int | None = None,
) -> Plan:
    """Freeze what is to be tested, so that parts may be collected anywhere.

    Parameters
    ----------
    spec : StudySpec, optional
        A study, of which windows, tests of the sample, side of the alternative, seed
        and resamples are taken unless they are given here.
    clocks : Clock
        The table of dates that the observations of all parts share.
    windows : sequence of (int, int) or (int, int), optional
        (start, end) in event time, both ends included.
    tests : str, EventTest, callable or iterable of these, optional
        As for `eventstudy.inference.battery`; default those of the spec, or else all
        tests of the sample.
    outcome : {"car", "scar", "bhar"}
        What is tested.
    options : Options, optional
        Side of the alternative, seed and resamples.
    groups : mapping of int to int, optional
        Asset code -> group; assets of different groups count as uncorrelated.
    assets : int, optional
        Assets of the whole study, where they are known. With more than 500 correlations
        are pooled, and parts hold no series asset by asset, which makes them small.
    observations : int, optional
        About how many observations there are in all. With many, loops are compiled;
        no number changes.

    Returns
    -------
    Plan
        With a hash that parts carry.

    Raises
    ------
    SpecError
        For unknown names, no windows, or a test whose answers do not merge: one of
        single observations, or one that compares with dates moved over the history.

    Examples
    --------
    >>> import eventstudy as es
    >>> clocks = es.Clock(estimation=np.arange(60)[None], event=np.array([[60, 61]]))
    >>> es.scale.plan(windows=(0, 1), tests="kp_bmp", clocks=clocks).walks
    1
    """
    if not isinstance(clocks, Clock):
        raise SpecError(
            f"clocks = {type(clocks).__name__}; wanted an eventstudy.Clock, the table "
            "of dates that all parts share"
        )
    if outcome not in _OUTCOMES:
        raise SpecError(f"outcome = {outcome!r}; wanted one of {', '.join(_OUTCOMES)}")
    if windows is None:
        if spec is None:
            raise SpecError("a plan wants windows, or a spec that has them")
        windows = spec.windows
    if options is None:
        options = Options() if spec is None else _options_of(spec)
    check_alternative(options.alternative)
    if options.shifts is not None:
        raise SpecError(
            "dates moved over the history are statistics of the whole sample, which no "
            "part has; leave options.shifts out"
        )
    made = Plan(
        windows=tuple(as_windows(windows)),
        entries=_entries(spec, tests),
        clocks=clocks,
        outcome=outcome,
        options=options,
        groups=groups,
        assets=assets,
        observations=observations,
        calendar=numbered_dates(clocks),
        hash="",
    )
    return hashed(made)


def hashed(made: Plan) -> Plan:
    """Return the plan with its hash."""
    said = sha256()
    for text in _facts(made):
        said.update(text.encode() + b"\0")
    arrays: list[Array | IntArray] = [made.clocks.estimation, made.clocks.event]
    if made.scales is not None:
        arrays += [made.scales.scar, made.scales.sar]
    for array in arrays:
        said.update(repr(array.shape).encode())
        said.update(np.ascontiguousarray(array).tobytes())
    return replace(made, hash=said.hexdigest())


def _facts(made: Plan) -> list[str]:
    """Return what decides numbers, as texts."""
    options, groups = made.options, made.groups
    tests = [_identity(entry) for entry in made.entries]
    return [
        f"eventstudy {__version__}, format {FORMAT}",
        *map(repr, (made.windows, tests, made.outcome, made.by_asset, made.first)),
        repr((options.alternative, options.seed, options.n_draws)),
        repr(None if groups is None else sorted(groups.items())),
    ]


def _identity(entry: EventTest) -> tuple[str, ...]:
    call: Any = entry.of_sample
    home = getattr(call, "__module__", ""), getattr(call, "__qualname__", "")
    return (entry.name, *home, *sorted(entry.needs))


def _options_of(spec: "StudySpec") -> Options:
    return Options(alternative=spec.alternative, seed=spec.seed, n_draws=spec.resamples)


def _entries(
    spec: "StudySpec | None", tests: NamedTest | Iterable[NamedTest] | None
) -> tuple[EventTest, ...]:
    """Return the tests; those of single observations are refused where they are named.

    The default leaves them out.
    """
    named = tests is not None
    entries = entries_of(tests if named or spec is None else spec.tests)
    single = [entry.name for entry in entries if entry.level == "observation"]
    if named and single:
        raise SpecError(
            f"{', '.join(map(repr, single))} judges every observation by itself: it "
            "has nothing that merges and no row in a table of tests; leave it out of "
            "the plan, and run eventstudy.inference.battery where the observations are"
        )
    kept = tuple(entry for entry in entries if entry.level == "sample")
    if not kept:
        raise SpecError("a plan wants at least one test of the sample, such as kp_bmp")
    return kept
