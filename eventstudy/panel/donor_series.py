"""A model's donors: who they are, their returns, and what announcements name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from eventstudy.calendars import Calendar
from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.panel.plan import Announcements, Market, Observation
from eventstudy.panel.series import Quotes, trade_to_trade, without
from eventstudy.spec import StudySpec

_DIRECTIONS = ("-", "+", "?")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DonorSeries:
    """Returns of a model's J donors on the calendars of its observations.

    Parameters
    ----------
    names : tuple of str
        Their symbols.
    returns : mapping of str to array (S, J)
        By calendar: simple returns over one session, nan where there is none, and of
        donors that trade on another calendar.
    barred : mapping of str to bool array (S, J)
        By calendar: days 0 near an announcement that names the donor.
    unpriced : bool array (J,)
        Donors without prices.
    elsewhere : mapping of str to bool array (J,)
        By calendar: donors that trade on another.
    groups : tuple of str or None
        The group of each donor that is itself studied.
    concerned : callable
        ``f(observation)``: whether its announcement concerns its whole group.

    Examples
    --------
    >>> import polars as pl
    >>> import eventstudy as es
    >>> from eventstudy.panel import build
    >>> names = ["BTCM", "RIOT", "MARA", "CLSK", "MSTR", "SOS", "^GSPC"]
    >>> prices = es.fetch_prices(names, source="snapshot")
    >>> events = es.read_events(
    ...     pl.DataFrame({"event_id": ["summons"], "announced_at": ["2021-06-21"]})
    ... )
    >>> model = es.ModelSetting(model="synthetic", donors=names[1:])
    >>> spec = es.StudySpec(models=(model,))
    >>> (panel,), _ = build(spec, {"all": ["BTCM"]}, events.frame, prices.frame)
    >>> panel.donors.names[:2]
    ('RIOT', 'MARA')
    """

    names: tuple[str, ...]
    returns: Mapping[str, Array]
    barred: Mapping[str, BoolArray]
    unpriced: BoolArray
    elsewhere: Mapping[str, BoolArray]
    groups: tuple[str | None, ...]
    concerned: Callable[[Observation], bool]


def donor_series(
    spec: StudySpec,
    donors: Sequence[str],
    calendars: Mapping[str, Calendar],
    market: Market,
    events: Announcements,
    named: "Concerned",
    quotes: Mapping[str, Quotes],
    wrong: Mapping[str, IntArray],
    name_of: Callable[[str], str],
) -> DonorSeries:
    """Return the donors of a model on the calendars of its assets.

    name_of : the calendar on which a symbol trades
    """
    unpriced = np.array([donor not in quotes for donor in donors], np.bool_)
    own = [None if u else name_of(d) for d, u in zip(donors, unpriced, strict=True)]
    reach = max(-spec.purge[0], spec.purge[1], 0)
    returns, barred, elsewhere = {}, {}, {}
    for name, calendar in calendars.items():
        shape = len(calendar.sessions), len(donors)
        held, near = np.full(shape, np.nan), np.zeros(shape, np.bool_)
        for at, donor in enumerate(donors):
            if own[at] != name:
                continue
            series = trade_to_trade(donor, (), quotes, calendar, bridge_gaps=False)
            if donor in wrong:
                series = without(series, wrong[donor], calendar)
            held[:, at] = series.simple_return
            for row in named.rows(donor, events):
                day0 = market.zeros[name][row].index
                if day0 is not None:
                    near[max(day0 - reach, 0) : day0 + reach + 1, at] = True
        returns[name], barred[name] = held, near
        elsewhere[name] = np.array([one != name for one in own], np.bool_)
    return DonorSeries(
        names=tuple(donors),
        returns=returns,
        barred=barred,
        unpriced=unpriced,
        elsewhere=elsewhere,
        groups=tuple(named.group.get(donor) for donor in donors),
        concerned=named.concerns_group,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concerned:
    """What announcements name: assets by row, and directions expected of groups.

    group : the group of each asset of the study
    """

    assets: Sequence[frozenset[str]]
    expected: Mapping[str, Sequence[bool]]
    group: Mapping[str, str]

    def rows(self, donor: str, events: Announcements) -> Sequence[int]:
        """Return the announcements that concern a donor.

        Those that name no asset concern the assets of the study.
        """
        if donor in self.group:
            return events.touching(donor)
        return events.by_asset.get(donor, ())

    def concerns_group(self, one: Observation) -> bool:
        """Tell whether an observation's announcement concerns its whole group.

        It does when it names no asset or another one of the group, or when the
        catalogue expects a direction of the group.
        """
        expected = self.expected.get(one.group)
        for row in one.events:
            named = self.assets[row]
            peers = [
                a for a in named if a != one.asset and self.group.get(a) == one.group
            ]
            if not named or peers or (expected is not None and expected[row]):
                return True
        return False


def named_in(events: pl.DataFrame, members: Sequence[tuple[str, str]]) -> Concerned:
    """Read what the announcements of a catalogue name; members are (asset, group)."""
    directions = [name for name in events.columns if name.startswith("expected_")]
    return Concerned(
        assets=[frozenset(held or ()) for held in events["assets"].to_list()],
        expected={
            name.removeprefix("expected_"): events[name].is_in(_DIRECTIONS).to_list()
            for name in directions
        },
        group=dict(members),
    )
