"""What a batched likelihood is taken of: series, their parameters, and its memory."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray

NAMES: Mapping[str, tuple[str, ...]] = {
    "garch": ("omega", "alpha", "beta"),
    "gjr": ("omega", "alpha", "gamma", "beta"),
    "egarch": ("omega", "alpha", "gamma", "beta"),
}


class Workspace:
    """Arrays that one evaluation after the other works in.

    Fresh memory of this size costs as much as the arithmetic done in it. The next
    evaluation overwrites what an evaluation left in a workspace.
    """

    def __init__(self) -> None:
        self._held: dict[str, Array] = {}

    def array(self, name: str, *shape: int) -> Array:
        """Array of this shape, not initialised; the same memory for the same name."""
        size = math.prod(shape)
        held = self._held.get(name)
        if held is None or held.size < size:
            held = self._held[name] = np.empty(size)
        return held[:size].reshape(shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class GarchSeries:
    """What the likelihood is taken of; every series starts with a valid session.

    y : (T, E) returns, 0 where missing;  x : (K, T, E) regressors of the mean, or
        (K, 1, E) where they are constants and nothing is missing
    valid : (T, E), None when nothing is missing;  n : (E,) valid sessions
    backcast : (E,) variance before the first session
    shifts : (M, T, E) regressors of the log intercept of the variance, or None
    kink : (E,) half width over which EGARCH's |e| is rounded, so that a climb passes
    """

    y: Array
    x: Array
    valid: BoolArray | None
    n: IntArray
    backcast: Array
    shifts: Array | None
    kink: Array
    kind: str
    student: bool

    @property
    def n_mean(self) -> int:
        """Number of mean coefficients."""
        return len(self.x)

    @property
    def n_shifts(self) -> int:
        """Number of regressors of the variance."""
        return 0 if self.shifts is None else len(self.shifts)

    def take(self, rows: IntArray, work: Workspace | None = None) -> "GarchSeries":
        """Keep some of the series, copied into the workspace."""
        work = work or Workspace()
        y = work.array("y", len(self.y), len(rows))
        return replace(
            self,
            y=np.take(self.y, rows, axis=1, out=y, mode="clip"),
            x=self.x[:, :, rows],
            valid=None if self.valid is None else self.valid[:, rows],
            n=self.n[rows],
            backcast=self.backcast[rows],
            shifts=None if self.shifts is None else self.shifts[:, :, rows],
            kink=self.kink[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The rows of a parameter array, apart: see `split`."""

    mean: Array
    variance: Array
    shifts: Array
    inverse_nu: Array | None


def split(theta: Array, s: GarchSeries) -> Parameters:
    """Cut parameters (D, E) into their parts."""
    first, second = s.n_mean, s.n_mean + len(NAMES[s.kind])
    third = second + s.n_shifts
    return Parameters(
        mean=theta[:first],
        variance=theta[first:second],
        shifts=theta[second:third],
        inverse_nu=theta[third] if s.student else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Errors and conditional variances, (T, E), and what the gradient needs of them.

    bent : e², or |e| of EGARCH without its kink;  falls : min(e, 0) of GJR
    state : h, or ln h / -2 of EGARCH;  inverse : 1/h, or 1/√h of EGARCH
    shock : e, or e/√h of EGARCH, so that e/h is its product with the inverse
    ratio : e²/h;  carry : A, how the state is passed on, (E,) or (T + 1, E), of which
    the first and the last row are not used;  intercept : ω_t, (T, E) or (1, E)
    """

    errors: Array
    bent: Array
    state: Array
    inverse: Array
    shock: Array
    ratio: Array
    carry: Array
    intercept: Array
    falls: Array | None = None


def pair(a: Array, b: Array) -> Array:
    """Sum of ``a b`` over the sessions, (E,)."""
    total: Array = np.einsum("te,te->e", a, b)
    return total


def dot(x: Array, v: Array) -> Array:
    """Sum of ``x v`` over the sessions of v, which may be one fewer than those of x."""
    if x.shape[1] == 1:
        return np.asarray(x[:, 0] * v.sum(axis=0))
    total: Array = np.einsum("kte,te->ke", x[:, : len(v)], v)
    return total


def weighted(x: Array, a: Array, b: Array) -> Array:
    """Sum of ``x a b``, as `dot`."""
    return x[:, 0] * pair(a, b) if x.shape[1] == 1 else dot(x, a * b)


def sum_of_logs(values: Array) -> Array:
    """Sum of logarithms over time, taken of products of four."""
    cut = len(values) // 4 * 4
    packed = values[:cut:4] * values[1:cut:4]
    packed *= values[2:cut:4]
    packed *= values[3:cut:4]
    np.log(packed, out=packed)
    rest = np.log(values[cut:]).sum(axis=0)
    return np.asarray(packed.sum(axis=0) + rest)
