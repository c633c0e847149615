r"""Hidden Markov model

A process moves between $K$ states that nobody sees, and what is seen at time $t$ depends on the
state at that time alone. The states $z_1, \dots, z_T$ are a Markov chain, and $x_1, \dots, x_T$ are
independent given them:

$$p(z_1 = k) = \delta_k, \qquad p(z_t = k \mid z_{t-1} = j) = P_{jk}, \qquad
x_t \mid z_t = k \sim b_k .$$

The emission distributions are Poisson, $b_k = \mathrm{Poisson}(\lambda_k)$; normal,
$\mathrm{N}(\mu_k, \sigma_k^2)$, with `--set emission=gaussian`; or any distribution over the
symbols $0, \dots, C - 1$, with probabilities $B_{k0}, \dots, B_{k,C-1}$, with
`--set emission=categorical`. The number of states is set by `--set states=3`. Several sequences of
the same length, independent given $\theta$, are columns of $x$, which then has shape $(T, S)$.

## Where the chain starts

$\delta$ is known to be uniform, unless `--set start=estimated` makes it a parameter, `start`. The
likelihood of a single sequence is linear in $\delta$ and therefore highest at a corner of the
simplex: whatever the data, one state gets probability 1 (Levinson, Rabiner and Sondhi 1983). One
draw of $z_1$ cannot tell a distribution. Such an estimate only names the state in which the
sequence seems to begin, and it lies on the boundary, where it has no standard error. Estimate
$\delta$ from several sequences, not all of which begin in the same state. A third choice, the
stationary distribution of $P$, would add its logarithm to $Q$, and the M step would have no closed
form.

## Data

The example is the number of earthquakes of magnitude 7 or more in the world, each year from 1900 to
2006: `earthquakes.csv`, from W. Zucchini and I. L. MacDonald (2009), table 1.1. Their variance is
almost three times their mean, and busy years come in runs.

## Complete-data log-likelihood

With the states known, all that matters is where the chain starts, how often it goes from each state
to each, and what each state emits. With $n_{jk}$ the number of transitions from $j$ to $k$,

$$\log p(x, z \mid \theta) = \log \delta_{z_1} + \sum_{j,k} n_{jk} \log P_{jk}
+ \sum_{t=1}^{T} \sum_k [z_t = k] \log b_k(x_t) .$$

## E step

It takes the expectations of the indicators and of the counts, given the whole sequence:
$\gamma_{tk} = p(z_t = k \mid x, \theta')$ and $\xi_{jk} = \mathrm{E}[n_{jk} \mid x, \theta']$. Both
come from two passes over the data. Forwards, $\alpha_{tk} = p(x_1, \dots, x_t, z_t = k)$;
backwards, $\beta_{tj} = p(x_{t+1}, \dots, x_T \mid z_t = j)$:

$$\alpha_{1k} = \delta_k\, b_k(x_1), \quad
\alpha_{tk} = \sum_j \alpha_{t-1,j}\, P_{jk}\, b_k(x_t); \qquad
\beta_{Tj} = 1, \quad \beta_{tj} = \sum_k P_{jk}\, b_k(x_{t+1})\, \beta_{t+1,k} .$$

As $\sum_k \alpha_{tk} \beta_{tk} = p(x)$ at every $t$,

$$\gamma_{tk} = \frac{\alpha_{tk}\, \beta_{tk}}{p(x)}, \qquad
\xi_{jk} = \sum_{t=2}^{T} \frac{\alpha_{t-1,j}\, P_{jk}\, b_k(x_t)\, \beta_{tk}}{p(x)} .$$

$\alpha$ and $\beta$ shrink geometrically along the sequence and would underflow after a few hundred
steps; `forward_backward` keeps them in range. With several sequences $\xi$ is the sum over them. In
the code it is `transitions`, and $\gamma$ is `z`.

## M step

$$Q(\theta \mid \theta') = \sum_k \gamma_{1k} \log \delta_k + \sum_{j,k} \xi_{jk} \log P_{jk}
+ \sum_{t,k} \gamma_{tk} \log b_k(x_t)$$

has three parts with nothing in common (Baum et al. 1970). Each row of $P$ is a vector of
proportions,

$$P_{jk} = \frac{\xi_{jk}}{\sum_l \xi_{jl}} ,$$

and the emissions are the usual estimates with weights $\gamma_{tk}$. With
$n_k = \sum_t \gamma_{tk}$,

$$\lambda_k = \frac{1}{n_k} \sum_t \gamma_{tk}\, x_t; \qquad
\mu_k = \frac{1}{n_k} \sum_t \gamma_{tk}\, x_t, \quad
\sigma_k^2 = \frac{1}{n_k} \sum_t \gamma_{tk} (x_t - \mu_k)^2; \qquad
B_{kc} = \frac{1}{n_k} \sum_{t:\, x_t = c} \gamma_{tk} .$$

Where it is estimated, $\delta_k$ is the mean of $\gamma_{1k}$ over the sequences. The divisor of
$P_{jk}$ is not $n_j$, in which the last time counts too, but from which nothing leads on.

## Observed log-likelihood

$\log p(x \mid \theta) = \log \sum_k \alpha_{Tk}$.

- **Several maxima**, the more so the more states. Compare several starts.
- **Labels.** The states can be renumbered: the emissions, and both the rows and the columns of
  $P$.
- **Boundaries.** A transition that never seems to happen has the estimate 0, and so has a symbol
  that a state never emits: with three states and the earthquakes, the transition from the busiest
  to the calmest. EM gets there all the same. But standard errors do not exist there, and a
  posterior interval does not contain the boundary.
- **No global maximum** with normal emissions: a state that is visited only where $x$ has one value
  takes the likelihood to infinity as $\sigma_k \to 0$. The highest interior maximum is meant.
- **States that are not visited** have no estimate: $n_k = 0$.

## Prior

The rows of $P$ and of $B$, and `start`, are uniform on the simplex. Rates have a gamma distribution
of shape 2 whose mean is that of the data. Means are normal about the mean of the data with twice
their standard deviation $s$; standard deviations are log-normal with median $s$, which keeps them
away from zero.

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

    centre, spread = np.mean(x), np.std(x)
    dims = ("time", "sequence")[: np.ndim(x)]
    coords = dict(zip(dims, map(range, np.shape(x)), strict=True)) | {"state": range(states)}
    with pm.Model(coords=coords) as model:
        # For `_counted`: a path alone does not tell how many states there are.
        pm.Data("labels", np.arange(states), dims="state")
        P = pm.Dirichlet("P", np.ones((states, states)))
        uniform = np.full(states, 1 / states)
        estimated = start == "estimated"
        delta = pm.Dirichlet("start", np.ones(states), dims="state") if estimated else uniform
        z = DiscreteMarkovChain(
            "z", P=P, init_dist=pm.Categorical.dist(delta), shape=np.shape(x)[::-1], dims=dims[::-1]
        )
        # Time comes first in x, and last in z.
        if emission == "poisson":
            lam = pm.Gamma("lam", 2, 2 / centre, dims="state")
            pm.Poisson("x", lam[z.T], observed=x, dims=dims)
        elif emission == "gaussian":
            mu = pm.Normal("mu", centre, 2 * spread, dims="state")
            # Zero-avoiding, since the likelihood is unbounded as a standard deviation goes to 0.
            sigma = pm.LogNormal("sigma", np.log(spread), 1, dims="state")
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
    """n_jk, of known states."""
    at = latents["z"][..., None] == data["labels"]
    before, after = (part.reshape(-1, at.shape[-1]) for part in (at[..., :-1, :], at[..., 1:, :]))
    return before.T.astype(float) @ after


expectations = {"transitions": _counted}


def log_likelihood(params, data):
    return _smoothed(params, data["x"]).log_likelihood


def initial(data, rng, states=2, emission="poisson", start="uniform"):
    """Emissions of groups of similar values, and a chain that prefers to stay.

    The observations are sorted and cut into as many groups as there are states; the shares of the
    groups are Dirichlet(5, ..., 5). Each state's emissions are estimated with weight 0.8 on a group
    of its own, the rest spread evenly. Counts are sorted by value. Real values are, by the toss of
    a coin, by value or by distance from the median: states may differ in level or in spread.
    Symbols are sorted so that those lie close which often follow one another, along the first
    axis of a correspondence analysis. The chain stays with a probability drawn from U(0.5, 1); all
    other states are equally likely, and so are all at the start.
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


# The parameter by which the kind of emission is known.
_PARAMETER = {"poisson": "lam", "gaussian": "mu", "categorical": "B"}


def _smoothed(params, x):
    """The chain given all sequences, one after the other."""
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
    """log b_k(x), shape (rows, states)."""
    from scipy.special import gammaln, xlogy

    if "B" in params:
        return log_categorical(x.astype(int), params["B"])
    if "mu" in params:
        return log_normal(x, params["mu"], params["sigma"])
    x = x[:, None]
    return xlogy(x, params["lam"]) - params["lam"] - gammaln(x + 1)


def _weighted(emission, r, x):
    """Emission parameters, estimated from x with the weights r[:, k]."""
    if emission == "categorical":
        counts = weighted_counts(r, x.astype(int), int(np.max(x)) + 1)
        return {"B": counts / counts.sum(axis=1, keepdims=True)}
    n, mean, scatter = weighted_moments(r, x)
    return {"lam": mean} if emission == "poisson" else {"mu": mean, "sigma": np.sqrt(scatter / n)}


def _neighbours(x):
    """Scores of the symbols: close for symbols that often come one after the other."""
    codes = x.astype(int)
    symbols = codes.max() + 1
    pairs = np.zeros((symbols, symbols))
    np.add.at(pairs, (codes[:-1].ravel(), codes[1:].ravel()), 1)
    pairs = (pairs + pairs.T) / pairs.sum() / 2
    share = np.bincount(codes.ravel()) / codes.size
    root = np.sqrt(np.outer(share, share))
    return np.linalg.eigh(pairs / root - root)[1][:, -1] / np.sqrt(share)


def _check(x, states, emission, start):
    if states < 2:
        raise ValueError(f"states must be at least 2, not {states}")
    if emission not in _PARAMETER:
        raise ValueError(f"emission is poisson, gaussian or categorical, not {emission!r}")
    if start not in ("uniform", "estimated"):
        raise ValueError(f"start is uniform or estimated, not {start!r}")
    if x.ndim > 2:
        raise ValueError(f"x has {x.ndim} axes; it should have one, or two: time and sequence")
    if len(x) < 2:
        raise ValueError("x has a single row: a chain needs at least 2 times")
    if emission != "gaussian":
        bad = np.argwhere((x < 0) | (x != np.round(x)))
        if len(bad):
            kind = "a count" if emission == "poisson" else "the code of a category, 0, 1, 2, ..."
            raise ValueError(
                f"x has {x[tuple(bad[0])]:g} in row {bad[0][0] + 1}, which is not {kind}; "
                f"emission=gaussian takes any values"
            )
    values = np.unique(x)
    if len(values) < 2 or (emission != "categorical" and len(values) < states):
        found = f"{len(values)} distinct value" + ("s" if len(values) > 1 else "")
        raise ValueError(f"x has {found}, too few for {states} states")
    if emission == "categorical" and not np.array_equal(values, np.arange(len(values))):
        absent = int(np.setdiff1d(np.arange(values[-1]), values)[0])
        raise ValueError(
            f"x has codes up to {values[-1]:g}, but never {absent}: the probability of a category "
            f"that never occurs is estimated to be 0; number those that do 0, 1, 2, ..."
        )
