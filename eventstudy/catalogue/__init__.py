"""Catalogues of announcements: files or frames in, validated events out."""

from eventstudy.catalogue.events import Events, read_events
from eventstudy.catalogue.schema import FLAGS, KINDS, PRECISIONS, STATUSES

__all__ = [
    "FLAGS",
    "KINDS",
    "PRECISIONS",
    "STATUSES",
    "Events",
    "read_events",
]
