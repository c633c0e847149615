r"""Mixture of linear regressions

A response $y_i$ depends linearly on covariates $x_i = (x_{i1}, \dots, x_{ip})$, but not every unit
follows the same line. Unit $i$ is of group $z_i = k$ with probability $w_k$, and each of the $K$
groups has a regression of its own:

$$z_i \sim \mathrm{Categorical}(w), \qquad
y_i \mid z_i = k \sim \mathrm{N}( \alpha_k + \beta_k^\top (x_i - \bar x),\; \sigma_k^2 ) .$$

Covariates are measured from their mean $\bar x$, so that $\alpha_k$ is the height of line $k$ in
the middle of the data, and $\beta_k$ holds its slopes. The usual intercept, at $x = 0$, is
$\alpha_k - \beta_k^\top \bar x$. It is the same model, but height and slope can be
estimated almost without regard to each other, where intercept and slope cannot.

Write $\theta = (w, \alpha, \beta, \sigma)$; `beta` has shape $(K, p)$. The likelihood is that of
the responses given the covariates, whose own distribution does not matter.

## Data

In an experiment on the perception of tones, 150 times a trained musician heard a fundamental tone
together with overtones whose frequencies were `stretchratio` times what nature makes of an octave,
and tuned a second tone to be an octave above the first. The response is `tuned`, the ratio of the
two. One theory has it that musicians go by the overtones, so that `tuned` equals `stretchratio`;
the other that they have the octave in their head, so that it is 2 whatever they hear. The table is
`tonedata` of the R packages fpc and mixtools, from E. A. Cohen (1980), *Inharmonic tone
perception*, dissertation, Stanford University.

The published figures are for another table, `co2-gnp.csv`: gross national product and carbon
dioxide emissions, both a head, of 28 countries in 1996; `CO2data` of mixtools, from Hurn, Justel
and Robert (2003).

## Complete-data log-likelihood

With the groups known there are $K$ separate regressions. Write $\mu_{ik} = \alpha_k + \beta_k^\top
(x_i - \bar x)$, and $\phi(y; \mu, \sigma)$ for the normal density:

$$\log p(y, z \mid \theta) = \sum_{i=1}^{n} \sum_{k=1}^{K} [z_i = k]
\left( \log w_k + \log \phi(y_i; \mu_{ik}, \sigma_k) \right) .$$

## E step

The indicators enter linearly. Their expectations are the responsibilities

$$r_{ik} = p(z_i = k \mid y_i, \theta') =
\frac{w'_k\, \phi(y_i; \mu'_{ik}, \sigma'_k)}{\sum_l w'_l\, \phi(y_i; \mu'_{il}, \sigma'_l)} ,$$

computed from logarithms, the largest of a row taken out first.

## M step

$$Q(\theta \mid \theta') = \sum_i \sum_k r_{ik} \left( \log w_k - \log \sigma_k
- \frac{(y_i - \mu_{ik})^2}{2 \sigma_k^2} \right) + \text{const}$$

falls apart into the weights and one weighted regression for each group. With $X$ the matrix
of rows $(1, (x_i - \bar x)^\top)$, $R_k = \mathrm{diag}(r_{1k}, \dots, r_{nk})$ and
$n_k = \sum_i r_{ik}$,

$$w_k = \frac{n_k}{n}, \qquad
\begin{pmatrix} \alpha_k \\ \beta_k \end{pmatrix} = (X^\top R_k X)^{-1} X^\top R_k\, y, \qquad
\sigma_k^2 = \frac{1}{n_k} \sum_i r_{ik} (y_i - \mu_{ik})^2 ,$$

with the new $\mu_{ik}$ in the last. The coefficients minimise $\sum_i r_{ik} (y_i - \mu_{ik})^2$
whatever $\sigma_k$ is; they are found as the least-squares solution of
$\sqrt{R_k} X b = \sqrt{R_k}\, y$, which is more accurate than forming $X^\top R_k X$.

## Observed log-likelihood

$$\log p(y \mid \theta) = \sum_i \log \sum_k w_k\, \phi(y_i; \mu_{ik}, \sigma_k) .$$

- **No global maximum.** A line through $p + 1$ of the points, with $\sigma_k \to 0$, takes the
  likelihood to infinity, and there are more such lines than points. What is meant by the maximum
  likelihood estimate is the highest *interior* maximum.
- **Several maxima.** Each line may settle on a different band of points. Compare several starts.
- **Labels.** The groups can be renumbered without changing anything.
- **Few values of a covariate.** Lines that are all observed at the same few $x$ can exchange
  their parts from one $x$ to the next: the model is identified if there are enough different $x$
  (Hennig 2000).

## Prior

Weights are uniform on the simplex. With $\bar y$ and $s$ the mean and the standard deviation of the
response, and $s_j$ that of covariate $j$: heights are $\mathrm{N}(\bar y, (2s)^2)$, slopes
$\mathrm{N}(0, (2s/s_j)^2)$, standard deviations log-normal with median $s$. All move with the units
of the data, and the last keeps away from zero, where the likelihood is unbounded.

## References

- R. E. Quandt and J. B. Ramsey (1978). Estimating mixtures of normal distributions and switching
  regressions. *Journal of the American Statistical Association* 73, 730–738.
- R. D. De Veaux (1989). Mixtures of linear regressions. *Computational Statistics & Data Analysis*
  8, 227–245. EM, and the tone data.
- C. Hennig (2000). Identifiability of models for clusterwise linear regression. *Journal of
  Classification* 17, 273–296.
- M. Hurn, A. Justel and C. P. Robert (2003). Estimating mixtures of regressions. *Journal of
  Computational and Graphical Statistics* 12, 55–79.
- T. Benaglia, D. Chauveau, D. R. Hunter and D. S. Young (2009). mixtools: an R package for
  analyzing finite mixture models. *Journal of Statistical Software* 32(6), 1–29.
"""

from pathlib import Path

import numpy as np
import pymc as pm

from latentfit.em.primitives import responsibilities

latents = ("z",)


def model(response, covariates, components=2):
    matrix = _matrix(covariates)
    centre, spread = np.mean(response), np.std(response)
    coords = {
        "component": range(components),
        "covariate": range(matrix.shape[1]),
        "observation": range(len(response)),
    }
    with pm.Model(coords=coords) as model:
        x = pm.Data("covariates", covariates).reshape(matrix.shape)
        w = pm.Dirichlet("w", np.ones(components), dims="component")
        alpha = pm.Normal("alpha", centre, 2 * spread, dims="component")
        slope = 2 * spread / np.std(matrix, axis=0)
        beta = pm.Normal("beta", 0, slope, dims=("component", "covariate"))
        # Zero-avoiding, since the likelihood is unbounded as a standard deviation goes to zero.
        sigma = pm.LogNormal("sigma", np.log(spread), 1, dims="component")
        z = pm.Categorical("z", w, dims="observation")
        mu = alpha[z] + (beta[z] * (x - matrix.mean(axis=0))).sum(axis=-1)
        pm.Normal("response", mu, sigma[z], observed=response, dims="observation")
        pm.Deterministic("intercept", alpha - beta @ matrix.mean(axis=0), dims="component")
    return model


def e_step(params, data):
    r, _ = responsibilities(_log_joint(params, data))
    return {"z": r}


def m_step(expectations, data):
    r, y, X = expectations["z"], data["response"], _design(data)
    n = r.sum(axis=0)
    coefficients = _least_squares(X, y, r)
    variance = np.sum(r * (y[:, None] - X @ coefficients.T) ** 2, axis=0) / n
    return {
        "w": n / len(y),
        "alpha": coefficients[:, 0],
        "beta": coefficients[:, 1:],
        "sigma": np.sqrt(variance),
    }


def log_likelihood(params, data):
    _, height = responsibilities(_log_joint(params, data))
    return height


def initial(data, rng, components=2):
    """Equal weights, lines that pass close to the points, a common standard deviation.

    Lines are found as k-means finds centres: each is fitted to as many random observations as it
    has coefficients; then, ten times, every observation goes to its nearest line, and every line is
    fitted to its observations. Of twenty such sets of lines the one is taken from which the
    observations are least far in all. The standard deviation is that of the observations about
    their nearest line.
    """
    y, X = data["response"], _design(data)
    _check(y, X, components)
    found = min((_lines(X, y, components, rng) for _ in range(20)), key=lambda one: one[1].sum())
    coefficients, distance = found
    sigma = np.sqrt(np.mean(distance**2))
    if sigma <= 1e-8 * np.std(y):
        raise ValueError(
            f"every response lies on one of {components} planes (lines, with one covariate): "
            f"there is no spread about them to estimate"
        )
    return {
        "w": np.full(components, 1 / components),
        "alpha": coefficients[:, 0],
        "beta": coefficients[:, 1:],
        "sigma": np.full(components, sigma),
    }


def example_data():
    table = Path(__file__).parent / "data" / "tone.csv"
    stretchratio, tuned = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"response": tuned, "covariates": stretchratio[:, None]}


def _matrix(covariates):
    """One column a covariate, also where there is a single one."""
    return np.reshape(covariates, (len(covariates), -1))


def _design(data):
    """Rows (1, x - mean)."""
    x = _matrix(data["covariates"])
    return np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])


def _least_squares(design, y, r):
    """Coefficients of regressions on the design with weights r[:, k], a row for each k."""
    norms = np.linalg.norm(design, axis=0)
    roots = np.sqrt(r).T
    return np.array(
        [np.linalg.lstsq(root[:, None] * (design / norms), root * y)[0] / norms for root in roots]
    )


def _lines(design, y, components, rng):
    """Coefficients of lines near the points, and the distance of each point from the nearest."""
    chosen = rng.permutation(len(y))[: components * design.shape[1]]
    r = np.zeros((len(y), components))
    r[chosen, np.arange(len(chosen)) % components] = 1
    for _ in range(10):
        coefficients = _least_squares(design, y, r)
        distance = np.abs(y[:, None] - design @ coefficients.T)
        r = np.eye(components)[distance.argmin(axis=1)]
    return coefficients, distance.min(axis=1)


def _check(y, design, components):
    n, size = design.shape
    if components < 1:
        raise ValueError(f"components must be at least 1, not {components}")
    if len(y) != n:
        raise ValueError(f"response has {len(y)} values and covariates have {n} rows")
    if n <= components * size:
        raise ValueError(
            f"{n} observations are too few for {components} components "
            f"of {size} coefficients and a variance each"
        )
    if np.ptp(y) == 0:
        raise ValueError(f"all {n} values of response are equal ({y[0]:g}): there is no spread")
    spread = np.std(design[:, 1:], axis=0)
    if not spread.all():
        raise ValueError(
            f"column {np.argmin(spread) + 1} of covariates is constant: "
            f"it says the same as the intercept, which the model has already"
        )
    if np.linalg.matrix_rank(design / np.linalg.norm(design, axis=0)) < size:
        raise ValueError("the columns of covariates are linearly dependent: leave one out")


def _log_joint(params, data):
    """log p(y, z = k | θ), shape (observations, components)."""
    w, alpha, beta, sigma = (params[name] for name in ("w", "alpha", "beta", "sigma"))
    mu = _design(data) @ np.column_stack([alpha, beta]).T
    standardised = (data["response"][:, None] - mu) / sigma
    return np.log(w) - np.log(sigma) - 0.5 * np.log(2 * np.pi) - 0.5 * standardised**2
