r"""Latent classes behind categorical answers

Each of $n$ respondents belongs to one of $K$ classes, and the class is not observed. It explains
why answers go together: within a class the answers to the $J$ items are independent. Respondent
$i$ is of class $z_i = k$ with probability $w_k$; a member of class $k$ gives item $j$ the answer
$c$ with probability $p_{kjc}$:

$$z_i \sim \mathrm{Categorical}(w), \qquad x_{ij} \mid z_i = k \sim \mathrm{Categorical}(p_{kj}) .$$

This is the mixture of products of multinomials; with two answers to every item, the mixture of
products of Bernoullis. Items may have different numbers of answers. Those with two have their
probabilities in the parameter `p2`, of shape (class, item, answer), those with three in `p3`, and
so on: a single array for each number of answers, however many items there are.

## Data

A row for each respondent, a column for each item. The answers may be any whole numbers, such as
0 and 1 or 1 to 5; the distinct ones of a column, in increasing order, are its categories. One
that nobody gave has an estimate of zero, so that nothing is lost by leaving it out.

The example, `role-conflict.csv`, has four situations in which a duty to a friend conflicts with
a duty to society, put to 216 students: does one decide by what is due to anybody (1,
*universalistic*) or by what is due to the friend (0, *particularistic*)? The counts are those of
Goodman (1974) from Stouffer and Toby (1951), a row for each respondent. Two classes fit well:
the deviance from the table's own frequencies is $G^2 = 2.72$ on 6 degrees of freedom.

## Complete-data log-likelihood

With the classes known, every class is a sample of its own, and so is every item in it:

$$\log p(x, z \mid \theta) = \sum_{i} \sum_{k} [z_i = k]
\Big( \log w_k + \sum_{j} \log p_{k j x_{ij}} \Big) ,$$

where $[z_i = k]$ is 1 if respondent $i$ is of class $k$ and 0 if not.

## E step

The indicators enter linearly. By Bayes' theorem their expectations are

$$r_{ik} = p(z_i = k \mid x_i, \theta') =
\frac{w'_k \prod_j p'_{k j x_{ij}}}{\sum_l w'_l \prod_j p'_{l j x_{ij}}} .$$

A product over many items underflows, so that the computation is done with logarithms.

## M step

Let $n_k = \sum_i r_{ik}$ and $n_{kjc} = \sum_i r_{ik} [x_{ij} = c]$, the expected numbers of
members and of answers. Then

$$Q(\theta \mid \theta') = \sum_k n_k \log w_k + \sum_{k, j, c} n_{kjc} \log p_{kjc} ,$$

a sum of multinomial log-likelihoods. With a Lagrange multiplier for each sum that must be 1,

$$w_k = \frac{n_k}{n} , \qquad p_{kjc} = \frac{n_{kjc}}{n_k} .$$

The expected numbers of parts of the data add up to those of all.

## Observed log-likelihood

$$\log p(x \mid \theta) = \sum_i \log \sum_k w_k \prod_j p_{k j x_{ij}} .$$

- **Identification.** The table of answers has $\prod_j C_j - 1$ free frequencies, $C_j$ being the
  number of answers to item $j$; a model with more parameters than that has a ridge for its
  maximum, and is refused. Fewer parameters are necessary, not sufficient: three classes for four
  items of two answers have 14 for 15 frequencies, and one of the 14 is still not determined
  (Goodman 1974).
- **Boundary.** Where everybody whom a class takes gives the same answer, a probability goes
  to 0 or 1. EM creeps there without ever arriving, zero is the estimate, and standard errors
  mean nothing for it. In the example two classes stay inside; seven pathologists rating
  carcinoma (Agresti 2002, table 13.1) do not.
- **Several maxima.** Likely with many classes. Start from several places.
- **Labels.** Exchanging two classes changes nothing; the answers have names, the classes do not.

## Prior

Dirichlet distributions with all their parameters 1.1, for the weights and for the answers of each
class to each item: as if a tenth of an answer of each kind had been given besides. That is enough
for the density to vanish on the boundary, so that the MAP is inside, and little enough for an
estimate beside the boundary to remain plausible.

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
    _, height = responsibilities(_log_joint(params, data))
    return height


def initial(data, rng, classes=2):
    """Equal weights; each class leans to the answers of one respondent.

    The respondents are chosen as in k-means++: the first is anybody, each further one is drawn
    with probability proportional to the square of the number of items on which he or she differs
    from the nearest chosen so far. The probabilities of a class are halfway between those
    answers and the frequencies of all.
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
    """A class for every respondent, and answers to the items by the class."""
    w, x = params["w"], data["x"]
    z = rng.choice(len(w), size=len(x), p=w)
    codes = [np.unique(column) for column in x.T]
    # The items of each size in turn, as `_by_size` has them.
    items = {len(c): iter(np.moveaxis(params[f"p{len(c)}"], 1, 0)) for c in codes}
    answers = [c[rng.multinomial(1, next(items[len(c)])[z]).argmax(axis=1)] for c in codes]
    return {"x": np.column_stack(answers)}


def example_data():
    table = Path(__file__).parent / "data" / "role-conflict.csv"
    return {"x": np.loadtxt(table, delimiter=",", skiprows=1)}


def _by_size(x):
    """Items with equally many answers together, answers numbered from 0: {answers: table}."""
    columns = {}
    for column in x.T:
        categories, answers = np.unique(column, return_inverse=True)
        columns.setdefault(len(categories), []).append(answers)
    return {size: np.column_stack(columns[size]) for size in sorted(columns)}


def _log_joint(params, data):
    """log p(x, z = k | θ), shape (respondents, classes)."""
    with np.errstate(divide="ignore"):
        log_joint = np.log(params["w"])
        for size, answers in _by_size(data["x"]).items():
            if np.shape(params.get(f"p{size}"))[1:2] != answers.shape[1:]:
                raise ValueError("x lacks an answer that there are probabilities for")
            log_joint = log_joint + log_categorical(answers, params[f"p{size}"])
    return log_joint


def _check(x, classes):
    if classes < 1:
        raise ValueError(f"classes must be at least 1, not {classes}")
    if x.ndim != 2:
        raise ValueError("x is one item: classes show in how the answers to several go together")
    odd = np.argwhere(x != np.round(x))
    if len(odd):
        row, item = odd[0]
        raise ValueError(
            f"x has the value {x[row, item]:g} in row {row + 1}, column {item + 1}: answers are "
            f"categories, coded as whole numbers"
        )
    sizes = [len(np.unique(column)) for column in x.T]
    if 1 in sizes:
        item = sizes.index(1)
        raise ValueError(
            f"column {item + 1} of x has the value {x[0, item]:g} in every row: "
            f"an item with one answer tells no classes apart"
        )
    free, frequencies = classes - 1 + classes * (sum(sizes) - len(sizes)), prod(sizes) - 1
    if free > frequencies:
        raise ValueError(
            f"{classes} classes have {free} free parameters, more than the {frequencies} "
            f"frequencies of all answers to {len(sizes)} items can determine"
        )
    patterns = len(np.unique(x, axis=0))
    if classes > patterns:
        raise ValueError(f"x has {patterns} distinct rows, too few for {classes} classes")
