r"""Mixture of Poisson distributions

Each of $n$ counts comes from one of $K$ groups that differ in their rate, and nobody recorded the
group. Count $i$ is of group $z_i = k$ with probability $w_k$; within group $k$ it is Poisson with
mean $\lambda_k$:

$$z_i \sim \mathrm{Categorical}(w), \qquad x_i \mid z_i = k \sim \mathrm{Poisson}(\lambda_k) .$$

Write $\theta = (w, \lambda)$. A single Poisson distribution has its variance equal to its mean. A
mixture is more dispersed: its variance exceeds the mean by the variance of $\lambda_{z}$.

## Data

The example is the number of death notices for women of 80 and over in *The Times*, London, on
each of the 1096 days of 1910 to 1912, as tabulated by Hasselblad (1969):

| deaths | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |
|---|---|---|---|---|---|---|---|---|---|---|
| days | 162 | 267 | 271 | 185 | 111 | 61 | 27 | 8 | 3 | 1 |

The mean is 2.157, the variance 2.605: more old people die in winter. The file holds one row a day,
as the model is of days; their order is not known, and the rows are sorted. A table of frequencies
has to be written out in the same way.

## Complete-data log-likelihood

With the groups known this is a sum over groups, each a Poisson sample of its own:

$$\log p(x, z \mid \theta) = \sum_{i=1}^{n} \sum_{k=1}^{K} [z_i = k]
\left( \log w_k + x_i \log \lambda_k - \lambda_k - \log x_i! \right) ,$$

where $[z_i = k]$ is 1 if count $i$ is of group $k$ and 0 if not.

## E step

The indicators enter linearly, and their expectations are by Bayes' theorem

$$r_{ik} = p(z_i = k \mid x_i, \theta') =
\frac{w'_k\, e^{-\lambda'_k} \lambda_k'^{\,x_i}}{\sum_{l} w'_l\, e^{-\lambda'_l}
\lambda_l'^{\,x_i}} .$$

The factorial is common to all groups and cancels. Powers of large counts overflow, so that the
computation is done with logarithms, the largest of a row taken out first.

## M step

With $n_k = \sum_i r_{ik}$,

$$Q(\theta \mid \theta') = \sum_{k} \left( n_k \log w_k
+ \log \lambda_k \sum_i r_{ik}\, x_i - n_k \lambda_k \right) + \text{const} .$$

Maximising it (over $w$ with a Lagrange multiplier for $\sum_k w_k = 1$) gives

$$w_k = \frac{n_k}{n}, \qquad \lambda_k = \frac{1}{n_k} \sum_i r_{ik}\, x_i .$$

Of the counts this takes $K$ sums of weights and $K$ weighted sums, and those of parts of the data
add up. After every M step $\sum_k w_k \lambda_k$ is the mean of the data.

## Observed log-likelihood

$$\log p(x \mid \theta) = \sum_{i} \log \sum_{k} w_k\, e^{-\lambda_k} \lambda_k^{x_i} / x_i! .$$

It is bounded, as no probability exceeds 1. Caveats:

- **Slow convergence.** Where groups overlap, little is known of $z$, and EM crawls: its rate is
  the share of information that is missing. In the example the errors along the slowest direction
  shrink by a factor of 0.99567 only, so that one more decimal takes 530 iterations. Up and down
  that ridge the log-likelihood hardly changes: from $w_1 = 0.3$, $\lambda = (1, 2.5)$ it is 0.035
  short of the maximum after 100 iterations, when $w_1$ is still 0.31 instead of 0.36. This made
  the example a standard test of methods that accelerate EM.
- **Several maxima.** The likelihood is highest for a finite number of groups, and no more will
  raise it (Lindsay 1983). In the example these are three, one of them with $\lambda = 0$ and a
  weight of 0.0067, for a log-likelihood that is 0.019 higher than that of two. From most starts EM
  does not find it: two of the three groups come to coincide, and there it ends. Of four groups,
  two and two coincide, and convergence is slower than linear. Two groups become one where the
  variance does not exceed the mean.
- **A rate of zero.** Where zeros are in excess, the maximum may have $\lambda_k = 0$; $0^0 = 1$
  in the formulas above. Standard errors mean nothing on that boundary, and the prior below keeps
  the posterior off it.
- **Labels.** Exchanging two groups changes nothing.

## Prior

Weights are uniform on the simplex. Rates are log-normal with the mean of the data as their median
and a standard deviation of 1 on the log scale; they move with the unit of time in which events are
counted, and stay clear of zero.

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
    _, height = responsibilities(_log_joint(params, data))
    return height - log_factorials


def initial(data, rng, components=2):
    """Equal weights, rates between the mean of the counts and those of equal parts of them.

    The sorted counts are cut into as many equal parts as there are components. A rate lies
    halfway between the mean of its part and the mean of all, so that none begins at zero, and is
    multiplied by a log-normal factor of 10 %, which tells parts with the same mean apart.
    """
    x = data["x"]
    if np.ndim(x) != 1:
        raise ValueError(f"x should be one column of counts, not an array of shape {np.shape(x)}")
    wrong = np.flatnonzero((x < 0) | (x != np.floor(x)))
    if len(wrong):
        raise ValueError(f"x is {x[wrong[0]]:g} in row {wrong[0] + 1}: a count is 0, 1, 2, ...")
    if components < 1:
        raise ValueError(f"components must be at least 1, not {components}")
    if not np.any(x):
        raise ValueError("every value of x is zero: there is nothing to estimate a rate from")
    distinct = len(np.unique(x))
    if components > distinct:
        raise ValueError(
            f"x has {distinct} distinct value{'s' if distinct > 1 else ''}, "
            f"too few for {components} components"
        )
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
