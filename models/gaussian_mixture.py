r"""Mixture of normal distributions

Each of $n$ observations comes from one of $K$ groups, and nobody wrote down which. Observation $i$
is of group $z_i = k$ with probability $w_k$; within group $k$ it is normal with a mean and a
spread of its own. A single measurement has standard deviation $\sigma_k$, and $d$ measurements of
the same thing have a covariance matrix $\Sigma_k$:

$$z_i \sim \mathrm{Categorical}(w), \qquad x_i \mid z_i = k \sim \mathrm{N}(\mu_k, \sigma_k^2)
\quad \text{or} \quad \mathrm{N}_d(\mu_k, \Sigma_k) .$$

Write $\theta = (w, \mu, \Sigma)$, and $\phi(x; \mu_k, \Sigma_k)$ for the normal density. In one
dimension $\Sigma_k$ is the number $\sigma_k^2$. A covariance matrix has $d(d+1)/2$ entries, which
may be more than the data can tell; the option `covariance` says what is assumed of them:

| `covariance` | $\Sigma_k$ | parameter | one dimension |
|---|---|---|---|
| `full` | any | `cov`, $K \times d \times d$ | `sigma`, $K$ |
| `tied` | the same $\Sigma$ in every group | `cov`, $d \times d$ | `sigma`, a number |
| `diagonal` | diagonal, $\sigma_{kj}^2$ for column $j$ | `sigma`, $K \times d$ | `sigma`, $K$ |
| `spherical` | $\sigma_k^2 I$ | `sigma`, $K$ | `sigma`, $K$ |

## Data

The example is the duration of 272 eruptions of the Old Faithful geyser in Yellowstone National
Park, in August 1985: short ones and long ones. The table `faithful.csv` has `eruptions`, the
duration of an eruption in minutes, and `waiting`, the time to the next in minutes. It is
`faithful` of R's package `datasets`, from W. Härdle (1991), *Smoothing Techniques with
Implementation in S*, Springer; Azzalini and Bowman (1990) studied the data.

`iris.csv`: length and width of sepals and petals in centimetres, of 50 flowers of each of three
species of iris (0 *setosa*, 1 *versicolor*, 2 *virginica*). It is `iris` of the same package,
measured by E. Anderson (1935) and published by R. A. Fisher (1936).

`two-normals.csv`: simulated, `x`, 500 rows: a sample from $0.7\,\mathrm{N}(7, 0.5^2) +
0.3\,\mathrm{N}(10, 0.5^2)$, rounded to six decimals, by

```python
rng = np.random.default_rng(2007)
second = rng.random(500) < 0.3
x = rng.normal(np.where(second, 10.0, 7.0), 0.5)
```

## Complete-data log-likelihood

With the groups known this is a sum over groups, each a normal sample of its own:

$$\log p(x, z \mid \theta) = \sum_{i=1}^{n} \sum_{k=1}^{K} [z_i = k]
\left( \log w_k + \log \phi(x_i; \mu_k, \Sigma_k) \right) ,$$

where $[z_i = k]$ is 1 if observation $i$ is of group $k$ and 0 if not. With $\Sigma_k =
L_k L_k^\top$, $L_k$ lower triangular (Cholesky), the standardised observation is $u_{ik} =
L_k^{-1} (x_i - \mu_k)$, and

$$\log \phi(x_i; \mu_k, \Sigma_k) = -\tfrac{d}{2} \log 2\pi - \log |L_k|
- \tfrac{1}{2} u_{ik}^\top u_{ik} .$$

## E step

The indicators enter linearly, so their expectations are all that is needed: the
*responsibilities*, by Bayes' theorem

$$r_{ik} = p(z_i = k \mid x_i, \theta') =
\frac{w'_k\, \phi(x_i; \mu'_k, \Sigma'_k)}{\sum_{l} w'_l\, \phi(x_i; \mu'_l, \Sigma'_l)} .$$

They are a soft clustering; taking the largest in each row makes a hard one. Densities far out in
the tails underflow, so that the computation is done with logarithms, the largest of a row taken
out first.

## M step

The responsibilities stand where the indicators stood:

$$Q(\theta \mid \theta') = \sum_{i} \sum_{k} r_{ik} \left( \log w_k - \tfrac{1}{2} \log |\Sigma_k|
- \tfrac{1}{2} (x_i - \mu_k)^\top \Sigma_k^{-1} (x_i - \mu_k) \right) + \text{const} .$$

With $n_k = \sum_i r_{ik}$, maximising it over $w$ (with a Lagrange multiplier for $\sum_k w_k = 1$)
and over $\mu_k$ gives weighted versions of the familiar estimates, whatever the covariances are:

$$w_k = \frac{n_k}{n}, \qquad \mu_k = \frac{1}{n_k} \sum_i r_{ik}\, x_i .$$

With the scatter about the new mean, $S_k = \sum_i r_{ik} (x_i - \mu_k)(x_i - \mu_k)^\top$, what is
left of $Q$ is $-\tfrac{1}{2} \sum_k \left( n_k \log |\Sigma_k| + \mathrm{tr}\, \Sigma_k^{-1} S_k
\right)$. Among all matrices it is highest at

$$\Sigma_k = \frac{S_k}{n_k}, \qquad \text{in one dimension} \qquad
\sigma_k^2 = \frac{1}{n_k} \sum_i r_{ik} (x_i - \mu_k)^2 ,$$

and under the restrictions at

$$\text{tied: } \Sigma = \frac{1}{n} \sum_k S_k, \qquad
\text{diagonal: } \sigma_{kj}^2 = \frac{(S_k)_{jj}}{n_k}, \qquad
\text{spherical: } \sigma_k^2 = \frac{\mathrm{tr}\, S_k}{n_k\, d} .$$

The divisor is $n_k$, not $n_k - 1$, and the mean in it is the new one.

It takes three sums over the observations, and those of parts of the data add up: $n_k$ and, about
the old means,

$$m_k = \sum_i r_{ik} (x_i - \mu'_k) , \qquad
S'_k = \sum_i r_{ik} (x_i - \mu'_k)(x_i - \mu'_k)^\top .$$

The new means are $\mu_k = \mu'_k + \delta_k$ with $\delta_k = m_k / n_k$, and the scatter about
them is by the parallel axis theorem $S_k = S'_k - n_k\, \delta_k \delta_k^\top$. About zero in
place of the old means the same would be true, but where the means are large beside the spread, the
difference of two large numbers would be left with few digits; $\delta_k$ shrinks as EM converges.

## Observed log-likelihood

$$\log p(x \mid \theta) = \sum_{i} \log \sum_{k} w_k\, \phi(x_i; \mu_k, \Sigma_k) .$$

The sum inside the logarithm is what makes direct maximisation awkward, and EM welcome. EM never
decreases it. Three caveats:

- **Several maxima.** Which one EM reaches depends on the start; start from several places and
  compare the heights. They multiply with dimensions: a group may settle on a few
  observations that happen to lie close to a line or a plane.
- **No global maximum.** Put $\mu_1$ on one observation and let $\sigma_1 \to 0$: its density
  grows as $1/\sigma_1$, the other component covers the rest, and the likelihood grows without
  bound. In $d$ dimensions any $d$ observations span a plane to which $\Sigma_1$ can shrink. What
  is meant by the maximum likelihood estimate is the highest *interior* maximum. Tied covariances
  are safe from this.
- **Labels.** Exchanging two components changes nothing. Estimates are comparable only after
  the labels have been matched.

The better the groups are separated, the less is missing about $z$, and the faster EM converges.

## Prior

Means are normal about the mean of the data with twice their standard deviation $s$; standard
deviations are log-normal with median $s$ (for the spherical ones, the root mean square of $s_1,
\dots, s_d$). Covariances are declared through $L_k$: what stands on its diagonal is log-normal
with median $s_j$ in row $j$ (`scale`), and what stands below is normal about 0 with standard
deviation $s_j$ (`shear`). In one dimension $L_k$ is $\sigma_k$, and the prior is the same.

All move with the units of the data, column by column. And all avoid zero: the likelihood is
at most a constant times $\delta^{-n}$, where $\delta$ is the least of the products $\prod_j
(L_k)_{jj}$, and a log-normal density falls faster than any power as its argument goes to 0. So the
posterior is bounded where the likelihood is not.

Weights are Dirichlet, each parameter half the number of means and covariances that a group has for
itself, but no less than 1. In one dimension these are $\mu_k$ and $\sigma_k$, and weights are
uniform on the simplex. Below that half, groups that the data could do without are emptied by the
posterior, and nothing is known of them any more (Rousseau and Mengersen 2011).

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

from latentfit.em.primitives import (
    log_multivariate_normal,
    log_normal,
    responsibilities,
    weighted_sums,
)

latents = ("z",)

# A column of which no more than this share of the variance is its own follows from the others.
_SINGULAR = 1e-12


def model(x, components=2, covariance="full"):
    structure = _structure(x, covariance)
    centre, spread = np.mean(x, axis=0), np.std(x, axis=0)
    d = centre.size
    own = () if structure in ("tied", "common") else ("component",)
    column = ("column",) if np.ndim(x) == 2 else ()
    coords = {"component": range(components), "observation": range(len(x))}
    coords |= {"column": range(d)} if column else {}
    given = {"observed": x, "dims": ("observation", *column)}
    # Means and covariances of one group.
    size = d + {"full": d * (d + 1) / 2, "diagonal": d, "spherical": 1}.get(structure, 0)
    with pm.Model(coords=coords) as model:
        w = pm.Dirichlet("w", np.full(components, max(1, size / 2)), dims="component")
        mu = pm.Normal("mu", centre, 2 * spread, dims=("component", *column))
        z = pm.Categorical("z", w, dims="observation")
        # Zero-avoiding, since the likelihood is unbounded as a standard deviation goes to zero.
        if structure in ("full", "tied"):
            unit = np.eye(d)
            i, j = np.tril_indices_from(unit, -1)
            model.add_coord("below", [f"{row},{col}" for row, col in zip(i, j, strict=True)])
            scale = pm.LogNormal("scale", np.log(spread), 1, dims=(*own, "column"))
            shear = pm.Normal("shear", 0, spread[i], dims=(*own, "below"))
            L = (scale[..., None] * unit)[..., i, j].set(shear)
            pm.Deterministic("cov", L @ L.mT)
            inverse = pt.linalg.solve_triangular(L, unit, lower=True)
            given |= {"logp": _log_normal, "random": _draw, "signature": "(d),(d,d)->(d)"}
            pm.CustomDist("x", mu[z], inverse[z] if own else inverse, **given)
        elif structure == "diagonal":
            sigma = pm.LogNormal("sigma", np.log(spread), 1, dims=(*own, *column))
            pm.Normal("x", mu[z], sigma[z], **given)
        else:
            sigma = pm.LogNormal("sigma", 0.5 * np.log(np.mean(spread**2)), 1, dims=own)
            each = sigma[z] if own else sigma
            pm.Normal("x", mu[z], each[:, None] if column and own else each, **given)
    return model


def e_step(params, data):
    r, _ = responsibilities(_log_joint(params, data))
    return {"z": r}


def statistics(expectations, data, params):
    """About the old means; of the scatter without covariances only the diagonal."""
    r, x, mu = expectations["z"], _columns(data["x"]), _columns(params["mu"])
    n, m, scatter = weighted_sums(r, x, mu, products="cov" in params)
    return {"n": n, "m": m, "scatter": scatter}


def m_step(statistics, data, params):
    n = statistics["n"]
    w, shift = n / n.sum(), statistics["m"] / n[:, None]
    new = {"w": w, "mu": params["mu"] + shift.reshape(np.shape(params["mu"]))}
    if "cov" in params:
        cov = statistics["scatter"] / n[:, None, None] - shift[:, :, None] * shift[:, None, :]
        tied = np.ndim(params["cov"]) == 2
        return new | {"cov": np.tensordot(w, cov, axes=1) if tied else cov}
    # Of a group that has shrunk onto a point the difference may come out below zero.
    variance = np.maximum(statistics["scatter"] / n[:, None] - shift**2, 0)
    by_group = np.mean(variance, axis=1)
    restricted = {0: w @ by_group, 1: by_group, 2: variance}
    return new | {"sigma": np.sqrt(restricted[np.ndim(params["sigma"])])}


def log_likelihood(params, data):
    _, height = responsibilities(_log_joint(params, data))
    return height


def to_model(params):
    """The Cholesky factors that covariances are declared through."""
    if "cov" not in params:
        return params
    L = _cholesky(params["cov"])
    i, j = np.tril_indices(L.shape[-1], -1)
    scale = np.diagonal(L, axis1=-2, axis2=-1)
    return {"w": params["w"], "mu": params["mu"], "scale": scale, "shear": L[..., i, j]}


def initial(data, rng, components=2, covariance="full"):
    """Equal weights, means at or around observations that lie apart, a common covariance.

    Means are seeded as in k-means++: the first is any observation, each further one an
    observation drawn with probability proportional to its squared distance from the nearest
    mean so far, every column divided by its range. In one dimension the standard deviation is
    that of the data over the number of components. In several the shape of the groups matters
    too: every observation joins the nearest seed, and the means and the covariance within
    groups that come of it are the start, with one observation's share of the covariance of the
    data, which is not singular where that within small groups may be. All of it moves with the
    location and the units of the columns.
    """
    structure = _structure(data["x"], covariance)
    x = _columns(data["x"])
    _refuse(x, components, structure)
    n, d = x.shape
    scaled = (x - np.min(x, axis=0)) / np.ptp(x, axis=0)
    seeds = [rng.choice(n)]
    distances = _squared_distances(scaled, scaled[seeds])
    while len(seeds) < components:
        nearest = np.min(distances, axis=1)
        seeds.append(rng.choice(n, p=nearest / np.sum(nearest)))
        distances = _squared_distances(scaled, scaled[seeds])
    mu, cov = x[seeds], np.cov(x.T, bias=True).reshape(d, d)
    if d == 1:
        cov = cov / components**2
    else:
        group = np.argmin(distances, axis=1)
        mu = np.array([np.mean(x[group == k], axis=0) for k in range(components)])
        cov = ((x - mu[group]).T @ (x - mu[group]) + cov) / (n + 1)
    mu = mu[np.lexsort(mu.T[::-1])].reshape(components, *np.shape(data["x"])[1:])
    start = {"w": np.full(components, 1 / components), "mu": mu}
    if structure in ("full", "tied"):
        return start | {"cov": cov if structure == "tied" else np.tile(cov, (components, 1, 1))}
    variance = np.diag(cov) if structure == "diagonal" else np.trace(cov) / d
    own = () if structure == "common" else (components,)
    return start | {"sigma": np.sqrt(np.broadcast_to(variance, own + np.shape(variance)))}


def example_data():
    table = Path(__file__).parent / "data" / "faithful.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1, usecols=0)}


def _structure(x, covariance):
    """What is assumed of the covariances; numbers are `spherical`, or one number `common`."""
    if covariance not in ("full", "tied", "diagonal", "spherical"):
        raise ValueError(f"covariance is full, tied, diagonal or spherical, not {covariance!r}")
    if np.ndim(x) == 2 and np.shape(x)[1] > 1:
        return covariance
    return "common" if covariance == "tied" else "spherical"


def _refuse(x, components, structure):
    """Data without a maximum of the likelihood."""
    n, d = x.shape
    distinct = len(np.unique(x[:, 0] if d == 1 else x, axis=0))
    rows = "values" if d == 1 else "rows"
    if components < 1:
        raise ValueError(f"components must be at least 1, not {components}")
    if n < 2:
        raise ValueError(f"x has a single {rows[:-1]}, and a mixture needs at least 2")
    if distinct == 1:
        what = f" ({x[0, 0]:g})" if d == 1 else ""
        raise ValueError(f"all {n} {rows} of x are equal{what}: there is no spread")
    for j in np.flatnonzero(np.ptp(x, axis=0) == 0):
        raise ValueError(f"column {j + 1} of x is constant ({x[0, j]:g}): leave it out")
    if components > distinct:
        raise ValueError(f"x has {distinct} distinct {rows}, too few for {components} components")
    if structure in ("full", "tied"):
        if n <= d:
            raise ValueError(
                f"x has {n} rows, and the covariance of {d} columns needs {d + 1}; "
                f"covariance=diagonal does with fewer"
            )
        standardised = (x - x.mean(axis=0)) / x.std(axis=0)
        for j in range(1, d):
            if np.linalg.matrix_rank(standardised[:, : j + 1], tol=np.sqrt(_SINGULAR * n)) <= j:
                raise ValueError(
                    f"column {j + 1} of x is a linear combination of those before it: "
                    f"leave it out, or say covariance=diagonal"
                )


def _squared_distances(x, centres):
    return np.sum((x[:, None] - centres) ** 2, axis=-1)


def _columns(values):
    """Shape (rows, d), in one dimension too."""
    return np.reshape(values, (len(values), -1))


def _cholesky(cov):
    """Not a number where a group has collapsed onto a plane, and rounding errors are left."""
    try:
        L = np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        return np.full_like(cov, np.nan)
    left = np.diagonal(L, axis1=-2, axis2=-1) ** 2 / np.diagonal(cov, axis1=-2, axis2=-1)
    regular = np.min(left, axis=-1) > _SINGULAR
    return np.where(regular[..., None, None], L, np.nan)


def _log_normal(x, mu, inverse):
    """log N(x; mu, L L') given L⁻¹, of which each group needs one."""
    u = pt.sum(inverse * (x - mu)[..., None, :], axis=-1)
    log_det = -pt.sum(pt.log(pt.diagonal(inverse, axis1=-2, axis2=-1)), axis=-1)
    return -0.5 * np.log(2 * np.pi) * mu.shape[-1] - log_det - 0.5 * pt.sum(u**2, axis=-1)


def _draw(mu, inverse, rng=None, size=None):
    u = rng.standard_normal(np.shape(mu) if size is None else (*size, np.shape(mu)[-1]))
    return mu + np.linalg.solve(inverse, u[..., None])[..., 0]


def _log_joint(params, data):
    """log p(x, z = k | θ), shape (observations, components)."""
    x, mu = _columns(data["x"]), _columns(params["mu"])
    if "cov" in params:
        log_phi = log_multivariate_normal(x, mu, _cholesky(params["cov"]))
    else:
        sigma = np.asarray(params["sigma"])
        sigma = np.broadcast_to(sigma[:, None] if sigma.ndim == 1 else sigma, mu.shape)
        log_phi = log_normal(x, mu, sigma)
    return np.log(params["w"]) + log_phi


# Figures as printed there, components sorted by mean. That run stopped when the log-likelihood
# changed by less than 1e-8: means and standard deviations are up to 4e-5 short of the maximum.
_MIXTOOLS = (
    "Benaglia, Chauveau, Hunter and Young (2009), mixtools: an R package for analyzing finite "
    "mixture models, Journal of Statistical Software 32(6), waiting times"
)
# By default mclust stops when the log-likelihood changes by a share of 1e-5, and for three tied
# covariances its vignette prints -1126.326, 0.01 short of the maximum. These are of version 6.0.0
# with `emControl(tol = 1e-14)`. Covariances are full (VVV), tied (EEE) and spherical (VII). With
# three diagonal ones (VVI) on the irises it finds -307.1776; there is a higher maximum, -306.8605.
_MCLUST = (
    "the R package of Scrucca, Fop, Murphy and Raftery (2016), mclust 5: clustering, "
    "classification and density estimation using Gaussian finite mixture models, The R Journal "
    "8(1), 289-317"
)
_FLOWERS = "sepal_length,sepal_width,petal_length,petal_width"
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
) + tuple(
    {
        "name": "log_likelihood",
        "value": value,
        "tolerance": 1e-4,
        "source": f"{_MCLUST}; {components} components, covariance {covariance}",
        "data": table,
        "column": column,
        "options": {"components": components, "covariance": covariance},
    }
    for value, components, covariance, table, column in (
        (-180.1855, 3, "full", "iris.csv", _FLOWERS),
        (-256.3540, 3, "tied", "iris.csv", _FLOWERS),
        (-384.3141, 3, "spherical", "iris.csv", _FLOWERS),
        (-1130.2640, 2, "full", "faithful.csv", "eruptions,waiting"),
        (-1126.3159, 3, "tied", "faithful.csv", "eruptions,waiting"),
        (-1147.8064, 2, "diagonal", "faithful.csv", "eruptions,waiting"),
    )
)
