"""How far a study is, in the words of its stages."""

import time
from collections.abc import Callable

# Less time is not worth an estimate.
_LEAST_SECONDS = 3.0


class Counted:
    """Tells each stage with the parts that are done and the time that is left.

    Examples
    --------
    >>> heard = []
    >>> tell = Counted(heard.append, total=4)
    >>> tell("Testing groups")
    >>> tell.done()
    >>> tell("Comparing volatilities")
    >>> heard
    ['Testing groups', 'Comparing volatilities (1 of 4 parts done)']
    """

    def __init__(self, tell: Callable[[str], None], total: int) -> None:
        self._tell, self._total = tell, total
        self._done, self._begun = 0, time.monotonic()

    def __call__(self, stage: str) -> None:
        """Tell a stage."""
        if not self._done:
            self._tell(stage)
            return
        text = f"{stage} ({self._done} of {self._total} parts done"
        spent = time.monotonic() - self._begun
        if spent > _LEAST_SECONDS:
            left = spent / self._done * (self._total - self._done)
            text += f", about {left:.0f} s left" if left < 90 else _minutes(left)
        self._tell(f"{text})")

    def done(self) -> None:
        """Count a part that is done."""
        self._done += 1


def _minutes(seconds: float) -> str:
    return f", about {seconds / 60:.0f} minutes left"
