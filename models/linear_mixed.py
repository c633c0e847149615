r"""Linear mixed model with random intercepts and slopes

Each of $G$ groups (subjects, schools, plots) has a line of its own, and the lines are scattered
about a common one. Measurement $j$ of group $i$, made at $x_{ij}$, is

$$y_{ij} = (\beta_0 + b_{i0}) + (\beta_1 + b_{i1})\, x_{ij} + e_{ij}, \qquad
b_i = \begin{pmatrix} b_{i0} \\ b_{i1} \end{pmatrix} \sim \mathrm{N}(0, D), \qquad
e_{ij} \sim \mathrm{N}(0, \sigma^2), \qquad j = 1, \dots, n_i ,$$

with all $b_i$ and $e_{ij}$ independent and

$$D = \begin{pmatrix} \tau_0^2 & \rho\, \tau_0 \tau_1 \\ \rho\, \tau_0 \tau_1 & \tau_1^2
\end{pmatrix} .$$

The *random effects* $b_i$ are not seen; $\beta$ are the *fixed effects*. Write $Z_i$ for the matrix
of rows $(1, x_{ij})$, so that $y_i = Z_i (\beta + b_i) + e_i$. Further $N = \sum_i n_i$ and
$\theta = (\beta, \tau, \rho, \sigma)$.

## Data

The example is a study of sleep deprivation (Belenky et al. 2003; `sleepstudy` of the R package
lme4). Eighteen subjects were allowed three hours in bed a night, and `y` is their average
reaction time, in milliseconds, on days `x` = 0, ..., 9: 180 rows, `group` being the number of
the subject. A table of one's own has the same three columns, any numbers of rows a group, and any
numbers to name the groups.

## Complete-data log-likelihood

With $b$ known, the effects are a bivariate normal sample of mean zero, and $y - Z b$ follows an
ordinary regression:

$$\log p(y, b \mid \theta) = - \frac{1}{2} \sum_i \left( \log |2 \pi D| + b_i^\top D^{-1} b_i
\right) - \frac{N}{2} \log (2 \pi \sigma^2)
- \frac{1}{2 \sigma^2} \sum_i \| y_i - Z_i (\beta + b_i) \|^2 .$$

It is linear in the vectors $b_i$ and the matrices $b_i b_i^\top$.

## E step

As a function of $b_i$ this is a quadratic, so that the $b_i$, given $y$, are normal and
independent. Completing the square gives covariance and mean

$$V_i = \left( D'^{-1} + \frac{Z_i^\top Z_i}{\sigma'^2} \right)^{-1}, \qquad
m_i = \frac{1}{\sigma'^2} V_i Z_i^\top (y_i - Z_i \beta'), \qquad
\mathrm{E}[b_i b_i^\top \mid y, \theta'] = m_i m_i^\top + V_i .$$

In the code $V_i = (I + D' Z_i^\top Z_i / \sigma'^2)^{-1} D'$, which needs no inverse of $D'$ and
holds where it has none.

## M step

$$Q(\theta \mid \theta') = - \frac{1}{2} \sum_i \left( \log |D| + \mathrm{tr}\, D^{-1}
(m_i m_i^\top + V_i) \right) - N \log \sigma - \frac{1}{2 \sigma^2} \sum_i \left(
\| y_i - Z_i (\beta + m_i) \|^2 + \mathrm{tr}\, Z_i^\top Z_i V_i \right) + \text{const}$$

falls apart into a normal sample and a regression of $y_i - Z_i m_i$ on $Z_i$:

$$D = \frac{1}{G} \sum_i (m_i m_i^\top + V_i), \qquad
\beta = \Big( \sum_i Z_i^\top Z_i \Big)^{-1} \sum_i Z_i^\top (y_i - Z_i m_i) ,$$

$$\sigma^2 = \frac{1}{N} \sum_i \left( \| y_i - Z_i (\beta + m_i) \|^2
+ \mathrm{tr}\, Z_i^\top Z_i V_i \right) ,$$

the last with the new $\beta$. Standard deviations and correlation are read off $D$.

## Observed log-likelihood

Given $\theta$ the vectors $y_i$ are independent and normal, of mean $Z_i \beta$ and covariance
$\Sigma_i = \sigma^2 I + Z_i D Z_i^\top$. By the identities of Sylvester and Woodbury determinant
and inverse of this $n_i \times n_i$ matrix come down to matrices of two rows: with
$r_i = y_i - Z_i \beta$ and $V_i$ as in the E step, at $\theta$,

$$\log p(y \mid \theta) = - \frac{1}{2} \sum_i \left( n_i \log (2 \pi \sigma^2)
+ \log \Big| I + \frac{D Z_i^\top Z_i}{\sigma^2} \Big|
+ \frac{\| r_i \|^2}{\sigma^2} - \frac{r_i^\top Z_i V_i Z_i^\top r_i}{\sigma^4} \right) .$$

- **Not REML.** Most programs maximise the *restricted* likelihood unless told otherwise, which
  allows for the estimation of $\beta$. In the example it gives standard deviations of 24.74 and
  5.92 where maximum likelihood gives 23.78 and 5.72; that of the errors is 25.59 either way.
- **Flat.** The height changes by a hundred-millionth where $\tau_0$ changes by $0.001$, and a
  program that stops there prints no more than 23.780 for what is 23.78057.
- **Boundary.** With few groups, or with slopes that hardly differ, the maximum may lie where $D$ is
  singular: at $\rho = \pm 1$, or at $\tau_0 = 0$ or $\tau_1 = 0$, where $\rho$ means nothing. EM
  comes close to it ever more slowly, and standard errors mean nothing there.
- **Rate.** EM is the slower, the better the groups' own data tell their lines: then nearly all that
  is known of $\theta$ is known through $b$, which is missing. The error shrinks by 0.958 in each
  iteration of the example.
- **Where x is zero** is where $\tau_0$ and $\rho$ are measured. Another origin is the same model
  with other values of these.
- **Refused** are data that do not tell $\sigma$ from the rest: a single group; a constant $x$;
  groups each of which lies on its line exactly, where the likelihood is unbounded as
  $\sigma \to 0$.

## Prior

With $\bar x$, $s_x$, $\bar y$, $s_y$ means and standard deviations of all measurements, the
natural sizes of intercept and slope are $u_0 = 2 s_y (1 + |\bar x| / s_x)$ and
$u_1 = 2 s_y / s_x$. The fixed effects are normal with these standard deviations about $\bar y$ and
0, the $\tau_k$ half-normal with scale $u_k$, $\rho$ uniform on $(-1, 1)$, and $\sigma$ log-normal
with median $s_y$ and a standard deviation of 1 on the log scale. All move with the units of $x$ and
$y$.

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

latents = ("b",)


def model(y, x, group):
    names, code = np.unique(group, return_inverse=True)
    spread = np.std(y)
    size = 2 * spread * np.array([1 + abs(np.mean(x)) / np.std(x), 1 / np.std(x)])
    coords = {"name": names, "effect": ["intercept", "slope"], "measurement": range(len(y))}
    with pm.Model(coords=coords) as model:
        beta = pm.Normal("beta", [np.mean(y), 0], size, dims="effect")
        tau = pm.HalfNormal("tau", size, dims="effect")
        rho = pm.Uniform("rho", -1, 1)
        # Zero-avoiding: the likelihood is unbounded where every group lies on its line.
        sigma = pm.LogNormal("sigma", np.log(spread), 1)
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
    """The line through all measurements; half of the variance about it within groups, half between.

    The half between is shared out evenly to intercepts and slopes, which start uncorrelated. All
    three standard deviations are multiplied by a log-normal factor with 20 %, the coefficients are
    moved by a fifth of the standard deviations of the random effects, and the correlation is
    uniform on -0.3 to 0.3. EM climbs to the maximum from there.
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
    """Response, rows (1, x), number of the group of each; and Z'Z of each group."""
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
    shapes = {np.shape(data[name]) for name in ("y", "x", "group")}
    if len(shapes) > 1 or len(min(shapes)) != 1:
        raise ValueError("y, x and group should be three columns of one length")
    if np.ptp(data["x"]) == 0:
        raise ValueError(f"every x is {data['x'][0]:g}: there is nothing to tell of slopes")
    y, Z, code, ZZ = _design(data)
    if len(ZZ) == 1:
        raise ValueError(f"all measurements are of one group ({data['group'][0]:g})")
    left = [
        y[code == i] - Z[code == i] @ np.linalg.lstsq(Z[code == i], y[code == i], rcond=None)[0]
        for i in range(len(ZZ))
    ]
    if np.sum(np.concatenate(left) ** 2) <= 1e-20 * np.sum(y**2):
        raise ValueError("the measurements of each group lie on a line: there is no error about it")
