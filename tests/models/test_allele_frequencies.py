"""Allele frequencies: one step by hand, closed forms, published figures, refusals."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latentfit
from latentfit.cli import main

MODEL = latentfit.load("allele-frequencies")
DATA = Path(__file__).parents[2] / "models" / "data"
TIGHT = latentfit.Stopping(distance=1e-12)

# Two alleles: D is dominant to d, and in MN each genotype has a phenotype of its own.
DOMINANT = np.array([[1, 1, 0], [0, 0, 1]])
MN = np.eye(3)


def read(name):
    with open(DATA / name, encoding="utf-8") as file:
        rows = list(csv.reader(file))
    numbers = np.array([row[1:] for row in rows[1:]], float)
    return {"count": numbers[:, 0], "table": numbers[:, 1:]}


def moths_by_hand(p, count):
    """Genotype counts and allele frequencies after one iteration for the moths."""
    c, i, t = p
    carbonaria, insularia = c * c + 2 * c * i + 2 * c * t, i * i + 2 * i * t
    n_cc, n_ci = count[0] * c * c / carbonaria, count[0] * 2 * c * i / carbonaria
    n_ct = count[0] * 2 * c * t / carbonaria
    n_ii, n_it = count[1] * i * i / insularia, count[1] * 2 * i * t / insularia
    n = [n_cc, n_ci, n_ct, n_ii, n_it, count[2]]
    genes = np.array([2 * n_cc + n_ci + n_ct, 2 * n_ii + n_it + n_ci, 2 * n[5] + n_ct + n_it])
    return n, genes / (2 * np.sum(count))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.05, 1), min_size=3, max_size=3))
def test_one_iteration_by_hand(weights):
    p, data = np.array(weights) / np.sum(weights), read("peppered-moths.csv")
    expectations = MODEL.e_step({"p": p}, data)
    n, after = moths_by_hand(p, data["count"])
    np.testing.assert_allclose(expectations["genotype_counts"], n, rtol=1e-12)
    np.testing.assert_allclose(MODEL.m_step(expectations, data)["p"], after, rtol=1e-12)


def test_iterations_on_the_blood_groups():
    # One iteration by hand from p = (0.3, 0.2, 0.5).
    p, data = np.array([0.3, 0.2, 0.5]), MODEL.example_data()
    a, b, o = p
    n_aa, n_bb = 186 * a / (a + 2 * o), 38 * b / (b + 2 * o)
    expected = np.array([186 + n_aa + 13, 38 + n_bb + 13]) / (2 * 521)
    after = MODEL.m_step(MODEL.e_step({"p": p}, data), data)["p"]
    np.testing.assert_allclose(after, [*expected, 1 - expected.sum()], rtol=1e-12)


def test_example_is_the_blood_groups():
    data = MODEL.example_data()
    np.testing.assert_array_equal(data["count"], [186, 38, 13, 284])
    np.testing.assert_array_equal(data["table"].sum(axis=0), np.ones(6))
    np.testing.assert_array_equal(data["table"].sum(axis=1), [2, 2, 1, 1])


def test_published():
    for name in ("blood-groups.csv", "peppered-moths.csv"):
        fit = MODEL.fit(read(name), seed=1, stopping=TIGHT)
        figures = [f for f in MODEL.published if f.get("data", "blood-groups.csv") == name]
        assert len(figures) == 3
        for number, figure in enumerate(figures):
            assert figure["name"] == f"p[{number}]"
            found = fit.params["p"][number]
            assert found == pytest.approx(figure["value"], abs=figure["tolerance"])


def test_a_general_optimiser_finds_the_same_maximum():
    from scipy.optimize import minimize

    count = MODEL.example_data()["count"]

    def negative_log_likelihood(logits):
        a, b, o = np.exp([*logits, 0]) / np.sum(np.exp([*logits, 0]))
        p = np.array([a * a + 2 * a * o, b * b + 2 * b * o, 2 * a * b, o * o])
        return -np.sum(count * np.log(p))

    best = -minimize(
        negative_log_likelihood, [0, 0], method="Nelder-Mead", options={"fatol": 1e-12}
    ).fun
    fit = MODEL.fit(seed=2, stopping=TIGHT)
    assert fit.log_likelihood == pytest.approx(best, rel=1e-9)
    assert fit.log_likelihood >= best - 1e-9


counts = st.integers(1, 400)


@settings(max_examples=25, deadline=None)
@given(counts, counts, st.integers(0, 2**32 - 1))
def test_a_dominant_allele_has_a_closed_form(dominant, recessive, seed):
    data = {"count": [dominant, recessive], "table": DOMINANT}
    fit = MODEL.fit(data, seed=seed, starts=2, stopping=TIGHT)
    q = np.sqrt(recessive / (dominant + recessive))
    np.testing.assert_allclose(fit.params["p"], [1 - q, q], rtol=1e-7)
    assert fit.best.decrease is None


@settings(max_examples=25, deadline=None)
@given(st.lists(counts, min_size=3, max_size=3), st.integers(0, 2**32 - 1))
def test_em_needs_one_iteration_if_genotypes_are_observed(count, seed):
    fit = MODEL.fit({"count": count, "table": MN}, seed=seed, starts=1)
    p = (2 * count[0] + count[1]) / (2 * sum(count))
    np.testing.assert_allclose(fit.params["p"], [p, 1 - p], rtol=1e-12)
    assert fit.iterations <= 2


@settings(max_examples=6, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 2**32 - 1))
def test_order_of_phenotypes_does_not_matter(order, seed):
    data = MODEL.example_data()
    mixed = {name: values[list(order)] for name, values in data.items()}
    one = MODEL.fit(data, seed=seed, starts=1)
    other = MODEL.fit(mixed, seed=seed, starts=1)
    np.testing.assert_allclose(one.params["p"], other.params["p"], rtol=1e-7)


def test_four_alleles():
    # If each allele is dominant to those after it, the frequencies have a closed form.
    first = np.triu_indices(4)[0]
    table = (first == np.arange(4)[:, None]).astype(float)
    count = np.array([40, 30, 20, 10])
    tails = np.sqrt(np.cumsum(count[::-1])[::-1] / 100)
    fit = MODEL.fit({"count": count, "table": table}, seed=1, stopping=TIGHT)
    np.testing.assert_allclose(fit.params["p"], tails - [*tails[1:], 0], rtol=1e-7)


def test_statistic_counts_genotypes():
    genotype = np.array([5, 0, 0, 2, 5])
    found = MODEL.expectations["genotype_counts"]({"genotype": genotype}, MODEL.example_data())
    np.testing.assert_array_equal(found, [2, 0, 1, 0, 0, 2])


@pytest.mark.parametrize("empty", [[0], [0, 2], [1, 2], [3], [0, 1, 2]])
def test_phenotypes_without_individuals(empty):
    data = MODEL.example_data()
    data["count"][empty] = 0
    fit = MODEL.fit(data, seed=1, starts=2)
    assert fit.converged
    assert np.isfinite(fit.log_likelihood)
    assert fit.params["p"].sum() == pytest.approx(1)
    if empty == [0, 2]:
        assert fit.params["p"][0] == 0


def test_a_table_on_the_command_line(tmp_path, capsys):
    table = tmp_path / "own.csv"
    table.write_text("count,DD,Dd,dd\n84,1,1,0\n16,0,0,1\n")
    columns = [
        word for genotype in ("DD", "Dd", "dd") for word in ("--column", f"table={genotype}")
    ]
    arguments = ["fit", "allele-frequencies", "--data", str(table), *columns, "--json", "-"]
    assert main(arguments) == 0
    p = json.loads(capsys.readouterr().out)["parameters"]["p"]
    np.testing.assert_allclose(p, [0.6, 0.4], rtol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["84,1,1,0", "-16,0,0,1"], "count is -16 in row 2"),
        (["84,1,1,0", "15.5,0,0,1"], "count is 15.5 in row 2"),
        (["0,1,1,0", "0,0,0,1"], "no individuals"),
        (["84,1,1,0", "16,0,0,1", "3,0,0,0"], "row 3: no genotype has this phenotype"),
        (["84,1,1,0", "16,0,1,1"], "genotype 2 of table has 2 phenotypes"),
        (["84,1,0,0", "16,0,0,1"], "genotype 2 of table has 0 phenotypes"),
        (["84,0.5,1,0", "16,0.5,0,1"], "table is 0.5 in row 1, column 1: it must be 0 or 1"),
        (["100,1,1,1"], "alleles 1 and 2 give the same phenotypes"),
    ],
)
def test_refusals_are_one_line(tmp_path, capsys, rows, message):
    table = tmp_path / "own.csv"
    table.write_text("\n".join(["count,DD,Dd,dd", *rows]) + "\n")
    columns = [
        word for genotype in ("DD", "Dd", "dd") for word in ("--column", f"table={genotype}")
    ]
    assert main(["fit", "allele-frequencies", "--data", str(table), *columns]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"count": [3, 4], "table": [[1, 0], [0, 1]]}, "table has 2 columns"),
        ({"count": [3, 4], "table": [1, 0]}, "table has 1 column"),
        ({"count": [3, 4, 5], "table": DOMINANT}, "3 phenotypes, and table has 2"),
    ],
)
def test_wrong_shapes_are_refused(data, message):
    with pytest.raises(latentfit.InputError, match=message):
        MODEL.fit(data)
