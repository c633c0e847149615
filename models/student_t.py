r"""Regression with Student's t errors

A response $y_i$ depends linearly on covariates $x_i = (x_{i1}, \dots, x_{ip})$, but now and then it
lies much farther off than normal errors ever would. Every observation has a precision of its own,
$w_i$, in units of $1 / \sigma^2$, which nobody sees:

$$w_i \sim \mathrm{Gamma}(\nu / 2,\; \nu / 2), \qquad
y_i \mid w_i \sim \mathrm{N}( \mu_i,\; \sigma^2 / w_i ), \qquad
\mu_i = \alpha + \beta^\top (x_i - \bar x) ,$$

with the gamma distribution given by shape and rate, so that precisions have mean 1 and variance
$2 / \nu$. Then $(y_i - \mu_i) / \sigma$ has Student's t distribution with $\nu$ degrees of
freedom: that of a standard normal, divided by the root of an independent $w_i$. A small $\nu$
allows for outliers; $\nu \to \infty$ is the normal regression, $\nu = 1$ has errors of Cauchy's.

Covariates are measured from their mean $\bar x$, so that $\alpha$ is the height in the middle of
the data; the usual intercept is $\alpha - \beta^\top \bar x$. Write $\theta = (\alpha, \beta,
\sigma, \nu)$. The degrees of freedom are estimated, or given: `--set df=4`.

## Data

The example is the weight of 183 men and women engaged in regular exercise, as `measured` and as
they had `reported` it themselves, in kilograms (Davis 1990; `Davis` of the R package carData,
without 17 people who reported none). Of one woman, weight and height were exchanged when the data
were entered: she weighs 166 kg, and reported 56. Least squares has a slope of 0.928 and
errors of 8.4 kg; without her, of 0.958 and 2.3 kg. The t distribution has a slope of 0.979.

Most of the published figures are for `stack-loss.csv`: ammonia lost by a plant that oxidises it to
nitric acid, on 21 days, in tenths of a percent, with air flow, temperature of the cooling water and
concentration of the acid (Brownlee 1965; `stackloss` of R). It is the classical example of a
regression with outliers, which have been said to be days 1, 3, 4 and 21.

```
latentfit fit student-t --data stack-loss.csv --response loss --covariates air,temperature,acid
```

Without covariates there is a location and a scale. In Python that is a matrix without columns, and
there is no `beta`. Of Darwin's 15 pairs of maize, one plant of each cross-fertilised and one
self-fertilised, the first were on average 20.9 eighths of an inch higher (Darwin 1876; `darwin` of
the R package boot). Two pairs go the other way, by 67 and by 48. The t distribution puts the
difference at 26.8.

```python
differences = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48.0])
latentfit.load("student-t").fit({"response": differences, "covariates": np.empty((15, 0))})
```

## Complete-data log-likelihood

With the precisions known there is a weighted regression, and a gamma sample:

$$\log p(y, w \mid \theta) = \sum_{i=1}^{n} \left(
\tfrac12 \log \frac{w_i}{2 \pi \sigma^2} - \frac{w_i (y_i - \mu_i)^2}{2 \sigma^2}
+ \tfrac{\nu}{2} \log \tfrac{\nu}{2} - \log \Gamma(\tfrac{\nu}{2})
+ \left( \tfrac{\nu}{2} - 1 \right) \log w_i - \tfrac{\nu}{2} w_i \right) .$$

It is linear in $w_i$ and $\log w_i$. The logarithms come with $\nu$ alone: who knows $\nu$ needs no
more than the $w_i$.

## E step

As a function of $w_i$, the complete-data likelihood is
$w_i^{(\nu + 1)/2 - 1} \exp\left( -\tfrac12 (\nu + d_i^2)\, w_i \right)$ with
$d_i = (y_i - \mu_i) / \sigma$, a gamma density again. With $a = (\nu' + 1) / 2$ and
$b_i = (\nu' + d_i'^2) / 2$,

$$\mathrm{E}[w_i \mid y, \theta'] = \frac{a}{b_i} = \frac{\nu' + 1}{\nu' + d_i'^2}, \qquad
\mathrm{E}[\log w_i \mid y, \theta'] = \psi(a) - \log b_i ,$$

where $\psi = (\log \Gamma)'$ is the digamma function. An observation weighs the less, the farther
off it is. In the example the woman of 166 kg ends with a weight of 0.0006, where a point on the
line has 1.44.

## M step

Write $\bar w_i$ and $\ell_i$ for the two expectations. $Q$ falls apart into a weighted regression
and a function of $\nu$. With $X$ the matrix of rows $(1, (x_i - \bar x)^\top)$ and
$W = \mathrm{diag}(\bar w_1, \dots, \bar w_n)$,

$$\begin{pmatrix} \alpha \\ \beta \end{pmatrix} = (X^\top W X)^{-1} X^\top W\, y, \qquad
\sigma^2 = \frac1n \sum_i \bar w_i (y_i - \mu_i)^2 ,$$

with the new $\mu_i$ in the latter; the coefficients are found as the least-squares solution of
$\sqrt W X b = \sqrt W y$. With $\nu$ given this is iteratively reweighted least squares. Else, with
$h = \nu / 2$,

$$Q_\nu = n \left( h \log h - \log \Gamma(h) + (h - 1) \bar\ell - h \bar w \right), \qquad
\frac1n \frac{\partial Q_\nu}{\partial h} = \log h - \psi(h) - c, \qquad
c = \bar w - \bar\ell - 1 ,$$

with $\bar w$ and $\bar\ell$ the means over $i$. As $w - \log w \ge 1$, $c$ is not negative.
$\log h - \psi(h)$ falls from infinity to zero, as $1 / h$ for small $h$ and as $1 / (2 h)$ for
large, so that there is one solution. As a function of $u = 1 / h$ it is all but straight, and
Newton's method in $u$,

$$u \leftarrow u + \frac{\log h - \psi(h) - c}{h - h^2\, \psi'(h)} ,$$

takes a few iterations from $h = \left( 3 - c + \sqrt{(c - 3)^2 + 24 c} \right) / (12 c)$, which
solves the equation with $\log h - \psi(h) \approx \frac{1}{2 h} \left( 1 + \frac{1}{6 h + 1}
\right)$ (Minka 2002).

## Observed log-likelihood and rate of convergence

$$\log p(y \mid \theta) = \sum_i \log \frac{\Gamma\left( \frac{\nu + 1}{2} \right)}
{\Gamma\left( \frac{\nu}{2} \right) \sqrt{\pi \nu}\, \sigma}
- \frac{\nu + 1}{2} \log \left( 1 + \frac{d_i^2}{\nu} \right) .$$

- **Rate.** With $\nu$ given, the information on the precisions that is missing makes up
  $2 / (\nu + 3)$ of that on the coefficients and $3 / (\nu + 3)$ of that on $\log \sigma$, in
  large samples: 0.43 for four degrees of freedom, and errors shrink by that factor in an
  iteration (0.48 in the example). To estimate $\nu$ as well takes longer: a factor of 0.88 in the
  example, and 0.90 with the stack losses.
- **ECM and ECME.** As $Q$ falls apart, maximising it over $\nu$ and over the rest in turn (ECM) is
  the same. Liu and Rubin (1994, 1995) update the coefficients and $\sigma$ as above, and then
  choose the $\nu$ that maximises the *observed* log-likelihood given those: ECME, conditional
  maximisation of *either*. It does without the $\ell_i$, cannot decrease the likelihood either,
  and has a factor of 0.77 in the example. It is not an M step, as what it maximises is not $Q$.
- **A better divisor.** Dividing by $\sum_i \bar w_i$ instead of $n$ leads to the same maximum,
  where $\sum_i \bar w_i = n$ (Kent, Tyler and Vardi 1994), and faster: with ECME, the factor is
  0.68. It is EM too, but of a model in which the precisions have a scale of their own (Meng and van
  Dyk 1997); as an M step for the model above it is wrong.
- **Infinite degrees of freedom.** Residuals whose tails are not heavier than normal ones, those of
  kurtosis below 3 as a rule, have their highest likelihood at $\nu = \infty$. EM crawls there,
  slower than linearly, and ends at the limit of iterations with $\nu$ in the thousands. Take the
  normal regression then.
- **No global maximum.** If $m$ observations lie exactly on a plane, the likelihood goes to infinity
  as $\sigma \to 0$ wherever $\nu < m / (n - m)$ (Fernández and Steel 1999); $m$ is at least
  $p + 1$. What is meant by the maximum likelihood estimate is the highest *interior* one. With very
  few degrees of freedom given there may also be several of them.
- **Small samples.** Of 21 stack losses the estimate, $\nu = 1.08$ and $\sigma = 0.91$, is the peak
  of a likelihood that falls off slowly towards larger values of both. Most of the posterior lies
  out there (95 % of $\sigma$ above 1.07).

## Prior

With $\bar y$ and $s$ the mean and the standard deviation of the response, and $s_j$ that of
covariate $j$: $\alpha$ is $\mathrm{N}(\bar y, (2s)^2)$, slopes are $\mathrm{N}(0, (2s/s_j)^2)$. The
scale is log-normal, its median the standard deviation of the residuals of least squares, and $\nu$
log-normal with median 4, both with a standard deviation of 1 on the log scale. They stay clear of
$\sigma = 0$ and $\nu = 0$, where the likelihood is unbounded, and of $\nu = \infty$, before which
it is flat.

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

latents = ("w",)


def model(response, covariates, df=None):
    matrix = _matrix(covariates)
    data = {"response": response, "covariates": covariates}
    centre, spread, residual = np.mean(response), np.std(response), _least_squares(data)[1]
    coords = {"covariate": range(matrix.shape[1]), "observation": range(len(response))}
    with pm.Model(coords=coords) as model:
        x = pm.Data("covariates", covariates).reshape(matrix.shape)
        alpha = pm.Normal("alpha", centre, 2 * spread)
        mu, intercept = alpha, alpha
        if matrix.shape[1]:
            beta = pm.Normal("beta", 0, 2 * spread / np.std(matrix, axis=0), dims="covariate")
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
    b = (nu + _distance(params, data) ** 2) / 2
    return {"w": a / b, "log_w": digamma(a) - np.log(b)}


def m_step(expectations, data, params):
    w, log_w = expectations["w"], expectations["log_w"]
    coefficients, residual = _least_squares(data, w)
    new = {**_named(coefficients), "sigma": np.sqrt(np.mean(w * residual**2))}
    if "nu" in params:
        new["nu"] = 2 * _shape(np.mean(w - log_w) - 1)
    return new


def log_likelihood(params, data):
    nu, z = _degrees(params, data), _distance(params, data)
    constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(np.pi * nu)
    each = constant - np.log(params["sigma"]) - (nu + 1) / 2 * np.log1p(z**2 / nu)
    return np.sum(each)


# The precisions of one realisation, of which the E step returns the expected logarithms.
expectations = {"log_w": lambda latents, data: np.log(latents["w"])}


def initial(data, rng, df=None):
    """Least squares, moved by about a standard error, and four degrees of freedom.

    The coefficients are drawn from the sampling distribution of least squares. The scale, that of
    least squares too, and the degrees of freedom are times log-normal factors of 20 % and 50 %.
    """
    X, y = _design(data), data["response"]
    _check(X, y, df)
    coefficients, residual = _least_squares(data)
    n, size = X.shape
    sigma = np.sqrt(np.sum(residual**2) / (n - size))
    if sigma <= 1e-8 * np.std(y):
        raise ValueError("a plane passes through all observations: there are no errors")
    # The standard errors of least squares are those of S z, with z standard normal.
    root = np.linalg.inv(np.linalg.qr(X)[1])
    moved = coefficients + sigma * root @ rng.standard_normal(size)
    start = {**_named(moved), "sigma": sigma * rng.lognormal(0, 0.2)}
    if df is None:
        start["nu"] = 4 * rng.lognormal(0, 0.5)
    return start


def example_data():
    table = Path(__file__).parent / "data" / "reported-weights.csv"
    reported, measured = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"response": measured, "covariates": reported[:, None]}


def _named(coefficients):
    """Height and slopes; of no covariates there are none."""
    alpha, beta = coefficients[0], coefficients[1:]
    return {"alpha": alpha, "beta": beta} if len(beta) else {"alpha": alpha}


def _degrees(params, data):
    """Degrees of freedom, estimated or given."""
    return params["nu"] if "nu" in params else data["df"]


def _distance(params, data):
    """Residuals in units of the scale."""
    coefficients = np.append(params["alpha"], params.get("beta", []))
    return (data["response"] - _design(data) @ coefficients) / params["sigma"]


def _matrix(covariates):
    """One column a covariate, also where there is a single one."""
    return covariates if np.ndim(covariates) == 2 else np.reshape(covariates, (-1, 1))


def _design(data):
    """Rows (1, x - mean)."""
    x = _matrix(data["covariates"])
    return np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])


def _least_squares(data, w=None):
    """Coefficients, weighted by the precisions, and residuals."""
    X, y = _design(data), data["response"]
    root = np.ones(len(y)) if w is None else np.sqrt(w)
    norms = np.linalg.norm(X, axis=0)
    coefficients = np.linalg.lstsq(root[:, None] * X / norms, root * y)[0] / norms
    return coefficients, y - X @ coefficients


def _shape(excess):
    """The a at which log a - ψ(a) equals the excess, by Newton's method in 1 / a (Minka 2002)."""
    with np.errstate(divide="ignore"):
        inverse = 12 * excess / (3 - excess + np.sqrt((excess - 3) ** 2 + 24 * excess))
        for _ in range(5):
            a = 1 / inverse
            inverse = inverse + (np.log(a) - digamma(a) - excess) / (a - a**2 * polygamma(1, a))
        return 1 / inverse


def _check(design, y, df):
    n, size = design.shape
    if df is not None and not (isinstance(df, Real) and 0 < df < np.inf):
        raise ValueError(f"df is {df}: degrees of freedom are a positive number")
    if len(y) != n:
        raise ValueError(f"response has {len(y)} values and covariates have {n} rows")
    if n <= size + 1:
        raise ValueError(f"{n} observations are too few for {size} coefficients and a scale")
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
