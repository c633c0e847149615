r"""Negative binomial counts

Counts $y_1, \dots, y_n$ are Poisson, each with a rate of its own, which nobody sees and which
varies from unit to unit as a gamma variable with mean $m$ and shape $k$:

$$\lambda_i \sim \mathrm{Gamma}(k,\; k / m), \qquad y_i \mid \lambda_i \sim
\mathrm{Poisson}(\lambda_i) ,$$

the gamma distribution being given by shape and rate. The counts have mean $m$ and variance
$m + m^2 / k$: the Poisson variance and that of the rates. As $k \to \infty$ the rates no longer
vary and the counts are Poisson; a small $k$ means that most units have few, and a few very many.
Write $\theta = (m, k)$. Greenwood and Yule (1920) derived the distribution in this way, for
accidents.

## Data

The example is the number of European red mites on each of 150 leaves of apple trees, 25 from each
of six (Bliss and Fisher 1953):

| mites | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 |
|---|---|---|---|---|---|---|---|---|
| leaves | 70 | 38 | 17 | 10 | 9 | 3 | 2 | 1 |
| expected | 69.5 | 37.6 | 20.1 | 10.7 | 5.7 | 3.0 | 1.6 | 0.8 |

The mean is 1.147, the variance 2.258. The last row is that of the maximum likelihood estimate. The
file holds one row a leaf, sorted, as the model is of leaves. A table of frequencies has to be
written out in the same way.

## Complete-data log-likelihood

With the rates known there are a gamma sample and Poisson counts, which say no more:

$$\log p(y, \lambda \mid \theta) = \sum_{i=1}^{n} \left( k \log \frac{k}{m} - \log \Gamma(k)
+ (k - 1) \log \lambda_i - \frac{k}{m} \lambda_i + y_i \log \lambda_i - \lambda_i - \log y_i!
\right) .$$

It is linear in $\lambda_i$ and $\log \lambda_i$.

## E step

As a function of $\lambda_i$ the complete-data likelihood is $\lambda_i^{k + y_i - 1}
\exp\left( -(k / m + 1) \lambda_i \right)$, a gamma density again. With $a_i = k' + y_i$ and
$b = k' / m' + 1$,

$$\mathrm{E}[\lambda_i \mid y, \theta'] = \frac{a_i}{b} =
\frac{k' m' + m' y_i}{k' + m'}, \qquad
\mathrm{E}[\log \lambda_i \mid y, \theta'] = \psi(a_i) - \log b ,$$

where $\psi = (\log \Gamma)'$ is the digamma function. The first is a mean of the count and of all
rates' mean $m'$, weighted as $m'$ to $k'$.

## M step

Write $\bar\lambda$ and $\ell$ for the means over $i$ of the two expectations:

$$Q(\theta \mid \theta') = n \left( k \log \frac{k}{m} - \log \Gamma(k) + (k - 1)\, \ell
- \frac{k}{m}\, \bar\lambda \right) + \text{const}, \qquad
\frac{\partial Q}{\partial m} = \frac{n k}{m^2} (\bar\lambda - m) .$$

Whatever $k$ is, $Q$ is highest at $m = \bar\lambda$. There

$$\frac1n \frac{\partial Q}{\partial k} = \log k - \psi(k) - c, \qquad
c = \log \bar\lambda - \ell ,$$

which by Jensen's inequality is a $c > 0$. $\log k - \psi(k)$ falls from infinity to zero, as $1 /
k$ for small $k$ and as $1 / (2 k)$ for large, so that there is one solution. As a function of $u =
1 / k$ it is all but straight, and Newton's method in $u$,

$$u \leftarrow u + \frac{\log k - \psi(k) - c}{k - k^2\, \psi'(k)} ,$$

takes a few iterations from $k = \left( 3 - c + \sqrt{(c - 3)^2 + 24 c} \right) / (12 c)$, which
solves the equation with $\log k - \psi(k) \approx \frac{1}{2 k} \left( 1 + \frac{1}{6 k + 1}
\right)$ (Minka 2002).

## Observed log-likelihood and rate of convergence

The integral over $\lambda_i$ is that of a gamma density, but for its constant:

$$\log p(y \mid \theta) = \sum_i \log \frac{\Gamma(k + y_i)}{\Gamma(k)\, y_i!}
+ k \log \frac{k}{k + m} + y_i \log \frac{m}{k + m} .$$

It is highest at $m = \bar y$, whatever $k$ is, and the $k$ that goes with it is the solution of one
equation.

- **Rate.** $m$ and $k$ are orthogonal, in $Q$ as in the log-likelihood, and converge each at a rate
  of its own, the share of the information that is missing. That of $m$ is $k / (k + m)$: from
  $\bar y$ on, it does not move. That of $k$ is $1 - I / I_c$, with what is known of $k$ from the
  rates, $I_c = n\, (\psi'(k) - 1 / k)$, and from the counts,

  $$I = \sum_i \left( \psi'(k) - \psi'(k + y_i) - \frac1k + \frac{2}{k + m}
  - \frac{k + y_i}{(k + m)^2} \right) .$$

  In the example the two are 0.472 and 0.857: one more decimal of $k$ takes 15 iterations.
- **Boundary.** If the variance of the counts, with divisor $n$, does not exceed their mean, the
  likelihood is highest at $k = \infty$, which is the Poisson distribution, and else there is one
  maximum (Levin and Reeds 1977). Such counts are refused. Where the variance is little above the
  mean, $k$ is large and all but unknown, and EM takes thousands of iterations.
- **What varies.** That rates are different and that one event leads to others (contagion) both make
  counts negative binomial; they do not tell one from the other.

## Prior

Both parameters are log-normal, $m$ with the mean of the counts as its median and a standard
deviation of 1 on the log scale, $k$ with median 1 and a standard deviation of 1.5. They stay clear
of zero, and $k$ of infinity, before which the likelihood is flat.

## References

- M. Greenwood and G. U. Yule (1920). An inquiry into the nature of frequency distributions
  representative of multiple happenings with particular reference to the occurrence of multiple
  attacks of disease or of repeated accidents. *Journal of the Royal Statistical Society* 83,
  255–279.
- C. I. Bliss and R. A. Fisher (1953). Fitting the negative binomial distribution to biological
  data. *Biometrics* 9, 176–200.
- B. Levin and J. Reeds (1977). Compound multinomial likelihood functions are unimodal: proof of a
  conjecture of I. J. Good. *Annals of Statistics* 5, 79–87.
- T. P. Minka (2002). Estimating a gamma distribution. Technical note.
- W. N. Venables and B. D. Ripley (2002). *Modern Applied Statistics with S*, 4th edition. Springer,
  New York. The R package MASS.
"""

from pathlib import Path

import numpy as np
import pymc as pm
from scipy.special import digamma, gammaln, polygamma

latents = ("lam",)


def model(y):
    with pm.Model(coords={"unit": range(len(y))}) as model:
        m = pm.LogNormal("m", np.log(np.mean(y)), 1)
        k = pm.LogNormal("k", 0, 1.5)
        lam = pm.Gamma("lam", k, k / m, dims="unit")
        pm.Poisson("y", lam, observed=y, dims="unit")
    return model


def e_step(params, data):
    m, k, y = params["m"], params["k"], data["y"]
    shape, rate = k + y, k / m + 1
    return {"lam": shape / rate, "log_lam": digamma(shape) - np.log(rate)}


def m_step(expectations, data):
    m = np.mean(expectations["lam"])
    return {"m": m, "k": _shape(np.log(m) - np.mean(expectations["log_lam"]))}


def log_likelihood(params, data):
    m, k, y = params["m"], params["k"], data["y"]
    choose = gammaln(k + y) - gammaln(k) - gammaln(y + 1)
    return np.sum(choose - k * np.log1p(m / k) - y * np.log1p(k / m))


# The rates of one realisation, of which the E step returns the expected logarithms.
expectations = {"log_lam": lambda latents, data: np.log(latents["lam"])}


def initial(data, rng):
    """The mean, and the k that gives the counts their variance, each times a random factor.

    The factors are log-normal, of 10 % for the mean and of 30 % for k. The maximum is the only
    one, and EM reaches it from anywhere.
    """
    y = data["y"]
    if np.ndim(y) != 1:
        raise ValueError(f"y should be one column of counts, not an array of shape {np.shape(y)}")
    wrong = np.flatnonzero((y < 0) | (y != np.floor(y)))
    if len(wrong):
        raise ValueError(f"y is {y[wrong[0]]:g} in row {wrong[0] + 1}: a count is 0, 1, 2, ...")
    if not np.any(y):
        raise ValueError("every value of y is zero: there is nothing to estimate a rate from")
    mean, variance = np.mean(y), np.var(y)
    if variance <= mean:
        raise ValueError(
            f"the counts have mean {mean:.4g} and variance {variance:.4g}, which does not exceed "
            f"it: the likelihood is highest without any variation of rates, at k = infinity"
        )
    return {
        "m": mean * rng.lognormal(0, 0.1),
        "k": mean**2 / (variance - mean) * rng.lognormal(0, 0.3),
    }


def example_data():
    table = Path(__file__).parent / "data" / "red-mites.csv"
    return {"y": np.loadtxt(table, skiprows=1)}


def _shape(excess):
    """The k at which log k - ψ(k) equals the excess, by Newton's method in 1 / k (Minka 2002)."""
    inverse = 12 * excess / (3 - excess + np.sqrt((excess - 3) ** 2 + 24 * excess))
    for _ in range(5):
        k = 1 / inverse
        inverse = inverse + (np.log(k) - digamma(k) - excess) / (k - k**2 * polygamma(1, k))
    return 1 / inverse
