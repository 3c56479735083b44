"""First-order recursions of many series, in few numpy calls."""

import numpy as np

from eventstudy.results import Array


def recur(x: Array, carry: Array) -> None:
    """Solve ``x_t <- x_t + carry_t x_{t-1}`` for t = 1.., in place.

    x : (T, E);  carry : (E,) or (T, E), of which the first row is not used. Time is
    cut into about sqrt(T) blocks that run side by side, then each block receives what
    the one before hands on.
    """
    n_times, n_series = x.shape
    width = max(int(np.sqrt(n_times)), 1)
    n_blocks = n_times // width
    cut = n_blocks * width
    body = x[:cut].reshape(n_blocks, width, n_series)
    step = np.empty((n_blocks, n_series))
    fixed = carry.ndim == 1
    if fixed:
        power = np.empty((1, width, n_series))
        factors = np.broadcast_to(carry, (1, width, n_series))
    else:
        power = np.empty((n_blocks, width, n_series))
        factors = carry[:cut].reshape(n_blocks, width, n_series)
    power[:, 0] = factors[:, 0]
    for j in range(1, width):
        np.multiply(body[:, j - 1], factors[:, j], out=step)
        np.add(body[:, j], step, out=body[:, j])
        np.multiply(power[:, j - 1], factors[:, j], out=power[:, j])
    for i in range(1, n_blocks):
        body[i] += power[0 if fixed else i] * body[i - 1, -1]
    for t in range(max(cut, 1), n_times):
        x[t] += (carry if fixed else carry[t]) * x[t - 1]


def recur_back(x: Array, carry: Array) -> None:
    """Solve ``x_t <- x_t + carry_{t+1} x_{t+1}`` from the end, in place."""
    if carry.ndim == 2:
        carry = np.roll(carry[::-1], 1, axis=0)
    recur(x[::-1], carry)
