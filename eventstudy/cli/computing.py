"""Who computes: the engine or the cluster that flags name."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from eventstudy.core.errors import SpecError

if TYPE_CHECKING:
    from eventstudy.scale.engine import Engine


@contextmanager
def computing(given: Mapping[str, Any], ahead: Sequence[str]) -> "Iterator[Engine]":
    """Give the engine asked for: that of a name, or of a cluster.

    ahead : modules that a second process imports before there is anything to do
    """
    from eventstudy.scale.choice import opened, usual
    from eventstudy.scale.dask_engine import connected

    refuse_two(given)
    if given["cluster"] is None:
        with opened(given["engine"] or usual(), ahead=ahead) as who:
            yield who
        return
    with connected(given["cluster"]) as client, opened(client) as who:
        yield who


@contextmanager
def workers(given: Mapping[str, Any]) -> Iterator[object]:
    """Give the name of an engine, or the client of a cluster."""
    from eventstudy.scale.dask_engine import connected

    refuse_two(given)
    if given["cluster"] is None:
        yield given["engine"] or "threads"
        return
    with connected(given["cluster"]) as client:
        yield client


def refuse_two(given: Mapping[str, Any]) -> None:
    """Refuse an engine beside a cluster."""
    if given["cluster"] is not None and given["engine"] is not None:
        raise SpecError("give --cluster or --engine, not both: a cluster is an engine")
