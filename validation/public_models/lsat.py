r"""LSAT: five questions, one ability

Student $j$ of 1000 answers question $k$ of five right ($r_{jk} = 1$) with a probability that
depends on a latent ability $\theta_j$ and the difficulty $\alpha_k$ of the question:

$$r_{jk} \mid \theta_j \sim \mathrm{Bernoulli}(\mathrm{logit}^{-1}(\beta \theta_j - \alpha_k)),
\qquad \theta_j \sim \mathrm{N}(0, 1) .$$

The data are the number of students `count` with each of the patterns of answers `pattern`.

## Data

Section 6 of the Law School Admission Test (Bock and Lieberman 1970), an example of BUGS.

## Complete-data log-likelihood

$$\log p(r, \theta \mid \alpha, \beta) = \sum_{jk} \left( r_{jk} (\beta \theta_j - \alpha_k)
- \log(1 + e^{\beta \theta_j - \alpha_k}) \right) + \text{terms without } \alpha, \beta .$$

Its expectation depends on the whole distribution of $\theta_j$.

## E step

The distribution of $\theta_j$ depends on the pattern $s$ of the answers only. On the 161 nodes
$t_m$ of a trapezoid rule between $-8$ and $8$, its weights are
$w_{sm} \propto \varphi(t_m) \prod_k p_k(t_m)^{s_k} (1 - p_k(t_m))^{1 - s_k}$. The E step returns
the weights of the patterns, and the mean ability of each student.

## M step

With $n_m = \sum_s \mathrm{count}_s w_{sm}$, the expected number of students at each node, and the
counts $u_{k}$ of right answers,

$$Q(\alpha, \beta) = \beta \sum_{s, m} \mathrm{count}_s w_{sm} t_m \sum_k s_k - \sum_k u_k \alpha_k
- \sum_{k, m} n_m \log(1 + e^{\beta t_m - \alpha_k})$$

is concave. Newton's method in the six parameters finds its maximum.

## Observed log-likelihood

$\log p(r \mid \alpha, \beta) = \sum_s \mathrm{count}_s \log \int \varphi(t) \prod_k p_k(t)^{s_k}
(1 - p_k(t))^{1 - s_k}\, dt$, by the same rule.

## Prior

As in BUGS: $\alpha_k \sim \mathrm{N}(0, 10^4)$, $\beta \sim \mathrm{N}(0, 10^4)$ restricted to
$\beta > 0$.

## References

- R. D. Bock and M. Lieberman (1970). Fitting a response model for n dichotomously scored items.
  *Psychometrika* 35, 179–197.
- R. D. Bock and M. Aitkin (1981). Marginal maximum likelihood estimation of item parameters:
  application of an EM algorithm. *Psychometrika* 46, 443–459: $p(r \mid \alpha, \beta)$ by
  quadrature.
"""

import numpy as np
import pymc as pm
from scipy.special import expit, log_expit

latents = ("theta",)

NODES = np.linspace(-8, 8, 161)
_MAX_NEWTON_ITERATIONS = 50
_NEWTON_STEP_TOLERANCE = 1e-12


def model(pattern, count):
    answers = np.repeat(np.asarray(pattern, int), np.asarray(count, int), axis=0)
    with pm.Model() as model:
        alpha = pm.Normal("alpha", 0, 100, shape=5)
        beta = pm.HalfNormal("beta", 100)
        theta = pm.Normal("theta", 0, 1, shape=len(answers))
        pm.Bernoulli("answers", logit_p=beta * theta[:, None] - alpha, observed=answers)
        pm.Deterministic("a", alpha - pm.math.mean(alpha))
    return model


def e_step(params, data):
    sign = 2.0 * data["pattern"] - 1
    eta = params["beta"] * NODES - params["alpha"][:, None]
    log_density = log_expit(sign[:, :, None] * eta).sum(axis=1) - NODES**2 / 2
    weights = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    means = weights @ NODES
    return {"theta": np.repeat(means, np.asarray(data["count"], int)), "weights": weights}


def m_step(expectations, data, params):
    pattern, count = np.asarray(data["pattern"], float), np.asarray(data["count"], float)
    weights = expectations["weights"]
    students = count @ weights
    right = count @ pattern
    product = (count * pattern.sum(axis=1)) @ weights @ NODES
    theta = np.append(params["alpha"], params["beta"])
    for _ in range(_MAX_NEWTON_ITERATIONS):
        p = expit(theta[5] * NODES - theta[:5, None])
        variance = students * p * (1 - p)
        gradient = np.append(p @ students - right, product - np.sum(p @ (students * NODES)))
        information = np.diag(np.append(variance.sum(axis=1), np.sum(variance @ NODES**2)))
        information[:5, 5] = information[5, :5] = -(variance @ NODES)
        step = np.linalg.solve(information, gradient)
        theta = theta + step
        if np.max(np.abs(step)) < _NEWTON_STEP_TOLERANCE:
            break
    return {"alpha": theta[:5], "beta": theta[5]}


def initial(data, rng):
    """Difficulties from the shares of right answers, with random terms; beta from 0.5 to 1.5."""
    share = data["count"] @ data["pattern"] / data["count"].sum()
    return {
        "alpha": -np.log(share / (1 - share)) + rng.normal(0, 0.2, 5),
        "beta": rng.uniform(0.5, 1.5),
    }


def example_data():
    pattern = np.array([[code >> k & 1 for k in (4, 3, 2, 1, 0)] for code in range(32)])
    count = [3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15]
    count += [10, 29, 14, 81, 3, 28, 15, 80, 16, 56, 21, 173, 11, 61, 28, 298]
    return {"pattern": pattern, "count": np.array(count)}
