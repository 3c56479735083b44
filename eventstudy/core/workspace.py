"""Arrays that a thread uses again and again.

Fresh arrays of some hundred kilobytes are pages that the system has to clear first;
what is written over stays in the processor's cache.
"""

import threading

import numpy as np

from eventstudy.core.abnormal import Array

_held = threading.local()


def scratch(name: str, shape: tuple[int, ...]) -> Array:
    """Return an array of this thread's own, to be written before it is read.

    It holds until the thread asks for one of the same name.

    >>> scratch("errors", (2, 3)).shape
    (2, 3)
    """
    size = int(np.prod(shape))
    arrays: dict[str, Array] = _held.__dict__
    if name not in arrays or arrays[name].size < size:
        arrays[name] = np.empty(size)
    return arrays[name][:size].reshape(shape)
