"""Variants of EM that use part of the data, or random draws of the latents, in each iteration.

| function | what replaces the E step over all data | what it leads to |
|---|---|---|
| `online` | the E step over a batch; statistics averaged with step sizes | the MLE |
| `incremental` | the E step over a block; statistics of the other blocks remembered | the MLE |
| `sem` | one draw of the latents | a random sequence around the MLE, and its mean |
| `saem` | one draw of the latents; statistics averaged with step sizes | the MLE |

Like EM's, the limits are stationary points of the likelihood, of which the MLE is one.

All functions but `sem` need the derivation in terms of statistics that add over units.
``statistics(expectations, data)`` returns ``{name: array}``, small sums whose values for disjoint
parts of the data add up to the value for all data, and ``m_step(statistics, shared)`` takes these
sums. If the M step needs the size of the data, this must be one of the sums. Where data are split
(`online` and `incremental`), `shared` contains the data that are not split, and is an empty mapping
if there are none.

**Statistics must not depend on the parameters** if those of different iterations are added or
averaged. Central moments about the means of the latest iteration, which are fine for EM itself,
refer to a different centre in each iteration. Raw moments, Σ r x and Σ r x², can be averaged. But
their difference, Σ r x² / n - (Σ r x / n)², loses twice as many digits as x has in front of its
standard deviation. Data far from zero should therefore be shifted once by a fixed centre, such as
the mean of the first thousand rows: ``data = {"x": x - centre}``. Add the centre to the estimated
means at the end.

A stochastic algorithm has not converged because its steps are small: they shrink by design. Its
result is a mean of iterates, with a Monte Carlo standard error for the algorithm's own noise that
is left in it. This is not the standard error of the estimate, for which see
`latentfit.em.information`.
"""

from latentfit.em.stochastic._incremental import incremental
from latentfit.em.stochastic._online import online
from latentfit.em.stochastic._result import StochasticSolution, StochasticTrace
from latentfit.em.stochastic._saem import saem
from latentfit.em.stochastic._sem import sem
from latentfit.em.stochastic._step_size import StepSize
from latentfit.em.stochastic._stop import StochasticStop

__all__ = [
    "StepSize",
    "StochasticSolution",
    "StochasticStop",
    "StochasticTrace",
    "incremental",
    "online",
    "saem",
    "sem",
]
