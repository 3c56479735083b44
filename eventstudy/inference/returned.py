"""What tests return, held against what was asked of them."""

from typing import Any

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.errors import SpecError
from eventstudy.inference.pvalues import Answer, Answers

_NUMBERS = ("estimate", "statistic", "pvalue", "df")


def checked_answer(
    name: str, found: object, *, leading: tuple[int, ...] = ()
) -> Answer:
    """Return the answer of a test of the sample, or raise `SpecError` that names it.

    leading : the leading axes of the sample
    """
    if not isinstance(found, Answer):
        raise SpecError(
            f"test {name!r} returned {found!r}; wanted an eventstudy.inference.Answer"
        )
    held = {one: _numbers(name, one, getattr(found, one), leading) for one in _NUMBERS}
    _refuse_nonsense(name, held)
    return found


def checked_answers(name: str, found: object, n: int) -> Answers:
    """Return the answers of a test of ``n`` observations, or raise `SpecError`."""
    if not isinstance(found, Answers):
        raise SpecError(
            f"test {name!r} returned {found!r}; wanted eventstudy.inference.Answers, "
            f"of {n} observations"
        )
    for one in ("n", "reason"):
        shape = np.shape(getattr(found, one))
        if shape != (n,):
            raise SpecError(_wrong_shape(name, one, shape, (n,)))
    held = {}
    for one in _NUMBERS:
        held[one] = _numbers(name, one, getattr(found, one), (n,))
        if held[one].shape != (n,):
            raise SpecError(_wrong_shape(name, one, held[one].shape, (n,)))
    _refuse_nonsense(name, held)
    return found


def _numbers(name: str, what: str, given: Any, leading: tuple[int, ...]) -> Array:  # noqa: ANN401
    try:
        values = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        values = None
    if values is None or given is None:
        raise SpecError(
            f"test {name!r} returned {what} = {given!r}; wanted a number, nan where "
            "there is none"
        )
    if values.shape not in ((), leading):
        raise SpecError(_wrong_shape(name, what, values.shape, leading))
    return values


def _wrong_shape(
    name: str, what: str, found: tuple[int, ...], wanted: tuple[int, ...]
) -> str:
    shape = f"shape {wanted}" if wanted else "a single number"
    return f"test {name!r} returned {what} of shape {found}; wanted {shape}"


def _refuse_nonsense(name: str, held: dict[str, Array]) -> None:
    """Refuse p-values outside [0, 1], and those of an infinite effect."""
    pvalue = held["pvalue"]
    outside = (pvalue < 0) | (pvalue > 1)
    if outside.any():
        value = float(pvalue[outside].flat[0])
        raise SpecError(
            f"test {name!r} returned pvalue = {value:g}; wanted one between 0 and 1, "
            "nan and a reason where there is none"
        )
    for what in ("estimate", "statistic"):
        endless = np.isinf(held[what]) & np.isfinite(pvalue)
        if endless.any():
            raise SpecError(
                f"test {name!r} returned an infinite {what} with a p-value; wanted a "
                "finite number, or nan and a reason"
            )
    if (held["df"] < 0).any():
        raise SpecError(
            f"test {name!r} returned df = {float(held['df'].min()):g}; wanted degrees "
            "of freedom, inf for a normal or resampled p-value"
        )
