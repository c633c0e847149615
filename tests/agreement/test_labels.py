"""Label alignment: properties, by hypothesis and in closed form."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentfit.agreement import (
    Exchange,
    adjusted_rand,
    find_exchanges,
    match_components,
    renumber,
    renumber_one,
)

SEEDS = st.integers(0, 2**32 - 1)


def mixture_exchange(size):
    return Exchange(size, (("w", 0), ("mu", 0), ("sigma", 0)), ("z",))


def mixture_values(rng, size, samples):
    reference = {
        "w": rng.dirichlet(np.full(size, 5.0)),
        "mu": rng.permutation(size) * 3.0 + rng.normal(size=size),
        "sigma": rng.uniform(0.5, 2, size),
    }
    scale = {name: np.full(size, 0.1) for name in reference}
    draws = {
        name: value + 0.05 * rng.standard_normal((samples, size))
        for name, value in reference.items()
    }
    return reference, scale, draws


@given(SEEDS, st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_shuffled_components_are_put_back(seed, size):
    rng = np.random.default_rng(seed)
    reference, scale, draws = mixture_values(rng, size, 12)
    exchange = mixture_exchange(size)
    shuffles = np.array([rng.permutation(size) for _ in range(12)])
    shuffled = renumber(exchange, draws, shuffles)
    restored = renumber(exchange, shuffled, match_components(exchange, shuffled, reference, scale))
    ordered = renumber(exchange, draws, match_components(exchange, draws, reference, scale))
    for name in draws:
        np.testing.assert_array_equal(restored[name], ordered[name])


@given(SEEDS, st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
@settings(max_examples=30, deadline=None)
def test_shifting_and_scaling_the_data_change_nothing(seed, shift, unit):
    rng = np.random.default_rng(seed)
    reference, scale, draws = mixture_values(rng, 3, 8)
    exchange = mixture_exchange(3)

    def moved(values, by):
        return values | {"mu": values["mu"] * unit + by, "sigma": values["sigma"] * unit}

    np.testing.assert_array_equal(
        match_components(exchange, draws, reference, scale),
        match_components(exchange, moved(draws, shift), moved(reference, shift), moved(scale, 0.0)),
    )


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_assignment_is_the_best_of_all_permutations(seed):
    rng = np.random.default_rng(seed)
    exchange = Exchange(4, (("a", 0), ("b", 1)), ())
    reference = {"a": rng.normal(size=4), "b": rng.normal(size=(2, 4))}
    scale = {"a": rng.uniform(0.5, 2, 4), "b": rng.uniform(0.5, 2, (2, 4))}
    draws = {"a": rng.normal(size=(1, 4)), "b": rng.normal(size=(1, 2, 4))}

    def cost(order):
        one = renumber_one(exchange, {n: v[0] for n, v in draws.items()}, order)
        return sum((((one[n] - reference[n]) / scale[n]) ** 2).sum() for n in one)

    found = match_components(exchange, draws, reference, scale)[0]
    assert cost(found) == pytest.approx(min(cost(p) for p in permutations(range(4))))


def test_scales_that_do_not_exist_leave_the_units_out():
    """Without standard errors, the range of the components is used as the scale."""
    exchange = Exchange(2, (("mu", 0), ("sigma", 0)), ())
    reference = {"mu": np.array([0.0, 1e-6]), "sigma": np.array([100.0, 101.0])}
    scale = {name: np.full(2, np.nan) for name in reference}
    draws = {"mu": np.array([[1e-6, 0.0]]), "sigma": np.array([[100.4, 100.6]])}
    assert match_components(exchange, draws, reference, scale).tolist() == [[1, 0]]


def test_a_transition_matrix_is_renumbered_along_both_axes():
    exchange = Exchange(2, (("mu", 0), ("P", 0), ("P", 1)), ())
    values = {"mu": np.array([3.0, 1.0]), "P": np.array([[0.9, 0.1], [0.3, 0.7]])}
    moved = renumber_one(exchange, values, [1, 0])
    assert moved["mu"].tolist() == [1.0, 3.0]
    assert moved["P"].tolist() == [[0.7, 0.3], [0.1, 0.9]]


def normal_mixture(values):
    x = np.linspace(-2, 3, 7)
    parts = np.log(values["w"]) - np.log(values["sigma"])
    parts = parts - 0.5 * ((x[:, None] - values["mu"]) / values["sigma"]) ** 2
    slope = values["beta"] @ np.array([0.3, 1.7])
    return float(np.logaddexp.reduce(parts, axis=1).sum() + slope)


def trial_points(count=3):
    rng = np.random.default_rng(7)
    points = []
    for _ in range(count):
        sigma = rng.uniform(0.5, 2, 2)
        points.append(
            {
                "w": rng.dirichlet([1, 1]),
                "mu": rng.normal(size=2),
                "sigma": sigma,
                "beta": rng.normal(size=2),
                "variance": sigma**2,
            }
        )
    return points


def complete(values):
    return {**values, "variance": np.asarray(values["sigma"]) ** 2}


NAMES = ("w", "mu", "sigma", "beta")


def test_exchangeable_components_are_found_and_other_parameters_left_out():
    """beta also has two entries, but these do not belong to components."""
    (found,) = find_exchanges(
        {"z": 2}, trial_points(), NAMES, normal_mixture, lambda v: 0.0, complete
    )
    assert set(found.axes) == {("w", 0), ("mu", 0), ("sigma", 0), ("variance", 0)}
    assert found.latents == ("z",)
    assert not found.prior_distinguishes


def test_a_prior_that_distinguishes_components_is_noticed():
    (found,) = find_exchanges(
        {"z": 2}, trial_points(), NAMES, normal_mixture, lambda v: float(v["mu"][0]), complete
    )
    assert found.prior_distinguishes


def test_nothing_to_exchange_without_a_discrete_latent():
    assert find_exchanges({}, trial_points(), NAMES, normal_mixture, lambda v: 0.0, complete) == ()


@given(SEEDS, st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_adjusted_rand_ignores_names_and_order(seed, size):
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, size, 40), rng.integers(0, size, 40)
    names, order = rng.permutation(size), rng.permutation(40)
    value = adjusted_rand(first, second)
    assert adjusted_rand(names[first], second) == pytest.approx(value)
    assert adjusted_rand(first[order], second[order]) == pytest.approx(value)
    assert adjusted_rand(second, first) == pytest.approx(value)
    assert adjusted_rand(first, names[first]) == 1.0


def test_adjusted_rand_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    first = rng.integers(0, 3, 100)
    second = np.where(rng.random(100) < 0.7, first, rng.integers(0, 4, 100))
    expected = metrics.adjusted_rand_score(first, second)
    assert adjusted_rand(first, second) == pytest.approx(expected, abs=1e-14)
