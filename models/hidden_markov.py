r"""Hidden Markov model

A process is in one of $K$ states at each time. The states are not observed; the observation at time
$t$ depends only on the state at that time. The states $z_1, \dots, z_T$ are a Markov chain, and the
observations $x_1, \dots, x_T$ are independent given the states:

$$p(z_1 = k) = \delta_k, \qquad p(z_t = k \mid z_{t-1} = j) = P_{jk}, \qquad
x_t \mid z_t = k \sim b_k .$$

The emission distributions are Poisson by default, $b_k = \mathrm{Poisson}(\lambda_k)$. They are
normal, $\mathrm{N}(\mu_k, \sigma_k^2)$, with `--set emission=gaussian`. With
`--set emission=categorical` they are arbitrary distributions of the symbols $0, \dots, C - 1$ with
probabilities $B_{k0}, \dots, B_{k,C-1}$. The option `--set states=3` sets the number of states.
Several sequences of the same length, independent given $\theta$, are the columns of $x$, which then
has shape $(T, S)$.

## Distribution of the first state

By default $\delta$ is uniform and not estimated. With `--set start=estimated` it is a parameter,
`start`. The likelihood of a single sequence is linear in $\delta$ and therefore highest at a corner
of the simplex: for any data, one state has probability 1 (Levinson, Rabiner and Sondhi 1983). A
single draw of $z_1$ does not determine a distribution. The estimate only names the most likely
first state, and it lies on the boundary, where it has no standard error. Estimate $\delta$ only
from several sequences that do not all begin in the same state. A third choice, the stationary
distribution of $P$, would add its logarithm to $Q$, and the M step would have no closed form.

## Data

The example, `earthquakes.csv`, is the number of earthquakes of magnitude 7 or more in the world in
each year from 1900 to 2006, from W. Zucchini and I. L. MacDonald (2009), table 1.1. The variance of
the counts is almost three times their mean, and years with many earthquakes follow one another.

A table of your own has a column for each sequence and a row for each time.

## Complete-data log-likelihood

Let $n_{jk}$ be the number of transitions from state $j$ to state $k$. If the states were known,

$$\log p(x, z \mid \theta) = \log \delta_{z_1} + \sum_{j,k} n_{jk} \log P_{jk}
+ \sum_{t=1}^{T} \sum_k [z_t = k] \log b_k(x_t) .$$

It depends on the first state, the transition counts, and the observations of each state.

## E step

The complete-data log-likelihood is linear in the indicators $[z_t = k]$ and in the counts $n_{jk}$.
The E step computes their expectations given the whole sequence, $\gamma_{tk} = p(z_t = k \mid x,
\theta')$ and $\xi_{jk} = \mathrm{E}[n_{jk} \mid x, \theta']$, in two passes over the data. The
forward pass computes $\alpha_{tk} = p(x_1, \dots, x_t, z_t = k)$, and the backward pass computes
$\beta_{tj} = p(x_{t+1}, \dots, x_T \mid z_t = j)$:

$$\alpha_{1k} = \delta_k\, b_k(x_1), \quad
\alpha_{tk} = \sum_j \alpha_{t-1,j}\, P_{jk}\, b_k(x_t); \qquad
\beta_{Tj} = 1, \quad \beta_{tj} = \sum_k P_{jk}\, b_k(x_{t+1})\, \beta_{t+1,k} .$$

Since $\sum_k \alpha_{tk} \beta_{tk} = p(x)$ for every $t$,

$$\gamma_{tk} = \frac{\alpha_{tk}\, \beta_{tk}}{p(x)}, \qquad
\xi_{jk} = \sum_{t=2}^{T} \frac{\alpha_{t-1,j}\, P_{jk}\, b_k(x_t)\, \beta_{tk}}{p(x)} .$$

The values of $\alpha$ and $\beta$ decrease geometrically along the sequence and would underflow
after a few hundred times; `forward_backward` rescales them. For several sequences $\xi$ is the sum
over the sequences. In the code $\xi$ is `transitions` and $\gamma$ is `z`.

## M step

$$Q(\theta \mid \theta') = \sum_k \gamma_{1k} \log \delta_k + \sum_{j,k} \xi_{jk} \log P_{jk}
+ \sum_{t,k} \gamma_{tk} \log b_k(x_t)$$

consists of three terms without common parameters (Baum et al. 1970). Each row of $P$ is a vector of
proportions,

$$P_{jk} = \frac{\xi_{jk}}{\sum_l \xi_{jl}} ,$$

and the emission parameters are the usual estimates with weights $\gamma_{tk}$. With
$n_k = \sum_t \gamma_{tk}$,

$$\lambda_k = \frac{1}{n_k} \sum_t \gamma_{tk}\, x_t; \qquad
\mu_k = \frac{1}{n_k} \sum_t \gamma_{tk}\, x_t, \quad
\sigma_k^2 = \frac{1}{n_k} \sum_t \gamma_{tk} (x_t - \mu_k)^2; \qquad
B_{kc} = \frac{1}{n_k} \sum_{t:\, x_t = c} \gamma_{tk} .$$

If $\delta_k$ is estimated, it is the mean of $\gamma_{1k}$ over the sequences. The divisor of
$P_{jk}$ is not $n_j$: $n_j$ includes the last time, after which there is no transition.

## Observed log-likelihood

$\log p(x \mid \theta) = \log \sum_k \alpha_{Tk}$.

- **Several maxima.** Their number grows with the number of states. Compare several starts.
- **Labels.** Renumbering the states does not change the likelihood. It permutes the emission
  parameters and both the rows and the columns of $P$.
- **Boundaries.** A transition that does not seem to occur has the estimate 0, and so does a symbol
  that a state does not seem to emit. An example is the transition from the busiest to the calmest
  of three states of the earthquakes. EM converges to such a maximum, but standard errors do not
  apply to these entries, and a posterior interval does not contain the boundary.
- **No global maximum** for normal emissions: if a state is visited only at times with equal $x$,
  the likelihood grows without bound as $\sigma_k \to 0$. The estimate is the highest interior
  maximum.
- **States that are not visited.** If $n_k = 0$, the parameters of the state have no estimate.

## Prior

The rows of $P$ and of $B$, and `start`, are uniform on the simplex. The rates have a gamma
distribution with shape 2 and the mean of the data. With $s$ the standard deviation of the data, the
means are normal about the mean of the data with standard deviation $2s$. The standard deviations
are log-normal with median $s$, whose density vanishes at zero.

## References

- L. E. Baum, T. Petrie, G. Soules and N. Weiss (1970). A maximization technique occurring in the
  statistical analysis of probabilistic functions of Markov chains. *Annals of Mathematical
  Statistics* 41, 164–171.
- S. E. Levinson, L. R. Rabiner and M. M. Sondhi (1983). An introduction to the application of the
  theory of probabilistic functions of a Markov process to automatic speech recognition. *Bell
  System Technical Journal* 62, 1035–1074.
- L. R. Rabiner (1989). A tutorial on hidden Markov models and selected applications in speech
  recognition. *Proceedings of the IEEE* 77, 257–286.
- W. Zucchini and I. L. MacDonald (2009). *Hidden Markov Models for Time Series: An Introduction
  Using R*. Chapman & Hall/CRC. Chapter 4.
"""

from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require
from latentfit.em.primitives import (
    ImpossibleRowError,
    forward_backward,
    log_categorical,
    log_normal,
    weighted_counts,
    weighted_moments,
)

latents = ("z",)


def model(x, states=2, emission="poisson", start="uniform"):
    from pymc_extras.distributions import DiscreteMarkovChain

    centre, sd = np.mean(x), np.std(x)
    dims = ("time", "sequence")[: np.ndim(x)]
    coords = dict(zip(dims, map(range, np.shape(x)), strict=True)) | {"state": range(states)}
    with pm.Model(coords=coords) as model:
        # `_counted` needs the number of states, which one path of states does not show.
        pm.Data("labels", np.arange(states), dims="state")
        P = pm.Dirichlet("P", np.ones((states, states)))
        uniform = np.full(states, 1 / states)
        estimated = start == "estimated"
        delta = pm.Dirichlet("start", np.ones(states), dims="state") if estimated else uniform
        z = DiscreteMarkovChain(
            "z", P=P, init_dist=pm.Categorical.dist(delta), shape=np.shape(x)[::-1], dims=dims[::-1]
        )
        # Time is the first axis of x and the last axis of z.
        if emission == "poisson":
            lam = pm.Gamma("lam", 2, 2 / centre, dims="state")
            pm.Poisson("x", lam[z.T], observed=x, dims=dims)
        elif emission == "gaussian":
            mu = pm.Normal("mu", centre, 2 * sd, dims="state")
            # Log-normal, since the likelihood is unbounded as a standard deviation goes to zero.
            sigma = pm.LogNormal("sigma", np.log(sd), 1, dims="state")
            pm.Normal("x", mu[z.T], sigma[z.T], observed=x, dims=dims)
        else:
            symbols = int(np.max(x)) + 1
            B = pm.Dirichlet("B", np.ones((states, symbols)))
            pm.Categorical("x", B[z.T], observed=x, dims=dims)
    return model


def e_step(params, data):
    chain = _smoothed(params, data["x"])
    z = chain.z.reshape(*np.shape(data["x"])[::-1], -1)
    return {"z": z, "transitions": chain.transitions}


def m_step(expectations, data, params):
    z, transitions = expectations["z"], expectations["transitions"]
    states = z.shape[-1]
    emission = next(kind for kind, name in _PARAMETER.items() if name in params)
    new = {"P": transitions / transitions.sum(axis=1, keepdims=True)}
    new |= _weighted(emission, z.reshape(-1, states), data["x"].T.ravel())
    if "start" in params:
        new["start"] = z[..., 0, :].reshape(-1, states).mean(axis=0)
    return new


def _counted(latents, data):
    """n_jk of known states."""
    is_in = latents["z"][..., None] == data["labels"]
    states = is_in.shape[-1]
    before, after = is_in[..., :-1, :].reshape(-1, states), is_in[..., 1:, :].reshape(-1, states)
    return before.T.astype(float) @ after


expectations = {"transitions": _counted}


def log_likelihood(params, data):
    return _smoothed(params, data["x"]).log_likelihood


def initial(data, rng, states=2, emission="poisson", start="uniform"):
    """Emission parameters of groups of similar values, and a chain that tends to stay in a state.

    The observations are sorted and divided into one group for each state; the shares of the groups
    are Dirichlet(5, ..., 5). The emission parameters of a state are estimated with a weight of 0.8
    on its own group; the other weight is distributed equally over all groups. Counts are sorted by
    value. Real values are sorted, with probability one half each, by value or by distance from the
    median, since states may differ in level or in spread. Symbols are sorted by their scores on the
    first axis of a correspondence analysis, in which symbols that often follow one another have
    similar scores. The chain stays in its state with a probability drawn from U(0.5, 1) and moves
    to all other states with equal probabilities. The first state is uniform.
    """
    x = data["x"]
    _check(x, states, emission, start)
    score = x.T.ravel()
    if emission == "gaussian" and rng.random() < 0.5:
        score = np.abs(score - np.median(score))
    elif emission == "categorical":
        score = _neighbours(x)[score.astype(int)]
    rank = np.argsort(np.argsort(score, kind="stable"))
    edges = np.cumsum(rng.dirichlet(np.full(states, 5)))[:-1]
    group = np.searchsorted(edges, (rank + 0.5) / rank.size)
    r = 0.8 * np.eye(states)[group] + 0.2 / states
    stay, uniform = rng.uniform(0.5, 1), np.full(states, 1 / states)
    leave = (1 - stay) / (states - 1)
    chain = {"P": np.where(np.eye(states), stay, leave)}
    if start == "estimated":
        chain["start"] = uniform
    return chain | _weighted(emission, r, x.T.ravel())


def example_data():
    table = Path(__file__).parent / "data" / "earthquakes.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1, usecols=1)}


# A parameter of each kind of emission, which identifies the kind in the steps.
_PARAMETER = {"poisson": "lam", "gaussian": "mu", "categorical": "B"}


def _smoothed(params, x):
    """States and transitions given all sequences, which are concatenated."""
    states, times = len(params["P"]), len(x)
    log_b = _log_emission(params, x.T.ravel())
    start = params.get("start", np.full(states, 1 / states))
    try:
        return forward_backward(log_b, start, params["P"], np.full(x.size // times, times))
    except ImpossibleRowError as error:
        column, row = divmod(error.row, times)
        where = f"row {row + 1}" + (f", column {column + 1}," if x.ndim > 1 else "")
        raise ValueError(
            f"x in {where} has probability 0 in every state that can be reached"
        ) from error


def _log_emission(params, x):
    """Log b_k(x), shape (rows, states)."""
    from scipy.special import gammaln, xlogy

    if "B" in params:
        return log_categorical(x.astype(int), params["B"])
    if "mu" in params:
        return log_normal(x, params["mu"], params["sigma"])
    x = x[:, None]
    return xlogy(x, params["lam"]) - params["lam"] - gammaln(x + 1)


def _weighted(emission, r, x):
    """Emission parameters, estimated from x with weights r[:, k]."""
    if emission == "categorical":
        counts = weighted_counts(r, x.astype(int), int(np.max(x)) + 1)
        return {"B": counts / counts.sum(axis=1, keepdims=True)}
    n, mean, scatter = weighted_moments(r, x)
    return {"lam": mean} if emission == "poisson" else {"mu": mean, "sigma": np.sqrt(scatter / n)}


def _neighbours(x):
    """Scores of the symbols, similar for symbols that often follow one another."""
    codes = x.astype(int)
    symbols = codes.max() + 1
    pairs = np.zeros((symbols, symbols))
    np.add.at(pairs, (codes[:-1].ravel(), codes[1:].ravel()), 1)
    pairs = (pairs + pairs.T) / pairs.sum() / 2
    share = np.bincount(codes.ravel()) / codes.size
    root = np.sqrt(np.outer(share, share))
    return np.linalg.eigh(pairs / root - root)[1][:, -1] / np.sqrt(share)


def _check(x, states, emission, start):
    require.at_least("states", states, 2)
    require.one_of("emission", emission, tuple(_PARAMETER))
    require.one_of("start", start, ("uniform", "estimated"))
    if x.ndim > 2:
        raise ValueError(f"x has {x.ndim} axes, but it must have one (time) or two (and sequence)")
    require.rows("x", x, 2)
    if emission != "gaussian":
        require.counts("x", x, what=f"with emission={emission}, a value")
    require.distinct("x", x.ravel(), 2 if emission == "categorical" else states, "states")
    if emission == "categorical" and np.max(x) >= (symbols := len(np.unique(x))):
        absent = int(np.setdiff1d(np.arange(np.max(x)), x)[0])
        raise ValueError(
            f"x has codes up to {np.max(x):g}, but never {absent}: number the categories from 0 "
            f"to {symbols - 1}, since one that never occurs would have the estimate 0"
        )
