"""The EM side of the first two models of the catalogue: known answers, symmetries, refusals."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import latentfit
from latentfit import em
from latentfit.em import Stop, Stopping

MODELS = Path(__file__).parents[2] / "models"


def column(table, name):
    with open(MODELS / "data" / table, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
        return np.loadtxt(file, delimiter=",", usecols=names.index(name))


def fitted(model, data, starts, **options):
    """By EM left alone, of which these are properties."""
    return em.fit(
        model.e_step,
        model.maximise,
        data,
        starts,
        log_likelihood=model.log_likelihood,
        accelerate="none",
        **options,
    )


@pytest.fixture(scope="module")
def exponential():
    return latentfit.load("exponential_missing")


@pytest.fixture(scope="module")
def mixture():
    return latentfit.load("gaussian_mixture")


quick = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
seeds = st.integers(0, 2**32 - 1)


@quick
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=8), st.integers(1, 8), seeds)
def test_exponential_closed_form_and_rate(exponential, seen, missing, seed):
    y = np.ma.masked_invalid([*seen, *[np.nan] * missing])
    start = exponential.initial({"y": y}, np.random.default_rng(seed))
    fit = fitted(exponential, {"y": y}, [start])
    assert fit.converged
    assert fit.params["theta"] == pytest.approx(len(seen) / sum(seen), rel=1e-6)
    assert fit.best.rate == pytest.approx(missing / len(y), abs=1e-4)
    assert fit.best.decrease is None
    assert fit.expectations["y_unobserved"].shape == (missing,)


def test_exponential_published(exponential):
    y = np.ma.masked_invalid(exponential.example_data()["y"])
    fit = fitted(exponential, {"y": y}, [{"theta": 1.0}], stopping=Stopping(distance=1e-10))
    for figure in exponential.published:
        found = fit.params["theta"] if figure["name"] == "theta" else fit.log_likelihood
        assert found == pytest.approx(figure["value"], abs=figure["tolerance"])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, np.nan, -2.0], "y is -2 in row 3: it must not be negative"),
        ([np.nan, np.nan], "no observed value"),
        ([0.0, np.nan], "every observed value of y is zero"),
    ],
)
def test_exponential_refusals(exponential, y, message):
    with pytest.raises(ValueError, match=message):
        exponential.initial({"y": np.ma.masked_invalid(y)}, np.random.default_rng(1))


def sample(seed, n=60):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.4, rng.normal(0, 1, n), rng.normal(5, 1.5, n))


START = {"w": np.array([0.5, 0.5]), "mu": np.array([1.0, 4.0]), "sigma": np.array([1.0, 1.0])}


def moved(params, shift, scale, order=slice(None)):
    return {
        "w": params["w"][order],
        "mu": (shift + scale * params["mu"])[order],
        "sigma": (scale * params["sigma"])[order],
    }


@quick
@given(seeds, st.floats(-30, 30), st.floats(1e-3, 1e3))
def test_mixture_moves_with_its_data(mixture, seed, shift, scale):
    x = sample(seed)
    plain = fitted(mixture, {"x": x}, [START]).best
    shifted = {"x": shift * scale + scale * x}
    begin = moved(START, shift * scale, scale)
    other = fitted(mixture, shifted, [begin]).best
    assert plain.stop is other.stop
    for name, value in moved(plain.params, shift * scale, scale).items():
        # Both stop within 1e-8 of the limit, relative to values of which the shift is a part.
        allowed = 1e-7 * scale * (abs(shift) + 10) if name != "w" else 1e-6
        np.testing.assert_allclose(other.params[name], value, rtol=0, atol=allowed)
    expected = plain.log_likelihood - len(x) * np.log(scale)
    assert other.log_likelihood == pytest.approx(expected, abs=1e-7)
    # A tolerance relative to larger values is met a few iterations earlier.
    saved = np.log(1 + abs(shift)) / -np.log(plain.rate)
    assert abs(plain.iterations - other.iterations) <= 4 + saved


@quick
@given(seeds)
def test_mixture_does_not_know_labels_or_the_order_of_rows(mixture, seed):
    x = sample(seed)
    plain = fitted(mixture, {"x": x}, [START]).best
    mixed = np.random.default_rng(seed).permutation(x)
    other = fitted(mixture, {"x": mixed}, [moved(START, 0, 1, [1, 0])]).best
    assert plain.stop is other.stop
    assert abs(plain.iterations - other.iterations) <= 1
    for name, value in moved(plain.params, 0, 1, [1, 0]).items():
        np.testing.assert_allclose(other.params[name], value, rtol=1e-6, atol=1e-7)


@quick
@given(seeds, st.integers(1, 4))
def test_mixture_log_likelihood_never_decreases(mixture, seed, components):
    data = {"x": sample(seed)}
    rng = np.random.default_rng(seed)
    start = mixture.initial(data, rng, components=components)
    end = fitted(mixture, data, [start], stopping=Stopping(max_iterations=200)).best
    assert end.decrease is None


@quick
@given(seeds, st.integers(1, 5), st.integers(-20, 20))
def test_mixture_starts_move_with_the_data(mixture, seed, components, exponent):
    x = np.round(sample(seed), 3)
    scale = 2.0**exponent
    plain = mixture.initial({"x": x}, np.random.default_rng(seed), components=components)
    other = mixture.initial(
        {"x": scale * (x + 8)}, np.random.default_rng(seed), components=components
    )
    for name, value in moved(plain, 8 * scale, scale).items():
        np.testing.assert_allclose(other[name], value, rtol=1e-12)
    assert len(np.unique(plain["mu"])) == components


DATA_SETS = [
    ("faithful.csv", "eruptions"),
    ("faithful.csv", "waiting"),
    ("two-normals.csv", "x"),
]


@pytest.mark.parametrize(("table", "name"), DATA_SETS)
def test_mixture_agrees_with_scikit_learn(mixture, table, name):
    sklearn = pytest.importorskip("sklearn.mixture")
    x = column(table, name)
    start = mixture.initial({"x": x}, np.random.default_rng(3))
    ours = fitted(mixture, {"x": x}, [start])
    theirs = sklearn.GaussianMixture(
        2,
        tol=1e-15,
        reg_covar=0,
        max_iter=5000,
        weights_init=start["w"],
        means_init=start["mu"][:, None],
        precisions_init=start["sigma"][:, None, None] ** -2,
    ).fit(x[:, None])
    assert ours.converged
    assert ours.log_likelihood == pytest.approx(theirs.score(x[:, None]) * len(x), abs=1e-6)
    np.testing.assert_allclose(ours.params["mu"], theirs.means_[:, 0], rtol=1e-5)
    np.testing.assert_allclose(ours.params["sigma"], theirs.covariances_.ravel() ** 0.5, rtol=1e-5)


def test_mixture_published(mixture):
    figures = [figure for figure in mixture.published if "options" not in figure]
    assert figures
    for figure in figures:
        x = column(figure["data"], figure["column"])
        fit = fitted(mixture, {"x": x}, [mixture.initial({"x": x}, np.random.default_rng(1))])
        name, _, index = figure["name"].rstrip("]").partition("[")
        order = np.argsort(fit.params["mu"])
        found = fit.params[name][order][int(index)] if index else fit.log_likelihood
        assert found == pytest.approx(figure["value"], abs=figure["tolerance"])


def test_mixture_example_is_old_faithful(mixture):
    x = mixture.example_data()["x"]
    assert (x.shape, x.min(), x.max()) == ((272,), 1.6, 5.1)


def test_mixture_data_far_out_do_not_underflow(mixture):
    params = {"w": np.array([0.5, 0.5]), "mu": np.array([0.0, 1.0]), "sigma": np.ones(2)}
    r = mixture.e_step(params, {"x": np.array([-1e4, 1e4])})["z"]
    np.testing.assert_array_equal(r, [[1, 0], [0, 1]])
    value = mixture.log_likelihood(params, {"x": np.array([1e4])})
    assert value == pytest.approx(np.log(0.5) - 0.5 * np.log(2 * np.pi) - 0.5 * 9999.0**2)


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize(
    ("x", "start"),
    [
        ([1, 2, 3, 10, 11, 12, 50], {"mu": [6, 49.9], "sigma": [3, 1]}),
        ([1, 1, 1, 4, 5, 6, 7], {"mu": [1, 5], "sigma": [0.5, 1]}),
        ([1e6 + 1, 1e6 + 2, 1e6 + 10, 1e6 + 50.1], {"mu": [1e6 + 4, 1e6 + 50], "sigma": [3, 5]}),
    ],
    ids=["single point", "identical values", "far from zero"],
)
def test_mixture_collapses_are_named(mixture, x, start, scored):
    end = em.run(
        mixture.e_step,
        mixture.maximise,
        {"x": np.array(x, float)},
        {"w": [0.5, 0.5], **start},
        log_likelihood=mixture.log_likelihood if scored else None,
    )
    assert end.stop is Stop.COLLAPSED
    assert "sigma[" in end.message


def test_mixture_empty_component_is_named(mixture):
    start = {"w": [0.5, 0.5], "mu": [6, 1e5], "sigma": [3, 0.5]}
    x = np.array([1.0, 2, 3, 10, 11, 12])
    end = em.run(mixture.e_step, mixture.maximise, {"x": x}, start)
    assert end.stop is Stop.EMPTY_COMPONENT


@pytest.mark.parametrize(
    ("x", "components", "message"),
    [
        ([3.0, 3.0, 3.0], 2, r"all 3 values of x are equal \(3\)"),
        ([3.0], 2, "single value"),
        ([1.0, 1.0, 2.0], 3, "2 distinct values, too few for 3 components"),
        ([1.0, 2.0], 0, "at least 1"),
    ],
)
def test_mixture_refusals(mixture, x, components, message):
    with pytest.raises(ValueError, match=message):
        mixture.initial({"x": np.array(x)}, np.random.default_rng(1), components=components)


def test_one_component_is_the_normal_sample(mixture):
    x = sample(4)
    data = {"x": x}
    fit = fitted(mixture, data, [mixture.initial(data, np.random.default_rng(1), components=1)])
    assert fit.iterations == 2
    assert fit.params["mu"][0] == pytest.approx(x.mean())
    assert fit.params["sigma"][0] == pytest.approx(x.std())
