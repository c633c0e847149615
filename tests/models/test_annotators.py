"""Observers' errors: one step by hand, published figures, symmetries, boundaries, refusals."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.em import Stopping

MODEL = latentfit.load("annotators")
NAMES = ("patient", "observer", "rating")
seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=20, deadline=None)


def sample(seed, patients=30, observers=4, classes=3):
    """Ratings in three quarters of all cells of patients and observers, some cells twice."""
    rng = np.random.default_rng(seed)
    z = rng.integers(classes, size=patients)
    rows = [(i, k, z[i]) for i in range(patients) for k in range(observers)]
    rows = [rows[r] for r in rng.choice(len(rows), size=len(rows) * 3 // 4)]
    # Each patient, observer and rating occurs at least once.
    rows += [(i, i % observers, i % classes) for i in range(patients)]
    patient, observer, rating = np.array(rows).T
    wrong = rng.random(len(rows)) < 0.25
    rating = np.where(wrong, rng.integers(classes, size=len(rows)), rating)
    rating[:classes] = range(classes)
    return {"patient": patient, "observer": observer, "rating": rating}


def start(data, seed=0):
    return MODEL.initial(data, np.random.default_rng(seed))


def run(data, params, **options):
    return em.run(
        MODEL.e_step, MODEL.m_step, data, params, log_likelihood=MODEL.log_likelihood, **options
    )


def test_one_step_by_hand():
    data = sample(1)
    params = start(data)
    p, pi = params["p"], params["pi"]
    ratings = list(zip(*data.values(), strict=True))
    joint = np.array([p] * 30)
    for i, k, y in ratings:
        for j in range(3):
            joint[i, j] *= pi[k, j, y]
    z = joint / joint.sum(axis=1, keepdims=True)
    counts = np.zeros((4, 3, 3))
    for i, k, y in ratings:
        for j in range(3):
            counts[k, j, y] += z[i, j]
    found = MODEL.e_step(params, data)
    np.testing.assert_allclose(found["z"], z, rtol=1e-11)
    log_likelihood = np.sum(np.log(joint.sum(axis=1)))
    assert MODEL.log_likelihood(params, data) == pytest.approx(log_likelihood, rel=1e-12)
    after = MODEL.m_step(found, data)
    np.testing.assert_allclose(after["p"], z.mean(axis=0), rtol=1e-11)
    np.testing.assert_allclose(after["pi"], counts / counts.sum(axis=2, keepdims=True), rtol=1e-11)


def test_example_is_the_table_of_the_paper():
    data = MODEL.example_data()
    assert [len(np.unique(data[name])) for name in NAMES] == [45, 5, 4]
    assert len(data["rating"]) == 45 * 7
    assert np.bincount(data["observer"])[1:].tolist() == [135, 45, 45, 45, 45]
    # The ratings of patient 36 differ most.
    assert data["rating"][data["patient"] == 36].tolist() == [4, 3, 3, 4, 3, 4, 3]


def test_published():
    fit = MODEL.fit(seed=1)
    assert fit.converged
    for figure in MODEL.published:
        name, *index = re.findall(r"\w+", figure["name"])
        found = fit.params[name][tuple(map(int, index))]
        assert found == pytest.approx(figure["value"], abs=figure["tolerance"])


def test_the_start_of_dawid_and_skene_gives_their_estimates():
    data = MODEL.example_data()
    z = np.zeros((45, 4))
    np.add.at(z, (data["patient"] - 1, data["rating"] - 1), 1)
    solution = run(data, MODEL.m_step({"z": z / z.sum(axis=1, keepdims=True)}, data))
    np.testing.assert_allclose(solution.params["p"], [0.40, 0.42, 0.11, 0.07], atol=5e-3)
    first = [[89, 11, 0, 0], [7, 88, 5, 0], [0, 34, 66, 0], [0, 0, 56, 44]]
    np.testing.assert_allclose(solution.params["pi"][0], np.array(first) / 100, atol=5e-3)
    assert solution.log_likelihood == pytest.approx(-192.891, abs=5e-4)


def test_every_start_on_the_example_reaches_the_same_higher_maximum():
    fit = MODEL.fit(seed=2, starts=20)
    log_likelihoods = [one.log_likelihood for one in fit.solutions]
    np.testing.assert_allclose(log_likelihoods, -191.5688565, atol=1e-6)
    np.testing.assert_allclose(fit.params["p"], [0.40, 0.45, 0.09, 0.07], atol=5e-3)
    np.testing.assert_allclose(fit.params["pi"][[1, 3], 2, 2], 1)


def test_scattered_starts_find_no_higher_maximum():
    data, rng = MODEL.example_data(), np.random.default_rng(0)
    log_likelihoods = []
    for _ in range(20):
        pi = [[rng.dirichlet(1 + 3 * row) for row in np.eye(4)] for _ in range(5)]
        solution = run(data, {"p": rng.dirichlet(np.full(4, 3)), "pi": np.array(pi)})
        log_likelihoods.append(solution.log_likelihood)
    assert max(log_likelihoods) < -191.5688
    assert len(np.unique(np.round(log_likelihoods, 3))) > 3


@quick
@given(seeds)
def test_log_likelihood_never_decreases(seed):
    data = sample(seed)
    solution = run(data, start(data, seed), stopping=Stopping(max_iterations=100))
    assert solution.decrease is None


@quick
@given(seeds)
def test_codes_and_order_of_rows_do_not_matter(seed):
    data, stopping = sample(seed), Stopping(max_iterations=10)
    params = start(data, seed)
    order = np.random.default_rng(seed).permutation(len(data["rating"]))
    other = {
        "patient": (1000 + 7 * data["patient"])[order],
        "observer": (3 * data["observer"] - 5)[order].astype(float),
        "rating": (data["rating"] + 1)[order].astype(float),
    }
    plain, mixed = run(data, params, stopping=stopping), run(other, params, stopping=stopping)
    for name, value in plain.params.items():
        np.testing.assert_allclose(mixed.params[name], value, rtol=1e-6, atol=1e-9)


@quick
@given(seeds)
def test_classes_can_be_renumbered(seed):
    data, order = sample(seed), [2, 0, 1]
    params = start(data, seed)
    turned = {"p": params["p"][order], "pi": params["pi"][:, order]}
    assert MODEL.log_likelihood(turned, data) == pytest.approx(MODEL.log_likelihood(params, data))
    z, other = MODEL.e_step(params, data)["z"], MODEL.e_step(turned, data)["z"]
    np.testing.assert_allclose(other, z[:, order], rtol=1e-9)


@quick
@given(seeds)
def test_it_is_the_latent_class_model_if_all_observers_rate_all_patients_once(seed):
    rng = np.random.default_rng(seed)
    x = np.concatenate([[[0] * 3, [1] * 3, [2] * 3], rng.integers(3, size=(20, 3))])
    patient, observer = np.indices(x.shape)
    data = dict(zip(NAMES, (patient.ravel(), observer.ravel(), x.ravel()), strict=True))
    ours = start(data, seed)
    theirs = {"w": ours["p"], "p3": ours["pi"].swapaxes(0, 1)}
    classes = latentfit.load("latent-class")
    z = MODEL.e_step(ours, data)
    log_likelihood = classes.log_likelihood(theirs, {"x": x})
    assert MODEL.log_likelihood(ours, data) == pytest.approx(log_likelihood, rel=1e-12)
    np.testing.assert_allclose(z["z"], classes.e_step(theirs, {"x": x})["z"], rtol=1e-9)
    after, there = MODEL.m_step(z, data), classes.maximise(z, {"x": x}, {})
    np.testing.assert_allclose(after["pi"].swapaxes(0, 1), there["p3"], rtol=1e-9)


@quick
@given(seeds)
def test_starts_are_in_the_interior_and_near_the_class_frequencies(seed):
    data = sample(seed)
    params = start(data, seed)
    for value in params.values():
        assert np.all(value > 0)
        np.testing.assert_allclose(value.sum(axis=-1), 1)
    share = np.bincount(data["rating"]) / len(data["rating"])
    np.testing.assert_allclose(params["p"], share, atol=0.15)


def test_observers_who_agree_make_no_errors():
    rating = np.repeat([1, 1, 1, 2, 2, 5], 3)
    data = dict(zip(NAMES, (np.repeat(range(6), 3), np.tile(range(3), 6), rating), strict=True))
    solution = run(data, start(data))
    assert solution.converged
    np.testing.assert_allclose(solution.params["p"], [3 / 6, 2 / 6, 1 / 6], atol=1e-7)
    np.testing.assert_allclose(solution.params["pi"], [np.eye(3)] * 3, atol=1e-6)
    expected = 3 * math.log(3 / 6) + 2 * math.log(2 / 6) + math.log(1 / 6)
    assert solution.log_likelihood == pytest.approx(expected)


def test_rates_without_ratings_are_equal():
    data = dict(zip(NAMES, np.array([[0, 0, 0], [0, 1, 0], [1, 0, 1]]).T, strict=True))
    after = MODEL.m_step({"z": np.eye(2)}, data)
    np.testing.assert_array_equal(after["pi"], [np.eye(2), [[1, 0], [0.5, 0.5]]])
    np.testing.assert_array_equal(MODEL.e_step(after, data)["z"], np.eye(2))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 1, 1], [1, 2, 2], [2, 1, 1.5]], r"rating is 1.5 in row 3"),
        ([[1, 1, 1], [1.5, 2, 2], [2, 1, 1]], r"patient is 1.5 in row 2"),
        ([[1, 1, 3], [1, 2, 3], [2, 1, 3]], "rating has 1 distinct value"),
        ([[1, 1, 3], [1, 2, 2]], "patient has 1 distinct value"),
        ([[1, 1, 3]], "rating has 1 distinct value"),
        ([[1, 1, 1], [2, 2, 2], [3, 1, 1]], "no patient is rated twice"),
    ],
)
class TestRefusals:
    def test_from_python(self, rows, message):
        data = dict(zip(NAMES, np.array(rows, float).T, strict=True))
        with pytest.raises(ValueError, match=message):
            start(data)

    def test_one_line_from_the_command_line(self, tmp_path, capfd, rows, message):
        table = tmp_path / "own.csv"
        table.write_text("\n".join(",".join(map(str, row)) for row in [NAMES, *rows]))
        assert main(["fit", "annotators", "--data", str(table), "--quiet"]) == 2
        output = capfd.readouterr()
        assert (output.out, len(output.err.splitlines())) == ("", 1)
        assert message in output.err


def test_a_table_on_the_command_line(tmp_path):
    data = sample(5, patients=200)
    table, result = tmp_path / "own.csv", tmp_path / "fit.json"
    rows = zip(data["rating"], data["patient"], data["observer"], strict=True)
    table.write_text("label,patient,observer\n" + "".join(f"{r},{i},{k}\n" for r, i, k in rows))
    command = ["fit", "annotators", "--data", str(table), "--column", "rating=label", "--quiet"]
    assert main([*command, "--seed", "1", "--json", str(result)]) == 0
    found = json.loads(result.read_text())["parameters"]
    assert np.shape(found["pi"]) == (4, 3, 3)
    assert np.all(np.diagonal(found["pi"], axis1=1, axis2=2) > 0.6)
