"""What windows count, by the frequency of returns."""

from collections.abc import Mapping
from types import MappingProxyType

PERIODS: Mapping[str, str] = MappingProxyType(
    {"daily": "session", "weekly": "week", "monthly": "month"}
)
