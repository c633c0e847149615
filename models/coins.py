r"""Two coins, tossed without saying which

Two coins, A and B, show heads with probabilities $\theta_A$ and $\theta_B$. Before each of $n$ sets
of tosses one of the two coins is picked at random, and the choice is not recorded. Set $i$ consists
of $m_i$ tosses with the same coin, of which $h_i$ show heads:

$$z_i \sim \mathrm{Categorical}(\tfrac12, \tfrac12), \qquad
h_i \mid z_i = k \sim \mathrm{Binomial}(m_i, \theta_k), \qquad k \in \{A, B\} .$$

Each coin is picked with probability one half. These probabilities are known and not estimated.

## Data

The example is that of Do and Batzoglou (2008), which many introductions to EM use: five sets of ten
tosses.

| set | 1 | 2 | 3 | 4 | 5 |
|---|---|---|---|---|---|
| heads | 5 | 9 | 8 | 4 | 7 |
| tosses | 10 | 10 | 10 | 10 | 10 |
| coin | B | A | A | B | A |

EM does not use the last line. With it the estimates would be $\hat\theta_A = 24/30 = 0.80$ and
$\hat\theta_B = 9/20 = 0.45$.

A table of your own has a row for each set, with the columns `heads` and `tosses`.

## Complete-data log-likelihood

$$\log p(h, z \mid \theta) = \sum_{i=1}^{n} \sum_{k} [z_i = k] \left( \log \tfrac12
+ h_i \log \theta_k + (m_i - h_i) \log (1 - \theta_k) + \log \tbinom{m_i}{h_i} \right) ,$$

where $[z_i = k]$ is 1 if set $i$ was tossed with coin $k$, and 0 otherwise. If the coins were
known, the estimate of $\theta_k$ would be the number of heads with coin $k$ divided by the number
of tosses with coin $k$.

## E step

The complete-data log-likelihood is linear in the indicators. By Bayes' theorem, in which the
factors one half and the binomial coefficients cancel, the probability that set $i$ was tossed with
coin $k$ is

$$r_{ik} = p(z_i = k \mid h_i, \theta') = \frac{\theta_k'^{\,h_i} (1 - \theta'_k)^{m_i - h_i}}
{\sum_l \theta_l'^{\,h_i} (1 - \theta'_l)^{m_i - h_i}} .$$

At $\theta' = (0.60, 0.50)$ this probability is 0.45 for coin A in the first set, so 2.2 of its 5
heads are attributed to A, and 2.8 to B.

## M step

$$Q(\theta \mid \theta') = \sum_k \sum_i r_{ik} \left( h_i \log \theta_k
+ (m_i - h_i) \log (1 - \theta_k) \right) + \text{const}$$

is maximised by the expected number of heads divided by the expected number of tosses:

$$\theta_k = \frac{\sum_i r_{ik}\, h_i}{\sum_i r_{ik}\, m_i} .$$

The first step from $(0.60, 0.50)$ gives $(0.71, 0.58)$; the tenth step gives $(0.80, 0.52)$.

## Observed log-likelihood

$$\log p(h \mid \theta) = \sum_i \log \left( \tbinom{m_i}{h_i} \sum_k \tfrac12\,
\theta_k^{h_i} (1 - \theta_k)^{m_i - h_i} \right) .$$

Caveats:

- **Equal starting values.** If EM starts with $\theta_A = \theta_B$, all responsibilities are one
  half. After one step both parameters equal the overall share of heads, and EM does not leave this
  point. It is usually a saddle point.
- **One coin.** If the shares of heads vary no more than expected by chance, the maximum itself may
  have $\theta_A = \theta_B$. With a single set, or with equal shares in all sets, two coins cannot
  be distinguished, and the data are refused.
- **Labels.** Exchanging the two coins does not change the likelihood. The starting values alone
  decide which coin is called A.
- **Boundary.** A coin that only shows heads has the estimate $\theta_k = 1$. The code computes
  $0 \log 0$ as 0.

## Prior

The two probabilities are independent with a Beta(2, 2) distribution. It is symmetric about a fair
coin, and its density vanishes at 0 and at 1. It counts as one additional head and one additional
tail for each coin.

## References

- C. B. Do and S. Batzoglou (2008). What is the expectation maximization algorithm? *Nature
  Biotechnology* 26, 897–899.
"""

import math
from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require
from latentfit.em.primitives import responsibilities

latents = ("z",)


def model(heads, tosses):
    coords = {"coin": ["A", "B"], "set": range(len(heads))}
    with pm.Model(coords=coords) as model:
        tosses = pm.Data("tosses", np.asarray(tosses, dtype=int), dims="set")
        theta = pm.Beta("theta", 2, 2, dims="coin")
        z = pm.Categorical("z", [0.5, 0.5], dims="set")
        pm.Binomial("heads", tosses, theta[z], observed=heads, dims="set")
    return model


def e_step(params, data):
    r, _ = responsibilities(_log_joint(params, data))
    return {"z": r}


def m_step(expectations, data):
    r = expectations["z"]
    return {"theta": (data["heads"] @ r) / (data["tosses"] @ r)}


def log_likelihood(params, data):
    log_coefficients = sum(
        math.lgamma(m + 1) - math.lgamma(h + 1) - math.lgamma(m - h + 1)
        for h, m in zip(data["heads"], data["tosses"], strict=True)
    )
    _, log_likelihood = responsibilities(_log_joint(params, data))
    return log_likelihood + log_coefficients


def initial(data, rng):
    """The share of heads in the sets with larger shares for coin A, in the other sets for coin B.

    The sets are ordered by their shares of heads and divided into two halves. Each of the two
    shares is then moved towards the overall share by a random fraction between 0 and 50 %, so
    neither starts at 0 or 1 unless all sets have this share.
    """
    heads, tosses = data["heads"], data["tosses"]
    _check(heads, tosses)
    share = heads / tosses
    order = np.argsort(-share, kind="stable")
    upper, lower = order[: (len(order) + 1) // 2], order[(len(order) + 1) // 2 :]
    shares = np.array([heads[s].sum() / tosses[s].sum() for s in (upper, lower)])
    return {"theta": shares + rng.uniform(0, 0.5, 2) * (heads.sum() / tosses.sum() - shares)}


def example_data():
    table = Path(__file__).parent / "data" / "coins.csv"
    heads, tosses = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"heads": heads, "tosses": tosses}


def _log_joint(params, data):
    """Log p(h, z = k | θ) without the binomial coefficient, shape (sets, coins)."""
    theta, heads = params["theta"], data["heads"][:, None]
    tails = data["tosses"][:, None] - heads
    with np.errstate(divide="ignore", invalid="ignore"):
        log_heads = np.where(heads > 0, heads * np.log(theta), 0.0)
        log_tails = np.where(tails > 0, tails * np.log1p(-theta), 0.0)
    return np.log(0.5) + log_heads + log_tails


def _check(heads, tosses):
    require.columns_of_one_length(heads=heads, tosses=tosses)
    require.counts("heads", heads)
    require.counts("tosses", tosses, least=1)
    wrong = np.flatnonzero(heads > tosses)
    if len(wrong):
        row = wrong[0]
        raise ValueError(f"row {row + 1} has {heads[row]:g} heads in {tosses[row]:g} tosses")
    if np.ptp(heads / tosses) == 0:
        share = heads[0] / tosses[0]
        raise ValueError(
            f"the share of heads is {share:g} in every set: two coins cannot be distinguished"
        )
