"""The id of announcements that are one observation, since they share a day 0."""

import hashlib
import re
from collections.abc import Sequence

_LONGEST = 80


def merged_id(ids: Sequence[str]) -> str:
    """Return one id for several: joined, or shortened where that would be long.

    The short one names the first and counts the others; a few signs of a hash keep
    sets of announcements apart.

    >>> merged_id(["a", "b"])
    'a+b'
    >>> merged_id([f"announcement-{n}" for n in range(400)])
    'announcement-0+399~c5e91a'
    """
    joined = "+".join(ids)
    if len(joined) <= _LONGEST or len(ids) < 2:
        return joined
    return f"{ids[0]}+{len(ids) - 1}~{hashlib.sha256(joined.encode()).hexdigest()[:6]}"


def first_of(merged: str) -> tuple[str, int]:
    """Return the first of the ids in a merged one, and how many others there are.

    >>> first_of(merged_id(["a", "b", "c"]))
    ('a', 2)
    >>> first_of(merged_id([f"announcement-{n}" for n in range(400)]))
    ('announcement-0', 399)
    """
    first, *others = merged.split("+")
    if len(others) == 1 and (found := re.fullmatch(r"(\d+)~[0-9a-f]{6}", others[0])):
        return first, int(found[1])
    return first, len(others)
