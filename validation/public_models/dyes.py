r"""Dyes: variation between and within batches

Five samples of each of six batches of dyestuff were tested. With a latent mean $\mu_i$ of each
batch, and precisions $\tau_b$ between and $\tau_w$ within batches,

$$y_{ij} \mid \mu_i \sim \mathrm{N}(\mu_i, \tau_w^{-1}), \qquad \mu_i \sim \mathrm{N}(\theta,
\tau_b^{-1}) .$$

## Data

The yields of Davies (1967), table 6.1 of Box and Tiao (1973): grams of standard colour.

## Complete-data log-likelihood

With $n = 6$ batches and $N = 30$ samples it is, up to a constant,

$$\frac{N}{2} \log \tau_w - \frac{\tau_w}{2} \sum_{ij} (y_{ij} - \mu_i)^2
+ \frac{n}{2} \log \tau_b - \frac{\tau_b}{2} \sum_i (\mu_i - \theta)^2 ,$$

which is linear in the $\mu_i$ and the $\mu_i^2$.

## E step

Given $y$, $\mu_i$ is normal with precision $k = 5 \tau_w' + \tau_b'$ and mean
$m_i = (\tau_w' \sum_j y_{ij} + \tau_b' \theta') / k$, so that $\mathrm{E}[\mu_i^2] = m_i^2 + 1 /
k$.

## M step

$$\theta'' = \bar m, \qquad \tau_b'' = \frac{n}{\sum_i ((m_i - \theta'')^2 + 1 / k)}, \qquad
\tau_w'' = \frac{N}{\sum_{ij} ((y_{ij} - m_i)^2 + 1 / k)} .$$

## Observed log-likelihood

The samples of a batch are normal with variance $\tau_w^{-1} + \tau_b^{-1}$ and covariance
$\tau_b^{-1}$. In a balanced design the maximum has a closed form (Searle et al. 1992, section 3.7).

## Prior

As in BUGS: $\theta \sim \mathrm{N}(0, 10^{10})$ and $\mathrm{Gamma}(0.001, 0.001)$ for each
precision.

## References

- G. E. P. Box and G. C. Tiao (1973). *Bayesian Inference in Statistical Analysis*, section 5.1.
- S. R. Searle, G. Casella and C. E. McCulloch (1992). *Variance Components*: $\log p(y \mid
  \theta)$ of balanced designs.
"""

import numpy as np
import pymc as pm

latents = ("mu",)


def model(y):
    with pm.Model() as model:
        theta = pm.Normal("theta", 0, 1e5)
        tau_within = pm.Gamma("tau_within", 0.001, 0.001)
        tau_between = pm.Gamma("tau_between", 0.001, 0.001)
        mu = pm.Normal("mu", theta, tau=tau_between, shape=len(y))
        pm.Normal("y", mu[:, None], tau=tau_within, observed=y)
        pm.Deterministic("sigma_within", 1 / pm.math.sqrt(tau_within))
        pm.Deterministic("sigma_between", 1 / pm.math.sqrt(tau_between))
    return model


def e_step(params, data):
    y = data["y"]
    precision = y.shape[1] * params["tau_within"] + params["tau_between"]
    total = params["tau_within"] * y.sum(axis=1) + params["tau_between"] * params["theta"]
    m = total / precision
    return {"mu": m, "mu2": m**2 + 1 / precision}


def m_step(expectations, data):
    y, m = data["y"], expectations["mu"]
    variance = expectations["mu2"] - m**2
    return {
        "theta": np.mean(m),
        "tau_between": 1 / np.mean((m - np.mean(m)) ** 2 + variance),
        "tau_within": 1 / np.mean((y - m[:, None]) ** 2 + variance[:, None]),
    }


expectations = {"mu2": lambda latents, data: np.asarray(latents["mu"]) ** 2}


def initial(data, rng):
    """Variances within and between batches with log-normal factors."""
    y = data["y"]
    within = y.var(axis=1).mean() * rng.lognormal(0, 0.3)
    between = y.mean(axis=1).var() * rng.lognormal(0, 0.3)
    return {
        "theta": y.mean() + rng.normal(0, 10),
        "tau_within": 1 / within,
        "tau_between": 1 / between,
    }


def example_data():
    rows = """
        1545 1440 1440 1520 1580  1540 1555 1490 1560 1495  1595 1550 1605 1510 1560
        1445 1440 1595 1465 1545  1595 1630 1515 1635 1625  1520 1455 1450 1480 1445
    """
    return {"y": np.array(rows.split(), float).reshape(6, 5)}
