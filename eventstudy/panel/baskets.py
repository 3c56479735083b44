"""The return of a basket of assets, each left out of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eventstudy.calendars import Calendar
from eventstudy.core.abnormal import Array, IntArray
from eventstudy.models.basket import LEAST_MEMBERS, basket_return
from eventstudy.panel.series import Quotes, on_sessions

BASKET = "basket"

__all__ = [
    "BASKET",
    "LEAST_MEMBERS",
    "WEIGHTS",
    "Basket",
    "basket_levels",
    "unweighted",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basket:
    """What the market of some observations is made of.

    quotes : of the members;  wrong : per member the days whose price change is wrong
    weights : what the weights of the session before are, see `WEIGHTS`
    left_out : members that are not in it
    """

    quotes: tuple[Quotes, ...]
    wrong: tuple[IntArray, ...]
    weights: str
    left_out: tuple[str, ...]


WEIGHTS: Mapping[str, str] = {
    "value": "the market value: a column market_value of the prices, or shares, whose "
    "product with the close it is",
    "dollar_volume": "the volume: a column volume of the prices",
}
"""What unequal weights are made of, and where it comes from."""


def unweighted(weights: str, members: Mapping[str, Quotes]) -> list[str]:
    """Return the members that have no weight on any day."""
    return [
        name
        for name, quotes in members.items()
        if weights in WEIGHTS and not np.isfinite(_weights(weights, quotes)).any()
    ]


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
    if basket.weights in WEIGHTS:
        weights = np.column_stack(
            [
                on_sessions(
                    Quotes(days=q.days, closes=_weights(basket.weights, q)), calendar
                )
                for q in basket.quotes
            ]
        )
    found = basket_return(returns, weights)
    lacking = np.isnan(found)
    growth = np.cumprod(1.0 + np.where(lacking, 0.0, found))
    level = np.asarray(100.0 * growth, np.float64)
    lost = calendar.sessions[1:][lacking[1:]]
    return Quotes(days=calendar.sessions, closes=level), lost


def _weights(weights: str, quotes: Quotes) -> Array:
    """Return the weights of a member on its days, nan where one is not known."""
    held = quotes.worth if weights == "value" else quotes.traded
    return np.full(len(quotes.days), np.nan) if held is None else held
