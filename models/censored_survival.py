r"""Exponential and Weibull lifetimes, censored or grouped

The lifetime $z_i$ of a unit is often not observed exactly. A unit is *right censored* if it is
still alive when the study ends: only $z_i > a_i$ is known. A unit that is inspected from time to
time has died between two inspections, $a_i < z_i \le b_i$: its lifetime is *grouped*, or interval
censored. It is left censored if $a_i = 0$. Right censoring is the case $b_i = \infty$. The
lifetimes have a Weibull distribution with a scale for each group $g_i$ of units and a common shape
$k$. They are exponential if $k = 1$:

$$p(z_i > t) = S_i(t) = e^{-H_i(t)}, \qquad H_i(t) = (t / \lambda_{g_i})^k, \qquad
p(z_i) = \frac{k}{z_i} H_i(z_i)\, e^{-H_i(z_i)} .$$

$H$ is the *cumulative hazard*. The hazard increases with age if $k > 1$ (units wear out) and
decreases if $k < 1$ (weak units die first). Censoring is assumed to carry no further information
about the lifetime. Write $\theta = (k, \lambda)$, `shape` and `scale` in the code, and $D$ for the
set of units whose lifetimes are known exactly. The other lifetimes are latent. The option
`distribution` is `"weibull"`, or `"exponential"`, which has no parameter `shape`.

## Data

The example is the length of remission, in weeks, of 42 children with acute leukaemia (Freireich et
al. 1963; Gehan 1965; `gehan` of the R package MASS). Half of them received 6-mercaptopurine (group
1), the other half a placebo (group 0). A plus marks the children who were still in remission at the
end of the study:

| group | weeks |
|---|---|
| 0 | 1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23 |
| 1 | 6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+ |

A table has one row for each unit, with the columns `time`, `event` (1 if the event happened at this
time, 0 if it had not happened by then) and `group` (any numbers). For grouped lifetimes, `time`
consists of two columns with any names, $a_i$ and $b_i$. If `event` is 1, the event happened after
the first time and not after the second, or exactly then if both are equal. If `event` is 0, the
event had not happened by the second time. The table `cosmesis.csv` has this form: months until the
deterioration of the breasts of 95 women with early breast cancer, treated by radiotherapy alone
(group 0) or with chemotherapy too (Beadle et al. 1984; `bcdeter` of the R package KMsurv).

## Complete-data log-likelihood

$$\log p(x, z \mid \theta) = \sum_{i=1}^{n} \left( \log k - k \log \lambda_{g_i}
+ (k - 1) \log z_i - \lambda_{g_i}^{-k} z_i^k \right)$$

for every $z$ within its bounds, where known lifetimes have their known values. For exponential
lifetimes, $k = 1$, it is linear in $z_i$. Otherwise it is linear in $\log z_i$ and in $z_i^k$,
where $k$ is the new shape. No finite number of statistics is sufficient for all $k$: the M step
needs the function $k \mapsto \mathrm{E}[z_i^k \mid x, \theta']$, where $\theta'$ are the old
parameters.

## E step

Write $H'_i$ for the cumulative hazard at $\theta'$. The variable $H'_i(z_i)$ is exponential with
mean 1 and therefore memoryless. If it is known to lie between $A_i = H'_i(a_i)$ and
$B_i = H'_i(b_i)$, it equals $A_i$ plus an exponential variable truncated at $B_i - A_i$. With $u$
uniform on $(0, 1)$,

$$z_i = \lambda'_{g_i}
\left( A_i - \log \left( 1 - u\, (1 - e^{A_i - B_i}) \right) \right)^{1/k'} .$$

For exponential lifetimes the mean has a closed form,

$$\mathrm{E}[z_i \mid a_i < z_i \le b_i, \theta'] = a_i + \lambda'_{g_i}
- \frac{b_i - a_i}{e^{(b_i - a_i) / \lambda'_{g_i}} - 1} ,$$

whose last term is zero if $b_i = \infty$. For Weibull lifetimes every expectation is an integral
over $u$. Some of the integrals have closed forms, such as

$$\mathrm{E}[z_i^k \mid z_i > a_i, \theta'] = \lambda_{g_i}'^{\,k}\, e^{A_i}\,
\Gamma \left( 1 + k / k', A_i \right)$$

with the upper incomplete gamma function, but its derivative in $k$ has none. The integrals are
therefore computed as sums over points $u_j$ with weights $w_j$ of the double exponential rule
(Takahasi and Mori 1974). Its points are dense near both ends of $(0, 1)$, where $z_i$ may be
infinite or zero:

$$u_j = \frac{1}{1 + e^{-\pi \sinh t_j}}, \qquad w_j \propto \frac{du_j}{dt_j} \propto
u_j (1 - u_j) \cosh t_j, \qquad t_j = j / 16, \quad |t_j| \le 4.5 .$$

The sums agree with the closed forms to 13 digits unless $k$ is many times $k'$. The E step returns
the mean of $z_i$ and the logarithms of the points $z_{ij}$, which represent the whole conditional
distribution.

## M step

Let $n_g$ be the number of units of group $g$.

$$Q(\theta \mid \theta') = n \log k - k \sum_g n_g \log \lambda_g
+ (k - 1) \sum_i \mathrm{E} \log z_i - \sum_i \lambda_{g_i}^{-k}\, \mathrm{E}\, z_i^k .$$

For every $k$ the maximising scales are

$$\lambda_g^k = \frac{1}{n_g} \sum_{i : g_i = g} \mathrm{E}\, z_i^k .$$

For exponential lifetimes this is the complete M step: the mean of the completed lifetimes. For
Weibull lifetimes, substituting the scales into $Q$ leaves $n \log k - \sum_g n_g \log
\sum_{i : g_i = g} \mathrm{E}\, z_i^k + k \sum_i \mathrm{E} \log z_i$ plus a constant. This function
is strictly concave in $k$, since the logarithm of a sum of exponentials is convex. At its maximum
the derivative is zero:

$$\frac{n}{k} + \sum_i \mathrm{E} \log z_i
- \sum_g n_g\, \frac{\sum_{i : g_i = g} \mathrm{E}[z_i^k \log z_i]}
{\sum_{i : g_i = g} \mathrm{E}\, z_i^k} = 0 .$$

The left-hand side decreases from infinity and has one root, which is found by bisection and
interpolation (Brent's method). The scales follow from the root. The result is the exact maximum of
$Q$ over all parameters.

## Observed log-likelihood and rate of convergence

$$\log p(x \mid \theta) = \sum_{i \in D} \log p(z_i) + \sum_{i \notin D}
\log \left( e^{-H_i(a_i)} - e^{-H_i(b_i)} \right) .$$

If the lifetimes are exponential and none is grouped, the maximum has a closed form, the total time
lived divided by the number of events $d_g$:

$$\lambda_g = \frac{1}{d_g} \sum_{i : g_i = g} t_i .$$

In the example these scales are $182 / 21 = 8.67$ and $359 / 9 = 39.9$ weeks. An EM iteration adds
$\lambda'_g$ for each censored unit and divides by $n_g$, so the error shrinks by the share of
censored units: 0 and $12/21$. For Weibull lifetimes the estimates are $k = 1.366$ and scales of
9.47 and 33.6, and the rate is 0.689. Caveats:

- **No maximum.** The likelihood of a group without an event increases up to $\lambda = \infty$, and
  that of a group in which no unit is known to have lived at any time increases down to
  $\lambda = 0$. If each group has a time at which all its units may have died, the likelihood
  increases with $k$ up to infinity. All of these data are refused.
- **Boundary.** If each unit is inspected once, so that $a_i = 0$ or $b_i = \infty$ for every unit,
  the likelihood may be highest in the limit $k \to 0$. EM then approaches this limit without
  converging.
- **Common shape.** Groups differ in scale alone. The difference is a factor of time, or a factor of
  the hazard, $(\lambda_0 / \lambda_1)^k$. Only for Weibull lifetimes are these two assumptions
  equivalent.

## Prior

Let $m$ be the time lived by all units divided by the number of events. The scales are log-normal
with median $m$ and a standard deviation of 1.5 on the log scale. The shape is log-normal with
median 1 and a standard deviation of 1. The prior of the scales changes with the unit of time.

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

from latentfit import requirements as require

latents = ("z",)

_DISTRIBUTIONS = ("exponential", "weibull")

# The double exponential rule: the points u, the differences 1 - u, and the weights.
_T = np.arange(-72, 73) / 16
_BELOW, _ABOVE = (1 / (1 + np.exp(sign * np.pi * np.sinh(_T))) for sign in (-1, 1))
_WEIGHTS = _BELOW * _ABOVE * np.cosh(_T)
_WEIGHTS /= np.sum(_WEIGHTS)


def model(time, event, group, distribution="weibull"):
    require.one_of("distribution", distribution, _DISTRIBUTIONS)
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
        within = pm.math.and_(z > lower[latent], z <= upper[latent])
        known = np.ones(len(latent), int)
        pm.Bernoulli("bounds", pm.math.switch(within, 1.0, 0.0), observed=known, dims="within")
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
    # All points of a known lifetime are equal.
    log_z = np.tile(np.log(np.where(latent, 1.0, lower)), (len(_WEIGHTS), 1))
    log_z[:, latent] = expectations["log_points"]
    shape = _shape(log_z, code, size)
    log_power, _ = _power(shape, log_z, code, size)
    return {"shape": shape, "scale": np.exp(log_power / shape)}


def log_likelihood(params, data):
    shape = params.get("shape", 1.0)
    lower, upper = _ends(data)
    scale, hazard, increase = _hazards(params, data)
    exact = lower == upper
    t = np.where(exact, lower, 1.0)
    log_density = np.log(shape / t) + shape * np.log(t / scale)
    log_probability = np.log(-np.expm1(-np.where(exact, 1.0, increase)))
    return np.sum(np.where(exact, log_density, log_probability) - hazard)


def initial(data, rng, distribution="weibull"):
    """Time lived in each group divided by its number of events, and a shape of 1, times factors.

    The random factors are log-normal with a standard deviation of 0.3 on the log scale. Without
    them, the values would be the maximum for exponential lifetimes that are not grouped.
    """
    require.one_of("distribution", distribution, _DISTRIBUTIONS)
    _check(data, distribution)
    lower, upper = _ends(data)
    code, size = _groups(data)
    scale = np.array([_mean_life(lower[code == g], upper[code == g]) for g in range(len(size))])
    start = {"scale": scale * rng.lognormal(0, 0.3, size=len(scale))}
    return start if distribution == "exponential" else {"shape": rng.lognormal(0, 0.3), **start}


def simulate(params, data, rng, distribution="weibull"):
    """New lifetimes, inspected and censored at the same times as those of the data.

    A unit whose lifetime is known in the data is observed until its event.
    """
    lower, upper = _ends(data)
    scale, _, _ = _hazards(params, data)
    z = scale * rng.exponential(size=len(scale)) ** (1 / params.get("shape", 1.0))
    censored, grouped = np.isinf(upper), np.isfinite(upper) & (lower < upper)
    first = np.where(grouped, np.select([z <= lower, z <= upper], [0, lower], upper), z)
    second = np.where(grouped, np.where(z <= lower, lower, upper), z)
    alive = (censored & (z > lower)) | (grouped & (z > upper))
    first, second = (np.where(censored & alive, lower, times) for times in (first, second))
    time = np.column_stack([first, second])[:, : np.size(data["time"]) // len(z)]
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
    """The bounds a and b of each lifetime, which are equal if the lifetime is known."""
    time = np.reshape(data["time"], (len(data["event"]), -1)).astype(float)
    happened = data["event"] == 1
    return np.where(happened, time[:, 0], time[:, -1]), np.where(happened, time[:, -1], np.inf)


def _groups(data):
    """The group of each unit, numbered from 0, and the sizes of the groups."""
    _, code = np.unique(data["group"], return_inverse=True)
    return code, np.bincount(code)


def _hazards(params, data):
    """Scale of each unit, its cumulative hazard at a, and the increase of that from a to b."""
    lower, upper = _ends(data)
    shape, scale = params.get("shape", 1.0), params["scale"][_groups(data)[0]]
    hazard = (lower / scale) ** shape
    return scale, hazard, (upper / scale) ** shape - hazard


def _mean(params, data):
    """E[z] of the latent exponential lifetimes."""
    lower, upper = _ends(data)
    latent = lower < upper
    lower, upper, scale = lower[latent], upper[latent], _hazards(params, data)[0][latent]
    with np.errstate(over="ignore", invalid="ignore"):
        lost = (upper - lower) / np.expm1((upper - lower) / scale)
    return lower + scale - np.where(np.isinf(upper), 0.0, lost)


def _log_points(params, data):
    """Logarithms of the points z_ij of the latent lifetimes, shape (points, lifetimes)."""
    lower, upper = _ends(data)
    scale, hazard, increase = (part[lower < upper] for part in _hazards(params, data))
    u, rest = _BELOW[:, None], _ABOVE[:, None]
    # Computed from the nearer end of (0, 1), which loses fewer digits.
    near = np.log1p(np.minimum(u, 0.5) * np.expm1(-increase))
    far = np.log(rest + u * np.exp(-increase))
    return np.log(scale) + np.log(hazard - np.where(u < 0.5, near, far)) / params["shape"]


def _power(k, log_z, code, size):
    """Logarithm of the mean of E[z^k] in each group, and its derivative in k."""
    largest = np.full(len(size), -np.inf)
    np.maximum.at(largest, code, log_z.max(axis=0))
    powers = _WEIGHTS[:, None] * np.exp(k * (log_z - largest[code]))
    total = np.bincount(code, powers.sum(axis=0))
    slope = np.bincount(code, (powers * log_z).sum(axis=0)) / total
    return np.log(total / size) + k * largest, slope


def _shape(log_z, code, size):
    """The shape at which the derivative of Q, with the maximising scales, is zero."""
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
    """Time lived divided by the number of events."""
    happened = np.isfinite(upper)
    return np.sum(np.where(happened, (lower + upper) / 2, lower)) / np.sum(happened)


def _check(data, distribution):
    time, event, group = data["time"], data["event"], data["group"]
    require.columns_of_one_length(event=event, group=group)
    if np.ndim(time) not in (1, 2) or len(time) != len(event) or np.size(time) > 2 * len(event):
        raise ValueError(
            f"time must be one column, or two for grouped lifetimes, with a row for each of the "
            f"{len(event)} units, not an array of shape {np.shape(time)}"
        )
    require.zeros_and_ones("event", event)
    require.not_negative("time", time)
    time = np.reshape(time, (len(event), -1))
    for wrong, message in (
        (time[:, 0] > time[:, -1], "the first time is {0:g}, which is after the second, {1:g}"),
        ((event == 1) & (time[:, -1] == 0), "an event at time 0, but lifetimes are positive"),
    ):
        if np.any(wrong):
            row = np.argmax(wrong)
            raise ValueError(f"row {row + 1}: " + message.format(*time[row, [0, -1]]))
    lower, upper = _ends(data)
    if np.all(lower == upper):
        raise ValueError("every lifetime is known exactly: nothing is censored or grouped")
    code, size = _groups(data)
    members = [code == g for g in range(len(size))]
    for name, among in zip(np.unique(group), members, strict=True):
        if np.all(np.isinf(upper[among])):
            raise ValueError(f"group {name:g} has no event: the estimate of its scale is infinite")
        if np.all(lower[among] == 0):
            raise ValueError(
                f"in group {name:g} every event may have happened at time 0: "
                f"the estimate of its scale is zero"
            )
    if distribution == "weibull" and all(lower[g].max() <= upper[g].min() for g in members):
        raise ValueError(
            "all units of a group may have died at the same time: the estimate of the shape is "
            "infinite; use distribution=exponential"
        )
