"""First-order recursions of many series, in few numpy calls."""

from functools import lru_cache
from itertools import repeat

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.garch.series import Workspace

# From so many series on, a call of numpy per session costs less than a second pass:
# where the carry varies, where it does not.
_WIDE_VARYING, _WIDE_FIXED = 192, 384


def recur(x: Array, carry: Array, work: Workspace | None = None) -> None:
    """Solve ``x_t <- x_t + carry_t x_{t-1}`` for t = 1.., in place.

    x : (T, E);  carry : (E,) or (T, E), of which the first row is not used. Unless
    there are many series, time is cut into about sqrt(T) blocks that run side by side,
    then each block receives what the one before hands on.
    """
    n_times, n_series = x.shape
    if n_series >= (_WIDE_FIXED if carry.ndim == 1 else _WIDE_VARYING):
        _session_by_session(x, carry)
        return
    width = _width(n_times)
    n_blocks = n_times // width
    cut = n_blocks * width
    body = x[:cut].reshape(n_blocks, width, n_series)
    step = np.empty((n_blocks, n_series))
    if carry.ndim == 1:
        factors = np.broadcast_to(carry, (1, width, n_series))
    else:
        factors = carry[:cut].reshape(n_blocks, width, n_series)
    power = (work or Workspace()).array("power", *factors.shape)
    power[:, 0] = factors[:, 0]
    for j in range(1, width):
        before, now, factor = body[:, j - 1], body[:, j], factors[:, j]
        np.multiply(before, factor, step)
        np.add(now, step, now)
        np.multiply(power[:, j - 1], factor, power[:, j])
    powers = repeat(power[0]) if carry.ndim == 1 else power[1:]
    block = np.empty((width, n_series))
    for before, now, passed in zip(body, body[1:], powers, strict=False):
        np.multiply(passed, before[-1], block)
        np.add(now, block, now)
    for t in range(max(cut, 1), n_times):
        x[t] += (carry if carry.ndim == 1 else carry[t]) * x[t - 1]


def _session_by_session(x: Array, carry: Array) -> None:
    step = np.empty(x.shape[1])
    factors = repeat(carry) if carry.ndim == 1 else carry[1:]
    for before, now, factor in zip(x, x[1:], factors, strict=False):
        np.multiply(before, factor, step)
        np.add(now, step, now)


def recur_back(x: Array, carry: Array, work: Workspace | None = None) -> None:
    """Solve ``x_t <- x_t + carry_{t+1} x_{t+1}`` from the end, in place.

    carry : (E,) or (T + 1, E), of which the first and the last row are not used.
    """
    recur(x[::-1], carry if carry.ndim == 1 else carry[:0:-1], work)


@lru_cache
def _width(n_times: int) -> int:
    """Width of the blocks that takes the fewest calls."""
    most = 2 * int(np.sqrt(n_times)) + 1

    def calls(width: int) -> int:
        return 2 * width + 2 * (n_times // width) + 2 * (n_times % width)

    return min(range(1, most + 1), key=calls)
