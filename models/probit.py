r"""Probit regression with latent utilities

The answer of a unit is yes or no, $y_i \in \{0, 1\}$. It is yes if the *utility* $z_i$ of this
answer is positive. The utility is latent. It depends linearly on covariates $x_i = (x_{i1}, \dots,
x_{ip})$:

$$z_i \sim \mathrm{N}(\eta_i, 1), \qquad \eta_i = \alpha + \beta^\top (x_i - \bar x), \qquad
y_i = [z_i > 0] .$$

The variance is fixed at 1, since only the sign of the utility determines the answer: utilities
$c z_i$ with $c > 0$ give the same answers. The covariates are centred at their mean $\bar x$, so
$\alpha$ is the value of $\eta$ at $\bar x$. The usual intercept, at $x = 0$, is
$\alpha - \beta^\top \bar x$, in the code `intercept`. Write $b = (\alpha, \beta)$, and $X$ for the
matrix of rows $(1, (x_i - \bar x)^\top)$, so that $\eta = X b$.

## Data

The example, `spector.csv`, has 32 students of an economics course, 14 of whom were taught by a new
method (`psi`, the personalized system of instruction). The response is 1 if the grade of a student
improved, which was the case for 11 students. The covariate `gpa` is the grade point average, and
`tuce` is the score of a test of economic knowledge at the beginning of the course (Spector and
Mazzeo 1980; `ProgramEffectiveness` of the R package AER).

A table of your own needs a column `response` of zeros and ones; the other columns are the
covariates.

## Complete-data log-likelihood

If the utilities were known, they would follow a linear regression with variance 1:

$$\log p(y, z \mid b) = -\frac{n}{2} \log 2\pi - \frac{1}{2} \sum_{i=1}^{n} (z_i - \eta_i)^2$$

for every $z$ with the signs that $y$ determines. The terms with $b$ are linear in $z_i$, since
$z_i^2$ is not multiplied by a parameter. The M step needs only the expectation of $X^\top z$.

## E step

Given its sign, a utility has a normal distribution truncated at zero. Let $\phi$ and $\Phi$ be the
normal density and distribution function. Since $\int_0^\infty (z - \eta)\, \phi(z - \eta)\, dz =
\phi(\eta)$ and $p(z_i > 0) = \Phi(\eta_i)$,

$$m_i = \mathrm{E}[z_i \mid y_i, b'] = \begin{cases}
\eta'_i + \phi(\eta'_i) / \Phi(\eta'_i) & \text{if } y_i = 1 \\
\eta'_i - \phi(\eta'_i) / \Phi(-\eta'_i) & \text{if } y_i = 0 . \end{cases}$$

Both cases are $m_i = \eta'_i + q_i M(q_i \eta'_i)$ with the sign $q_i = 2 y_i - 1$ and $M(t) =
\phi(t) / \Phi(t)$. Far out in the tail, numerator and denominator underflow to zero. Dividing both
by $e^{-t^2/2}$ gives $M(t) = \sqrt{2 / \pi} / \mathrm{erfcx}(-t / \sqrt{2})$, where
$\mathrm{erfcx}(u) = e^{u^2} \mathrm{erfc}(u)$ is the scaled error function.

## M step

$$Q(b \mid b') = -\frac{1}{2} \sum_i (m_i - \eta_i)^2 + \text{const} , \qquad
b = (X^\top X)^{-1} X^\top m .$$

Each iteration of EM is a least-squares regression of the expected utilities.

## Observed log-likelihood and rate of convergence

$$\log p(y \mid b) = \sum_i \log \Phi(q_i \eta_i) .$$

Every term is concave, so there is at most one maximum. Since $M'(t) = -M(t)(t + M(t))$, the matrix
of second derivatives is $-X^\top W X$, where $W$ is diagonal. With $t_i = q_i \eta_i$, its entries
$W_{ii} = M(t_i) (t_i + M(t_i))$ lie between 0 and 1.

- **Slow convergence.** The second derivatives of $Q$ are $-X^\top X$, so each iteration multiplies
  the error by $I - (X^\top X)^{-1} X^\top W X$, the fraction of missing information. $W_{ii}$ is $2
  / \pi = 0.64$ if both answers are equally probable, $\eta_i = 0$. It goes to 0 if the observed
  answer is almost certain, and to 1 if the opposite answer is. The better the covariates predict
  the answers, the slower EM converges. In the example the largest eigenvalue is 0.799.
- **Perfect separation.** Suppose that some $b \ne 0$ has $q_i \eta_i \ge 0$ for all units, and
  $q_i \eta_i > 0$ for at least one. The likelihood then increases without end in the direction of
  $b$, and there is no maximum (Albert and Anderson 1984). A linear programme decides whether such a
  $b$ exists: the largest $\sum_i q_i \eta_i$ subject to $q_i \eta_i \ge 0$ and $|b_j| \le 1$ is
  positive in this case, and zero otherwise. It is solved before EM starts, and such data are
  refused.

## Prior

Let $s_j$ be the standard deviation of covariate $j$. The prior is $\alpha \sim \mathrm{N}(0, 3^2)$
and $\beta_j \sim \mathrm{N}(0, (3 / s_j)^2)$, which changes with the units of the covariates. A
slope of $3 / s_j$ changes the probability from 0.0013 to 0.9987 within two standard deviations of
the covariate.

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

from latentfit import requirements as require

latents = ("z",)

# Solutions of the linear programme up to this value are rounding errors.
_LINEAR_PROGRAMME_ROUNDING = 1e-6


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
    """The least-squares regression of the signs of the utilities, plus a random part.

    The signs -1 and 1 are multiplied by the mean absolute value of a standard normal variable. The
    random part is normal; its standard deviation is 0.2 divided by that of the covariate. EM
    converges to the single maximum from all starting values.
    """
    _check(data["response"], _matrix(data["covariates"]))
    y, X = data["response"], _design(data)
    b = _least_squares(X, np.sqrt(2 / np.pi) * (2 * y - 1))
    b = b + 0.2 * rng.normal(size=len(b)) / np.sqrt(np.mean(X**2, axis=0))
    return {"alpha": b[0], "beta": b[1:]}


def example_data():
    table = Path(__file__).parent / "data" / "spector.csv"
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
    require.zeros_and_ones("response", y)
    require.regression(y, x)
    design = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / np.std(x, axis=0)])
    if _separated(y, design):
        raise ValueError(
            "perfect separation: a linear combination of the covariates predicts every answer "
            "without error, except where it is zero, so the likelihood has no maximum"
        )


def _separated(y, design):
    """Whether some b has q η >= 0 for all units, and q η > 0 for at least one."""
    from scipy.optimize import linprog

    signed = (2 * y - 1)[:, None] * design
    zero = np.zeros(len(y))
    # The simplex method returns vertices, which satisfy the constraints without using a tolerance.
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=zero, bounds=(-1, 1), method="highs-ds")
    return -found.fun > _LINEAR_PROGRAMME_ROUNDING
