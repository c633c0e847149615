"""EM that does not take all data, or no exact expectations, in every iteration.

| function | in place of the E step over all data | leads to |
|---|---|---|
| `online` | the E step over a batch; statistics averaged with step sizes | the MLE |
| `incremental` | the E step over a block; statistics of the others remembered | the MLE |
| `sem` | one draw of the latents | a random sequence about the MLE; its mean |
| `saem` | one draw of the latents; statistics averaged with step sizes | the MLE |

All but `sem` need the derivation in a form that says how it adds over units:
``statistics(expectations, data)`` returns ``{name: array}``, small sums whose values for disjoint
parts of the data add to that for the whole; and ``m_step(statistics, shared)`` takes these. What an
M step needs to know of the size of the data is one of the sums. Where data are split (`online`,
`incremental`), `shared` is what is not: without constants, an empty mapping. Like EM's, the limits
are stationary points of the likelihood, of which the MLE is one.

**Statistics must not depend on the parameters** where those of different iterations are added or
averaged. Central moments about the means of the last iteration, which EM itself does well with, are
about something else in each; what can be averaged are raw moments, Σ r x and Σ r x². Their
difference, Σ r x² / n - (Σ r x / n)², loses twice as many digits as x has in front of its spread.
Data far from zero are shifted once by a centre that stays fixed, such as the mean of the first
thousand rows: ``data = {"x": x - centre}``, and the centre is added to the estimated means at the
end.

A stochastic algorithm has not converged because its steps are small: they shrink by design. What it
leaves behind is a mean of iterates, with a Monte Carlo standard error for how much of the
algorithm's own noise is left in it. That is not the standard error of the estimate, which is in
`latentfit.em.information`.
"""

from latentfit.em.stochastic._ending import Ending
from latentfit.em.stochastic._incremental import incremental
from latentfit.em.stochastic._online import online
from latentfit.em.stochastic._result import Course, StochasticSolution
from latentfit.em.stochastic._saem import saem
from latentfit.em.stochastic._sem import sem
from latentfit.em.stochastic._step_size import StepSize

__all__ = [
    "Course",
    "Ending",
    "StepSize",
    "StochasticSolution",
    "incremental",
    "online",
    "saem",
    "sem",
]
