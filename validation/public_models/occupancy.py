r"""Occupancy: the beetle Carabus intricatus

Site $i$ of 27 was visited $n_i$ times, and the beetle was found on $y_i$ of the visits. Whether it
lives there ($z_i = 1$) is latent:

$$z_i \sim \mathrm{Bernoulli}(\psi), \qquad y_i \mid z_i \sim \mathrm{Binomial}(n_i, z_i p) .$$

## Data

The surveys of *Carabus intricatus* of section 13.4 of Kéry and Schaub (2012), without their
covariates.

## Complete-data log-likelihood

With $y_i = 0$ where $z_i = 0$,

$$\sum_i z_i \left( \log \psi + y_i \log p + (n_i - y_i) \log(1 - p) \right) + (1 - z_i) \log(1 -
\psi) + \text{terms without } \psi, p .$$

## E step

$\mathrm{E}[z_i] = 1$ if $y_i > 0$, and otherwise
$\psi' (1 - p')^{n_i} / (\psi' (1 - p')^{n_i} + 1 - \psi')$.

## M step

$$\psi'' = \frac{1}{27} \sum_i \mathrm{E}[z_i], \qquad
p'' = \frac{\sum_i y_i}{\sum_i n_i \mathrm{E}[z_i]} .$$

## Observed log-likelihood

$\log p(y \mid \psi, p) = \sum_i \log \left( \psi \, \mathrm{Binomial}(y_i; n_i, p) + (1 - \psi)
[y_i = 0] \right)$.

## Prior

Uniform on (0, 1) for $\psi$ and $p$.

## References

- D. I. MacKenzie et al. (2002). Estimating site occupancy rates when detection probabilities are
  less than one. *Ecology* 83, 2248–2255: $p(y \mid \psi, p)$.
- M. Kéry and M. Schaub (2012). *Bayesian Population Analysis using WinBUGS*, section 13.4.
"""

import numpy as np
import pymc as pm

latents = ("z",)


def model(y, visits):
    with pm.Model() as model:
        psi = pm.Uniform("psi", 0, 1)
        p = pm.Uniform("p", 0, 1)
        z = pm.Bernoulli("z", psi, shape=len(y))
        pm.Binomial("y", n=visits, p=z * p, observed=y)
    return model


def e_step(params, data):
    missed = params["psi"] * (1 - params["p"]) ** data["visits"]
    occupied = np.where(data["y"] > 0, 1.0, missed / (missed + 1 - params["psi"]))
    return {"z": np.stack([1 - occupied, occupied], axis=-1)}


def m_step(expectations, data):
    occupied = expectations["z"][:, 1]
    return {"psi": np.mean(occupied), "p": np.sum(data["y"]) / (data["visits"] @ occupied)}


def initial(data, rng):
    """Between the share of sites with a detection and 0.9, and a probability that agrees."""
    y = data["y"]
    psi = rng.uniform(np.mean(y > 0), 0.9)
    return {"psi": psi, "p": np.sum(y) / (np.sum(data["visits"]) * psi) * 0.9}


def example_data():
    visits = "5 5 5 1 1 1 6 6 6 1 1 2 2 5 6 1 1 2 2 2 3 1 1 2 1 1 6"
    found = "0 0 0 0 0 0 3 3 5 1 0 0 0 5 1 1 0 0 0 0 0 0 1 2 0 0 1"
    return {"y": np.array(found.split(), int), "visits": np.array(visits.split(), int)}
