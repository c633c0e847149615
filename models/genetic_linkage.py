r"""Genetic linkage in 197 animals

Two genes lie on one chromosome. Parents that carry both variants of both have offspring of four
visible classes, and linkage moves the shares of the classes away from $9:3:3:1$. With $\theta$
for the parameter that measures it (if crossing over happens with probability $r$ in either sex,
$\theta = (1 - r)^2$ where each parent has both recessive variants on one chromosome, and
$\theta = r^2$ where it has not), $n$ animals fall into the classes with probabilities

$$\tfrac12 + \tfrac{\theta}{4}, \quad \tfrac{1 - \theta}{4}, \quad \tfrac{1 - \theta}{4}, \quad
\tfrac{\theta}{4} , \qquad 0 \le \theta \le 1 .$$

The first class is a sum, and the sum is what makes the likelihood awkward. Take it apart: let
animal $i$ be of one of five *types* $z_i$, of which the first two look the same,

$$\Pr(z_i = 0, \dots, 4) = \left( \tfrac12,\; \tfrac{\theta}{4},\; \tfrac{1 - \theta}{4},\;
\tfrac{1 - \theta}{4},\; \tfrac{\theta}{4} \right) .$$

Write $y_1, \dots, y_4$ for the numbers of animals in the classes, which are seen, and
$x_1, \dots, x_5$ for the numbers of each type: $y_1 = x_1 + x_2$, and the others are
$y_2 = x_3$, $y_3 = x_4$, $y_4 = x_5$.

## Data

$y = (125, 18, 20, 34)$, in all 197 animals (Rao 1965): the first example of Dempster, Laird and
Rubin (1977), and of most that has been written on the EM algorithm since.

## Complete-data log-likelihood

Up to a constant, with the animals one by one,

$$\log p(z \mid \theta) = (x_2 + x_5) \log \theta + (x_3 + x_4) \log(1 - \theta) - x_1 \log 2
- (n - x_1) \log 4 .$$

It is binomial: $x_2 + x_5$ successes among the $n - x_1$ animals that bear on $\theta$. Of what is
not seen, it needs $x_2$ alone ($x_1 = y_1 - x_2$), and it is linear in $x_2$.

## E step

Each of the $y_1$ animals of the first class is of the second type with probability
$(\theta'/4) / (1/2 + \theta'/4)$, so that

$$\mathrm{E}[x_2 \mid y, \theta'] = y_1 \, \frac{\theta'}{2 + \theta'} .$$

## M step

$Q$ is the complete-data log-likelihood with that number in place of $x_2$. Its maximum is the
share of successes,

$$\theta = \frac{x_2 + y_4}{x_2 + y_2 + y_3 + y_4} .$$

## Observed log-likelihood and rate of convergence

$$\log p(y \mid \theta) = y_1 \log\left(\tfrac12 + \tfrac{\theta}{4}\right)
+ (y_2 + y_3) \log \frac{1 - \theta}{4} + y_4 \log \frac{\theta}{4} .$$

This is for the classes of the animals in turn; the number of ways to order them, which does not
depend on $\theta$, is left out. It is concave, with a single maximum, and there EM's help is not
needed either: setting the slope to zero leaves the quadratic equation

$$n \theta^2 + (2 y_2 + 2 y_3 + y_4 - y_1)\, \theta - 2 y_4 = 0 ,$$

here $197 \theta^2 - 15 \theta - 68 = 0$, with the root $\hat\theta = (15 + \sqrt{53809})/394$.

Let $m = x_2 + y_2 + y_3 + y_4$ at $\hat\theta$. The slope of the update there is

$$\frac{1 - \hat\theta}{m} \cdot \frac{2 y_1}{(2 + \hat\theta)^2} = 0.1328 ,$$

the share of the error that every iteration leaves, and the fraction of the information about
$\theta$ that the sum in the first class hides.

If no animal is in class 2 or 3, the maximum is at $\hat\theta = 1$; if none is in class 4, it may
be at $0$. EM ends there too: a proper answer, but the large-sample standard error means nothing.

## Prior

$\theta$ is uniform between 0 and 1, as in Tanner and Wong (1987), so that the MAP is the maximum
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

latents = ("z",)

# Which class an animal of each of the five types is seen in.
CLASS = np.array([0, 0, 1, 2, 3])


def model(counts):
    coords = {"class": range(4), "animal": range(int(np.sum(counts)))}
    with pm.Model(coords=coords) as model:
        pm.Data("counts", counts, dims="class")
        theta = pm.Uniform("theta", 0, 1)
        types = [0.5, theta / 4, (1 - theta) / 4, (1 - theta) / 4, theta / 4]
        z = pm.Categorical("z", pm.math.stack(types), dims="animal")
        # A type is seen in its own class, with certainty.
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
    # An empty class says nothing, also where its probability is zero.
    return np.sum(y[y > 0] * np.log(p[y > 0]))


# In x2, what the E step returns the expectation of: how many animals are of the second type.
expectations = {"x2": lambda latents, data: np.sum(latents["z"] == 1)}


def initial(data, rng):
    """The unbiased estimate that is linear in the counts, its log-odds jittered.

    The expectation of $y_1 - y_2 - y_3 + y_4$ is $n\\theta$. Where the estimate is less than 0.05
    from 0 or 1, or beyond, it is moved to that distance; the jitter is normal with standard
    deviation 1.
    """
    y = data["counts"]
    if np.shape(y) != (4,):
        raise ValueError(f"counts has shape {np.shape(y)}: there are four classes, in order")
    wrong = y[(y < 0) | (y % 1 != 0)]
    if len(wrong):
        raise ValueError(f"counts holds {wrong[0]:g}: numbers of animals are whole")
    if not np.any(y):
        raise ValueError("counts is zero throughout: there are no animals")
    theta = np.clip((y[0] - y[1] - y[2] + y[3]) / np.sum(y), 0.05, 0.95)
    return {"theta": 1 / (1 + (1 - theta) / theta * np.exp(-rng.normal()))}


def simulate(params, data, rng):
    """As many animals, by the probabilities of the four classes."""
    return {"counts": rng.multinomial(int(np.sum(data["counts"])), _classes(params["theta"]))}


def example_data():
    return {"counts": np.array([125, 18, 20, 34])}


def _classes(theta):
    """Probabilities of the four classes."""
    return np.array([2 + theta, 1 - theta, 1 - theta, theta]) / 4
