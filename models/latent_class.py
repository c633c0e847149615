r"""Latent classes behind categorical answers

Each of $n$ respondents belongs to one of $K$ classes, which is not observed. The class explains the
association between the answers: within a class, the answers to the $J$ items are independent.
Respondent $i$ belongs to class $z_i = k$ with probability $w_k$, and a member of class $k$ gives
answer $c$ to item $j$ with probability $p_{kjc}$:

$$z_i \sim \mathrm{Categorical}(w), \qquad x_{ij} \mid z_i = k \sim \mathrm{Categorical}(p_{kj}) .$$

This is the mixture of products of multinomials; if every item has two answers, it is the mixture of
products of Bernoullis. Items may have different numbers of answers. The probabilities of items with
two answers are the parameter `p2`, of shape (class, item, answer), those of items with three
answers are `p3`, and so on: there is one array for each number of answers.

## Data

A table has a row for each respondent and a column for each item. The answers may be any whole
numbers, such as 0 and 1 or 1 to 5. The distinct answers of a column, in increasing order, are its
categories. A category that does not occur would have the estimate zero, so omitting it loses
nothing.

The example, `role-conflict.csv`, has the answers of 216 students to four questions about situations
in which a duty to a friend conflicts with a duty to society. A *universalistic* answer (1) puts the
duty to society first, a *particularistic* answer (0) the duty to the friend. The counts are those
of Goodman (1974) from Stouffer and Toby (1951), with a row for each respondent. Two classes fit
well: the deviance from the table's own frequencies is $G^2 = 2.72$ on 6 degrees of freedom.

## Complete-data log-likelihood

If the classes were known, every class and every item in it would be a separate sample:

$$\log p(x, z \mid \theta) = \sum_{i} \sum_{k} [z_i = k]
\Big( \log w_k + \sum_{j} \log p_{k j x_{ij}} \Big) ,$$

where $[z_i = k]$ is 1 if respondent $i$ belongs to class $k$, and 0 otherwise.

## E step

The complete-data log-likelihood is linear in the indicators. Their expectations are by Bayes'
theorem

$$r_{ik} = p(z_i = k \mid x_i, \theta') =
\frac{w'_k \prod_j p'_{k j x_{ij}}}{\sum_l w'_l \prod_j p'_{l j x_{ij}}} .$$

A product over many items underflows, so the code computes with logarithms.

## M step

Let $n_k = \sum_i r_{ik}$ and $n_{kjc} = \sum_i r_{ik} [x_{ij} = c]$ be the expected numbers of
members and of answers. Then

$$Q(\theta \mid \theta') = \sum_k n_k \log w_k + \sum_{k, j, c} n_{kjc} \log p_{kjc}$$

is a sum of multinomial log-likelihoods. With a Lagrange multiplier for each sum that must be 1, its
maximum is

$$w_k = \frac{n_k}{n} , \qquad p_{kjc} = \frac{n_{kjc}}{n_k} .$$

The expected numbers for all data equal the totals of those for parts of the data.

## Observed log-likelihood

$$\log p(x \mid \theta) = \sum_i \log \sum_k w_k \prod_j p_{k j x_{ij}} .$$

- **Identification.** Let $C_j$ be the number of answers to item $j$. The table of answers has
  $\prod_j C_j - 1$ free frequencies. A model with more parameters is not identified, and is
  refused. A model with fewer parameters may still not be identified: three classes for four items
  with two answers have 14 parameters for 15 frequencies, and one of the 14 is not determined
  (Goodman 1974).
- **Boundary.** If all respondents of a class give the same answer to an item, a probability is
  estimated as 0 or 1. EM approaches this maximum without reaching it, and standard errors do not
  apply to the estimate. In the example the estimates for two classes are in the interior; those for
  seven pathologists who rate carcinoma (Agresti 2002, table 13.1) are not.
- **Several maxima** are likely with many classes. Compare several starts.
- **Labels.** Exchanging two classes does not change the likelihood.

## Prior

The weights, and the answers of each class to each item, have Dirichlet distributions whose
parameters are all 1.1. The prior counts as a tenth of an additional answer of each kind. Its
density vanishes on the boundary, so the MAP is in the interior, and it is weak enough to leave
estimates near the boundary plausible.

## References

- P. F. Lazarsfeld and N. W. Henry (1968). *Latent Structure Analysis*. Houghton Mifflin.
- L. A. Goodman (1974). Exploratory latent structure analysis using both identifiable and
  unidentifiable models. *Biometrika* 61, 215–231.
- S. A. Stouffer and J. Toby (1951). Role conflict and personality. *American Journal of
  Sociology* 56, 395–406.
- A. Agresti (2002). *Categorical Data Analysis*, 2nd edition. Wiley. Section 13.1.
- D. A. Linzer and J. B. Lewis (2011). poLCA: an R package for polytomous variable latent class
  analysis. *Journal of Statistical Software* 42(10), 1–29.
"""

from math import prod
from pathlib import Path

import numpy as np
import pymc as pm

from latentfit import requirements as require
from latentfit.em.primitives import log_categorical, responsibilities, weighted_counts

latents = ("z",)


def model(x, classes=2):
    with pm.Model(coords={"class": range(classes), "respondent": range(len(x))}) as model:
        pm.Data("x", x)
        w = pm.Dirichlet("w", np.full(classes, 1.1), dims="class")
        z = pm.Categorical("z", w, dims="respondent")
        for size, answers in _by_size(x).items():
            shape = (classes, answers.shape[1], size)
            p = pm.Dirichlet(f"p{size}", np.full(size, 1.1), shape=shape)
            pm.Categorical(f"x{size}", p[z], observed=answers)
    return model


def e_step(params, data):
    r, _ = responsibilities(_log_joint(params, data))
    return {"z": r}


def statistics(expectations, data):
    r = expectations["z"]
    counts = {
        f"n{size}": weighted_counts(r, answers, size)
        for size, answers in _by_size(data["x"]).items()
    }
    return {"n": r.sum(axis=0), **counts}


def m_step(statistics, data):
    n = statistics["n"]
    counts = {name: value for name, value in statistics.items() if name != "n"}
    answers = {f"p{name[1:]}": value / n[:, None, None] for name, value in counts.items()}
    return {"w": n / n.sum(), **answers}


def log_likelihood(params, data):
    _, log_likelihood = responsibilities(_log_joint(params, data))
    return log_likelihood


def initial(data, rng, classes=2):
    """Equal weights, and probabilities of each class near the answers of one respondent.

    The respondents are chosen as in k-means++: the first is a random respondent, and each further
    one is drawn with probability proportional to the squared number of items whose answers differ
    from those of the nearest respondent chosen so far. The probabilities of a class are the means
    of these answers (0 or 1) and the frequencies of the answers in the data.
    """
    x = data["x"]
    _check(x, classes)
    chosen = [rng.integers(len(x))]
    while len(chosen) < classes:
        nearest = np.min([np.sum(x != x[other], axis=1) for other in chosen], axis=0)
        chosen.append(rng.choice(len(x), p=nearest**2 / np.sum(nearest**2)))
    params = {"w": np.full(classes, 1 / classes)}
    for size, answers in _by_size(x).items():
        given = np.eye(size)[answers]
        params[f"p{size}"] = (given[chosen] + given.mean(axis=0)) / 2
    return params


def simulate(params, data, rng, **options):
    """A class for every respondent, and answers to the items given the class."""
    w, x = params["w"], data["x"]
    z = rng.choice(len(w), size=len(x), p=w)
    codes = [np.unique(column) for column in x.T]
    # The items of each size, in the order of `_by_size`.
    items = {len(c): iter(np.moveaxis(params[f"p{len(c)}"], 1, 0)) for c in codes}
    answers = [c[rng.multinomial(1, next(items[len(c)])[z]).argmax(axis=1)] for c in codes]
    return {"x": np.column_stack(answers)}


def example_data():
    table = Path(__file__).parent / "data" / "role-conflict.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1)}


def _by_size(x):
    """Tables of the items with equal numbers of answers, coded from 0: {answers: table}."""
    columns = {}
    for column in x.T:
        categories, answers = np.unique(column, return_inverse=True)
        columns.setdefault(len(categories), []).append(answers)
    return {size: np.column_stack(columns[size]) for size in sorted(columns)}


def _log_joint(params, data):
    """Log p(x, z = k | θ), shape (respondents, classes)."""
    with np.errstate(divide="ignore"):
        log_joint = np.log(params["w"])
        for size, answers in _by_size(data["x"]).items():
            if np.shape(params.get(f"p{size}"))[1:2] != answers.shape[1:]:
                raise ValueError("x lacks an answer to which the parameters give a probability")
            log_joint = log_joint + log_categorical(answers, params[f"p{size}"])
    return log_joint


def _check(x, classes):
    require.at_least("classes", classes, 1)
    require.table("x", x)
    require.categories("x", x)
    require.variation_in_each_column("x", x)
    sizes = [len(np.unique(column)) for column in x.T]
    free, frequencies = classes - 1 + classes * (sum(sizes) - len(sizes)), prod(sizes) - 1
    if free > frequencies:
        raise ValueError(
            f"{classes} classes have {free} free parameters, more than the {frequencies} "
            f"frequencies of all answers to {len(sizes)} items can determine"
        )
    require.distinct("x", x, classes, "classes")
