r"""Factor analysis

The correlations among $d$ observed variables are explained by $q$ latent *factors*, on which each
variable depends linearly. Given the factors $z_i$ of individual $i$, the variables are independent,
each with a variance of its own:

$$z_i \sim \mathrm{N}(0, I_q), \qquad x_i \mid z_i \sim \mathrm{N}(\mu + W z_i,\; \Psi), \qquad
\Psi = \mathrm{diag}(\psi_1, \dots, \psi_d) .$$

The parameters are the means $\mu$, the loadings $W$ (a $d \times q$ matrix) and the specific
variances $\psi$. The option `--set factors=2` sets the number of factors. Marginally, an
observation is normal with covariance $C = W W^\top + \Psi$, in the code `covariance`. The share of
the variance of variable $j$ that the factors do not explain, $\psi_j / C_{jj}$, is its
`uniqueness`.

**What is not identified.** For any orthogonal matrix $R$, the loadings $W R$ and the factors
$R^\top z$ give the same distribution of $x$ as $W$ and $z$. The factors may therefore be rotated,
and each factor may change its sign. The identified quantities are $\mu$, $\psi$ and $C$. The $d(d +
1)/2$ variances and covariances must determine $d q + d - q(q-1)/2$ parameters, so $(d - q)^2 \ge d
+ q$ is required; a larger number of factors is refused. One factor needs three variables, two
factors need five.

## Data

The example, `mental-tests.csv`, has six of the tests of mental ability that Holzinger and Swineford
(1939) gave to children of two schools in Chicago. It contains the 145 pupils of Grant-White school,
the sample that Jöreskog (1969) used. The columns are `visual` perception, `cubes` and `lozenges`,
which are tests of spatial ability, and `paragraph` comprehension, `sentence` completion and `word`
meaning, which are tests of verbal ability. They are the variables x1 to x6 of
`HolzingerSwineford1939` in the R package lavaan.

In a table of your own every column is a variable and every row an observation, without missing
values. Use `--column x=a,b,c` to select the columns. The units of the variables do not matter.

## Complete-data log-likelihood

If $z$ were known, every variable would follow a linear regression on $z$ with a variance of its
own. Let $w_j$ be row $j$ of $W$:

$$\log p(x, z \mid \theta) = -\frac12 \sum_{j=1}^{d} \Bigl( n \log 2\pi\psi_j
+ \frac{1}{\psi_j} \sum_{i=1}^{n} (x_{ij} - \mu_j - w_j^\top z_i)^2 \Bigr)
- \frac{n q}{2} \log 2\pi - \frac12 \sum_i \lVert z_i \rVert^2 .$$

Expanding the squares shows that it is linear in $z_i$ and in $\sum_i z_i z_i^\top$.

## E step

The exponent is a quadratic function of $z_i$, so the conditional distribution of $z_i$ given $x_i$
is normal. Its precision is the matrix of the quadratic form, and its mean is the point where the
gradient vanishes:

$$G = I_q + W^\top \Psi^{-1} W, \qquad
\mathrm{E}[z_i \mid x_i] = G^{-1} W^\top \Psi^{-1} (x_i - \mu), \qquad
\mathrm{Cov}(z_i \mid x_i) = G^{-1} .$$

The covariance is the same for all observations, so

$$\sum_i \mathrm{E}[z_i z_i^\top \mid x_i] = n G^{-1}
+ \sum_i \mathrm{E}[z_i \mid x_i]\, \mathrm{E}[z_i \mid x_i]^\top ,$$

in the code `zz`. Only matrices of size $q \times q$ are inverted.

## M step

$Q$ is a sum over the variables. Each term is a regression on $z$ in which the squares are replaced
by their expectations. Let $S$ be the covariance of the data with divisor $n$, and let bars denote
means over the observations:

$$S_{zz} = \overline{\mathrm{E}[z z^\top]}
- \overline{\mathrm{E}[z]}\; \overline{\mathrm{E}[z]}^\top, \qquad
S_{xz} = \overline{(x - \bar x)\, \mathrm{E}[z]^\top} .$$

Setting the derivatives with respect to $\mu$, $W$ and $\psi$ to zero gives the normal equations

$$W = S_{xz} S_{zz}^{-1}, \qquad \mu = \bar x - W\, \overline{\mathrm{E}[z]}, \qquad
\psi = \operatorname{diag} \left( S - W S_{xz}^\top \right) .$$

If $\mu = \bar x$, the mean of $\mathrm{E}[z]$ is zero, and the M step does not change $\mu$. With
the mean of the diagonal in place of the diagonal, this is the M step of probabilistic principal
component analysis.

## Observed log-likelihood

With $\tilde S = \frac1n \sum_i (x_i - \mu)(x_i - \mu)^\top$,

$$\log p(x \mid \theta) = -\frac{n}{2} \left( d \log 2\pi + \log |C|
+ \operatorname{tr} C^{-1} \tilde S \right),$$

where by the matrix determinant lemma and Woodbury's identity

$$\log |C| = \log |G| + \sum_j \log \psi_j, \qquad
\operatorname{tr} C^{-1} \tilde S = \sum_j \tilde S_{jj} / \psi_j
- \operatorname{tr} G^{-1} W^\top \Psi^{-1} \tilde S\, \Psi^{-1} W .$$

The maximum has no closed form. At the maximum $\mu = \bar x$ and $C_{jj} = S_{jj}$: the model
reproduces the variances exactly, but the covariances only approximately. In the example the
log-likelihood is $-1169.031$; with $C = S$ it would be $-1168.491$.

- **Rotation.** The starting values determine the rotation of the estimated factors. To interpret
  the factors, rotate $W$ afterwards, for example by varimax.
- **Boundary.** The maximum may have a specific variance of zero (a *Heywood case*), in particular
  if the number of factors is as large as possible. One factor then equals a variable. EM converges
  to such a maximum ever more slowly, and the entry has no standard error.
- **Several maxima** are possible. Compare several starts.
- **Slow convergence.** In the example each iteration multiplies the error by 0.92. The closer a
  specific variance is to zero, the slower EM converges.
- **Number of factors.** The maximal log-likelihood never decreases with the number of factors.
  Twice its difference from the log-likelihood at $C = S$, here 1.08, is approximately chi-squared
  with $((d - q)^2 - d - q) / 2 = 4$ degrees of freedom if two factors suffice.

## Prior

Let $s_j$ be the standard deviation of variable $j$. The means are $\mathrm{N}(\bar x_j, (2
s_j)^2)$. The entries of row $j$ of $W$ are $\mathrm{N}(0, s_j^2)$, a prior that does not change
under rotations. The specific variance $\psi_j$ is log-normal with median $s_j^2 / 2$ and a standard
deviation of 1 on the log scale; its density vanishes at zero.

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

from latentfit import requirements as require

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
    projected = deviations @ scaled
    squares = np.sum(deviations**2 / psi) - np.sum(projected * np.linalg.solve(G, projected.T).T)
    log_determinant = np.sum(np.log(2 * np.pi * psi)) + np.linalg.slogdet(G).logabsdet
    return -0.5 * (len(deviations) * log_determinant + squares)


expectations = {"zz": lambda latents, data: latents["z"].T @ latents["z"]}


def initial(data, rng, factors=2):
    """The means of the data, half of each variance as specific variance, and random loadings.

    The entries of row j of W are normal, so every direction of the factors is equally likely. Their
    variance is such that the factors explain about half of the variance of variable j.
    """
    x = data["x"]
    _check(x, factors)
    variance = np.var(x, axis=0)
    sd = np.sqrt(variance / 2 / factors)
    return {
        "mu": np.mean(x, axis=0),
        "W": sd[:, None] * rng.normal(size=(x.shape[1], factors)),
        "psi": variance / 2,
    }


def example_data():
    table = Path(__file__).parent / "data" / "mental-tests.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1)}


def _scaled(params):
    """Ψ⁻¹ W, and G, the precision of z given x."""
    W = params["W"]
    scaled = W / params["psi"][:, None]
    return scaled, np.eye(W.shape[1]) + W.T @ scaled


def _check(x, factors):
    require.table("x", x)
    require.at_least("factors", factors, 1)
    n, d = x.shape
    if factors >= d or (d - factors) ** 2 < d + factors:
        raise ValueError(
            f"the covariances of {d} column{'s' if d > 1 else ''} do not determine {factors} "
            f"factor{'s' if factors > 1 else ''}: (d - q)² must be at least d + q"
        )
    require.variation_in_each_column("x", x)
    standardised = (x - np.mean(x, axis=0)) / np.std(x, axis=0)
    rank = np.linalg.matrix_rank(standardised)
    if rank < d:
        raise ValueError(
            f"the {n} rows of x span {rank} dimension{'s' if rank > 1 else ''} of {d}: the "
            f"likelihood is unbounded if columns are linearly dependent"
        )
