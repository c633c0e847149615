r"""Multivariate normal sample with missing values

The rows $x_1, \dots, x_n$ of a table are a sample of $d$ measurements,

$$x_i \sim \mathrm{N}_d(\mu, \Sigma) ,$$

of which any entry in any row may be missing. Write $o$ for the columns that are observed in row $i$
and $m$ for those that are missing; both depend on $i$. Vectors and matrices are divided
accordingly: $x_{io}$ and $x_{im}$, $\mu_o$ and $\mu_m$, $\Sigma_{oo}$, $\Sigma_{mo}$,
$\Sigma_{mm}$. The parameters are $\theta = (\mu, \Sigma)$.

Whether an entry is missing may depend on observed entries, but not on missing ones (*missing at
random*, Rubin 1976). The likelihood then does not need a model of the missingness.

The joint distribution of a row is declared as the distribution of the observed entries and the
conditional distribution of the missing entries:

$$x_{io} \sim \mathrm{N}(\mu_o, \Sigma_{oo}), \qquad
x_{im} \mid x_{io} \sim \mathrm{N}\left( \mu_m + B_i (x_{io} - \mu_o),\; C_i \right), \qquad
B_i = \Sigma_{mo} \Sigma_{oo}^{-1}, \quad C_i = \Sigma_{mm} - B_i \Sigma_{om} .$$

## Data

The example, `airquality.csv`, has measurements of the air of New York on the 153 days from May to
September 1973: ozone (parts per billion), solar radiation (langleys), wind (miles an hour) and
maximum temperature (degrees Fahrenheit). Ozone is missing on 37 days and radiation on 7; both are
missing on 2 of these days. The table is `airquality` of R, from Chambers, Cleveland, Kleiner and
Tukey (1983). A table of your own has one row for each unit and any number of columns; a missing
value is an empty cell or `nan`.

The table `murray.csv` has two columns and twelve rows, constructed by Murray (1977):

| | | | | | | | | | | | | |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
| first | 1 | 1 | −1 | −1 | 2 | 2 | −2 | −2 | | | | |
| second | 1 | −1 | 1 | −1 | | | | | 2 | 2 | −2 | −2 |

## Complete-data log-likelihood

$$\log p(x \mid \theta) = - \frac{n}{2} \log |2 \pi \Sigma|
- \frac{1}{2} \sum_{i=1}^{n} (x_i - \mu)^\top \Sigma^{-1} (x_i - \mu)$$

is linear in the sums $\sum_i x_i$ and $\sum_i x_i x_i^\top$. For numerical precision the second sum
is taken about a fixed point $c$, the means of the observed entries of each column: $T = \sum_i (x_i
- c) (x_i - c)^\top$.

## E step

With $B_i$ and $C_i$ at $\theta'$, the missing entries are predicted by their regression on the
observed ones, $\hat x_{im} = \mu'_m + B_i (x_{io} - \mu'_o)$, and $\hat x_{io} = x_{io}$. The
conditional covariance of the missing entries is added to the products:

$$\mathrm{E}[x_i \mid x_{io}, \theta'] = \hat x_i, \qquad
\mathrm{E}[T \mid x_o, \theta'] = \sum_i \left( (\hat x_i - c) (\hat x_i - c)^\top
+ \bar C_i \right) ,$$

where $\bar C_i$ is the $d \times d$ matrix with $C_i$ in the rows and columns $m$, and zeros
elsewhere. Rows with the same observed columns have the same $B_i$ and $C_i$, which are computed
once for all of them.

The latent `x_unobserved` has a row for each row of the table with missing values, and contains
these values from left to right. Rows with fewer missing values than others are filled with
independent standard normal entries, whose expectation is 0.

## M step

For a complete sample the maximum is the mean $\bar x$ and the covariance
$\frac{1}{n} \sum_i (x_i - \bar x) (x_i - \bar x)^\top$. $Q$ is the same function of the expected
sums, so

$$\mu = \frac{1}{n} \sum_i \hat x_i, \qquad
\Sigma = \frac{1}{n} \mathrm{E}[T \mid x_o, \theta'] - (\mu - c) (\mu - c)^\top .$$

The covariance of the table completed with $\hat x_i$ would omit $\bar C_i$: the variances would be
too small, and the more values are missing, the more so.

## Observed log-likelihood

$$\log p(x_o \mid \theta) = - \frac{1}{2} \sum_i \left( \log |2 \pi \Sigma_{oo}|
+ (x_{io} - \mu_o)^\top \Sigma_{oo}^{-1} (x_{io} - \mu_o) \right) .$$

- **Monotone patterns.** Suppose that the columns have an order in which every row with an observed
  value in a column has observed values in all earlier columns. Then the likelihood is the product
  of those of the regressions of each column on the columns before it, and the maximum has a closed
  form (Anderson 1957). Otherwise it has none.
- **Several maxima.** For `murray.csv` there are two, at the correlations $\pm \frac{1}{2}$ with
  both variances $\frac{8}{3}$. Between them, at correlation 0 and variances $\frac{5}{2}$, is a
  saddle point, which EM does not leave.
- **Rate.** Each iteration multiplies the error by the largest fraction of missing information among
  all functions of $\theta$.
- **Unbounded likelihood.** If the rows in which two columns are both observed lie on a line, or
  more generally those of several columns on a plane, $\Sigma$ can shrink to it, and the likelihood
  grows without bound.
- **Refused** are columns without variation or without observed values, and pairs of columns that
  are never observed together, or only in rows that lie on a line. Their correlation cannot be
  estimated.

## Prior

Let $s_j$ be the standard deviation of the observed entries of column $j$. The covariance $\Sigma =
L L^\top$ is declared through $L$. The diagonal entry of row $j$ is log-normal with median $s_j$ and
a standard deviation of 1 on the log scale (`scale`), and the entries below the diagonal are
$\mathrm{N}(0, s_j^2)$ (`shear`). The means are normal about the means of the observed entries with
standard deviation $2 s_j$.

## References

- T. W. Anderson (1957). Maximum likelihood estimates for a multivariate normal distribution when
  some observations are missing. *Journal of the American Statistical Association* 52, 200–203.
- D. B. Rubin (1976). Inference and missing data. *Biometrika* 63, 581–592.
- A. P. Dempster, N. M. Laird and D. B. Rubin (1977). Maximum likelihood from incomplete data via
  the EM algorithm. *Journal of the Royal Statistical Society B* 39, 1–38. Section 4.1.3; G. D.
  Murray's table is in the discussion.
- R. J. A. Little and D. B. Rubin (2002). *Statistical Analysis with Missing Data*, 2nd edition.
  Wiley. Chapter 11.
- J. M. Chambers, W. S. Cleveland, B. Kleiner and P. A. Tukey (1983). *Graphical Methods for Data
  Analysis*. Wadsworth.
"""

from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from latentfit import requirements as require

latents = ("x_unobserved",)

# Smallest singular value of two standardised columns that is not rounding.
_SMALLEST_SINGULAR_VALUE = 1e-6


def model(x):
    x = np.ma.filled(x, np.nan)
    centre, sd = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    i, j = np.tril_indices(len(centre), -1)
    coords = {
        "column": range(len(centre)),
        "below": [f"{row},{col}" for row, col in zip(i, j, strict=True)],
    }
    with pm.Model(coords=coords) as model:
        mu = pm.Normal("mu", centre, 2 * sd, dims="column")
        scale = pm.LogNormal("scale", np.log(sd), 1, dims="column")
        shear = pm.Normal("shear", 0, sd[i], dims="below")
        L = pt.diag(scale)[i, j].set(shear)
        cov = pm.Deterministic("cov", L @ L.T)
        # A row for each row with missing values; unused entries are standard normal.
        block = _missing_block(x)
        mean, covariance = pt.zeros(block.shape), pt.zeros((*block.shape, block.shape[1]))
        covariance = covariance + np.eye(block.shape[1])
        for k, (rows, o, m, place) in enumerate(_patterns(x)):
            conditional_mean, C = mu[m], cov[np.ix_(m, m)]
            if len(o):
                cov_oo = cov[np.ix_(o, o)]
                pm.MvNormal(f"x_{k}", mu[o], cov_oo, observed=x[np.ix_(rows, o)])
                B = pt.linalg.solve(cov_oo, cov[np.ix_(o, m)], assume_a="pos").T
                conditional_mean = conditional_mean + (x[np.ix_(rows, o)] - mu[o]) @ B.T
                C = C - B @ cov[np.ix_(o, m)]
            if size := len(m):
                mean = mean[place, :size].set(conditional_mean)
                covariance = covariance[place, :size, :size].set(C)
        pm.MvNormal("x_unobserved", mean, covariance, shape=block.shape)
    return model


def e_step(params, data):
    mu, cov = params["mu"], params["cov"]
    x = np.ma.filled(data["x"], np.nan)
    predicted, sum_of_C = np.zeros(_missing_block(x).shape), np.zeros_like(cov)
    for rows, o, m, place in _patterns(x):
        B = np.linalg.solve(cov[np.ix_(o, o)], cov[np.ix_(o, m)]).T
        predicted[place, : len(m)] = mu[m] + (x[np.ix_(rows, o)] - mu[o]) @ B.T
        C = cov[np.ix_(m, m)] - B @ cov[np.ix_(o, m)]
        sum_of_C[np.ix_(m, m)] += len(rows) * C
    return {"x_unobserved": predicted, "products": _products(predicted, data) + sum_of_C}


def m_step(expectations, data):
    x = _completed(expectations["x_unobserved"], data)
    mu = np.mean(x, axis=0)
    shift = mu - _centre(data)
    return {"mu": mu, "cov": expectations["products"] / len(x) - np.outer(shift, shift)}


def log_likelihood(params, data):
    mu, cov = params["mu"], params["cov"]
    x, total = np.ma.filled(data["x"], np.nan), 0.0
    for rows, o, _, _ in _patterns(x):
        L = np.linalg.cholesky(cov[np.ix_(o, o)])
        standardised = np.linalg.solve(L, (x[np.ix_(rows, o)] - mu[o]).T)
        log_root = np.sum(np.log(np.diag(L))) + len(o) / 2 * np.log(2 * np.pi)
        total -= len(rows) * log_root + np.sum(standardised**2) / 2
    return total


def _products(missing, data):
    deviations = _completed(missing, data) - _centre(data)
    return deviations.T @ deviations


expectations = {"products": lambda latents, data: _products(latents["x_unobserved"], data)}


def to_model(params):
    """The Cholesky factor, through which the declaration states the covariance."""
    L = np.linalg.cholesky(params["cov"])
    below = np.tril_indices(len(L), -1)
    return {"mu": params["mu"], "scale": np.diag(L), "shear": L[below]}


def initial(data, rng):
    """Means and variances of the observed entries of each column, and random correlations.

    Normal random terms with half a standard error are added to the means. The correlations are
    those of 4 d random vectors, since EM does not leave a saddle point at correlations of zero.
    """
    _check(data)
    x = np.ma.filled(data["x"], np.nan)
    sd = np.nanstd(x, axis=0)
    error = sd / np.sqrt(np.count_nonzero(~np.isnan(x), axis=0))
    correlations = np.corrcoef(rng.normal(size=(len(sd), 4 * len(sd))))
    return {
        "mu": _centre(data) + 0.5 * error * rng.normal(size=len(sd)),
        "cov": correlations * np.outer(sd, sd),
    }


def simulate(params, data, rng):
    drawn = rng.multivariate_normal(params["mu"], params["cov"], len(data["x"]), method="cholesky")
    return {"x": np.where(np.ma.getmaskarray(data["x"]), np.nan, drawn)}


def example_data():
    table = Path(__file__).parent / "data" / "airquality.csv"
    return {"x": np.genfromtxt(table, delimiter=",", skip_header=1)}


def _patterns(x):
    """Of each pattern of missing columns: its rows, columns o and m, and rows of the latent."""
    missing = np.isnan(x)
    place = np.cumsum(missing.any(axis=1)) - 1
    patterns, pattern = np.unique(missing, axis=0, return_inverse=True)
    for k, columns in enumerate(patterns):
        rows = np.flatnonzero(pattern.ravel() == k)
        yield rows, np.flatnonzero(~columns), np.flatnonzero(columns), place[rows]


def _missing_block(x):
    """Entries of the latent that are missing values: the first ones of each of its rows."""
    count = np.sum(np.isnan(x), axis=1)
    return np.arange(np.max(count)) < count[count > 0, None]


def _centre(data):
    """c, the means of the observed entries."""
    return np.ma.mean(data["x"], axis=0).filled(0.0)


def _completed(missing, data):
    """The table with values in place of the missing entries."""
    x = np.ma.filled(data["x"], np.nan)
    x[np.isnan(x)] = missing[_missing_block(x)]
    return x


def _check(data):
    require.table("x", data["x"], columns=2)
    x = np.ma.filled(data["x"], np.nan)
    observed = ~np.isnan(x)
    for j in range(x.shape[1]):
        values = x[observed[:, j], j]
        if not len(values):
            raise ValueError(f"column {j + 1} of x has no values")
        if np.ptp(values) == 0:
            raise ValueError(f"column {j + 1} of x is constant ({values[0]:g}): leave it out")
        for k in range(j):
            pairs = x[np.ix_(observed[:, j] & observed[:, k], [k, j])]
            columns = f"columns {k + 1} and {j + 1} of x"
            if not len(pairs):
                raise ValueError(f"{columns} are never observed in the same row")
            scaled = (pairs - np.mean(pairs, axis=0)) / np.nanstd(x[:, [k, j]], axis=0)
            if np.linalg.matrix_rank(scaled, tol=_SMALLEST_SINGULAR_VALUE) < 2:
                raise ValueError(f"the rows in which {columns} are both observed lie on a line")
