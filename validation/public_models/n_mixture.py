r"""N-mixture: silver-washed fritillaries

At site $i$ of 95, two counts $y_{i1}, y_{i2}$ of butterflies were made on one day. The number $N_i$
that were there is latent:

$$N_i \sim \mathrm{Poisson}(\lambda), \qquad y_{ij} \mid N_i \sim \mathrm{Binomial}(N_i, p) .$$

## Data

The fifth day of the counts of section 12.3 of Kéry and Schaub (2012).

## Complete-data log-likelihood

$$\sum_i \left( N_i \log \lambda - \lambda + \sum_j \left( y_{ij} \log p + (N_i - y_{ij}) \log(1 -
p) \right) \right) + \text{terms without } \lambda, p$$

is linear in the $N_i$.

## E step

$p(N_i \mid y_i, \theta') \propto \mathrm{Poisson}(N_i; \lambda') \prod_j \mathrm{Binomial}(y_{ij};
N_i, p')$ for $N_i \ge \max_j y_{ij}$. Its mean is a ratio of two sums, which are computed up to 200
more than the largest count: the terms that are left out are smaller than rounding errors.

## M step

$$\lambda'' = \frac{1}{95} \sum_i \mathrm{E}[N_i], \qquad
p'' = \frac{\sum_{ij} y_{ij}}{2 \sum_i \mathrm{E}[N_i]} .$$

## Observed log-likelihood

$\log p(y \mid \lambda, p) = \sum_i \log \sum_{N} \mathrm{Poisson}(N; \lambda)
\prod_j \mathrm{Binomial}(y_{ij}; N, p)$.

## Prior

As in Kéry and Schaub: $\log \lambda \sim \mathrm{N}(0, 10^2)$, $p$ uniform on (0, 1).

## References

- J. A. Royle (2004). N-mixture models for estimating population size from spatially replicated
  counts. *Biometrics* 60, 108–115: $p(y \mid \lambda, p)$ in equation 2.
- M. Kéry and M. Schaub (2012). *Bayesian Population Analysis using WinBUGS*, section 12.3.
"""

import numpy as np
import pymc as pm
from scipy.special import gammaln, logsumexp

latents = ("N",)

_FURTHER_TERMS = 200


def model(y):
    with pm.Model() as model:
        lam = pm.LogNormal("lam", 0, 10)
        p = pm.Uniform("p", 0, 1)
        n = pm.Poisson("N", lam, shape=len(y))
        pm.Binomial("y", n=n[:, None], p=p, observed=y)
    return model


def e_step(params, data):
    y = np.asarray(data["y"], float)
    n = np.arange(y.max() + _FURTHER_TERMS)
    # gammaln is infinite at the negative integers n - y + 1: such n are impossible.
    log_terms = n * np.log(params["lam"]) - gammaln(n + 1)
    log_terms = log_terms + np.sum(
        gammaln(n + 1) - gammaln(n - y[:, :, None] + 1) + n * np.log1p(-params["p"]), axis=1
    )
    weights = np.exp(log_terms - logsumexp(log_terms, axis=1, keepdims=True))
    return {"N": weights @ n}


def m_step(expectations, data):
    total = np.sum(expectations["N"])
    return {
        "lam": total / len(data["y"]),
        "p": np.sum(data["y"]) / (data["y"].shape[1] * total),
    }


def initial(data, rng):
    """A probability of detection between 0.3 and 0.8, and the abundance that agrees with it."""
    p = rng.uniform(0.3, 0.8)
    return {"lam": np.mean(data["y"]) / p, "p": p}


def example_data():
    """Counts at the 34 sites where a butterfly was seen; the other 61 sites have two zeros."""
    pairs = """
        2 2  1 0  7 6  0 1  0 1  1 0  1 0  0 1  2 0  0 1  2 1  1 2  2 0  9 3  1 0  3 9  0 1  1 1
        0 1  0 3  0 2  5 3  0 1  9 4  3 4  1 2  2 4  13 8  2 1  1 0  0 3  1 1  0 1  0 2
    """
    seen = np.array(pairs.split(), int).reshape(34, 2)
    return {"y": np.concatenate([seen, np.zeros((61, 2), int)])}
