r"""Probabilistic principal component analysis

Observations $x_1, \dots, x_n$ in $d$ dimensions lie about a plane of $q < d$ dimensions. Where on
it observation $i$ belongs is the latent $z_i$; about the plane it is scattered alike in all
directions:

$$z_i \sim \mathrm{N}(0, I_q), \qquad x_i \mid z_i \sim \mathrm{N}(\mu + W z_i,\; \sigma^2 I_d) .$$

The parameters are the mean $\mu$, the loadings $W$, a $d \times q$ matrix, and the standard
deviation $\sigma$. The dimension $q$ is set by `--set components=2`. Without $z$, an observation is
normal with covariance $C = W W^\top + \sigma^2 I$, in the code `covariance`.

**What is not identified.** With any orthogonal $R$, $W R$ and $R^\top z$ do as well as $W$ and $z$:
$(W R)(W R)^\top = W W^\top$. The plane is determined, the axes on it are not, nor their signs. What
can be compared are $\mu$, $\sigma$ and $C$.

## Data

The four measurements of 150 irises, in cm: `iris.csv`, from Fisher (1936), who had most of them
from Anderson; columns `sepal_length`, `sepal_width`, `petal_length`, `petal_width`. The model does
not know of the three species. In a table of one's own every column is a variable and every row an
observation, without missing values; `--column x=a,b,c` chooses. Variables in different units are
best divided by their standard deviations first: unlike factor analysis, the model depends on the
units.

## Complete-data log-likelihood

With $z$ known this is a linear regression of every variable on $z$, all with one variance:

$$\log p(x, z \mid \theta) = -\frac{n d}{2} \log 2\pi\sigma^2
- \frac{1}{2 \sigma^2} \sum_{i=1}^{n} \lVert x_i - \mu - W z_i \rVert^2
- \frac{n q}{2} \log 2\pi - \frac12 \sum_i \lVert z_i \rVert^2 .$$

Multiplied out, it is linear in $z_i$ and in $\sum_i z_i z_i^\top$.

## E step

The exponent is quadratic in $z_i$, so that $z_i$ given $x_i$ is normal. Its precision is the matrix
of the quadratic form, and its mean is where the gradient vanishes:

$$M = W^\top W + \sigma^2 I_q, \qquad
\mathrm{E}[z_i \mid x_i] = M^{-1} W^\top (x_i - \mu), \qquad
\mathrm{Cov}(z_i \mid x_i) = \sigma^2 M^{-1} .$$

The covariance is the same for all observations, and therefore

$$\sum_i \mathrm{E}[z_i z_i^\top \mid x_i] = n \sigma^2 M^{-1}
+ \sum_i \mathrm{E}[z_i \mid x_i]\, \mathrm{E}[z_i \mid x_i]^\top ,$$

in the code `zz`. Nothing larger than $q \times q$ is inverted.

## M step

$Q$ is the sum of squares of the regression, expected. Let $S$ be the covariance of the data with
divisor $n$, and of the latents, with means over the observations denoted by bars,

$$S_{zz} = \overline{\mathrm{E}[z z^\top]}
- \overline{\mathrm{E}[z]}\; \overline{\mathrm{E}[z]}^\top, \qquad
S_{xz} = \overline{(x - \bar x)\, \mathrm{E}[z]^\top} .$$

Setting the derivatives with respect to $\mu$, $W$ and $\sigma^2$ to zero gives the normal equations

$$W = S_{xz} S_{zz}^{-1}, \qquad \mu = \bar x - W\, \overline{\mathrm{E}[z]}, \qquad
\sigma^2 = \frac{1}{d} \operatorname{tr} \left( S - W S_{xz}^\top \right) .$$

From $\mu = \bar x$ on, the mean of $\mathrm{E}[z]$ is zero, and $\mu$ stays there.

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
$\sigma^2$ is the mean variance in the directions left out. In the example the eigenvalues are
4.2001, 0.2411, 0.0777 and 0.0237.

- **One maximum.** Any other stationary point takes the plane of other eigenvectors, or of fewer,
  and is a saddle: EM leaves it. All maxima have the same covariance; the start decides at which of
  their rotations EM ends.
- **Boundary.** If the observations lie exactly in a plane of $q$ dimensions, $\sigma$ goes to zero
  and the likelihood to infinity; such data are refused.
- **Slow where little is left about the plane.** Put $W$ with a first column of another length into
  the two steps: near the maximum its error shrinks by a factor of $1 - 2 \sigma^2 (\lambda_1 -
  \sigma^2) / \lambda_1^2$ in each iteration, 0.976 in the example. When $\sigma \to 0$ the position
  along the plane is known exactly, and no step can lengthen $W$ any more.
- **Numbers of components** are not chosen by the likelihood, which only rises with them.

## Prior

The entries of $W$ are $\mathrm{N}(0, s^2)$, with $s^2$ the mean variance of the columns, which
favours no rotation; $\mu_j$ is $\mathrm{N}(\bar x_j, (2 s_j)^2)$, with $s_j$ the standard deviation
of column $j$; $\sigma$ is log-normal with median $s / 2$ and standard deviation 1 on the log scale.

## References

- M. E. Tipping and C. M. Bishop (1999). Probabilistic principal component analysis. *Journal of the
  Royal Statistical Society B* 61, 611–622. The maximum in closed form, and EM.
- S. Roweis (1998). EM algorithms for PCA and SPCA. *Advances in Neural Information Processing
  Systems* 10, 626–632. The same with $\sigma \to 0$.
- R. A. Fisher (1936). The use of multiple measurements in taxonomic problems. *Annals of Eugenics*
  7, 179–188. The data."""

from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt

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
    along = deviations @ W
    squares = np.sum(deviations**2) - np.sum(along * np.linalg.solve(M, along.T).T)
    log_determinant = (d - q) * np.log(variance) + np.linalg.slogdet(M).logabsdet
    return -0.5 * (n * (d * np.log(2 * np.pi) + log_determinant) + squares / variance)


expectations = {"zz": lambda latents, data: latents["z"].T @ latents["z"]}


def initial(data, rng, components=2):
    """The mean of the data, loadings in random directions, half of the variance about the plane.

    Entries of W are normal, so that no direction is favoured; together they make for about the
    other half of the variance.
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
    """M, the precision of z given x times σ²."""
    W = params["W"]
    return W.T @ W + params["sigma"] ** 2 * np.eye(W.shape[1])


def _check(x, components):
    if np.ndim(x) != 2:
        raise ValueError(f"x should be a table of columns, not an array of shape {np.shape(x)}")
    n, d = x.shape
    if not 1 <= components < d:
        raise ValueError(
            f"components must be between 1 and {d - 1} with {d} columns, not {components}"
            if d > 1
            else "x has one column: a plane of fewer dimensions takes two"
        )
    spread = np.ptp(x, axis=0)
    if not np.all(spread):
        column = int(np.argmin(spread))
        raise ValueError(f"column {column + 1} of x is {x[0, column]:g} in every row")
    rank = np.linalg.matrix_rank(x - np.mean(x, axis=0))
    if rank <= components:
        raise ValueError(
            f"the {n} rows of x lie in a plane of {rank} dimension{'s' if rank > 1 else ''}: "
            f"with {components} component{'s' if components > 1 else ''} nothing is left about it"
        )
