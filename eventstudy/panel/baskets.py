"""The return of a basket of assets, each left out of its own."""

from dataclasses import dataclass

import numpy as np

from eventstudy.calendars import Calendar
from eventstudy.core.abnormal import Array, IntArray
from eventstudy.models.basket import LEAST_MEMBERS, basket_return
from eventstudy.panel.series import Quotes, on_sessions

BASKET = "basket"

__all__ = ["BASKET", "LEAST_MEMBERS", "Basket", "basket_levels"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basket:
    """What the market of some observations is made of.

    quotes : of the members;  wrong : per member the days whose price change is wrong
    by_volume : weights are the closes times volumes of the session before
    left_out : members that are not in it
    """

    quotes: tuple[Quotes, ...]
    wrong: tuple[IntArray, ...]
    by_volume: bool
    left_out: tuple[str, ...]


def basket_levels(basket: Basket, calendar: Calendar) -> tuple[Quotes, IntArray]:
    """Return a level with the basket's returns, and the days on which there is none.

    On a session without enough members that have a return the level stays, and the
    session is among the days: no return may span it.
    """
    levels = np.column_stack([on_sessions(q, calendar) for q in basket.quotes])
    returns = np.full(levels.shape, np.nan)
    returns[1:] = levels[1:] / levels[:-1] - 1.0
    for column, days in enumerate(basket.wrong):
        at = np.searchsorted(calendar.sessions, days)
        returns[at[at < len(returns)], column] = np.nan
    weights = np.ones(levels.shape)
    if basket.by_volume:
        traded = [_traded(quotes, calendar) for quotes in basket.quotes]
        weights = np.column_stack(traded)
    found = basket_return(returns, weights)
    lacking = np.isnan(found)
    growth = np.cumprod(1.0 + np.where(lacking, 0.0, found))
    level = np.asarray(100.0 * growth, np.float64)
    lost = calendar.sessions[1:][lacking[1:]]
    return Quotes(days=calendar.sessions, closes=level), lost


def _traded(quotes: Quotes, calendar: Calendar) -> Array:
    """Return closes times volumes on the sessions, nan where one is not known."""
    if quotes.traded is None:
        return np.full(len(calendar.sessions), np.nan)
    return on_sessions(Quotes(days=quotes.days, closes=quotes.traded), calendar)
