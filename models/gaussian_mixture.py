r"""Mixture of normal distributions in one dimension

Each of $n$ observations comes from one of $K$ groups, and nobody wrote down which. Observation $i$
is of group $z_i = k$ with probability $w_k$; within group $k$ it is normal with mean $\mu_k$ and
standard deviation $\sigma_k$:

$$z_i \sim \mathrm{Categorical}(w), \qquad x_i \mid z_i = k \sim \mathrm{N}(\mu_k, \sigma_k^2) .$$

Write $\theta = (w, \mu, \sigma)$, and $\phi(x; \mu, \sigma)$ for the normal density. The example is
the duration of 272 eruptions of the Old Faithful geyser, in minutes: short ones and long ones.

## Complete-data log-likelihood

With the groups known this is a sum over groups, each a normal sample of its own:

$$\log p(x, z \mid \theta) = \sum_{i=1}^{n} \sum_{k=1}^{K} [z_i = k]
\left( \log w_k + \log \phi(x_i; \mu_k, \sigma_k) \right) ,$$

where $[z_i = k]$ is 1 if observation $i$ is of group $k$ and 0 if not.

## E step

The indicators enter linearly, so their expectations are all that is needed: the
*responsibilities*, by Bayes' theorem

$$r_{ik} = p(z_i = k \mid x_i, \theta') =
\frac{w'_k\, \phi(x_i; \mu'_k, \sigma'_k)}{\sum_{l} w'_l\, \phi(x_i; \mu'_l, \sigma'_l)} .$$

They are a soft clustering; taking the largest in each row makes a hard one. Densities far out in
the tails underflow, so that the computation is done with logarithms, the largest of a row taken
out first.

## M step

The responsibilities stand where the indicators stood:

$$Q(\theta \mid \theta') = \sum_{i} \sum_{k} r_{ik} \left( \log w_k - \log \sigma_k
- \frac{(x_i - \mu_k)^2}{2 \sigma_k^2} \right) + \text{const} .$$

With $n_k = \sum_i r_{ik}$, maximising it (over $w$ with a Lagrange multiplier for $\sum_k w_k = 1$)
gives weighted versions of the familiar estimates:

$$w_k = \frac{n_k}{n}, \qquad \mu_k = \frac{1}{n_k} \sum_i r_{ik}\, x_i, \qquad
\sigma_k^2 = \frac{1}{n_k} \sum_i r_{ik} (x_i - \mu_k)^2 .$$

The divisor of the variance is $n_k$, not $n_k - 1$, and the mean in it is the new one.

## Observed log-likelihood

$$\log p(x \mid \theta) = \sum_{i} \log \sum_{k} w_k\, \phi(x_i; \mu_k, \sigma_k) .$$

The sum inside the logarithm is what makes direct maximisation awkward, and EM welcome. EM never
decreases it. Three caveats:

- **Several maxima.** Which one EM reaches depends on the start; start from several places and
  compare the heights.
- **No global maximum.** Put $\mu_1$ on one observation and let $\sigma_1 \to 0$: its density
  grows as $1/\sigma_1$, the other component covers the rest, and the likelihood grows without
  bound. What is meant by the maximum likelihood estimate is the highest *interior* maximum. The
  prior below avoids zero for the same reason: a log-normal density of $\sigma_k$ falls faster
  than any power of $\sigma_k$ as $\sigma_k \to 0$, so that the posterior stays bounded.
- **Labels.** Exchanging two components changes nothing. Estimates are comparable only after
  the labels have been matched.

The better the groups are separated, the less is missing about $z$, and the faster EM converges.

## Prior

Weights are uniform on the simplex. Means are normal about the mean of the data with twice
their standard deviation $s$; standard deviations are log-normal with median $s$. All move with the
units of the data.

## References

- A. P. Dempster, N. M. Laird and D. B. Rubin (1977). Maximum likelihood from incomplete data via
  the EM algorithm. *Journal of the Royal Statistical Society B* 39, 1–38. Section 4.3.
- N. E. Day (1969). Estimating the components of a mixture of normal distributions.
  *Biometrika* 56, 463–474. The unbounded likelihood.
- G. J. McLachlan and D. Peel (2000). *Finite Mixture Models*. Wiley.
- A. Azzalini and A. W. Bowman (1990). A look at some data on the Old Faithful geyser. *Applied
  Statistics* 39, 357–365.
- D. Arthur and S. Vassilvitskii (2007). k-means++: the advantages of careful seeding.
  *Proceedings of the 18th ACM-SIAM Symposium on Discrete Algorithms*, 1027–1035.
"""

from pathlib import Path

import numpy as np
import pymc as pm

latents = ("z",)


def model(x, components=2):
    centre, spread = np.mean(x), np.std(x)
    coords = {"component": range(components), "observation": range(len(x))}
    with pm.Model(coords=coords) as model:
        w = pm.Dirichlet("w", np.ones(components), dims="component")
        mu = pm.Normal("mu", centre, 2 * spread, dims="component")
        # Zero-avoiding, since the likelihood is unbounded as a standard deviation goes to zero.
        sigma = pm.LogNormal("sigma", np.log(spread), 1, dims="component")
        z = pm.Categorical("z", w, dims="observation")
        pm.Normal("x", mu[z], sigma[z], observed=x, dims="observation")
    return model


def e_step(params, data):
    log_joint = _log_joint(params, data)
    return {"z": np.exp(log_joint - _log_sum_exp(log_joint))}


def m_step(expectations, data):
    r, x = expectations["z"], data["x"]
    n = r.sum(axis=0)
    mu = x @ r / n
    variance = np.sum(r * (x[:, None] - mu) ** 2, axis=0) / n
    return {"w": n / len(x), "mu": mu, "sigma": np.sqrt(variance)}


def log_likelihood(params, data):
    return np.sum(_log_sum_exp(_log_joint(params, data)))


def initial(data, rng, components=2):
    """Equal weights, means drawn from the observations, a common standard deviation.

    Means are seeded as in k-means++: the first is any observation, each further one an
    observation drawn with probability proportional to its squared distance from the nearest
    mean so far. The standard deviation is that of the data over the number of components.
    All of it moves with the location and the units of the data.
    """
    x = data["x"]
    distinct = len(np.unique(x))
    if components < 1:
        raise ValueError(f"components must be at least 1, not {components}")
    if len(x) < 2:
        raise ValueError("x has a single value, and a mixture needs at least 2")
    if distinct == 1:
        raise ValueError(f"all {len(x)} values of x are equal ({x[0]:g}): there is no spread")
    if components > distinct:
        raise ValueError(f"x has {distinct} distinct values, too few for {components} components")
    means = [rng.choice(x)]
    while len(means) < components:
        nearest = np.min(np.abs(np.subtract.outer(x, means)), axis=1) / np.ptp(x)
        means.append(rng.choice(x, p=nearest**2 / np.sum(nearest**2)))
    return {
        "w": np.full(components, 1 / components),
        "mu": np.sort(means),
        "sigma": np.full(components, np.std(x) / components),
    }


def example_data():
    table = Path(__file__).parent / "data" / "faithful.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1, usecols=0)}


def _log_joint(params, data):
    """log p(x, z = k | θ), shape (observations, components)."""
    w, mu, sigma = params["w"], params["mu"], params["sigma"]
    standardised = (data["x"][:, None] - mu) / sigma
    return np.log(w) - np.log(sigma) - 0.5 * np.log(2 * np.pi) - 0.5 * standardised**2


def _log_sum_exp(values):
    """Over the last axis, which is kept."""
    largest = np.max(values, axis=-1, keepdims=True)
    return largest + np.log(np.sum(np.exp(values - largest), axis=-1, keepdims=True))


# Figures as printed there, components sorted by mean. That run stopped when the log-likelihood
# changed by less than 1e-8: means and standard deviations are up to 4e-5 short of the maximum.
_MIXTOOLS = (
    "Benaglia, Chauveau, Hunter and Young (2009), mixtools: an R package for analyzing finite "
    "mixture models, Journal of Statistical Software 32(6), waiting times"
)
published = tuple(
    {
        "name": name,
        "value": value,
        "tolerance": tolerance,
        "source": _MIXTOOLS,
        "data": "faithful.csv",
        "column": "waiting",
    }
    for name, value, tolerance in (
        ("w[0]", 0.360887, 2e-6),
        ("w[1]", 0.639113, 2e-6),
        ("mu[0]", 54.614892, 5e-5),
        ("mu[1]", 80.091094, 5e-5),
        ("sigma[0]", 5.871244, 5e-5),
        ("sigma[1]", 5.867717, 5e-5),
        ("log_likelihood", -1034.002, 1e-3),
    )
)
