"""First-order recursions of many series, in few numpy calls."""

from functools import lru_cache
from itertools import repeat

import numpy as np

from eventstudy.results import Array

# From so many series on, a call of numpy per session costs less than a second pass.
_WIDE = 256


def recur(x: Array, carry: Array) -> None:
    """Solve ``x_t <- x_t + carry_t x_{t-1}`` for t = 1.., in place.

    x : (T, E);  carry : (E,) or (T, E), of which the first row is not used. Unless
    there are many series, time is cut into about sqrt(T) blocks that run side by side,
    then each block receives what the one before hands on.
    """
    n_times, n_series = x.shape
    if n_series >= _WIDE:
        _session_by_session(x, carry)
        return
    width = _width(n_times)
    n_blocks = n_times // width
    cut = n_blocks * width
    body = x[:cut].reshape(n_blocks, width, n_series)
    step = np.empty((n_blocks, n_series))
    fixed = carry.ndim == 1
    if fixed:
        factors = np.broadcast_to(carry, (1, width, n_series))
    else:
        factors = carry[:cut].reshape(n_blocks, width, n_series)
    power = np.multiply.accumulate(factors, axis=1)
    for j in range(1, width):
        now = body[:, j]
        np.multiply(body[:, j - 1], carry if fixed else factors[:, j], out=step)
        np.add(now, step, out=now)
    for i in range(1, n_blocks):
        body[i] += power[0 if fixed else i] * body[i - 1, -1]
    for t in range(max(cut, 1), n_times):
        x[t] += (carry if fixed else carry[t]) * x[t - 1]


def _session_by_session(x: Array, carry: Array) -> None:
    step = np.empty(x.shape[1])
    factors = repeat(carry) if carry.ndim == 1 else carry[1:]
    for before, now, factor in zip(x, x[1:], factors, strict=False):
        np.multiply(before, factor, out=step)
        np.add(now, step, out=now)


def recur_back(x: Array, carry: Array) -> None:
    """Solve ``x_t <- x_t + carry_{t+1} x_{t+1}`` from the end, in place."""
    if carry.ndim == 2:
        carry = np.roll(carry[::-1], 1, axis=0)
    recur(x[::-1], carry)


@lru_cache
def _width(n_times: int) -> int:
    """Width of the blocks that takes the fewest calls."""
    most = 2 * int(np.sqrt(n_times)) + 1

    def calls(width: int) -> int:
        return 2 * width + 2 * (n_times // width) + 2 * (n_times % width)

    return min(range(1, most + 1), key=calls)
