r"""Probit regression with latent utilities

A unit answers yes or no, $y_i \in \{0, 1\}$: yes if what it gains by it, its *utility* $z_i$, is
positive. The utility is not seen. It depends linearly on covariates $x_i = (x_{i1}, \dots,
x_{ip})$:

$$z_i \sim \mathrm{N}(\eta_i, 1), \qquad \eta_i = \alpha + \beta^\top (x_i - \bar x), \qquad
y_i = [z_i > 0] .$$

The variance is 1 because only the sign of the utility is seen: utilities $c z_i$ with
$c > 0$ give the same answers. Covariates are measured from their mean $\bar x$, so that $\alpha$
belongs to a unit in the middle of the data; the usual intercept, at $x = 0$, is
$\alpha - \beta^\top \bar x$, in the code `intercept`. Write $b = (\alpha, \beta)$, and $X$ for the
matrix of rows $(1, (x_i - \bar x)^\top)$: $\eta = X b$.

## Data

In a course on economics some of the students were taught by a new method (`psi`, the personalized
system of instruction). The response is 1 if their grade improved; `gpa` is their grade point
average, `tuce` the score of a test of what they knew of economics at the beginning. There are 32
students; 14 of them were taught by the new method, and the grades of 11 improved (Spector and
Mazzeo 1980; `ProgramEffectiveness` of the R package AER). A table of one's own
has a column `response` of zeros and ones; the other columns are the covariates.

## Complete-data log-likelihood

With the utilities known, this is a linear regression with variance 1:

$$\log p(y, z \mid b) = -\frac{n}{2} \log 2\pi - \frac{1}{2} \sum_{i=1}^{n} (z_i - \eta_i)^2$$

for every $z$ whose signs are those that $y$ says. What depends on $b$ is linear in the $z_i$,
since $z_i^2$ is not multiplied by anything: a regression takes from its responses nothing but
$X^\top z$.

## E step

Given its sign, a utility is normal and cut off at zero. With $\phi$ and $\Phi$ the normal density
and distribution function, $\int_0^\infty (z - \eta)\, \phi(z - \eta)\, dz = \phi(\eta)$, and
$p(z_i > 0) = \Phi(\eta_i)$, so that

$$m_i = \mathrm{E}[z_i \mid y_i, b'] = \begin{cases}
\eta'_i + \phi(\eta'_i) / \Phi(\eta'_i) & \text{if } y_i = 1 \\
\eta'_i - \phi(\eta'_i) / \Phi(-\eta'_i) & \text{if } y_i = 0 . \end{cases}$$

In short, $m_i = \eta'_i + q_i M(q_i \eta'_i)$ with the sign $q_i = 2 y_i - 1$ and $M(t) = \phi(t)
/ \Phi(t)$. Far out both parts of the quotient are zero in floating-point numbers; without the
factor $e^{-t^2/2}$ that they share it is $\sqrt{2 / \pi} / \mathrm{erfcx}(-t / \sqrt{2})$, where
$\mathrm{erfcx}(u) = e^{u^2} \mathrm{erfc}(u)$ is the scaled error function.

## M step

$$Q(b \mid b') = -\frac{1}{2} \sum_i (m_i - \eta_i)^2 + \text{const} , \qquad
b = (X^\top X)^{-1} X^\top m .$$

EM is least squares, over and over, on utilities that are filled in.

## Observed log-likelihood and rate of convergence

$$\log p(y \mid b) = \sum_i \log \Phi(q_i \eta_i) .$$

It is concave (every term is), so that there is one maximum at most. As
$M'(t) = -M(t)(t + M(t))$, its second derivatives are $-X^\top W X$, where $W$ is diagonal and
$W_{ii} = M(t_i) (t_i + M(t_i))$, $t_i = q_i \eta_i$, lies between 0 and 1.

- **Slow.** Those of Q are $-X^\top X$, and $I - (X^\top X)^{-1} X^\top W X$ is what the error is
  multiplied with in each iteration: the share of the information that is lost with the utilities.
  $W_{ii} = 2 / \pi = 0.64$ where the answer was open, $\eta_i = 0$; it goes to 0 where it was
  foreseen and to 1 where the opposite was. The better the answers are foretold, the slower is EM.
  In the example the largest eigenvalue is 0.799.
- **Perfect separation.** If some $b \ne 0$ has $q_i \eta_i \ge 0$ for all units, and not all of
  them zero, the likelihood rises forever along it, and there is no maximum (Albert and Anderson
  1984). Whether there is such a $b$ is a linear programme: the highest $\sum_i q_i \eta_i$, under
  $q_i \eta_i \ge 0$ and $|b_j| \le 1$, is positive then and zero otherwise. It is solved before EM
  begins, and such data are refused.

## Prior

$\alpha \sim \mathrm{N}(0, 3^2)$ and $\beta_j \sim \mathrm{N}(0, (3 / s_j)^2)$ with $s_j$ the
standard deviation of covariate $j$: they move with the units of the covariates. A slope of $3 /
s_j$ takes the probability from 0.0013 to 0.9987 within two standard deviations of the covariate.

## References

- L. C. Spector and M. Mazzeo (1980). Probit analysis and economic education. *Journal of Economic
  Education* 11, 37–44.
- W. H. Greene (2003). *Econometric Analysis*, 5th edition. Prentice Hall, chapter 21. The
  estimates.
- J. H. Albert and S. Chib (1993). Bayesian analysis of binary and polychotomous response data.
  *Journal of the American Statistical Association* 88, 669–679. Latent utilities, and the Gibbs
  sampler whose steps are those of EM.
- A. Albert and J. A. Anderson (1984). On the existence of maximum likelihood estimates in logistic
  regression models. *Biometrika* 71, 1–10.
"""

from pathlib import Path

import numpy as np
import pymc as pm

latents = ("z",)


def model(response, covariates):
    matrix = _matrix(covariates)
    coords = {"covariate": range(matrix.shape[1]), "unit": range(len(response))}
    with pm.Model(coords=coords) as model:
        x = pm.Data("covariates", covariates).reshape(matrix.shape)
        alpha = pm.Normal("alpha", 0, 3)
        beta = pm.Normal("beta", 0, 3 / np.std(matrix, axis=0), dims="covariate")
        eta = alpha + ((x - matrix.mean(axis=0)) * beta).sum(axis=-1)
        z = pm.Normal("z", eta, 1, dims="unit")
        yes = pm.math.switch(z > 0, 1.0, 0.0)
        pm.Bernoulli("response", yes, observed=response, dims="unit")
        pm.Deterministic("intercept", alpha - beta @ matrix.mean(axis=0))
    return model


def e_step(params, data):
    eta, sign = _eta(params, data), 2 * data["response"] - 1
    return {"z": eta + sign * _density_ratio(sign * eta)}


def m_step(expectations, data):
    b = _least_squares(_design(data), expectations["z"])
    return {"alpha": b[0], "beta": b[1:]}


def log_likelihood(params, data):
    from scipy.special import log_ndtr

    sign = 2 * data["response"] - 1
    return np.sum(log_ndtr(sign * _eta(params, data)))


def initial(data, rng):
    """Least squares on the answers as they are, plus a random part.

    The responses of the regression are -1 and 1 times the mean size of a standard normal variable.
    There is one maximum, and EM reaches it from anywhere. The random part is normal, with a
    standard deviation of 0.2 over that of the covariate.
    """
    y, X = data["response"], _design(data)
    _check(y, _matrix(data["covariates"]))
    b = _least_squares(X, np.sqrt(2 / np.pi) * (2 * y - 1))
    b = b + 0.2 * rng.normal(size=len(b)) / np.sqrt(np.mean(X**2, axis=0))
    return {"alpha": b[0], "beta": b[1:]}


def example_data():
    table = Path(__file__).parent / "data" / "spector.csv"
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
    wrong = np.flatnonzero((y != 0) & (y != 1))
    if len(wrong):
        raise ValueError(
            f"response is {y[wrong[0]]:g} in row {wrong[0] + 1}: an answer is 0 for no or 1 for yes"
        )
    if np.ptp(y) == 0:
        raise ValueError(f"every response is {y[0]:g}: nothing tells one answer from the other")
    spread = np.std(x, axis=0)
    if not spread.all():
        raise ValueError(
            f"column {np.argmin(spread) + 1} of covariates is constant: "
            f"it says the same as the intercept, which the model has already"
        )
    design = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / spread])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("the columns of covariates are linearly dependent: leave one out")
    if _separated(y, design):
        raise ValueError(
            "perfect separation: a combination of the covariates foretells the answers without "
            "error but perhaps on the border, so that the likelihood has no maximum"
        )


def _separated(y, design):
    """Whether some b has q η >= 0 for all units, and not only zeros."""
    from scipy.optimize import linprog

    signed = (2 * y - 1)[:, None] * design
    none = np.zeros(len(y))
    # The simplex method: its solutions are corners, and do not use up any tolerance.
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=none, bounds=(-1, 1), method="highs-ds")
    return -found.fun > 1e-6
