r"""Information criteria of one fit.

With L the maximum of the likelihood p(x | θ), p the number of free parameters and n that of units,
on the deviance scale, where less is better,

    AIC = -2 log L + 2 p
    BIC = -2 log L + p log n
    ICL = BIC + 2 E,    E = -Σ_i Σ_k t_ik log t_ik

AIC estimates, but for a constant, twice the expected loss of predicting new data from the estimate
(Akaike 1973, 2nd International Symposium on Information Theory, 267-281). BIC approximates -2 log
of the marginal likelihood up to a term that stays bounded (Schwarz 1978, Annals of Statistics 6(2),
461-464). ICL does so for the likelihood of the data together with their classification (Biernacki,
Celeux & Govaert 2000, IEEE Transactions on Pattern Analysis and Machine Intelligence 22(7),
719-725): E is the entropy of the classification, with t_ik = p(z_i = k | x, θ) from the E step.
There the most probable categories stand in for z, so that -Σ_i log max_k t_ik stands for E; the
entropy is McLachlan and Peel's form (2000, Finite Mixture Models, section 6.10.3). Both vanish
where components are well separated.

All three expand about a single interior maximum with a regular information matrix.
"""

import math
from dataclasses import dataclass

# In the order in which they are shown.
NAMES = ("aic", "bic", "icl")


@dataclass(frozen=True)
class Criteria:
    """What the criteria of one fit are made of, and what they are.

    Attributes
    ----------
    log_likelihood : float
        log p(x | θ) at EM's estimate, in nats.
    free_parameters : int
    units : int or None
        None where it is not known what a unit is.
    entropy : float or None
        Of the classification, in nats. None where there is none, or where it is not a sum over
        units.
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
        """Schwarz's, deviance scale. None without `units`."""
        if self.units is None:
            return None
        return -2 * self.log_likelihood + self.free_parameters * math.log(self.units)

    @property
    def icl(self) -> float | None:
        """Integrated completed likelihood, deviance scale. None without `units` or `entropy`."""
        if self.bic is None or self.entropy is None:
            return None
        return self.bic + 2 * self.entropy
