"""The names of assets in a catalogue, spelled as the study and its prices do."""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from eventstudy.catalogue import Events
from eventstudy.core.errors import DataError, Problem
from eventstudy.prices import Prices
from eventstudy.spec import StudySpec

_MOST_SHOWN = 10


def named_assets(events: Events) -> list[str]:
    """Return the assets that the events name, each once."""
    named = events.frame["assets"].explode().drop_nulls().unique(maintain_order=True)
    return list(named)


def one_spelling(spec: StudySpec, events: Events, prices: Prices) -> Events:
    """Spell the assets of a catalogue as the study and its prices do.

    Names of several words that they know are one asset. Of the others only those that
    neither knows are touched, where one that it knows differs in case.

    Raises `DataError` for a name of several words of which nothing is known, in a study
    of the assets that its catalogue names.
    """
    known = {*prices.symbols, *spec.assets}
    spelled = {symbol.casefold(): symbol for symbol in sorted(known)}
    events = _whole_names(spec, events, spelled)
    named = named_assets(events)
    other = {
        name: spelled[name.casefold()]
        for name in named
        if name not in known and name.casefold() in spelled
    }
    if not other:
        return events
    assets = pl.col("assets").list.eval(pl.element().replace(other))
    notes = [f"{old} is spelled {new}, as in the study" for old, new in other.items()]
    return replace(
        events,
        frame=events.frame.with_columns(assets.list.unique(maintain_order=True)),
        notes=(*events.notes, *notes),
    )


def _whole_names(spec: StudySpec, events: Events, spelled: Mapping[str, str]) -> Events:
    """Put names of several words that are symbols in the place of their words.

    spelled : the symbols that are known, by their lower case
    """
    problems, assets = [], []
    rows = events.frame.select("event_id", "line", "assets").iter_rows()
    for event_id, line, words in rows:
        held = list(words)
        for phrase in events.phrases.get(event_id, ()):
            own = phrase.split()
            if (whole := spelled.get(phrase.casefold())) is not None:
                at = held.index(own[0])
                held = [whole if i == at else w for i, w in enumerate(held)]
                held = [w for w in held if w == whole or w not in own]
            elif not spec.groups and not any(w.casefold() in spelled for w in own):
                problems.append(
                    Problem(
                        message=f"{phrase!r}: no prices for it as one name, nor for "
                        "any of its words; write the name as the prices have it, and "
                        "';' between several",
                        file=events.source,
                        line=line,
                        column="assets",
                    )
                )
        assets.append(held)
    if problems:
        raise DataError("names of assets that no prices have", problems[:_MOST_SHOWN])
    if not events.phrases:
        return events
    column = pl.Series("assets", assets, dtype=pl.List(pl.String))
    return replace(events, frame=events.frame.with_columns(column), phrases={})
