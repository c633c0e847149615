r"""Capture-recapture M0: snowshoe hares

Of an unknown number of hares, 68 were caught at least once on six days. Their capture histories are
augmented by zeros to $M = 200$ individuals. Individual $i$ belongs to the population ($z_i = 1$,
latent) with probability $\omega$, and each member is caught on each day with probability $p$:

$$z_i \sim \mathrm{Bernoulli}(\omega), \qquad y_i \mid z_i \sim \mathrm{Binomial}(6, z_i p) .$$

The size of the population is $N = \sum_i z_i$.

## Data

The number of captures of the hares of Cormack (1989), as in Agresti (1994).

## Complete-data log-likelihood

With $y_i = 0$ where $z_i = 0$,

$$\sum_i z_i \left( \log \omega + y_i \log p + (6 - y_i) \log(1 - p) \right)
+ (1 - z_i) \log(1 - \omega) + \text{terms without } \omega, p .$$

## E step

$\mathrm{E}[z_i] = 1$ if $y_i > 0$. For the others it is
$\omega' (1 - p')^6 / (\omega' (1 - p')^6 + 1 - \omega')$.

## M step

$$\omega'' = \frac{1}{M} \sum_i \mathrm{E}[z_i], \qquad
p'' = \frac{\sum_i y_i}{6 \sum_i \mathrm{E}[z_i]} .$$

## Observed log-likelihood

$\log p(y \mid \omega, p) = \sum_i \log \left( \omega \, \mathrm{Binomial}(y_i; 6, p)
+ (1 - \omega) [y_i = 0] \right)$.

## Prior

Uniform on (0, 1) for $\omega$ and $p$.

## References

- R. M. Cormack (1989). Log-linear models for capture-recapture. *Biometrics* 45, 395–413.
- A. Agresti (1994). Simple capture-recapture models permitting unequal catchability and variable
  sampling effort. *Biometrics* 50, 494–500.
- J. A. Royle, R. M. Dorazio and W. A. Link (2007). Analysis of multinomial models with unknown
  index using data augmentation. *Journal of Computational and Graphical Statistics* 16, 67–85:
  $p(y \mid \omega, p)$.
"""

import numpy as np
import pymc as pm

latents = ("z",)

DAYS = 6


def model(y):
    with pm.Model() as model:
        omega = pm.Uniform("omega", 0, 1)
        p = pm.Uniform("p", 0, 1)
        z = pm.Bernoulli("z", omega, shape=len(y))
        pm.Binomial("y", n=DAYS, p=z * p, observed=y)
    return model


def e_step(params, data):
    never = params["omega"] * (1 - params["p"]) ** DAYS
    member = np.where(data["y"] > 0, 1.0, never / (never + 1 - params["omega"]))
    return {"z": np.stack([1 - member, member], axis=-1)}


def m_step(expectations, data):
    members = np.sum(expectations["z"][:, 1])
    return {"omega": members / len(data["y"]), "p": np.sum(data["y"]) / (DAYS * members)}


def initial(data, rng):
    """Between the share that was caught and 0.8, and a probability of capture that agrees."""
    y = data["y"]
    omega = rng.uniform(np.mean(y > 0), 0.8)
    return {"omega": omega, "p": np.mean(y) / (DAYS * omega)}


def example_data():
    """Numbers of hares that were caught on 0, 1, ..., 6 days; 132 zeros are added."""
    return {"y": np.repeat(np.arange(7), [132, 25, 22, 13, 5, 1, 2])}
