r"""Seeds: germination on 21 plates

On plate $i$, $r_i$ of $n_i$ seeds germinated. The plates differ by the type of the seed, the root
extract, and a latent effect $b_i$ with precision $\tau$:

$$r_i \mid b_i \sim \mathrm{Binomial}(n_i, \mathrm{logit}^{-1}(x_i^\top \alpha + b_i)), \qquad
b_i \sim \mathrm{N}(0, \tau^{-1}) .$$

The covariates are $x_i = (1, \text{seed}, \text{extract}, \text{seed} \times \text{extract})$.

## Data

Table 3 of Crowder (1978), an example of BUGS.

## Complete-data log-likelihood

$$\sum_i \left( r_i x_i^\top \alpha - n_i \log(1 + e^{x_i^\top \alpha + b_i}) \right)
+ \frac{21}{2} \log \tau - \frac{\tau}{2} \sum_i b_i^2 + \text{terms without } \alpha, \tau .$$

It is not linear in finitely many functions of $b_i$: its expectation depends on the whole
distribution of $b_i$.

## E step

$p(b_i \mid r_i, \theta')$ is proportional to
$\exp(r_i b - n_i \log(1 + e^{x_i^\top \alpha' + b}) - \tau' b^2 / 2)$. The trapezoid rule about its
mode represents it by 81 nodes $b_{ij}$ with weights $w_{ij}$. The E step returns the nodes and
weights, and the mean and the mean square of $b_i$.

## M step

$\tau''^{-1} = \frac{1}{21} \sum_i \mathrm{E}[b_i^2]$. The maximum of

$$Q(\alpha) = \sum_{ij} w_{ij} \left( r_i (x_i^\top \alpha + b_{ij})
- n_i \log(1 + e^{x_i^\top \alpha + b_{ij}}) \right)$$

has no closed form. It is concave, and Newton's method finds its maximum.

## Observed log-likelihood

$\log p(r \mid \theta) = \sum_i \log \int \mathrm{Binomial}(r_i; n_i, \mathrm{logit}^{-1}(x_i^\top
\alpha + b))\, \mathrm{N}(b; 0, \tau^{-1})\, db$, by the same rule.

## Prior

As in BUGS: $\alpha_k \sim \mathrm{N}(0, 10^6)$, $\tau \sim \mathrm{Gamma}(0.001, 0.001)$.

## References

- M. J. Crowder (1978). Beta-binomial anova for proportions. *Applied Statistics* 27, 34–37.
- N. E. Breslow and D. G. Clayton (1993). Approximate inference in generalized linear mixed models.
  *JASA* 88, 9–25, section 6.1: maximum likelihood estimates of $p(r \mid \alpha, \tau)$.
"""

import numpy as np
import pymc as pm
from scipy.special import expit

latents = ("b",)

NODES = np.linspace(-10, 10, 81)
_MODE_ITERATIONS = 30
_MAX_NEWTON_ITERATIONS = 50
_NEWTON_STEP_TOLERANCE = 1e-12


def model(r, n, seed, extract):
    x = _design(seed, extract)
    with pm.Model() as model:
        alpha = pm.Normal("alpha", 0, 1000, shape=4)
        tau = pm.Gamma("tau", 0.001, 0.001)
        b = pm.Normal("b", 0, tau=tau, shape=len(r))
        pm.Binomial("r", n=n, logit_p=pm.math.dot(x, alpha) + b, observed=r)
        pm.Deterministic("sigma", 1 / pm.math.sqrt(tau))
    return model


def e_step(params, data):
    r, n, tau = data["r"].astype(float), data["n"].astype(float), params["tau"]
    eta = _design(data["seed"], data["extract"]) @ params["alpha"]
    mode = np.zeros(len(r))
    for _ in range(_MODE_ITERATIONS):
        p = expit(eta + mode)
        mode = mode + (r - n * p - tau * mode) / (n * p * (1 - p) + tau)
    p = expit(eta + mode)
    b = mode[:, None] + (n * p * (1 - p) + tau)[:, None] ** -0.5 * NODES
    log_density = r[:, None] * b - n[:, None] * np.logaddexp(0, eta[:, None] + b) - tau * b**2 / 2
    weights = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return {
        "b": np.sum(weights * b, axis=1),
        "b2": np.sum(weights * b**2, axis=1),
        "nodes": b,
        "weights": weights,
    }


def m_step(expectations, data, params):
    r, n = data["r"].astype(float), data["n"].astype(float)
    x, alpha = _design(data["seed"], data["extract"]), params["alpha"]
    nodes, weights = expectations["nodes"], expectations["weights"]
    for _ in range(_MAX_NEWTON_ITERATIONS):
        p = expit((x @ alpha)[:, None] + nodes)
        gradient = x.T @ (r - n * np.sum(weights * p, axis=1))
        information = x.T @ (x * (n * np.sum(weights * p * (1 - p), axis=1))[:, None])
        step = np.linalg.solve(information, gradient)
        alpha = alpha + step
        if np.max(np.abs(step)) < _NEWTON_STEP_TOLERANCE:
            break
    return {"alpha": alpha, "tau": 1 / np.mean(expectations["b2"])}


expectations = {"b2": lambda latents, data: np.asarray(latents["b"]) ** 2}


def initial(data, rng):
    """Logits of the four groups with random terms, and a standard deviation between 0.2 and 0.6."""
    r, n = data["r"], data["n"]
    x = _design(data["seed"], data["extract"])
    alpha = np.linalg.lstsq(x, np.log((r + 0.5) / (n - r + 0.5)), rcond=None)[0]
    return {"alpha": alpha + rng.normal(0, 0.2, 4), "tau": rng.uniform(0.2, 0.6) ** -2}


def example_data():
    return {
        "r": _numbers("10 23 23 26 17 5 53 55 32 46 10 8 10 8 23 0 3 22 15 32 3"),
        "n": _numbers("39 62 81 51 39 6 74 72 51 79 13 16 30 28 45 4 12 41 30 51 7"),
        "seed": np.repeat([0, 1], [11, 10]),
        "extract": np.repeat([0, 1, 0, 1], [5, 6, 5, 5]),
    }


def _design(seed, extract):
    one, two = np.asarray(seed, float), np.asarray(extract, float)
    return np.stack([np.ones(len(one)), one, two, one * two], axis=1)


def _numbers(text):
    return np.array(text.split(), int)
