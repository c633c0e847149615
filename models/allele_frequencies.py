r"""Allele frequencies from phenotypes

A gene comes in $A$ variants, its alleles. An individual inherits two of them, and the pair is its
*genotype*: there are $G = A(A + 1)/2$ pairs. What can be seen is the *phenotype*, and where one
allele dominates another, several genotypes look the same. With allele frequencies $p_1, \dots,
p_A$ and random mating, the two alleles are independent draws (Hardy and Weinberg), so that the
genotype $z_i$ of individual $i$ has the probabilities

$$\pi_{ab} = \begin{cases} p_a^2 & a = b \\ 2\, p_a p_b & a < b . \end{cases}$$

Let $t_{fg} = 1$ if genotype $g$ shows as phenotype $f$, and 0 if not; each genotype shows as
exactly one. The data are the numbers $y_f$ of individuals of each phenotype, and this table. Its
columns stand in the order $11, 12, \dots, 1A, 22, 23, \dots, AA$.

## Data

`blood-groups.csv`: the ABO groups of 521 patients with ulcers (Clarke and others 1959, their
Table III): 186 of group A, 38 of B, 13 of AB, 284 of O. The allele O is recessive to A and to B.

`peppered-moths.csv`: the colours of 622 moths (Givens and Hoeting 2005): 85 *carbonaria*, 196
*insularia*, 341 *typica*. Of the alleles C, I, T each is recessive to those before it.

A table of one's own has a row for each phenotype, a column `count`, and a column for each genotype,
of 0 and 1.

## Complete-data log-likelihood

With the genotypes known, and $n_g$ individuals of each,

$$\log p(y, z \mid p) = \sum_g n_g \log \pi_g
= \sum_a c_a \log p_a + \text{const}, \qquad c_a = \sum_g d_{ga}\, n_g ,$$

where $d_{ga} \in \{0, 1, 2\}$ is the number of copies of allele $a$ in genotype $g$. So $c_a$ is
the number of copies among all $2n$ genes: counting genes is all there is to it.

## E step

Individuals of one phenotype are divided among the genotypes that show as it, in proportion to
their probabilities:

$$\mathrm{E}[n_g \mid y, p'] = \sum_f y_f \, \frac{t_{fg}\, \pi'_g}{\sum_h t_{fh}\, \pi'_h} .$$

## M step

$Q$ is the complete-data log-likelihood with these numbers in place of the $n_g$; a Lagrange
multiplier for $\sum_a p_a = 1$ gives the share of each allele among the genes,

$$p_a = \frac{1}{2n} \sum_g d_{ga} \, \mathrm{E}[n_g \mid y, p'] .$$

## Observed log-likelihood

$$\log p(y \mid p) = \sum_f y_f \log \sum_g t_{fg}\, \pi_g .$$

This is for individuals in turn; the number of ways to order them, which does not depend on $p$, is
left out. Caveats:

- **Boundary.** If no phenotype that an allele can have a part in was seen, its frequency is
  estimated as zero. That is a proper answer, but large-sample standard errors mean nothing then.
- **Alleles that cannot be told apart.** If two alleles show alike beside every partner, only the
  sum of their frequencies can be estimated; such a table is refused.
- **Hardy–Weinberg.** With as many phenotypes as genotypes nothing is hidden, and EM is done
  after one iteration. In general the assumption cannot be left out: it is what tells the
  genotypes of one phenotype apart.

The rarer a recessive allele, the more of it is hidden, and the slower EM.

## Prior

Allele frequencies are uniform on the simplex.

## References

- R. Ceppellini, M. Siniscalco and C. A. B. Smith (1955). The estimation of gene frequencies in a
  random-mating population. *Annals of Human Genetics* 20, 97–115. EM, before it had the name.
- C. A. B. Smith (1957). Counting methods in genetical statistics. *Annals of Human Genetics* 21,
  254–276.
- C. A. Clarke and others (1959). Secretion of blood group antigens and peptic ulcer. *British
  Medical Journal* 1, 603–607.
- K. Lange (2002). *Mathematical and Statistical Methods for Genetic Analysis*, 2nd edition.
  Springer. Section 2.2.
- G. H. Givens and J. A. Hoeting (2005). *Computational Statistics*. Wiley. Example 4.2.
"""

from pathlib import Path

import numpy as np
import pymc as pm

latents = ("genotype",)


def model(count, table):
    one, other = _alleles(table)
    coords = {"allele": range(1 + max(other)), "individual": range(int(np.sum(count)))}
    with pm.Model(coords=coords) as model:
        pm.Data("count", count)
        pm.Data("table", table)
        p = pm.Dirichlet("p", np.ones(1 + max(other)), dims="allele")
        twice = np.where(one == other, 1, 2)
        genotype = pm.Categorical("genotype", twice * p[one] * p[other], dims="individual")
        # A genotype shows as its own phenotype, with certainty.
        shows = pm.math.constant(np.transpose(table))
        phenotype = np.repeat(range(len(count)), np.asarray(count, int))
        pm.Categorical("phenotype", shows[genotype], observed=phenotype, dims="individual")
    return model


def e_step(params, data):
    count, joint = data["count"], data["table"] * _hardy_weinberg(params["p"])
    # A phenotype that nobody has may have probability zero: there is nobody to divide.
    total = np.where(count > 0, joint.sum(axis=1), 1)
    return {"genotype_counts": count @ (joint / total[:, None])}


def m_step(expectations, data):
    copies = _copies(data["table"])
    genes = expectations["genotype_counts"] @ copies
    return {"p": genes / np.sum(genes)}


def log_likelihood(params, data):
    count, probability = data["count"], data["table"] @ _hardy_weinberg(params["p"])
    return np.sum(count[count > 0] * np.log(probability[count > 0]))


def _genotype_counts(latents, data):
    return np.bincount(latents["genotype"], minlength=data["table"].shape[1])


expectations = {"genotype_counts": _genotype_counts}


def initial(data, rng):
    """Counting genes as if all genotypes of a phenotype were equally probable.

    One part in ten is spread evenly over the alleles, so that none starts at zero. Frequencies
    are multiplied by log-normal factors (0.3 on the log scale) and made to sum to one again.
    """
    count, table = data["count"], data["table"]
    _check(count, table)
    genotypes = np.maximum(table.sum(axis=1), 1)
    copies = _copies(table)
    p = (count / genotypes) @ table @ copies / (2 * np.sum(count))
    p = (0.9 * p + 0.1 / len(p)) * rng.lognormal(0, 0.3, len(p))
    return {"p": p / np.sum(p)}


def simulate(params, data, rng):
    """As many individuals, each of a phenotype by the probabilities of its genotypes."""
    probability = data["table"] @ _hardy_weinberg(params["p"])
    return {"count": rng.multinomial(int(np.sum(data["count"])), probability)}


def example_data():
    path = Path(__file__).parent / "data" / "blood-groups.csv"
    columns = np.loadtxt(path, delimiter=",", skiprows=1, usecols=range(1, 8))
    return {"count": columns[:, 0], "table": columns[:, 1:]}


def _alleles(table):
    """The two alleles of each genotype, numbered from 0, in the order of the columns."""
    genotypes = np.shape(table)[-1]
    return np.triu_indices(int((np.sqrt(8 * genotypes + 1) - 1) / 2))


def _copies(table):
    """How many copies of each allele a genotype has, shape (genotypes, alleles)."""
    one, other = _alleles(table)
    identity = np.eye(1 + max(other))
    return identity[one] + identity[other]


def _hardy_weinberg(p):
    """Probabilities of the genotypes, in the order of the columns."""
    return ((2 - np.eye(len(p))) * np.outer(p, p))[np.triu_indices(len(p))]


def _check(count, table):
    wrong = count[(count < 0) | (count % 1 != 0)]
    if len(wrong):
        raise ValueError(f"count holds {wrong[0]:g}: numbers of individuals are whole")
    if not np.any(count):
        raise ValueError("count is zero throughout: there are no individuals")
    genotypes = 1 if np.ndim(table) < 2 else table.shape[1]
    alleles = int((np.sqrt(8 * genotypes + 1) - 1) / 2)
    if genotypes < 3 or alleles * (alleles + 1) != 2 * genotypes:
        raise ValueError(
            f"table has {genotypes} column{'s' if genotypes > 1 else ''}: two alleles have 3 "
            f"genotypes, three have 6, four have 10"
        )
    if len(count) != len(table):
        raise ValueError(f"count has {len(count)} phenotypes, and table has {len(table)}")
    if not np.all(np.isin(table, (0, 1))):
        raise ValueError("table holds numbers other than 0 and 1")
    shown = table.sum(axis=0)
    if np.any(shown != 1):
        place = np.flatnonzero(shown != 1)[0]
        raise ValueError(
            f"genotype {place + 1} of table shows as {shown[place]:g} phenotypes: exactly one "
            f"entry of its column should be 1"
        )
    impossible = np.flatnonzero((count > 0) & ~np.any(table, axis=1))
    if len(impossible):
        row = impossible[0]
        raise ValueError(
            f"row {row + 1}: no genotype shows as this phenotype, and {count[row]:g} have it"
        )
    # In a matrix of alleles by alleles, which phenotype each pair shows.
    phenotype = np.zeros((alleles, alleles), int)
    phenotype[np.triu_indices(alleles)] = table.argmax(axis=0)
    phenotype = np.maximum(phenotype, phenotype.T)
    for a, b in zip(*np.triu_indices(alleles, 1), strict=True):
        if np.array_equal(phenotype[a], phenotype[b]):
            raise ValueError(
                f"alleles {a + 1} and {b + 1} show alike beside every allele: their frequencies "
                f"cannot be told apart"
            )
