"""What a fit of a GARCH model returns."""

from dataclasses import dataclass

from eventstudy.core.abnormal import Array, BoolArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class GarchFit:
    """Fitted models of E series; rows without a fit are nan.

    mean : (E, K) coefficients of the regressors of the mean
    variance : (E, V) parameters in the order of ``names``;  nu : (E,) degrees of
        freedom of Student's t, inf for the normal
    shifts : (E, M) exponents η of the variance regressors: the intercept ω is
        multiplied by exp(η d) (EGARCH: η d is added to the log variance)
    loglik : (E,);  h : (E, T) conditional variances;  residuals : (E, T)
    backcast : (E,) variance before the first session;  n : (E,) valid sessions
    converged : (E,);  steps : (E,) steps of the maximiser
    """

    kind: str
    dist: str
    names: tuple[str, ...]
    mean: Array
    variance: Array
    shifts: Array
    nu: Array
    loglik: Array
    h: Array
    residuals: Array
    backcast: Array
    n: IntArray
    converged: BoolArray
    steps: IntArray
