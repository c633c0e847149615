r"""Allele frequencies from phenotypes

A gene has $A$ variants, called alleles. An individual inherits two of them, and the pair is its
*genotype*: there are $G = A(A + 1)/2$ possible genotypes. Only the *phenotype* is observed. If one
allele dominates another, several genotypes have the same phenotype. Let $p_1, \dots, p_A$ be the
allele frequencies. Under random mating the two alleles of an individual are independent draws (the
Hardy–Weinberg law), so the genotype $z_i$ of individual $i$ has the probabilities

$$\pi_{ab} = \begin{cases} p_a^2 & a = b \\ 2\, p_a p_b & a < b . \end{cases}$$

Let $t_{fg} = 1$ if genotype $g$ has phenotype $f$, and 0 otherwise. Each genotype has exactly one
phenotype. The data are the numbers $y_f$ of individuals with each phenotype, and the table $t$. The
columns of $t$ are the genotypes in the order $11, 12, \dots, 1A, 22, 23, \dots, AA$.

## Data

The example, `blood-groups.csv`, is the ABO blood groups of 521 patients with ulcers (Clarke and
others 1959, their Table III): 186 patients have group A, 38 group B, 13 group AB and 284 group O.
The allele O is recessive to A and to B.

The table `peppered-moths.csv` has the colours of 622 moths (Givens and Hoeting 2005): 85
*carbonaria*, 196 *insularia* and 341 *typica*. Of the alleles C, I and T, I is recessive to C, and
T is recessive to both.

A table of your own has a row for each phenotype, a column `count`, and a column of zeros and ones
for each genotype.

## Complete-data log-likelihood

Let $n_g$ be the number of individuals with genotype $g$, and let $d_{ga} \in \{0, 1, 2\}$ be the
number of copies of allele $a$ in genotype $g$. If the genotypes were known,

$$\log p(y, z \mid p) = \sum_g n_g \log \pi_g
= \sum_a c_a \log p_a + \text{const}, \qquad c_a = \sum_g d_{ga}\, n_g .$$

Here $c_a$ is the number of copies of allele $a$ among all $2n$ genes. The maximum likelihood
estimate would be obtained by counting genes.

## E step

The complete-data log-likelihood is linear in the genotype counts $n_g$, so the E step computes
their expectations. The individuals with phenotype $f$ are divided among the genotypes of this
phenotype in proportion to the genotype probabilities:

$$\mathrm{E}[n_g \mid y, p'] = \sum_f y_f \, \frac{t_{fg}\, \pi'_g}{\sum_h t_{fh}\, \pi'_h} .$$

## M step

$Q$ is the complete-data log-likelihood with the expected counts in place of the $n_g$. Its maximum,
with a Lagrange multiplier for $\sum_a p_a = 1$, is the share of each allele among the genes:

$$p_a = \frac{1}{2n} \sum_g d_{ga} \, \mathrm{E}[n_g \mid y, p'] .$$

## Observed log-likelihood

$$\log p(y \mid p) = \sum_f y_f \log \sum_g t_{fg}\, \pi_g .$$

This is the log-likelihood of the individuals in a given order. It omits the logarithm of the number
of orders, which does not depend on $p$. Caveats:

- **Boundary.** If no observed phenotype can contain an allele, its frequency is estimated as zero.
  Zero is the maximum likelihood estimate, but large-sample standard errors do not apply to it.
- **Alleles that cannot be distinguished.** If two alleles give the same phenotypes together with
  every partner, only the sum of their frequencies is identified. Such a table is refused.
- **Hardy–Weinberg law.** If there are as many phenotypes as genotypes, nothing is latent, and EM
  converges in one iteration. Otherwise the Hardy–Weinberg law is an assumption that the data cannot
  replace: it divides the individuals of a phenotype among its genotypes.

The rarer a recessive allele is, the larger the share of its copies that is hidden, and the slower
EM converges.

## Prior

The allele frequencies are uniform on the simplex.

## References

- R. Ceppellini, M. Siniscalco and C. A. B. Smith (1955). The estimation of gene frequencies in a
  random-mating population. *Annals of Human Genetics* 20, 97–115. EM before it had this name.
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

from latentfit import requirements as require

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
        # Given its genotype, an individual has one phenotype with probability 1.
        shows = pm.math.constant(np.transpose(table))
        phenotype = np.repeat(range(len(count)), np.asarray(count, int))
        pm.Categorical("phenotype", shows[genotype], observed=phenotype, dims="individual")
    return model


def e_step(params, data):
    count, joint = data["count"], data["table"] * _hardy_weinberg(params["p"])
    # The probability of a phenotype without individuals may be zero; its term is zero then.
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
    """Gene counts, with all genotypes of a phenotype equally probable, times random factors.

    A tenth of the total is distributed equally over the alleles, so that no frequency starts at
    zero. The frequencies are multiplied by log-normal factors (standard deviation 0.3 on the log
    scale) and normalised.
    """
    count, table = data["count"], data["table"]
    _check(count, table)
    genotypes = np.maximum(table.sum(axis=1), 1)
    copies = _copies(table)
    p = (count / genotypes) @ table @ copies / (2 * np.sum(count))
    p = (0.9 * p + 0.1 / len(p)) * rng.lognormal(0, 0.3, len(p))
    return {"p": p / np.sum(p)}


def simulate(params, data, rng):
    """The same number of individuals, with phenotypes drawn from their probabilities."""
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
    """Number of copies of each allele in each genotype, shape (genotypes, alleles)."""
    one, other = _alleles(table)
    identity = np.eye(1 + max(other))
    return identity[one] + identity[other]


def _hardy_weinberg(p):
    """Probabilities of the genotypes, in the order of the columns."""
    return ((2 - np.eye(len(p))) * np.outer(p, p))[np.triu_indices(len(p))]


def _check(count, table):
    require.one_column("count", count)
    require.counts("count", count)
    require.not_all_zero("count", count, "there are no individuals")
    genotypes = 1 if np.ndim(table) < 2 else table.shape[1]
    alleles = int((np.sqrt(8 * genotypes + 1) - 1) / 2)
    if genotypes < 3 or alleles * (alleles + 1) != 2 * genotypes:
        raise ValueError(
            f"table has {genotypes} column{'s' if genotypes > 1 else ''}, one for each genotype: "
            f"two alleles have 3 genotypes, three have 6, four have 10"
        )
    if len(count) != len(table):
        raise ValueError(f"count has {len(count)} phenotypes, and table has {len(table)}")
    require.zeros_and_ones("table", table)
    phenotypes = table.sum(axis=0)
    if np.any(phenotypes != 1):
        place = np.flatnonzero(phenotypes != 1)[0]
        raise ValueError(
            f"genotype {place + 1} of table has {phenotypes[place]:g} phenotypes: exactly one "
            f"entry of its column must be 1"
        )
    impossible = np.flatnonzero((count > 0) & ~np.any(table, axis=1))
    if len(impossible):
        row = impossible[0]
        raise ValueError(
            f"row {row + 1}: no genotype has this phenotype, but {count[row]:g} individuals have it"
        )
    # Phenotype of each pair of alleles, shape (alleles, alleles).
    phenotype = np.zeros((alleles, alleles), int)
    phenotype[np.triu_indices(alleles)] = table.argmax(axis=0)
    phenotype = np.maximum(phenotype, phenotype.T)
    for a, b in zip(*np.triu_indices(alleles, 1), strict=True):
        if np.array_equal(phenotype[a], phenotype[b]):
            raise ValueError(
                f"alleles {a + 1} and {b + 1} give the same phenotypes with every partner: "
                f"only the sum of their frequencies is identified"
            )
