r"""Rates whose gamma prior is estimated (empirical Bayes)

Unit $i$ failed $s_i$ times during a time $t_i$, at a constant rate $\lambda_i$ that differs from
unit to unit. The rates have a gamma distribution, given by shape and rate, which is the prior of
each rate:

$$\lambda_i \sim \mathrm{Gamma}(\alpha, \beta), \qquad
s_i \mid \lambda_i \sim \mathrm{Poisson}(\lambda_i t_i) .$$

The rates are the quantities of interest. If the prior were known, Bayes' theorem would give them.
Here the prior is estimated from all units together. Its parameters, the *hyperparameters*, are
$\theta = (\alpha, \beta)$, and the rates are latent. The prior has mean $\alpha / \beta$ and
carries as much information about a rate as $\alpha$ failures in a time $\beta$.

## Data

The example has the numbers of failures and the thousands of hours of operation of ten pumps of a
nuclear power plant (Gaver and O'Muircheartaigh 1987). Gelfand and Smith (1990) used it as an
example for the Gibbs sampler, and it was an example of BUGS.

| pump | `failures` | `hours` | $s_i / t_i$ | $\mathrm{E}[\lambda_i]$ |
|---|---|---|---|---|
| 1 | 5 | 94.32 | 0.053 | 0.061 |
| 2 | 1 | 15.72 | 0.064 | 0.107 |
| 3 | 5 | 62.88 | 0.080 | 0.091 |
| 4 | 14 | 125.76 | 0.111 | 0.117 |
| 5 | 3 | 5.24 | 0.573 | 0.588 |
| 6 | 19 | 31.44 | 0.604 | 0.606 |
| 7 | 1 | 1.048 | 0.954 | 0.790 |
| 8 | 1 | 1.048 | 0.954 | 0.790 |
| 9 | 4 | 2.096 | 1.908 | 1.437 |
| 10 | 22 | 10.48 | 2.099 | 1.944 |

The last column is the result at the estimates $\alpha = 0.822$, $\beta = 1.259$. BUGS rounds the
hours to three digits, which gives 0.823 and 1.262.

A table of your own has a row for each unit, with the columns `failures` and `hours`.

## Complete-data log-likelihood

If the rates were known, the hyperparameters would be estimated from a gamma sample:

$$\log p(s, \lambda \mid \theta) = \sum_{i=1}^{n} \left( \alpha \log \beta - \log \Gamma(\alpha)
+ (\alpha - 1) \log \lambda_i - \beta \lambda_i
+ s_i \log (\lambda_i t_i) - \lambda_i t_i - \log s_i! \right) .$$

It is linear in $\lambda_i$ and $\log \lambda_i$. The failures appear only in terms that do not
depend on $\theta$.

## E step

As a function of $\lambda_i$ the complete-data likelihood is proportional to
$\lambda_i^{\alpha + s_i - 1} \exp\left( -(\beta + t_i) \lambda_i \right)$. The posterior of a rate
is therefore a gamma distribution with shape $a_i = \alpha' + s_i$ and rate $b_i = \beta' + t_i$:

$$\mathrm{E}[\lambda_i \mid s, \theta'] = \frac{a_i}{b_i} =
\frac{t_i}{\beta' + t_i} \cdot \frac{s_i}{t_i}
+ \frac{\beta'}{\beta' + t_i} \cdot \frac{\alpha'}{\beta'}, \qquad
\mathrm{E}[\log \lambda_i \mid s, \theta'] = \psi(a_i) - \log b_i ,$$

where $\psi = (\log \Gamma)'$ is the digamma function. The first expectation is a weighted mean of
the unit's own rate $s_i / t_i$ and the prior mean $\alpha' / \beta'$. The shorter a unit was
observed, the larger the weight of the prior mean: 55 % for pumps 7 and 8, and 1 % for pump 4.

## M step

Let $\bar\lambda$ and $\ell$ be the means over $i$ of the two expectations:

$$Q(\theta \mid \theta') = n \left( \alpha \log \beta - \log \Gamma(\alpha) + (\alpha - 1)\, \ell
- \beta \bar\lambda \right) + \text{const} .$$

For every $\alpha$ it is maximised by $\beta = \alpha / \bar\lambda$. After this substitution

$$\frac1n \frac{\partial Q}{\partial \alpha} = \log \alpha - \psi(\alpha) - c, \qquad
c = \log \bar\lambda - \ell ,$$

where $c > 0$ by Jensen's inequality. The function $\log \alpha - \psi(\alpha)$ decreases from
infinity to zero, as $1 / \alpha$ for small $\alpha$ and as $1 / (2 \alpha)$ for large $\alpha$, so
the derivative has exactly one zero. As a function of $u = 1 / \alpha$ it is almost linear. Newton's
method in $u$,

$$u \leftarrow u + \frac{\log \alpha - \psi(\alpha) - c}{\alpha - \alpha^2\, \psi'(\alpha)} ,$$

needs a few iterations from $\alpha = \left( 3 - c + \sqrt{(c - 3)^2 + 24 c} \right) / (12 c)$. This
starting value solves the equation with the approximation $\log \alpha - \psi(\alpha) \approx
\frac{1}{2 \alpha} \left( 1 + \frac{1}{6 \alpha + 1} \right)$ (Minka 2002).

## Observed log-likelihood and rate of convergence

The integral over $\lambda_i$ is that of an unnormalised gamma density, and the failures are
negative binomial:

$$\log p(s \mid \theta) = \sum_i \log \frac{\Gamma(\alpha + s_i)}{\Gamma(\alpha)\, s_i!}
+ \alpha \log \frac{\beta}{\beta + t_i} + s_i \log \frac{t_i}{\beta + t_i} .$$

- **Rate.** Each iteration multiplies the error by 0.32, since the failures of most pumps determine
  their rates well. EM is slow if the units carry little information. For 200 simulated pumps of
  this kind that were observed for a tenth of the time, the factor was 0.77; for a hundredth of the
  time it was 0.97.
- **Boundary.** Let $r = \sum_i s_i / \sum_i t_i$ be a common rate. If the failures vary no more
  than Poisson counts with this rate, that is if $\sum_i (s_i - r t_i)^2 \le \sum_i s_i$, the
  likelihood increases as $\alpha, \beta \to \infty$ with $\alpha / \beta = r$. The units then do
  not differ, and such data are refused.
- **Few units.** Ten pumps determine $\alpha$ and $\beta$ poorly. The mean of the rates, $\alpha /
  \beta$, is determined better, so the two estimates are correlated. Empirical Bayes treats the
  estimate as known; the posterior of the rates that accounts for its uncertainty is wider.
- **Shrinkage.** The estimated rates vary less than the estimated prior. Their distribution
  therefore underestimates the number of pumps with extreme rates.

## Prior

Both hyperparameters are log-normal with a standard deviation of 1 on the log scale. The median of
$\alpha$ is 1. The median of $\beta$ is the reciprocal of the mean of the raw rates, so that the
prior changes with the unit of time. The prior density vanishes at zero and at infinity, where the
likelihood is flat. With ten units the prior is not negligible: the MAP is half a posterior standard
deviation below the maximum likelihood estimate.

## References

- D. P. Gaver and I. G. O'Muircheartaigh (1987). Robust empirical Bayes analyses of event rates.
  *Technometrics* 29, 1–15.
- A. E. Gelfand and A. F. M. Smith (1990). Sampling-based approaches to calculating marginal
  densities. *Journal of the American Statistical Association* 85, 398–409.
- E. I. George, U. E. Makov and A. F. M. Smith (1993). Conjugate likelihood distributions.
  *Scandinavian Journal of Statistics* 20, 147–156. Maximum likelihood for the pumps.
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


def model(failures, hours):
    with pm.Model(coords={"unit": range(len(failures))}) as model:
        t = pm.Data("hours", hours, dims="unit")
        alpha = pm.LogNormal("alpha", 0, 1)
        beta = pm.LogNormal("beta", -np.log(np.mean(failures / hours)), 1)
        lam = pm.Gamma("lam", alpha, beta, dims="unit")
        pm.Poisson("failures", lam * t, observed=failures, dims="unit")
    return model


def e_step(params, data):
    shape = params["alpha"] + data["failures"]
    rate = params["beta"] + data["hours"]
    return {"lam": shape / rate, "log_lam": digamma(shape) - np.log(rate)}


def m_step(expectations, data):
    mean = np.mean(expectations["lam"])
    alpha = _shape(np.log(mean) - np.mean(expectations["log_lam"]))
    return {"alpha": alpha, "beta": alpha / mean}


def log_likelihood(params, data):
    alpha, beta, s, t = params["alpha"], params["beta"], data["failures"], data["hours"]
    choose = gammaln(alpha + s) - gammaln(alpha) - gammaln(s + 1)
    return np.sum(choose - alpha * np.log1p(t / beta) - s * np.log1p(beta / t))


# The E step also returns the expectations of the logarithms of the rates.
expectations = {"log_lam": lambda latents, data: np.log(latents["lam"])}


def initial(data, rng):
    """Moment estimates from the raw rates, times log-normal factors (0.3 on the log scale).

    The prior mean is the mean of the raw rates. The prior variance is their variance less the
    contribution of the Poisson distribution, but at least a tenth of their variance.
    """
    s, t = data["failures"], data["hours"]
    _check(s, t)
    rate = s / t
    mean, variance = np.mean(rate), np.var(rate)
    beta = mean / max(variance - np.mean(rate / t), 0.1 * variance)
    return {
        "alpha": mean * beta * rng.lognormal(0, 0.3),
        "beta": beta * rng.lognormal(0, 0.3),
    }


def example_data():
    table = Path(__file__).parent / "data" / "pumps.csv"
    failures, hours = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    return {"failures": failures, "hours": hours}


def _check(s, t):
    require.columns_of_one_length(failures=s, hours=t)
    require.counts("failures", s)
    require.positive("hours", t)
    require.not_all_zero("failures", s, "a rate cannot be estimated")
    common = np.sum(s) / np.sum(t)
    if np.sum((s - common * t) ** 2) <= np.sum(s):
        raise ValueError(
            f"failures vary no more than Poisson counts with a common rate of {common:.4g}: "
            f"the likelihood increases up to alpha = infinity"
        )


def _shape(excess):
    """Solution α of log α - ψ(α) = excess, by Newton's method in 1 / α (Minka 2002)."""
    inverse = 12 * excess / (3 - excess + np.sqrt((excess - 3) ** 2 + 24 * excess))
    for _ in range(5):
        a = 1 / inverse
        inverse = inverse + (np.log(a) - digamma(a) - excess) / (a - a**2 * polygamma(1, a))
    return 1 / inverse
