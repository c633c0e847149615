r"""Linear Gaussian state space model

$p$ series $y_{t1}, \dots, y_{tp}$, $t = 1, \dots, n$, are driven by one state $x_t$ that nobody
sees. The state is an autoregression, every series a multiple of it, at a height of its own and with
an error of its own:

$$x_1 \sim \mathrm{N}(0, b^2), \qquad x_t = \varphi\, x_{t-1} + w_t, \quad
w_t \sim \mathrm{N}(0, \sigma_w^2), \qquad
y_{tj} = \alpha_j + \lambda_j x_t + v_{tj}, \quad v_{tj} \sim \mathrm{N}(0, \sigma_j^2) ,$$

all of them independent. In the code $\varphi, \sigma_w, \alpha, \lambda, \sigma$ are `phi`,
`sigma_state`, `alpha`, `loading`, `sigma`.

**What is fixed.** A state in other units, $c\,x_t$, with loadings $\lambda_j / c$ gives the same
series. The state is measured in units of the first: $\lambda_1 = 1$, and `loading` holds
$\lambda_2, \dots, \lambda_p$. A state at another height would only move $\alpha$: its mean is zero.
With a single series there is no loading, and the model is an autoregression observed with error.
The first state is as uncertain as the first series is wide, $b^2 = \mathrm{Var}(y_{\cdot 1})$, a
known number.

## Data

Growth of the United States' real consumption, disposable income and private investment, in per cent
a quarter (100 times the difference of logarithms), from 1960 to 1984: `us-growth.csv`, three
columns, 100 quarters. They are the series `realcons`, `realdpi` and `realinv` of `macrodata` in
statsmodels, compiled from FRED, the data base of the Federal Reserve Bank of St. Louis, and in the
public domain. The state is what they have in common, an index of the business cycle. In a table of
one's own every column is a series, in the order of time, without missing values; `--column y=a,b`
chooses.

The published figures are for the Nile, `nile.csv`, a single series: the local level
model (`local-level`) is the one with $\varphi = 1$.

## Complete-data log-likelihood

With the states known there are $p$ regressions on them, and that of every state on the one before:

$$\log p(y, x \mid \theta) = \sum_{t=1}^{n} \sum_{j=1}^{p} \log \phi(y_{tj};\, \alpha_j + \lambda_j
x_t,\, \sigma_j^2) + \sum_{t=2}^{n} \log \phi(x_t;\, \varphi\, x_{t-1},\, \sigma_w^2)
+ \log \phi(x_1;\, 0,\, b^2) ,$$

with $\phi(\cdot\,; m, v)$ the normal density. Multiplied out, it is linear in $x_t$, $x_t^2$ and
$x_t x_{t-1}$.

## E step

Write $m_{t|s}$ and $P_{t|s}$ for mean and variance of $x_t$ given the rows $y_1, \dots, y_s$.
A row tells of $x_t$ through the terms in the exponent of $p(y_t \mid x_t)$ that contain it,
$z_t\, x_t - \tfrac12 h\, x_t^2$, with

$$h = \sum_j \lambda_j^2 / \sigma_j^2, \qquad
z_t = \sum_j \lambda_j (y_{tj} - \alpha_j) / \sigma_j^2 ,$$

however many series there are. The *Kalman filter* begins with $m_{1|0} = 0$, $P_{1|0} = b^2$, and
adds up what is known,

$$1 / P_{t|t} = 1 / P_{t|t-1} + h, \qquad
m_{t|t} = P_{t|t} \left( m_{t|t-1} / P_{t|t-1} + z_t \right), \qquad
m_{t+1|t} = \varphi\, m_{t|t}, \quad P_{t+1|t} = \varphi^2 P_{t|t} + \sigma_w^2 .$$

Backwards goes the smoother of Rauch, Tung and Striebel. Given $x_{t+1}$, the regression of $x_t$ on
it has the coefficient $J_t = \varphi\, P_{t|t} / P_{t+1|t}$, and later rows say no more:

$$m_{t|n} = m_{t|t} + J_t\, (m_{t+1|n} - m_{t+1|t}), \qquad
P_{t|n} = P_{t|t} + J_t^2\, (P_{t+1|n} - P_{t+1|t}), \qquad
\mathrm{Cov}(x_t, x_{t+1} \mid y) = J_t\, P_{t+1|n} .$$

The expectations are, under the names of the code,

$$\mathtt{x}_t = m_{t|n}, \qquad
\mathtt{squares}_t = \mathrm{E}[x_t^2 \mid y] = m_{t|n}^2 + P_{t|n}, \qquad
\mathtt{products}_t = \mathrm{E}[x_t x_{t+1} \mid y] = m_{t|n}\, m_{t+1|n}
+ J_t\, P_{t+1|n} .$$

## M step

$Q$ falls apart into the regressions. That of the state on the one before has no intercept; with
sums over $t = 2, \dots, n$,

$$\varphi = \frac{\sum_t \mathrm{E}[x_{t-1} x_t]}{\sum_t \mathrm{E}[x_{t-1}^2]}, \qquad
\sigma_w^2 = \frac{1}{n-1} \Bigl( \sum_t \mathrm{E}[x_t^2]
- \varphi \sum_t \mathrm{E}[x_{t-1} x_t] \Bigr) .$$

That of series $j \ge 2$ has one. Bars are means over $t = 1, \dots, n$:

$$\lambda_j = \frac{\overline{y_j\, \mathrm{E}[x]} - \bar y_j\, \overline{\mathrm{E}[x]}}
{\overline{\mathrm{E}[x^2]} - \overline{\mathrm{E}[x]}^2}, \qquad
\alpha_j = \bar y_j - \lambda_j\, \overline{\mathrm{E}[x]}, \qquad
\sigma_j^2 = \overline{(y_j - \alpha_j - \lambda_j \mathrm{E}[x])^2}
+ \lambda_j^2\, \overline{P_{\cdot|n}} ,$$

where $P_{t|n} = \mathrm{E}[x_t^2] - \mathrm{E}[x_t]^2$. For the first series $\lambda_1$ is 1, and
the rest is the same.

## Observed log-likelihood

Given the rows before it, row $t$ is normal with mean $\alpha + \lambda\, m_{t|t-1}$ and covariance
$F_t = P_{t|t-1}\, \lambda \lambda^\top + \mathrm{diag}(\sigma^2)$. By the matrix determinant lemma
and the formula of Sherman and Morrison, with $e_t = y_t - \alpha - \lambda\, m_{t|t-1}$,

$$\log p(y \mid \theta) = -\frac{1}{2} \sum_{t=1}^{n} \Bigl( p \log 2\pi + \sum_j \log \sigma_j^2
+ \log (1 + h P_{t|t-1}) + \sum_j \frac{e_{tj}^2}{\sigma_j^2}
- P_{t|t} \bigl( \sum_j \lambda_j e_{tj} / \sigma_j^2 \bigr)^2 \Bigr) .$$

- **The first state.** Were $x_1$ drawn from the stationary distribution, its variance $\sigma_w^2 /
  (1 - \varphi^2)$ would add a term to $Q$, and the M step would have no closed form. In the example
  that would give $\varphi = 0.4896$, $\sigma_w = 0.5631$ and a maximum of $-533.916$, where it is
  $0.4912$, $0.5694$ and $-534.073$.
- **Boundary.** An error $\sigma_j = 0$ may be the maximum: one series is then the state itself.
  With a single series this is frequent, since only the shape of its autocorrelations tells the
  error from the state; at $\varphi = 0$ nothing does. EM comes ever more slowly to such an end.
- **Not stationary.** $|\varphi| \ge 1$ is allowed: a series that grows over the years has it.
- **One state only.** The errors are independent from one time to the next and from series to
  series. What two series share beyond the state, or what a single one remembers, is taken for the
  state.

## Prior

In units of the series, $s_j$ being the standard deviation of series $j$ and $\bar y_j$ its mean:
heights are $\mathrm{N}(\bar y_j, (2 s_j)^2)$, loadings $\mathrm{N}(0, (2 s_j / s_1)^2)$, and all
standard deviations log-normal, with standard deviation 1 on the log scale and medians $s_1 / 2$ for
the state and $s_j / 2$ for the errors; $\varphi \sim \mathrm{N}(1/2, 1/4)$.

## References

- R. H. Shumway and D. S. Stoffer (1982). An approach to time series smoothing and forecasting using
  the EM algorithm. *Journal of Time Series Analysis* 3, 253–264. There the loadings are known.
- Z. Ghahramani and G. E. Hinton (1996). Parameter estimation for linear dynamical systems.
  Technical report CRG-TR-96-2, University of Toronto. Loadings, too, in the M step.
- H. E. Rauch, F. Tung and C. T. Striebel (1965). Maximum likelihood estimates of linear dynamic
  systems. *AIAA Journal* 3, 1445–1450.
- J. Durbin and S. J. Koopman (2012). *Time Series Analysis by State Space Methods*, 2nd edition.
  Oxford University Press.
"""

from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt

latents = ("x",)


def model(y):
    table = _table(y)
    n, p = table.shape
    mean, sd = np.mean(table, axis=0), np.std(table, axis=0)
    coords = {"time": range(n), "series": range(p), "further": range(1, p)}
    with pm.Model(coords=coords) as model:
        phi = pm.Normal("phi", 0.5, 0.5)
        sigma_state = pm.LogNormal("sigma_state", np.log(sd[0] / 2), 1)
        alpha = pm.Normal("alpha", mean, 2 * sd, dims="series")
        loading = pt.ones(1)
        if p > 1:
            further = pm.Normal("loading", 0, 2 * sd[1:] / sd[0], dims="further")
            loading = pt.concatenate([loading, further])
        sigma = pm.LogNormal("sigma", np.log(sd / 2), 1, dims="series")
        start = pm.Normal.dist(0, _start(y), shape=1)
        x = pm.AR(
            "x", rho=pt.stack([phi]), sigma=sigma_state, init_dist=start, shape=n, dims="time"
        )
        mu = alpha + loading * x[:, None]
        seen = mu if np.ndim(y) == 2 else mu[:, 0]
        pm.Normal("y", seen, sigma if np.ndim(y) == 2 else sigma[0], observed=y)
    return model


def e_step(params, data):
    m, P, covariance = _smooth(params, data["y"])
    return {"x": m, "squares": m**2 + P, "products": m[1:] * m[:-1] + covariance}


def m_step(expectations, data):
    y = _table(data["y"])
    x, squares, products = (expectations[name] for name in ("x", "squares", "products"))
    phi = np.sum(products) / np.sum(squares[:-1])
    variance_of_state = np.mean(squares[1:]) - phi * np.mean(products)
    loading = (x @ y / len(y) - np.mean(x) * np.mean(y, axis=0)) / (
        np.mean(squares) - np.mean(x) ** 2
    )
    loading[0] = 1
    alpha = np.mean(y, axis=0) - loading * np.mean(x)
    variance = np.mean((y - alpha - np.outer(x, loading)) ** 2, axis=0)
    variance += loading**2 * np.mean(squares - x**2)
    found = {
        "phi": phi,
        "sigma_state": np.sqrt(variance_of_state),
        "alpha": alpha,
        "sigma": np.sqrt(variance),
    }
    return found | ({"loading": loading[1:]} if len(loading) > 1 else {})


def log_likelihood(params, data):
    y, loading, precision = _table(data["y"]), _loading(params), 1 / params["sigma"] ** 2
    before, P_before, _, P_after = _filter(params, data["y"])
    e = y - params["alpha"] - np.outer(before, loading)
    h = np.sum(loading**2 * precision)
    log_determinant = np.log1p(h * P_before) - np.sum(np.log(precision))
    squares = e**2 @ precision - P_after * (e @ (loading * precision)) ** 2
    return -0.5 * (y.size * np.log(2 * np.pi) + np.sum(log_determinant + squares))


expectations = {
    "squares": lambda latents, data: latents["x"] ** 2,
    "products": lambda latents, data: latents["x"][1:] * latents["x"][:-1],
}


def initial(data, rng):
    """The state is the first series about its mean, half of its variance error; random factors.

    Loadings are the slopes of the other series on the first, the coefficient is its
    autocorrelation, and half of the variance of each series is that of its error. All but the
    heights get log-normal factors with 20 %; the coefficient stays below 0.95.
    """
    y = _table(data["y"])
    _check(y)
    centred = y - np.mean(y, axis=0)
    first, variance = centred[:, 0], np.mean(centred**2, axis=0)
    phi = np.clip(np.sum(first[1:] * first[:-1]) / np.sum(first**2), 0.2, 0.9)
    factors = rng.lognormal(0, 0.2, size=2 * y.shape[1])
    slopes = first @ centred / np.sum(first**2)
    start = {
        "phi": min(phi * factors[0], 0.95),
        "sigma_state": np.sqrt((1 - phi**2) * variance[0] / 2),
        "alpha": np.mean(y, axis=0),
        "sigma": np.sqrt(variance / 2) * factors[1 : y.shape[1] + 1],
    }
    if y.shape[1] > 1:
        start["loading"] = slopes[1:] * factors[y.shape[1] + 1 :]
    return start


def example_data():
    table = Path(__file__).parent / "data" / "us-growth.csv"
    return {"y": np.loadtxt(table, delimiter=",", skiprows=1)}


def _table(y):
    """One column a series, also where there is a single one."""
    return np.reshape(y, (len(y), -1))


def _start(y):
    """Standard deviation of the first state."""
    return np.std(_table(y)[:, 0])


def _loading(params):
    return np.append(1.0, params.get("loading", []))


def _filter(params, y):
    """Mean and variance of each state given the rows before it, and given its own too."""
    loading, precision = _loading(params), 1 / params["sigma"] ** 2
    h = np.sum(loading**2 * precision)
    z = (_table(y) - params["alpha"]) @ (loading * precision)
    m, P = 0.0, _start(y) ** 2
    found = np.empty((4, len(y)))
    for t in range(len(y)):
        P_after = P / (1 + h * P)
        after = P_after * (m / P + z[t])
        found[:, t] = m, P, after, P_after
        m = params["phi"] * after
        P = params["phi"] ** 2 * P_after + params["sigma_state"] ** 2
    return found


def _smooth(params, y):
    """Mean and variance of each state given all rows, and its covariance with the next."""
    before, P_before, after, P_after = _filter(params, y)
    m, P = after.copy(), P_after.copy()
    J = params["phi"] * P_after[:-1] / P_before[1:]
    for t in reversed(range(len(y) - 1)):
        m[t] = after[t] + J[t] * (m[t + 1] - before[t + 1])
        P[t] = P_after[t] + J[t] ** 2 * (P[t + 1] - P_before[t + 1])
    return m, P, J * P[1:]


def _check(y):
    n, p = y.shape
    fewest = 2 * p + 4
    if n < fewest:
        raise ValueError(f"y has {n} row{'s' if n > 1 else ''}: {p} series take at least {fewest}")
    spread = np.ptp(y, axis=0)
    if not np.all(spread):
        column = int(np.argmin(spread))
        raise ValueError(f"series {column + 1} of y is {y[0, column]:g} all the time")
