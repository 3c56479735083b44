"""Asking again, a few times, later and later."""

import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from eventstudy.core.errors import SpecError
from eventstudy.prices.provider import TryAgainError

WAIT_VARIABLE = "EVENTSTUDY_RETRY_WAIT"

T = TypeVar("T")


def first_wait() -> float:
    """Return the seconds before the first repeat: $EVENTSTUDY_RETRY_WAIT, or 1."""
    text = os.environ.get(WAIT_VARIABLE) or "1"
    try:
        wait = float(text)
    except ValueError:
        wait = math.nan
    if not 0 <= wait < math.inf:
        raise SpecError(f"{WAIT_VARIABLE}={text!r}: wanted a number of seconds")
    return wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Up to ``attempts`` tries, waiting ``first`` seconds and then twice as long.

    ``first`` is $EVENTSTUDY_RETRY_WAIT (seconds) where that is set, otherwise 1.
    Waits are drawn between half and the whole of that, at most ``longest``; a wait
    that the server asks for is kept, unless it is longer than that: then there is
    no further try.
    """

    attempts: int = 4
    first: float = field(default_factory=first_wait)
    longest: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = field(default=random.random)

    def __call__(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` returns; its last `TryAgainError` when none succeeds."""
        for attempt in range(1, self.attempts + 1):
            try:
                return ask()
            except TryAgainError as error:
                wait = error.retry_after
                if wait is None:
                    whole = min(self.longest, self.first * 2 ** (attempt - 1))
                    wait = whole * (0.5 + 0.5 * self.draw())
                if attempt == self.attempts or wait > self.longest:
                    raise
            self.sleep(wait)
        raise AssertionError("attempts must be at least 1")
