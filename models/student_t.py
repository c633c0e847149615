r"""Regression with Student's t errors

A response $y_i$ depends linearly on covariates $x_i = (x_{i1}, \dots, x_{ip})$, but some
observations deviate much farther from the regression than normal errors do. Each observation has a
latent precision of its own, $w_i$, in units of $1 / \sigma^2$:

$$w_i \sim \mathrm{Gamma}(\nu / 2,\; \nu / 2), \qquad
y_i \mid w_i \sim \mathrm{N}( \mu_i,\; \sigma^2 / w_i ), \qquad
\mu_i = \alpha + \beta^\top (x_i - \bar x) ,$$

where the gamma distribution is given by shape and rate, so the precisions have mean 1 and variance
$2 / \nu$. Then $(y_i - \mu_i) / \sigma$ has Student's t distribution with $\nu$ degrees of freedom:
it is a standard normal variable divided by the square root of an independent $w_i$. A small $\nu$
allows for outliers; $\nu \to \infty$ is normal regression, and $\nu = 1$ has Cauchy errors.

The covariates are centred at their mean $\bar x$, so $\alpha$ is the value of the regression at
$\bar x$. The usual intercept is $\alpha - \beta^\top \bar x$. Write $\theta = (\alpha, \beta,
\sigma, \nu)$. The degrees of freedom are estimated, or fixed with `--set df=4`.

## Data

The example, `reported-weights.csv`, has the weights of 183 men and women who exercised regularly,
as `measured` and as they had `reported` them, in kilograms (Davis 1990; `Davis` of the R package
carData, without 17 people who reported none). For one woman, weight and height were exchanged when
the data were entered: her entry is 166 kg, and she reported 56. Least squares gives a slope of
0.928 and errors of 8.4 kg; without her it gives 0.958 and 2.3 kg. The t distribution gives a slope
of 0.979.

Most of the published figures are for `stack-loss.csv`: the loss of ammonia in a plant that oxidises
it to nitric acid, on 21 days, in tenths of a percent, with air flow, temperature of the cooling
water and concentration of the acid (Brownlee 1965; `stackloss` of R). It is the classical example
of a regression with outliers; days 1, 3, 4 and 21 have been named.

```
latentfit fit student-t --data stack-loss.csv --response loss --covariates air,temperature,acid
```

Without covariates the model has a location and a scale, and no `beta`. In Python the covariates are
then a matrix without columns. Darwin compared 15 pairs of maize plants, one plant of each pair
cross-fertilised and the other self-fertilised. The cross-fertilised plants were on average 20.9
eighths of an inch taller (Darwin 1876; `darwin` of the R package boot). In two pairs they were
shorter, by 67 and by 48. The t distribution estimates the difference as 26.8.

```python
differences = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48.0])
latentfit.load("student-t").fit({"response": differences, "covariates": np.empty((15, 0))})
```

## Complete-data log-likelihood

If the precisions were known, there would be a weighted regression and a gamma sample:

$$\log p(y, w \mid \theta) = \sum_{i=1}^{n} \left(
\tfrac12 \log \frac{w_i}{2 \pi \sigma^2} - \frac{w_i (y_i - \mu_i)^2}{2 \sigma^2}
+ \tfrac{\nu}{2} \log \tfrac{\nu}{2} - \log \Gamma(\tfrac{\nu}{2})
+ \left( \tfrac{\nu}{2} - 1 \right) \log w_i - \tfrac{\nu}{2} w_i \right) .$$

It is linear in $w_i$ and $\log w_i$. The logarithms are multiplied by $\nu$ alone, so they are not
needed if $\nu$ is fixed.

## E step

As a function of $w_i$ the complete-data likelihood is proportional to
$w_i^{(\nu + 1)/2 - 1} \exp\left( -\tfrac12 (\nu + d_i^2)\, w_i \right)$ with
$d_i = (y_i - \mu_i) / \sigma$, a gamma density. With $a = (\nu' + 1) / 2$ and
$b_i = (\nu' + d_i'^2) / 2$,

$$\mathrm{E}[w_i \mid y, \theta'] = \frac{a}{b_i} = \frac{\nu' + 1}{\nu' + d_i'^2}, \qquad
\mathrm{E}[\log w_i \mid y, \theta'] = \psi(a) - \log b_i ,$$

where $\psi = (\log \Gamma)'$ is the digamma function. The weight of an observation decreases with
its distance from the regression. In the example the woman of 166 kg has a weight of 0.0006 at the
maximum, and a point on the line has a weight of 1.44.

## M step

Let $\bar w_i$ and $\ell_i$ be the two expectations. $Q$ is the sum of a weighted regression and a
function of $\nu$. With $X$ the matrix of rows $(1, (x_i - \bar x)^\top)$ and
$W = \mathrm{diag}(\bar w_1, \dots, \bar w_n)$,

$$\begin{pmatrix} \alpha \\ \beta \end{pmatrix} = (X^\top W X)^{-1} X^\top W\, y, \qquad
\sigma^2 = \frac1n \sum_i \bar w_i (y_i - \mu_i)^2 ,$$

with the new $\mu_i$ in the last formula. The code computes the coefficients as the least-squares
solution of $\sqrt W X b = \sqrt W y$. If $\nu$ is fixed, this is iteratively reweighted least
squares. Otherwise, with $h = \nu / 2$,

$$Q_\nu = n \left( h \log h - \log \Gamma(h) + (h - 1) \bar\ell - h \bar w \right), \qquad
\frac1n \frac{\partial Q_\nu}{\partial h} = \log h - \psi(h) - c, \qquad
c = \bar w - \bar\ell - 1 ,$$

where $\bar w$ and $\bar\ell$ are the means over $i$. Since $w - \log w \ge 1$, $c$ is not negative.
The function $\log h - \psi(h)$ decreases from infinity to zero, as $1 / h$ for small $h$ and as $1
/ (2 h)$ for large $h$, so the derivative has exactly one zero. As a function of $u = 1 / h$ it is
almost linear. Newton's method in $u$,

$$u \leftarrow u + \frac{\log h - \psi(h) - c}{h - h^2\, \psi'(h)} ,$$

needs a few iterations from $h = \left( 3 - c + \sqrt{(c - 3)^2 + 24 c} \right) / (12 c)$. This
starting value solves the equation with the approximation $\log h - \psi(h) \approx \frac{1}{2 h}
\left( 1 + \frac{1}{6 h + 1} \right)$ (Minka 2002).

## Observed log-likelihood and rate of convergence

$$\log p(y \mid \theta) = \sum_i \log \frac{\Gamma\left( \frac{\nu + 1}{2} \right)}
{\Gamma\left( \frac{\nu}{2} \right) \sqrt{\pi \nu}\, \sigma}
- \frac{\nu + 1}{2} \log \left( 1 + \frac{d_i^2}{\nu} \right) .$$

- **Rate.** If $\nu$ is fixed, the fraction of missing information is $2 / (\nu + 3)$ for the
  coefficients and $3 / (\nu + 3)$ for $\log \sigma$ in large samples. For four degrees of freedom
  each iteration then multiplies the error by 0.43 (0.48 in the example). EM is slower if $\nu$ is
  estimated too: the factor is 0.88 in the example, and 0.90 for the stack losses.
- **ECM and ECME.** Since $Q$ is a sum of two terms, maximising it over $\nu$ and over the other
  parameters in turn (ECM) gives the same iterations. Liu and Rubin (1994, 1995) update the
  coefficients and $\sigma$ as above, and then choose the $\nu$ that maximises the *observed*
  log-likelihood given these. This is ECME, conditional maximisation of *either* function. It does
  not need the $\ell_i$, it never decreases the log-likelihood, and its factor is 0.77 in the
  example. Its update of $\nu$ is not an M step, since it does not maximise $Q$.
- **A better divisor.** Dividing by $\sum_i \bar w_i$ instead of $n$ gives the same maximum, at
  which $\sum_i \bar w_i = n$ (Kent, Tyler and Vardi 1994), and faster convergence: with ECME the
  factor is 0.68. This is EM for a different model, in which the precisions have a scale parameter
  (Meng and van Dyk 1997). As an M step for the model above it is wrong.
- **Infinite degrees of freedom.** If the tails of the residuals are not heavier than normal tails
  (usually, if their kurtosis is below 3), the likelihood is highest at $\nu = \infty$. EM then
  converges more slowly than linearly and stops at the limit of iterations with $\nu$ in the
  thousands. Use normal regression in this case.
- **No global maximum.** If $m$ observations lie exactly in a plane, the likelihood grows without
  bound as $\sigma \to 0$ for every $\nu < m / (n - m)$ (Fernández and Steel 1999); $m$ is at least
  $p + 1$. The maximum likelihood estimate is therefore defined as the highest *interior* maximum.
  If very few degrees of freedom are fixed, there may be several maxima.
- **Small samples.** For the 21 stack losses the estimate is $\nu = 1.08$ and $\sigma = 0.91$. The
  likelihood decreases slowly towards larger values of both, where most of the posterior lies (95 %
  of $\sigma$ above 1.07).

## Prior

Let $\bar y$ and $s$ be the mean and the standard deviation of the response, and $s_j$ that of
covariate $j$. The prior of $\alpha$ is $\mathrm{N}(\bar y, (2s)^2)$, and the slopes are
$\mathrm{N}(0, (2s/s_j)^2)$. $\sigma$ is log-normal; its median is the standard deviation of the
residuals of least squares. $\nu$ is log-normal with median 4. Both have a standard deviation of 1
on the log scale. Their densities vanish at $\sigma = 0$ and $\nu = 0$, where the likelihood is
unbounded, and at $\nu = \infty$, where it is flat.

## References

- C. Darwin (1876). *The Effects of Cross and Self Fertilisation in the Vegetable Kingdom*. Murray,
  London.
- K. A. Brownlee (1965). *Statistical Theory and Methodology in Science and Engineering*, 2nd
  edition. Wiley, New York.
- K. L. Lange, R. J. A. Little and J. M. G. Taylor (1989). Robust statistical modeling using the t
  distribution. *Journal of the American Statistical Association* 84, 881–896.
- C. Davis (1990). Body image and weight preoccupation: a comparison between exercising and
  non-exercising women. *Appetite* 15, 13–21. The example.
- C. Liu and D. B. Rubin (1994). The ECME algorithm: a simple extension of EM and ECM with faster
  monotone convergence. *Biometrika* 81, 633–648.
- J. T. Kent, D. E. Tyler and Y. Vardi (1994). A curious likelihood identity for the multivariate
  t-distribution. *Communications in Statistics – Simulation and Computation* 23, 441–453.
- C. Liu and D. B. Rubin (1995). ML estimation of the t distribution using EM and its extensions,
  ECM and ECME. *Statistica Sinica* 5, 19–39.
- X.-L. Meng and D. van Dyk (1997). The EM algorithm – an old folk-song sung to a fast new tune.
  *Journal of the Royal Statistical Society B* 59, 511–567.
- C. Fernández and M. F. J. Steel (1999). Multivariate Student-t regression models: pitfalls and
  inference. *Biometrika* 86, 153–167.
- T. P. Minka (2002). Estimating a gamma distribution. Technical note.
- T. W. Yee (2015). *Vector Generalized Linear and Additive Models*. Springer, New York. The R
  package VGAM.
"""

from numbers import Real
from pathlib import Path

import numpy as np
import pymc as pm
from scipy.special import digamma, gammaln, polygamma

from latentfit import requirements as require

latents = ("w",)

# Standard deviations of residuals up to this share of that of the response are rounding errors.
_EXACT_PLANE_RELATIVE = 1e-8


def model(response, covariates, df=None):
    matrix = _matrix(covariates)
    data = {"response": response, "covariates": covariates}
    centre, sd, residual = np.mean(response), np.std(response), _least_squares(data)[1]
    coords = {"covariate": range(matrix.shape[1]), "observation": range(len(response))}
    with pm.Model(coords=coords) as model:
        x = pm.Data("covariates", covariates).reshape(matrix.shape)
        alpha = pm.Normal("alpha", centre, 2 * sd)
        mu, intercept = alpha, alpha
        if matrix.shape[1]:
            beta = pm.Normal("beta", 0, 2 * sd / np.std(matrix, axis=0), dims="covariate")
            mu = alpha + (x - matrix.mean(axis=0)) @ beta
            intercept = alpha - beta @ matrix.mean(axis=0)
        sigma = pm.LogNormal("sigma", np.log(np.std(residual)), 1)
        nu = pm.LogNormal("nu", np.log(4), 1) if df is None else pm.Data("df", float(df))
        w = pm.Gamma("w", nu / 2, nu / 2, dims="observation")
        scale = sigma / pm.math.sqrt(w)
        pm.Normal("response", mu, scale, observed=response, dims="observation")
        pm.Deterministic("intercept", intercept)
    return model


def e_step(params, data):
    nu = _degrees(params, data)
    a = (nu + 1) / 2
    b = (nu + _standardised(params, data) ** 2) / 2
    return {"w": a / b, "log_w": digamma(a) - np.log(b)}


def m_step(expectations, data, params):
    w, log_w = expectations["w"], expectations["log_w"]
    coefficients, residual = _least_squares(data, w)
    new = {**_named(coefficients), "sigma": np.sqrt(np.mean(w * residual**2))}
    if "nu" in params:
        new["nu"] = 2 * _shape(np.mean(w - log_w) - 1)
    return new


def log_likelihood(params, data):
    nu, d = _degrees(params, data), _standardised(params, data)
    constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(np.pi * nu)
    log_density = constant - np.log(params["sigma"]) - (nu + 1) / 2 * np.log1p(d**2 / nu)
    return np.sum(log_density)


# The E step also returns the expectations of the logarithms of the precisions.
expectations = {"log_w": lambda latents, data: np.log(latents["w"])}


def initial(data, rng, df=None):
    """Least squares with random parts, and about four degrees of freedom.

    The coefficients are drawn from the sampling distribution of least squares. The scale of least
    squares and four degrees of freedom are multiplied by log-normal factors (0.2 and 0.5 on the log
    scale).
    """
    _check(data, df)
    X, y = _design(data), data["response"]
    coefficients, residual = _least_squares(data)
    n, size = X.shape
    sigma = np.sqrt(np.sum(residual**2) / (n - size))
    if sigma <= _EXACT_PLANE_RELATIVE * np.std(y):
        raise ValueError("a plane passes through all observations: the errors are zero")
    # With z standard normal, the covariance of root z is (X'X)⁻¹, that of least squares.
    root = np.linalg.inv(np.linalg.qr(X)[1])
    drawn = coefficients + sigma * root @ rng.standard_normal(size)
    start = {**_named(drawn), "sigma": sigma * rng.lognormal(0, 0.2)}
    if df is None:
        start["nu"] = 4 * rng.lognormal(0, 0.5)
    return start


def example_data():
    table = Path(__file__).parent / "data" / "reported-weights.csv"
    reported, measured = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"response": measured, "covariates": reported[:, None]}


def _named(coefficients):
    """Alpha and, if there are covariates, beta."""
    alpha, beta = coefficients[0], coefficients[1:]
    return {"alpha": alpha, "beta": beta} if len(beta) else {"alpha": alpha}


def _degrees(params, data):
    """Degrees of freedom, estimated or fixed."""
    return params["nu"] if "nu" in params else data["df"]


def _standardised(params, data):
    """d, the residuals in units of sigma."""
    coefficients = np.append(params["alpha"], params.get("beta", []))
    return (data["response"] - _design(data) @ coefficients) / params["sigma"]


def _matrix(covariates):
    """One column for each covariate; a single covariate becomes a table of one column."""
    return covariates if np.ndim(covariates) == 2 else np.reshape(covariates, (-1, 1))


def _design(data):
    """Rows (1, x - mean)."""
    x = _matrix(data["covariates"])
    return np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])


def _least_squares(data, w=None):
    """Coefficients of the regression with weights w, and residuals."""
    X, y = _design(data), data["response"]
    root = np.ones(len(y)) if w is None else np.sqrt(w)
    norms = np.linalg.norm(X, axis=0)
    coefficients = np.linalg.lstsq(root[:, None] * X / norms, root * y)[0] / norms
    return coefficients, y - X @ coefficients


def _shape(excess):
    """Solution h of log h - ψ(h) = excess, by Newton's method in 1 / h (Minka 2002)."""
    with np.errstate(divide="ignore"):
        inverse = 12 * excess / (3 - excess + np.sqrt((excess - 3) ** 2 + 24 * excess))
        for _ in range(5):
            h = 1 / inverse
            inverse = inverse + (np.log(h) - digamma(h) - excess) / (h - h**2 * polygamma(1, h))
        return 1 / inverse


def _check(data, df):
    x = _matrix(data["covariates"])
    if df is not None and not (isinstance(df, Real) and 0 < df < np.inf):
        raise ValueError(f"df must be a positive number, not {df}")
    n, size = len(x), x.shape[1] + 1
    if n <= size + 1:
        raise ValueError(f"{n} observations are too few for {size} coefficients and a scale")
    require.regression(data["response"], x)
