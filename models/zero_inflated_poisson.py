r"""Zero-inflated Poisson counts

Some of $n$ units cannot have any events; the others have a Poisson number of events. A count of
zero may come from either kind of unit. Unit $i$ is of the first kind, $z_i = 1$, with probability
$p$:

$$z_i \sim \mathrm{Bernoulli}(p), \qquad y_i \mid z_i = 1 \;\text{ is } 0, \qquad
y_i \mid z_i = 0 \sim \mathrm{Poisson}(\lambda) .$$

Write $\theta = (p, \lambda)$. A zero of the first kind is called *structural*. The counts of the
first kind have a Poisson distribution with mean zero, so the model is a mixture of two Poisson
distributions.

## Data

The example, `cholera.csv`, is the number of cholera cases in each of the 223 households of a
village in India, from McKendrick (1926):

| cases | 0 | 1 | 2 | 3 | 4 |
|---|---|---|---|---|---|
| households | 168 | 32 | 16 | 6 | 1 |

McKendrick asked how many households used water from the infected well, and estimated 93. This is
the earliest paper to which Dempster, Laird and Rubin (1977) refer; Meng (1997) describes its
history. The file has one row for each household, sorted by count. A table of frequencies of your
own must be written out in the same way, in a column `y`.

## Complete-data log-likelihood

If $z$ were known, the structural zeros would be counted, and the other units would be a Poisson
sample:

$$\log p(y, z \mid \theta) = \sum_{i=1}^{n} z_i \log p + (1 - z_i) \left( \log (1 - p)
+ y_i \log \lambda - \lambda - \log y_i! \right) ,$$

for every possible $z$, that is, with $z_i = 0$ if $y_i > 0$.

## E step

The complete-data log-likelihood is linear in the $z_i$. By Bayes' theorem their expectations are

$$r_i = p(z_i = 1 \mid y_i, \theta') = \begin{cases}
p' / (p' + (1 - p')\, e^{-\lambda'}) & \text{if } y_i = 0 \\ 0 & \text{if } y_i > 0 . \end{cases}$$

## M step

$$Q(\theta \mid \theta') = \sum_i r_i \log p + (1 - r_i) \left( \log (1 - p)
+ y_i \log \lambda - \lambda \right) + \text{const}$$

is maximised by

$$p = \frac{1}{n} \sum_i r_i, \qquad
\lambda = \frac{\sum_i (1 - r_i)\, y_i}{\sum_i (1 - r_i)} = \frac{\sum_i y_i}{n (1 - p)} .$$

The M step needs the expected numbers of units of each kind and the sum of the counts. Each sum over
all data equals the total of the sums over parts of the data.

## Observed log-likelihood

Let $n_0$ be the number of zeros, $n_+$ the number of positive counts, and $S$ the sum of the
counts.

$$\log p(y \mid \theta) = n_0 \log \left( p + (1 - p)\, e^{-\lambda} \right)
+ n_+ \left( \log (1 - p) - \lambda \right) + S \log \lambda - \sum_i \log y_i! .$$

Given $\lambda$, only the number of zeros depends on $p$. At the maximum the probability of a zero
equals its share, $p + (1 - p)\, e^{-\lambda} = n_0 / n$. The positive counts are a sample of the
zero-truncated Poisson distribution, and their mean equals its expectation:

$$\frac{\lambda}{1 - e^{-\lambda}} = \frac{S}{n_+}, \qquad
1 - p = \frac{n_+ / n}{1 - e^{-\lambda}} .$$

These two equations have one solution. In the example $S / n_+ = 86/55$, so $\lambda = 0.9722$ and
$p = 0.6033$: an estimated 88.5 households were exposed, of which 55 had cases, and 33.5 had none by
chance. Caveats:

- **Slow convergence near $p = 0$.** The data then carry little information on the origin of the
  zeros. Of von Bortkiewicz's 200 years of Prussian army corps, 109 had no death by horse kick, 65
  had one, 22 two, 3 three and 1 four. This is close to a Poisson sample: $p = 0.013$ at the
  maximum, and each iteration multiplies the error by 0.997.
- **Boundary.** If zeros are no more frequent than in a Poisson sample with the same mean, $n_0 / n
  \le e^{-S/n}$, the solution of the equations has $p \le 0$. The likelihood is then highest at $p =
  0$, $\lambda = S/n$, and EM converges to this point. Standard errors do not apply to it, and the
  posterior is not centred at it.
- **No zeros, or only zeros.** Neither carries information on the origin of zeros; both are refused.
- **Interpretation.** Every distribution of counts with more zeros than the Poisson distribution
  leads to a positive $p$. The existence of structural zeros is an assumption.

## Prior

The probability $p$ is uniform. The rate is log-normal; its median is the mean of the positive
counts, and its standard deviation on the log scale is 1. The prior changes with the unit of time in
which events are counted. Its density vanishes at $\lambda = 0$, where $p$ is not identified.

## References

- A. G. McKendrick (1926). Applications of mathematics to medical problems. *Proceedings of the
  Edinburgh Mathematical Society* 44, 98–130.
- X.-L. Meng (1997). The EM algorithm and medical studies: a historical link. *Statistical Methods
  in Medical Research* 6, 3–23.
- D. Lambert (1992). Zero-inflated Poisson regression, with an application to defects in
  manufacturing. *Technometrics* 34, 1–14.
"""

import math
from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require

latents = ("z",)

# Replaces the rate 0 of structural zeros. It is so small that p(y > 0) is negligible, and so large
# that log p and its derivatives are finite.
_RATE_OF_STRUCTURAL_ZEROS = 1e-100


def model(y):
    with pm.Model(coords={"unit": range(len(y))}) as model:
        p = pm.Beta("p", 1, 1)
        lam = pm.LogNormal("lam", np.log(np.mean(y[y > 0])), 1)
        z = pm.Bernoulli("z", p, dims="unit")
        pm.Poisson("y", pm.math.switch(z, _RATE_OF_STRUCTURAL_ZEROS, lam), observed=y, dims="unit")
    return model


def e_step(params, data):
    p, lam = params["p"], params["lam"]
    structural = p / (p + (1 - p) * np.exp(-lam))
    r = np.where(data["y"] == 0, structural, 0.0)
    return {"z": np.stack([1 - r, r], axis=-1)}


def statistics(expectations, data):
    r = expectations["z"]
    return {"n": r.sum(axis=0), "y": data["y"] @ r[:, 0]}


def m_step(statistics, data):
    poisson, structural = statistics["n"]
    return {"p": structural / (poisson + structural), "lam": statistics["y"] / poisson}


def log_likelihood(params, data):
    p, lam, y = params["p"], params["lam"], data["y"]
    positive = y[y > 0]
    log_factorials = sum(math.lgamma(count + 1) for count in positive)
    zeros = (len(y) - len(positive)) * np.log(p + (1 - p) * np.exp(-lam))
    return (
        zeros
        + len(positive) * (np.log1p(-p) - lam)
        + np.sum(positive) * np.log(lam)
        - log_factorials
    )


def initial(data, rng):
    """Half of the share of zeros, and the mean of the positive counts, times random factors.

    The factor of the share is uniform between 0.8 and 1.2, and that of the rate is log-normal (0.1
    on the log scale). EM converges to the single maximum from all starting values.
    """
    y = data["y"]
    require.one_column("y", y)
    require.counts("y", y)
    require.not_all_zero("y", y, "a rate cannot be estimated")
    if np.all(y > 0):
        raise ValueError("y has no zeros: the share of structural zeros cannot be estimated")
    return {
        "p": 0.5 * np.mean(y == 0) * rng.uniform(0.8, 1.2),
        "lam": np.mean(y[y > 0]) * rng.lognormal(0, 0.1),
    }


def example_data():
    table = Path(__file__).parent / "data" / "cholera.csv"
    return {"y": np.loadtxt(table, skiprows=1)}
