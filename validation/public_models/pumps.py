r"""Pumps: failure rates with a gamma distribution

Pump $i$ of ten failed $s_i$ times in $t_i$ thousand hours. Its rate $\lambda_i$ is latent:

$$s_i \mid \lambda_i \sim \mathrm{Poisson}(\lambda_i t_i), \qquad \lambda_i \sim
\mathrm{Gamma}(\alpha, \beta) .$$

## Data

The failures and hours of Gaver and O'Muircheartaigh (1987), with the hours as BUGS rounds them.

## Complete-data log-likelihood

$$\log p(s, \lambda \mid \alpha, \beta) = n (\alpha \log \beta - \log \Gamma(\alpha))
+ (\alpha - 1) \sum_i \log \lambda_i - \beta \sum_i \lambda_i + \text{terms without } \alpha,
\beta$$

is linear in $\lambda_i$ and $\log \lambda_i$.

## E step

Given $s_i$, the rate is Gamma with shape $a_i = \alpha' + s_i$ and rate $b_i = \beta' + t_i$, so
that $\mathrm{E}[\lambda_i] = a_i / b_i$ and $\mathrm{E}[\log \lambda_i] = \psi(a_i) - \log b_i$.

## M step

With the means $\bar\lambda$ and $\overline{\log \lambda}$ of these expectations,
$\beta'' = \alpha'' / \bar\lambda$, and $\alpha''$ solves

$$\log \alpha - \psi(\alpha) = \log \bar\lambda - \overline{\log \lambda} .$$

The left-hand side decreases from infinity to zero, so that there is one solution. Newton's method
finds it on the scale of $1 / \alpha$, on which the equation is nearly linear (Minka 2002).

## Observed log-likelihood

Negative binomial:

$$\log p(s \mid \theta) = \sum_i \left( \log \frac{\Gamma(\alpha + s_i)}{\Gamma(\alpha) s_i!}
+ \alpha \log \frac{\beta}{\beta + t_i} + s_i \log \frac{t_i}{\beta + t_i} \right) .$$

## Prior

As in BUGS: $\alpha \sim \mathrm{Exponential}(1)$, $\beta \sim \mathrm{Gamma}(0.1, 1)$.

## References

- D. P. Gaver and I. G. O'Muircheartaigh (1987). Robust empirical Bayes analyses of event rates.
  *Technometrics* 29, 1–15.
- E. I. George, U. E. Makov and A. F. M. Smith (1993). Conjugate likelihood distributions.
  *Scandinavian Journal of Statistics* 20, 147–156.
"""

import numpy as np
import pymc as pm
from scipy.special import digamma, polygamma

latents = ("lam",)

_MAX_NEWTON_ITERATIONS = 50


def model(failures, hours):
    with pm.Model() as model:
        alpha = pm.Exponential("alpha", 1)
        beta = pm.Gamma("beta", 0.1, 1)
        lam = pm.Gamma("lam", alpha, beta, shape=len(failures))
        pm.Poisson("failures", lam * hours, observed=failures)
    return model


def e_step(params, data):
    shape, rate = params["alpha"] + data["failures"], params["beta"] + data["hours"]
    return {"lam": shape / rate, "log_lam": digamma(shape) - np.log(rate)}


def m_step(expectations, data):
    mean = np.mean(expectations["lam"])
    alpha = _shape(np.log(mean) - np.mean(expectations["log_lam"]))
    return {"alpha": alpha, "beta": alpha / mean}


expectations = {"log_lam": lambda latents, data: np.log(latents["lam"])}


def initial(data, rng):
    """Shape 1 and the mean of the raw rates, with log-normal factors."""
    alpha, mean = rng.lognormal(0, 0.4), np.mean(data["failures"] / data["hours"])
    return {"alpha": alpha, "beta": alpha / mean * rng.lognormal(0, 0.4)}


def example_data():
    return {
        "failures": np.array([5, 1, 5, 14, 3, 19, 1, 1, 4, 22]),
        "hours": np.array([94.3, 15.7, 62.9, 126, 5.24, 31.4, 1.05, 1.05, 2.1, 10.5]),
    }


def _shape(difference):
    """Solve log(alpha) - digamma(alpha) = difference."""
    alpha = 0.5 / difference
    for _ in range(_MAX_NEWTON_ITERATIONS):
        value = np.log(alpha) - digamma(alpha) - difference
        # With respect to 1 / alpha.
        slope = -(alpha**2) * (1 / alpha - polygamma(1, alpha))
        updated = 1 / (1 / alpha - value / slope)
        if updated == alpha or abs(updated - alpha) <= 4e-16 * alpha:
            break
        alpha = updated
    return updated
