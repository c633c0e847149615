r"""Zero-inflated Poisson counts

Some of $n$ units cannot have any events at all; the others have a Poisson number of them. A zero
does not say which of the two it comes from. Unit $i$ is of the first kind, $z_i = 1$, with
probability $p$:

$$z_i \sim \mathrm{Bernoulli}(p), \qquad y_i \mid z_i = 1 \;\text{ is } 0, \qquad
y_i \mid z_i = 0 \sim \mathrm{Poisson}(\lambda) .$$

Write $\theta = (p, \lambda)$. A zero of the first kind is called *structural*. The first kind is
also a Poisson distribution, that of mean zero.

## Data

The example is the number of cholera cases in each of the 223 households of a village in India,
from McKendrick (1926):

| cases | 0 | 1 | 2 | 3 | 4 |
|---|---|---|---|---|---|
| households | 168 | 32 | 16 | 6 | 1 |

McKendrick asked how many of the households drew their water from the infected well, and put them
at 93. This is the earliest paper to which Dempster, Laird and Rubin (1977) refer; Meng
(1997) tells the story. The file holds one row a household, sorted.

## Complete-data log-likelihood

With $z$ known, the structural zeros are counted, and the other units are a Poisson sample:

$$\log p(y, z \mid \theta) = \sum_{i=1}^{n} z_i \log p + (1 - z_i) \left( \log (1 - p)
+ y_i \log \lambda - \lambda - \log y_i! \right) ,$$

for every $z$ that is possible, that is with $z_i = 0$ wherever $y_i > 0$.

## E step

The $z_i$ enter linearly. For a zero, Bayes' theorem weighs its two origins against each other; a
positive count has but one:

$$r_i = p(z_i = 1 \mid y_i, \theta') = \begin{cases}
p' / (p' + (1 - p')\, e^{-\lambda'}) & \text{if } y_i = 0 \\ 0 & \text{if } y_i > 0 . \end{cases}$$

## M step

$$Q(\theta \mid \theta') = \sum_i r_i \log p + (1 - r_i) \left( \log (1 - p)
+ y_i \log \lambda - \lambda \right) + \text{const}$$

is highest at

$$p = \frac{1}{n} \sum_i r_i, \qquad
\lambda = \frac{\sum_i (1 - r_i)\, y_i}{\sum_i (1 - r_i)} = \frac{\sum_i y_i}{n (1 - p)} .$$

All that it takes are the expected numbers of units of either kind and the sum of the counts, and
those of parts of the data add up.

## Observed log-likelihood

Let $n_0$ be the number of zeros, $n_+$ that of positive counts, and $S$ the sum of the counts.

$$\log p(y \mid \theta) = n_0 \log \left( p + (1 - p)\, e^{-\lambda} \right)
+ n_+ \left( \log (1 - p) - \lambda \right) + S \log \lambda - \sum_i \log y_i! .$$

The zeros alone tell of $p$, given $\lambda$. At the maximum their probability is their share,
$p + (1 - p)\, e^{-\lambda} = n_0 / n$, and the positive counts are a Poisson sample cut off at
zero, whose mean is matched:

$$\frac{\lambda}{1 - e^{-\lambda}} = \frac{S}{n_+}, \qquad
1 - p = \frac{n_+ / n}{1 - e^{-\lambda}} .$$

These are two equations for the two unknowns, and have one solution. In the example
$S / n_+ = 86/55$, so that $\lambda = 0.9722$ and $p = 0.6033$: an estimated 88.5 households were
exposed, of which 55 had cases and 33.5 escaped by chance. Caveats:

- **Slow where there is little to find.** Close to $p = 0$ almost nothing tells the zeros apart. Of
  von Bortkiewicz's 200 years of Prussian army corps, 109 had no death by horse kick, 65 had one,
  22 two, 3 three and 1 four: a Poisson sample, with $p = 0.013$ at the maximum, and an error that
  shrinks by a factor of 0.997 in each iteration.
- **Boundary.** If zeros are no more frequent than in a Poisson sample of the same mean,
  $n_0 / n \le e^{-S/n}$, the solution has $p \le 0$. The likelihood is then highest at $p = 0$,
  $\lambda = S/n$, and EM tends to there. Standard errors mean nothing at that point, and no
  posterior density has its bulk around it.
- **No zeros, or nothing else.** Neither says anything about the origin of zeros, and both are
  refused.
- **What the zeros are.** Any count distribution with more zeros than Poisson's will make $p$
  positive; that structural zeros exist is an assumption.

## Prior

The probability $p$ is uniform. The rate is log-normal with the mean of the positive counts as its
median and a standard deviation of 1 on the log scale: it moves with the unit of time in which
events are counted, and stays clear of zero, where $p$ would no longer matter.

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

latents = ("z",)

# Zero in all but name: small enough for p(y > 0) to be nothing beside any other term, and large
# enough for log p and its derivatives to be finite.
_NO_RATE = 1e-100


def model(y):
    with pm.Model(coords={"unit": range(len(y))}) as model:
        p = pm.Beta("p", 1, 1)
        lam = pm.LogNormal("lam", np.log(np.mean(y[y > 0])), 1)
        z = pm.Bernoulli("z", p, dims="unit")
        pm.Poisson("y", pm.math.switch(z, _NO_RATE, lam), observed=y, dims="unit")
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
    """Half of the zeros structural, the mean of the positive counts, each times a random factor.

    The maximum is the only one, and EM reaches it from anywhere. The factor of the rate is
    log-normal with 10 %; that of the share of zeros is uniform on 0.8 to 1.2.
    """
    y = data["y"]
    if np.ndim(y) != 1:
        raise ValueError(f"y should be one column of counts, not an array of shape {np.shape(y)}")
    wrong = np.flatnonzero((y < 0) | (y != np.floor(y)))
    if len(wrong):
        raise ValueError(f"y is {y[wrong[0]]:g} in row {wrong[0] + 1}: a count is 0, 1, 2, ...")
    if not np.any(y):
        raise ValueError("every value of y is zero: there is nothing to estimate a rate from")
    if np.all(y > 0):
        raise ValueError("y has no zeros: there is nothing to tell of structural ones")
    return {
        "p": 0.5 * np.mean(y == 0) * rng.uniform(0.8, 1.2),
        "lam": np.mean(y[y > 0]) * rng.lognormal(0, 0.1),
    }


def example_data():
    table = Path(__file__).parent / "data" / "cholera.csv"
    return {"y": np.loadtxt(table, skiprows=1)}
