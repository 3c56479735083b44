"""What a study takes where nothing was said, and the words that say so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eventstudy.calendars import ALWAYS_OPEN
from eventstudy.calendars.of_prices import Assigned, assign_calendars
from eventstudy.core.errors import SpecError
from eventstudy.panel.series import quotes_of
from eventstudy.prices import Prices
from eventstudy.spec import (
    ALL,
    Assumed,
    ModelSetting,
    StudySpec,
    settings_of,
    usual_model,
    window_text,
)
from eventstudy.study.remarks import Remark

_SEARCHED = ("garch", "breaks", "joint")
_SECONDS = 0.06  # an observation's, on a usual machine
_LISTED = 8
_CURRENCIES = "24/5"
NO_BENCHMARK = "no benchmark named: market moves count as abnormal"

Groups = Mapping[str, Sequence[str]]


def is_open(spec: StudySpec) -> bool:
    """Tell whether neither a model nor a factor was named."""
    return len(spec.models) == 1 and isinstance(spec.models[0].model, Assumed)


def indices(spec: StudySpec, symbols: Sequence[str]) -> list[str]:
    """Return the symbols that can be the market: those named, else indices."""
    named = [s for s in dict.fromkeys(spec.benchmarks.values()) if s in symbols]
    return named or [symbol for symbol in symbols if symbol.startswith("^")]


def with_market(
    spec: StudySpec, groups: Groups, prices: Prices
) -> tuple[StudySpec, list[Remark]]:
    """Take the market model on the one index that is held, where shares are studied.

    Groups of assets that trade on every day keep their own mean. Where there is no
    index or more than one, nothing is chosen, and the remark says what that means.
    """
    if not is_open(spec):
        return spec, []
    assigned = _assigned(spec, groups, prices)
    shares = {name: _shares(members, assigned) for name, members in groups.items()}
    if not any(any(one) for one in shares.values()):
        return spec, []
    held = indices(spec, prices.symbols)
    mixed = [name for name, one in shares.items() if any(one) and not all(one)]
    whole = [name for name, one in shares.items() if all(one)]
    if len(held) != 1 or (not whole and mixed):
        return spec, [_warning(held, mixed)]
    chosen = ModelSetting(model=Assumed(usual_model("one factor")), factors=(held[0],))
    if len(whole) == len(groups):
        return replace(spec, models=(chosen,)), []
    others = [name for name in groups if name not in whole]
    models = (
        replace(chosen, groups=tuple(whole)),
        replace(spec.models[0], groups=tuple(others)),
    )
    said = [_warning(held, mixed)] if mixed else []
    return replace(spec, models=models), said


def _assigned(spec: StudySpec, groups: Groups, prices: Prices) -> Assigned:
    quotes = quotes_of(prices.frame)
    held = [a for members in groups.values() for a in members if a in quotes]
    return assign_calendars({a: quotes[a].days for a in held}, spec.calendars)


def _shares(members: Sequence[str], assigned: Assigned) -> list[bool]:
    """Tell which assets are shares: those that an exchange closes over night."""
    out = []
    for asset in members:
        try:
            name = assigned.name_of(asset)
        except SpecError:
            name = ""  # an exchange that is not known
        out.append(
            name not in (ALWAYS_OPEN, _CURRENCIES)
            and not asset.startswith("^")
            and not asset.endswith("=F")
        )
    return out


def _warning(held: Sequence[str], mixed: Sequence[str]) -> Remark:
    if mixed and len(held) == 1:
        why = (
            f"{held[0]} is none for assets that trade on every day, which "
            f"{', '.join(mixed)} has as well: put these in a group of their own"
        )
    elif held:
        why = f"{', '.join(held)} are held: name one with --market"
    else:
        why = "name one with --market, such as ^GSPC, or under [benchmarks]"
    return Remark(severity="warning", about="model", text=f"{NO_BENCHMARK}; {why}")


def without_searches(
    spec: StudySpec, n_observations: int
) -> tuple[StudySpec, list[Remark]]:
    """Leave out the parts that search for the best fit of every series, if many.

    Returns the spec and what must be said.
    """
    left = [part for part in _SEARCHED if part in spec.parts]
    if n_observations <= spec.most_fitted or not left:
        return spec, []
    minutes = max(1, round(n_observations * _SECONDS / 60))
    text = (
        f"{', '.join(left)}: not computed for {n_observations:,} observations, as more "
        f"than {spec.most_fitted:,} are fitted only where most_fitted allows it; that "
        f"would take about {minutes} minute{'s' if minutes > 1 else ''}"
    )
    kept = tuple(part for part in spec.parts if part not in left)
    note = Remark(severity="note", about="parts", text=text)
    return replace(spec, parts=kept or ("returns",)), [note]


def said(spec: StudySpec, groups: Groups) -> Remark:
    """Name the model, its benchmark, the groups and windows, and what is a default."""
    assumed = [one for one in spec.models if isinstance(one.model, Assumed)]
    models = []
    for one in spec.models:
        named = ", ".join(one.factor_words)
        on = f" on {named}" if named else ", without a benchmark"
        of = f" for {', '.join(one.groups)}" if one.groups else ""
        name = "" if one.name == one.model else f"{one.name}: "
        models.append(f"{name}{one.model}{on}{of}")
    members = [
        f"{'all assets' if name == ALL else name} ({_some(assets)})"
        for name, assets in groups.items()
    ]
    usual = {one.name: one.default for one in settings_of(StudySpec)}
    taken = [
        name
        for name, default in (
            ("model", bool(assumed)),
            ("estimation window", spec.estimation == usual["estimation"]),
            ("event window", spec.event_window == usual["event_window"]),
            ("kind of return", "returns" in spec.assumed),
        )
        if default
    ]
    text = (
        f"model {'; '.join(models)}. Assets: {'; '.join(members)}. Estimation window "
        f"{window_text(spec.estimation)}, event window "
        f"{window_text(spec.event_window)}, {spec.returns} returns. "
        f"By default: {', '.join(taken) or 'nothing of these'}"
    )
    return Remark(severity="note", about="defaults", text=text)


def _some(assets: Sequence[str]) -> str:
    rest = len(assets) - _LISTED
    return ", ".join(assets[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
