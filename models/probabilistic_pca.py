r"""Probabilistic principal component analysis

Observations $x_1, \dots, x_n$ in $d$ dimensions lie near a plane of $q < d$ dimensions. The latent
$z_i$ is the position of observation $i$ in the plane. The deviations from the plane have the same
variance in all directions:

$$z_i \sim \mathrm{N}(0, I_q), \qquad x_i \mid z_i \sim \mathrm{N}(\mu + W z_i,\; \sigma^2 I_d) .$$

The parameters are the mean $\mu$, the loadings $W$ (a $d \times q$ matrix) and the standard
deviation $\sigma$. The option `--set components=2` sets the dimension $q$. Marginally, an
observation is normal with covariance $C = W W^\top + \sigma^2 I$, in the code `covariance`.

**What is not identified.** For any orthogonal matrix $R$, the loadings $W R$ and the positions
$R^\top z$ give the same distribution of $x$ as $W$ and $z$, since $(W R)(W R)^\top = W W^\top$. The
plane is identified, but the axes in the plane and their signs are not. The identified quantities
are $\mu$, $\sigma$ and $C$.

## Data

The example, `iris.csv`, has four measurements of 150 irises in cm, from Fisher (1936), who had most
of them from Anderson. The columns are `sepal_length`, `sepal_width`, `petal_length` and
`petal_width`. The model does not use the species.

In a table of your own every column is a variable and every row an observation, without missing
values. Use `--column x=a,b,c` to select the columns. Unlike factor analysis, the model depends on
the units of the variables. Divide variables in different units by their standard deviations first.

## Complete-data log-likelihood

If $z$ were known, every variable would follow a linear regression on $z$, all with the same
variance:

$$\log p(x, z \mid \theta) = -\frac{n d}{2} \log 2\pi\sigma^2
- \frac{1}{2 \sigma^2} \sum_{i=1}^{n} \lVert x_i - \mu - W z_i \rVert^2
- \frac{n q}{2} \log 2\pi - \frac12 \sum_i \lVert z_i \rVert^2 .$$

Expanding the squares shows that it is linear in $z_i$ and in $\sum_i z_i z_i^\top$.

## E step

The exponent is a quadratic function of $z_i$, so the conditional distribution of $z_i$ given $x_i$
is normal. Its precision is the matrix of the quadratic form, and its mean is the point where the
gradient vanishes:

$$M = W^\top W + \sigma^2 I_q, \qquad
\mathrm{E}[z_i \mid x_i] = M^{-1} W^\top (x_i - \mu), \qquad
\mathrm{Cov}(z_i \mid x_i) = \sigma^2 M^{-1} .$$

The covariance is the same for all observations, so

$$\sum_i \mathrm{E}[z_i z_i^\top \mid x_i] = n \sigma^2 M^{-1}
+ \sum_i \mathrm{E}[z_i \mid x_i]\, \mathrm{E}[z_i \mid x_i]^\top ,$$

in the code `zz`. Only matrices of size $q \times q$ are inverted.

## M step

$Q$ contains the expected sum of squares of the regression. Let $S$ be the covariance of the data
with divisor $n$, and let bars denote means over the observations:

$$S_{zz} = \overline{\mathrm{E}[z z^\top]}
- \overline{\mathrm{E}[z]}\; \overline{\mathrm{E}[z]}^\top, \qquad
S_{xz} = \overline{(x - \bar x)\, \mathrm{E}[z]^\top} .$$

Setting the derivatives with respect to $\mu$, $W$ and $\sigma^2$ to zero gives the normal equations

$$W = S_{xz} S_{zz}^{-1}, \qquad \mu = \bar x - W\, \overline{\mathrm{E}[z]}, \qquad
\sigma^2 = \frac{1}{d} \operatorname{tr} \left( S - W S_{xz}^\top \right) .$$

If $\mu = \bar x$, the mean of $\mathrm{E}[z]$ is zero, and the M step does not change $\mu$.

## Observed log-likelihood

With $\tilde S = \frac1n \sum_i (x_i - \mu)(x_i - \mu)^\top$,

$$\log p(x \mid \theta) = -\frac{n}{2} \left( d \log 2\pi + \log |C|
+ \operatorname{tr} C^{-1} \tilde S \right), \qquad
|C| = \sigma^{2 (d - q)} |M|, \qquad
\operatorname{tr} C^{-1} \tilde S = \frac{\operatorname{tr} \tilde S
- \operatorname{tr} M^{-1} W^\top \tilde S W}{\sigma^2} .$$

Tipping and Bishop found its maximum in closed form. With $\lambda_1 \ge \dots \ge \lambda_d$ the
eigenvalues of $S$ and $u_1, \dots, u_d$ its eigenvectors,

$$\mu = \bar x, \qquad \sigma^2 = \frac{1}{d - q} \sum_{j > q} \lambda_j, \qquad
W W^\top = \sum_{j \le q} (\lambda_j - \sigma^2)\, u_j u_j^\top ,$$

where the log-likelihood is $-\frac{n}{2} \bigl( d \log 2\pi + d + \sum_{j \le q} \log \lambda_j +
(d - q) \log \sigma^2 \bigr)$. The plane is that of the first $q$ principal components, and
$\sigma^2$ is the mean variance in the other directions. In the example the eigenvalues are 4.2001,
0.2411, 0.0777 and 0.0237.

- **One maximum.** Every other stationary point uses the plane of other eigenvectors, or of fewer,
  and is a saddle point, which EM leaves. All maxima have the same covariance. The starting values
  determine the rotation of the estimated loadings.
- **Boundary.** If the observations lie exactly in a plane of $q$ dimensions, the likelihood grows
  without bound as $\sigma \to 0$; such data are refused.
- **Slow convergence if the variance about the plane is small.** Consider a first column of $W$
  whose length is not that at the maximum. Near the maximum each iteration multiplies the error of
  this length by $1 - 2 \sigma^2 (\lambda_1 - \sigma^2) / \lambda_1^2$, which is 0.976 in the
  example. In the limit $\sigma \to 0$ the positions in the plane are known exactly, and no
  iteration changes the length of $W$.
- **Number of components.** The maximal log-likelihood never decreases with the number of
  components, so it does not choose one.

## Prior

Let $s_j$ be the standard deviation of column $j$, and $s^2$ the mean variance of the columns. The
entries of $W$ are $\mathrm{N}(0, s^2)$, a prior that does not change under rotations. The means are
$\mu_j \sim \mathrm{N}(\bar x_j, (2 s_j)^2)$. $\sigma$ is log-normal with median $s / 2$ and a
standard deviation of 1 on the log scale.

## References

- M. E. Tipping and C. M. Bishop (1999). Probabilistic principal component analysis. *Journal of the
  Royal Statistical Society B* 61, 611–622. The maximum in closed form, and EM.
- S. Roweis (1998). EM algorithms for PCA and SPCA. *Advances in Neural Information Processing
  Systems* 10, 626–632. The same with $\sigma \to 0$.
- R. A. Fisher (1936). The use of multiple measurements in taxonomic problems. *Annals of Eugenics*
  7, 179–188. The data.
"""

from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from latentfit import requirements as require

latents = ("z",)


def model(x, components=2):
    n, d = x.shape
    mean, sd = np.mean(x, axis=0), np.std(x, axis=0)
    scale = np.sqrt(np.mean(sd**2))
    coords = {"observation": range(n), "variable": range(d), "component": range(components)}
    with pm.Model(coords=coords) as model:
        mu = pm.Normal("mu", mean, 2 * sd, dims="variable")
        W = pm.Normal("W", 0, scale, dims=("variable", "component"))
        sigma = pm.LogNormal("sigma", np.log(scale / 2), 1)
        z = pm.Normal("z", 0, 1, dims=("observation", "component"))
        pm.Normal("x", mu + z @ W.T, sigma, observed=x, dims=("observation", "variable"))
        pm.Deterministic("covariance", W @ W.T + sigma**2 * pt.eye(d))
    return model


def e_step(params, data):
    W, M = params["W"], _precision(params)
    z = np.linalg.solve(M, W.T @ (data["x"] - params["mu"]).T).T
    return {"z": z, "zz": len(z) * params["sigma"] ** 2 * np.linalg.inv(M) + z.T @ z}


def m_step(expectations, data):
    x, z = data["x"], expectations["z"]
    n, d = x.shape
    centred, mean = x - np.mean(x, axis=0), np.mean(z, axis=0)
    S_zz = expectations["zz"] / n - np.outer(mean, mean)
    S_xz = centred.T @ z / n
    W = np.linalg.solve(S_zz, S_xz.T).T
    variance = (np.sum(centred**2) / n - np.sum(W * S_xz)) / d
    return {"mu": np.mean(x, axis=0) - W @ mean, "W": W, "sigma": np.sqrt(variance)}


def log_likelihood(params, data):
    W, variance, M = params["W"], params["sigma"] ** 2, _precision(params)
    (n, d), q = data["x"].shape, W.shape[1]
    deviations = data["x"] - params["mu"]
    projected = deviations @ W
    squares = np.sum(deviations**2) - np.sum(projected * np.linalg.solve(M, projected.T).T)
    log_determinant = (d - q) * np.log(variance) + np.linalg.slogdet(M).logabsdet
    return -0.5 * (n * (d * np.log(2 * np.pi) + log_determinant) + squares / variance)


expectations = {"zz": lambda latents, data: latents["z"].T @ latents["z"]}


def initial(data, rng, components=2):
    """The mean of the data, half of the variance about the plane, and random loadings.

    The entries of W are normal, so every direction of the plane is equally likely. Their variance
    is such that the plane explains about half of the variance of the data.
    """
    x = data["x"]
    _check(x, components)
    variance = np.mean(np.var(x, axis=0))
    return {
        "mu": np.mean(x, axis=0),
        "W": rng.normal(0, np.sqrt(variance / 2 / components), size=(x.shape[1], components)),
        "sigma": np.sqrt(variance / 2),
    }


def example_data():
    table = Path(__file__).parent / "data" / "iris.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1, usecols=range(4))}


def _precision(params):
    """M, which is σ² times the precision of z given x."""
    W = params["W"]
    return W.T @ W + params["sigma"] ** 2 * np.eye(W.shape[1])


def _check(x, components):
    require.table("x", x, columns=2)
    n, d = x.shape
    if not 1 <= components < d:
        raise ValueError(
            f"components must be between 1 and {d - 1} with {d} columns, not {components}"
        )
    require.variation_in_each_column("x", x)
    rank = np.linalg.matrix_rank(x - np.mean(x, axis=0))
    if rank <= components:
        raise ValueError(
            f"the {n} rows of x lie in a plane of {rank} dimension{'s' if rank > 1 else ''}: with "
            f"{components} component{'s' if components > 1 else ''} the variance about it is zero"
        )
