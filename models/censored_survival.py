r"""Exponential and Weibull lifetimes, censored or grouped

A lifetime $z_i$ is often not seen to its end. A unit that still lives when the study ends is
*right censored*: $z_i > a_i$ is all that is known. One that is looked at from time to time has
died between two looks, $a_i < z_i \le b_i$: it is *grouped*, or interval censored; with $a_i = 0$
left censored. Right censoring is the case $b_i = \infty$. Lifetimes have a Weibull distribution
with a scale for each group $g_i$ of units and a common shape $k$; they are exponential if $k = 1$:

$$p(z_i > t) = S_i(t) = e^{-H_i(t)}, \qquad H_i(t) = (t / \lambda_{g_i})^k, \qquad
p(z_i) = \frac{k}{z_i} H_i(z_i)\, e^{-H_i(z_i)} .$$

$H$ is the *cumulative hazard*; with $k > 1$ units wear out, with $k < 1$ the weak die first. The
censoring is taken to say nothing of the lifetime but what it shows. Write $\theta = (k, \lambda)$,
`shape` and `scale` in the code, and $D$ for the set of units whose lifetimes are known exactly;
latent are the others. The option `distribution` is `"weibull"`, or `"exponential"`, which has no
parameter `shape`.

## Data

The length of remission, in weeks, of 42 children with acute leukaemia (Freireich et al. 1963; Gehan
1965; `gehan` of the R package MASS). Half of them were given 6-mercaptopurine (group 1), the other
half a placebo (group 0). A plus marks those still in remission at the end:

| group | weeks |
|---|---|
| 0 | 1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23 |
| 1 | 6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+ |

A table has one row a unit, with the columns `time`, `event` (1 if the time is that of the event, 0
if it had not happened by then) and `group`, any numbers. Where lifetimes are grouped, `time` is
two columns, by any names, $a_i$ and $b_i$: if `event` is 1 it happened after the first and not
after the second, or just then if both are equal; if it is 0 it had not happened by the second. So
in `cosmesis.csv`, months until the deterioration of the breasts of 95 women with early breast
cancer, treated by radiotherapy alone (group 0) or with chemotherapy too (Beadle et al. 1984;
`bcdeter` of the R package KMsurv).

## Complete-data log-likelihood

$$\log p(x, z \mid \theta) = \sum_{i=1}^{n} \left( \log k - k \log \lambda_{g_i}
+ (k - 1) \log z_i - \lambda_{g_i}^{-k} z_i^k \right)$$

for every $z$ within its bounds, with the known lifetimes in their place. For exponential
lifetimes, $k = 1$, it is linear in $z_i$. Otherwise it is linear in $\log z_i$ and in $z_i^k$ *for
the $k$ at which it is looked at*. No finite number of statistics is enough for all $k$: what the M
step has to know of $z_i$ is the function $k \mapsto \mathrm{E}[z_i^k \mid x, \theta']$, where $k$
is the new shape and $\theta'$ the old parameters.

## E step

Write $H'_i$ for the cumulative hazard at $\theta'$. That of a lifetime, $H'_i(z_i)$, is exponential
with mean 1 and has no memory. Known to be between $A_i = H'_i(a_i)$ and $B_i = H'_i(b_i)$, it is
$A_i$ and an exponential variable that is cut off at $B_i - A_i$; with $u$ uniform on $(0, 1)$,

$$z_i = \lambda'_{g_i}
\left( A_i - \log \left( 1 - u\, (1 - e^{A_i - B_i}) \right) \right)^{1/k'} .$$

For exponential lifetimes its mean is in closed form,

$$\mathrm{E}[z_i \mid a_i < z_i \le b_i, \theta'] = a_i + \lambda'_{g_i}
- \frac{b_i - a_i}{e^{(b_i - a_i) / \lambda'_{g_i}} - 1} ,$$

the last term being zero where $b_i = \infty$. For Weibull ones every expectation is an integral
over $u$. There are closed forms, too, such as

$$\mathrm{E}[z_i^k \mid z_i > a_i, \theta'] = \lambda_{g_i}'^{\,k}\, e^{A_i}\,
\Gamma \left( 1 + k / k', A_i \right)$$

with the upper incomplete gamma function, but not for the derivative in $k$. The integrals
are therefore sums over points $u_j$ with weights $w_j$, those of the double exponential rule
(Takahasi and Mori 1974), which crowd towards both ends of $(0, 1)$, where $z_i$ may be infinite or
zero:

$$u_j = \frac{1}{1 + e^{-\pi \sinh t_j}}, \qquad w_j \propto \frac{du_j}{dt_j} \propto
u_j (1 - u_j) \cosh t_j, \qquad t_j = j / 16, \quad |t_j| \le 4.5 .$$

They agree with the closed forms to 13 digits, unless $k$ is many times $k'$. The E step hands over
the logarithms of the points $z_{ij}$, which stand for the conditional distribution as a whole,
besides the mean of $z_i$.

## M step

Let $n_g$ be the number of units of group $g$.

$$Q(\theta \mid \theta') = n \log k - k \sum_g n_g \log \lambda_g
+ (k - 1) \sum_i \mathrm{E} \log z_i - \sum_i \lambda_{g_i}^{-k}\, \mathrm{E}\, z_i^k .$$

Whatever $k$ is, the best scales are

$$\lambda_g^k = \frac{1}{n_g} \sum_{i : g_i = g} \mathrm{E}\, z_i^k ,$$

which for exponential lifetimes is all: the mean of the times, completed. Put back into Q, they
leave $n \log k - \sum_g n_g \log \sum_{i : g_i = g} \mathrm{E}\, z_i^k + k \sum_i \mathrm{E} \log
z_i$ and a constant. This is strictly concave in $k$, since the logarithm of a sum of exponentials
is convex, and has its maximum where its derivative is zero,

$$\frac{n}{k} + \sum_i \mathrm{E} \log z_i
- \sum_g n_g\, \frac{\sum_{i : g_i = g} \mathrm{E}[z_i^k \log z_i]}
{\sum_{i : g_i = g} \mathrm{E}\, z_i^k} = 0 .$$

The expression falls from infinity and has one root, which is found by bisection and interpolation
(Brent's method). The scales follow. This is the maximum of Q, with nothing held fixed.

## Observed log-likelihood and rate of convergence

$$\log p(x \mid \theta) = \sum_{i \in D} \log p(z_i) + \sum_{i \notin D}
\log \left( e^{-H_i(a_i)} - e^{-H_i(b_i)} \right) .$$

If lifetimes are exponential and none is grouped, the maximum is in closed form, the total time
lived over the number of events $d_g$:

$$\lambda_g = \frac{1}{d_g} \sum_{i : g_i = g} t_i .$$

In the example these are $182 / 21 = 8.67$ and $359 / 9 = 39.9$ weeks. An EM iteration adds
$\lambda'_g$ for each censored unit and divides by $n_g$: the error shrinks by the share of censored
units, 0 and $12/21$. Weibull lifetimes have $k = 1.366$, scales 9.47 and 33.6, and a rate of 0.689.
Caveats:

- **No maximum.** In a group without an event $\lambda = \infty$ fits perfectly, and $\lambda = 0$
  in one of which no unit is known to have lived at any time. If in every group there is a time at
  which all of its units may have died, $k$ goes to infinity. All of these are refused.
- **Boundary.** If each unit is looked at once, so that $a_i = 0$ or $b_i = \infty$ for all of them,
  the likelihood may be highest at $k = 0$, towards which EM goes on and on.
- **Common shape.** Groups differ in scale alone, that is by a factor of time, or by one of the
  hazard, $(\lambda_0 / \lambda_1)^k$: for Weibull lifetimes, and no others, the two are the same.

## Prior

With $m$ the time lived by all units over the number of events: the scales are log-normal with
median $m$ and a standard deviation of 1.5 on the log scale, the shape log-normal with median 1 and
a standard deviation of 1. They move with the unit of time.

## References

- E. J. Freireich et al. (1963). The effect of 6-mercaptopurine on the duration of steroid-induced
  remissions in acute leukemia. *Blood* 21, 699–716.
- E. A. Gehan (1965). A generalized Wilcoxon test for comparing arbitrarily singly-censored samples.
  *Biometrika* 52, 203–223.
- G. F. Beadle et al. (1984). *Cancer* 54, 2911–2918; the table as in J. P. Klein and M. L.
  Moeschberger (1997), *Survival Analysis*, Springer, section 1.18.
- H. Takahasi and M. Mori (1974). Double exponential formulas for numerical integration.
  *Publications of the Research Institute for Mathematical Sciences* 9, 721–741.
- W. N. Venables and B. D. Ripley (2002). *Modern Applied Statistics with S*, 4th edition. Springer,
  chapter 13. The estimates for the leukaemia data.
- T. M. Therneau. *A Package for Survival Analysis in R*, version 3.5-3. Its function `survreg`
  gives more digits of them, and those for the other table.
"""

from pathlib import Path

import numpy as np
import pymc as pm

latents = ("z",)

# The double exponential rule: values of u, of 1 - u, and their weights.
_T = np.arange(-72, 73) / 16
_BELOW, _ABOVE = (1 / (1 + np.exp(sign * np.pi * np.sinh(_T))) for sign in (-1, 1))
_WEIGHTS = _BELOW * _ABOVE * np.cosh(_T)
_WEIGHTS /= np.sum(_WEIGHTS)


def model(time, event, group, distribution="weibull"):
    _known(distribution)
    lower, upper = _ends({"time": time, "event": event})
    names, code = np.unique(group, return_inverse=True)
    exact, latent = np.flatnonzero(lower == upper), np.flatnonzero(lower < upper)
    median = _mean_life(lower, upper)
    coords = {"name": names, "exactly": exact, "within": latent}
    with pm.Model(coords=coords) as model:
        scale = pm.LogNormal("scale", np.log(median), 1.5, dims="name")
        shape = pm.LogNormal("shape", 0, 1) if distribution == "weibull" else None
        if len(exact):
            _lifetimes("exact", shape, scale[code[exact]], observed=lower[exact], dims="exactly")
        z = _lifetimes("z", shape, scale[code[latent]], dims="within")
        there = pm.math.and_(z > lower[latent], z <= upper[latent])
        known = np.ones(len(latent), int)
        pm.Bernoulli("bounds", pm.math.switch(there, 1.0, 0.0), observed=known, dims="within")
        pm.Deterministic("log_scale", pm.math.log(scale), dims="name")
    return model


def e_step(params, data):
    if "shape" not in params:
        return {"z": _mean(params, data)}
    log_points = _log_points(params, data)
    return {"z": _WEIGHTS @ np.exp(log_points), "log_points": log_points}


def m_step(expectations, data):
    lower, upper = _ends(data)
    code, size = _groups(data)
    latent = lower < upper
    if "log_points" not in expectations:
        z = lower.copy()
        z[latent] = expectations["z"]
        return {"scale": np.bincount(code, z) / size}
    # A known lifetime is a distribution whose points are all the same.
    log_z = np.tile(np.log(np.where(latent, 1.0, lower)), (len(_WEIGHTS), 1))
    log_z[:, latent] = expectations["log_points"]
    shape = _shape(log_z, code, size)
    log_power, _ = _power(shape, log_z, code, size)
    return {"shape": shape, "scale": np.exp(log_power / shape)}


def log_likelihood(params, data):
    shape = params.get("shape", 1.0)
    lower, upper = _ends(data)
    scale, begin, width = _hazards(params, data)
    exact = lower == upper
    t = np.where(exact, lower, 1.0)
    density = np.log(shape / t) + shape * np.log(t / scale)
    between = np.log(-np.expm1(-np.where(exact, 1.0, width)))
    return np.sum(np.where(exact, density, between) - begin)


def initial(data, rng, distribution="weibull"):
    """The time lived in each group over its number of events, and a shape of 1, times random ones.

    For exponential lifetimes that are not grouped it would be the maximum but for the random
    factors, which are log-normal with 30 %.
    """
    _known(distribution)
    _check(data, distribution)
    lower, upper = _ends(data)
    code, size = _groups(data)
    scale = np.array([_mean_life(lower[code == g], upper[code == g]) for g in range(len(size))])
    start = {"scale": scale * rng.lognormal(0, 0.3, size=len(scale))}
    return start if distribution == "exponential" else {"shape": rng.lognormal(0, 0.3), **start}


def simulate(params, data, rng, distribution="weibull"):
    """Looks are taken, and the study ends for each unit, when they did in the data.

    A unit whose lifetime is known there is followed to its end.
    """
    lower, upper = _ends(data)
    scale, _, _ = _hazards(params, data)
    z = scale * rng.exponential(size=len(scale)) ** (1 / params.get("shape", 1.0))
    censored, grouped = np.isinf(upper), np.isfinite(upper) & (lower < upper)
    begin = np.where(grouped, np.select([z <= lower, z <= upper], [0, lower], upper), z)
    end = np.where(grouped, np.where(z <= lower, lower, upper), z)
    alive = (censored & (z > lower)) | (grouped & (z > upper))
    begin, end = (np.where(censored & alive, lower, one) for one in (begin, end))
    time = np.column_stack([begin, end])[:, : np.size(data["time"]) // len(z)]
    return {
        "time": time.reshape(np.shape(data["time"])),
        "event": (~alive).astype(np.asarray(data["event"]).dtype),
    }


def example_data():
    table = Path(__file__).parent / "data" / "leukaemia.csv"
    time, event, group = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"time": time[:, None], "event": event, "group": group}


def _lifetimes(name, shape, scale, **options):
    if shape is None:
        return pm.Exponential(name, scale=scale, **options)
    return pm.Weibull(name, shape, scale, **options)


def _ends(data):
    """After which time each unit died, and by which: the same where it is known."""
    time = np.reshape(data["time"], (len(data["event"]), -1)).astype(float)
    happened = data["event"] == 1
    return np.where(happened, time[:, 0], time[:, -1]), np.where(happened, time[:, -1], np.inf)


def _groups(data):
    """Which group each unit is of, from 0, and their sizes."""
    _, code = np.unique(data["group"], return_inverse=True)
    return code, np.bincount(code)


def _hazards(params, data):
    """The scale of each unit, its hazard up to the first end, and that between the ends."""
    lower, upper = _ends(data)
    shape, scale = params.get("shape", 1.0), params["scale"][_groups(data)[0]]
    begin = (lower / scale) ** shape
    return scale, begin, (upper / scale) ** shape - begin


def _mean(params, data):
    """E[z] of the exponential lifetimes that are not known."""
    lower, upper = _ends(data)
    latent = lower < upper
    lower, upper, scale = lower[latent], upper[latent], _hazards(params, data)[0][latent]
    with np.errstate(over="ignore", invalid="ignore"):
        lost = (upper - lower) / np.expm1((upper - lower) / scale)
    return lower + scale - np.where(np.isinf(upper), 0.0, lost)


def _log_points(params, data):
    """Logarithms of the points z_ij of the lifetimes that are not known, j first."""
    lower, upper = _ends(data)
    scale, begin, width = (part[lower < upper] for part in _hazards(params, data))
    u, rest = _BELOW[:, None], _ABOVE[:, None]
    # From the end of (0, 1) that is nearer.
    near = np.log1p(np.minimum(u, 0.5) * np.expm1(-width))
    far = np.log(rest + u * np.exp(-width))
    hazard = begin - np.where(u < 0.5, near, far)
    return np.log(scale) + np.log(hazard) / params["shape"]


def _power(k, log_z, code, size):
    """Logarithm of the mean of E[z^k] in each group, and its derivative in k."""
    top = np.full(len(size), -np.inf)
    np.maximum.at(top, code, log_z.max(axis=0))
    powers = _WEIGHTS[:, None] * np.exp(k * (log_z - top[code]))
    total = np.bincount(code, powers.sum(axis=0))
    slope = np.bincount(code, (powers * log_z).sum(axis=0)) / total
    return np.log(total / size) + k * top, slope


def _shape(log_z, code, size):
    """Where the derivative of Q, scales at their best, is zero."""
    from scipy.optimize import brentq

    total = np.sum(_WEIGHTS @ log_z)

    def slope(k):
        return len(code) / k + total - size @ _power(k, log_z, code, size)[1]

    low = high = 1.0
    while slope(low) < 0:
        low /= 2
    while slope(high) > 0:
        high *= 2
    return low if low == high else brentq(slope, low, high, xtol=1e-14, rtol=1e-14)


def _mean_life(lower, upper):
    """Time lived over the number of events."""
    happened = np.isfinite(upper)
    return np.sum(np.where(happened, (lower + upper) / 2, lower)) / np.sum(happened)


def _known(distribution):
    if distribution not in ("exponential", "weibull"):
        raise ValueError(f"distribution is 'exponential' or 'weibull', not {distribution!r}")


def _check(data, distribution):
    time, event, group = data["time"], data["event"], data["group"]
    if np.ndim(event) != 1 or np.shape(group) != np.shape(event):
        raise ValueError(
            f"event and group should be two columns of one length, "
            f"not arrays of shapes {np.shape(event)} and {np.shape(group)}"
        )
    if np.ndim(time) not in (1, 2) or len(time) != len(event) or np.size(time) > 2 * len(event):
        raise ValueError(
            f"time should be one column, or two for grouped lifetimes, with a row for each of the "
            f"{len(event)} units, not an array of shape {np.shape(time)}"
        )
    time = np.reshape(time, (len(event), -1))
    for wrong, said in (
        ((event != 0) & (event != 1), "event is {0:g}: it is 1, or 0 if there was none"),
        (time.min(axis=1) < 0, "time is {1:g}: it cannot be negative"),
        (time[:, 0] > time[:, -1], "the first time is {1:g}, which is after the second, {2:g}"),
        ((event == 1) & (time[:, -1] == 0), "an event at time 0: lifetimes are positive"),
    ):
        if np.any(wrong):
            row = np.argmax(wrong)
            raise ValueError(f"row {row + 1}: " + said.format(event[row], *time[row, [0, -1]]))
    lower, upper = _ends(data)
    if np.all(lower == upper):
        raise ValueError("every lifetime is known exactly: nothing is censored or grouped")
    code, size = _groups(data)
    members = [code == g for g in range(len(size))]
    for name, among in zip(np.unique(group), members, strict=True):
        if np.all(np.isinf(upper[among])):
            raise ValueError(f"group {name:g} has no event: its scale would be infinite")
        if np.all(lower[among] == 0):
            raise ValueError(
                f"in group {name:g} every event may have happened at time 0: "
                f"its scale would be zero"
            )
    if distribution == "weibull" and all(lower[g].max() <= upper[g].min() for g in members):
        raise ValueError(
            "all units of a group may have died at the same time: the shape would be infinite; "
            "an exponential distribution would do"
        )
