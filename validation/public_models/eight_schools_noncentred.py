r"""Eight schools, non-centred

The model of `eight_schools_centred` with standardised effects $\eta_i$ as latents:

$$y_i \mid \eta_i \sim \mathrm{N}(\mu + \tau \eta_i, s_i^2), \qquad \eta_i \sim \mathrm{N}(0, 1) .$$

The effect $\theta_i = \mu + \tau \eta_i$ is a Deterministic of the declaration.

## Data

The effects and standard errors of Rubin (1981).

## Complete-data log-likelihood

With $w_i = 1 / s_i^2$,

$$\log p(y, \eta \mid \mu, \tau) = - \frac{1}{2} \sum_i w_i (y_i - \mu - \tau \eta_i)^2
+ \text{terms without } \mu, \tau$$

is linear in the $\eta_i$ and the $\eta_i^2$. It is the log-likelihood of a regression of $y$ on
$\eta$.

## E step

Given $y_i$, $\eta_i$ is normal with variance $v_i = s_i^2 / (s_i^2 + \tau'^2)$ and mean
$m_i = \tau' (y_i - \mu') / (s_i^2 + \tau'^2)$.

## M step

The derivatives of Q vanish where

$$\begin{pmatrix} \sum w_i & \sum w_i m_i \\ \sum w_i m_i & \sum w_i (m_i^2 + v_i) \end{pmatrix}
\begin{pmatrix} \mu'' \\ \tau'' \end{pmatrix}
= \begin{pmatrix} \sum w_i y_i \\ \sum w_i m_i y_i \end{pmatrix} .$$

If the solution has $\tau'' < 0$, the maximum is at $\tau'' = 0$, $\mu'' = \sum w_i y_i / \sum w_i$.

## Observed log-likelihood

$$\log p(y \mid \mu, \tau) = - \frac{1}{2} \sum_i \left( \log (2 \pi (s_i^2 + \tau^2))
+ \frac{(y_i - \mu)^2}{s_i^2 + \tau^2} \right)$$

has its maximum at $\tau = 0$. Near zero this EM multiplies $\tau$ by
$\sum w_i^2 (y_i - \mu)^2 / \sum w_i < 1$, so that it converges geometrically.

## Prior

$\mu \sim \mathrm{N}(0, 5^2)$ and $\tau$ half-Cauchy with scale 5, as in posteriordb's
`eight_schools_noncentered`.

## References

- D. B. Rubin (1981). Estimation in parallel randomized experiments. *Journal of Educational
  Statistics* 6, 377–401, with $p(y \mid \mu, \tau)$.
- O. Papaspiliopoulos, G. O. Roberts and M. Sköld (2007). A general framework for the
  parametrization of hierarchical models. *Statistical Science* 22, 59–73.
"""

import numpy as np
import pymc as pm

latents = ("eta",)


def model(y, se):
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        eta = pm.Normal("eta", 0, 1, shape=len(y))
        theta = pm.Deterministic("theta", mu + tau * eta)
        pm.Normal("y", theta, se, observed=y)
    return model


def e_step(params, data):
    total = data["se"] ** 2 + params["tau"] ** 2
    m = params["tau"] * (data["y"] - params["mu"]) / total
    return {"eta": m, "eta2": m**2 + data["se"] ** 2 / total}


def m_step(expectations, data):
    m, second = expectations["eta"], expectations["eta2"]
    y, w = data["y"], 1 / data["se"] ** 2
    matrix = np.array([[np.sum(w), w @ m], [w @ m, w @ second]])
    mu, tau = np.linalg.solve(matrix, [w @ y, w @ (m * y)])
    if tau < 0:
        mu, tau = w @ y / np.sum(w), 0.0
    return {"mu": mu, "tau": tau}


expectations = {"eta2": lambda latents, data: np.asarray(latents["eta"]) ** 2}


def initial(data, rng):
    """The mean of the estimates with a random term, and a tau between 3 and 15."""
    return {"mu": np.mean(data["y"]) + rng.normal(0, 3), "tau": rng.uniform(3, 15)}


def example_data():
    return {
        "y": np.array([28.0, 8, -3, 7, -1, 1, 18, 12]),
        "se": np.array([15.0, 10, 16, 11, 9, 11, 10, 18]),
    }
