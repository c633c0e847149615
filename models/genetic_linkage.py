r"""Genetic linkage in 197 animals

Two genes lie on the same chromosome. Parents that carry both variants of both genes have offspring
of four visible classes, and linkage changes the expected shares of the classes from $9:3:3:1$. The
parameter $\theta$ measures the linkage. Suppose that crossing over has probability $r$ in both
sexes. If both recessive variants lie on one chromosome of each parent, then $\theta = (1 - r)^2$;
otherwise $\theta = r^2$. Each of $n$ animals belongs to the four classes with probabilities

$$\tfrac12 + \tfrac{\theta}{4}, \quad \tfrac{1 - \theta}{4}, \quad \tfrac{1 - \theta}{4}, \quad
\tfrac{\theta}{4} , \qquad 0 \le \theta \le 1 .$$

The first probability is a sum, which complicates the likelihood. The latent variable separates its
two terms: animal $i$ is of one of five *types* $z_i$, of which the first two belong to the same
class,

$$\Pr(z_i = 0, \dots, 4) = \left( \tfrac12,\; \tfrac{\theta}{4},\; \tfrac{1 - \theta}{4},\;
\tfrac{1 - \theta}{4},\; \tfrac{\theta}{4} \right) .$$

Let $y_1, \dots, y_4$ be the observed numbers of animals in the classes, and $x_1, \dots, x_5$ the
numbers of animals of each type. Then $y_1 = x_1 + x_2$, $y_2 = x_3$, $y_3 = x_4$ and $y_4 = x_5$.

## Data

The example is $y = (125, 18, 20, 34)$, a total of 197 animals (Rao 1965). It is the first example
of Dempster, Laird and Rubin (1977) and a standard example of the literature on EM.

## Complete-data log-likelihood

Up to a constant, and with the animals in a given order,

$$\log p(z \mid \theta) = (x_2 + x_5) \log \theta + (x_3 + x_4) \log(1 - \theta) - x_1 \log 2
- (n - x_1) \log 4 .$$

As a function of $\theta$ it is binomial, with $x_2 + x_5$ successes among the $n - x_1$ animals
whose type depends on $\theta$. The only unknown is $x_2$, since $x_1 = y_1 - x_2$, and the function
is linear in $x_2$.

## E step

Each of the $y_1$ animals of the first class is of the second type with probability
$(\theta'/4) / (1/2 + \theta'/4)$, so

$$\mathrm{E}[x_2 \mid y, \theta'] = y_1 \, \frac{\theta'}{2 + \theta'} .$$

## M step

$Q$ is the complete-data log-likelihood with this expectation in place of $x_2$. Its maximiser is
the share of successes,

$$\theta = \frac{x_2 + y_4}{x_2 + y_2 + y_3 + y_4} .$$

## Observed log-likelihood and rate of convergence

$$\log p(y \mid \theta) = y_1 \log\left(\tfrac12 + \tfrac{\theta}{4}\right)
+ (y_2 + y_3) \log \frac{1 - \theta}{4} + y_4 \log \frac{\theta}{4} .$$

This is the log-likelihood of the classes of the animals in a given order. It omits the logarithm of
the number of orders, which does not depend on $\theta$. It is concave and has a single maximum.
This maximum has a closed form, so EM is not needed. Setting the derivative to zero gives the
quadratic equation

$$n \theta^2 + (2 y_2 + 2 y_3 + y_4 - y_1)\, \theta - 2 y_4 = 0 .$$

In the example it is $197 \theta^2 - 15 \theta - 68 = 0$, with the root
$\hat\theta = (15 + \sqrt{53809})/394$.

Let $m = x_2 + y_2 + y_3 + y_4$ at $\hat\theta$. The derivative of the update at $\hat\theta$ is

$$\frac{1 - \hat\theta}{m} \cdot \frac{2 y_1}{(2 + \hat\theta)^2} = 0.1328 .$$

Each iteration multiplies the error by this number. It equals the fraction of the information about
$\theta$ that is missing because the first class combines two types.

If no animal belongs to class 2 or 3, the maximiser is $\hat\theta = 1$. If none belongs to class 4,
it may be $0$. EM converges to these estimates too, but large-sample standard errors do not apply to
them.

## Prior

$\theta$ is uniform between 0 and 1, as in Tanner and Wong (1987), so the MAP equals the maximum
likelihood estimate.

## References

- A. P. Dempster, N. M. Laird and D. B. Rubin (1977). Maximum likelihood from incomplete data via
  the EM algorithm. *Journal of the Royal Statistical Society B* 39, 1–38. Section 1.
- C. R. Rao (1965). *Linear Statistical Inference and its Applications*. Wiley. Pages 368–369.
- R. A. Fisher and B. Balmukand (1928). The estimation of linkage from the offspring of selfed
  heterozygotes. *Journal of Genetics* 20, 79–92. The linear estimate that EM starts from.
- M. A. Tanner and W. H. Wong (1987). The calculation of posterior distributions by data
  augmentation. *Journal of the American Statistical Association* 82, 528–540.
"""

import numpy as np
import pymc as pm

from latentfit import requirements as require

latents = ("z",)

# Class of each of the five types.
CLASS = np.array([0, 0, 1, 2, 3])


def model(counts):
    coords = {"class": range(4), "animal": range(int(np.sum(counts)))}
    with pm.Model(coords=coords) as model:
        pm.Data("counts", counts, dims="class")
        theta = pm.Uniform("theta", 0, 1)
        types = [0.5, theta / 4, (1 - theta) / 4, (1 - theta) / 4, theta / 4]
        z = pm.Categorical("z", pm.math.stack(types), dims="animal")
        # Given its type, an animal belongs to one class with probability 1.
        seen = pm.math.constant(np.eye(4)[CLASS])
        animals = np.repeat(range(4), np.asarray(counts, int))
        pm.Categorical("seen", seen[z], observed=animals, dims="animal")
    return model


def e_step(params, data):
    theta = params["theta"]
    return {"x2": data["counts"][0] * theta / (2 + theta)}


def m_step(expectations, data):
    x2, (_, y2, y3, y4) = expectations["x2"], data["counts"]
    return {"theta": (x2 + y4) / (x2 + y2 + y3 + y4)}


def log_likelihood(params, data):
    y, p = data["counts"], _classes(params["theta"])
    # The term of an empty class is zero, even if the probability of the class is zero.
    return np.sum(y[y > 0] * np.log(p[y > 0]))


# The E step returns the expectation of x2, the number of animals of the second type.
expectations = {"x2": lambda latents, data: np.sum(latents["z"] == 1)}


def initial(data, rng):
    """The unbiased estimate that is linear in the counts, with random log-odds.

    The expectation of y₁ - y₂ - y₃ + y₄ is nθ. The estimate is restricted to the interval from 0.05
    to 0.95. A standard normal variable is added to its log-odds.
    """
    y = data["counts"]
    if np.shape(y) != (4,):
        raise ValueError(f"counts has shape {np.shape(y)}, but there are four classes")
    require.counts("counts", y)
    require.not_all_zero("counts", y, "there are no animals")
    theta = np.clip((y[0] - y[1] - y[2] + y[3]) / np.sum(y), 0.05, 0.95)
    return {"theta": 1 / (1 + (1 - theta) / theta * np.exp(-rng.normal()))}


def simulate(params, data, rng):
    """The same number of animals, with classes drawn from their probabilities."""
    return {"counts": rng.multinomial(int(np.sum(data["counts"])), _classes(params["theta"]))}


def example_data():
    return {"counts": np.array([125, 18, 20, 34])}


def _classes(theta):
    """Probabilities of the four classes."""
    return np.array([2 + theta, 1 - theta, 1 - theta, theta]) / 4
