"""Likelihoods and gradients in compiled loops, one series after the other.

They do what `likelihood` does with arrays, and it is the reference: forward through the
sessions for the states (h, or ln h of EGARCH), backward for the slope of the likelihood
in each of them, from which all other slopes are sums.
"""

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.compiled import Kernel, compiled
from eventstudy.garch.egarch import MEAN_ABS
from eventstudy.garch.likelihood import LOG_2PI, Slopes, nu_slope, student_constant
from eventstudy.garch.series import GarchSeries

_WORDS = "f2 i1 f2 f3 b2 f1 f3 f1 t t t F2 F2"
# Logarithms are taken of products, before these leave what can be told apart.
_LITTLE, _MUCH = 1e-100, 1e100


class Walk:
    """Series laid out one after the other, and the loops that are compiled for them."""

    def __init__(self, kernel: Kernel, s: GarchSeries) -> None:
        self.kernel, self.series = kernel, s
        self.y = np.ascontiguousarray(s.y.T)
        self.x = np.ascontiguousarray(s.x.transpose(0, 2, 1))
        shifts = np.empty((0, *s.y.shape)) if s.shifts is None else s.shifts
        self.shifts = np.ascontiguousarray(shifts.transpose(0, 2, 1))
        valid = np.empty((0, 0), np.bool_) if s.valid is None else s.valid
        self.valid = np.ascontiguousarray(valid.T)

    def value(self, theta: Array, rows: IntArray, kink: Array) -> Array:
        """Log-likelihoods (A,) of chosen series at parameters (D, A)."""
        return self._height(theta, rows, self._sums(theta, rows, kink, slopes=False)[0])

    def value_and_gradient(self, theta: Array, rows: IntArray, kink: Array) -> Slopes:
        """Log-likelihoods (A,) and gradients (D, A) of chosen series."""
        sums, gradient = self._sums(theta, rows, kink, slopes=True)
        if self.series.student:
            _, pull, tails = sums
            gradient[-1] = nu_slope(theta[-1], pull, tails, self.series.n[rows])
        height = self._height(theta, rows, sums)
        return Slopes(value=height, gradient=gradient, information=None)

    def _sums(
        self, theta: Array, rows: IntArray, kink: Array, *, slopes: bool
    ) -> tuple[Array, Array]:
        """Sums over the valid sessions, (3, A), and the gradient without 1/ν, (D, A).

        Of ln h, of e²/h times its weight, and of ln(1 + e²/(h (ν - 2))).
        """
        found, gradient = np.zeros((3, len(rows))), np.zeros(theta.shape)
        s = self.series
        self.kernel(
            theta,
            rows,
            self.y,
            self.x,
            self.valid,
            s.backcast,
            self.shifts,
            kink,
            s.kind == "gjr",
            s.student,
            slopes,
            found,
            gradient,
        )
        return found, gradient

    def _height(self, theta: Array, rows: IntArray, sums: Array) -> Array:
        logs, pull, tails = sums
        n = self.series.n[rows]
        if self.series.student:
            nu = 1.0 / theta[-1]
            total = n * student_constant(nu) - (nu + 1.0) / 2.0 * tails - 0.5 * logs
        else:
            total = -0.5 * (logs + pull + n * LOG_2PI)
        return np.where(np.isfinite(total), total, -np.inf)


def walk_of(s: GarchSeries) -> Walk | None:
    """Return the compiled loops for these series, None where numba is not installed."""
    loops = _of_logs if s.kind == "egarch" else _of_squares
    kernel = compiled(loops, _WORDS, parts=(_errors, _intercepts, _weigh, _sum_up))
    return None if kernel is None else Walk(kernel, s)


def _of_squares(
    theta: Array,
    rows: IntArray,
    y: Array,
    x: Array,
    valid: BoolArray,
    backcast: Array,
    shifts: Array,
    _kink: Array,
    gjr: bool,  # noqa: FBT001  compiled functions take no keywords
    student: bool,  # noqa: FBT001
    slopes: bool,  # noqa: FBT001
    found: Array,
    gradient: Array,
) -> None:
    """Walk through GARCH and GJR."""
    n_times, k, last = y.shape[1], len(x), len(x) + (3 if gjr else 2)
    e, ratio, weight = np.empty(n_times), np.empty(n_times), np.empty(n_times)
    h, omega, slope = np.empty(n_times), np.empty(n_times), np.empty(n_times)
    known = np.empty(n_times, np.bool_)
    for i in range(len(rows)):
        row = rows[i]
        _errors(theta[:, i], y[row], x[:, row], valid, row, e, known)
        _intercepts(theta[:, i], k, shifts[:, row], student, True, omega)
        alpha, beta = theta[k + 1, i], theta[last, i]
        gamma = theta[k + 2, i] if gjr else 0.0
        expected = alpha + 0.5 * gamma
        state, packed, logs = (expected + beta) * backcast[row], 1.0, 0.0
        for t in range(n_times):
            h[t] = now = omega[t] + state
            if known[t]:
                shock = alpha * e[t] + gamma * min(e[t], 0.0)
                state = shock * e[t] + beta * now
                ratio[t] = e[t] * e[t] / now
                packed *= now
                if not _LITTLE < packed < _MUCH:
                    logs += np.log(packed)
                    packed = 1.0
            else:
                state, ratio[t] = (expected + beta) * now, 0.0
        found[0, i] = logs + np.log(packed)
        _weigh(theta[:, i], student, ratio, known, weight, found[:, i])
        if not slopes:
            continue
        later, by_alpha, by_gamma, by_beta = 0.0, 0.0, 0.0, 0.0
        for t in range(n_times - 1, -1, -1):
            by_beta += later * h[t]
            if known[t]:
                error, falls = e[t], min(e[t], 0.0)
                by_alpha += later * error * error
                by_gamma += later * error * falls
                direct = weight[t] * error / h[t]
                e[t] = direct - 2.0 * later * (alpha * error + gamma * falls)
                later = 0.5 * (direct * error - 1.0) / h[t] + beta * later
            else:
                by_alpha += later * h[t]
                by_gamma += 0.5 * later * h[t]
                later *= expected + beta
            slope[t] = later * omega[t]
        gradient[k + 1, i] = by_alpha + later * backcast[row]
        if gjr:
            gradient[k + 2, i] = by_gamma + 0.5 * later * backcast[row]
        gradient[last, i] = by_beta + later * backcast[row]
        _sum_up(x[:, row], shifts[:, row], student, e, slope, gradient[:, i])
        gradient[k, i] /= theta[k, i]


def _of_logs(
    theta: Array,
    rows: IntArray,
    y: Array,
    x: Array,
    valid: BoolArray,
    backcast: Array,
    shifts: Array,
    kink: Array,
    _gjr: bool,  # noqa: FBT001
    student: bool,  # noqa: FBT001
    slopes: bool,  # noqa: FBT001
    found: Array,
    gradient: Array,
) -> None:
    """Walk through EGARCH."""
    n_times, k = y.shape[1], len(x)
    e, ratio, weight = np.empty(n_times), np.empty(n_times), np.empty(n_times)
    log, root, size = np.empty(n_times), np.empty(n_times), np.empty(n_times)
    omega, slope, known = (
        np.empty(n_times),
        np.empty(n_times),
        np.empty(n_times, np.bool_),
    )
    for i in range(len(rows)):
        row = rows[i]
        _errors(theta[:, i], y[row], x[:, row], valid, row, e, known)
        _intercepts(theta[:, i], k, shifts[:, row], student, False, omega)
        alpha, gamma, beta = theta[k + 1, i], theta[k + 2, i], theta[k + 3, i]
        start = np.log(backcast[row])
        for t in range(n_times):
            size[t] = np.sqrt(e[t] * e[t] + kink[i] * kink[i])
        state, total = beta * start, 0.0
        for t in range(n_times):
            log[t] = now = omega[t] + state
            root[t] = np.exp(-0.5 * now)
            state, ratio[t] = beta * now, 0.0
            if known[t]:
                z = e[t] * root[t]
                state += alpha * (size[t] * root[t] - MEAN_ABS) + gamma * z
                ratio[t] = z * z
                total += now
        found[0, i] = total
        _weigh(theta[:, i], student, ratio, known, weight, found[:, i])
        if not slopes:
            continue
        later, by_alpha, by_gamma, by_beta = 0.0, 0.0, 0.0, 0.0
        for t in range(n_times - 1, -1, -1):
            by_beta += later * log[t]
            carry = beta
            if known[t]:
                z, bent = e[t] * root[t], size[t] * root[t]
                by_alpha += later * (bent - MEAN_ABS)
                by_gamma += later * z
                carry -= 0.5 * (alpha * bent + gamma * z)
                push = (alpha * e[t] / size[t] + gamma) * root[t]
                e[t] = weight[t] * z * root[t] - push * later
                later = 0.5 * (weight[t] * ratio[t] - 1.0) + carry * later
            else:
                later *= carry
            slope[t] = later
        gradient[k + 1, i], gradient[k + 2, i] = by_alpha, by_gamma
        gradient[k + 3, i] = by_beta + later * start
        _sum_up(x[:, row], shifts[:, row], student, e, slope, gradient[:, i])


def _errors(
    theta: Array,
    y: Array,
    x: Array,
    valid: BoolArray,
    row: int,
    e: Array,
    known: BoolArray,
) -> None:
    """Errors of a series, zero where it is missing."""
    whole, fixed = len(valid) == 0, x.shape[1] == 1
    for t in range(len(e)):
        known[t], e[t] = whole or valid[row, t], y[t]
    for j in range(len(x)):
        for t in range(len(e)):
            e[t] -= theta[j] * x[j, 0 if fixed else t]
    if not whole:
        for t in range(len(e)):
            e[t] = e[t] if known[t] else 0.0


def _intercepts(
    theta: Array,
    k: int,
    shifts: Array,
    student: bool,  # noqa: FBT001
    squares: bool,  # noqa: FBT001
    omega: Array,
) -> None:
    """Intercepts of the sessions."""
    omega[:] = 0.0
    first = len(theta) - len(shifts) - (1 if student else 0)
    for j in range(len(shifts)):
        for t in range(len(omega)):
            omega[t] += theta[first + j] * shifts[j, t]
    for t in range(len(omega)):
        if squares:
            omega[t] = theta[k] * (np.exp(omega[t]) if len(shifts) else 1.0)
        else:
            omega[t] += theta[k]


def _weigh(
    theta: Array,
    student: bool,  # noqa: FBT001
    ratio: Array,
    known: BoolArray,
    weight: Array,
    found: Array,
) -> None:
    """Weights of e²/h, one for the normal, and their sums."""
    pull, logs, packed = 0.0, 0.0, 1.0
    nu = 1.0 / theta[len(theta) - 1] if student else 0.0
    for t in range(len(ratio)):
        weight[t] = 1.0
        if student and known[t]:
            weight[t] = (nu + 1.0) / (nu - 2.0 + ratio[t])
            packed *= 1.0 + ratio[t] / (nu - 2.0)
            if not packed < _MUCH:
                logs += np.log(packed)
                packed = 1.0
        pull += weight[t] * ratio[t]
    found[1], found[2] = pull, logs + np.log(packed)


def _sum_up(
    x: Array,
    shifts: Array,
    student: bool,  # noqa: FBT001
    by_error: Array,
    by_intercept: Array,
    gradient: Array,
) -> None:
    """Slopes in the mean coefficients, the intercept and the exponents of shifts."""
    fixed, first = x.shape[1] == 1, len(gradient) - len(shifts) - (1 if student else 0)
    for j in range(len(x)):
        total = 0.0
        for t in range(len(by_error)):
            total += by_error[t] * x[j, 0 if fixed else t]
        gradient[j] = total
    total = 0.0
    for t in range(len(by_intercept)):
        total += by_intercept[t]
    gradient[len(x)] = total
    for j in range(len(shifts)):
        total = 0.0
        for t in range(len(by_intercept)):
            total += by_intercept[t] * shifts[j, t]
        gradient[first + j] = total
