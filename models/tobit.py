r"""Tobit regression with a response censored at zero

A response cannot be negative, and it is zero for many units. An example is the expenditure of a
household on durable goods. Its latent value $z_i$ follows a linear regression. The response equals
$z_i$ if this is positive, and zero otherwise:

$$z_i \sim \mathrm{N}(\eta_i, \sigma^2), \qquad \eta_i = \alpha + \beta^\top (x_i - \bar x), \qquad
y_i = \max(z_i, 0) .$$

The covariates $x_i = (x_{i1}, \dots, x_{ip})$ are centred at their mean, so $\alpha$ is the value
of $\eta$ at $\bar x$. The usual intercept, at $x = 0$, is $\alpha - \beta^\top \bar x$, in the code
`intercept`. Write $b = (\alpha, \beta)$, $\theta = (b, \sigma)$, and $X$ for the matrix of rows
$(1, (x_i - \bar x)^\top)$, so that $\eta = X b$. The value $z_i$ is latent only for the set $C$ of
*censored* units, those with $y_i = 0$.

## Data

The example, `tobin.csv`, has twenty households of Tobin (1958), `tobin` of the R package survival:
their expenditure on durable goods (`response`; zero for 13 of them), the `age` of the head of the
household, and the liquidity ratio times 1000 (`quant`). Twenty households determine the slopes
poorly; neither differs significantly from zero.

The table `affairs.csv` is larger. It has 601 readers of a magazine, and how often in the past year
they had an extramarital affair; 451 of them had none (Fair 1978; `Affairs` of the R package AER).

A table of your own needs a column `response`, which is zero where it is censored; the other columns
are the covariates.

## Complete-data log-likelihood

Let $z_i = y_i$ for the uncensored units. If all $z_i$ were known, they would follow a linear
regression:

$$\log p(y, z \mid \theta) = -\frac{n}{2} \log 2\pi\sigma^2
- \frac{1}{2 \sigma^2} \sum_{i=1}^{n} (z_i - \eta_i)^2 , \qquad z_i \le 0 \text{ for } i \in C .$$

It is linear in the $z_i$ and the $z_i^2$.

## E step

Given $z_i \le 0$, $z_i$ has a normal distribution truncated at zero. With $\phi$ and $\Phi$ the
normal density and distribution function, $M(t) = \phi(t) / \Phi(t)$ and $t_i = -\eta'_i / \sigma'$,

$$m_i = \mathrm{E}[z_i \mid z_i \le 0, \theta'] = \eta'_i - \sigma' M(t_i), \qquad
\mathrm{E}[z_i^2 \mid z_i \le 0, \theta'] = \eta'_i m_i + \sigma'^2 .$$

The first formula follows from $\int_{-\infty}^{t} u\, \phi(u)\, du = -\phi(t)$. The second follows
from integration by parts: $z\, (z - \eta)$ times the density is $-\sigma^2 z$ times its derivative,
and the boundary term vanishes at $z = 0$, so $\mathrm{E}[z\, (z - \eta) \mid z \le 0] = \sigma^2$.
Far out in the tail, $\phi$ and $\Phi$ both underflow to zero. The code uses $M(t) = \sqrt{2 / \pi}
/ \mathrm{erfcx}(-t / \sqrt{2})$ with the scaled error function $\mathrm{erfcx}(u) = e^{u^2}
\mathrm{erfc}(u)$.

## M step

Let $m_i = y_i$ and $v_i = 0$ for the uncensored units, and $v_i = \mathrm{E}[z_i^2] - m_i^2$ for
the censored units.

$$Q(\theta \mid \theta') = -n \log \sigma
- \frac{1}{2 \sigma^2} \sum_i \left( (m_i - \eta_i)^2 + v_i \right) + \text{const}$$

is maximised by the least-squares regression of $m$ on the covariates and the mean of the remaining
squares:

$$b = (X^\top X)^{-1} X^\top m, \qquad
\sigma^2 = \frac{1}{n} \sum_i \left( (m_i - \eta_i)^2 + v_i \right) .$$

Without the $v_i$, that is, with the $m_i$ treated as data, $\sigma$ would be too small.

## Observed log-likelihood

$$\log p(y \mid \theta) = \sum_{i \notin C} \left(
\log \phi \left( \frac{y_i - \eta_i}{\sigma} \right) - \log \sigma \right)
+ \sum_{i \in C} \log \Phi \left( -\frac{\eta_i}{\sigma} \right) .$$

As a function of $h = 1 / \sigma$ and $g = b / \sigma$ it is a sum of concave terms: $\log h$, minus
half the square of $h y_i - x_i^\top g$, and $\log \Phi$ of a linear function. There is therefore at
most one maximum (Olsen 1978). Caveats:

- **Slow convergence.** The rate depends on the information lost through censoring. With 13 of 20
  units censored, each iteration multiplies the error by 0.814.
- **No maximum.** The likelihood increases without end along a direction $(h, g)$, $h \ge 0$, in
  which $h y_i = x_i^\top g$ for all uncensored units and $x_i^\top g \le 0$ for all censored units.
  If $h > 0$, the uncensored units lie in a plane that is not positive at any censored unit, and
  $\sigma \to 0$. If $h = 0$, the covariates perfectly separate some of the censored units from all
  other units, as in probit regression. A linear programme decides before EM starts whether such a
  direction exists; such data are refused.
- **Distribution below zero.** The distribution of the censored values is assumed, not observed. A
  wrong distribution, or a variance that differs between units, biases the coefficients. In least
  squares it would affect only their standard errors.

## Prior

Let $r$ be the root mean square of the positive responses, and $s_j$ the standard deviation of
covariate $j$. The prior is $\alpha \sim \mathrm{N}(0, (3r)^2)$, since zero is the point of
censoring, and $\beta_j \sim \mathrm{N}(0, (3 r / s_j)^2)$. $\sigma$ is log-normal with median $r$
and a standard deviation of 1 on the log scale. The prior changes with the units of the data.

## References

- J. Tobin (1958). Estimation of relationships for limited dependent variables. *Econometrica* 26,
  24–36.
- R. C. Fair (1978). A theory of extramarital affairs. *Journal of Political Economy* 86, 45–61.
- R. J. Olsen (1978). Note on the uniqueness of the maximum likelihood estimator for the Tobit
  model. *Econometrica* 46, 1211–1215.
- C. Kleiber and A. Zeileis (2008). *Applied Econometrics with R*. Springer, chapter 5. The
  estimates for Fair's data.
- T. M. Therneau. *A Package for Survival Analysis in R*, version 3.5-3. Its function `survreg`
  gives the estimates for Tobin's.
"""

from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require

latents = ("z",)

# Solutions of the linear programme up to this value are rounding errors.
_LINEAR_PROGRAMME_ROUNDING = 1e-6


def model(response, covariates):
    matrix = _matrix(covariates)
    size = np.sqrt(np.mean(response[response > 0] ** 2))
    uncensored, censored = np.flatnonzero(response > 0), np.flatnonzero(response == 0)
    coords = {"covariate": range(matrix.shape[1]), "seen": uncensored, "censored": censored}
    with pm.Model(coords=coords) as model:
        x = pm.Data("covariates", covariates).reshape(matrix.shape)
        alpha = pm.Normal("alpha", 0, 3 * size)
        beta = pm.Normal("beta", 0, 3 * size / np.std(matrix, axis=0), dims="covariate")
        # Log-normal, since the likelihood is high near zero for data close to a plane.
        sigma = pm.LogNormal("sigma", np.log(size), 1)
        eta = alpha + ((x - matrix.mean(axis=0)) * beta).sum(axis=-1)
        pm.Normal("positive", eta[uncensored], sigma, observed=response[uncensored], dims="seen")
        z = pm.Normal("z", eta[censored], sigma, dims="censored")
        below = pm.math.switch(z <= 0, 1.0, 0.0)
        pm.Bernoulli("zero", below, observed=np.ones(len(censored), int), dims="censored")
        pm.Deterministic("intercept", alpha - beta @ matrix.mean(axis=0))
    return model


def e_step(params, data):
    sigma = params["sigma"]
    eta = _eta(params, data)[data["response"] == 0]
    m = eta - sigma * _density_ratio(-eta / sigma)
    return {"z": m, "z2": eta * m + sigma**2}


def m_step(expectations, data):
    X, m = _design(data), data["response"].astype(float)
    variance = np.zeros(len(m))
    censored = m == 0
    m[censored] = expectations["z"]
    variance[censored] = expectations["z2"] - expectations["z"] ** 2
    b = _least_squares(X, m)
    sigma = np.sqrt(np.mean((m - X @ b) ** 2 + variance))
    return {"alpha": b[0], "beta": b[1:], "sigma": sigma}


def log_likelihood(params, data):
    from scipy.special import log_ndtr

    y, sigma = data["response"], params["sigma"]
    eta = _eta(params, data)
    density = -0.5 * ((y - eta) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)
    return np.sum(np.where(y > 0, density, log_ndtr(-eta / sigma)))


expectations = {"z2": lambda latents, data: latents["z"] ** 2}


def initial(data, rng):
    """The least-squares regression of the responses, including zeros, plus a random part.

    The random part of the coefficients is normal; its standard deviation is 0.2 times that of the
    errors, divided by that of the covariate. The standard deviation of the errors is multiplied by
    a log-normal factor (0.2 on the log scale). EM converges to the single maximum from all starting
    values.
    """
    _check(data["response"], _matrix(data["covariates"]))
    y, X = data["response"], _design(data)
    b = _least_squares(X, y)
    sigma = np.sqrt(np.mean((y - X @ b) ** 2))
    b = b + 0.2 * sigma * rng.normal(size=len(b)) / np.sqrt(np.mean(X**2, axis=0))
    return {"alpha": b[0], "beta": b[1:], "sigma": sigma * rng.lognormal(0, 0.2)}


def simulate(params, data, rng):
    z = rng.normal(_eta(params, data), params["sigma"])
    return {"response": np.maximum(z, 0)}


def example_data():
    table = Path(__file__).parent / "data" / "tobin.csv"
    rows = np.loadtxt(table, delimiter=",", skiprows=1)
    return {"response": rows[:, 0], "covariates": rows[:, 1:]}


def _matrix(covariates):
    """One column for each covariate; a single covariate becomes a table of one column."""
    return np.reshape(covariates, (len(covariates), -1))


def _design(data):
    """Rows (1, x - mean)."""
    x = _matrix(data["covariates"])
    return np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])


def _eta(params, data):
    return _design(data) @ np.append(params["alpha"], params["beta"])


def _density_ratio(t):
    """M(t) = φ(t) / Φ(t), which is -t far out in the left tail, where φ and Φ underflow."""
    from scipy.special import erfcx

    return np.sqrt(2 / np.pi) / erfcx(-t / np.sqrt(2))


def _least_squares(design, z):
    norms = np.linalg.norm(design, axis=0)
    return np.linalg.lstsq(design / norms, z)[0] / norms


def _check(y, x):
    require.not_negative("response", y)
    require.not_all_zero("response", y, "the size of positive responses cannot be estimated")
    if np.all(y > 0):
        raise ValueError("no response is zero: nothing is censored; use least squares")
    require.regression(y, x)
    design = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / np.std(x, axis=0)])
    h, increase = _ascent(y, design)
    if h > _LINEAR_PROGRAMME_ROUNDING:
        raise ValueError(
            "the positive responses lie on a plane (a line, with one covariate) that is not above "
            "zero at any other unit: the standard deviation about it cannot be estimated"
        )
    if increase > _LINEAR_PROGRAMME_ROUNDING:
        raise ValueError(
            "perfect separation: a linear combination of the covariates predicts some of the "
            "zeros without error, so the likelihood has no maximum"
        )


def _ascent(y, design):
    """A direction (h, g) in which the likelihood increases without end.

    Returned are h and the objective of the linear programme; both are zero if there is none.
    """
    from scipy.optimize import linprog

    uncensored, censored = design[y > 0], design[y == 0]
    scaled = y[y > 0] / np.max(y)
    # The simplex method returns vertices, which satisfy the constraints without using a tolerance.
    found = linprog(
        np.append(-1.0, censored.sum(axis=0)),
        A_eq=np.column_stack([scaled, -uncensored]),
        b_eq=np.zeros(len(uncensored)),
        A_ub=np.column_stack([np.zeros(len(censored)), censored]),
        b_ub=np.zeros(len(censored)),
        bounds=[(0, 1), *[(-1, 1)] * design.shape[1]],
        method="highs-ds",
    )
    return found.x[0], -found.fun
