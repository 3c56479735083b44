"""What many figures and sections ask of the same result is worked out once."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from eventstudy.study.result import StudyResult

T = TypeVar("T")


def remembered(function: Callable[[StudyResult], T]) -> Callable[[StudyResult], T]:
    """Keep what a function says of a result as long as the result lives.

    The value is shared: callers do not change it.
    """
    held: WeakKeyDictionary[StudyResult, T] = WeakKeyDictionary()

    @wraps(function)
    def once(result: StudyResult) -> T:
        if result not in held:
            held[result] = function(result)
        return held[result]

    return once
