r"""Exponential sample with missing values

Waiting times $y_1, \dots, y_n$ are independent and exponential with rate $\theta$, so $p(y_i \mid
\theta) = \theta e^{-\theta y_i}$. Of the $n$ values $m$ are missing, for reasons that do not depend
on the values. Write $S = \sum_{i \text{ observed}} y_i$ for the sum of the $n - m$ observed values.
The smallest example has $y_1 = 5$, and $y_2$ is missing.

EM is not needed here: values missing at random carry no information, and $\hat\theta = (n - m)/S$.
The model is a good first example because every quantity of EM has a closed form.

## Complete-data log-likelihood

If all $n$ values were observed,

$$\log p(y \mid \theta) = n \log \theta - \theta \sum_{i=1}^{n} y_i .$$

This function is linear in the missing values, so the E step needs only their expectations.

## E step

Given $\theta$, a missing value does not depend on the observed ones. At the current value
$\theta'$,

$$\mathrm{E}[y_i \mid \theta'] = \frac{1}{\theta'} ,$$

and the expected complete-data log-likelihood is

$$Q(\theta \mid \theta') = n \log \theta - \theta \left( S + \frac{m}{\theta'} \right) .$$

## M step

Setting $\partial Q / \partial\theta = n/\theta - (S + m/\theta')$ to zero gives

$$\theta = \frac{n}{S + m/\theta'} = \frac{n\,\theta'}{S\,\theta' + m} .$$

It is a maximum, since $\partial^2 Q / \partial\theta^2 = -n/\theta^2 < 0$. In the smallest example
the update is $\theta = 2\theta'/(5\theta' + 1)$.

## Observed log-likelihood and rate of convergence

Integrating the missing values out gives

$$\log p(y_{\text{obs}} \mid \theta) = (n - m) \log \theta - \theta S ,$$

which EM never decreases. Its maximiser $\hat\theta = (n - m)/S$ is the only positive fixed point of
the update, $1/5$ in the smallest example. The derivative of the update at the fixed point is

$$\frac{n\,m}{(S\hat\theta + m)^2} = \frac{n\,m}{n^2} = \frac{m}{n} .$$

Each iteration therefore multiplies the error by $m/n$: the rate of convergence is the fraction of
missing information. In the smallest example each iteration halves the error. For the parameter
$1/\theta$ this holds exactly from the first iteration on, since $1/\theta = S/n + (m/n)/\theta'$.

## A common mistake: the joint mode

Maximising $\log p(y \mid \theta)$ over the missing values and $\theta$ together answers a different
question. The exponential density is highest at zero, so every missing value goes to $0$, and
$\theta$ goes to $n/S$. In the smallest example this is $2/5$, twice the maximum likelihood
estimate. The latent values must be integrated out, not maximised over.

## Posterior

The prior is $\theta \sim \mathrm{Gamma}(a, b)$ with $a = 1$ and $b = 10^{-3}$ (shape and rate),
which is almost flat. It is conjugate to the observed likelihood, and the posterior is

$$\theta \mid y_{\text{obs}} \sim \mathrm{Gamma}(a + n - m,\; b + S) .$$

With $a = 1$ its mode is $(n - m)/(b + S)$, which equals the maximum likelihood estimate except for
$b$. Its mean is larger, $(1 + n - m)/(b + S)$; with one observation it is almost twice the
estimate.

## References

- A. P. Dempster, N. M. Laird and D. B. Rubin (1977). Maximum likelihood from incomplete data via
  the EM algorithm. *Journal of the Royal Statistical Society B* 39, 1–38. Theorem 4 and
  section 3 give the rate of convergence.
- R. J. A. Little and D. B. Rubin (2002). *Statistical Analysis with Missing Data*, 2nd edition.
  Wiley. Chapter 8.
"""

import numpy as np
import pymc as pm

from latentfit import requirements as require

latents = ("y_unobserved",)


def model(y):
    with pm.Model() as model:
        theta = pm.Gamma("theta", alpha=1, beta=1e-3)
        pm.Exponential("y", theta, observed=np.ma.masked_invalid(y))
    return model


def e_step(params, data):
    return {"y_unobserved": np.full(np.ma.count_masked(data["y"]), 1 / params["theta"])}


def m_step(expectations, data):
    y, missing = data["y"], expectations["y_unobserved"]
    return {"theta": np.size(y) / (np.sum(_observed(y)) + np.sum(missing))}


def log_likelihood(params, data):
    theta, y = params["theta"], _observed(data["y"])
    return len(y) * np.log(theta) - theta * np.sum(y)


def initial(data, rng):
    """The reciprocal of the mean of the observed values, times a log-normal factor."""
    require.not_negative("y", data["y"])
    y = _observed(data["y"])
    if not len(y):
        raise ValueError("y has no observed value: a rate cannot be estimated")
    if not np.any(y):
        raise ValueError("every observed value of y is zero: the likelihood has no maximum")
    return {"theta": rng.lognormal() / np.mean(y)}


def example_data():
    return {"y": np.array([5.0, np.nan])}


def _observed(y):
    return np.ma.compressed(y)
