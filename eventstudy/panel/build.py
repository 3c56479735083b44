"""Announcements, prices and calendars -> a panel for each model setting."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType

import numpy as np
import polars as pl

from eventstudy.calendars import ALWAYS_OPEN, Calendar
from eventstudy.calendars.of_prices import Assigned, assign_calendars
from eventstudy.core.abnormal import Clock, IntArray
from eventstudy.core.errors import DataError
from eventstudy.panel.arrays import Panel
from eventstudy.panel.baskets import (
    BASKET,
    LEAST_MEMBERS,
    WEIGHTS,
    Basket,
    basket_levels,
    unweighted,
)
from eventstudy.panel.columns import Columns, columns_of
from eventstudy.panel.donor_series import donor_series, named_in
from eventstudy.panel.guessed import moved_day_zeros, refuse_stray_day_zeros
from eventstudy.panel.plan import (
    Announcements,
    Market,
    Observation,
    OwnWindow,
    Unplaced,
    announcements,
    calendar_for,
    lay_out,
    observations_of,
    own_calendar,
    purge_counts,
)
from eventstudy.panel.series import (
    Quotes,
    Series,
    days_later,
    quotes_of,
    trade_to_trade,
    with_gaps,
    without,
)
from eventstudy.spec import ModelSetting, StudySpec, window_text

AtClose = Callable[[str, Calendar, Quotes], Quotes]

_NO_DAY = -1


def build(
    spec: StudySpec,
    groups: Mapping[str, Sequence[str]],
    events: pl.DataFrame,
    prices: pl.DataFrame,
    *,
    at_close: AtClose | None = None,
    wrong: Mapping[str, IntArray] = MappingProxyType({}),
    returns: Mapping[str, tuple[date, float]] = MappingProxyType({}),
    usual: tuple[int, int] | None = None,
    own: Mapping[str, OwnWindow] = MappingProxyType({}),
) -> tuple[list[Panel], Market]:
    """Lay out every model setting's observations on one table of clocks.

    Parameters
    ----------
    spec : StudySpec
        The request.
    groups : mapping of str to sequence of str
        Assets by group.
    events : polars.DataFrame
        The frame of `Events`.
    prices : polars.DataFrame
        The frame of `Prices`.
    at_close : callable, optional
        ``(factor, calendar, quotes by the day)`` -> quotes at the calendar's closes;
        asked for the factors of every asset that trades on its own calendar.
    wrong : mapping of str to array
        Per symbol the days whose price change is wrong and left out.
    returns : mapping of str to (date, float)
        As in `Prices`: the symbols whose returns were given.
    usual : (int, int), optional
        The estimation window of events without their own, inside the spec's, which is
        the widest; by default the spec's.
    own : mapping of str to (int or date, int or date)
        Estimation windows of events that have their own, by id.

    Returns
    -------
    panels : list of Panel
        One per model setting.
    market : Market
        The calendars, and where each event falls on them.

    Raises
    ------
    DataError
        When a factor has no prices: nothing could be estimated.

    Examples
    --------
    >>> import polars as pl
    >>> import eventstudy as es
    >>> from eventstudy.panel import build
    >>> prices = es.fetch_prices(["BTCM", "^GSPC"], source="snapshot")
    >>> events = es.read_events(
    ...     pl.DataFrame({"event_id": ["summons"], "announced_at": ["2021-06-21"]})
    ... )
    >>> spec = es.StudySpec(model="market", factors=("^GSPC",))
    >>> (panel,), market = build(spec, {"all": ["BTCM"]}, events.frame, prices.frame)
    >>> panel.observations[0].session
    datetime.date(2021, 6, 21)
    """
    quotes = quotes_of(prices)
    members = [(asset, group) for group, assets in groups.items() for asset in assets]
    _refuse_missing_factors(spec, members, quotes)
    studied = dict.fromkeys([*(asset for asset, _ in members), *spec.beside])
    assigned = assign_calendars(
        {symbol: quotes[symbol].days for symbol in studied if symbol in quotes},
        spec.calendars,
    )
    quotes, wrong = _with_gaps(spec, quotes, wrong, returns, assigned, prices)
    named = [
        (setting, asset, group)
        for setting in spec.models
        for asset, group in members
        if not setting.groups or group in setting.groups
    ]
    calendars = {
        (setting, asset): calendar_for(
            asset,
            (*spec.factors_of(setting, asset), *(setting.members or ())),
            assigned,
        )
        for setting, asset, _ in named
    }
    market = lay_out(spec, events, list(calendars.values()), prices, assigned)
    columns, announced = columns_of(spec), announcements(events, own)
    on = {asset: name for (_, asset), name in calendars.items()}
    refuse_stray_day_zeros(spec, announced, events, on, market, assigned)
    moved = moved_day_zeros(spec, announced, events, on, market, assigned)
    market = replace(
        market,
        notes=(*assigned.notes(), *([moved] if moved else [])),
        strays={a: days for a, days in assigned.strays.items() if a in on},
        every_day=tuple(s for s, n in assigned.names.items() if n == ALWAYS_OPEN),
    )
    clocks = _ClockTable(columns=columns, market=market)
    drafts = [
        _draft(
            spec,
            setting,
            named,
            calendars,
            announced,
            quotes,
            market,
            clocks,
            at_close,
            assigned,
            wrong,
            usual or spec.estimation,
        )
        for setting in spec.models
    ]
    codes = {asset: code for code, (asset, _) in enumerate(members)}
    table, named_by = clocks.table(), named_in(events, members)
    panels = [_panel(spec, draft, columns, codes, table, calendars) for draft in drafts]
    return [
        replace(
            panel,
            donors=donor_series(
                spec,
                panel.setting.donors,
                {n: market.calendars[n] for n in sorted({*panel.calendar.values()})},
                market,
                announced,
                named_by,
                quotes,
                wrong,
                assigned.name_of,
            ),
        )
        if panel.setting.donors
        else panel
        for panel in panels
    ], market


def _with_gaps(
    spec: StudySpec,
    quotes: Mapping[str, Quotes],
    wrong: Mapping[str, IntArray],
    returns: Mapping[str, tuple[date, float]],
    assigned: Assigned,
    prices: pl.DataFrame,
) -> tuple[dict[str, Quotes], dict[str, IntArray]]:
    """Put the gaps of symbols whose returns were given among what is left out."""
    out, left_out = dict(quotes), dict(wrong)
    epoch = date(1970, 1, 1)
    for symbol, (first, base) in returns.items():
        if symbol not in quotes:
            continue
        calendar = own_calendar(spec, symbol, quotes[symbol].days, prices, assigned)
        day = (first - epoch).days
        out[symbol], gaps = with_gaps(quotes[symbol], calendar, day, base)
        held = left_out.get(symbol, np.empty(0, np.int64))
        left_out[symbol] = np.union1d(held, gaps)
    return out, left_out


@dataclass(slots=True, kw_only=True)
class _Draft:
    setting: ModelSetting
    observations: list[Observation]
    unplaced: list[Unplaced]
    unpriced: list[tuple[str, str]]
    clock: list[int]
    base: list[int]
    length: list[int]
    series: list[Series]
    near_events: list[IntArray]
    estimation: list[tuple[int, int]]
    left_out: list[tuple[str, ...]]


def _draft(
    spec: StudySpec,
    setting: ModelSetting,
    named: Sequence[tuple[ModelSetting, str, str]],
    calendars: Mapping[tuple[ModelSetting, str], str],
    events: Announcements,
    quotes: Mapping[str, Quotes],
    market: Market,
    clocks: "_ClockTable",
    at_close: AtClose | None,
    assigned: Assigned,
    wrong: Mapping[str, IntArray],
    usual: tuple[int, int],
) -> _Draft:
    draft = _Draft(
        setting=setting,
        observations=[],
        unplaced=[],
        unpriced=[],
        clock=[],
        base=[],
        length=[],
        series=[],
        near_events=[],
        estimation=[],
        left_out=[],
    )
    base = 0
    for wanted, asset, group in named:
        if wanted is not setting:
            continue
        name = calendars[setting, asset]
        if asset not in quotes:
            draft.unpriced.append((asset, group))
            continue
        calendar = market.calendars[name]
        placed, unplaced = observations_of(
            asset, group, events, market.zeros[name], calendar
        )
        draft.unplaced += unplaced
        if not placed:
            continue
        n_sessions = len(calendar.sessions)
        held, factors = dict(quotes), spec.factors_of(setting, asset)
        if at_close and assigned.name_of(asset) == name:
            held |= {f: at_close(f, calendar, quotes[f]) for f in factors}
        for own, basket in _baskets(setting, asset, placed, events, quotes, wrong):
            lost = np.empty(0, np.int64)
            if basket is not None:
                held[BASKET], lost = basket_levels(basket, calendar)
                factors = (BASKET,)
            draft.series.append(
                _series(spec, setting, (asset, *factors), held, calendar, wrong, lost)
            )
            # Sessions near any announcement of the asset, whatever its basket.
            day0 = np.array([o.day0 for o in placed], np.int64)
            draft.near_events.append(purge_counts(day0, n_sessions, spec.purge))
            draft.observations += own
            for one in own:
                window = one.estimation_sessions(calendar, usual)
                _refuse_window(one, window, spec)
                draft.estimation.append(window)
                draft.left_out.append(() if basket is None else basket.left_out)
            draft.clock += [clocks.row(name, o.day0) for o in own]
            draft.base += [base] * len(own)
            draft.length += [n_sessions] * len(own)
            base += n_sessions
    return draft


def _series(
    spec: StudySpec,
    setting: ModelSetting,
    symbols: tuple[str, ...],
    quotes: Mapping[str, Quotes],
    calendar: Calendar,
    wrong: Mapping[str, IntArray],
    lost: IntArray,
) -> Series:
    """Return the returns of an asset and its factors, without those that are wrong.

    symbols : the asset's, and those of its factors
    lost : further days that no return may span
    """
    asset, *factors = symbols
    series = trade_to_trade(
        asset,
        factors,
        quotes,
        calendar,
        bridge_gaps=spec.missing == "trade_to_trade",
        riskless=setting.riskless,
        shifts=setting.shifts,
    )
    left_out = [wrong[s] for s in (asset, setting.riskless) if s and s in wrong]
    left_out += [
        days_later(wrong[factor], calendar, -shift)
        for factor in factors
        if factor in wrong
        for shift in setting.shifts
    ]
    days = np.unique(np.concatenate([lost, *left_out]))
    return without(series, days, calendar) if len(days) else series


def _baskets(
    setting: ModelSetting,
    asset: str,
    placed: Sequence[Observation],
    events: Announcements,
    quotes: Mapping[str, Quotes],
    wrong: Mapping[str, IntArray],
) -> Iterator[tuple[list[Observation], Basket | None]]:
    """Yield the observations of an asset by the basket that is their market.

    The asset itself is in none, and a member that an announcement names is not in that
    of its observations.
    """
    if not setting.members:
        yield list(placed), None
        return
    weights = setting.weights or "equal"
    held = {name: quotes[name] for name in setting.members if name in quotes}
    if lacking := unweighted(weights, held):
        raise DataError(
            f"model {setting.name!r} weights its basket by {WEIGHTS[weights]}; nothing "
            f"is known of {', '.join(lacking)}: supply it, leave them out of members, "
            'or say weights = "equal"'
        )
    by_names: dict[tuple[str, ...], list[Observation]] = {}
    for one in placed:
        named = {name for row in one.events for name in events.named[row]}
        out = tuple(m for m in setting.members if m in named or m == asset)
        by_names.setdefault(out, []).append(one)
    for left_out, own in by_names.items():
        inside = [m for m in setting.members if m not in left_out and m in quotes]
        if len(inside) < LEAST_MEMBERS:
            raise DataError(
                f"{own[0].event_id}, {asset}: the basket of model {setting.name!r} has "
                f"{len(inside)} members with prices once the asset and what the "
                f"announcement names are left out; wanted at least {LEAST_MEMBERS}: "
                "name more under members"
            )
        yield (
            own,
            Basket(
                quotes=tuple(quotes[m] for m in inside),
                wrong=tuple(wrong.get(m, np.empty(0, np.int64)) for m in inside),
                weights=weights,
                left_out=left_out,
            ),
        )


def _refuse_window(one: Observation, window: tuple[int, int], spec: StudySpec) -> None:
    """Refuse an estimation window that holds nothing, or reaches the event window."""
    first, last = window
    if spec.estimation[0] <= first <= last < spec.event_window[0]:
        return
    raise DataError(
        f"{one.event_id}, {one.asset}: the estimation window {window_text(window)} "
        "must begin before it ends, and end before the event window "
        f"{window_text(spec.event_window)}"
    )


def _panel(
    spec: StudySpec,
    draft: _Draft,
    columns: Columns,
    codes: Mapping[str, int],
    clocks: Clock,
    calendars: Mapping[tuple[ModelSetting, str], str],
) -> Panel:
    series, n_factors = draft.series, len(draft.setting.regressors)
    observations = draft.observations
    nothing, no_factors = np.empty(0), np.empty((0, n_factors))
    near_events = np.concatenate([np.zeros(0, np.int64), *draft.near_events])
    return Panel(
        setting=draft.setting,
        columns=columns,
        event_window=spec.event_window,
        observations=tuple(observations),
        unplaced=tuple(draft.unplaced),
        unpriced=tuple(draft.unpriced),
        calendar={a: name for (s, a), name in calendars.items() if s is draft.setting},
        asset=np.array([codes[o.asset] for o in observations], np.int64),
        clock=np.array(draft.clock, np.int64),
        clocks=clocks,
        day0=np.array([o.day0 for o in observations], np.int64),
        base=np.array(draft.base, np.int64),
        length=np.array(draft.length, np.int64),
        flat=Series(
            log_return=np.concatenate([nothing, *(s.log_return for s in series)]),
            simple_return=np.concatenate([nothing, *(s.simple_return for s in series)]),
            log_factors=np.concatenate([no_factors, *(s.log_factors for s in series)]),
            simple_factors=np.concatenate(
                [no_factors, *(s.simple_factors for s in series)]
            ),
            span=np.concatenate([np.zeros(0, np.int64), *(s.span for s in series)]),
        ),
        near_events=np.concatenate([[0], np.cumsum(near_events)]),
        overlap=spec.overlap,
        purge=spec.purge,
        estimation=np.array(draft.estimation, np.int64).reshape(-1, 2),
        left_out=tuple(draft.left_out),
    )


@dataclass(slots=True, kw_only=True)
class _ClockTable:
    """Numbers the distinct (calendar, day 0) pairs of a study."""

    columns: Columns
    market: Market
    rows: dict[tuple[str, int], int] = field(default_factory=dict)

    def row(self, calendar: str, day0: int) -> int:
        return self.rows.setdefault((calendar, day0), len(self.rows))

    def table(self) -> Clock:
        keys = list(self.rows)
        days = np.full((len(keys), len(self.columns.offsets)), _NO_DAY, np.int64)
        for row, (name, day0) in enumerate(keys):
            sessions = self.market.calendars[name].sessions
            at = day0 + self.columns.offsets
            inside = (at >= 0) & (at < len(sessions))
            days[row, inside] = sessions[at[inside]]
        t = self.columns.n_estimation
        return Clock(estimation=days[:, :t], event=days[:, t:])


def _refuse_missing_factors(
    spec: StudySpec,
    members: Sequence[tuple[str, str]],
    quotes: Mapping[str, Quotes],
) -> None:
    needed = dict.fromkeys(
        factor
        for setting in spec.models
        for asset, group in members
        if not setting.groups or group in setting.groups
        for factor in (*spec.factors_of(setting, asset), setting.riskless)
        if factor
    )
    if missing := [name for name in needed if name not in quotes]:
        raise DataError(
            f"no prices for the factors {', '.join(missing)}; held: "
            f"{', '.join(sorted(quotes)) or 'none'}. Add them to the prices or name "
            "other factors"
        )
