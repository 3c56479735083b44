"""Families of named members: tests, models, measures, sources of prices.

A family is known here, below its members, with the modules that hold them as text:
they are imported at the first look-up. So the spec can check a name without knowing
the numeric rooms. An entry carries every fact about its member; whoever needs one
(the tables, the report, ``eventstudy list``) reads it from the entry.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from threading import RLock
from typing import Any, Generic, Protocol, TypeVar

from eventstudy.core.errors import SpecError, unknown_text


class Member(Protocol):
    """Whatever has a name, by which its family knows it."""

    @property
    def name(self) -> str:
        """The name in study files, tables and texts."""
        ...


M = TypeVar("M", bound=Member)


class UnknownName(SpecError, KeyError):
    """A name that is not in a family; the message lists what is."""

    def __str__(self) -> str:
        """Return the message as it is, without the quotes of a KeyError."""
        return str(self.args[0])


class Family(Mapping[str, M], Generic[M]):
    """A mapping of names to members, which further members can join.

    Parameters
    ----------
    kind : str
        What a member is, in a word or two: ``"test"``, ``"volatility measure"``.
    *modules : str
        Modules whose import registers the members, in the order of the family.

    Attributes
    ----------
    wrap : callable or None
        Makes an entry of a plain function, which may then stand where a name is
        taken; set by the room of the members.

    Examples
    --------
    >>> from eventstudy.core.registry import TESTS
    >>> TESTS["kp_bmp"].min_n
    2
    >>> TESTS["BMP"]
    Traceback (most recent call last):
    ...
    eventstudy.core.registry.UnknownName: unknown test 'BMP': did you mean 'bmp'?
    """

    def __init__(self, kind: str, *modules: str) -> None:
        self.kind = kind
        self.wrap: Callable[[Callable[..., Any]], M] | None = None
        self._modules = modules
        self._members: dict[str, M] = {}
        self._home: dict[str, str] = {}
        self._loaded = False
        self._lock = RLock()

    def register(self, entry: M, *, replace: bool = False) -> M:
        """Add a member.

        Parameters
        ----------
        entry : member
            An entry of the family's class, such as `eventstudy.inference.EventTest`.
        replace : bool
            Whether it takes the place of a member that a user added under the same
            name, as when a cell of a notebook runs again. Members of the package are
            never replaced.

        Returns
        -------
        member
            The same entry.

        Raises
        ------
        SpecError
            Where another member has the name.

        Examples
        --------
        >>> import eventstudy as es
        >>> def median_sign(sample, options):
        ...     return es.inference.Answer(estimate=float(np.median(sample.effect)))
        >>> entry = es.inference.EventTest(name="median_sign", of_sample=median_sign)
        >>> es.inference.TESTS.register(entry).name
        'median_sign'
        >>> es.inference.TESTS.remove("median_sign")
        """
        # The caller's module says whose member it is, and its place in the family.
        home = sys._getframe(1).f_globals.get("__name__", "")
        if home not in self._modules:
            self._load()
        with self._lock:
            if entry.name in self._members:
                own = self._home[entry.name] in self._modules
                if own or not replace:
                    raise SpecError(
                        f"there is a {self.kind} {entry.name!r} already; give yours "
                        f"another name{'' if own else ', or say replace=True'}"
                    )
            self._members[entry.name] = entry
            self._home[entry.name] = home
        return entry

    def remove(self, name: str) -> None:
        """Remove a member that a user added.

        Parameters
        ----------
        name : str
            Its name.

        Raises
        ------
        SpecError
            For an unknown name, and for a member of the package.
        """
        if self._home.get(self[name].name) in self._modules:
            raise SpecError(f"the {self.kind} {name!r} is the package's own; it stays")
        with self._lock:
            del self._members[name], self._home[name]

    def entry(self, given: str | M | Callable[..., Any]) -> M:
        """Return the entry that is meant: by its name, by itself, or by a function.

        Parameters
        ----------
        given : str, member or callable
            A function is known by its ``__name__``.

        Returns
        -------
        member
            The entry of the family, or one made of the function.

        Raises
        ------
        SpecError
            For an unknown name, and for a function whose name is a member's.
        """
        given = getattr(given, "member", given)  # a name may carry what it names
        if isinstance(given, str):
            return self[given]
        name = str(getattr(given, "name", None) or getattr(given, "__name__", ""))
        known = self._all().get(name)
        if known is given:
            return known
        if known is not None and known is getattr(given, "made_from", None):
            return given  # type: ignore[return-value]
        if known is not None:
            raise SpecError(
                f"there is a {self.kind} {name!r} already; give yours another name"
            )
        if hasattr(given, "name"):
            return given  # type: ignore[return-value]
        if self.wrap is not None and callable(given):
            return self.wrap(given)
        raise SpecError(f"{given!r} is no {self.kind}; wanted a name or a function")

    def unknown(self, name: object) -> UnknownName:
        """Return the error for a name that is not in the family.

        Parameters
        ----------
        name : object
            What was given.

        Returns
        -------
        UnknownName
            Says which name was probably meant, or lists the family.
        """
        return UnknownName(unknown_text(self.kind, str(name), self._all()))

    def __getitem__(self, name: object) -> M:
        """Return a member; raise `UnknownName` with what was probably meant."""
        members = self._all()
        if not isinstance(name, str) or name not in members:
            raise self.unknown(name)
        return members[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in the order of the family."""
        return iter(tuple(self._all()))

    def __len__(self) -> int:
        """Return the number of members."""
        return len(self._all())

    def __repr__(self) -> str:
        """Name the kind and the members."""
        return f"<{self.kind}: {', '.join(self)}>"

    def _all(self) -> dict[str, M]:
        self._load()
        return self._members

    def _load(self) -> None:
        if self._loaded:
            return
        with self._lock:
            for module in self._modules:
                import_module(module)
            # Whichever module was imported first, the order is that of the family.
            place = {module: i for i, module in enumerate(self._modules)}
            order = sorted(self._members, key=lambda n: place[self._home[n]])
            self._members = {name: self._members[name] for name in order}
            self._loaded = True


def _in(package: str, *modules: str) -> tuple[str, ...]:
    return tuple(f"eventstudy.{package}.{module}" for module in modules)


TESTS: Family[Any] = Family(
    "test",
    *_in(
        "inference", "parametric", "guarded", "timeseries", "skewness", "rank", "sign"
    ),
    *_in("inference", "clustered", "cluster_means", "single", "conformal"),
    *_in("inference", "bootstrap", "randomisation", "dating"),
)
LONG_RUN: Family[Any] = Family(
    "method of the long run", *_in("inference", "long_run_methods")
)
MODELS: Family[Any] = Family(
    "model",
    *_in("models", "linear", "nonsynchronous", "robust", "lad", "student"),
    *_in("models", "theil_sen", "basket", "garch"),
    *_in("models", "pca", "synthetic", "synthetic_did", "gsynth"),
)
SHIFTS: Family[Any] = Family(
    "volatility test",
    *_in("volatility", "classical", "resampled", "clustered", "variance_step"),
    *_in("volatility", "conditional", "breaks"),
)
MEASURES: Family[Any] = Family(
    "volatility measure",
    *_in("volatility", "spread", "range_based", "realised", "conditional"),
)
OUTCOMES: Family[Any] = Family(
    "session outcome", *_in("outcomes", "volume", "illiquidity", "spread")
)
SOURCES: Family[Any] = Family(
    "source of prices",
    *_in("prices", "snapshot", "files", "yahoo", "manifest", "french"),
)
