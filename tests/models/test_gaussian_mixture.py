"""Mixture of normal distributions in several dimensions: one step by hand, symmetries, maxima."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.declaration import read_columns

MODEL = latentfit.load("gaussian-mixture")
STRUCTURES = ("full", "tied", "diagonal", "spherical")
TABLES = MODEL.example_data.__globals__["Path"](MODEL.example_data.__code__.co_filename).parent

quick = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def table(name, columns):
    found = read_columns(TABLES / "data" / name, columns.split(","))
    return np.column_stack(list(found.values()))


FLOWERS = "sepal_length,sepal_width,petal_length,petal_width"
IRIS = table("iris.csv", FLOWERS)
SUMS = [[1.0, 2, 3], [2, 3, 5], [0, 1, 1], [5, 2, 7], [4, 4, 8]]
GEYSER = table("faithful.csv", "eruptions,waiting")


def sample(seed, n=80):
    """Two groups in three dimensions."""
    rng = np.random.default_rng(seed)
    first = rng.normal(0, 1, (n // 2, 3)) @ [[1, 0.6, 0], [0, 1, 0.3], [0, 0, 0.5]]
    return np.concatenate([first, rng.normal([4, -3, 2], [1, 0.5, 2], (n // 2, 3))])


def start(x, seed=0, **options):
    return MODEL.initial({"x": np.asarray(x)}, np.random.default_rng(seed), **options)


def run(x, begin, **options):
    data = {"x": np.asarray(x)}
    return em.run(
        MODEL.e_step, MODEL.maximise, data, begin, log_likelihood=MODEL.log_likelihood, **options
    )


def covariances(params):
    """The covariance of every group, whatever is assumed of them."""
    mu = params["mu"]
    if "cov" in params:
        return np.broadcast_to(params["cov"], (*mu.shape, mu.shape[1]))
    sigma = params["sigma"] if params["sigma"].ndim == 2 else params["sigma"][:, None]
    return np.array([np.diag(row**2) for row in np.broadcast_to(sigma, mu.shape)])


def density(x, mu, cov):
    gap = x - mu
    square = gap @ np.linalg.inv(cov) @ gap
    return np.exp(-square / 2) / np.sqrt(np.linalg.det(2 * np.pi * cov))


def test_tables_are_those_of_fisher_and_haerdle():
    assert (IRIS.shape, GEYSER.shape) == ((150, 4), (272, 2))
    # Fisher (1936), table II: the means of the three species, to three places.
    means = IRIS.reshape(3, 50, 4).mean(axis=1)
    expected = [[5.006, 3.428, 1.462, 0.246], [5.936, 2.770, 4.260, 1.326]]
    np.testing.assert_allclose(means[:2], expected, atol=1e-9)
    np.testing.assert_allclose(means[2], [6.588, 2.974, 5.552, 2.026], atol=1e-9)


@pytest.mark.parametrize("covariance", STRUCTURES)
def test_one_step_by_hand(covariance):
    x = sample(1, 20)
    params = start(x, covariance=covariance)
    joint = np.array(
        [
            [
                weight * density(row, mu, cov)
                for weight, mu, cov in zip(
                    params["w"], params["mu"], covariances(params), strict=True
                )
            ]
            for row in x
        ]
    )
    r = MODEL.e_step(params, {"x": x})["z"]
    np.testing.assert_allclose(r, joint / joint.sum(axis=1, keepdims=True), rtol=1e-10)
    height = MODEL.log_likelihood(params, {"x": x})
    assert height == pytest.approx(np.sum(np.log(joint.sum(axis=1))), rel=1e-12)

    after = MODEL.maximise({"z": r}, {"x": x}, params)
    n = r.sum(axis=0)
    np.testing.assert_allclose(after["w"], n / len(x))
    scatter = np.zeros((2, 3, 3))
    for k in range(2):
        mean = np.average(x, axis=0, weights=r[:, k])
        np.testing.assert_allclose(after["mu"][k], mean)
        for i in range(len(x)):
            scatter[k] += r[i, k] * np.outer(x[i] - mean, x[i] - mean)
    own = scatter / n[:, None, None]
    name, expected = {
        "full": ("cov", own),
        "tied": ("cov", scatter.sum(axis=0) / len(x)),
        "diagonal": ("sigma", np.sqrt([np.diag(cov) for cov in own])),
        "spherical": ("sigma", np.sqrt([np.trace(cov) / 3 for cov in own])),
    }[covariance]
    np.testing.assert_allclose(after[name], expected, rtol=1e-10, atol=1e-14)
    assert after.keys() == params.keys()


@pytest.mark.parametrize("covariance", STRUCTURES)
def test_one_component_is_the_normal_sample(covariance):
    x = sample(2)
    end = run(x, start(x, components=1, covariance=covariance))
    cov = np.cov(x.T, bias=True)
    expected = {
        "full": cov,
        "tied": cov,
        "diagonal": np.diag(np.diag(cov)),
        "spherical": np.eye(3) * np.trace(cov) / 3,
    }[covariance]
    assert end.iterations <= 2
    np.testing.assert_allclose(end.params["mu"][0], x.mean(axis=0))
    np.testing.assert_allclose(covariances(end.params)[0], expected)


@quick
@given(seeds, st.sampled_from(STRUCTURES), st.integers(1, 4))
def test_log_likelihood_never_decreases(seed, covariance, components):
    x = sample(seed)
    begin = start(x, seed, covariance=covariance, components=components)
    assert run(x, begin, stopping=em.Stopping(max_iterations=100)).decrease is None


@quick
@given(seeds, st.sampled_from(("full", "tied", "diagonal")))
def test_columns_may_be_in_any_units(seed, covariance):
    x, units, shift = sample(seed), np.array([1e-6, 3.0, 1e5]), np.array([1.0, -2.0, 1e5])
    begin, moved = (start(y, seed, covariance=covariance) for y in (x, x * units + shift))
    limit = em.Stopping(max_iterations=20)
    here, there = run(x, begin, stopping=limit), run(x * units + shift, moved, stopping=limit)
    np.testing.assert_allclose(there.expectations["z"], here.expectations["z"], atol=1e-6)
    np.testing.assert_allclose(there.params["mu"], here.params["mu"] * units + shift, rtol=1e-6)
    jacobian = len(x) * np.sum(np.log(units))
    assert there.log_likelihood == pytest.approx(here.log_likelihood - jacobian, abs=1e-5)


@quick
@given(seeds, st.sampled_from(("full", "tied")))
def test_covariances_turn_with_the_data(seed, covariance):
    x = sample(seed)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    begin = start(x, seed, covariance=covariance)
    turned = begin | {"mu": begin["mu"] @ turn, "cov": turn.T @ begin["cov"] @ turn}
    here, there = run(x, begin), run(x @ turn, turned)
    assert there.log_likelihood == pytest.approx(here.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(
        there.params["cov"], turn.T @ here.params["cov"] @ turn, rtol=1e-4, atol=1e-6
    )


def test_one_column_is_the_mixture_in_one_dimension():
    x = GEYSER[:, 0]
    for covariance in STRUCTURES:
        flat = run(x, start(x, covariance=covariance))
        tall = run(x[:, None], start(x[:, None], covariance=covariance))
        assert tall.log_likelihood == pytest.approx(flat.log_likelihood, abs=1e-8)
        assert tall.params["mu"].shape == (2, 1)
        np.testing.assert_allclose(tall.params["mu"][:, 0], flat.params["mu"], rtol=1e-7)
        assert tall.params["sigma"].shape == (() if covariance == "tied" else (2,))


def test_equal_standard_deviations_in_one_dimension():
    # The R package mclust, model E, waiting times, two components, run to 1e-14.
    x = GEYSER[:, 1]
    end = run(x, start(x, covariance="tied"))
    assert end.log_likelihood == pytest.approx(-1034.001760, abs=2e-6)
    np.testing.assert_allclose(end.params["mu"], [54.613627, 80.090304], atol=2e-5)
    assert end.params["sigma"] == pytest.approx(5.869091, abs=2e-5)


def test_published():
    figures = [figure for figure in MODEL.published if "options" in figure]
    assert figures
    for figure in figures:
        fit = MODEL.fit(table(figure["data"], figure["column"]), seed=1, **figure["options"])
        assert fit.log_likelihood == pytest.approx(figure["value"], abs=figure["tolerance"])


@pytest.mark.parametrize("covariance", STRUCTURES)
@pytest.mark.parametrize("components", [2, 3])
def test_scikit_learn_stays_where_em_ended(covariance, components):
    mixture = pytest.importorskip("sklearn.mixture")
    end = MODEL.fit(IRIS, seed=1, starts=2, components=components, covariance=covariance).best
    name = "cov" if "cov" in end.params else "sigma"
    value = end.params[name]
    theirs = mixture.GaussianMixture(
        components,
        covariance_type={"diagonal": "diag"}.get(covariance, covariance),
        tol=1e-13,
        reg_covar=0,
        max_iter=5000,
        weights_init=end.params["w"],
        means_init=end.params["mu"],
        precisions_init=np.linalg.inv(value) if name == "cov" else value**-2,
    ).fit(IRIS)
    height = theirs.score(IRIS) * len(IRIS)
    assert end.log_likelihood == pytest.approx(height, abs=1e-6)
    np.testing.assert_allclose(end.params["mu"], theirs.means_, rtol=1e-5)


def test_starts_do_well_without_luck():
    heights = [MODEL.fit(IRIS, seed=seed, components=3).log_likelihood for seed in range(5)]
    np.testing.assert_allclose(heights, -180.185477, atol=1e-5)


def test_cholesky_factors_give_the_covariances_back():
    for covariance in ("full", "tied"):
        params = start(IRIS, covariance=covariance)
        factors = MODEL.to_model(params)
        assert factors.keys() == {"w", "mu", "scale", "shear"}
        L = np.zeros_like(params["cov"])
        i, j = np.tril_indices(4, -1)
        L[..., i, j] = factors["shear"]
        L[..., range(4), range(4)] = factors["scale"]
        np.testing.assert_allclose(L @ L.mT, params["cov"])


@pytest.mark.parametrize(
    ("x", "options", "said"),
    [
        ([[1.0, 2.0]], {}, "single row"),
        ([[1.0, 2.0]] * 3, {}, "all 3 rows of x are equal: there is no spread"),
        ([[1.0, 2], [3, 2], [4, 2], [5, 2]], {}, r"column 2 of x is constant \(2\)"),
        ([[1.0, 2], [3, 5]], {}, "2 rows, and the covariance of 2 columns needs 3"),
        ([[1.0, 2], [3, 5], [1, 2]], {"components": 3}, "2 distinct rows, too few for 3"),
        (SUMS, {}, "column 3 .* combination"),
        (IRIS[:9] @ np.diag([1e-5, 1, 1, 0]), {}, "column 4 of x is constant"),
        (IRIS, {"covariance": "round"}, "full, tied, diagonal or spherical, not 'round'"),
        (IRIS, {"components": 0}, "at least 1"),
    ],
)
def test_refusals(x, options, said):
    with pytest.raises(ValueError, match=said):
        start(np.array(x), **options)


def test_columns_that_depend_on_each_other_may_have_standard_deviations():
    x = np.column_stack([GEYSER, GEYSER.sum(axis=1)])
    assert run(x, start(x, covariance="diagonal")).converged
    assert run(x[:3], start(x[:3], covariance="spherical", components=1)).converged


def test_a_group_that_collapses_onto_a_line_is_no_estimate():
    line = np.column_stack([np.arange(5.0), 2 * np.arange(5.0)])
    x = np.concatenate([line, np.random.default_rng(1).normal([20, -10], 3, (30, 2))])
    end = run(x, start(x))
    assert end.stop.degenerate
    apart = run(np.vstack([x, [[2.0, 4.1]]]), start(x))
    assert apart.converged


def test_data_of_ones_own(tmp_path, capsys):
    path = tmp_path / "own.csv"
    rows = "\n".join(f"{a:.4f},{b:.4f},{c:.4f},{i}" for i, (a, b, c) in enumerate(sample(3)))
    path.write_text(f"a,b,c,number\n{rows}\n")
    command = ["fit", "gaussian-mixture", "--data", str(path), "--json", "-"]
    columns = ["--column", "a", "--column", "b", "--column", "c"]
    shapes = {"full": (2, 3, 3), "tied": (3, 3), "diagonal": (2, 3), "spherical": (2,)}
    for covariance, shape in shapes.items():
        assert main([*command, *columns, "--set", f"covariance={covariance}"]) == 0
        found = json.loads(capsys.readouterr().out)["parameters"]
        assert np.shape(found["cov" if "cov" in found else "sigma"]) == shape
        np.testing.assert_allclose(sorted(found["w"]), 0.5, atol=0.02)


def test_bad_data_of_ones_own_are_one_line(tmp_path, capsys):
    path = tmp_path / "own.csv"
    path.write_text("a,b\n1,2\n2,4\n3,6\n4,8\n")
    command = ["fit", "gaussian-mixture", "--data", str(path), "--column", "a", "--column", "b"]
    for settings_, said in (
        ([], "column 2 of x is a linear combination"),
        (["--set", "covariance=square"], "covariance is full, tied, diagonal or spherical"),
        (["--set", "covariance=2"], "covariance"),
        (["--set", "components=5", "--set", "covariance=diagonal"], "4 distinct rows"),
    ):
        assert main([*command, *settings_]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
