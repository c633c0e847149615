r"""Information criteria of one fit.

With L the maximum of the likelihood p(x | θ), p the number of free parameters and n the number of
units, the criteria are, on the deviance scale, where smaller is better,

    AIC = -2 log L + 2 p
    BIC = -2 log L + p log n
    ICL = BIC + 2 E,    E = -Σ_i Σ_k t_ik log t_ik

AIC estimates, up to a constant, twice the expected loss of predicting new data from the estimate
(Akaike 1973, 2nd International Symposium on Information Theory, 267-281). BIC approximates -2 log
of the marginal likelihood up to a bounded term (Schwarz 1978, Annals of Statistics 6(2), 461-464).
ICL approximates the same for the likelihood of the data together with their categories (Biernacki,
Celeux & Govaert 2000, IEEE Transactions on Pattern Analysis and Machine Intelligence 22(7),
719-725). E is the entropy of the soft assignment, with t_ik = p(z_i = k | x, θ) from the E step.
Biernacki et al. use the most probable category of each unit, and hence -Σ_i log max_k t_ik in place
of E. The entropy is the form of McLachlan & Peel (2000, Finite Mixture Models, section 6.10.3).
Both terms are zero if the components are well separated.

All three criteria assume a single maximum in the interior of the parameter space, with a regular
information matrix.
"""

import math
from dataclasses import dataclass

# In the order in which tables show them.
NAMES = ("aic", "bic", "icl")


@dataclass(frozen=True)
class Criteria:
    """The information criteria of one fit, and the numbers that they are computed from.

    Attributes
    ----------
    log_likelihood : float
        log p(x | θ) at EM's estimate, in nats.
    free_parameters : int
    units : int or None
        None if the number of units is unknown.
    entropy : float or None
        Entropy of the soft assignment, in nats. None if it is not a sum over units.
    """

    log_likelihood: float
    free_parameters: int
    units: int | None = None
    entropy: float | None = None

    @property
    def aic(self) -> float:
        """Akaike's information criterion, deviance scale."""
        return -2 * self.log_likelihood + 2 * self.free_parameters

    @property
    def bic(self) -> float | None:
        """Bayesian information criterion, deviance scale. None without `units`."""
        if self.units is None:
            return None
        return -2 * self.log_likelihood + self.free_parameters * math.log(self.units)

    @property
    def icl(self) -> float | None:
        """Integrated completed likelihood, deviance scale. None without `units` or `entropy`."""
        if self.bic is None or self.entropy is None:
            return None
        return self.bic + 2 * self.entropy
