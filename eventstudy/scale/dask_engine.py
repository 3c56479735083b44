"""Calls on the workers of a Dask cluster.

Nothing of dask is imported unless a client is given. What all calls share goes to the
scheduler as bytes, which stay there: a worker that starts anew gets them again.
"""

import pickle
import warnings
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from hashlib import sha256
from importlib import import_module
from typing import Any

from eventstudy.core.errors import EventStudyError, SourceError, SpecError

# Calls that wait at each thread of a worker, so that none is idle.
_AHEAD = 2


class ClusterError(SourceError):
    """A cluster did not do what was asked of it."""


def is_client(engine: object) -> bool:
    """Whether this is a `distributed.Client`; looked at without importing it."""
    return any(
        kind.__name__ == "Client" and kind.__module__.startswith("distributed")
        for kind in type(engine).__mro__
    )


def connected(address: str) -> Any:  # noqa: ANN401 - dask has no types of its own
    """Return a client of the scheduler at an address.

    Raises `SpecError` where dask is not installed, `SourceError` where nobody answers.
    """
    try:
        client: Any = import_module("distributed").Client
    except ImportError as error:
        raise SpecError(
            "a cluster wants dask: pip install 'market-eventstudy[cluster]'"
        ) from error
    try:
        return client(address, timeout="5s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterError(
            f"no scheduler answers at {address}: {error}; start one with "
            "`dask scheduler`, and workers with `dask worker ADDRESS`"
        ) from error


def answers(
    client: Any,  # noqa: ANN401
    function: str,
    shared: object,
    items: Sequence[Any],
) -> Iterator[tuple[Any, str, int]]:
    """Yield the answer of each item in order, its worker, and that one's memory.

    A call whose worker ends is done again by another. Raises `ClusterError` where the
    scheduler goes, or where a call ends one worker after the other.
    """
    data = packed(shared)
    key = f"eventstudy-{sha256(function.encode() + data).hexdigest()[:32]}"
    waiting: deque[Any] = deque()
    left = enumerate(items)
    try:
        held = sent(client, data, key=key)
        threads = max(1, sum(client.nthreads().values()))
        more = True
        while more or waiting:
            while more and len(waiting) < _AHEAD * threads + 1:
                number, item = next(left, (None, None))
                more = number is not None
                if more:
                    waiting.append(
                        client.submit(
                            _called,
                            function,
                            held,
                            item,
                            key=f"{key}-{number}",
                            pure=False,
                        )
                    )
            if waiting:
                future = waiting.popleft()
                yield pickle.loads(client.gather(future))
                future.release()
    except EventStudyError:
        raise
    except Exception as error:
        raise in_words(client, error) from error
    finally:
        for future in waiting:
            _let_go(future)


def packed(shared: object) -> bytes:
    """Return a value as bytes; what a function holds goes along with it."""
    data: bytes = import_module("cloudpickle").dumps(shared)
    return zlib.compress(data, 1)


def sent(client: Any, data: bytes, **options: Any) -> Any:  # noqa: ANN401
    """Have workers unpack bytes, which stay at the scheduler whatever size they are."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph")
        return client.submit(unpacked, data, pure=True, **options)


def unpacked(data: bytes) -> Any:  # noqa: ANN401
    """Return what was sent as bytes; done again by a worker that starts anew."""
    return pickle.loads(zlib.decompress(data))


def _called(function: str, shared: object, item: object) -> bytes:
    """Call the function on a worker; say where, and how much memory it has."""
    module, _, name = function.partition(":")
    found = getattr(import_module(module), name)(shared, item)
    worker = import_module("distributed").get_worker()
    memory = int(worker.monitor.get_process_memory())
    return pickle.dumps((found, str(worker.address), memory), protocol=5)


def in_words(client: Any, error: Exception) -> Exception:  # noqa: ANN401
    """Say what became of the cluster; an error of a call itself stays as it is."""
    kind = type(error).__name__
    if kind == "KilledWorker":
        return ClusterError(
            "workers of the cluster ended one after the other over the same "
            "observations, as a rule because their memory was used up; give each "
            "worker more memory, or let it have fewer observations at a time with "
            "limits = Limits(memory=...); no result was written"
        )
    gone = kind in {
        *("CancelledError", "FutureCancelledError", "FuturesCancelledError"),
        *("CommClosedError", "TimeoutError", "StreamClosedError"),
    }
    if gone or client.status != "running" or isinstance(error, OSError):
        return ClusterError(
            f"the scheduler of the cluster does not answer any more ({kind}); see "
            "whether it still runs, and begin again; no result was written"
        )
    return error


def _let_go(future: Any) -> None:  # noqa: ANN401
    """Give a call up; whether anyone still listens does not matter."""
    try:
        future.cancel()
    except Exception:  # noqa: BLE001 - the cluster may be gone in any way
        return
