r"""Tobit regression with a response censored at zero

A response cannot be negative, and is zero for many units. What a household spends on durable goods
is what it would spend by its means, $z_i$, as long as that is positive; where it is not, nothing
is spent, and $z_i$ remains unseen:

$$z_i \sim \mathrm{N}(\eta_i, \sigma^2), \qquad \eta_i = \alpha + \beta^\top (x_i - \bar x), \qquad
y_i = \max(z_i, 0) .$$

Covariates $x_i = (x_{i1}, \dots, x_{ip})$ are measured from their mean, so that $\alpha$ belongs to
a unit in the middle of the data; the usual intercept, at $x = 0$, is $\alpha - \beta^\top \bar x$,
in the code `intercept`. Write $b = (\alpha, \beta)$, $\theta = (b, \sigma)$, and $X$ for the matrix
of rows $(1, (x_i - \bar x)^\top)$: $\eta = X b$. Units with $y_i > 0$ are seen as they are. Latent
are only the $z_i$ of the set $C$ of *censored* units, those with $y_i = 0$.

## Data

Twenty households of Tobin (1958), `tobin` of the R package survival: what they spent on durable
goods (`response`; 13 of them nothing), the `age` of their head, and their liquidity ratio times
1000 (`quant`). So few households tell little, and no slope is clear of zero. A table of one's own
has a column `response`, zero where it is censored; the other columns are the covariates.

`affairs.csv` is a larger one: 601 readers of a magazine, and how often in the past year they had an
extramarital affair, 451 of them never (Fair 1978; `Affairs` of the R package AER).

## Complete-data log-likelihood

Put $z_i = y_i$ for the units that are seen. Then there is a linear regression of $z$:

$$\log p(y, z \mid \theta) = -\frac{n}{2} \log 2\pi\sigma^2
- \frac{1}{2 \sigma^2} \sum_{i=1}^{n} (z_i - \eta_i)^2 , \qquad z_i \le 0 \text{ for } i \in C .$$

It is linear in the $z_i$ and the $z_i^2$.

## E step

Given that it is not positive, a normal variable has lost its upper part. With $\phi$ and $\Phi$ the
normal density and distribution function, $M(t) = \phi(t) / \Phi(t)$ and $t_i = -\eta'_i / \sigma'$,

$$m_i = \mathrm{E}[z_i \mid z_i \le 0, \theta'] = \eta'_i - \sigma' M(t_i), \qquad
\mathrm{E}[z_i^2 \mid z_i \le 0, \theta'] = \eta'_i m_i + \sigma'^2 .$$

The first is $\int_{-\infty}^{t} u\, \phi(u)\, du = -\phi(t)$. The second follows by
integration by parts: $z\, (z - \eta)$ times the density is $-\sigma^2 z$ times its derivative, and
what would stand at the border, $z = 0$, vanishes, so that
$\mathrm{E}[z\, (z - \eta) \mid z \le 0] = \sigma^2$. Far out, where $\phi$ and $\Phi$ are both zero
in floating-point numbers, $M(t) = \sqrt{2 / \pi} / \mathrm{erfcx}(-t / \sqrt{2})$ with the scaled
error function $\mathrm{erfcx}(u) = e^{u^2} \mathrm{erfc}(u)$.

## M step

Let $m_i = y_i$ and $v_i = 0$ for the units that are seen, $v_i = \mathrm{E}[z_i^2] - m_i^2$ for the
others.

$$Q(\theta \mid \theta') = -n \log \sigma
- \frac{1}{2 \sigma^2} \sum_i \left( (m_i - \eta_i)^2 + v_i \right) + \text{const}$$

is highest at the least squares of $m$ on the covariates, and with the mean of the squares that
are left:

$$b = (X^\top X)^{-1} X^\top m, \qquad
\sigma^2 = \frac{1}{n} \sum_i \left( (m_i - \eta_i)^2 + v_i \right) .$$

Without the $v_i$, that is with the $m_i$ taken for data, $\sigma$ would come out too small.

## Observed log-likelihood

$$\log p(y \mid \theta) = \sum_{i \notin C} \left(
\log \phi \left( \frac{y_i - \eta_i}{\sigma} \right) - \log \sigma \right)
+ \sum_{i \in C} \log \Phi \left( -\frac{\eta_i}{\sigma} \right) .$$

As a function of $h = 1 / \sigma$ and $g = b / \sigma$ every term is concave, $\log h$, minus half
the square of $h y_i - x_i^\top g$, and $\log \Phi$ of a linear function, so that there is one
maximum at most (Olsen 1978). Caveats:

- **Slow.** What is lost with the censored units sets the rate: with 13 of 20, the error shrinks
  by a factor of 0.814 in each iteration.
- **No maximum.** The likelihood rises forever along a direction $(h, g)$, $h \ge 0$, in which $h
  y_i = x_i^\top g$ for all units that are seen, and $x_i^\top g \le 0$ for all that are censored.
  If $h > 0$, the units that are seen lie on a plane, on which no censored one is positive:
  $\sigma$ goes to zero. If $h = 0$, the covariates separate perfectly some of the censored units
  from all others, as in probit regression. Whether there is such a direction, a linear programme
  tells before EM begins; such data are refused.
- **Below the border.** What is assumed of the $z_i$ is all that is known of those
  below zero: a wrong distribution there, or a spread that is not the same for all, makes the
  coefficients wrong, and not only their errors, as it would in least squares.

## Prior

Zero is where the censoring begins, and with $r$ the root mean square of the positive responses:
$\alpha \sim \mathrm{N}(0, (3r)^2)$, $\beta_j \sim \mathrm{N}(0, (3 r / s_j)^2)$ with $s_j$ the
standard deviation of covariate $j$, and $\sigma$ log-normal with median $r$ and a standard
deviation of 1 on the log scale. All move with the units of the data.

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

latents = ("z",)


def model(response, covariates):
    matrix = _matrix(covariates)
    size = np.sqrt(np.mean(response[response > 0] ** 2))
    seen, censored = np.flatnonzero(response > 0), np.flatnonzero(response == 0)
    coords = {"covariate": range(matrix.shape[1]), "seen": seen, "censored": censored}
    with pm.Model(coords=coords) as model:
        x = pm.Data("covariates", covariates).reshape(matrix.shape)
        alpha = pm.Normal("alpha", 0, 3 * size)
        beta = pm.Normal("beta", 0, 3 * size / np.std(matrix, axis=0), dims="covariate")
        # Zero-avoiding: of data that all but lie on a plane, the likelihood is high there.
        sigma = pm.LogNormal("sigma", np.log(size), 1)
        eta = alpha + ((x - matrix.mean(axis=0)) * beta).sum(axis=-1)
        pm.Normal("positive", eta[seen], sigma, observed=response[seen], dims="seen")
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
    """Least squares on the responses as they are, zeros and all, plus a random part.

    There is one maximum, and EM reaches it from anywhere. The random part of the coefficients is
    normal, with a standard deviation of 0.2 of that of the errors over that of the covariate; the
    standard deviation of the errors is multiplied by a log-normal factor with 20 %.
    """
    y, X = data["response"], _design(data)
    _check(y, _matrix(data["covariates"]))
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
    """One column a covariate, also where there is a single one."""
    return np.reshape(covariates, (len(covariates), -1))


def _design(data):
    """Rows (1, x - mean)."""
    x = _matrix(data["covariates"])
    return np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])


def _eta(params, data):
    return _design(data) @ np.append(params["alpha"], params["beta"])


def _density_ratio(t):
    """φ(t) / Φ(t); in the far left tail, where both are zero, it is -t."""
    from scipy.special import erfcx

    return np.sqrt(2 / np.pi) / erfcx(-t / np.sqrt(2))


def _least_squares(design, z):
    norms = np.linalg.norm(design, axis=0)
    return np.linalg.lstsq(design / norms, z)[0] / norms


def _check(y, x):
    if np.ndim(y) != 1 or len(y) != len(x):
        raise ValueError(
            f"response should be one column with a value for each of the {len(x)} rows of "
            f"covariates, not an array of shape {np.shape(y)}"
        )
    wrong = np.flatnonzero(y < 0)
    if len(wrong):
        raise ValueError(
            f"response is {y[wrong[0]]:g} in row {wrong[0] + 1}: it is censored at zero, "
            f"and cannot be negative"
        )
    if not np.any(y):
        raise ValueError("every response is zero: there is nothing to tell of their size")
    if np.all(y > 0):
        raise ValueError("no response is zero: nothing is censored, and least squares will do")
    spread = np.std(x, axis=0)
    if not spread.all():
        raise ValueError(
            f"column {np.argmin(spread) + 1} of covariates is constant: "
            f"it says the same as the intercept, which the model has already"
        )
    design = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / spread])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("the columns of covariates are linearly dependent: leave one out")
    h, rise = _ascent(y, design)
    if h > 1e-6:
        raise ValueError(
            "the positive responses lie on a plane (a line, with one covariate) that is not above "
            "zero at any other unit: there is no spread about it to estimate"
        )
    if rise > 1e-6:
        raise ValueError(
            "perfect separation: a combination of the covariates foretells zeros without error, "
            "so that the likelihood has no maximum"
        )


def _ascent(y, design):
    """The direction (h, g) along which the likelihood rises forever: h, and how fast.

    Both are zero where there is none.
    """
    from scipy.optimize import linprog

    seen, censored = design[y > 0], design[y == 0]
    scaled = y[y > 0] / np.max(y)
    # The simplex method: its solutions are corners, and do not use up any tolerance.
    found = linprog(
        np.append(-1.0, censored.sum(axis=0)),
        A_eq=np.column_stack([scaled, -seen]),
        b_eq=np.zeros(len(seen)),
        A_ub=np.column_stack([np.zeros(len(censored)), censored]),
        b_ub=np.zeros(len(censored)),
        bounds=[(0, 1), *[(-1, 1)] * design.shape[1]],
        method="highs-ds",
    )
    return found.x[0], -found.fun
