"""What a normal-return model is, and the facts that its family holds of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import getdoc
from typing import Any, Literal, Protocol, TypedDict, Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, Clock, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import MODELS


class Context(TypedDict, total=False):
    """Keywords that every model takes: spans, and who lived through which dates.

    Attributes
    ----------
    span : array (E, T+L)
        Sessions that each return spans; 1 by default.
    asset : int array (E,)
        Code of the asset; by default a different one for each row.
    clock : int array (E,)
        Row of ``clocks`` that an observation lived through.
    clocks : Clock
        Calendar dates of the windows; by default one date shared by all rows.
    first_offset : int
        Event time of the first event-window column; by default -(L//2), so that day
        0 is in the middle. An even number L of columns has no middle: say it then.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> context: Context = {"asset": np.array([7, 7]), "first_offset": 0}
    >>> y = np.random.default_rng(0).normal(size=(2, 62))
    >>> constant_mean(y, n_estimation=60, **context).asset
    array([7, 7])
    """

    span: Array | None
    asset: IntArray | None
    clock: IntArray | None
    clocks: Clock | None
    first_offset: int | None


class Model(Protocol):
    """A normal-return model: ``f(y, x, *, n_estimation, **context)``."""

    def __call__(
        self,
        y: Array,
        x: Array | None = None,
        *,
        n_estimation: int,
        **context: Unpack[Context],
    ) -> Abnormal:
        """Return the abnormal returns of E observations.

        Parameters
        ----------
        y : array (E, T+L)
            Returns, one row per observation: T sessions to estimate from, then the L
            of the event window. nan = no return.
        x : array (E, T+L, F) or None
            Factors; from the study always by row. Where they are the same for all,
            (T+L,) and (T+L, F) are taken by the models of the package as well.
        n_estimation : int
            T.
        **context : Context
            Spans, assets, dates, and the event time of the first event-window column.

        Returns
        -------
        Abnormal
            Prediction errors, and what inference needs to judge them.
        """
        ...


Expected = Callable[[Abnormal, Array], Array]


def expected_linear(abnormal: Abnormal, x: Array) -> Array:
    """Predict the returns of any sessions by a constant and the factors.

    Parameters
    ----------
    abnormal : Abnormal
        Fits of E observations; their coefficients are the constant's, then one for
        each factor.
    x : array (E, S, F)
        Factors of S sessions, without a constant; F = 0 for a model without factors.

    Returns
    -------
    array (E, S)
        ``α + Σ β_f x_f``.

    Raises
    ------
    SpecError
        Where there is not one coefficient for each factor, and one more.

    Examples
    --------
    >>> from eventstudy.models import market
    >>> m = np.array([0.01, -0.01, 0.02, 0.00, 0.03])
    >>> ab = market(0.001 + 2 * m + [[1e-3, -1e-3, 0, 0, 0]], m, n_estimation=4)
    >>> expected_linear(ab, np.array([[[0.0], [0.1]]])).round(3)
    array([[0.001, 0.205]])
    """
    x = np.asarray(x, np.float64)
    return _linear(abnormal, x, np.ones(x.shape[:2]))


def _linear(abnormal: Abnormal, x: Array, span: Array) -> Array:
    beta = abnormal.coefficients
    if beta.shape[1] != x.shape[2] + 1:
        raise SpecError(
            f"the model {abnormal.model!r} has {beta.shape[1]} coefficients for "
            f"{x.shape[2]} factors, so its expected returns are not linear in them; "
            "wanted ModelEntry(..., expected=g) with g(abnormal, x)"
        )
    expected = span * beta[:, :1]
    if x.shape[2]:
        expected = expected + np.einsum("esf,ef->es", x, beta[:, 1:])
    return np.asarray(expected, np.float64)


def said_to_function(entry: "ModelEntry", options: Mapping[str, Any]) -> "ModelEntry":
    """Return the entry whose function is called with these options."""
    return replace(entry, fit=partial(entry.fit, **options))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """A member of `MODELS`; calling it fits the model.

    Parameters
    ----------
    name : str
        The name in study files and tables.
    meaning : str
        What the normal return is, in a few words.
    fit : Model
        The function, ``f(y, x, *, n_estimation, **context)`` -> `Abnormal`.
    formula : str
        The normal return as a formula, for the report.
    citation : str
        The source, for the report.
    min_factors : int
        Factors that it needs at least.
    max_factors : int or None
        Factors that it takes at most; None: any number.
    expected : callable
        ``g(abnormal, x)``: the expected returns (E, S) of the fits ``abnormal`` of E
        observations in any S sessions with factors ``x`` (E, S, F), without a
        constant; F = 0 without factors. By default `expected_linear`, which is right
        for every model that is linear in its factors.
    default_with : str
        "no factor", "one factor" or "several factors": the model is the one taken
        where only factors are named; "" where it has to be asked for.
    conditional_variance : bool
        Whether the errors' variance moves from session to session, so that least
        squares over a whole sample is another model.
    by_least_squares : bool
        Whether the coefficients are those of least squares, so that one regression
        over a whole sample is the same model.
    min_members : int
        Members of a basket that it needs at least, whose return a study hands over as
        the one factor; 0: it is no model of a basket.
    slow : bool
        Whether a fit takes so long that it is not repeated all over a history.
    neighbours : str
        "regressors" for a model whose regressors are the factor's returns of sessions
        before and after as well, by its options lags and leads; "instruments" where
        those of one before and one after are instruments; "" for none.
    options : mapping of str to object
        Keys of ``[[models]]`` that it takes, which are keywords of the function, with
        their values where nothing is said.
    words : mapping of str to str
        What it estimates beside its coefficients, by the name of the term, in words.
    bounds : mapping of str to (float, float)
        The least and the greatest that some of these can be: an estimate there is
        none that the data tell.
    caution : callable, optional
        ``c(options)``: what a reader must know of the model with these options, a
        sentence; "" for nothing.
    bind : callable
        ``h(entry, options)``: the entry with these options said. By default they are
        given to the function, and expected returns stay as they are.
    made_from : ModelEntry, optional
        The member that was bound to options.
    min_donors : int
        Donors that it needs at least; 0: it takes none. A study hands them over as
        ``donors``, with arrays they stand in the place of the factors.
    terms : tuple of str
        Names of its coefficients, where they are not a constant and the factors.
    exchangeable : bool
        Whether it may be fitted to the event's sessions like to any others, as the
        conformal test wants it.
    by_window : bool
        Whether it is fitted anew for every window, whose first and last session a
        study hands over as ``window``.

    Examples
    --------
    A second model without parameters, half the market's return:

    >>> import eventstudy as es
    >>> def half_market(y, x, *, n_estimation, **context):
    ...     return es.models.abnormal_from(
    ...         y, 0.5 * x[:, :, 0], n_estimation=n_estimation, **context
    ...     )
    >>> entry = es.models.ModelEntry(
    ...     name="half_market",
    ...     meaning="half the market's return",
    ...     formula="E[R] = R_m / 2",
    ...     citation="Doe (2020), J. Examples 1",
    ...     min_factors=1,
    ...     max_factors=1,
    ...     fit=half_market,
    ...     expected=lambda abnormal, x: 0.5 * x[:, :, 0],
    ... )
    >>> es.models.MODELS.register(entry).name
    'half_market'
    >>> y, x = np.random.default_rng(0).normal(size=(2, 4, 63, 1))
    >>> ab = es.models.MODELS["half_market"](y[:, :, 0], x, n_estimation=60)
    >>> ab.ar.shape, ab.model
    ((4, 3), 'half_market')
    >>> es.models.MODELS.remove("half_market")
    """

    name: str
    meaning: str
    fit: Model
    formula: str = ""
    citation: str = ""
    min_factors: int = 0
    max_factors: int | None = None
    expected: Expected = expected_linear
    default_with: Literal["", "no factor", "one factor", "several factors"] = ""
    conditional_variance: bool = False
    by_least_squares: bool = True
    slow: bool = False
    min_members: int = 0
    neighbours: Literal["", "regressors", "instruments"] = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    caution: Callable[[Mapping[str, Any]], str] | None = None
    bind: "Callable[[ModelEntry, Mapping[str, Any]], ModelEntry]" = said_to_function
    made_from: "ModelEntry | None" = None
    min_donors: int = 0
    terms: tuple[str, ...] = ()
    exchangeable: bool = False
    by_window: bool = False

    def __call__(
        self,
        y: Array,
        x: Array | None = None,
        *,
        n_estimation: int,
        **context: Unpack[Context],
    ) -> Abnormal:
        """Fit the model; see `Model`.

        The context of a model with donors holds them too, that of one that is fitted
        by window the window.

        Raises `SpecError` where the function returns something else than an
        `Abnormal`.
        """
        found: Any = self.fit(y, x, n_estimation=n_estimation, **context)
        if not isinstance(found, Abnormal):
            raise SpecError(
                f"the model {self.name!r} returned {type(found).__name__}; wanted an "
                "Abnormal, as made by eventstudy.models.abnormal_from"
            )
        return found if found.model == self.name else replace(found, model=self.name)

    def with_options(self, options: Mapping[str, Any]) -> "ModelEntry":
        """Return the model with its options said, as a study asks for it.

        Parameters
        ----------
        options : mapping of str to object
            Some of `options`, by name.

        Returns
        -------
        ModelEntry
            The entry; itself where there are none.
        """
        if not options:
            return self
        return replace(self.bind(self, options), made_from=self)

    @property
    def linear(self) -> bool:
        """Whether expected returns are a constant and the factors, by coefficients."""
        return self.expected is expected_linear

    @property
    def takes(self) -> str:
        """How many factors or donors it takes, in words."""
        if self.min_donors:
            return f"at least {self.min_donors} donors"
        least, most = self.min_factors, self.max_factors
        if self.min_members:
            return f"at least {self.min_members} members"
        if most is None:
            return f"at least {_factors(least)}" if least else "any factors"
        if least == most:
            return _factors(most)
        return f"{least} to {most} factors" if least else f"at most {_factors(most)}"

    def predict(
        self, abnormal: Abnormal, x: Array, *, span: Array | None = None
    ) -> Array:
        """Return expected returns over the sessions that each return spans.

        Parameters
        ----------
        abnormal : Abnormal
            Fits of E observations.
        x : array (E, S, F)
            Factors over the same sessions.
        span : array (E, S), optional
            Sessions that each return spans, by default 1. A session more adds the
            expected return of one in which no factor moves.

        Returns
        -------
        array (E, S)
            Expected returns.

        Raises
        ------
        SpecError
            For expected returns of another shape.
        """
        x = np.asarray(x, np.float64)
        span = np.ones(x.shape[:2]) if span is None else span
        if self.linear:
            return _linear(abnormal, x, span)
        found = self._expected(abnormal, x)
        if (span == 1.0).all():
            return found
        return found + (span - 1.0) * self._expected(abnormal, np.zeros_like(x))

    def _expected(self, abnormal: Abnormal, x: Array) -> Array:
        found = np.asarray(self.expected(abnormal, x), np.float64)
        if found.shape != x.shape[:2]:
            raise SpecError(
                f"expected returns of the model {self.name!r} have shape "
                f"{found.shape}; wanted {x.shape[:2]}, observations x sessions"
            )
        return found

    @classmethod
    def of(cls, function: Callable[..., Any]) -> "ModelEntry":
        """Return the entry of a plain function, known by its ``__name__``.

        Its attribute ``expected``, where it has one, predicts any session.

        Parameters
        ----------
        function : callable
            A model as `Model` describes it.

        Returns
        -------
        ModelEntry
            Its entry.

        Raises
        ------
        SpecError
            For a function without a name.
        """
        name = getattr(function, "__name__", "")
        if not name.isidentifier():
            raise SpecError(
                f"{function!r} has no name for the tables; wanted a function with a "
                "name, or a ModelEntry(name=..., fit=...)"
            )
        return cls(
            name=name,
            meaning=(getdoc(function) or "a model of the user's own").split("\n")[0],
            fit=function,
            formula=f"E[R] = {name}(R, F)",
            citation="Given by the user",
            expected=getattr(function, "expected", expected_linear),
        )


def _factors(n: int) -> str:
    return {0: "no factor", 1: "one factor"}.get(n, f"{n} factors")


MODELS.wrap = ModelEntry.of
