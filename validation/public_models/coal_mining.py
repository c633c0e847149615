r"""Coal mining: one change of the rate of disasters

In year $t = 0, \dots, 110$ (from 1851) there were $y_t$ disasters, with rate $\lambda_1$ before a
latent year $\tau$ and rate $\lambda_2$ from it on:

$$y_t \mid \tau \sim \mathrm{Poisson}(\lambda_1 \text{ if } t < \tau, \text{ else } \lambda_2),
\qquad \tau \sim \mathrm{Uniform}\{0, \dots, 110\} .$$

## Data

Disasters in British coal mines 1851–1961 (Jarrett 1979), in PyMC's documentation since its first
version.

## Complete-data log-likelihood

With $A_\tau = \sum_{t < \tau} y_t$ and the total $Y$,

$$\log p(y, \tau \mid \lambda) = A_\tau \log \lambda_1 - \tau \lambda_1
+ (Y - A_\tau) \log \lambda_2 - (111 - \tau) \lambda_2 + \text{terms without } \lambda .$$

It is linear in the indicators of $\tau$.

## E step

$w_\tau = p(\tau \mid y, \lambda') \propto \exp(\log p(y, \tau \mid \lambda'))$.

## M step

$$\lambda_1'' = \frac{\sum_\tau w_\tau A_\tau}{\sum_\tau w_\tau \tau}, \qquad
\lambda_2'' = \frac{Y - \sum_\tau w_\tau A_\tau}{111 - \sum_\tau w_\tau \tau} .$$

## Observed log-likelihood

$\log p(y \mid \lambda) = \log \sum_\tau p(y, \tau \mid \lambda)$.

## Prior

$\lambda_1, \lambda_2 \sim \mathrm{Exponential}(1)$, as in PyMC's example.

## References

- R. G. Jarrett (1979). A note on the intervals between coal-mining disasters. *Biometrika* 66,
  191–193.
- B. P. Carlin, A. E. Gelfand and A. F. M. Smith (1992). Hierarchical Bayesian analysis of
  changepoint problems. *Applied Statistics* 41, 389–405: $p(\tau \mid y)$ in section 4.
"""

import numpy as np
import pymc as pm

latents = ("tau",)


def model(y):
    years = np.arange(len(y))
    with pm.Model() as model:
        rate = pm.Exponential("rate", 1, shape=2)
        tau = pm.DiscreteUniform("tau", 0, len(y) - 1)
        pm.Poisson("y", pm.math.switch(years < tau, rate[0], rate[1]), observed=y)
    return model


def e_step(params, data):
    before, tau = _before(data["y"])
    rate, total, years = params["rate"], np.sum(data["y"]), len(data["y"])
    log_joint = before * np.log(rate[0]) - tau * rate[0]
    log_joint += (total - before) * np.log(rate[1]) - (years - tau) * rate[1]
    weights = np.exp(log_joint - np.max(log_joint))
    return {"tau": weights / np.sum(weights)}


def m_step(expectations, data):
    before, tau = _before(data["y"])
    w, total, years = expectations["tau"], np.sum(data["y"]), len(data["y"])
    first, length = w @ before, w @ tau
    return {"rate": np.array([first / length, (total - first) / (years - length)])}


def initial(data, rng):
    """The rates before and after a random year in the middle half."""
    y = data["y"]
    year = rng.integers(len(y) // 4, 3 * len(y) // 4)
    return {"rate": np.array([np.mean(y[:year]), np.mean(y[year:])])}


def example_data():
    counts = """
        4 5 4 0 1 4 3 4 0 6 3 3 4 0 2 6 3 3 5 4 5 3 1 4 4 1 5 5 3 4 2 5 2 2 3 4 2
        1 3 2 2 1 1 1 1 3 0 0 1 0 1 1 0 0 3 1 0 3 2 2 0 1 1 1 0 1 0 1 0 0 0 2 1 0
        0 0 1 1 0 2 3 3 1 1 2 1 1 1 1 2 4 2 0 0 1 4 0 0 0 1 0 0 0 0 0 1 0 0 1 0 1
    """
    return {"y": np.array(counts.split(), int)}


def _before(y):
    """Number of disasters before each year, and the years."""
    y = np.asarray(y, float)
    return np.append(0.0, np.cumsum(y)[:-1]), np.arange(len(y), dtype=float)
