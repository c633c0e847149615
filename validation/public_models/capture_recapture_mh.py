r"""Capture-recapture Mh: snowshoe hares that differ

The model of `capture_recapture_m0` in which hares differ in the logit $b_i$ of the probability of
capture. The membership $z_i$ and the logit $b_i$ are latent:

$$z_i \sim \mathrm{Bernoulli}(\omega), \quad b_i \sim \mathrm{N}(\mu, \sigma^2), \quad
y_i \mid z_i, b_i \sim \mathrm{Binomial}(6, z_i \, \mathrm{logit}^{-1}(b_i)) .$$

## Data

The number of captures of the hares of Cormack (1989), augmented by zeros to $M = 200$ individuals.

## Complete-data log-likelihood

$$\sum_i \left( z_i \log \omega + (1 - z_i) \log(1 - \omega) - \log \sigma
- \frac{(b_i - \mu)^2}{2 \sigma^2} \right) + \text{terms without } \omega, \mu, \sigma$$

is linear in $z_i$, $b_i$ and $b_i^2$.

## E step

The integral $L_k = \int \mathrm{Binomial}(k; 6, \mathrm{logit}^{-1}(b)) \mathrm{N}(b; \mu',
\sigma'^2)\, db$ and the first two moments of $b$ given $k$ captures of a member are computed by the
trapezoid rule with 241 nodes over twelve standard deviations. An individual that was caught is a
member. One that was not is a member with probability $q = \omega' L_0 / (\omega' L_0 + 1 -
\omega')$. If it is not a member, $b_i$ has its prior distribution, so that

$$\mathrm{E}[b_i] = q\, \mathrm{E}[b \mid k = 0] + (1 - q) \mu', \qquad
\mathrm{E}[b_i^2] = q\, \mathrm{E}[b^2 \mid k = 0] + (1 - q) (\mu'^2 + \sigma'^2) .$$

## M step

$\omega''$ and $\mu''$ are the means of $\mathrm{E}[z_i]$ and of $\mathrm{E}[b_i]$, and

$$\sigma''^2 = \frac{1}{M} \sum_i \left( \mathrm{E}[b_i^2] - 2 \mu'' \mathrm{E}[b_i] + \mu''^2
\right) .$$

## Observed log-likelihood

$\log p(y \mid \theta) = \sum_i \log \left( \omega L_{y_i} + (1 - \omega) [y_i = 0] \right)$. It is
nearly flat between a large heterogeneous and a small homogeneous population (Coull and Agresti
1999), so that EM converges slowly.

## Prior

$\omega$ uniform on (0, 1), $\mu \sim \mathrm{N}(0, 2^2)$, $\sigma$ half-normal with scale 1.

## References

- B. A. Coull and A. Agresti (1999). The use of mixed logit models to reflect heterogeneity in
  capture-recapture studies. *Biometrics* 55, 294–301: $L_k$ for these data.
"""

import numpy as np
import pymc as pm
from scipy.special import log_expit

latents = ("z", "b")

DAYS = 6
NODES = np.linspace(-12, 12, 241)


def model(y):
    with pm.Model() as model:
        omega = pm.Uniform("omega", 0, 1)
        mu = pm.Normal("mu", 0, 2)
        sigma = pm.HalfNormal("sigma", 1)
        z = pm.Bernoulli("z", omega, shape=len(y))
        b = pm.Normal("b", mu, sigma, shape=len(y))
        pm.Binomial("y", n=DAYS, p=z * pm.math.invlogit(b), observed=y)
    return model


def e_step(params, data):
    mu, sigma, omega = params["mu"], params["sigma"], params["omega"]
    b, captures = mu + sigma * NODES, np.arange(DAYS + 1)[:, None]
    log_density = captures * log_expit(b) + (DAYS - captures) * log_expit(-b) - NODES**2 / 2
    density = np.exp(log_density) * (NODES[1] - NODES[0]) / np.sqrt(2 * np.pi)
    likelihood = density.sum(axis=1)
    mean, second = density @ b / likelihood, density @ b**2 / likelihood
    never = omega * likelihood[0]
    q = np.where(data["y"] > 0, 1.0, never / (never + 1 - omega))
    y = np.asarray(data["y"], int)
    return {
        "z": np.stack([1 - q, q], axis=-1),
        "b": q * mean[y] + (1 - q) * mu,
        "b2": q * second[y] + (1 - q) * (mu**2 + sigma**2),
    }


def m_step(expectations, data):
    m, second = expectations["b"], expectations["b2"]
    mu = np.mean(m)
    return {
        "omega": np.mean(expectations["z"][:, 1]),
        "mu": mu,
        "sigma": np.sqrt(np.mean((m - mu) ** 2 + (second - m**2))),
    }


expectations = {"b2": lambda latents, data: np.asarray(latents["b"]) ** 2}


def initial(data, rng):
    """Omega between the share that was caught and 0.7, a mu that agrees, sigma from 0.5 to 1.5."""
    y = data["y"]
    omega = rng.uniform(np.mean(y > 0), 0.7)
    p = np.mean(y) / (DAYS * omega)
    return {"omega": omega, "mu": np.log(p / (1 - p)), "sigma": rng.uniform(0.5, 1.5)}


def example_data():
    """Numbers of hares that were caught on 0, 1, ..., 6 days; 132 zeros are added."""
    return {"y": np.repeat(np.arange(7), [132, 25, 22, 13, 5, 1, 2])}
