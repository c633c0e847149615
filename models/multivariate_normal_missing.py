r"""Multivariate normal sample with missing values

The rows $x_1, \dots, x_n$ of a table are a sample of $d$ measurements,

$$x_i \sim \mathrm{N}_d(\mu, \Sigma) ,$$

but some of the entries are missing, any of them in any row. Write $o$ for the columns that are seen
in row $i$ and $m$ for those that are not; both depend on $i$. Vectors and matrices are split
accordingly: $x_{io}$ and $x_{im}$, $\mu_o$ and $\mu_m$, $\Sigma_{oo}$, $\Sigma_{mo}$,
$\Sigma_{mm}$. The parameters are $\theta = (\mu, \Sigma)$.

That an entry is missing may depend on what is seen, but not on what is not (*missing at random*,
Rubin 1976). Then the process that hid it can be left out of the likelihood.

The joint distribution of a row is declared as that of what is seen, and of the rest given it:

$$x_{io} \sim \mathrm{N}(\mu_o, \Sigma_{oo}), \qquad
x_{im} \mid x_{io} \sim \mathrm{N}\left( \mu_m + B_i (x_{io} - \mu_o),\; C_i \right), \qquad
B_i = \Sigma_{mo} \Sigma_{oo}^{-1}, \quad C_i = \Sigma_{mm} - B_i \Sigma_{om} .$$

## Data

The example is the air of New York on the 153 days from May to September 1973: ozone (parts per
billion), solar radiation (langleys), wind (miles an hour) and maximum temperature (degrees
Fahrenheit). Ozone was not recorded on 37 days and radiation not on 7, of which 2 are the same. The
table is `airquality` of R, from Chambers, Cleveland, Kleiner and Tukey (1983). A table of one's own
has one row a unit and any number of columns, with nothing, or `nan`, where a value is missing.

`murray.csv` has two columns and twelve rows, made up by Murray (1977):

| | | | | | | | | | | | | |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
| first | 1 | 1 | −1 | −1 | 2 | 2 | −2 | −2 | | | | |
| second | 1 | −1 | 1 | −1 | | | | | 2 | 2 | −2 | −2 |

## Complete-data log-likelihood

$$\log p(x \mid \theta) = - \frac{n}{2} \log |2 \pi \Sigma|
- \frac{1}{2} \sum_{i=1}^{n} (x_i - \mu)^\top \Sigma^{-1} (x_i - \mu)$$

is linear in the sums $\sum_i x_i$ and $\sum_i x_i x_i^\top$. The second is taken about a point $c$
which does not change, the means of what is seen of each column, for the sake of precision:
$T = \sum_i (x_i - c) (x_i - c)^\top$.

## E step

With $B_i$ and $C_i$ at $\theta'$, the missing entries are predicted by their regression on the
others, $\hat x_{im} = \mu'_m + B_i (x_{io} - \mu'_o)$, and $\hat x_{io} = x_{io}$. What the
prediction leaves open is added to the products:

$$\mathrm{E}[x_i \mid x_{io}, \theta'] = \hat x_i, \qquad
\mathrm{E}[T \mid x_o, \theta'] = \sum_i \left( (\hat x_i - c) (\hat x_i - c)^\top
+ \bar C_i \right) ,$$

with $\bar C_i$ the $d \times d$ matrix that has $C_i$ in the rows and columns $m$, and zeros
elsewhere. Rows with the same columns seen have the same $B_i$ and $C_i$, which are computed once
for all of them.

The latent `x_unobserved` has a row for each row of the table that lacks values, and in it these
values from left to right. Rows that lack fewer than others are filled up with entries that are
standard normal and on which nothing depends: their expectation is 0.

## M step

The complete sample has its maximum at its mean $\bar x$ and its covariance
$\frac{1}{n} \sum_i (x_i - \bar x) (x_i - \bar x)^\top$. $Q$ is the same function of the expected
sums, so that

$$\mu = \frac{1}{n} \sum_i \hat x_i, \qquad
\Sigma = \frac{1}{n} \mathrm{E}[T \mid x_o, \theta'] - (\mu - c) (\mu - c)^\top .$$

Filling in $\hat x_i$ and taking the covariance of the filled-in table would leave out $\bar C_i$:
variances would be too small, the more so the more is missing.

## Observed log-likelihood

$$\log p(x_o \mid \theta) = - \frac{1}{2} \sum_i \left( \log |2 \pi \Sigma_{oo}|
+ (x_{io} - \mu_o)^\top \Sigma_{oo}^{-1} (x_{io} - \mu_o) \right) .$$

- **Monotone patterns.** If the columns can be put in an order in which whoever has a later one has
  all earlier ones, the likelihood falls apart into regressions of each column on those before it,
  and the maximum has a closed form (Anderson 1957). Otherwise there is none.
- **Several maxima.** In `murray.csv` there are two, at the correlations $\pm \frac{1}{2}$ with both
  variances $\frac{8}{3}$. Between them, at correlation 0 and variances $\frac{5}{2}$, is a saddle,
  from which EM does not move.
- **Rate.** The error shrinks in each iteration by the largest share of the information, on any
  function of $\theta$, that is missing.
- **Unbounded.** If the rows in which two columns are both seen lie on a line, or more generally
  those of some columns on a plane, $\Sigma$ can shrink to it, and the likelihood grows without
  bound.
- **Refused** are columns without any spread or without any value, and pairs of columns that are
  never seen together, of whose correlation nothing is known, or only in rows that lie on a line.

## Prior

$\Sigma = L L^\top$ is declared through $L$: what stands on its diagonal is log-normal with median
$s_j$ and a standard deviation of 1 on the log scale in row $j$ (`scale`), and what stands below is
normal about 0 with standard deviation $s_j$ (`shear`), $s_j$ being that of what is seen of column
$j$. Means are normal about the means of what is seen, with standard deviation $2 s_j$.

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
  Analysis*. Wadsworth."""

from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt

latents = ("x_unobserved",)


def model(x):
    x = np.ma.filled(x, np.nan)
    centre, spread = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    i, j = np.tril_indices(len(centre), -1)
    coords = {
        "column": range(len(centre)),
        "below": [f"{row},{col}" for row, col in zip(i, j, strict=True)],
    }
    with pm.Model(coords=coords) as model:
        mu = pm.Normal("mu", centre, 2 * spread, dims="column")
        scale = pm.LogNormal("scale", np.log(spread), 1, dims="column")
        shear = pm.Normal("shear", 0, spread[i], dims="below")
        L = pt.diag(scale)[i, j].set(shear)
        cov = pm.Deterministic("cov", L @ L.T)
        # A row for each that lacks values, filled up with standard normal entries.
        hole = _holes(x)
        mean, covariance = pt.zeros(hole.shape), pt.zeros((*hole.shape, hole.shape[1]))
        covariance = covariance + np.eye(hole.shape[1])
        for k, (rows, seen, hidden, short) in enumerate(_patterns(x)):
            given, within = mu[hidden], cov[np.ix_(hidden, hidden)]
            if len(seen):
                own = cov[np.ix_(seen, seen)]
                pm.MvNormal(f"x_{k}", mu[seen], own, observed=x[np.ix_(rows, seen)])
                B = pt.linalg.solve(own, cov[np.ix_(seen, hidden)], assume_a="pos").T
                given = given + (x[np.ix_(rows, seen)] - mu[seen]) @ B.T
                within = within - B @ cov[np.ix_(seen, hidden)]
            if h := len(hidden):
                mean = mean[short, :h].set(given)
                covariance = covariance[short, :h, :h].set(within)
        pm.MvNormal("x_unobserved", mean, covariance, shape=hole.shape)
    return model


def e_step(params, data):
    mu, cov = params["mu"], params["cov"]
    x = np.ma.filled(data["x"], np.nan)
    predicted, open_ = np.zeros(_holes(x).shape), np.zeros_like(cov)
    for rows, seen, hidden, short in _patterns(x):
        B = np.linalg.solve(cov[np.ix_(seen, seen)], cov[np.ix_(seen, hidden)]).T
        predicted[short, : len(hidden)] = mu[hidden] + (x[np.ix_(rows, seen)] - mu[seen]) @ B.T
        C = cov[np.ix_(hidden, hidden)] - B @ cov[np.ix_(seen, hidden)]
        open_[np.ix_(hidden, hidden)] += len(rows) * C
    return {"x_unobserved": predicted, "products": _products(predicted, data) + open_}


def m_step(expectations, data):
    x = _filled(expectations["x_unobserved"], data)
    mu = np.mean(x, axis=0)
    apart = mu - _centre(data)
    return {"mu": mu, "cov": expectations["products"] / len(x) - np.outer(apart, apart)}


def log_likelihood(params, data):
    mu, cov = params["mu"], params["cov"]
    x, total = np.ma.filled(data["x"], np.nan), 0.0
    for rows, seen, _, _ in _patterns(x):
        L = np.linalg.cholesky(cov[np.ix_(seen, seen)])
        white = np.linalg.solve(L, (x[np.ix_(rows, seen)] - mu[seen]).T)
        log_root = np.sum(np.log(np.diag(L))) + len(seen) / 2 * np.log(2 * np.pi)
        total -= len(rows) * log_root + np.sum(white**2) / 2
    return total


def _products(hidden, data):
    gap = _filled(hidden, data) - _centre(data)
    return gap.T @ gap


expectations = {"products": lambda latents, data: _products(latents["x_unobserved"], data)}


def to_model(params):
    """The Cholesky factor that the covariance is declared through."""
    L = np.linalg.cholesky(params["cov"])
    below = np.tril_indices(len(L), -1)
    return {"mu": params["mu"], "scale": np.diag(L), "shear": L[below]}


def initial(data, rng):
    """Means and variances of what is seen of each column, and correlations at random.

    The means are moved by half a standard error. The correlations are those of 4 d random vectors:
    EM does not leave a saddle at correlations of zero.
    """
    _check(data)
    x = np.ma.filled(data["x"], np.nan)
    spread = np.nanstd(x, axis=0)
    error = spread / np.sqrt(np.count_nonzero(~np.isnan(x), axis=0))
    correlations = np.corrcoef(rng.normal(size=(len(spread), 4 * len(spread))))
    return {
        "mu": _centre(data) + 0.5 * error * rng.normal(size=len(spread)),
        "cov": correlations * np.outer(spread, spread),
    }


def simulate(params, data, rng):
    drawn = rng.multivariate_normal(params["mu"], params["cov"], len(data["x"]), method="cholesky")
    return {"x": np.where(np.ma.getmaskarray(data["x"]), np.nan, drawn)}


def example_data():
    table = Path(__file__).parent / "data" / "airquality.csv"
    return {"x": np.genfromtxt(table, delimiter=",", skip_header=1)}


def _patterns(x):
    """Rows with the same columns missing; the columns seen, and those not.

    With them the numbers of these rows among those that lack anything.
    """
    missing = np.isnan(x)
    number = np.cumsum(missing.any(axis=1)) - 1
    kinds, kind = np.unique(missing, axis=0, return_inverse=True)
    for k, absent in enumerate(kinds):
        rows = np.flatnonzero(kind.ravel() == k)
        yield rows, np.flatnonzero(~absent), np.flatnonzero(absent), number[rows]


def _holes(x):
    """Which entries of the latent are missing values: as many of its row, from the left."""
    count = np.sum(np.isnan(x), axis=1)
    return np.arange(np.max(count)) < count[count > 0, None]


def _centre(data):
    return np.ma.mean(data["x"], axis=0).filled(0.0)


def _filled(hidden, data):
    x = np.ma.filled(data["x"], np.nan)
    x[np.isnan(x)] = hidden[_holes(x)]
    return x


def _check(data):
    if np.ndim(data["x"]) != 2 or np.shape(data["x"])[1] < 2:
        raise ValueError("x should be a table of at least two columns")
    x = np.ma.filled(data["x"], np.nan)
    seen = ~np.isnan(x)
    for j in range(x.shape[1]):
        own = x[seen[:, j], j]
        if not len(own):
            raise ValueError(f"column {j + 1} of x has no values")
        if np.ptp(own) == 0:
            raise ValueError(f"column {j + 1} of x is constant ({own[0]:g}): leave it out")
        for k in range(j):
            pairs = x[np.ix_(seen[:, j] & seen[:, k], [k, j])]
            named = f"columns {k + 1} and {j + 1} of x"
            if not len(pairs):
                raise ValueError(f"{named} are never seen in the same row")
            scaled = (pairs - np.mean(pairs, axis=0)) / np.nanstd(x[:, [k, j]], axis=0)
            if np.linalg.matrix_rank(scaled, tol=1e-6) < 2:
                raise ValueError(f"{named} lie on a line wherever both are seen")
