r"""Factor analysis

$d$ variables are correlated because each of them depends on the same $q$ *factors*, which are not
seen. Given the factors $z_i$ of individual $i$, the variables are independent, each with a variance
of its own:

$$z_i \sim \mathrm{N}(0, I_q), \qquad x_i \mid z_i \sim \mathrm{N}(\mu + W z_i,\; \Psi), \qquad
\Psi = \mathrm{diag}(\psi_1, \dots, \psi_d) .$$

The parameters are the means $\mu$, the loadings $W$, a $d \times q$ matrix, and the specific
variances $\psi$. The number of factors is set by `--set factors=2`. Without $z$, an observation is
normal with covariance $C = W W^\top + \Psi$, in the code `covariance`. The share of the variance of
variable $j$ that the factors do not explain, $\psi_j / C_{jj}$, is its `uniqueness`.

**What is not identified.** With any orthogonal $R$, $W R$ and $R^\top z$ do as well as $W$ and $z$:
the factors may be rotated, and every one of them may change its sign. What can be compared are
$\mu$, $\psi$ and $C$. The $d(d + 1)/2$ variances and covariances have to determine
$d q + d - q(q-1)/2$ numbers, so that $(d - q)^2 \ge d + q$ is needed; more factors are refused. A
single factor takes three variables, two take five.

## Data

Six of the tests of mental ability that Holzinger and Swineford (1939) gave to children of two
schools in Chicago; the 145 pupils of Grant-White school, the sample that Jöreskog (1969) used:
`mental-tests.csv`. The columns are `visual` perception, `cubes` and `lozenges`, then `paragraph`
comprehension, `sentence` completion and `word` meaning: three tests of space and three of language.
They are the variables x1 to x6 of `HolzingerSwineford1939` in the R package lavaan. In a table of
one's own every column is a variable and every row an observation, without missing values; `--column
x=a,b,c` chooses. Units do not matter.

## Complete-data log-likelihood

With $z$ known every variable has a linear regression on $z$, with a variance of its own. Row $j$ of
$W$ is $w_j$:

$$\log p(x, z \mid \theta) = -\frac12 \sum_{j=1}^{d} \Bigl( n \log 2\pi\psi_j
+ \frac{1}{\psi_j} \sum_{i=1}^{n} (x_{ij} - \mu_j - w_j^\top z_i)^2 \Bigr)
- \frac{n q}{2} \log 2\pi - \frac12 \sum_i \lVert z_i \rVert^2 .$$

Multiplied out, it is linear in $z_i$ and in $\sum_i z_i z_i^\top$.

## E step

The exponent is quadratic in $z_i$, so that $z_i$ given $x_i$ is normal. Its precision is the matrix
of the quadratic form, and its mean is where the gradient vanishes:

$$G = I_q + W^\top \Psi^{-1} W, \qquad
\mathrm{E}[z_i \mid x_i] = G^{-1} W^\top \Psi^{-1} (x_i - \mu), \qquad
\mathrm{Cov}(z_i \mid x_i) = G^{-1} .$$

The covariance is the same for all observations, and therefore

$$\sum_i \mathrm{E}[z_i z_i^\top \mid x_i] = n G^{-1}
+ \sum_i \mathrm{E}[z_i \mid x_i]\, \mathrm{E}[z_i \mid x_i]^\top ,$$

in the code `zz`. Nothing larger than $q \times q$ is inverted.

## M step

$Q$ is a sum over variables, and each is a regression on $z$ of which the squares are expected. Let
$S$ be the covariance of the data with divisor $n$, and of the latents, with means over the
observations denoted by bars,

$$S_{zz} = \overline{\mathrm{E}[z z^\top]}
- \overline{\mathrm{E}[z]}\; \overline{\mathrm{E}[z]}^\top, \qquad
S_{xz} = \overline{(x - \bar x)\, \mathrm{E}[z]^\top} .$$

Setting the derivatives with respect to $\mu$, $W$ and $\psi$ to zero gives the normal equations

$$W = S_{xz} S_{zz}^{-1}, \qquad \mu = \bar x - W\, \overline{\mathrm{E}[z]}, \qquad
\psi = \operatorname{diag} \left( S - W S_{xz}^\top \right) .$$

From $\mu = \bar x$ on, the mean of $\mathrm{E}[z]$ is zero, and $\mu$ stays there. With the mean of
the diagonal in place of the diagonal it would be probabilistic principal component analysis.

## Observed log-likelihood

With $\tilde S = \frac1n \sum_i (x_i - \mu)(x_i - \mu)^\top$,

$$\log p(x \mid \theta) = -\frac{n}{2} \left( d \log 2\pi + \log |C|
+ \operatorname{tr} C^{-1} \tilde S \right),$$

where by the matrix determinant lemma and Woodbury's identity

$$\log |C| = \log |G| + \sum_j \log \psi_j, \qquad
\operatorname{tr} C^{-1} \tilde S = \sum_j \tilde S_{jj} / \psi_j
- \operatorname{tr} G^{-1} W^\top \Psi^{-1} \tilde S\, \Psi^{-1} W .$$

The maximum has no closed form, but $\mu = \bar x$ and $C_{jj} = S_{jj}$ hold there: the variances
are reproduced exactly, the covariances as well as they can be. In the example the log-likelihood is
$-1169.031$; with $C = S$ it would be $-1168.491$.

- **Rotation.** The start decides at which rotation EM ends. To interpret the factors, rotate $W$
  afterwards, by varimax for example.
- **Boundary.** A specific variance of zero, a *Heywood case*, may be the maximum, often if there
  are as many factors as can be. Some factor is then a variable itself. EM comes ever more slowly to
  it, and the entry has no standard error.
- **Several maxima** are possible. Compare several starts.
- **Slow.** In the example the error shrinks by a factor of 0.92 in each iteration; the nearer a
  specific variance is to zero, the slower.
- **Number of factors.** The likelihood only rises with it. Twice the difference from $C = S$, here
  1.08, is about chi-squared with $((d - q)^2 - d - q) / 2 = 4$ degrees of freedom if two are
  enough.

## Prior

With $s_j$ the standard deviation of variable $j$, $\mu_j$ is $\mathrm{N}(\bar x_j, (2 s_j)^2)$; the
entries of row $j$ of $W$ are $\mathrm{N}(0, s_j^2)$, which favours no rotation; $\psi_j$ is
log-normal with median $s_j^2 / 2$ and standard deviation 1 on the log scale, and keeps away from
zero.

## References

- D. B. Rubin and D. T. Thayer (1982). EM algorithms for ML factor analysis. *Psychometrika* 47,
  69–76.
- K. G. Jöreskog (1969). A general approach to confirmatory maximum likelihood factor analysis.
  *Psychometrika* 34, 183–202. The data, with three more of the tests.
- K. J. Holzinger and F. Swineford (1939). *A study in factor analysis: the stability of a bi-factor
  solution*. Supplementary Educational Monographs 48, University of Chicago.
"""

from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt

latents = ("z",)


def model(x, factors=2):
    n, d = x.shape
    mean, sd = np.mean(x, axis=0), np.std(x, axis=0)
    coords = {"observation": range(n), "variable": range(d), "factor": range(factors)}
    with pm.Model(coords=coords) as model:
        mu = pm.Normal("mu", mean, 2 * sd, dims="variable")
        W = pm.Normal("W", 0, sd[:, None], dims=("variable", "factor"))
        psi = pm.LogNormal("psi", np.log(sd**2 / 2), 1, dims="variable")
        z = pm.Normal("z", 0, 1, dims=("observation", "factor"))
        pm.Normal("x", mu + z @ W.T, pt.sqrt(psi), observed=x, dims=("observation", "variable"))
        covariance = pm.Deterministic("covariance", W @ W.T + pt.diag(psi))
        pm.Deterministic("uniqueness", psi / pt.diag(covariance))
    return model


def e_step(params, data):
    scaled, G = _scaled(params)
    z = np.linalg.solve(G, scaled.T @ (data["x"] - params["mu"]).T).T
    return {"z": z, "zz": len(z) * np.linalg.inv(G) + z.T @ z}


def m_step(expectations, data):
    x, z = data["x"], expectations["z"]
    n = len(x)
    centred, mean = x - np.mean(x, axis=0), np.mean(z, axis=0)
    S_zz = expectations["zz"] / n - np.outer(mean, mean)
    S_xz = centred.T @ z / n
    W = np.linalg.solve(S_zz, S_xz.T).T
    psi = np.mean(centred**2, axis=0) - np.sum(W * S_xz, axis=1)
    return {"mu": np.mean(x, axis=0) - W @ mean, "W": W, "psi": psi}


def log_likelihood(params, data):
    psi, (scaled, G) = params["psi"], _scaled(params)
    deviations = data["x"] - params["mu"]
    along = deviations @ scaled
    squares = np.sum(deviations**2 / psi) - np.sum(along * np.linalg.solve(G, along.T).T)
    log_determinant = np.sum(np.log(2 * np.pi * psi)) + np.linalg.slogdet(G).logabsdet
    return -0.5 * (len(deviations) * log_determinant + squares)


expectations = {"zz": lambda latents, data: latents["z"].T @ latents["z"]}


def initial(data, rng, factors=2):
    """The means of the data, half of every variance specific, loadings in random directions.

    Row j of W is normal, so that no direction is favoured, and makes for about the other half of
    the variance of variable j.
    """
    x = data["x"]
    _check(x, factors)
    variance = np.var(x, axis=0)
    spread = np.sqrt(variance / 2 / factors)
    return {
        "mu": np.mean(x, axis=0),
        "W": spread[:, None] * rng.normal(size=(x.shape[1], factors)),
        "psi": variance / 2,
    }


def example_data():
    table = Path(__file__).parent / "data" / "mental-tests.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1)}


def _scaled(params):
    """Loadings over specific variances, and G, the precision of z given x."""
    W = params["W"]
    scaled = W / params["psi"][:, None]
    return scaled, np.eye(W.shape[1]) + W.T @ scaled


def _check(x, factors):
    if np.ndim(x) != 2:
        raise ValueError(f"x should be a table of columns, not an array of shape {np.shape(x)}")
    n, d = x.shape
    if factors < 1:
        raise ValueError(f"factors must be at least 1, not {factors}")
    if factors >= d or (d - factors) ** 2 < d + factors:
        raise ValueError(
            f"{factors} factor{'s' if factors > 1 else ''} cannot be told from the covariances of "
            f"{d} column{'s' if d > 1 else ''}: (d - q)² must be at least d + q"
        )
    spread = np.ptp(x, axis=0)
    if not np.all(spread):
        column = int(np.argmin(spread))
        raise ValueError(f"column {column + 1} of x is {x[0, column]:g} in every row")
    standardised = (x - np.mean(x, axis=0)) / np.std(x, axis=0)
    rank = np.linalg.matrix_rank(standardised)
    if rank < d:
        raise ValueError(
            f"the {n} rows of x span {rank} dimension{'s' if rank > 1 else ''} of {d}: columns "
            f"that determine one another have an unbounded likelihood"
        )
