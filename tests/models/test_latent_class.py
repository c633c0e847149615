"""Latent classes: one step by hand, closed forms, published figures, symmetries, refusals."""

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.em import Stop, Stopping

MODEL = latentfit.load("latent-class")
seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=20, deadline=None)


def sample(seed, n=80):
    """Answers of two classes to items with two, three, two and four answers."""
    rng = np.random.default_rng(seed)
    sizes = (2, 3, 2, 4)
    p = [rng.dirichlet(np.ones(size), size=2) for size in sizes]
    z = rng.integers(2, size=n)
    x = [[rng.choice(size, p=p_j[k]) for size, p_j in zip(sizes, p, strict=True)] for k in z]
    # Each answer occurs at least once, so every sample has the same categories.
    every = [[c % size for size in sizes] for c in range(4)]
    return np.array(every + x, float)


def start(x, seed=0, **options):
    return MODEL.initial({"x": x}, np.random.default_rng(seed), **options)


def run(x, params, **options):
    return em.run(
        MODEL.e_step,
        MODEL.maximise,
        {"x": x},
        params,
        log_likelihood=MODEL.log_likelihood,
        **options,
    )


def refusal(x, message, **options):
    with pytest.raises(ValueError, match=message):
        start(np.array(x, float), **options)


def test_new_answers_follow_their_own_items():
    x = sample(2, n=4000) + np.array([0, 10, 20, 30])
    params = start(x)
    w = np.array([0.3, 0.7])
    (new,) = MODEL.draw(params | {"w": w}, x, seed=1)
    place = {0: ("p2", 0), 1: ("p3", 0), 2: ("p2", 1), 3: ("p4", 0)}
    for j, (name, item) in place.items():
        codes = np.unique(x[:, j])
        shares = np.mean(new["x"][:, j][:, None] == codes, axis=0)
        np.testing.assert_allclose(shares, w @ params[name][:, item], atol=0.04)
        assert shares.sum() == 1


def test_one_step_by_hand():
    x, params = sample(1), start(sample(1))
    place = {0: ("p2", 0), 1: ("p3", 0), 2: ("p2", 1), 3: ("p4", 0)}
    r, log_likelihood = np.zeros((len(x), 2)), 0.0
    for i, row in enumerate(x.astype(int)):
        for k in range(2):
            r[i, k] = params["w"][k]
            for j, answer in enumerate(row):
                name, item = place[j]
                r[i, k] *= params[name][k, item, answer]
        log_likelihood += math.log(r[i].sum())
        r[i] /= r[i].sum()
    assert MODEL.log_likelihood(params, {"x": x}) == pytest.approx(log_likelihood, rel=1e-12)
    found = MODEL.e_step(params, {"x": x})
    np.testing.assert_allclose(found["z"], r, rtol=1e-12)
    after = MODEL.maximise(found, {"x": x}, params)
    np.testing.assert_allclose(after["w"], r.mean(axis=0), rtol=1e-12)
    for j, (name, item) in place.items():
        for k, answer in product(range(2), range(after[name].shape[-1])):
            share = sum(r[x[:, j] == answer, k]) / sum(r[:, k])
            assert after[name][k, item, answer] == pytest.approx(share, rel=1e-12)


def test_example_is_the_table_of_goodman():
    x = MODEL.example_data()["x"]
    assert x.shape == (216, 4)
    assert x.sum(axis=0).tolist() == [171, 108, 111, 67]
    patterns, counts = np.unique(x, axis=0, return_counts=True)
    assert len(patterns) == 16
    assert (counts[0], counts[-1]) == (20, 42)


# Log-likelihoods that the manual of poLCA prints for its data set `values`.
@pytest.mark.parametrize(
    ("classes", "log_likelihood", "tolerance"),
    [(1, -543.6498, 5e-5), (2, -504.4677, 5e-5), (3, -503.3011, 2e-4)],
)
def test_log_likelihoods_of_polca(classes, log_likelihood, tolerance):
    stopping = Stopping(max_iterations=2500)
    fit = MODEL.fit(seed=1, starts=1, classes=classes, stopping=stopping)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=tolerance)


def test_deviance_of_goodman():
    _, counts = np.unique(MODEL.example_data()["x"], axis=0, return_counts=True)
    saturated = np.sum(counts * np.log(counts / counts.sum()))
    deviance = 2 * (saturated - MODEL.fit(seed=1, starts=1).log_likelihood)
    assert deviance == pytest.approx(2.72, abs=5e-3)


def test_published():
    fit = MODEL.fit(seed=1)
    assert fit.converged
    for figure in MODEL.published:
        assert fit.log_likelihood == pytest.approx(figure["value"], abs=figure["tolerance"])


def test_every_start_on_the_example_reaches_the_same_maximum():
    log_likelihoods = [one.log_likelihood for one in MODEL.fit(seed=2, starts=8).solutions]
    np.testing.assert_allclose(log_likelihoods, -504.46767012, atol=1e-7)


@quick
@given(seeds)
def test_one_class_is_the_frequencies(seed):
    x = sample(seed)
    params = run(x, start(x, classes=1)).params
    np.testing.assert_allclose(params["w"], [1])
    np.testing.assert_allclose(params["p2"][0, 1, 1], np.mean(x[:, 2]), rtol=1e-12)
    np.testing.assert_allclose(params["p4"][0, 0, 3], np.mean(x[:, 3] == 3), rtol=1e-12)


@pytest.mark.slow
@quick
@given(seeds, st.integers(1, 3))
def test_log_likelihood_never_decreases(seed, classes):
    x = sample(seed)
    stopping = Stopping(max_iterations=200)
    assert run(x, start(x, seed, classes=classes), stopping=stopping).decrease is None


@quick
@given(seeds, st.integers(-3, 3), st.integers(1, 5))
def test_codes_order_of_rows_and_labels_do_not_matter(seed, shift, factor):
    x, stopping = sample(seed), Stopping(max_iterations=20)
    params = start(x, seed)
    plain = run(x, params, stopping=stopping)
    mixed = np.random.default_rng(seed).permutation(factor * x + shift)
    turned = {name: value[::-1] for name, value in params.items()}
    other = run(mixed, turned, stopping=stopping)
    for name, value in plain.params.items():
        np.testing.assert_allclose(other.params[name][::-1], value, rtol=1e-6, atol=1e-9)


@quick
@given(seeds, st.integers(1, 4))
def test_starts_are_in_the_interior_and_differ(seed, classes):
    params = start(sample(seed), seed, classes=classes)
    for value in params.values():
        assert np.all(value > 0)
        np.testing.assert_allclose(value.sum(axis=-1), 1)
    # The classes differ, though perhaps in one item only.
    rows = np.concatenate([params[n].reshape(classes, -1) for n in ("p2", "p3", "p4")], axis=1)
    assert len(np.unique(rows, axis=0)) == classes


def test_perfect_separation_converges_to_the_boundary():
    x = np.repeat([[0.0, 0, 0], [1, 1, 1]], [5, 7], axis=0)
    solution = run(x, start(x))
    assert solution.converged
    order = np.argsort(solution.params["w"])
    np.testing.assert_allclose(solution.params["w"][order], [5 / 12, 7 / 12])
    np.testing.assert_allclose(solution.params["p2"][order, :, 1], [[0] * 3, [1] * 3], atol=1e-8)
    expected = 5 * math.log(5 / 12) + 7 * math.log(7 / 12)
    assert solution.log_likelihood == pytest.approx(expected)


def test_exact_zeros():
    x = np.repeat([[0.0, 0, 0], [1, 1, 1]], [5, 7], axis=0)
    certain = np.eye(2)[:, None, :].repeat(3, axis=1)
    params = {"w": np.array([0.5, 0.5]), "p2": certain}
    r = MODEL.e_step(params, {"x": x})["z"]
    np.testing.assert_array_equal(r, np.eye(2)[x[:, 0].astype(int)])
    assert MODEL.log_likelihood(params, {"x": x}) == pytest.approx(12 * math.log(0.5))


def test_an_empty_class_is_named():
    x = sample(3)
    params = start(x)
    params["w"] = np.array([1.0, 0.0])
    assert run(x, params).stop is Stop.EMPTY_COMPONENT


def test_a_thousand_items_do_not_underflow():
    x = np.random.default_rng(0).integers(2, size=(6, 1000)).astype(float)
    x = x[:, np.ptp(x, axis=0) > 0]
    params = start(x)
    assert np.isfinite(MODEL.log_likelihood(params, {"x": x}))
    np.testing.assert_allclose(MODEL.e_step(params, {"x": x})["z"].sum(axis=1), 1)


def test_refusals():
    good = sample(0)
    refusal(good, "classes must be at least 1, not 0", classes=0)
    refusal(good[:, 0], "x must be a table")
    refusal(good + 0.5, r"x is 0.5 in row 1, column 1: .* whole numbers")
    refusal([[0, 1, 1], [0, 0, 1], [0, 1, 0]], r"column 1 of x is constant \(0\)")
    refusal([[0, 1, 1]], r"column 1 of x is constant \(0\)")
    refusal([[0, 0], [0, 1], [1, 1], [1, 0]], "5 free parameters, more than the 3 frequencies")
    refusal([[0, 0, 0, 0], [1, 1, 1, 1]], "2 distinct rows, too few for 3 classes", classes=3)


class TestCommandLine:
    columns = ("--column", "x=a", "--column", "x=b", "--column", "x=c")

    def fit(self, tmp_path, rows, *more):
        table = tmp_path / "own.csv"
        table.write_text("a,b,c\n" + "\n".join(rows) + "\n")
        return main(["fit", "latent-class", "--data", str(table), "--quiet", "--seed", "1", *more])

    def test_columns_of_a_file_side_by_side(self, tmp_path):
        rows = ["1,2,1"] * 8 + ["2,3,2"] * 9 + ["1,4,2", "2,2,1", "1,3,1", "2,4,2"]
        result = tmp_path / "fit.json"
        assert self.fit(tmp_path, rows, *self.columns, "--json", str(result)) == 0
        found = json.loads(result.read_text())["parameters"]
        assert np.shape(found["p2"]) == (2, 2, 2)
        assert np.shape(found["p3"]) == (2, 1, 3)

    @pytest.mark.parametrize(
        ("rows", "more", "message"),
        [
            (["0,0,1"], (), "column 1 of x is constant"),
            (["0,0,1", "1,0.5,0"], (), "whole numbers"),
            (["0,0,1", "1,,0"], (), "missing value"),
            (["0,0,1", "1,1,0"], ("--set", "classes=5"), "free parameters"),
        ],
    )
    def test_refusals_are_one_line(self, tmp_path, capfd, rows, more, message):
        assert self.fit(tmp_path, rows, *self.columns, *more) == 2
        output = capfd.readouterr()
        assert output.out == ""
        assert len(output.err.splitlines()) == 1
        assert message in output.err
