r"""Surgical: mortality of twelve hospitals

Of $n_i$ babies with heart operations in hospital $i$, $r_i$ died. The logit of the probability of
death is latent, with mean $\mu$ and precision $\tau$ between hospitals:

$$r_i \mid b_i \sim \mathrm{Binomial}(n_i, \mathrm{logit}^{-1}(b_i)), \qquad
b_i \sim \mathrm{N}(\mu, \tau^{-1}) .$$

## Data

Operations and deaths in twelve hospitals, an example of BUGS.

## Complete-data log-likelihood

$$\log p(r, b \mid \mu, \tau) = \frac{12}{2} \log \tau - \frac{\tau}{2} \sum_i (b_i - \mu)^2
+ \text{terms without } \mu, \tau$$

is linear in the $b_i$ and the $b_i^2$.

## E step

$p(b_i \mid r_i, \theta')$ is proportional to
$g(b) = \exp(r_i b - n_i \log(1 + e^b) - \tau' (b - \mu')^2 / 2)$, which is log-concave. Its moments
are integrals without a closed form. Newton's method finds the mode and the curvature there, and the
trapezoid rule with 121 points over ten of these standard deviations on either side computes the
moments. For such functions the rule is exact to rounding (Trefethen and Weideman 2014).

## M step

$$\mu'' = \frac{1}{12} \sum_i \mathrm{E}[b_i], \qquad
\tau''^{-1} = \frac{1}{12} \sum_i \left( \mathrm{E}[b_i^2] - 2 \mu'' \mathrm{E}[b_i] + \mu''^2
\right) .$$

## Observed log-likelihood

$\log p(r \mid \theta) = \sum_i \log \int \mathrm{Binomial}(r_i; n_i, \mathrm{logit}^{-1}(b))\,
\mathrm{N}(b; \mu, \tau^{-1})\, db$, by the same rule.

## Prior

As in BUGS: $\mu \sim \mathrm{N}(0, 10^6)$, $\tau \sim \mathrm{Gamma}(0.001, 0.001)$.

## References

- D. Spiegelhalter, A. Thomas, N. Best and W. Gilks (1996). *BUGS 0.5 Examples, Volume 1*,
  "Surgical: institutional ranking".
- L. N. Trefethen and J. A. C. Weideman (2014). The exponentially convergent trapezoidal rule.
  *SIAM Review* 56, 385–458: errors of $\int g$.
"""

import numpy as np
import pymc as pm
from scipy.special import expit

latents = ("b",)

NODES = np.linspace(-10, 10, 121)
_NEWTON_ITERATIONS = 30


def model(r, n):
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 1000)
        tau = pm.Gamma("tau", 0.001, 0.001)
        b = pm.Normal("b", mu, tau=tau, shape=len(r))
        pm.Binomial("r", n=n, logit_p=b, observed=r)
        pm.Deterministic("sigma", 1 / pm.math.sqrt(tau))
        pm.Deterministic("population_mean", pm.math.invlogit(mu))
    return model


def e_step(params, data):
    r, n = data["r"].astype(float), data["n"].astype(float)
    mu, tau = params["mu"], params["tau"]
    mode = np.log((r + 0.5) / (n - r + 0.5))
    for _ in range(_NEWTON_ITERATIONS):
        p = expit(mode)
        mode = mode + (r - n * p - tau * (mode - mu)) / (n * p * (1 - p) + tau)
    p = expit(mode)
    sd = (n * p * (1 - p) + tau) ** -0.5
    b = mode[:, None] + sd[:, None] * NODES
    log_density = r[:, None] * b - n[:, None] * np.logaddexp(0, b) - tau * (b - mu) ** 2 / 2
    weights = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return {"b": np.sum(weights * b, axis=1), "b2": np.sum(weights * b**2, axis=1)}


def m_step(expectations, data):
    m, second = expectations["b"], expectations["b2"]
    mu = np.mean(m)
    return {"mu": mu, "tau": 1 / np.mean((m - mu) ** 2 + (second - m**2))}


expectations = {"b2": lambda latents, data: np.asarray(latents["b"]) ** 2}


def initial(data, rng):
    """Mean and variance of the logits with random parts."""
    r, n = data["r"], data["n"]
    logit = np.log((r + 0.5) / (n - r + 0.5))
    return {"mu": logit.mean() + rng.normal(0, 0.3), "tau": rng.lognormal(0, 0.5) / logit.var()}


def example_data():
    return {
        "r": np.array([0, 18, 8, 46, 8, 13, 9, 31, 14, 8, 29, 24]),
        "n": np.array([47, 148, 119, 810, 211, 196, 148, 215, 207, 97, 256, 360]),
    }
