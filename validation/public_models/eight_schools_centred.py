r"""Eight schools, centred

Coaching for a test was tried in $n = 8$ schools. School $i$ reports an estimated effect $y_i$ and
its standard error $s_i$, which is treated as known. The true effects $\theta_i$ are latent:

$$y_i \mid \theta_i \sim \mathrm{N}(\theta_i, s_i^2), \qquad \theta_i \sim \mathrm{N}(\mu, \tau^2)
.$$

## Data

The effects and standard errors of Rubin (1981), as in Gelman et al. (2013, table 5.2).

## Complete-data log-likelihood

$$\log p(y, \theta \mid \mu, \tau) = -n \log \tau - \frac{1}{2 \tau^2} \sum_i (\theta_i - \mu)^2
+ \text{terms without } \mu, \tau$$

is linear in the $\theta_i$ and the $\theta_i^2$.

## E step

Given $y_i$, the effect is normal with variance $v_i = (1 / s_i^2 + 1 / \tau'^2)^{-1}$ and mean
$m_i = v_i (y_i / s_i^2 + \mu' / \tau'^2)$, so that $\mathrm{E}[\theta_i^2] = m_i^2 + v_i$.

## M step

$$\mu'' = \frac{1}{n} \sum_i m_i, \qquad \tau''^2 = \frac{1}{n} \sum_i \left( (m_i - \mu'')^2 + v_i
\right) .$$

## Observed log-likelihood

$$\log p(y \mid \mu, \tau) = - \frac{1}{2} \sum_i \left( \log (2 \pi (s_i^2 + \tau^2))
+ \frac{(y_i - \mu)^2}{s_i^2 + \tau^2} \right)$$

has its maximum at $\tau = 0$. EM multiplies $\tau^2$ by $1 - c\, \tau^2$ near zero, so that it
approaches the maximum more slowly than geometrically.

## Prior

$\mu \sim \mathrm{N}(0, 5^2)$ and $\tau$ half-Cauchy with scale 5, as in posteriordb's
`eight_schools_centered`.

## References

- D. B. Rubin (1981). Estimation in parallel randomized experiments. *Journal of Educational
  Statistics* 6, 377–401. The likelihood $p(y \mid \mu, \tau)$ is integrated in closed form there.
- A. Gelman et al. (2013). *Bayesian Data Analysis*, third edition, section 5.5.
"""

import numpy as np
import pymc as pm

latents = ("theta",)


def model(y, se):
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        theta = pm.Normal("theta", mu, tau, shape=len(y))
        pm.Normal("y", theta, se, observed=y)
    return model


def e_step(params, data):
    mu, variance = params["mu"], params["tau"] ** 2
    share = variance / (variance + data["se"] ** 2)
    m = mu + share * (data["y"] - mu)
    return {"theta": m, "theta2": m**2 + share * data["se"] ** 2}


def m_step(expectations, data):
    m, second = expectations["theta"], expectations["theta2"]
    mu = np.mean(m)
    variance = np.mean((m - mu) ** 2 + (second - m**2))
    return {"mu": mu, "tau": np.sqrt(variance)}


expectations = {"theta2": lambda latents, data: np.asarray(latents["theta"]) ** 2}


def initial(data, rng):
    """The mean of the estimates with a random term, and a tau between 3 and 15."""
    return {"mu": np.mean(data["y"]) + rng.normal(0, 3), "tau": rng.uniform(3, 15)}


def example_data():
    return {
        "y": np.array([28.0, 8, -3, 7, -1, 1, 18, 12]),
        "se": np.array([15.0, 10, 16, 11, 9, 11, 10, 18]),
    }
