r"""Linear mixed model with random intercepts and slopes

Each of $G$ groups (subjects, schools, plots) has a regression line of its own, and the lines vary
about a common line. Measurement $j$ of group $i$, made at $x_{ij}$, is

$$y_{ij} = (\beta_0 + b_{i0}) + (\beta_1 + b_{i1})\, x_{ij} + e_{ij}, \qquad
b_i = \begin{pmatrix} b_{i0} \\ b_{i1} \end{pmatrix} \sim \mathrm{N}(0, D), \qquad
e_{ij} \sim \mathrm{N}(0, \sigma^2), \qquad j = 1, \dots, n_i ,$$

with all $b_i$ and $e_{ij}$ independent and

$$D = \begin{pmatrix} \tau_0^2 & \rho\, \tau_0 \tau_1 \\ \rho\, \tau_0 \tau_1 & \tau_1^2
\end{pmatrix} .$$

The *random effects* $b_i$ are latent; $\beta$ are the *fixed effects*. Write $Z_i$ for the matrix
of rows $(1, x_{ij})$, so that $y_i = Z_i (\beta + b_i) + e_i$. Further let $N = \sum_i n_i$ and
$\theta = (\beta, \tau, \rho, \sigma)$.

## Data

The example is a study of sleep deprivation (Belenky et al. 2003; `sleepstudy` of the R package
lme4). Eighteen subjects were allowed three hours in bed each night. The column `y` is a subject's
average reaction time in milliseconds on day `x` = 0, ..., 9, and `group` is the number of the
subject: 180 rows.

A table of your own has the same three columns. The groups may have different numbers of rows and
are named by any numbers.

## Complete-data log-likelihood

If $b$ were known, the effects would be a bivariate normal sample with mean zero, and $y - Z b$
would follow an ordinary regression:

$$\log p(y, b \mid \theta) = - \frac{1}{2} \sum_i \left( \log |2 \pi D| + b_i^\top D^{-1} b_i
\right) - \frac{N}{2} \log (2 \pi \sigma^2)
- \frac{1}{2 \sigma^2} \sum_i \| y_i - Z_i (\beta + b_i) \|^2 .$$

It is linear in the vectors $b_i$ and the matrices $b_i b_i^\top$.

## E step

The complete-data log-likelihood is a quadratic function of $b_i$, so given $y$, the $b_i$ are
normal and independent. Completing the square gives the covariance and the mean

$$V_i = \left( D'^{-1} + \frac{Z_i^\top Z_i}{\sigma'^2} \right)^{-1}, \qquad
m_i = \frac{1}{\sigma'^2} V_i Z_i^\top (y_i - Z_i \beta'), \qquad
\mathrm{E}[b_i b_i^\top \mid y, \theta'] = m_i m_i^\top + V_i .$$

The code computes $V_i = (I + D' Z_i^\top Z_i / \sigma'^2)^{-1} D'$, which also holds if $D'$ is
singular.

## M step

$$Q(\theta \mid \theta') = - \frac{1}{2} \sum_i \left( \log |D| + \mathrm{tr}\, D^{-1}
(m_i m_i^\top + V_i) \right) - N \log \sigma - \frac{1}{2 \sigma^2} \sum_i \left(
\| y_i - Z_i (\beta + m_i) \|^2 + \mathrm{tr}\, Z_i^\top Z_i V_i \right) + \text{const}$$

consists of the log-likelihood of a normal sample and that of a regression of $y_i - Z_i m_i$ on
$Z_i$. Its maximum is

$$D = \frac{1}{G} \sum_i (m_i m_i^\top + V_i), \qquad
\beta = \Big( \sum_i Z_i^\top Z_i \Big)^{-1} \sum_i Z_i^\top (y_i - Z_i m_i) ,$$

$$\sigma^2 = \frac{1}{N} \sum_i \left( \| y_i - Z_i (\beta + m_i) \|^2
+ \mathrm{tr}\, Z_i^\top Z_i V_i \right) ,$$

with the new $\beta$ in the last formula. The matrix $D$ contains the standard deviations and the
correlation.

## Observed log-likelihood

Given $\theta$ the vectors $y_i$ are independent and normal with mean $Z_i \beta$ and covariance
$\Sigma_i = \sigma^2 I + Z_i D Z_i^\top$. By the identities of Sylvester and Woodbury, the
determinant and the inverse of this $n_i \times n_i$ matrix follow from matrices of size $2 \times
2$. With $r_i = y_i - Z_i \beta$ and $V_i$ as in the E step, at $\theta$,

$$\log p(y \mid \theta) = - \frac{1}{2} \sum_i \left( n_i \log (2 \pi \sigma^2)
+ \log \Big| I + \frac{D Z_i^\top Z_i}{\sigma^2} \Big|
+ \frac{\| r_i \|^2}{\sigma^2} - \frac{r_i^\top Z_i V_i Z_i^\top r_i}{\sigma^4} \right) .$$

- **Not REML.** Most programs maximise the *restricted* likelihood by default, which allows for the
  estimation of $\beta$. In the example REML gives the standard deviations 24.74 and 5.92, and
  maximum likelihood gives 23.78 and 5.72. The standard deviation of the errors is 25.59 in both.
- **Flat likelihood.** The log-likelihood changes by a hundred-millionth if $\tau_0$ changes by
  $0.001$. A program that stops at this precision prints 23.780 instead of 23.78057.
- **Boundary.** With few groups, or with slopes that hardly differ, $D$ may be singular at the
  maximum: $\rho = \pm 1$, or $\tau_0 = 0$ or $\tau_1 = 0$, in which case $\rho$ is not identified.
  EM converges to such a maximum ever more slowly, and standard errors do not apply to it.
- **Rate.** The better the data of the groups determine their lines, the slower EM converges: almost
  all information on $\theta$ then comes through $b$, which is missing. In the example each
  iteration multiplies the error by 0.958.
- **The origin of x.** $\tau_0$ and $\rho$ refer to $x = 0$. Another origin gives the same model
  with other values of these parameters.
- **Refused** are data that do not determine $\sigma$: a single group; a constant $x$; groups whose
  measurements all lie exactly on a line, for which the likelihood is unbounded as $\sigma \to 0$.

## Prior

Let $\bar x$, $s_x$, $\bar y$ and $s_y$ be the means and standard deviations of all measurements.
The scales of the intercept and of the slope are $u_0 = 2 s_y (1 + |\bar x| / s_x)$ and $u_1 = 2 s_y
/ s_x$. The fixed effects are normal with these standard deviations about $\bar y$ and
0. The $\tau_k$ are half-normal with scale $u_k$, and $\rho$ is uniform on $(-1, 1)$. $\sigma$ is
log-normal with median $s_y$ and a standard deviation of 1 on the log scale. The prior changes with
the units of $x$ and $y$.

## References

- N. M. Laird and J. H. Ware (1982). Random-effects models for longitudinal data. *Biometrics* 38,
  963–974. The model, and EM for it.
- G. Belenky, N. J. Wesensten, D. R. Thorne et al. (2003). Patterns of performance degradation and
  restoration during sleep restriction and subsequent recovery: a sleep dose-response study.
  *Journal of Sleep Research* 12, 1–12.
- D. Bates, M. Mächler, B. Bolker and S. Walker (2015). Fitting linear mixed-effects models using
  lme4. *Journal of Statistical Software* 67(1), 1–48.
"""

from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require

latents = ("b",)

# Largest residual sum of squares about the lines of the groups, relative to that of y about zero,
# that is due to rounding.
_EXACT_LINES_RELATIVE = 1e-20


def model(y, x, group):
    names, code = np.unique(group, return_inverse=True)
    sd = np.std(y)
    size = 2 * sd * np.array([1 + abs(np.mean(x)) / np.std(x), 1 / np.std(x)])
    coords = {"name": names, "effect": ["intercept", "slope"], "measurement": range(len(y))}
    with pm.Model(coords=coords) as model:
        beta = pm.Normal("beta", [np.mean(y), 0], size, dims="effect")
        tau = pm.HalfNormal("tau", size, dims="effect")
        rho = pm.Uniform("rho", -1, 1)
        # Log-normal, since the likelihood is unbounded as sigma goes to zero on exact lines.
        sigma = pm.LogNormal("sigma", np.log(sd), 1)
        correlation = pm.math.stack([pm.math.stack([1, rho]), pm.math.stack([rho, 1])])
        covariance = correlation * tau[:, None] * tau
        b = pm.MvNormal("b", np.zeros(2), covariance, dims=("name", "effect"))
        line = beta + b[code]
        pm.Normal("y", line[:, 0] + line[:, 1] * x, sigma, observed=y, dims="measurement")
    return model


def e_step(params, data):
    mean, covariance, _ = _conditional(params, data)
    return {"b": mean, "bb": _outer(mean) + covariance}


def m_step(expectations, data):
    m, second = expectations["b"], expectations["bb"]
    y, Z, code, ZZ = _design(data)
    rest = y - np.sum(Z * m[code], axis=1)
    beta = np.linalg.lstsq(Z, rest, rcond=None)[0]
    squares = np.sum((rest - Z @ beta) ** 2) + np.sum(ZZ * (second - _outer(m)))
    D = np.mean(second, axis=0)
    tau = np.sqrt(np.diag(D))
    return {
        "beta": beta,
        "tau": tau,
        "rho": D[0, 1] / (tau[0] * tau[1]),
        "sigma": np.sqrt(squares / len(y)),
    }


def log_likelihood(params, data):
    y, Z, code, _ = _design(data)
    mean, _, determinant = _conditional(params, data)
    variance = params["sigma"] ** 2
    residual = y - Z @ params["beta"]
    explained = residual @ np.sum(Z * mean[code], axis=1)
    return -0.5 * (
        len(y) * np.log(2 * np.pi * variance)
        + np.sum(np.log(determinant))
        + (residual @ residual - explained) / variance
    )


expectations = {"bb": lambda latents, data: _outer(latents["b"])}


def initial(data, rng):
    """The regression line of all measurements, and its residual variance divided into parts.

    Half of the residual variance is attributed to the errors, a quarter to the intercepts and a
    quarter to the slopes. The three standard deviations are multiplied by log-normal factors (0.2
    on the log scale). The coefficients get normal random terms with a fifth of the standard
    deviations of the random effects, and the correlation is uniform between -0.3 and 0.3.
    """
    _check(data)
    y, Z, _, _ = _design(data)
    beta = np.linalg.lstsq(Z, y, rcond=None)[0]
    variance = np.mean((y - Z @ beta) ** 2)
    tau = np.sqrt(variance / 4 / np.mean(Z**2, axis=0))
    return {
        "beta": beta + 0.2 * tau * rng.normal(size=2),
        "tau": tau * rng.lognormal(0, 0.2, 2),
        "rho": rng.uniform(-0.3, 0.3),
        "sigma": np.sqrt(variance / 2) * rng.lognormal(0, 0.2),
    }


def example_data():
    table = Path(__file__).parent / "data" / "sleepstudy.csv"
    y, x, group = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"y": y, "x": x, "group": group}


def _design(data):
    """The response, the rows (1, x), the index of the group of each row, and Z'Z of each group."""
    _, code = np.unique(data["group"], return_inverse=True)
    Z = np.column_stack([np.ones(len(code)), data["x"]])
    ZZ = np.zeros((code.max() + 1, 2, 2))
    np.add.at(ZZ, code, _outer(Z))
    return data["y"], Z, code, ZZ


def _conditional(params, data):
    """Means and covariances of the effects given y, and the determinants |I + D Z'Z / σ²|."""
    y, Z, code, ZZ = _design(data)
    variance = params["sigma"] ** 2
    D = np.outer(params["tau"], params["tau"]) * np.where(np.eye(2), 1, params["rho"])
    gain = np.eye(2) + D @ ZZ / variance
    covariance = np.linalg.solve(gain, np.broadcast_to(D, gain.shape))
    score = np.zeros((len(ZZ), 2))
    np.add.at(score, code, Z * (y - Z @ params["beta"])[:, None])
    return (covariance @ score[..., None])[..., 0] / variance, covariance, np.linalg.det(gain)


def _outer(rows):
    return rows[:, :, None] * rows[:, None, :]


def _check(data):
    require.columns_of_one_length(y=data["y"], x=data["x"], group=data["group"])
    require.variation("x", data["x"])
    require.distinct("group", data["group"], 2, "groups")
    y, Z, code, ZZ = _design(data)
    residuals = [
        y[code == i] - Z[code == i] @ np.linalg.lstsq(Z[code == i], y[code == i], rcond=None)[0]
        for i in range(len(ZZ))
    ]
    if np.sum(np.concatenate(residuals) ** 2) <= _EXACT_LINES_RELATIVE * np.sum(y**2):
        raise ValueError(
            "the measurements of each group lie exactly on a line: "
            "the variance of the errors cannot be estimated"
        )
