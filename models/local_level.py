r"""Local level model

A series $y_1, \dots, y_n$ is the sum of a level, which is a random walk, and an error. The steps of
the level and the errors are normal and independent:

$$y_t = \mu_t + \varepsilon_t, \quad \varepsilon_t \sim \mathrm{N}(0, \sigma_\varepsilon^2),
\qquad \mu_{t+1} = \mu_t + \eta_t, \quad \eta_t \sim \mathrm{N}(0, \sigma_\eta^2),
\qquad \mu_1 \sim \mathrm{N}(a, b^2) .$$

The latent variable is the level $\mu_1, \dots, \mu_n$. The parameters are the standard deviation of
the errors, $\sigma_\varepsilon$ (`sigma_irregular` in the code), and that of the steps,
$\sigma_\eta$ (`sigma_level`). Their squares, which the literature reports, are `irregular_variance`
and `level_variance`. The distribution of the first level is known and almost uninformative: $a$ is
the mean of the data, and $b$ is 100 times their standard deviation.

## Data

The example, `nile.csv`, is the volume of the Nile at Aswan in each year from 1871 to 1970, in
$10^8\,\mathrm{m}^3$: 100 values. It is `Nile` in R, and the main example of Durbin and Koopman
(2012), chapter 2. A table of your own needs a column `y`, in the order of time, without missing
values.

## Complete-data log-likelihood

If the level were known, the errors and the steps would be two normal samples with mean zero:

$$\log p(y, \mu \mid \theta) = -\frac{n}{2} \log 2\pi\sigma_\varepsilon^2
- \sum_{t=1}^{n} \frac{(y_t - \mu_t)^2}{2 \sigma_\varepsilon^2}
- \frac{n-1}{2} \log 2\pi\sigma_\eta^2
- \sum_{t=2}^{n} \frac{(\mu_t - \mu_{t-1})^2}{2 \sigma_\eta^2}
+ \log \phi(\mu_1; a, b) .$$

It is linear in the squared errors and the squared steps. The last term, the normal density of
$\mu_1$, does not depend on the parameters.

## E step

All distributions are normal, so $\mu$ given $y$ is normal. Write $m_{t|s}$ and $P_{t|s}$ for the
mean and the variance of $\mu_t$ given $y_1, \dots, y_s$. The *Kalman filter* proceeds forwards in
time from $m_{1|0} = a$, $P_{1|0} = b^2$. Given the past, $y_t$ has mean $m_{t|t-1}$ and variance
$F_t$, and its covariance with $\mu_t$ is $P_{t|t-1}$. The regression of $\mu_t$ on $y_t$ gives

$$F_t = P_{t|t-1} + \sigma_\varepsilon^2, \quad K_t = P_{t|t-1} / F_t, \quad
m_{t|t} = m_{t|t-1} + K_t\, (y_t - m_{t|t-1}), \quad P_{t|t} = (1 - K_t)\, P_{t|t-1},$$

and for the next time $m_{t+1|t} = m_{t|t}$, $P_{t+1|t} = P_{t|t} + \sigma_\eta^2$. The smoother of
Rauch, Tung and Striebel proceeds backwards. Given $\mu_{t+1}$, later observations carry no further
information on $\mu_t$. The regression of $\mu_t$ on $\mu_{t+1}$ has the coefficient $J_t = P_{t|t}
/ P_{t+1|t}$ and the residual variance $(1 - J_t) P_{t|t}$. Averaging over $\mu_{t+1}$ given all
data gives

$$m_{t|n} = m_{t|t} + J_t\, (m_{t+1|n} - m_{t+1|t}), \qquad
P_{t|n} = P_{t|t} + J_t^2\, (P_{t+1|n} - P_{t+1|t}), \qquad
\mathrm{Cov}(\mu_t, \mu_{t+1} \mid y) = J_t\, P_{t+1|n} .$$

With this *lag-one covariance*,

$$\mathrm{E}\left[ (y_t - \mu_t)^2 \mid y \right] = (y_t - m_{t|n})^2 + P_{t|n}, \qquad
\mathrm{E}\left[ (\mu_{t+1} - \mu_t)^2 \mid y \right] = (m_{t+1|n} - m_{t|n})^2
+ P_{t+1|n} + P_{t|n} - 2 J_t P_{t+1|n} .$$

Substituting $P_{t|n}$ and $J_t P_{t+1|t} = P_{t|t}$ into the last variance gives

$$P_{t+1|n} + P_{t|n} - 2 J_t P_{t+1|n} = (1 - J_t)^2\, P_{t+1|n} + (1 - J_t)\, P_{t|t}, \qquad
1 - J_t = \sigma_\eta^2 / P_{t+1|t} .$$

The code uses the right-hand side, a sum of positive terms: if the steps are small, the differences
on the left-hand side are lost to rounding. In the code the two expectations are `squared_errors`
and `squared_steps`, and `level` is $m_{t|n}$.

## M step

$$Q(\theta \mid \theta') = -n \log \sigma_\varepsilon
- \frac{\sum_t \mathrm{E}(y_t - \mu_t)^2}{2 \sigma_\varepsilon^2}
- (n - 1) \log \sigma_\eta
- \frac{\sum_t \mathrm{E}(\mu_{t+1} - \mu_t)^2}{2 \sigma_\eta^2} + \text{const}$$

is maximised if each variance is the mean of the expected squares:

$$\sigma_\varepsilon^2 = \frac{1}{n} \sum_{t=1}^{n} \mathrm{E}\left[(y_t - \mu_t)^2 \mid y\right],
\qquad \sigma_\eta^2 = \frac{1}{n-1} \sum_{t=1}^{n-1}
\mathrm{E}\left[(\mu_{t+1} - \mu_t)^2 \mid y\right] .$$

## Observed log-likelihood

The filter gives the distribution of every observation given those before it:

$$\log p(y \mid \theta) = -\frac{1}{2} \sum_{t=1}^{n} \left( \log 2\pi F_t
+ \frac{(y_t - m_{t|t-1})^2}{F_t} \right) .$$

**Effect of the first level.** Durbin and Koopman let $b \to \infty$, a *diffuse* start. They use
the likelihood of the differences $y_{t+1} - y_t$, a moving average whose distribution does not
depend on the first level. Its logarithm is the limit of

$$\log p(y \mid \theta) + \tfrac{1}{2} \log 2\pi b^2 .$$

In the example $b = 16\,838$. The maximum is $-643.1960$, and with this constant $-632.5457$; the
diffuse maximum is $-632.5456$. The maximisers are $\sigma_\varepsilon^2 = 15\,098.53$,
$\sigma_\eta^2 = 1469.170$, and for the diffuse start $15\,098.52$ and $1469.176$. With $b$ ten
times smaller they would be $15\,099.43$ and $1468.54$. (The diffuse maximum was computed to forty
digits; the book prints 1469.1 for the second variance, which is 0.08 less.)

- **Boundary.** If the data are close to independent, the maximum may have $\sigma_\eta = 0$; if
  they are close to a random walk, it may have $\sigma_\varepsilon = 0$. EM converges to both ever
  more slowly: after $k$ iterations the variance is of order $1/k$. Estimates on the boundary have
  no standard errors.
- **Slow convergence.** Most of the information that the level would give on the steps is missing:
  in the example each iteration multiplies the error by 0.974.

## Prior

Both standard deviations are half-normal with scale twice the standard deviation of the data. The
prior changes with the units of the data and is almost flat where the likelihood is high.

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

from latentfit import requirements as require

latents = ("level",)


def model(y):
    mean, sd = _first_level(y)
    deviation = np.std(y)
    with pm.Model(coords={"time": range(len(y))}) as model:
        irregular = pm.HalfNormal("sigma_irregular", 2 * deviation)
        step = pm.HalfNormal("sigma_level", 2 * deviation)
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
    m_predicted, P_predicted, _, _ = _filter(params, data["y"])
    F = P_predicted + params["sigma_irregular"] ** 2
    return -0.5 * np.sum(np.log(2 * np.pi * F) + (data["y"] - m_predicted) ** 2 / F)


expectations = {
    "squared_errors": lambda latents, data: (data["y"] - latents["level"]) ** 2,
    "squared_steps": lambda latents, data: np.diff(latents["level"]) ** 2,
}


def initial(data, rng):
    """Moments of the differences of the data, times random factors.

    A difference has the variance s_level² + 2 s_irregular², and its covariance with the next one is
    -s_irregular². At least a tenth of the variance is attributed to each of the two terms. The
    factors are log-normal (0.3 on the log scale).
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


def _first_level(y):
    """The known mean and standard deviation of the first level."""
    return np.mean(y), 100 * np.std(y)


def _filter(params, y):
    """M and P of each level given the observations before it, and given these and its own."""
    error, step = params["sigma_irregular"] ** 2, params["sigma_level"] ** 2
    m, sd = _first_level(y)
    P = sd**2
    filtered = np.empty((4, len(y)))
    for t, observed in enumerate(y):
        K = P / (P + error)
        m_filtered, P_filtered = m + K * (observed - m), K * error
        filtered[:, t] = m, P, m_filtered, P_filtered
        m, P = m_filtered, P_filtered + step
    return filtered


def _smooth(params, y):
    """M and P of each level given all observations, and the variance of each step."""
    m_predicted, P_predicted, m_filtered, P_filtered = _filter(params, y)
    m, P = m_filtered.copy(), P_filtered.copy()
    J = P_filtered[:-1] / P_predicted[1:]
    for t in reversed(range(len(y) - 1)):
        m[t] = m_filtered[t] + J[t] * (m[t + 1] - m_predicted[t + 1])
        P[t] = P_filtered[t] + J[t] ** 2 * (P[t + 1] - P_predicted[t + 1])
    rest = params["sigma_level"] ** 2 / P_predicted[1:]  # 1 - J
    return m, P, rest**2 * P[1:] + rest * P_filtered[:-1]


def _check(y):
    require.one_column("y", y)
    require.rows("y", y, 4)
    require.variation("y", y)
