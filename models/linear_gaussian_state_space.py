r"""Linear Gaussian state space model

One latent state $x_t$ drives $p$ observed series $y_{t1}, \dots, y_{tp}$, $t = 1, \dots, n$. The
state is an autoregression. Every series is a multiple of the state plus a level and an error of its
own:

$$x_1 \sim \mathrm{N}(0, b^2), \qquad x_t = \varphi\, x_{t-1} + w_t, \quad
w_t \sim \mathrm{N}(0, \sigma_w^2), \qquad
y_{tj} = \alpha_j + \lambda_j x_t + v_{tj}, \quad v_{tj} \sim \mathrm{N}(0, \sigma_j^2) ,$$

all of them independent. In the code $\varphi, \sigma_w, \alpha, \lambda, \sigma$ are `phi`,
`sigma_state`, `alpha`, `loading`, `sigma`.

**What is fixed.** A state in other units, $c\,x_t$, with loadings $\lambda_j / c$ gives the same
distribution of the series. The state is therefore measured in units of the first series:
$\lambda_1 = 1$, and `loading` contains $\lambda_2, \dots, \lambda_p$. A different mean of the state
would only change $\alpha$; it is fixed at zero. With a single series there is no loading, and the
model is an autoregression observed with error. The variance of the first state is the variance of
the first series, $b^2 = \mathrm{Var}(y_{\cdot 1})$, a known number.

## Data

The example, `us-growth.csv`, has the growth of the United States' real consumption, disposable
income and private investment, in per cent a quarter (100 times the difference of logarithms), from
1960 to 1984: three columns, 100 quarters. They are the series `realcons`, `realdpi` and `realinv`
of `macrodata` in statsmodels, compiled from FRED, the data base of the Federal Reserve Bank of St.
Louis, and in the public domain. The state is the common component of the series, an index of the
business cycle.

In a table of your own every column is a series, in the order of time, without missing values. Use
`--column y=a,b` to select the columns.

The table `nile.csv` is a single series, for which some of the published figures are. The local
level model (`local-level`) is the case $\varphi = 1$.

## Complete-data log-likelihood

If the states were known, there would be $p$ regressions on them, and a regression of every state on
the state before it:

$$\log p(y, x \mid \theta) = \sum_{t=1}^{n} \sum_{j=1}^{p} \log \phi(y_{tj};\, \alpha_j + \lambda_j
x_t,\, \sigma_j^2) + \sum_{t=2}^{n} \log \phi(x_t;\, \varphi\, x_{t-1},\, \sigma_w^2)
+ \log \phi(x_1;\, 0,\, b^2) ,$$

with $\phi(\cdot\,; m, v)$ the normal density. Expanding the squares shows that it is linear in
$x_t$, $x_t^2$ and $x_t x_{t-1}$.

## E step

Write $m_{t|s}$ and $P_{t|s}$ for the mean and the variance of $x_t$ given the rows
$y_1, \dots, y_s$. As a function of $x_t$ the exponent of $p(y_t \mid x_t)$ is, up to a constant,
$z_t\, x_t - \tfrac12 h\, x_t^2$ with

$$h = \sum_j \lambda_j^2 / \sigma_j^2, \qquad
z_t = \sum_j \lambda_j (y_{tj} - \alpha_j) / \sigma_j^2 ,$$

so a row contributes two numbers, however many series there are. The *Kalman filter* starts with
$m_{1|0} = 0$, $P_{1|0} = b^2$ and adds the contributions forwards in time,

$$1 / P_{t|t} = 1 / P_{t|t-1} + h, \qquad
m_{t|t} = P_{t|t} \left( m_{t|t-1} / P_{t|t-1} + z_t \right), \qquad
m_{t+1|t} = \varphi\, m_{t|t}, \quad P_{t+1|t} = \varphi^2 P_{t|t} + \sigma_w^2 .$$

The smoother of Rauch, Tung and Striebel proceeds backwards in time. The regression of $x_t$ on
$x_{t+1}$ has the coefficient $J_t = \varphi\, P_{t|t} / P_{t+1|t}$, and given $x_{t+1}$, later rows
carry no further information on $x_t$:

$$m_{t|n} = m_{t|t} + J_t\, (m_{t+1|n} - m_{t+1|t}), \qquad
P_{t|n} = P_{t|t} + J_t^2\, (P_{t+1|n} - P_{t+1|t}), \qquad
\mathrm{Cov}(x_t, x_{t+1} \mid y) = J_t\, P_{t+1|n} .$$

The expectations are, under the names of the code,

$$\mathtt{x}_t = m_{t|n}, \qquad
\mathtt{squares}_t = \mathrm{E}[x_t^2 \mid y] = m_{t|n}^2 + P_{t|n}, \qquad
\mathtt{products}_t = \mathrm{E}[x_t x_{t+1} \mid y] = m_{t|n}\, m_{t+1|n}
+ J_t\, P_{t+1|n} .$$

## M step

$Q$ is a sum of separate regressions. The regression of a state on the state before it has no
intercept. With sums over $t = 2, \dots, n$,

$$\varphi = \frac{\sum_t \mathrm{E}[x_{t-1} x_t]}{\sum_t \mathrm{E}[x_{t-1}^2]}, \qquad
\sigma_w^2 = \frac{1}{n-1} \Bigl( \sum_t \mathrm{E}[x_t^2]
- \varphi \sum_t \mathrm{E}[x_{t-1} x_t] \Bigr) .$$

The regression of series $j \ge 2$ has an intercept. With bars for means over $t = 1, \dots, n$,

$$\lambda_j = \frac{\overline{y_j\, \mathrm{E}[x]} - \bar y_j\, \overline{\mathrm{E}[x]}}
{\overline{\mathrm{E}[x^2]} - \overline{\mathrm{E}[x]}^2}, \qquad
\alpha_j = \bar y_j - \lambda_j\, \overline{\mathrm{E}[x]}, \qquad
\sigma_j^2 = \overline{(y_j - \alpha_j - \lambda_j \mathrm{E}[x])^2}
+ \lambda_j^2\, \overline{P_{\cdot|n}} ,$$

where $P_{t|n} = \mathrm{E}[x_t^2] - \mathrm{E}[x_t]^2$. For the first series $\lambda_1 = 1$, and
the other formulas are the same.

## Observed log-likelihood

Given the rows before it, row $t$ is normal with mean $\alpha + \lambda\, m_{t|t-1}$ and covariance
$F_t = P_{t|t-1}\, \lambda \lambda^\top + \mathrm{diag}(\sigma^2)$. By the matrix determinant lemma
and the formula of Sherman and Morrison, with $e_t = y_t - \alpha - \lambda\, m_{t|t-1}$,

$$\log p(y \mid \theta) = -\frac{1}{2} \sum_{t=1}^{n} \Bigl( p \log 2\pi + \sum_j \log \sigma_j^2
+ \log (1 + h P_{t|t-1}) + \sum_j \frac{e_{tj}^2}{\sigma_j^2}
- P_{t|t} \bigl( \sum_j \lambda_j e_{tj} / \sigma_j^2 \bigr)^2 \Bigr) .$$

- **The first state.** If $x_1$ had the stationary distribution, its variance $\sigma_w^2 /
  (1 - \varphi^2)$ would add a term to $Q$, and the M step would have no closed form. In the example
  the estimates would be $\varphi = 0.4896$ and $\sigma_w = 0.5631$ with the maximum $-533.916$;
  with the known variance they are $0.4912$ and $0.5694$ with the maximum $-534.073$.
- **Boundary.** The maximum may have $\sigma_j = 0$: a series then equals the state. This is
  frequent with a single series, since only the shape of its autocorrelations distinguishes the
  error from the state; if $\varphi = 0$, the two cannot be distinguished. EM converges to such a
  maximum ever more slowly.
- **Not stationary.** $|\varphi| \ge 1$ is allowed. A series that grows over the years has such an
  estimate.
- **One state.** The errors are assumed to be independent between times and between series. Any
  other correlation, of two series or of one series with its past, is attributed to the state.

## Prior

Let $s_j$ be the standard deviation of series $j$ and $\bar y_j$ its mean. The levels $\alpha_j$ are
$\mathrm{N}(\bar y_j, (2 s_j)^2)$, and the loadings are $\mathrm{N}(0, (2 s_j / s_1)^2)$. All
standard deviations are log-normal with a standard deviation of 1 on the log scale; their medians
are $s_1 / 2$ for the state and $s_j / 2$ for the errors. The coefficient is $\varphi \sim
\mathrm{N}(1/2, 1/4)$.

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

from latentfit import requirements as require

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
        start = pm.Normal.dist(0, _first_deviation(y), shape=1)
        x = pm.AR(
            "x", rho=pt.stack([phi]), sigma=sigma_state, init_dist=start, shape=n, dims="time"
        )
        mu = alpha + loading * x[:, None]
        if np.ndim(y) == 1:
            mu, sigma = mu[:, 0], sigma[0]
        pm.Normal("y", mu, sigma, observed=y)
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
    new = {
        "phi": phi,
        "sigma_state": np.sqrt(variance_of_state),
        "alpha": alpha,
        "sigma": np.sqrt(variance),
    }
    return new | ({"loading": loading[1:]} if len(loading) > 1 else {})


def log_likelihood(params, data):
    y, loading, precision = _table(data["y"]), _loading(params), 1 / params["sigma"] ** 2
    m_predicted, P_predicted, _, P_filtered = _filter(params, data["y"])
    e = y - params["alpha"] - np.outer(m_predicted, loading)
    h = np.sum(loading**2 * precision)
    log_determinant = np.log1p(h * P_predicted) - np.sum(np.log(precision))
    squares = e**2 @ precision - P_filtered * (e @ (loading * precision)) ** 2
    return -0.5 * (y.size * np.log(2 * np.pi) + np.sum(log_determinant + squares))


expectations = {
    "squares": lambda latents, data: latents["x"] ** 2,
    "products": lambda latents, data: latents["x"][1:] * latents["x"][:-1],
}


def initial(data, rng):
    """Moments of the series, with the first series in place of the state, times random factors.

    The loadings are the slopes of the other series on the first series, the coefficient is the
    autocorrelation of the first series, and half of the variance of each series is attributed to
    its error. All values but the levels and the standard deviation of the state are multiplied by
    log-normal factors (0.2 on the log scale). The coefficient is at most 0.95.
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
    """One column for each series; a single series becomes a table of one column."""
    return np.reshape(y, (len(y), -1))


def _first_deviation(y):
    """The known standard deviation of the first state."""
    return np.std(_table(y)[:, 0])


def _loading(params):
    return np.append(1.0, params.get("loading", []))


def _filter(params, y):
    """m and P of each state given the rows before it, and given these and its own row."""
    loading, precision = _loading(params), 1 / params["sigma"] ** 2
    h = np.sum(loading**2 * precision)
    z = (_table(y) - params["alpha"]) @ (loading * precision)
    m, P = 0.0, _first_deviation(y) ** 2
    filtered = np.empty((4, len(y)))
    for t in range(len(y)):
        P_filtered = P / (1 + h * P)
        m_filtered = P_filtered * (m / P + z[t])
        filtered[:, t] = m, P, m_filtered, P_filtered
        m = params["phi"] * m_filtered
        P = params["phi"] ** 2 * P_filtered + params["sigma_state"] ** 2
    return filtered


def _smooth(params, y):
    """m and P of each state given all rows, and its covariance with the next state."""
    m_predicted, P_predicted, m_filtered, P_filtered = _filter(params, y)
    m, P = m_filtered.copy(), P_filtered.copy()
    J = params["phi"] * P_filtered[:-1] / P_predicted[1:]
    for t in reversed(range(len(y) - 1)):
        m[t] = m_filtered[t] + J[t] * (m[t + 1] - m_predicted[t + 1])
        P[t] = P_filtered[t] + J[t] ** 2 * (P[t + 1] - P_predicted[t + 1])
    return m, P, J * P[1:]


def _check(y):
    require.rows("y", y, 2 * y.shape[1] + 4)
    require.variation_in_each_column("y", y)
