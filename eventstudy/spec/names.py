"""Names in a study: those it may say, and those that must not clash."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.core.names import name_fault
from eventstudy.core.registry import MODELS, TESTS
from eventstudy.spec.entries import FACTOR_SETS, MOST_LAGS, ModelSetting, Question
from eventstudy.spec.setting import Member, Pair, window_text
from eventstudy.spec.typed import SettingError

ALL = "all"
DEFAULT = "default"
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "returns": "abnormal returns: of observations, averages, tests",
        "volume": "abnormal volume",
        "illiquidity": "abnormal illiquidity and bid-ask spread",
        "volatility": "volatility after over before, of returns and daily ranges",
        "garch": "GARCH models of every asset, and event volatility against them",
        "breaks": "breaks of variance and its regimes",
        "joint": "effects of overlapping events estimated together",
        "intraday": "bars around announcements, and realised variance",
        "outcomes": "outcomes that were registered beside these",
    }
)
"""What a study can compute."""
OF_SESSIONS = ("volume", "illiquidity", "intraday", "outcomes")
"""Parts that are about single sessions, and not about weeks or months."""
OF_PRICES = ("volume", "illiquidity", "volatility", "outcomes")
"""Parts that read prices again once returns are made of them."""


def default_model(factors: tuple[str, ...]) -> str:
    """Return the model that is taken when only factors are named."""
    if not factors:
        return usual_model("no factor")
    single = len(factors) == 1 and factors[0] not in FACTOR_SETS
    return usual_model("one factor" if single else "several factors")


def usual_model(factors: str) -> str:
    """Return the model that is usual with "no", "one" or "several" factors."""
    return str(next(e.name for e in MODELS.values() if e.default_with == factors))


def expand_tests(tests: tuple[Member, ...]) -> tuple[Member, ...]:
    """Return the tests with `all` and `default` replaced by what they stand for."""
    usual = tuple(
        name
        for name, entry in TESTS.items()
        if entry.by_default and entry.level == "sample"
    )
    words: dict[str, tuple[Member, ...]] = {ALL: tuple(TESTS), DEFAULT: usual}
    named = (one for given in tests for one in words.get(str(given), (given,)))
    return tuple(dict.fromkeys(named))


def expand_parts(parts: tuple[str, ...], frequency: str) -> tuple[str, ...]:
    """Return the parts in the order of `PARTS`; all: those that the frequency has."""
    for part in parts:
        if part not in (*PARTS, ALL):
            raise SettingError(str(unknown_name("part", part, PARTS)), "parts")
    if not parts:
        raise SettingError(
            "parts is empty; name at least one, such as returns", "parts"
        )
    lacking = OF_SESSIONS if frequency != "daily" else ()
    if asked := [part for part in lacking if part in parts]:
        raise SettingError(
            f"parts: {', '.join(asked)} with frequency = {frequency!r}, but what is "
            "traded is studied by session; leave it out, or study daily returns",
            "parts",
        )
    return tuple(
        part
        for part in PARTS
        if part in parts or (ALL in parts and part not in lacking)
    )


def check_groups(
    groups: Mapping[str, tuple[str, ...]], models: tuple[ModelSetting, ...]
) -> None:
    """Refuse an asset in two groups, and two models of one name for a group."""
    if ALL in groups:
        raise SettingError(
            "no group can be called 'all': that is all assets together", "groups", ALL
        )
    seen: dict[str, str] = {}
    for group, members in groups.items():
        if fault := name_fault(group, "the name of a group"):
            raise SettingError(f"group {group!r}: {fault}", "groups", group)
        if not members:
            raise SettingError(f"group {group!r} is empty", "groups", group)
        for asset in members:
            if asset in seen:
                raise SettingError(
                    f"{asset} is in group {seen[asset]!r} and in {group!r}",
                    "groups",
                    group,
                )
            seen[asset] = group
    _check_claims(groups, models)


def _check_claims(
    groups: Mapping[str, tuple[str, ...]], models: tuple[ModelSetting, ...]
) -> None:
    taken: set[tuple[str, str]] = set()
    for at, held in enumerate(models):
        for group in held.groups or tuple(groups) or (ALL,):
            if held.groups and group not in groups:
                raise SettingError(
                    f"model {held.name!r} names group {group!r}; known: "
                    f"{', '.join(groups) or 'none'}",
                    "models",
                    at,
                    "groups",
                )
            if (held.name, group) in taken:
                raise SettingError(
                    f"two models called {held.name!r} claim group {group!r}: "
                    "give one of them another name",
                    "models",
                    at,
                )
            taken.add((held.name, group))


def check_labels(
    labels: Mapping[str, str],
    groups: Mapping[str, tuple[str, ...]],
    models: tuple[ModelSetting, ...],
) -> None:
    """Refuse words for a group or model that there is not, and empty ones."""
    known = [*groups, *dict.fromkeys(held.name for held in models)]
    for name, words in labels.items():
        if name not in known:
            said = str(unknown_name("group or model", name, known))
            raise SettingError(said, "labels", name)
        if not words.strip():
            raise SettingError(f"the label of {name} is empty", "labels", name)


def check_controls(controls: Mapping[str, str], assets: tuple[str, ...]) -> None:
    """Refuse an asset that is its own control, and controls of no asset."""
    for asset, control in controls.items():
        if asset == control:
            raise SettingError(
                f"{asset} is its own control; name another asset that moves like it",
                "long_run",
                "controls",
                asset,
            )
        if assets and asset not in (*assets, DEFAULT):
            raise SettingError(
                f"{asset} has the control {control}, but is no asset of the study: "
                f"{', '.join(assets[:10])}; `default` is the control of all others",
                "long_run",
                "controls",
                asset,
            )


def _where(entry: Any) -> str:  # noqa: ANN401 - an entry of any family of models
    """Say where what a model is made of is named."""
    if entry.min_donors or entry.min_members:
        key = "donors" if entry.min_donors else "members"
        return f"name them as {key} of [[models]], and leave factors out"
    return "name them with --market or --factors, or as factors in the study file"


def check_members(models: tuple[ModelSetting, ...], tests: tuple[Member, ...]) -> None:
    """Refuse models and tests that there are not, and factors a model cannot take."""
    for at, held in enumerate(models):
        if fault := name_fault(held.name, "the name of a model"):
            raise SettingError(f"model {held.name!r}: {fault}", "models", at, "name")
        try:
            entry = MODELS.entry(held.model)
        except SpecError as err:
            raise SettingError(str(err), "models", at, "model") from err
        if len(held.donors) < entry.min_donors or (
            held.donors and not entry.min_donors
        ):
            got = ", ".join(held.donors) or "none"
            raise SettingError(
                f"model {held.name!r} ({held.model}) takes {entry.takes}, and got "
                f"{got} under donors; "
                + (
                    'name them in [[models]], as in donors = ["AAPL", "MSFT", ...]'
                    if entry.min_donors
                    else "leave them out, or take a model with donors"
                ),
                "models",
                at,
                "donors",
            )
        count, least, most = len(held.factors), entry.min_factors, entry.max_factors
        if count < least or (most is not None and count > most):
            raise SettingError(
                f"model {held.name!r} ({held.model}) takes {entry.takes}, got "
                f"{', '.join(held.factors) or 'none'}; {_where(entry)}",
                "models",
                at,
                "factors",
            )
        _check_options(at, held, entry.options)
        least = entry.min_members
        if len(held.members or ()) < least:
            got = ", ".join(held.members or ()) or "none"
            raise SettingError(
                f"model {held.name!r} ({held.model}) takes at least {least} members, "
                f"got {got}; name them in [[models]], as in "
                'members = ["ETH-USD", "BNB-USD", "ADA-USD", "XRP-USD"]',
                "models",
                at,
                "members",
            )
    for given in tests:
        try:
            TESTS.entry(given)
        except SpecError as err:
            raise SettingError(str(err), "tests") from err


def _check_options(at: int, held: ModelSetting, known: Mapping[str, Any]) -> None:
    """Refuse what is said of a model that it does not take, and what cannot be."""
    for name, value in held.options.items():
        if name not in known:
            takes = ", ".join(known) or "none"
            raise SettingError(
                f"model {held.name!r}: {name} is said, which {held.model} does not "
                f"take; options that it takes: {takes}",
                "models",
                at,
                name,
            )
        if name in ("lags", "leads") and not 0 <= value <= MOST_LAGS:
            raise SettingError(
                f"model {held.name!r}: {name} = {value}; wanted 0 to {MOST_LAGS} "
                "sessions",
                "models",
                at,
                name,
            )


def check_intraday(
    bars: Mapping[str, str], minutes: tuple[int, ...], benchmark: str
) -> None:
    """Refuse windows of no minutes, and a benchmark without bars."""
    if not minutes or min(minutes) < 1 or len(set(minutes)) < len(minutes):
        raise SettingError(
            f"minutes = {list(minutes)}; wanted different whole numbers from 1, such "
            "as [15, 60]",
            "intraday",
            "minutes",
        )
    if benchmark and benchmark not in bars:
        said = unknown_name("benchmark", benchmark, bars)
        raise SettingError(f"{said}; it wants bars", "intraday", "benchmark")


def check_questions(
    questions: tuple[Question, ...],
    models: tuple[ModelSetting, ...],
    windows: tuple[Pair, ...],
    outcomes: tuple[str, ...],
) -> None:
    """Refuse questions about what the study has not: a window, a model, a series."""
    settings = {held.name for held in models}
    for at, question in enumerate(questions):
        if question.outcome and question.outcome not in outcomes:
            said = str(unknown_name("outcome", question.outcome, outcomes))
            raise SettingError(said, "questions", at, "outcome")
        if question.window is not None and question.window not in windows:
            raise SettingError(
                f"question {question.text!r}: window {window_text(question.window)} is "
                f"none of {', '.join(map(window_text, windows))}",
                "questions",
                at,
                "window",
            )
        if unknown := sorted(set(question.models) - settings):
            said = str(unknown_name("model setting", unknown[0], settings))
            raise SettingError(said, "questions", at, "models")
