r"""Mixture of multivariate normal distributions

A population consists of $K$ groups, and each of $n$ observations is a vector of $d$ numbers
measured on one unit. The group of a unit is not recorded. Observation $i$ belongs to group
$z_i = k$ with probability $w_k$, and the vectors of group $k$ have a normal distribution with mean
$\mu_k$ and covariance matrix $\Sigma_k$:

$$z_i \sim \mathrm{Categorical}(w), \qquad x_i \mid z_i = k \sim \mathrm{N}_d(\mu_k, \Sigma_k) .$$

Write $\theta = (w, \mu, \Sigma)$, and $\phi(x; \mu, \Sigma)$ for the multivariate normal density. A
covariance matrix has $d(d+1)/2$ free entries, which may be more than the data can determine. The
option `covariance` restricts the matrices:

| `covariance` | $\Sigma_k$ | parameter |
|---|---|---|
| `full` | any covariance matrix | `cov`, $K \times d \times d$ |
| `tied` | the same matrix $\Sigma$ in every group | `cov`, $d \times d$ |
| `diagonal` | diagonal, $\sigma_{kj}^2$ for column $j$ | `sigma`, $K \times d$ |
| `spherical` | $\sigma_k^2 I$ | `sigma`, $K$ |

The model `gaussian-mixture` is the same mixture for observations of one number each.

## Data

The example is 272 eruptions of the Old Faithful geyser in Yellowstone National Park in August 1985.
The table `faithful.csv` has the columns `eruptions`, the duration of an eruption in minutes, and
`waiting`, the time in minutes until the next eruption. Short eruptions are followed by short
waiting times. It is `faithful` of R's package `datasets`, from W. Härdle (1991), *Smoothing
Techniques with Implementation in S*, Springer. Azzalini and Bowman (1990) studied the data.

The table `iris.csv` has the length and the width of the sepals and the petals, in centimetres, of
50 flowers of each of three species of iris (0 *setosa*, 1 *versicolor*, 2 *virginica*). It is
`iris` of the same package, measured by E. Anderson (1935) and published by R. A. Fisher (1936).

A table of your own has a row for each unit and a numeric column for each measurement. Use
`--column x=a,b,c` to select the columns.

## Complete-data log-likelihood

If the groups were known, the data would be $K$ separate multivariate normal samples:

$$\log p(x, z \mid \theta) = \sum_{i=1}^{n} \sum_{k=1}^{K} [z_i = k]
\left( \log w_k + \log \phi(x_i; \mu_k, \Sigma_k) \right) ,$$

where $[z_i = k]$ is 1 if observation $i$ belongs to group $k$, and 0 otherwise. Let $L_k$ be the
Cholesky factor of $\Sigma_k$: it is lower triangular, and $\Sigma_k = L_k L_k^\top$. With the
standardised observation $u_{ik} = L_k^{-1} (x_i - \mu_k)$,

$$\log \phi(x_i; \mu_k, \Sigma_k) = -\tfrac{d}{2} \log 2\pi - \log |L_k|
- \tfrac{1}{2} u_{ik}^\top u_{ik} .$$

## E step

The complete-data log-likelihood is linear in the indicators $[z_i = k]$. The E step therefore
computes their expectations, the *responsibilities*. By Bayes' theorem

$$r_{ik} = p(z_i = k \mid x_i, \theta') =
\frac{w'_k\, \phi(x_i; \mu'_k, \Sigma'_k)}{\sum_{l} w'_l\, \phi(x_i; \mu'_l, \Sigma'_l)} .$$

The responsibilities are a soft clustering of the data. The group with the largest responsibility
in each row gives a hard clustering. Normal densities underflow far out in the tails, so the code
computes with their logarithms and subtracts the largest logarithm of each row before it
exponentiates.

## M step

$Q$ is the complete-data log-likelihood with the responsibilities in place of the indicators:

$$Q(\theta \mid \theta') = \sum_{i} \sum_{k} r_{ik} \left( \log w_k - \tfrac{1}{2} \log |\Sigma_k|
- \tfrac{1}{2} (x_i - \mu_k)^\top \Sigma_k^{-1} (x_i - \mu_k) \right) + \text{const} .$$

Let $n_k = \sum_i r_{ik}$. Whatever the covariances are, $Q$ is maximised over $w$ (with a Lagrange
multiplier for $\sum_k w_k = 1$) and over $\mu_k$ by

$$w_k = \frac{n_k}{n}, \qquad \mu_k = \frac{1}{n_k} \sum_i r_{ik}\, x_i .$$

Let $S_k = \sum_i r_{ik} (x_i - \mu_k)(x_i - \mu_k)^\top$ be the scatter about the new mean. As a
function of the covariances, $Q$ is $-\tfrac{1}{2} \sum_k \left( n_k \log |\Sigma_k| + \mathrm{tr}\,
\Sigma_k^{-1} S_k \right)$ plus a constant. Its maximisers under the four assumptions are

$$\text{full: } \Sigma_k = \frac{S_k}{n_k}, \qquad
\text{tied: } \Sigma = \frac{1}{n} \sum_k S_k, \qquad
\text{diagonal: } \sigma_{kj}^2 = \frac{(S_k)_{jj}}{n_k}, \qquad
\text{spherical: } \sigma_k^2 = \frac{\mathrm{tr}\, S_k}{n_k\, d} .$$

The divisor is $n_k$, not $n_k - 1$.

The M step needs three sums over the observations: $n_k$ and, about the old means,

$$m_k = \sum_i r_{ik} (x_i - \mu'_k) , \qquad
S'_k = \sum_i r_{ik} (x_i - \mu'_k)(x_i - \mu'_k)^\top .$$

Each sum over all data equals the total of the sums over parts of the data. The new means are
$\mu_k = \mu'_k + \delta_k$ with $\delta_k = m_k / n_k$, and by the parallel axis theorem
$S_k = S'_k - n_k\, \delta_k \delta_k^\top$. Sums about zero would do as well in exact arithmetic.
However, if the means are large compared with the standard deviations, the subtraction would cancel
most digits. About the old means it does not, since $\delta_k$ goes to zero as EM converges.

## Observed log-likelihood

$$\log p(x \mid \theta) = \sum_{i} \log \sum_{k} w_k\, \phi(x_i; \mu_k, \Sigma_k) .$$

The sum inside the logarithm couples all parameters, so the maximum has no closed form. EM never
decreases this function. Three caveats:

- **Several maxima.** The limit of EM depends on the starting values. Run EM from several starts and
  compare the log-likelihoods. The number of maxima grows with the dimension, since a group can
  shrink to a few observations that happen to lie close to a line or a plane.
- **No global maximum.** Any $d$ observations lie in a hyperplane. If $\Sigma_1$ shrinks to that
  hyperplane while another component covers the remaining observations, the likelihood grows without
  bound. The maximum likelihood estimate is therefore defined as the highest *interior* maximum.
  With tied covariances the likelihood is bounded.
- **Labels.** Exchanging two components does not change the likelihood. Estimates are comparable
  only after their labels have been matched.

The better the groups are separated, the less information about $z$ is missing, and the faster EM
converges.

## Prior

Let $\bar x_j$ and $s_j$ be the mean and the standard deviation of column $j$. The means are
$\mathrm{N}(\bar x_j, (2s_j)^2)$. The standard deviations of diagonal covariances are log-normal
with median $s_j$; those of spherical covariances are log-normal with the root mean square of
$s_1, \dots, s_d$ as median. Full and tied covariances are declared through $L_k$: the diagonal
entry of row $j$ is log-normal with median $s_j$ (`scale`), and the entries below the diagonal are
$\mathrm{N}(0, s_j^2)$ (`shear`). Every log-normal distribution has a standard deviation of 1 on the
log scale. The prior changes with the units of the columns as the likelihood does.

The log-normal priors keep the posterior bounded where the likelihood is not: the likelihood is at
most a constant times $\delta^{-n}$, where $\delta$ is the smallest of the products $\prod_j
(L_k)_{jj}$, and a log-normal density falls faster than any power as its argument goes to zero.

The weights have a Dirichlet distribution. Each of its parameters is half the number of means and
covariances that one group has for itself, but at least 1. With smaller parameters the posterior
would empty groups that the data can do without (Rousseau and Mengersen 2011), and the parameters of
an empty group are not identified.

## References

- A. P. Dempster, N. M. Laird and D. B. Rubin (1977). Maximum likelihood from incomplete data via
  the EM algorithm. *Journal of the Royal Statistical Society B* 39, 1–38. Section 4.3.
- N. E. Day (1969). Estimating the components of a mixture of normal distributions.
  *Biometrika* 56, 463–474. The unbounded likelihood.
- J. D. Banfield and A. E. Raftery (1993). Model-based Gaussian and non-Gaussian clustering.
  *Biometrics* 49, 803–821. Restricted covariances.
- C. Fraley and A. E. Raftery (2002). Model-based clustering, discriminant analysis, and density
  estimation. *Journal of the American Statistical Association* 97, 611–631.
- G. J. McLachlan and D. Peel (2000). *Finite Mixture Models*. Wiley.
- A. Azzalini and A. W. Bowman (1990). A look at some data on the Old Faithful geyser. *Applied
  Statistics* 39, 357–365.
- E. Anderson (1935). The irises of the Gaspé Peninsula. *Bulletin of the American Iris Society*
  59, 2–5.
- R. A. Fisher (1936). The use of multiple measurements in taxonomic problems. *Annals of Eugenics*
  7, 179–188.
- J. Rousseau and K. Mengersen (2011). Asymptotic behaviour of the posterior distribution in
  overfitted mixture models. *Journal of the Royal Statistical Society B* 73, 689–710.
- D. Arthur and S. Vassilvitskii (2007). k-means++: the advantages of careful seeding.
  *Proceedings of the 18th ACM-SIAM Symposium on Discrete Algorithms*, 1027–1035.
"""

from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from latentfit import requirements as require
from latentfit.em.primitives import (
    log_multivariate_normal,
    log_normal,
    responsibilities,
    weighted_sums,
)

latents = ("z",)

# Smallest share of a column's variance that the columns before it must leave unexplained.
_SMALLEST_UNEXPLAINED_SHARE = 1e-12


def model(x, components=2, covariance="full"):
    _check(x, components, covariance)
    centre, sd = np.mean(x, axis=0), np.std(x, axis=0)
    n, d = x.shape
    # Means and covariances that one group has for itself.
    numbers = d + {"full": d * (d + 1) / 2, "tied": 0, "diagonal": d, "spherical": 1}[covariance]
    coords = {"component": range(components), "observation": range(n), "column": range(d)}
    given = {"observed": x, "dims": ("observation", "column")}
    with pm.Model(coords=coords) as model:
        w = pm.Dirichlet("w", np.full(components, max(1, numbers / 2)), dims="component")
        mu = pm.Normal("mu", centre, 2 * sd, dims=("component", "column"))
        z = pm.Categorical("z", w, dims="observation")
        # Log-normal, since the likelihood is unbounded as a standard deviation goes to zero.
        if covariance == "diagonal":
            sigma = pm.LogNormal("sigma", np.log(sd), 1, dims=("component", "column"))
            pm.Normal("x", mu[z], sigma[z], **given)
        elif covariance == "spherical":
            median = 0.5 * np.log(np.mean(sd**2))
            sigma = pm.LogNormal("sigma", median, 1, dims="component")
            pm.Normal("x", mu[z], sigma[z][:, None], **given)
        else:
            own = ("component",) if covariance == "full" else ()
            unit = np.eye(d)
            i, j = np.tril_indices_from(unit, -1)
            model.add_coord("below", [f"{row},{col}" for row, col in zip(i, j, strict=True)])
            scale = pm.LogNormal("scale", np.log(sd), 1, dims=(*own, "column"))
            shear = pm.Normal("shear", 0, sd[i], dims=(*own, "below"))
            L = (scale[..., None] * unit)[..., i, j].set(shear)
            pm.Deterministic("cov", L @ L.mT)
            inverse = pt.linalg.solve_triangular(L, unit, lower=True)
            given |= {"logp": _log_normal, "random": _draw, "signature": "(d),(d,d)->(d)"}
            pm.CustomDist("x", mu[z], inverse[z] if own else inverse, **given)
    return model


def e_step(params, data):
    r, _ = responsibilities(_log_joint(params, data))
    return {"z": r}


def statistics(expectations, data, params):
    """n, m and S'; diagonal and spherical covariances need only the diagonal of S'."""
    r, x, mu = expectations["z"], data["x"], params["mu"]
    n, m, scatter = weighted_sums(r, x, mu, products="cov" in params)
    return {"n": n, "m": m, "scatter": scatter}


def m_step(statistics, data, params):
    n = statistics["n"]
    w, shift = n / n.sum(), statistics["m"] / n[:, None]
    new = {"w": w, "mu": params["mu"] + shift}
    covariance = _covariance(params)
    if covariance in ("full", "tied"):
        cov = statistics["scatter"] / n[:, None, None] - shift[:, :, None] * shift[:, None, :]
        return new | {"cov": cov if covariance == "full" else np.tensordot(w, cov, axes=1)}
    # Rounding can make the difference negative for a group that has shrunk onto one point.
    variance = np.maximum(statistics["scatter"] / n[:, None] - shift**2, 0)
    if covariance == "spherical":
        variance = np.mean(variance, axis=1)
    return new | {"sigma": np.sqrt(variance)}


def log_likelihood(params, data):
    _, log_likelihood = responsibilities(_log_joint(params, data))
    return log_likelihood


def to_model(params):
    """Cholesky factors, through which the declaration states full and tied covariances."""
    if "cov" not in params:
        return params
    L = _cholesky(params["cov"])
    i, j = np.tril_indices(L.shape[-1], -1)
    scale = np.diagonal(L, axis1=-2, axis2=-1)
    return {"w": params["w"], "mu": params["mu"], "scale": scale, "shear": L[..., i, j]}


def initial(data, rng, components=2, covariance="full"):
    """Equal weights, means of groups about distant observations, and a common covariance.

    Seeds of the groups are drawn as in k-means++: the first seed is a random observation, and each
    further seed is an observation drawn with probability proportional to its squared distance from
    the nearest seed so far, every column divided by its range. Each observation joins its nearest
    seed. The starting values are the means of these groups and the covariance within them. The
    covariance of all data is added to the latter with the weight of one observation, since the
    covariance within small groups may be singular. The starting values change with the location and
    the units of the columns.
    """
    x = data["x"]
    _check(x, components, covariance)
    n, d = x.shape
    scaled = (x - np.min(x, axis=0)) / np.ptp(x, axis=0)
    seeds = [rng.choice(n)]
    distances = _squared_distances(scaled, scaled[seeds])
    while len(seeds) < components:
        nearest = np.min(distances, axis=1)
        seeds.append(rng.choice(n, p=nearest / np.sum(nearest)))
        distances = _squared_distances(scaled, scaled[seeds])
    group = np.argmin(distances, axis=1)
    mu = np.array([np.mean(x[group == k], axis=0) for k in range(components)])
    overall = np.cov(x.T, bias=True).reshape(d, d)
    cov = ((x - mu[group]).T @ (x - mu[group]) + overall) / (n + 1)
    start = {"w": np.full(components, 1 / components), "mu": mu[np.lexsort(mu.T[::-1])]}
    if covariance == "full":
        return start | {"cov": np.tile(cov, (components, 1, 1))}
    if covariance == "tied":
        return start | {"cov": cov}
    if covariance == "diagonal":
        return start | {"sigma": np.tile(np.sqrt(np.diag(cov)), (components, 1))}
    return start | {"sigma": np.full(components, np.sqrt(np.trace(cov) / d))}


def example_data():
    table = Path(__file__).parent / "data" / "faithful.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1)}


def _covariance(params):
    """The option `covariance`, which the steps do not see, from the shapes of the parameters."""
    components, d = params["mu"].shape
    if "cov" in params:
        return "tied" if params["cov"].shape == (d, d) else "full"
    return "spherical" if params["sigma"].shape == (components,) else "diagonal"


def _log_joint(params, data):
    """Log p(x, z = k | θ), shape (observations, components)."""
    x, mu = data["x"], params["mu"]
    if "cov" in params:
        log_phi = log_multivariate_normal(x, mu, _cholesky(params["cov"]))
    else:
        # A row for each component: of one standard deviation, or of one for each column.
        sigma = np.reshape(params["sigma"], (len(mu), -1))
        log_phi = log_normal(x, mu, np.broadcast_to(sigma, mu.shape))
    return np.log(params["w"]) + log_phi


def _cholesky(cov):
    """Cholesky factors; NaN for a matrix that is singular up to rounding errors."""
    try:
        L = np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        return np.full_like(cov, np.nan)
    unexplained = np.diagonal(L, axis1=-2, axis2=-1) ** 2 / np.diagonal(cov, axis1=-2, axis2=-1)
    regular = np.min(unexplained, axis=-1) > _SMALLEST_UNEXPLAINED_SHARE
    return np.where(regular[..., None, None], L, np.nan)


def _log_normal(x, mu, inverse):
    """Log N(x; μ, L Lᵀ) from L⁻¹, which the declaration computes once for each component."""
    u = pt.sum(inverse * (x - mu)[..., None, :], axis=-1)
    log_det = -pt.sum(pt.log(pt.diagonal(inverse, axis1=-2, axis2=-1)), axis=-1)
    return -0.5 * np.log(2 * np.pi) * mu.shape[-1] - log_det - 0.5 * pt.sum(u**2, axis=-1)


def _draw(mu, inverse, rng=None, size=None):
    """Draws of N(μ, L Lᵀ) from L⁻¹."""
    u = rng.standard_normal(np.shape(mu) if size is None else (*size, np.shape(mu)[-1]))
    return mu + np.linalg.solve(inverse, u[..., None])[..., 0]


def _squared_distances(x, centres):
    return np.sum((x[:, None] - centres) ** 2, axis=-1)


def _check(x, components, covariance):
    require.one_of("covariance", covariance, ("full", "tied", "diagonal", "spherical"))
    require.at_least("components", components, 1)
    require.table("x", x)
    require.rows("x", x, 2)
    require.variation_in_each_column("x", x)
    require.distinct("x", x, components, "components")
    if covariance in ("full", "tied"):
        _check_columns_are_independent(x)


def _check_columns_are_independent(x):
    n, d = x.shape
    if n <= d:
        raise ValueError(
            f"x has {n} rows, and a covariance matrix of {d} columns needs at least {d + 1}: "
            f"use covariance=diagonal"
        )
    standardised = (x - x.mean(axis=0)) / x.std(axis=0)
    tolerance = np.sqrt(_SMALLEST_UNEXPLAINED_SHARE * n)
    for j in range(1, d):
        if np.linalg.matrix_rank(standardised[:, : j + 1], tol=tolerance) <= j:
            raise ValueError(
                f"column {j + 1} of x is a linear combination of the columns before it: "
                f"leave it out, or use covariance=diagonal"
            )
