r"""Mixture of Poisson distributions

Each of $n$ counts comes from one of $K$ groups with different rates. The group of a count is not
recorded. Count $i$ belongs to group $z_i = k$ with probability $w_k$, and the counts of group $k$
are Poisson with mean $\lambda_k$:

$$z_i \sim \mathrm{Categorical}(w), \qquad x_i \mid z_i = k \sim \mathrm{Poisson}(\lambda_k) .$$

Write $\theta = (w, \lambda)$. The variance of a single Poisson distribution equals its mean. The
variance of a mixture exceeds its mean by the variance of $\lambda_{z}$.

## Data

The example, `times-deaths.csv`, is the number of death notices for women of 80 and over in *The
Times*, London, on each of the 1096 days of 1910 to 1912, as tabulated by Hasselblad (1969):

| deaths | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
|---|---|---|---|---|---|---|---|---|---|---|
| days | 162 | 267 | 271 | 185 | 111 | 61 | 27 | 8 | 3 | 1 |

The mean is 2.157 and the variance is 2.605: the rate of deaths is higher in winter. The file has
one row for each day, since the model describes days. The order of the days is not known, and the
rows are sorted by count. A table of frequencies of your own must be written out in the same way, in
a column `x`.

## Complete-data log-likelihood

If the groups were known, the data would be $K$ separate Poisson samples:

$$\log p(x, z \mid \theta) = \sum_{i=1}^{n} \sum_{k=1}^{K} [z_i = k]
\left( \log w_k + x_i \log \lambda_k - \lambda_k - \log x_i! \right) ,$$

where $[z_i = k]$ is 1 if count $i$ belongs to group $k$, and 0 otherwise.

## E step

The complete-data log-likelihood is linear in the indicators. Their expectations are by Bayes'
theorem

$$r_{ik} = p(z_i = k \mid x_i, \theta') =
\frac{w'_k\, e^{-\lambda'_k} \lambda_k'^{\,x_i}}{\sum_{l} w'_l\, e^{-\lambda'_l}
\lambda_l'^{\,x_i}} .$$

The factorial is common to all groups and cancels. Powers of large counts overflow, so the code
computes with logarithms and subtracts the largest logarithm of each row before it exponentiates.

## M step

With $n_k = \sum_i r_{ik}$,

$$Q(\theta \mid \theta') = \sum_{k} \left( n_k \log w_k
+ \log \lambda_k \sum_i r_{ik}\, x_i - n_k \lambda_k \right) + \text{const} .$$

Maximising it (over $w$ with a Lagrange multiplier for $\sum_k w_k = 1$) gives

$$w_k = \frac{n_k}{n}, \qquad \lambda_k = \frac{1}{n_k} \sum_i r_{ik}\, x_i .$$

The M step needs $K$ sums of responsibilities and $K$ weighted sums of counts. Each sum over all
data equals the total of the sums over parts of the data. After every M step $\sum_k w_k \lambda_k$
is the mean of the data.

## Observed log-likelihood

$$\log p(x \mid \theta) = \sum_{i} \log \sum_{k} w_k\, e^{-\lambda_k} \lambda_k^{x_i} / x_i! .$$

It is bounded, since no probability exceeds 1. Caveats:

- **Slow convergence.** The more the groups overlap, the larger is the fraction of missing
  information, which is the rate of EM. In the example each iteration multiplies the error in the
  slowest direction by 0.99567, so one more decimal takes 530 iterations. In this direction the
  log-likelihood is almost flat. From $w_1 = 0.3$, $\lambda = (1, 2.5)$ it is 0.035 below the
  maximum after 100 iterations, when $w_1$ is 0.31 instead of 0.36. The example is therefore a
  standard test of methods that accelerate EM.
- **Several maxima.** The likelihood is maximised by a finite number of groups; further groups do
  not increase it (Lindsay 1983). In the example this number is three. One of the three groups has
  $\lambda = 0$ and a weight of 0.0067, and the log-likelihood is 0.019 higher than that of two
  groups. From most starts EM does not find this maximum but converges to a point at which two of
  the three groups coincide. With four groups, two and two coincide, and convergence is slower than
  linear. Two groups coincide if the variance does not exceed the mean.
- **A rate of zero.** If there are more zeros than in a Poisson sample, the maximum may have
  $\lambda_k = 0$; the formulas above hold with $0^0 = 1$. Standard errors do not apply on this
  boundary, and the prior below keeps the posterior away from it.
- **Labels.** Exchanging two groups does not change the likelihood.

## Prior

The weights are uniform on the simplex. The rates are log-normal; their median is the mean of the
data, and their standard deviation on the log scale is 1. The prior changes with the unit of time in
which events are counted, and its density vanishes at zero.

## References

- V. Hasselblad (1969). Estimation of finite mixtures of distributions from the exponential family.
  *Journal of the American Statistical Association* 64, 1459–1471.
- B. G. Lindsay (1983). The geometry of mixture likelihoods: a general theory. *Annals of
  Statistics* 11, 86–94.
- K. Lange (1995). A quasi-Newton acceleration of the EM algorithm. *Statistica Sinica* 5, 1–18.
- R. Varadhan and C. Roland (2008). Simple and globally convergent methods for accelerating the
  convergence of any EM algorithm. *Scandinavian Journal of Statistics* 35, 335–353.
"""

import math
from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require
from latentfit.em.primitives import responsibilities

latents = ("z",)


def model(x, components=2):
    coords = {"component": range(components), "observation": range(len(x))}
    with pm.Model(coords=coords) as model:
        w = pm.Dirichlet("w", np.ones(components), dims="component")
        lam = pm.LogNormal("lam", np.log(np.mean(x)), 1, dims="component")
        z = pm.Categorical("z", w, dims="observation")
        pm.Poisson("x", lam[z], observed=x, dims="observation")
    return model


def e_step(params, data):
    r, _ = responsibilities(_log_joint(params, data))
    return {"z": r}


def statistics(expectations, data):
    r = expectations["z"]
    return {"n": r.sum(axis=0), "x": data["x"] @ r}


def m_step(statistics, data):
    n = statistics["n"]
    return {"w": n / n.sum(), "lam": statistics["x"] / n}


def log_likelihood(params, data):
    counts, times = np.unique(data["x"], return_counts=True)
    log_factorials = times @ [math.lgamma(count + 1) for count in counts]
    _, log_likelihood = responsibilities(_log_joint(params, data))
    return log_likelihood - log_factorials


def initial(data, rng, components=2):
    """Equal weights, and rates between the mean of the counts and the means of equal parts.

    The sorted counts are divided into one part of equal size for each component. A rate is halfway
    between the mean of its part and the mean of all counts, so no rate starts at zero. It is
    multiplied by a log-normal factor (0.1 on the log scale), so parts with equal means start at
    different rates.
    """
    x = data["x"]
    require.one_column("x", x)
    require.counts("x", x)
    require.at_least("components", components, 1)
    require.not_all_zero("x", x, "a rate cannot be estimated")
    require.distinct("x", x, components, "components")
    parts = [part.mean() for part in np.array_split(np.sort(x), components)]
    return {
        "w": np.full(components, 1 / components),
        "lam": (np.mean(x) + parts) / 2 * rng.lognormal(0, 0.1, components),
    }


def example_data():
    table = Path(__file__).parent / "data" / "times-deaths.csv"
    return {"x": np.loadtxt(table, skiprows=1)}


def _log_joint(params, data):
    """log p(x, z = k | θ) without the factorial, shape (observations, components)."""
    w, lam, x = params["w"], params["lam"], data["x"][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_power = np.where(x > 0, x * np.log(lam), 0.0)
        return np.log(w) + log_power - lam
