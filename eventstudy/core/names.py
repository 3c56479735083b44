"""Names that can stand in files, tables and on a terminal: symbols, groups, models."""

import re

# Line ends and marks that turn the direction of text are control characters too.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
_FORBIDDEN = re.compile(rf'[{_CONTROL}/\\:*?"<>|]')
_MAX_BYTES = 100


def name_fault(name: str, what: str) -> str | None:
    """Say why a text cannot be such a name, or return None.

    >>> name_fault("^GSPC", "a symbol"), name_fault("../x", "a group")
    (None, "a group cannot begin with '.' or a blank")
    """
    if not name:
        return f"{what} cannot be empty"
    if name[0] in ". " or name[-1] in ". ":
        end = "begin" if name[0] in ". " else "end"
        return f"{what} cannot {end} with '.' or a blank"
    if _FORBIDDEN.search(name):
        return (
            f'{what} cannot hold control characters or any of / \\ : * ? " < > |; '
            "write another sign in their place, such as - in BTC-USD"
        )
    if len(name.encode("utf-8", "replace")) > _MAX_BYTES:
        return f"{what} cannot be longer than {_MAX_BYTES} bytes"
    return None
