"""What a catalogue, its study file and overrides become: spec, events, prices.

The command and the library ask the same functions, so that both do the same study.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from eventstudy.catalogue import Events, read_events
from eventstudy.core.errors import (
    DataError,
    EventStudyError,
    SpecError,
    nearest,
    nearest_of,
)
from eventstudy.core.registry import MODELS
from eventstudy.prices import (
    SOURCES,
    Factors,
    Prices,
    check_quality,
    fetch_prices,
    read_factors,
    with_factors,
)
from eventstudy.prices.factors import with_levels
from eventstudy.prices.fetch import source_entry, source_for
from eventstudy.prices.french import factor_prices
from eventstudy.prices.quality import refuse_warnings
from eventstudy.prices.table import NO_PRICES
from eventstudy.spec import (
    ALL,
    RISK_FREE,
    StudySpec,
    default_model,
    read_spec,
    read_table,
    settings_of,
    spec_from,
)
from eventstudy.spec.files import intraday
from eventstudy.study.defaults import indices, is_open
from eventstudy.study.names import named_assets, one_spelling
from eventstudy.study.needed import last_used, needed_dates
from eventstudy.study.own import own_windows, widened, with_benchmarks

Plain = dict[str, Any]

# Overrides beside the fields of the spec: they pick from what the study file says.
_PICKS = ("assets",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to study: events, spec, further input files (SHA-256), notes."""

    events: Events
    spec: StudySpec
    inputs: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How downloaded prices are had.

    cache : folder of downloads;  offline : never touch the network
    refresh : download all anew
    """

    cache: str | Path | None = None
    offline: bool = False
    refresh: bool = False


def request_of(
    catalogue: str | Path | Events | Any,  # noqa: ANN401 - any frame with Arrow's stream
    study: str | Path | None = None,
    **overrides: Any,  # noqa: ANN401 - fields of StudySpec
) -> Request:
    """Read a catalogue and its study file, and put the overrides on top.

    study : the study file, otherwise the one beside the catalogue, of the same name
    overrides : fields of `StudySpec`, and ``assets``: symbols to pick from the groups
    """
    beside = _beside(catalogue)
    path = Path(study) if study is not None else beside
    table: Plain = {}
    inputs: dict[str, str] = {}
    notes: list[str] = []
    if path is None or (study is None and not path.exists()):
        named = f" {path.name}" if path is not None else ""
        notes.append(f"no study file{named}: defaults are used for what was not said")
    else:
        _, table = read_table(path)
        read_spec(path)  # so that a fault of the file is told with its name and line
        table = _with_paths(table, path.parent)
        inputs[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    usual = {
        one.name: one.in_command
        for one in settings_of(StudySpec)
        if one.in_command != one.default
    }
    asked = {**usual, **merged(table, overrides)}
    spec = spec_from(asked)
    events = events_of(catalogue, spec)
    check_questions(spec, events)
    own_windows(with_benchmarks(spec, events), events)  # faults are told at once
    if not inputs and "prices" not in overrides:
        chosen = default_prices(spec, events.frame)
        if chosen != spec.prices:
            notes.append(
                f"prices: {chosen}, as the embedded {spec.prices} does not cover the "
                "study"
            )
        spec = replace(spec, prices=chosen)
    return Request(events=events, spec=spec, inputs=inputs, notes=tuple(notes))


def events_of(
    catalogue: str | Path | Events | Any,  # noqa: ANN401 - any frame with Arrow's stream
    spec: StudySpec,
) -> Events:
    """Return a catalogue that is read, its times in the zone that the spec names."""
    if isinstance(catalogue, Events):
        return catalogue
    return read_events(
        catalogue,
        timezone=spec.timezone or None,
        columns=spec.event_columns,
        date_format=spec.event_date_format or None,
        sheet=spec.event_sheet or None,
    )


def _with_paths(table: Mapping[str, Any], folder: Path) -> Plain:
    """Take the paths of a study file from its folder on, where they lead to something.

    Others stay as they are: names of sources, and paths from where the command is run.
    """

    def found(path: object) -> object:
        if not isinstance(path, str) or path in SOURCES:
            return path
        beside = folder / path
        return str(beside) if beside.exists() else path

    out = dict(table)
    if "prices" in out:
        out["prices"] = found(out["prices"])
    if isinstance(out.get("intraday"), Mapping):
        said = intraday(out["intraday"])
        bars = {name: found(one) for name, one in said["intraday"].items()}
        out |= {**said, "intraday": bars}
    if isinstance(out.get("outcomes"), list):
        out["outcomes"] = [
            {**one, "file": found(one["file"])}
            if isinstance(one, Mapping) and "file" in one
            else one
            for one in out["outcomes"]
        ]
    return out


def _beside(catalogue: object) -> Path | None:
    if not isinstance(catalogue, str | Path) or not Path(catalogue).name:
        return None
    return Path(catalogue).with_suffix(".toml")


def check_questions(spec: StudySpec, events: Events) -> None:
    """Refuse a question about an event that is not in the catalogue."""
    ids = events.frame["event_id"].to_list()
    for question in spec.questions:
        if question.event_id not in ids:
            near = nearest_of(question.event_id, ids) or ids[:10]
            raise SpecError(
                f"question {question.text!r}: no event {question.event_id!r} in "
                f"{events.source}; it has {', '.join(near)}"
            )


# --- overrides ----------------------------------------------------------------------


def merged(table: Mapping[str, Any], overrides: Mapping[str, Any]) -> Plain:
    """Return the content of a study file with overrides put on top.

    Other groups are studied by the models that their assets had, another model has
    the file's factors, and questions and labels of what is studied no more are left
    out.
    """
    known = {one.name for one in fields(StudySpec)} | set(_PICKS)
    for name in overrides:
        if name not in known:
            near = nearest(name, known)
            meant = f": did you mean {near!r}?" if near else ""
            raise SpecError(
                f"there is no setting {name!r}{meant}; see StudySpec for all of them"
            )
    changed = {name: value for name, value in overrides.items() if name not in _PICKS}
    changed |= _universe(table, overrides) | _model(table, overrides)
    if "questions" in table and "questions" not in overrides:
        changed["questions"] = _questions(table["questions"], changed)
    if "labels" in table and "labels" not in overrides:
        gone = _named(table) - _named({**table, **changed})
        labels = table["labels"].items()
        changed["labels"] = {name: one for name, one in labels if name not in gone}
    return {**table, **changed}


def _named(table: Mapping[str, Any]) -> set[str]:
    """Return the names of groups and models."""
    models = (one.get("name", one.get("model", "")) for one in table.get("models", ()))
    return {*table.get("groups", {}), *map(str, models)}


def _universe(table: Mapping[str, Any], overrides: Mapping[str, Any]) -> Plain:
    """Return the groups: ``groups`` replaces them, ``assets`` picks from them."""
    old: Plain = dict(table.get("groups", {}))
    groups = dict(overrides.get("groups", old))
    if "assets" in overrides:
        wanted = list(overrides["assets"])
        known = {asset for members in groups.values() for asset in members}
        groups = {
            name: [asset for asset in members if asset in wanted]
            for name, members in groups.items()
        }
        if others := [asset for asset in wanted if asset not in known]:
            groups["assets"] = [*groups.get("assets", []), *others]
        groups = {name: members for name, members in groups.items() if members}
    if groups == old:
        return {}
    return {"groups": groups, **_settings_of(groups, table)}


def _settings_of(groups: Plain, table: Mapping[str, Any]) -> Plain:
    """Return the file's models for other groups: each as its assets were studied.

    A group follows the file's group that one of its assets came from; a group of new
    assets follows the first group of the first model.
    """
    if "models" not in table:
        return {}
    old: Plain = table.get("groups", {})
    home = {asset: name for name, members in old.items() for asset in members}
    first = table["models"][0].get("groups", list(old))[:1]
    models = []
    for setting in table["models"]:
        followed = setting.get("groups", list(old))
        own = [
            name
            for name, members in groups.items()
            if ([home[asset] for asset in members if asset in home] or first)[0]
            in followed
        ]
        if own:
            models.append({**setting, "groups": own})
    return {"models": models}


def _model(table: Mapping[str, Any], overrides: Mapping[str, Any]) -> Plain:
    """Return the one model that replaces the file's, where one is named."""
    model, factors = overrides.get("model"), overrides.get("factors", ())
    if "models" in overrides:
        return {"models": overrides["models"], "model": model, "factors": factors}
    if model is None and not factors:
        return {}
    if model is None:
        model = default_model(tuple(factors))
    elif not factors and _takes_factors(model):
        factors = _factors_of(table)
    return {"models": [], "model": model, "factors": factors}


def _takes_factors(model: Any) -> bool:  # noqa: ANN401 - a name or a function
    try:
        return bool(MODELS.entry(model).max_factors != 0)
    except SpecError:
        return False  # the spec will say that there is no such model


def _factors_of(table: Mapping[str, Any]) -> list[str]:
    """Return the factors of the study file's first model that has any."""
    held = [table.get("factors", [])]
    held += [setting.get("factors", []) for setting in table.get("models", [])]
    return next((list(factors) for factors in held if factors), [])


def _questions(asked: Sequence[Plain], changed: Plain) -> list[Plain]:
    """Return the file's questions about windows and models that are studied still."""
    out = list(asked)
    if "windows" in changed:
        windows = [tuple(window) for window in changed["windows"]]
        out = [q for q in out if tuple(q.get("window", windows[0])) in windows]
    if "models" in changed:
        held = {_name(setting) for setting in changed["models"]}
        out = [
            {**q, "models": [m for m in q.get("models", []) if m in held]} for q in out
        ]
    return out


def _name(setting: Any) -> object:  # noqa: ANN401 - a table, or a ModelSetting
    if isinstance(setting, Mapping):
        return setting.get("name") or setting.get("model")
    return setting.name


# --- prices -------------------------------------------------------------------------


def prices_of(spec: StudySpec, events: Events, access: Access) -> Prices:
    """Fetch the prices that a study needs.

    Factors in lower case are factor returns, others are symbols.
    """
    spec = with_benchmarks(spec, events)
    spec = widened(spec, events, own_windows(spec, events))
    returns = [name for name in spec.factor_names if name != name.upper()]
    symbols = [s for s in _symbols(spec, events) if s not in returns]
    start, end = needed_dates(spec, events.frame)
    whole = source_entry(spec.prices).holds_all
    library = bool(returns) and not spec.factor_files
    of_prices = access
    if library and not source_entry(spec.prices).uses_cache:
        of_prices = Access()  # the factors alone are downloaded

    def fetched(symbols: Sequence[str]) -> Prices:
        return fetch_prices(
            symbols,
            source=spec.prices,
            start=None if whole else start,
            end=None if whole else end,
            partial=True,
            splices=spec.splices,
            **_settings(spec, of_prices),
        )

    prices = fetched(symbols)
    if symbols and is_open(spec) and (markets := _markets(spec, of_prices)):
        prices = fetched(list(dict.fromkeys([*symbols, *markets])))
    if events.phrases:
        prices = _without_words(spec, events, prices)
    if not returns:
        return prices
    if library:
        return with_levels(prices, _from_library(spec, returns, end, access))
    return with_factors(prices, _factors(spec, returns))


def _without_words(spec: StudySpec, events: Events, prices: Prices) -> Prices:
    """Forget that words of a name, or a name of several words, have no prices."""
    named = named_assets(one_spelling(spec, events, prices))
    tried = {
        *named_assets(events),
        *(p for held in events.phrases.values() for p in held),
    }
    beside = tried - {*named, *spec.symbols}
    lacking = (pl.col("rule") == NO_PRICES) & pl.col("symbol").is_in(list(beside))
    return replace(prices, issues=prices.issues.filter(~lacking))


def _markets(spec: StudySpec, access: Access) -> list[str]:
    """Return the symbols that could be the market of a study that names none."""
    if not source_entry(spec.prices).holds_all:
        return list(spec.benchmarks.values())
    try:
        everything = fetch_prices((), source=spec.prices, **_settings(spec, access))
    except EventStudyError:
        return []  # what is wrong with a file matters where it is needed
    return indices(spec, everything.symbols)


def gated(
    spec: StudySpec,
    events: pl.DataFrame,
    prices: Prices,
    *,
    symbols: Sequence[str] = (),
    strict: bool = False,
) -> Prices:
    """Let prices pass the quality gate, which adds what it finds to their issues.

    symbols : those that are looked at, none = all;  strict : doubtful prices are a
    `DataError`
    """
    start, end = needed_dates(spec, events)
    if spec.frequency != "daily":
        end = last_used(spec, events, prices.frame["date"].max(), end)
    looked_at = prices
    # A filter copies every row, of millions too where it keeps all.
    if symbols and not {*prices.symbols} <= {*symbols}:
        rows = prices.frame.filter(pl.col("symbol").is_in(list(symbols)))
        looked_at = replace(prices, frame=rows)
    found = check_quality(looked_at, calendars=spec.calendars, start=start, end=end)
    prices = replace(prices, issues=pl.concat([prices.issues, found]))
    if strict:
        refuse_warnings(prices.issues)
    return prices


def _from_library(
    spec: StudySpec, names: Sequence[str], end: date, access: Access
) -> Prices:
    """Return the levels of factors that no file of the user has."""
    settings = _of_cache(access)
    return factor_prices(names, region=spec.factor_region, end=end, **settings)


def _factors(spec: StudySpec, names: Sequence[str]) -> Factors:
    factors = read_factors(spec.factor_files, [n for n in names if n != RISK_FREE])
    if RISK_FREE in names and RISK_FREE not in factors.frame.columns:
        raise DataError(
            f"{', '.join(spec.factor_files)}: no column '{RISK_FREE}', the riskless "
            "rate that returns beside mkt_rf are in excess of"
        )
    return factors


def _symbols(spec: StudySpec, events: Events) -> list[str]:
    """Return the symbols to fetch; none means all that the source has.

    A name of several words may be one of the user's own files only.
    """
    if spec.groups:
        return list(spec.symbols)
    named = named_assets(events)
    if source_entry(spec.prices).holds_all:
        named += [name for held in events.phrases.values() for name in held]
    if (events.frame["assets"].list.len() > 0).all():
        return list(dict.fromkeys([*named, *spec.symbols]))
    if not source_entry(spec.prices).holds_all:
        raise SpecError(
            "some events name no assets: give --assets BTC-USD,RIOT or --group "
            "NAME=SYMBOL,SYMBOL, or write a study file"
        )
    return []


def _settings(spec: StudySpec, access: Access) -> Plain:
    """Return what the source of prices is opened with."""
    given = {
        "columns": spec.price_columns,
        "date_format": spec.date_format,
        "decimal": spec.decimal,
        "sheet": spec.sheet,
        "stamps": spec.stamps,
        "input_returns": spec.input_returns,
        "per_file": spec.price_files,
    }
    return _of_cache(access) | {name: value for name, value in given.items() if value}


def _of_cache(access: Access) -> Plain:
    given = {
        "offline": access.offline,
        "refresh": access.refresh,
        "cache": None if access.cache is None else Path(access.cache),
    }
    return {name: value for name, value in given.items() if value}


def default_prices(spec: StudySpec, events: pl.DataFrame) -> str:
    """Return the source of the prices of a study that names none."""
    named = events["assets"].explode().drop_nulls()
    symbols = {name for name in spec.symbols if name == name.upper()}
    wanted = {*symbols, *named} if spec.groups or len(named) else set()
    return source_for(wanted, events["announced_date"])


def default_assets(spec: StudySpec, events: Events, prices: Prices) -> tuple[str, ...]:
    """Return the assets of a study without groups: named by events, else all priced.

    Indices (``^GSPC``) are no assets unless events name them or nothing else is held.
    """
    named = named_assets(events)
    if named and (events.frame["assets"].list.len() > 0).all():
        return tuple(named)
    factors = {
        *spec.beside,
        *spec.benchmarks.values(),
        *spec.currencies.values(),
    }
    priced = tuple(s for s in prices.symbols if s not in factors)
    assets = tuple(s for s in priced if not s.startswith("^")) or priced
    if not assets:
        raise DataError(
            "there is nothing to study: the prices hold only the factors or donors "
            f"{', '.join(sorted(factors))}; add the prices of assets"
        )
    return assets


def groups_of(
    spec: StudySpec, events: Events, prices: Prices
) -> Mapping[str, tuple[str, ...]]:
    """Return the assets of a study by group.

    Raises `SpecError` for two that differ in case only: one share would count twice.
    """
    groups = spec.groups or {ALL: default_assets(spec, events, prices)}
    seen: dict[str, str] = {}
    for asset in (asset for members in groups.values() for asset in members):
        twin = seen.setdefault(asset.casefold(), asset)
        if twin != asset:
            raise SpecError(
                f"{twin} and {asset} differ in case only, and one share would count "
                "twice; write one of them"
            )
    return groups
