r"""Mixture of normal distributions

A population consists of $K$ groups, and each of $n$ observations is one number from one of the
groups. The group of an observation is not recorded. Observation $i$ belongs to group $z_i = k$ with
probability $w_k$, and the numbers of group $k$ have a normal distribution with mean $\mu_k$ and
standard deviation $\sigma_k$:

$$z_i \sim \mathrm{Categorical}(w), \qquad x_i \mid z_i = k \sim \mathrm{N}(\mu_k, \sigma_k^2) .$$

Write $\theta = (w, \mu, \sigma)$, and $\phi(x; \mu, \sigma)$ for the normal density. With the
option `covariance="tied"` all groups have the same standard deviation, and `sigma` is one number;
by default (`covariance="full"`) each group has its own. The model `multivariate-gaussian-mixture`
is the same mixture for observations of several numbers each.

## Data

The example is the duration, in minutes, of 272 eruptions of the Old Faithful geyser in Yellowstone
National Park in August 1985. Short and long eruptions form two groups. The table `faithful.csv` has
the columns `eruptions`, the duration, and `waiting`, the time in minutes until the next eruption.
It is `faithful` of R's package `datasets`, from W. Härdle (1991), *Smoothing Techniques with
Implementation in S*, Springer. Azzalini and Bowman (1990) studied the data.

The table `two-normals.csv` has 500 simulated values of $0.7\,\mathrm{N}(7, 0.5^2) +
0.3\,\mathrm{N}(10, 0.5^2)$ in its column `x`, rounded to six decimals. They were drawn by

```python
rng = np.random.default_rng(2007)
second = rng.random(500) < 0.3
x = rng.normal(np.where(second, 10.0, 7.0), 0.5)
```

A table of your own needs one numeric column. Use `--column x=NAME` to select it.

## Complete-data log-likelihood

If the groups were known, the data would be $K$ separate normal samples:

$$\log p(x, z \mid \theta) = \sum_{i=1}^{n} \sum_{k=1}^{K} [z_i = k]
\left( \log w_k + \log \phi(x_i; \mu_k, \sigma_k) \right) , \qquad
\log \phi(x; \mu, \sigma) = -\tfrac{1}{2} \log 2\pi - \log \sigma
- \frac{(x - \mu)^2}{2 \sigma^2} ,$$

where $[z_i = k]$ is 1 if observation $i$ belongs to group $k$, and 0 otherwise.

## E step

The complete-data log-likelihood is linear in the indicators $[z_i = k]$. The E step therefore
computes their expectations, the *responsibilities*. By Bayes' theorem

$$r_{ik} = p(z_i = k \mid x_i, \theta') =
\frac{w'_k\, \phi(x_i; \mu'_k, \sigma'_k)}{\sum_{l} w'_l\, \phi(x_i; \mu'_l, \sigma'_l)} .$$

The responsibilities are a soft clustering of the data. The group with the largest responsibility
in each row gives a hard clustering. Normal densities underflow far out in the tails, so the code
computes with their logarithms and subtracts the largest logarithm of each row before it
exponentiates.

## M step

$Q$ is the complete-data log-likelihood with the responsibilities in place of the indicators:

$$Q(\theta \mid \theta') = \sum_{i} \sum_{k} r_{ik} \left( \log w_k - \log \sigma_k
- \frac{(x_i - \mu_k)^2}{2 \sigma_k^2} \right) + \text{const} .$$

Let $n_k = \sum_i r_{ik}$. Setting the derivatives of $Q$ to zero, with a Lagrange multiplier for
$\sum_k w_k = 1$, gives weighted versions of the estimates of a normal sample:

$$w_k = \frac{n_k}{n}, \qquad \mu_k = \frac{1}{n_k} \sum_i r_{ik}\, x_i , \qquad
\sigma_k^2 = \frac{1}{n_k} \sum_i r_{ik} (x_i - \mu_k)^2 .$$

The divisor of the variance is $n_k$, not $n_k - 1$, and the variance is taken about the new mean. A
common standard deviation is $\sigma^2 = \sum_k w_k\, \sigma_k^2$ with these $w_k$ and $\sigma_k^2$.

The M step needs three sums over the observations: $n_k$ and, about the old means,

$$m_k = \sum_i r_{ik} (x_i - \mu'_k) , \qquad s_k = \sum_i r_{ik} (x_i - \mu'_k)^2 .$$

Each sum over all data equals the total of the sums over parts of the data. The new means are
$\mu_k = \mu'_k + \delta_k$ with $\delta_k = m_k / n_k$, and by the parallel axis theorem
$\sigma_k^2 = s_k / n_k - \delta_k^2$. Sums about zero would do as well in exact arithmetic.
However, if the means are large compared with the standard deviations, the subtraction would cancel
most digits. About the old means it does not, since $\delta_k$ goes to zero as EM converges.

## Observed log-likelihood

$$\log p(x \mid \theta) = \sum_{i} \log \sum_{k} w_k\, \phi(x_i; \mu_k, \sigma_k) .$$

The sum inside the logarithm couples all parameters, so the maximum has no closed form. EM never
decreases this function. Three caveats:

- **Several maxima.** The limit of EM depends on the starting values. Run EM from several starts and
  compare the log-likelihoods.
- **No global maximum.** If $\mu_1$ equals one observation and $\sigma_1 \to 0$, the density of that
  observation grows as $1/\sigma_1$ while another component covers the remaining observations, and
  the likelihood grows without bound. The maximum likelihood estimate is therefore defined as the
  highest *interior* maximum. With a common standard deviation the likelihood is bounded.
- **Labels.** Exchanging two components does not change the likelihood. Estimates are comparable
  only after their labels have been matched.

The better the groups are separated, the less information about $z$ is missing, and the faster EM
converges.

## Prior

Let $\bar x$ and $s$ be the mean and the standard deviation of the data. The means are
$\mathrm{N}(\bar x, (2s)^2)$. The standard deviations are log-normal with median $s$ and a standard
deviation of 1 on the log scale. The weights are uniform on the simplex. The prior changes with the
units of the data as the likelihood does.

The log-normal prior keeps the posterior bounded where the likelihood is not: the likelihood is at
most a constant times $(\min_k \sigma_k)^{-n}$, and a log-normal density falls faster than any power
as its argument goes to zero.

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

from latentfit import requirements as require
from latentfit.em.primitives import log_normal, responsibilities, weighted_sums

latents = ("z",)


def model(x, components=2, covariance="full"):
    _check(x, components, covariance)
    centre, sd = np.mean(x), np.std(x)
    own = () if covariance == "tied" else ("component",)
    coords = {"component": range(components), "observation": range(len(x))}
    with pm.Model(coords=coords) as model:
        w = pm.Dirichlet("w", np.ones(components), dims="component")
        mu = pm.Normal("mu", centre, 2 * sd, dims="component")
        z = pm.Categorical("z", w, dims="observation")
        # Log-normal, since the likelihood is unbounded as a standard deviation goes to zero.
        sigma = pm.LogNormal("sigma", 0.5 * np.log(sd**2), 1, dims=own)
        pm.Normal("x", mu[z], sigma[z] if own else sigma, observed=x, dims="observation")
    return model


def e_step(params, data):
    r, _ = responsibilities(_log_joint(params, data))
    return {"z": r}


def statistics(expectations, data, params):
    n, m, s = weighted_sums(expectations["z"], data["x"], params["mu"])
    return {"n": n, "m": m, "scatter": s}


def m_step(statistics, data, params):
    n = statistics["n"]
    w, shift = n / n.sum(), statistics["m"] / n
    # Rounding can make the difference negative for a group that has shrunk onto one point.
    variance = np.maximum(statistics["scatter"] / n - shift**2, 0)
    # The steps do not see the options; a common standard deviation is a single number.
    common = np.shape(params["sigma"]) == ()
    sigma = np.sqrt(w @ variance if common else variance)
    return {"w": w, "mu": params["mu"] + shift, "sigma": sigma}


def log_likelihood(params, data):
    _, log_likelihood = responsibilities(_log_joint(params, data))
    return log_likelihood


def initial(data, rng, components=2, covariance="full"):
    """Equal weights, means at distant observations, and a common standard deviation.

    The means are seeded as in k-means++: the first mean is a random observation, and each further
    mean is an observation drawn with probability proportional to its squared distance from the
    nearest mean so far. The standard deviation is that of the data divided by the number of
    components. The starting values change with the location and the unit of the data.
    """
    x = data["x"]
    _check(x, components, covariance)
    scaled = (x - np.min(x)) / np.ptp(x)
    seeds = [rng.choice(len(x))]
    while len(seeds) < components:
        nearest = np.min((scaled[:, None] - scaled[seeds]) ** 2, axis=1)
        seeds.append(rng.choice(len(x), p=nearest / np.sum(nearest)))
    variance = np.cov(x, bias=True) / components**2
    shape = () if covariance == "tied" else (components,)
    return {
        "w": np.full(components, 1 / components),
        "mu": np.sort(x[seeds]),
        "sigma": np.sqrt(np.broadcast_to(variance, shape)),
    }


def example_data():
    table = Path(__file__).parent / "data" / "faithful.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1, usecols=0)}


def _log_joint(params, data):
    """Log p(x, z = k | θ), shape (observations, components)."""
    sigma = np.broadcast_to(params["sigma"], np.shape(params["mu"]))
    return np.log(params["w"]) + log_normal(data["x"], params["mu"], sigma)


def _check(x, components, covariance):
    if np.ndim(x) != 1:
        raise ValueError(
            f"x must be one column, not an array of shape {np.shape(x)}: "
            f"for several columns use the model multivariate-gaussian-mixture"
        )
    require.one_of("covariance", covariance, ("full", "tied"))
    require.at_least("components", components, 1)
    require.rows("x", x, 2)
    require.variation("x", x)
    require.distinct("x", x, components, "components")
