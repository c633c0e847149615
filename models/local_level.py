r"""Local level model

A series $y_1, \dots, y_n$ is a level that wanders, seen with an error. Both the level's steps and
the errors are normal and independent:

$$y_t = \mu_t + \varepsilon_t, \quad \varepsilon_t \sim \mathrm{N}(0, \sigma_\varepsilon^2),
\qquad \mu_{t+1} = \mu_t + \eta_t, \quad \eta_t \sim \mathrm{N}(0, \sigma_\eta^2),
\qquad \mu_1 \sim \mathrm{N}(a, b^2) .$$

The latent is the level $\mu_1, \dots, \mu_n$, a random walk. The parameters are the standard
deviation of the errors, $\sigma_\varepsilon$, in the code `sigma_irregular`, and that of the steps,
$\sigma_\eta$, in the code `sigma_level`; their squares, of which the literature speaks, are
`irregular_variance` and `level_variance`. Where the level begins is all but unknown: $a$ is the
mean of the data, and $b$ is 100 times their standard deviation.

## Data

The volume of the Nile at Aswan in each year from 1871 to 1970, in $10^8\,\mathrm{m}^3$, 100 values:
`nile.csv`, which R has as `Nile`. It is
the running example of Durbin and Koopman (2012), chapter 2. A table of one's own has a column `y`,
in the order of time; values may not be missing.

## Complete-data log-likelihood

With the level known there are two samples of normal variables with mean zero, errors and steps:

$$\log p(y, \mu \mid \theta) = -\frac{n}{2} \log 2\pi\sigma_\varepsilon^2
- \sum_{t=1}^{n} \frac{(y_t - \mu_t)^2}{2 \sigma_\varepsilon^2}
- \frac{n-1}{2} \log 2\pi\sigma_\eta^2
- \sum_{t=2}^{n} \frac{(\mu_t - \mu_{t-1})^2}{2 \sigma_\eta^2}
+ \log \phi(\mu_1; a, b) .$$

It is linear in the squared errors and the squared steps. The last term, the normal density of
$\mu_1$, does not depend on the parameters.

## E step

Everything is normal, so that $\mu$ given $y$ is. Write $m_{t|s}$ and $P_{t|s}$ for mean and
variance of $\mu_t$ given $y_1, \dots, y_s$. Forwards in time, the *Kalman filter*
begins with $m_{1|0} = a$, $P_{1|0} = b^2$. Given the past, $y_t$ has mean $m_{t|t-1}$ and variance
$F_t$, and its covariance with $\mu_t$ is $P_{t|t-1}$, so that, by the regression of one on
the other,

$$F_t = P_{t|t-1} + \sigma_\varepsilon^2, \quad K_t = P_{t|t-1} / F_t, \quad
m_{t|t} = m_{t|t-1} + K_t\, (y_t - m_{t|t-1}), \quad P_{t|t} = (1 - K_t)\, P_{t|t-1},$$

and one step on $m_{t+1|t} = m_{t|t}$, $P_{t+1|t} = P_{t|t} + \sigma_\eta^2$. Backwards, the
smoother of Rauch, Tung and Striebel. Given $\mu_{t+1}$, later observations say no more of $\mu_t$,
and its regression on $\mu_{t+1}$ has the coefficient $J_t = P_{t|t} / P_{t+1|t}$ and the residual
variance $(1 - J_t) P_{t|t}$. All of the data tell of $\mu_{t+1}$ its mean and its variance, so that

$$m_{t|n} = m_{t|t} + J_t\, (m_{t+1|n} - m_{t+1|t}), \qquad
P_{t|n} = P_{t|t} + J_t^2\, (P_{t+1|n} - P_{t+1|t}), \qquad
\mathrm{Cov}(\mu_t, \mu_{t+1} \mid y) = J_t\, P_{t+1|n} .$$

With this *lag-one covariance*,

$$\mathrm{E}\left[ (y_t - \mu_t)^2 \mid y \right] = (y_t - m_{t|n})^2 + P_{t|n}, \qquad
\mathrm{E}\left[ (\mu_{t+1} - \mu_t)^2 \mid y \right] = (m_{t+1|n} - m_{t|n})^2
+ P_{t+1|n} + P_{t|n} - 2 J_t P_{t+1|n} .$$

Put $P_{t|n}$ into the last variance, with $J_t P_{t+1|t} = P_{t|t}$: it is

$$P_{t+1|n} + P_{t|n} - 2 J_t P_{t+1|n} = (1 - J_t)^2\, P_{t+1|n} + (1 - J_t)\, P_{t|t}, \qquad
1 - J_t = \sigma_\eta^2 / P_{t+1|t} ,$$

a sum of positive terms, which is how it is computed: where steps are small, the differences on the
left are lost in rounding. In the code the two expectations are `squared_errors` and
`squared_steps`; `level` is $m_{t|n}$.

## M step

$$Q(\theta \mid \theta') = -n \log \sigma_\varepsilon
- \frac{\sum_t \mathrm{E}(y_t - \mu_t)^2}{2 \sigma_\varepsilon^2}
- (n - 1) \log \sigma_\eta
- \frac{\sum_t \mathrm{E}(\mu_{t+1} - \mu_t)^2}{2 \sigma_\eta^2} + \text{const}$$

is highest where each variance is the mean of its expected squares:

$$\sigma_\varepsilon^2 = \frac{1}{n} \sum_{t=1}^{n} \mathrm{E}\left[(y_t - \mu_t)^2 \mid y\right],
\qquad \sigma_\eta^2 = \frac{1}{n-1} \sum_{t=1}^{n-1}
\mathrm{E}\left[(\mu_{t+1} - \mu_t)^2 \mid y\right] .$$

## Observed log-likelihood

The filter gives the distribution of every observation given those before it:

$$\log p(y \mid \theta) = -\frac{1}{2} \sum_{t=1}^{n} \left( \log 2\pi F_t
+ \frac{(y_t - m_{t|t-1})^2}{F_t} \right) .$$

**What the start changes.** Durbin and Koopman let $b \to \infty$, a *diffuse* start, and take the
likelihood of what does not depend on it, the differences $y_{t+1} - y_t$, a moving average.
Its logarithm is the limit of

$$\log p(y \mid \theta) + \tfrac{1}{2} \log 2\pi b^2 .$$

In the example $b = 16\,838$. The maximum is $-643.1960$, and with that constant $-632.5457$, where
the diffuse one is $-632.5456$. It lies at $\sigma_\varepsilon^2 = 15\,098.53$,
$\sigma_\eta^2 = 1469.170$, the diffuse one at $15\,098.52$ and $1469.176$. With $b$ ten times
smaller it would be at $15\,099.43$ and $1468.54$. (The diffuse maximum was computed to
forty digits; the book prints 1469.1 for the second variance, which is 0.08 less.)

- **Boundary.** Where the data are as good as independent, $\sigma_\eta = 0$ may be the maximum;
  where they are a random walk, $\sigma_\varepsilon = 0$. EM comes close to either ever more slowly:
  the variance goes as $1/k$ after $k$ iterations. No estimate on the boundary has a standard error.
- **Slow.** Most of what would be known of the steps if the level were seen is missing: in the
  example the error shrinks by a factor of 0.974 in each iteration.

## Prior

Both standard deviations are half-normal with twice the standard deviation of the data as scale.
They move with the units of the data, and are flat where the likelihood is high.

## References

- J. Durbin and S. J. Koopman (2012). *Time Series Analysis by State Space Methods*, 2nd edition.
  Oxford University Press. Chapter 2; the estimates 15 099 and 1469.1.
- R. H. Shumway and D. S. Stoffer (1982). An approach to time series smoothing and forecasting using
  the EM algorithm. *Journal of Time Series Analysis* 3, 253–264.
- H. E. Rauch, F. Tung and C. T. Striebel (1965). Maximum likelihood estimates of linear dynamic
  systems. *AIAA Journal* 3, 1445–1450.
- G. W. Cobb (1978). The problem of the Nile: conditional solution to a changepoint problem.
  *Biometrika* 65, 243–251. The data.
"""

from pathlib import Path

import numpy as np
import pymc as pm

latents = ("level",)


def model(y):
    mean, sd = _start(y)
    spread = np.std(y)
    with pm.Model(coords={"time": range(len(y))}) as model:
        irregular = pm.HalfNormal("sigma_irregular", 2 * spread)
        step = pm.HalfNormal("sigma_level", 2 * spread)
        start = pm.Normal.dist(mean, sd)
        level = pm.GaussianRandomWalk(
            "level", sigma=step, init_dist=start, shape=len(y), dims="time"
        )
        pm.Normal("y", level, irregular, observed=y, dims="time")
        pm.Deterministic("irregular_variance", irregular**2)
        pm.Deterministic("level_variance", step**2)
    return model


def e_step(params, data):
    y = data["y"]
    level, variance, variance_of_steps = _smooth(params, y)
    return {
        "level": level,
        "squared_errors": (y - level) ** 2 + variance,
        "squared_steps": np.diff(level) ** 2 + variance_of_steps,
    }


def m_step(expectations, data):
    return {
        "sigma_irregular": np.sqrt(np.mean(expectations["squared_errors"])),
        "sigma_level": np.sqrt(np.mean(expectations["squared_steps"])),
    }


def log_likelihood(params, data):
    before, P_before, _, _ = _filter(params, data["y"])
    F = P_before + params["sigma_irregular"] ** 2
    return -0.5 * np.sum(np.log(2 * np.pi * F) + (data["y"] - before) ** 2 / F)


expectations = {
    "squared_errors": lambda latents, data: (data["y"] - latents["level"]) ** 2,
    "squared_steps": lambda latents, data: np.diff(latents["level"]) ** 2,
}


def initial(data, rng):
    """From the differences of the data, times random factors.

    A difference has the variance s_level² + 2 s_irregular², and its covariance with the next is
    -s_irregular². Of the first at least a tenth goes to either part. The factors are log-normal,
    with 30 %.
    """
    y = data["y"]
    _check(y)
    steps = np.diff(y)
    variance = np.mean(steps**2)
    error = np.clip(-np.mean(steps[1:] * steps[:-1]), 0.05 * variance, 0.45 * variance)
    factors = rng.lognormal(0, 0.3, size=2)
    return {
        "sigma_irregular": np.sqrt(error) * factors[0],
        "sigma_level": np.sqrt(variance - 2 * error) * factors[1],
    }


def example_data():
    table = Path(__file__).parent / "data" / "nile.csv"
    return {"y": np.loadtxt(table, delimiter=",", skiprows=1, usecols=1)}


def _start(y):
    """Mean and standard deviation of the first level."""
    return np.mean(y), 100 * np.std(y)


def _filter(params, y):
    """Mean and variance of each level given the observations before it, and given its own too."""
    error, step = params["sigma_irregular"] ** 2, params["sigma_level"] ** 2
    m, sd = _start(y)
    P = sd**2
    found = np.empty((4, len(y)))
    for t, seen in enumerate(y):
        K = P / (P + error)
        after, P_after = m + K * (seen - m), K * error
        found[:, t] = m, P, after, P_after
        m, P = after, P_after + step
    return found


def _smooth(params, y):
    """Mean and variance of each level given all of y, and the variance of each step."""
    before, P_before, after, P_after = _filter(params, y)
    m, P = after.copy(), P_after.copy()
    J = P_after[:-1] / P_before[1:]
    for t in reversed(range(len(y) - 1)):
        m[t] = after[t] + J[t] * (m[t + 1] - before[t + 1])
        P[t] = P_after[t] + J[t] ** 2 * (P[t + 1] - P_before[t + 1])
    rest = params["sigma_level"] ** 2 / P_before[1:]  # 1 - J
    return m, P, rest**2 * P[1:] + rest * P_after[:-1]


def _check(y):
    if np.ndim(y) != 1:
        raise ValueError(f"y should be one column of numbers, not an array of shape {np.shape(y)}")
    if len(y) < 4:
        raise ValueError(
            f"y has {len(y)} value{'s' if len(y) > 1 else ''}: "
            f"errors and steps are told apart from 4 on"
        )
    if np.ptp(y) == 0:
        raise ValueError(f"all {len(y)} values of y are equal ({y[0]:g}): nothing varies")
