r"""Rates whose gamma prior is estimated (empirical Bayes)

Unit $i$ failed $s_i$ times in a time $t_i$, at a constant rate $\lambda_i$ that differs from unit
to unit. The rates have a gamma distribution, given by shape and rate, which is the prior of each of
them:

$$\lambda_i \sim \mathrm{Gamma}(\alpha, \beta), \qquad
s_i \mid \lambda_i \sim \mathrm{Poisson}(\lambda_i t_i) .$$

What is wanted are the rates. Bayes' theorem has them as soon as the prior is known; here it is
estimated, from all units together. Its parameters, the *hyperparameters*, are
$\theta = (\alpha, \beta)$, and the rates are the latents. The prior has mean $\alpha / \beta$ and
counts for as much as $\alpha$ failures in a time $\beta$.

## Data

The example is ten pumps of a nuclear power plant, with numbers of failures and thousands of hours
of operation (Gaver and O'Muircheartaigh 1987). It is the example of Gelfand and Smith (1990) for
the Gibbs sampler, and was one of BUGS.

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

The last column is the result, at the estimate $\alpha = 0.822$, $\beta = 1.259$. BUGS has hours of
three digits, with which these become 0.823 and 1.262.

## Complete-data log-likelihood

With the rates known, the hyperparameters are those of a gamma sample:

$$\log p(s, \lambda \mid \theta) = \sum_{i=1}^{n} \left( \alpha \log \beta - \log \Gamma(\alpha)
+ (\alpha - 1) \log \lambda_i - \beta \lambda_i
+ s_i \log (\lambda_i t_i) - \lambda_i t_i - \log s_i! \right) .$$

It is linear in $\lambda_i$ and $\log \lambda_i$, and the failures come in nowhere but in the terms
that do not depend on $\theta$.

## E step

As a function of $\lambda_i$ the complete-data likelihood is $\lambda_i^{\alpha + s_i - 1}
\exp\left( -(\beta + t_i) \lambda_i \right)$: the posterior of a rate is gamma again, with shape
$a_i = \alpha' + s_i$ and rate $b_i = \beta' + t_i$.

$$\mathrm{E}[\lambda_i \mid s, \theta'] = \frac{a_i}{b_i} =
\frac{t_i}{\beta' + t_i} \cdot \frac{s_i}{t_i}
+ \frac{\beta'}{\beta' + t_i} \cdot \frac{\alpha'}{\beta'}, \qquad
\mathrm{E}[\log \lambda_i \mid s, \theta'] = \psi(a_i) - \log b_i ,$$

where $\psi = (\log \Gamma)'$ is the digamma function. The first lies between the unit's own rate
$s_i / t_i$ and the mean $\alpha' / \beta'$ of all, the closer to the latter the shorter it was
observed: by 55 % of the way for pumps 7 and 8, and by 1 % for the fourth.

## M step

Write $\bar\lambda$ and $\ell$ for the means over $i$ of the two expectations:

$$Q(\theta \mid \theta') = n \left( \alpha \log \beta - \log \Gamma(\alpha) + (\alpha - 1)\, \ell
- \beta \bar\lambda \right) + \text{const} .$$

For any $\alpha$ it is highest at $\beta = \alpha / \bar\lambda$. With that put in,

$$\frac1n \frac{\partial Q}{\partial \alpha} = \log \alpha - \psi(\alpha) - c, \qquad
c = \log \bar\lambda - \ell ,$$

which by Jensen's inequality is a $c > 0$. $\log \alpha - \psi(\alpha)$ falls from infinity to zero,
as $1 / \alpha$ for small $\alpha$ and as $1 / (2 \alpha)$ for large, so that there is one solution.
As a function of $u = 1 / \alpha$ it is all but straight, and Newton's method in $u$,

$$u \leftarrow u + \frac{\log \alpha - \psi(\alpha) - c}{\alpha - \alpha^2\, \psi'(\alpha)} ,$$

takes a few iterations from $\alpha = \left( 3 - c + \sqrt{(c - 3)^2 + 24 c} \right) / (12 c)$,
which solves the equation with $\log \alpha - \psi(\alpha) \approx \frac{1}{2 \alpha} \left( 1 +
\frac{1}{6 \alpha + 1} \right)$ (Minka 2002).

## Observed log-likelihood and rate of convergence

The integral over $\lambda_i$ is that of a gamma density, but for its constant, and the failures are
negative binomial:

$$\log p(s \mid \theta) = \sum_i \log \frac{\Gamma(\alpha + s_i)}{\Gamma(\alpha)\, s_i!}
+ \alpha \log \frac{\beta}{\beta + t_i} + s_i \log \frac{t_i}{\beta + t_i} .$$

- **Rate.** Errors shrink by a factor of 0.32 in an iteration, as most rates are well known from the
  pump's own failures. EM is slow where units say little of their own: with 200 such pumps,
  simulated and observed a tenth as long, the factor was 0.77, and a hundredth as long, 0.97.
- **Boundary.** If the failures vary no more than Poisson counts of one common rate $r = \sum_i s_i
  / \sum_i t_i$, that is if $\sum_i (s_i - r t_i)^2 \le \sum_i s_i$, the likelihood rises towards
  $\alpha, \beta \to \infty$ with $\alpha / \beta = r$. Nothing then tells one unit from another,
  and such data are refused.
- **Few units.** Ten pumps do not tell $\alpha$ and $\beta$ well, and what they tell is about the
  mean of the rates, $\alpha / \beta$: the two are correlated. Empirical Bayes takes the estimate as
  if it were known; the posterior of the rates that takes its uncertainty into account is wider.
- **Means are pulled in too far for some purposes.** The estimated rates vary less than the prior
  that was estimated: of how many pumps are worse than a given rate, they are no good account.

## Prior

Both hyperparameters are log-normal with a standard deviation of 1 on the log scale: $\alpha$ with
median 1, $\beta$ with the reciprocal of the mean of the raw rates, so that it moves with the unit
of time. They stay clear of zero, and of infinity, before which the likelihood is flat. With ten
units they are seen in the MAP, which lies half a posterior standard deviation below the estimate.

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


# The rates of one realisation, of which the E step returns the expected logarithms.
expectations = {"log_lam": lambda latents, data: np.log(latents["lam"])}


def initial(data, rng):
    """By the moments of the raw rates, each times a log-normal factor of 30 %.

    Of the variance of the raw rates, what Poisson counts contribute is taken off, though a tenth
    is left; prior mean and variance are the mean and what remains.
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
    if np.ndim(s) != 1 or np.shape(s) != np.shape(t):
        raise ValueError(
            f"failures and hours should be two columns of one length, not arrays of shapes "
            f"{np.shape(s)} and {np.shape(t)}"
        )
    wrong = np.flatnonzero((s < 0) | (s != np.floor(s)))
    if len(wrong):
        raise ValueError(f"failures is {s[wrong[0]]:g} in row {wrong[0] + 1}: a count is 0, 1, ...")
    wrong = np.flatnonzero(t <= 0)
    if len(wrong):
        raise ValueError(f"hours is {t[wrong[0]]:g} in row {wrong[0] + 1}: a time is positive")
    if not np.any(s):
        raise ValueError(
            "every value of failures is zero: there is nothing to estimate a rate from"
        )
    common = np.sum(s) / np.sum(t)
    if np.sum((s - common * t) ** 2) <= np.sum(s):
        raise ValueError(
            f"failures vary no more than by chance about one common rate of {common:.4g}: "
            f"the likelihood rises towards alpha = infinity"
        )


def _shape(excess):
    """The α at which log α - ψ(α) equals the excess, by Newton's method in 1 / α (Minka 2002)."""
    inverse = 12 * excess / (3 - excess + np.sqrt((excess - 3) ** 2 + 24 * excess))
    for _ in range(5):
        a = 1 / inverse
        inverse = inverse + (np.log(a) - digamma(a) - excess) / (a - a**2 * polygamma(1, a))
    return 1 / inverse
