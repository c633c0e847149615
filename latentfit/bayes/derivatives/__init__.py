"""Gradients that are right where a branch of a log density is impossible.

A log density with latents is a sum over branches: the categories of a discrete latent, the paths
of a Markov chain. Where a branch is impossible for a unit, its log density is minus infinity, and
the log-likelihood and all its derivatives are those of the remaining branches. PyTensor's gradient
is NaN there, because the chain rule multiplies the branch's weight, 0, by the derivative of log 0,
which is infinite. The same happens where a condition selects a value, such as log(0^0) = 0, and the
value that was not selected has no derivative.

`gradient` differentiates a graph in reverse mode. In addition to derivatives it propagates which
entries of each variable are *active*, that is, can change the result (activity analysis: Griewank &
Walther 2008, Evaluating Derivatives, section 6.2). Entries become inactive where

- a condition selects another value;
- an exponential is taken of minus infinity, as in a sum over branches of exp(log density);
- another value is the maximum or minimum;
- an index selects other entries, or other values are assigned to them;
- a number is raised to the power 0.

The derivative with respect to an inactive entry is 0, whatever the derivatives of the functions
that it enters. No other derivative changes: a derivative that does not exist for another reason
stays NaN. The gradient is a graph of the same kind, so that second derivatives are obtained by
differentiating it in the same way.
"""

from latentfit.bayes.derivatives._reverse_mode import gradient

__all__ = ["gradient"]
