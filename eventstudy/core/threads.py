"""Linear algebra on one thread, so that its sums are added up in one order.

A product of matrices that several threads share is added up in another order than by
one, and its last digits are others. The matrices of a study are small: one thread is
as fast, and workers share the observations or replications instead.
"""

import threading
from contextlib import ContextDecorator
from typing import Any


class OneThread(ContextDecorator):
    """Keep the linear algebra of the process on one thread, and free it afterwards.

    Calls may be nested and may come from several threads: the last to end frees it.

    Examples
    --------
    >>> @OneThread()
    ... def total(x):
    ...     return x @ x
    >>> import numpy as np
    >>> float(total(np.ones(3)))
    3.0
    """

    _guard = threading.Lock()
    _inside = 0
    _limits: Any = None

    def __enter__(self) -> "OneThread":
        """Limit the threads, unless that is done already."""
        # What is loaded later would not be limited: numpy and scipy bring one each.
        import scipy.linalg  # noqa: F401
        from threadpoolctl import threadpool_limits

        with OneThread._guard:
            if OneThread._inside == 0:
                OneThread._limits = threadpool_limits(limits=1, user_api="blas")
            OneThread._inside += 1
        return self

    def __exit__(self, *_: object) -> None:
        """Free the threads, if nobody else is inside."""
        with OneThread._guard:
            OneThread._inside -= 1
            if OneThread._inside == 0:
                OneThread._limits.restore_original_limits()
