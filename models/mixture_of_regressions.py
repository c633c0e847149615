r"""Mixture of linear regressions

A response $y_i$ depends linearly on covariates $x_i = (x_{i1}, \dots, x_{ip})$, but different units
follow different lines. Unit $i$ belongs to group $z_i = k$ with probability $w_k$, and each of the
$K$ groups has a regression of its own:

$$z_i \sim \mathrm{Categorical}(w), \qquad
y_i \mid z_i = k \sim \mathrm{N}( \alpha_k + \beta_k^\top (x_i - \bar x),\; \sigma_k^2 ) .$$

The covariates are centred at their mean $\bar x$, so $\alpha_k$ is the value of line $k$ at
$\bar x$, and $\beta_k$ contains its slopes. The usual intercept, at $x = 0$, is
$\alpha_k - \beta_k^\top \bar x$. Centring does not change the model, but the estimates of value and
slope are almost uncorrelated, whereas those of intercept and slope are not.

Write $\theta = (w, \alpha, \beta, \sigma)$; `beta` has shape $(K, p)$. The likelihood is that of
the responses given the covariates.

## Data

The example, `tone.csv`, is an experiment on the perception of tones. A trained musician heard a
fundamental tone together with overtones, and tuned a second tone to be an octave above the first,
150 times. The covariate `stretchratio` determines the frequencies of the overtones; natural
overtones have the value 2. The response `tuned` is the ratio of the two tones. By one theory
musicians follow the overtones, so `tuned` equals `stretchratio`. By another theory they know the
octave from memory, so `tuned` is 2 for any overtones. The table is `tonedata` of the R packages fpc
and mixtools, from E. A. Cohen (1980), *Inharmonic tone perception*, dissertation, Stanford
University.

The published figures are for another table, `co2-gnp.csv`: gross national product and carbon
dioxide emissions, both per head, of 28 countries in 1996; `CO2data` of mixtools, from Hurn, Justel
and Robert (2003).

## Complete-data log-likelihood

If the groups were known, there would be $K$ separate regressions. Write $\mu_{ik} = \alpha_k +
\beta_k^\top (x_i - \bar x)$, and $\phi(y; \mu, \sigma)$ for the normal density:

$$\log p(y, z \mid \theta) = \sum_{i=1}^{n} \sum_{k=1}^{K} [z_i = k]
\left( \log w_k + \log \phi(y_i; \mu_{ik}, \sigma_k) \right) .$$

## E step

The complete-data log-likelihood is linear in the indicators. Their expectations are the
responsibilities

$$r_{ik} = p(z_i = k \mid y_i, \theta') =
\frac{w'_k\, \phi(y_i; \mu'_{ik}, \sigma'_k)}{\sum_l w'_l\, \phi(y_i; \mu'_{il}, \sigma'_l)} ,$$

computed from logarithms, of which the largest of each row is subtracted first.

## M step

$$Q(\theta \mid \theta') = \sum_i \sum_k r_{ik} \left( \log w_k - \log \sigma_k
- \frac{(y_i - \mu_{ik})^2}{2 \sigma_k^2} \right) + \text{const}$$

is the sum of a function of the weights and one weighted regression for each group. Let $X$ be the
matrix of rows $(1, (x_i - \bar x)^\top)$, $R_k = \mathrm{diag}(r_{1k}, \dots, r_{nk})$ and
$n_k = \sum_i r_{ik}$. The maximum is

$$w_k = \frac{n_k}{n}, \qquad
\begin{pmatrix} \alpha_k \\ \beta_k \end{pmatrix} = (X^\top R_k X)^{-1} X^\top R_k\, y, \qquad
\sigma_k^2 = \frac{1}{n_k} \sum_i r_{ik} (y_i - \mu_{ik})^2 ,$$

with the new $\mu_{ik}$ in the last formula. For every $\sigma_k$ the coefficients minimise
$\sum_i r_{ik} (y_i - \mu_{ik})^2$. The code computes them as the least-squares solution of
$\sqrt{R_k} X b = \sqrt{R_k}\, y$, which is more accurate than forming $X^\top R_k X$.

## Observed log-likelihood

$$\log p(y \mid \theta) = \sum_i \log \sum_k w_k\, \phi(y_i; \mu_{ik}, \sigma_k) .$$

- **No global maximum.** For a line through $p + 1$ of the points the likelihood grows without bound
  as $\sigma_k \to 0$, and there are more such lines than points. The maximum likelihood estimate is
  therefore defined as the highest *interior* maximum.
- **Several maxima.** The lines may fit different bands of points. Compare several starts.
- **Labels.** Renumbering the groups does not change the likelihood.
- **Few values of a covariate.** If all lines are observed at the same few values of $x$, they can
  exchange their values at one $x$. The model is identified if $x$ has enough different values
  (Hennig 2000).

## Prior

The weights are uniform on the simplex. Let $\bar y$ and $s$ be the mean and the standard deviation
of the response, and $s_j$ the standard deviation of covariate $j$. The $\alpha_k$ are
$\mathrm{N}(\bar y, (2s)^2)$, and the slopes are $\mathrm{N}(0, (2s/s_j)^2)$. The standard
deviations are log-normal with median $s$ and a standard deviation of 1 on the log scale; their
density vanishes at zero, where the likelihood is unbounded. The prior changes with the units of the
data.

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

from latentfit import requirements as require
from latentfit.em.primitives import responsibilities

latents = ("z",)

# Standard deviations about the lines up to this share of that of the response are rounding errors.
_EXACT_LINES_RELATIVE = 1e-8


def model(response, covariates, components=2):
    matrix = _matrix(covariates)
    centre, sd = np.mean(response), np.std(response)
    coords = {
        "component": range(components),
        "covariate": range(matrix.shape[1]),
        "observation": range(len(response)),
    }
    with pm.Model(coords=coords) as model:
        x = pm.Data("covariates", covariates).reshape(matrix.shape)
        w = pm.Dirichlet("w", np.ones(components), dims="component")
        alpha = pm.Normal("alpha", centre, 2 * sd, dims="component")
        slope = 2 * sd / np.std(matrix, axis=0)
        beta = pm.Normal("beta", 0, slope, dims=("component", "covariate"))
        # Log-normal, since the likelihood is unbounded as a standard deviation goes to zero.
        sigma = pm.LogNormal("sigma", np.log(sd), 1, dims="component")
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
    _, log_likelihood = responsibilities(_log_joint(params, data))
    return log_likelihood


def initial(data, rng, components=2):
    """Equal weights, lines close to the points, and a common standard deviation.

    The lines are found by an analogue of k-means. Each line is first fitted to as many random
    observations as it has coefficients. Then, ten times, each observation is assigned to its
    nearest line, and each line is fitted to its observations. Of twenty such sets of lines the one
    with the smallest sum of distances is used. The standard deviation is that of the observations
    about their nearest line.
    """
    _check(data, components)
    y, X = data["response"], _design(data)
    sets = (_lines(X, y, components, rng) for _ in range(20))
    coefficients, distance = min(sets, key=lambda lines: lines[1].sum())
    sigma = np.sqrt(np.mean(distance**2))
    if sigma <= _EXACT_LINES_RELATIVE * np.std(y):
        raise ValueError(
            f"every response lies exactly on one of {components} planes (lines, with one "
            f"covariate): the standard deviations about them cannot be estimated"
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
    """One column for each covariate; a single covariate becomes a table of one column."""
    return np.reshape(covariates, (len(covariates), -1))


def _design(data):
    """Rows (1, x - mean)."""
    x = _matrix(data["covariates"])
    return np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])


def _least_squares(design, y, r):
    """Coefficients of the regressions with weights r[:, k], a row for each k."""
    norms = np.linalg.norm(design, axis=0)
    roots = np.sqrt(r).T
    return np.array(
        [np.linalg.lstsq(root[:, None] * (design / norms), root * y)[0] / norms for root in roots]
    )


def _lines(design, y, components, rng):
    """Coefficients of lines near the points, and the distance of each point to its nearest line."""
    chosen = rng.permutation(len(y))[: components * design.shape[1]]
    r = np.zeros((len(y), components))
    r[chosen, np.arange(len(chosen)) % components] = 1
    for _ in range(10):
        coefficients = _least_squares(design, y, r)
        distance = np.abs(y[:, None] - design @ coefficients.T)
        r = np.eye(components)[distance.argmin(axis=1)]
    return coefficients, distance.min(axis=1)


def _log_joint(params, data):
    """Log p(y, z = k | θ), shape (observations, components)."""
    w, alpha, beta, sigma = (params[name] for name in ("w", "alpha", "beta", "sigma"))
    mu = _design(data) @ np.column_stack([alpha, beta]).T
    standardised = (data["response"][:, None] - mu) / sigma
    return np.log(w) - np.log(sigma) - 0.5 * np.log(2 * np.pi) - 0.5 * standardised**2


def _check(data, components):
    x = _matrix(data["covariates"])
    require.at_least("components", components, 1)
    n, size = len(x), x.shape[1] + 1
    if n <= components * size:
        raise ValueError(
            f"{n} observations are too few for {components} components "
            f"with {size} coefficients and a variance each"
        )
    require.regression(data["response"], x)
