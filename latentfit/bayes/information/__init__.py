"""Standard errors, profile intervals and boundaries of a declaration's estimates.

The methods are those of `latentfit.em.information`, with derivatives that a declaration gives
exactly, on PyMC's unconstrained scale.
"""

from latentfit.bayes.information._asymptotic import asymptotic_errors, delta_method_errors
from latentfit.bayes.information._boundary import at_boundary, boundary_labels
from latentfit.bayes.information._louis import louis_errors
from latentfit.bayes.information._oakes import oakes_errors
from latentfit.bayes.information._observed import observed_errors
from latentfit.bayes.information._profile import profile_intervals
from latentfit.bayes.information._supplemented import supplemented_errors

__all__ = [
    "asymptotic_errors",
    "at_boundary",
    "boundary_labels",
    "delta_method_errors",
    "louis_errors",
    "oakes_errors",
    "observed_errors",
    "profile_intervals",
    "supplemented_errors",
]
