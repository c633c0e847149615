r"""Two coins, tossed without saying which

Two coins, A and B, show heads with probabilities $\theta_A$ and $\theta_B$. Before each of $n$
sets of tosses one of the two was picked at random, and nobody wrote down which. Set $i$ consists
of $m_i$ tosses with the same coin, $h_i$ of them heads:

$$z_i \sim \mathrm{Categorical}(\tfrac12, \tfrac12), \qquad
h_i \mid z_i = k \sim \mathrm{Binomial}(m_i, \theta_k), \qquad k \in \{A, B\} .$$

The probabilities of picking a coin are known, one half each, and are not estimated.

## Data

The example is the one of Do and Batzoglou (2008), with which many introductions to EM begin: five
sets of ten tosses.

| set | 1 | 2 | 3 | 4 | 5 |
|---|---|---|---|---|---|
| heads | 5 | 9 | 8 | 4 | 7 |
| tosses | 10 | 10 | 10 | 10 | 10 |
| coin | B | A | A | B | A |

The last line is what EM is not told. With it, $\hat\theta_A = 24/30 = 0.80$ and
$\hat\theta_B = 9/20 = 0.45$.

## Complete-data log-likelihood

$$\log p(h, z \mid \theta) = \sum_{i=1}^{n} \sum_{k} [z_i = k] \left( \log \tfrac12
+ h_i \log \theta_k + (m_i - h_i) \log (1 - \theta_k) + \log \tbinom{m_i}{h_i} \right) ,$$

where $[z_i = k]$ is 1 if set $i$ was tossed with coin $k$ and 0 if not. Estimating $\theta_k$ from
it is counting: heads with coin $k$ over tosses with coin $k$.

## E step

The indicators enter linearly. By Bayes' theorem, in which the halves and the binomial
coefficients cancel, set $i$ was tossed with coin $k$ with probability

$$r_{ik} = p(z_i = k \mid h_i, \theta') = \frac{\theta_k'^{\,h_i} (1 - \theta'_k)^{m_i - h_i}}
{\sum_l \theta_l'^{\,h_i} (1 - \theta'_l)^{m_i - h_i}} .$$

From $\theta' = (0.60, 0.50)$ the first set is A's with probability 0.45, and 2.2 of its 5 heads
are booked on A, 2.8 on B.

## M step

$$Q(\theta \mid \theta') = \sum_k \sum_i r_{ik} \left( h_i \log \theta_k
+ (m_i - h_i) \log (1 - \theta_k) \right) + \text{const}$$

is highest where expected heads are divided by expected tosses:

$$\theta_k = \frac{\sum_i r_{ik}\, h_i}{\sum_i r_{ik}\, m_i} .$$

From $(0.60, 0.50)$ the first step leads to $(0.71, 0.58)$; after ten it is $(0.80, 0.52)$.

## Observed log-likelihood

$$\log p(h \mid \theta) = \sum_i \log \left( \tbinom{m_i}{h_i} \sum_k \tfrac12\,
\theta_k^{h_i} (1 - \theta_k)^{m_i - h_i} \right) .$$

Caveats:

- **A ridge to avoid.** Started with $\theta_A = \theta_B$, the responsibilities are all one half:
  after one step both are the overall share of heads, and EM stays there. As a rule that is a
  saddle point.
- **One coin.** If the shares of heads vary no more than chance would have it, the maximum may
  itself have $\theta_A = \theta_B$. With a single set, or equal shares in all sets, nothing tells
  two coins apart, and the data are refused.
- **Labels.** Exchanging the two coins changes nothing. Which one is called A is settled by the
  start alone.
- **Boundary.** A coin that only ever shows heads has $\theta_k = 1$, where $0 \log 0 = 0$.

## Prior

Both probabilities are Beta(2, 2), independently: symmetric about a fair coin, with density falling
to zero at 0 and at 1. It adds one head and one tail to what was seen of each coin.

## References

- C. B. Do and S. Batzoglou (2008). What is the expectation maximization algorithm? *Nature
  Biotechnology* 26, 897–899.
"""

import math
from pathlib import Path

import numpy as np
import pymc as pm

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
    log_ways = sum(
        math.lgamma(m + 1) - math.lgamma(h + 1) - math.lgamma(m - h + 1)
        for h, m in zip(data["heads"], data["tosses"], strict=True)
    )
    _, height = responsibilities(_log_joint(params, data))
    return height + log_ways


def initial(data, rng):
    """The share of heads in the upper half of the sets for one coin, in the lower for the other.

    Sets are ordered by their shares. Both shares are then drawn towards the overall one by a
    random part, 0 to 50 %, so that a coin begins neither at 0 nor at 1 unless all do.
    """
    heads, tosses = data["heads"], data["tosses"]
    if np.ndim(heads) != 1 or np.shape(heads) != np.shape(tosses):
        raise ValueError(
            f"heads and tosses should be two columns of one length, not arrays of shapes "
            f"{np.shape(heads)} and {np.shape(tosses)}"
        )
    for name, counts, least in (("heads", heads, 0), ("tosses", tosses, 1)):
        wrong = np.flatnonzero((counts < least) | (counts != np.floor(counts)))
        if len(wrong):
            value, row = counts[wrong[0]], wrong[0] + 1
            raise ValueError(f"{name} is {value:g} in row {row}: a whole number from {least} up")
    wrong = np.flatnonzero(heads > tosses)
    if len(wrong):
        row = wrong[0]
        raise ValueError(f"row {row + 1} has {heads[row]:g} heads in {tosses[row]:g} tosses")
    share = heads / tosses
    if np.ptp(share) == 0:
        raise ValueError(
            "there is a single set: nothing tells two coins apart"
            if len(heads) == 1
            else f"the share of heads is {share[0]:g} in every set: nothing tells two coins apart"
        )
    order = np.argsort(-share, kind="stable")
    upper, lower = order[: (len(order) + 1) // 2], order[(len(order) + 1) // 2 :]
    apart = np.array([heads[s].sum() / tosses[s].sum() for s in (upper, lower)])
    return {"theta": apart + rng.uniform(0, 0.5, 2) * (heads.sum() / tosses.sum() - apart)}


def example_data():
    table = Path(__file__).parent / "data" / "coins.csv"
    heads, tosses = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"heads": heads, "tosses": tosses}


def _log_joint(params, data):
    """log p(h, z = k | θ) without the binomial coefficient, shape (sets, coins)."""
    theta, heads = params["theta"], data["heads"][:, None]
    tails = data["tosses"][:, None] - heads
    with np.errstate(divide="ignore", invalid="ignore"):
        log_heads = np.where(heads > 0, heads * np.log(theta), 0.0)
        log_tails = np.where(tails > 0, tails * np.log1p(-theta), 0.0)
    return np.log(0.5) + log_heads + log_tails
