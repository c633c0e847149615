"""Ways to integrate a latent out, one a module.

Each is registered with pymc-extras when this package is imported, and from then on
`pymc_extras.marginal.marginalize` and `conditional` know it, for any PyMC model.
"""

from latentfit.bayes.integrate import (
    _beta,
    _dirichlet,
    _gamma,
    _inverse_gamma,
    _normal,
    _thresholds,
)
from latentfit.bayes.integrate._conjugate import ConjugateMarginalRV

STRATEGIES = (_normal, _gamma, _inverse_gamma, _beta, _dirichlet, _thresholds)

__all__ = ["STRATEGIES", "ConjugateMarginalRV"]
