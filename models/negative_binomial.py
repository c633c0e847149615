r"""Negative binomial counts

Counts $y_1, \dots, y_n$ are Poisson, each with a latent rate of its own. The rates vary from unit
to unit and have a gamma distribution with mean $m$ and shape $k$:

$$\lambda_i \sim \mathrm{Gamma}(k,\; k / m), \qquad y_i \mid \lambda_i \sim
\mathrm{Poisson}(\lambda_i) ,$$

where the gamma distribution is given by shape and rate. The counts have mean $m$ and variance
$m + m^2 / k$, the sum of the Poisson variance and the variance of the rates. As $k \to \infty$ the
rates become equal and the counts Poisson. If $k$ is small, most units have few events and a few
units have many. Write $\theta = (m, k)$. Greenwood and Yule (1920) derived the distribution in this
way, for accidents.

## Data

The example, `red-mites.csv`, is the number of European red mites on each of 150 leaves of apple
trees, 25 leaves from each of six trees (Bliss and Fisher 1953):

| mites | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 |
|---|---|---|---|---|---|---|---|---|
| leaves | 70 | 38 | 17 | 10 | 9 | 3 | 2 | 1 |
| expected | 69.5 | 37.6 | 20.1 | 10.7 | 5.7 | 3.0 | 1.6 | 0.8 |

The mean is 1.147 and the variance is 2.258. The last row has the expected numbers at the maximum
likelihood estimate. The file has one row for each leaf, sorted by count, since the model describes
leaves. A table of frequencies of your own must be written out in the same way, in a column `y`.

## Complete-data log-likelihood

If the rates were known, they would be a gamma sample, and the Poisson counts would carry no further
information on $\theta$:

$$\log p(y, \lambda \mid \theta) = \sum_{i=1}^{n} \left( k \log \frac{k}{m} - \log \Gamma(k)
+ (k - 1) \log \lambda_i - \frac{k}{m} \lambda_i + y_i \log \lambda_i - \lambda_i - \log y_i!
\right) .$$

It is linear in $\lambda_i$ and $\log \lambda_i$.

## E step

As a function of $\lambda_i$ the complete-data likelihood is proportional to
$\lambda_i^{k + y_i - 1} \exp\left( -(k / m + 1) \lambda_i \right)$, a gamma density. With
$a_i = k' + y_i$ and $b = k' / m' + 1$,

$$\mathrm{E}[\lambda_i \mid y, \theta'] = \frac{a_i}{b} =
\frac{k' m' + m' y_i}{k' + m'}, \qquad
\mathrm{E}[\log \lambda_i \mid y, \theta'] = \psi(a_i) - \log b ,$$

where $\psi = (\log \Gamma)'$ is the digamma function. The first expectation is a weighted mean of
the count $y_i$ and the mean $m'$ of all rates, with weights in the ratio $m'$ to $k'$.

## M step

Let $\bar\lambda$ and $\ell$ be the means over $i$ of the two expectations:

$$Q(\theta \mid \theta') = n \left( k \log \frac{k}{m} - \log \Gamma(k) + (k - 1)\, \ell
- \frac{k}{m}\, \bar\lambda \right) + \text{const}, \qquad
\frac{\partial Q}{\partial m} = \frac{n k}{m^2} (\bar\lambda - m) .$$

For every $k$ it is maximised by $m = \bar\lambda$. At this $m$

$$\frac1n \frac{\partial Q}{\partial k} = \log k - \psi(k) - c, \qquad
c = \log \bar\lambda - \ell ,$$

where $c > 0$ by Jensen's inequality. The function $\log k - \psi(k)$ decreases from infinity to
zero, as $1 / k$ for small $k$ and as $1 / (2 k)$ for large $k$, so the derivative has exactly one
zero. As a function of $u = 1 / k$ it is almost linear. Newton's method in $u$,

$$u \leftarrow u + \frac{\log k - \psi(k) - c}{k - k^2\, \psi'(k)} ,$$

needs a few iterations from $k = \left( 3 - c + \sqrt{(c - 3)^2 + 24 c} \right) / (12 c)$. This
starting value solves the equation with the approximation $\log k - \psi(k) \approx \frac{1}{2 k}
\left( 1 + \frac{1}{6 k + 1} \right)$ (Minka 2002).

## Observed log-likelihood and rate of convergence

The integral over $\lambda_i$ is that of an unnormalised gamma density:

$$\log p(y \mid \theta) = \sum_i \log \frac{\Gamma(k + y_i)}{\Gamma(k)\, y_i!}
+ k \log \frac{k}{k + m} + y_i \log \frac{m}{k + m} .$$

For every $k$ it is maximised by $m = \bar y$. The maximising $k$ is then the solution of one
equation.

- **Rate.** The parameters $m$ and $k$ are orthogonal, in $Q$ and in the log-likelihood. Each
  converges at its own rate, the fraction of missing information. The rate of $m$ is $k / (k + m)$;
  at $m = \bar y$ EM does not change it. The rate of $k$ is $1 - I / I_c$, where the information on
  $k$ in the rates is $I_c = n\, (\psi'(k) - 1 / k)$, and that in the counts is

  $$I = \sum_i \left( \psi'(k) - \psi'(k + y_i) - \frac1k + \frac{2}{k + m}
  - \frac{k + y_i}{(k + m)^2} \right) .$$

  In the example the two rates are 0.472 and 0.857: one more decimal of $k$ takes 15 iterations.
- **Boundary.** If the variance of the counts, with divisor $n$, does not exceed their mean, the
  likelihood is highest at $k = \infty$, the Poisson distribution. Otherwise there is exactly one
  maximum (Levin and Reeds 1977). Such counts are refused. If the variance is only slightly larger
  than the mean, $k$ is large and poorly determined, and EM needs thousands of iterations.
- **Interpretation.** Different rates make the counts negative binomial, and so does contagion, in
  which one event leads to others. The counts do not distinguish these explanations.

## Prior

Both parameters are log-normal. The median of $m$ is the mean of the counts, and its standard
deviation on the log scale is 1. The median of $k$ is 1, and its standard deviation on the log scale
is 1.5. The prior density vanishes at zero and, for $k$, at infinity, where the likelihood is flat.

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

from latentfit import requirements as require

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


# The E step also returns the expectations of the logarithms of the rates.
expectations = {"log_lam": lambda latents, data: np.log(latents["lam"])}


def initial(data, rng):
    """Moment estimates, times log-normal factors.

    The standard deviation of the factors on the log scale is 0.1 for the mean and 0.3 for k. EM
    converges to the single maximum from all starting values.
    """
    y = data["y"]
    require.one_column("y", y)
    require.counts("y", y)
    require.not_all_zero("y", y, "a rate cannot be estimated")
    mean, variance = np.mean(y), np.var(y)
    if variance <= mean:
        raise ValueError(
            f"y has mean {mean:.4g} and variance {variance:.4g}, which does not exceed the mean: "
            f"the likelihood is highest for equal rates, at k = infinity"
        )
    return {
        "m": mean * rng.lognormal(0, 0.1),
        "k": mean**2 / (variance - mean) * rng.lognormal(0, 0.3),
    }


def example_data():
    table = Path(__file__).parent / "data" / "red-mites.csv"
    return {"y": np.loadtxt(table, skiprows=1)}


def _shape(excess):
    """Solution k of log k - ψ(k) = excess, by Newton's method in 1 / k (Minka 2002)."""
    inverse = 12 * excess / (3 - excess + np.sqrt((excess - 3) ** 2 + 24 * excess))
    for _ in range(5):
        k = 1 / inverse
        inverse = inverse + (np.log(k) - digamma(k) - excess) / (k - k**2 * polygamma(1, k))
    return 1 / inverse
