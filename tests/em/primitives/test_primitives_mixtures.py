"""Responsibilities, normal densities, weighted moments and sums, and mixture statistics."""

import math
import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_normal, norm

from latentfit.em import primitives as em

pytestmark = pytest.mark.usefixtures("implementation")

# Few rows; one row less and one more than a block of 128, a block of 256 and a chunk of 2048; and
# more rows than 64 chunks of 2048 contain.
ROWS = (1, 2, 127, 129, 255, 257, 2047, 2049, 5000, 64 * 2048 + 1)
quick = settings(max_examples=40, deadline=None)


def random(seed=1):
    return np.random.default_rng(seed)


def covariances(rng, components, d):
    root = rng.normal(size=(components, d, d))
    return root @ root.mT + 0.1 * np.eye(d)


# Responsibilities.


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("components", [1, 2, 3, 20])
def test_responsibilities_are_the_softmax(n, components):
    v = random(n).normal(size=(n, components)) * 50
    r, log_likelihood = em.responsibilities(v)
    np.testing.assert_allclose(r, softmax(v, axis=1), rtol=1e-13, atol=1e-307)
    np.testing.assert_allclose(r.sum(axis=1), 1, rtol=1e-14)
    assert log_likelihood == pytest.approx(math.fsum(logsumexp(v, axis=1)), rel=1e-13)


@quick
@given(
    st.lists(
        st.tuples(*[st.floats(-1e300, 1e300) | st.just(-np.inf)] * 3).filter(
            lambda row: max(row) > -np.inf
        ),
        min_size=1,
        max_size=5,
    )
)
def test_responsibilities_of_arbitrary_log_densities(rows):
    v = np.array(rows)
    r, log_likelihood = em.responsibilities(v)
    np.testing.assert_allclose(r, softmax(v, axis=1), rtol=1e-13, atol=1e-307)
    assert log_likelihood == pytest.approx(logsumexp(v, axis=1).sum(), rel=1e-13, abs=1e-13)


def test_responsibilities_do_not_depend_on_a_constant_of_the_row():
    v = random().integers(-20, 20, size=(300, 4)).astype(float)
    constant = random(2).integers(-10_000, 10_000, size=(300, 1)).astype(float)
    r, log_likelihood = em.responsibilities(v)
    shifted_r, shifted_log_likelihood = em.responsibilities(v + constant)
    np.testing.assert_array_equal(shifted_r, r)
    assert shifted_log_likelihood - log_likelihood == pytest.approx(constant.sum(), abs=1e-7)


def test_responsibilities_of_rare_components_underflow_to_zero():
    r, log_likelihood = em.responsibilities([[0.0, -700.0], [0.0, -800.0], [-1e6, -1e6 - 1]])
    assert r[0, 1] == pytest.approx(np.exp(-700), rel=1e-13)
    assert r[1].tolist() == [1, 0]
    assert r[2, 1] == pytest.approx(1 / (1 + np.e))
    assert log_likelihood == pytest.approx(-1e6 + np.log1p(np.exp(-1)))


def test_the_largest_number_of_components():
    """The product of sums before a logarithm must not overflow if all components are equal."""
    r, log_likelihood = em.responsibilities(np.full((200, 2**15), -3.0))
    assert (r == 2.0**-15).all()
    assert log_likelihood == pytest.approx(200 * (15 * np.log(2) - 3))
    with pytest.raises(ValueError, match="at most 32768"):
        em.responsibilities(np.zeros((1, 2**15 + 1)))


def test_an_impossible_row_has_no_responsibilities():
    v = random().normal(size=(400, 2))
    v[[3, 300]] = -np.inf
    r, log_likelihood = em.responsibilities(v)
    assert log_likelihood == -np.inf
    assert np.flatnonzero(np.isnan(r).any(axis=1)).tolist() == [3, 300]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_or_plus_infinity_makes_its_row_and_the_log_likelihood_nan(bad):
    v = random().normal(size=(400, 3))
    v[70, 1] = bad
    r, log_likelihood = em.responsibilities(v)
    assert np.isnan(log_likelihood)
    assert np.flatnonzero(np.isnan(r).any(axis=1)).tolist() == [70]


# Densities.


@pytest.mark.parametrize("n", ROWS)
def test_log_normal_agrees_with_scipy(n):
    x, mu, sigma = random(n).normal(size=n) * 10, np.array([-1.0, 0, 1e3]), np.array([1e-3, 1, 50])
    found = em.log_normal(x, mu, sigma)
    np.testing.assert_allclose(found, norm.logpdf(x[:, None], mu, sigma), rtol=1e-13)


def test_log_normal_of_independent_columns():
    rng = random()
    x, mu, sigma = rng.normal(size=(300, 5)), rng.normal(size=(2, 5)), rng.uniform(1, 2, (2, 5))
    expected = norm.logpdf(x[:, None], mu, sigma).sum(axis=-1)
    np.testing.assert_allclose(em.log_normal(x, mu, sigma), expected, rtol=1e-13)


def test_log_normal_in_the_far_tail_and_with_sigma_zero():
    found = em.log_normal([1e4, 1e200], [0.0], [1.0])
    assert found[0, 0] == pytest.approx(norm.logpdf(1e4))
    assert found[1, 0] == -np.inf
    assert np.isnan(em.log_normal([1.0], [1.0], [0.0])).all()


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 8, 9, 17])
@pytest.mark.parametrize("n", [1, 130, 2049])
def test_log_multivariate_normal_agrees_with_scipy(d, n):
    rng = random(d)
    x, mu, cov = rng.normal(size=(n, d)), rng.normal(size=(3, d)), covariances(rng, 3, d)
    expected = [multivariate_normal(m, c).logpdf(x) for m, c in zip(mu, cov, strict=True)]
    expected = np.column_stack([np.reshape(column, n) for column in expected])
    L = np.linalg.cholesky(cov)
    found = em.log_multivariate_normal(x, mu, L)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    common = em.log_multivariate_normal(x, mu, L[1])
    np.testing.assert_allclose(common[:, 1], expected[:, 1], rtol=1e-9)
    # Entries above the diagonal are ignored.
    np.testing.assert_array_equal(
        em.log_multivariate_normal(x, mu, L + np.triu(np.full((d, d), 7.0), 1)), found
    )


def test_log_multivariate_normal_of_a_nearly_singular_covariance():
    """Scales of 1e-8 and 1e8 in one matrix, in numbers that doubles represent exactly."""
    L = np.array([[2.0**27, 0, 0], [2.0**27, 1, 0], [0, 2.0**-10, 2.0**-27]])
    u = random().integers(-20, 20, size=(50, 3)) / 8
    found = em.log_multivariate_normal(u @ L.T, np.zeros((1, 3)), L)[:, 0]
    np.testing.assert_allclose(found, norm.logpdf(u).sum(axis=1), rtol=1e-14)


# Moments.


def exact_moments(r, x):
    """Compute Σ r, Σ r x / Σ r and Σ r (x - mean)² in rational arithmetic."""
    r, x = [Fraction(value) for value in r], [Fraction(value) for value in x]
    n = sum(r)
    mean = sum(a * b for a, b in zip(r, x, strict=True)) / n
    return float(n), float(mean), float(sum(a * (b - mean) ** 2 for a, b in zip(r, x, strict=True)))


@pytest.mark.parametrize("centre", [0.0, 1e3, -1e8, 1e12])
@pytest.mark.parametrize("n", [1, 2, 300, 3000])
def test_moments_are_exact_for_data_far_from_zero(centre, n):
    rng = random(n)
    x, r = centre + rng.normal(size=n), rng.dirichlet(np.ones(2), size=n)
    counts, means, scatter = em.weighted_moments(r, x)
    for k in range(2):
        count, mean, squares = exact_moments(r[:, k], x)
        assert counts[k] == pytest.approx(count, rel=1e-14)
        assert means[k] == pytest.approx(mean, rel=1e-14)
        # Each deviation has the rounding error of a number of the size of `centre`.
        error = np.spacing(abs(centre)) * np.sqrt(n)
        assert scatter[k] == pytest.approx(squares, rel=1e-13, abs=4 * error * np.sqrt(squares))


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("d", [1, 3, 4, 7, 8])
def test_scatter_matrices(n, d):
    rng = random(n + d)
    x, r = 100 + rng.normal(size=(n, d)), rng.dirichlet(np.ones(3), size=n)
    counts, means, scatter = em.weighted_scatter(r, x)
    np.testing.assert_allclose(counts, r.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(means, r.T @ x / counts[:, None], rtol=1e-12)
    for k in range(3):
        gap = x - means[k]
        np.testing.assert_allclose(scatter[k], (r[:, k, None] * gap).T @ gap, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(scatter, scatter.mT)
    columns = em.weighted_moments(r, x)
    np.testing.assert_allclose(columns.means, means, rtol=1e-13)
    diagonal = np.diagonal(scatter, axis1=1, axis2=2)
    np.testing.assert_allclose(columns.scatter, diagonal, rtol=1e-10, atol=1e-12)


def test_a_component_without_weight_has_no_mean():
    r = np.column_stack([np.ones(5), np.zeros(5)])
    for found in (em.weighted_moments(r, np.arange(5.0)), em.weighted_scatter(r, np.eye(5))):
        assert found.counts.tolist() == [5, 0]
        assert np.isnan(found.means[1]).all()
        assert not np.isnan(found.means[0]).any()
        assert not found.scatter[1].any()


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("d", [1, 3, 4, 7, 8])
def test_sums_about_arbitrary_centres(n, d):
    rng = random(n + d)
    x, r = 100 + rng.normal(size=(n, d)), rng.dirichlet(np.ones(3), size=n)
    about = 100 + rng.normal(size=(3, d))
    counts, first, second = em.weighted_sums(r, x, about, products=True)
    np.testing.assert_allclose(counts, r.sum(axis=0), rtol=1e-12)
    for k in range(3):
        gap = x - about[k]
        size = r[:, k] @ np.abs(gap)
        np.testing.assert_allclose(first[k], r[:, k] @ gap, rtol=0, atol=1e-13 * size.max())
        expected = (r[:, k, None] * gap).T @ gap
        np.testing.assert_allclose(second[k], expected, rtol=1e-11, atol=1e-12 * expected.max())
    np.testing.assert_array_equal(second, second.mT)
    columns = em.weighted_sums(r, x, about)
    np.testing.assert_allclose(columns.first, first, rtol=1e-13, atol=1e-11)
    diagonal = np.diagonal(second, axis1=1, axis2=2)
    np.testing.assert_allclose(columns.second, diagonal, rtol=1e-12)
    one = em.weighted_sums(r, x[:, 0], about[:, 0])
    np.testing.assert_allclose(one.second, columns.second[:, 0], rtol=1e-13)


def test_sums_of_parts_add_up_for_data_far_from_zero():
    """Up to the rounding errors of the sums, which are smaller than those of the data."""
    rng = random()
    x, r = 1e8 + rng.normal(size=(6000, 2)), rng.dirichlet(np.ones(2), size=6000)
    about = np.full((2, 2), 1e8)
    for products in (False, True):
        whole, *parts = (
            em.weighted_sums(r[rows], x[rows], about, products=products)
            for rows in (slice(None), slice(0, 1000), slice(1000, None))
        )
        for total, first, second in zip(whole, *parts, strict=True):
            np.testing.assert_allclose(first + second, total, rtol=1e-11)


def test_weights_close_to_the_smallest_double():
    x = random().normal(size=4000)
    r = np.column_stack([np.full(4000, 1e-290), np.where(np.arange(4000) == 3000, 1e-290, 0.0)])
    counts, means, scatter = em.weighted_moments(r, x)
    assert means[0] == pytest.approx(x.mean(), rel=1e-12)
    assert scatter[0] / counts[0] == pytest.approx(x.var(), rel=1e-12)
    assert (means[1], scatter[1]) == (pytest.approx(x[3000], rel=1e-15), 0)


# Statistics in one pass over the data.


def mixture_statistics_by_hand(x, w, mu, sigma):
    r, log_likelihood = em.responsibilities(np.log(w) + em.log_normal(x, mu, sigma))
    return (*em.weighted_moments(r, x), log_likelihood)


def multivariate_mixture_statistics_by_hand(x, w, mu, L):  # noqa: N803
    r, log_likelihood = em.responsibilities(np.log(w) + em.log_multivariate_normal(x, mu, L))
    return (*em.weighted_scatter(r, x), log_likelihood)


def assert_all_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", ROWS)
def test_mixture_statistics_equal_the_separate_steps(n):
    rng = random(n)
    w = np.array([0.2, 0.3, 0.5])
    x, mu, sigma = rng.normal(size=n), np.array([-1.0, 0, 2]), np.array([0.5, 1, 2])
    found = em.normal_mixture_statistics(x, w, mu, sigma)
    assert_all_close(found, mixture_statistics_by_hand(x, w, mu, sigma))
    assert found.counts.sum() == pytest.approx(n, rel=1e-12)
    x, mu = rng.normal(size=(n, 5)), rng.normal(size=(3, 5))
    sigma = rng.uniform(0.5, 2, size=(3, 5))
    found = em.normal_mixture_statistics(x, w, mu, sigma)
    assert_all_close(found, mixture_statistics_by_hand(x, w, mu, sigma))
    L = np.linalg.cholesky(covariances(rng, 3, 5))
    found = em.multivariate_normal_mixture_statistics(x, w, mu, L)
    assert_all_close(found, multivariate_mixture_statistics_by_hand(x, w, mu, L))


def test_mixture_statistics_are_exact_far_from_the_current_means():
    """The moments are not computed about the means of the parameters."""
    x = 1e6 + random().normal(size=3000)
    found = em.normal_mixture_statistics(x, [1.0], [-1e9], [1e9])
    assert found.scatter[0] / found.counts[0] == pytest.approx(x.var(), rel=1e-11)
    table = np.column_stack([x, x[::-1]])
    found = em.multivariate_normal_mixture_statistics(table, [1.0], [[-1e9, 1e9]], 1e9 * np.eye(2))
    np.testing.assert_allclose(
        found.scatter[0] / 3000, np.cov(table.T, bias=True), rtol=1e-9, atol=1e-9
    )


def test_a_component_of_weight_zero_has_count_zero():
    found = em.normal_mixture_statistics(random().normal(size=100), [1.0, 0.0], [0.0, 0.0], [1, 1])
    assert found.counts.tolist() == [100, 0]
    assert np.isfinite(found.log_likelihood)


def test_a_component_with_sigma_zero_makes_the_log_likelihood_nan():
    x = np.array([1.0, 2.0, 3.0])
    found = em.normal_mixture_statistics(x, [0.5, 0.5], [1.0, 2.0], [0.0, 1.0])
    assert np.isnan(found.log_likelihood)
    L = np.array([np.full((2, 2), np.nan), np.eye(2)])
    found = em.multivariate_normal_mixture_statistics(
        np.zeros((3, 2)), [0.5, 0.5], np.zeros((2, 2)), L
    )
    assert np.isnan(found.log_likelihood)


def large(n=300_000):
    rng = random()
    return rng.normal(np.where(rng.random(n) < 0.3, 7.0, 10.0), 0.5), [0.4, 0.6], [6.0, 9], [1.0, 1]


def bits(found):
    return b"".join(np.asarray(part).tobytes() for part in found)


def test_results_do_not_depend_on_the_number_of_threads():
    x, w, mu, sigma = large()
    table, means, L = x[:240_000].reshape(-1, 4), np.array([[6.0] * 4, [9.0] * 4]), np.eye(4)
    log_joint = em.log_normal(x, mu, sigma)
    calls = (
        lambda: em.normal_mixture_statistics(x, w, mu, sigma),
        lambda: em.multivariate_normal_mixture_statistics(table, w, means, L),
        lambda: em.responsibilities(log_joint),
        lambda: em.weighted_moments(np.exp(log_joint), x),
        lambda: em.weighted_sums(np.exp(log_joint), x, mu),
        lambda: em.weighted_sums(np.exp(log_joint[:60_000]), table, means, products=True),
        lambda: em.forward_backward(log_joint, w, [[0.9, 0.1], [0.2, 0.8]], [100] * 3000),
    )
    for call in calls:
        found = set()
        for number in (1, 2, 3, 7, 64):
            with em.threads(number):
                found.add(bits(call()))
        assert len(found) == 1
    with pytest.raises(ValueError, match="at least 1"), em.threads(0):
        pass


def test_primitives_may_be_called_from_several_threads():
    x, w, mu, sigma = large()
    expected = bits(em.normal_mixture_statistics(x, w, mu, sigma))

    def call(_):
        with em.threads(3):
            return bits(em.normal_mixture_statistics(x, w, mu, sigma))

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(call, range(12))) == {expected}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_creates_its_own_threads():
    x, w, mu, sigma = large()
    with em.threads(3):
        expected = bits(em.normal_mixture_statistics(x, w, mu, sigma))
        child = os.fork()
        if child == 0:
            os._exit(bits(em.normal_mixture_statistics(x, w, mu, sigma)) != expected)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_mixture_statistics_allocate_nothing_for_each_row():
    x, w, mu, sigma = large()
    em.normal_mixture_statistics(x, w, mu, sigma)
    tracemalloc.start()
    em.normal_mixture_statistics(x, w, mu, sigma)
    most_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most_bytes < x.nbytes / 20


# Arguments.


def test_integers_and_non_contiguous_rows_are_accepted():
    x = random().normal(size=(100, 6))
    found = em.normal_mixture_statistics(x[:, ::2], [1], np.zeros((1, 3), int), np.ones((1, 3)))
    expected = em.normal_mixture_statistics(
        x[:, ::2].copy(), [1.0], np.zeros((1, 3)), np.ones((1, 3))
    )
    assert bits(found) == bits(expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: em.log_normal(np.zeros(3, np.float32), [0.0], [1.0]), "x is float32.*float64"),
        (lambda: em.log_normal(np.zeros(3), np.zeros(1, np.float32), [1.0]), "mu is float32"),
        (lambda: em.responsibilities(np.zeros((2, 2), complex)), "log_joint is complex128"),
        (lambda: em.weighted_moments([["a"]], [1.0]), "r is <U1"),
    ],
)
def test_other_precisions_are_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: em.responsibilities([0.0, 1.0]), r"log_joint has shape \(2,\), expected 2 axes"),
        (lambda: em.responsibilities(np.zeros((0, 2))), r"log_joint is empty: shape \(0, 2\)"),
        (lambda: em.log_normal([1.0], [0.0, 1], [1.0]), r"sigma has shape \(1,\), expected \(2,\)"),
        (
            lambda: em.log_normal([[1.0]], [[0.0, 1]], [[1.0, 1]]),
            r"mu has shape \(1, 2\), .*\(1, 1\)",
        ),
        (lambda: em.log_normal([[1.0]], [0.0], [1.0]), r"mu has shape \(1,\), expected 2 axes"),
        (lambda: em.log_normal(1.0, [0.0], [1.0]), r"x has shape \(\), expected 1 or 2 axes"),
        (
            lambda: em.log_normal(np.ma.masked_invalid([1.0, np.nan]), [0.0], [1.0]),
            "x has masked entries",
        ),
        (
            lambda: em.log_multivariate_normal(np.zeros((4, 2)), np.zeros((3, 2)), np.eye(3)),
            r"L has shape \(3, 3\), expected \(2, 2\)",
        ),
        (
            lambda: em.log_multivariate_normal(
                np.zeros((4, 2)), np.zeros((3, 2)), np.zeros((2, 2, 2))
            ),
            r"L has shape \(2, 2, 2\), expected \(3, 2, 2\)",
        ),
        (lambda: em.weighted_moments(np.ones((3, 2)), [1.0, 2]), r"r has shape \(3, 2\).*\(2, 2\)"),
        (lambda: em.weighted_scatter(np.ones((2, 2)), [1.0, 2]), r"x has shape \(2,\), expected 2"),
        (
            lambda: em.weighted_sums(np.ones((2, 2)), [1.0, 2], [0.0]),
            r"about has shape \(1,\), expected \(2,\)",
        ),
        (
            lambda: em.weighted_sums(np.ones((2, 2)), [1.0, 2], [0.0, 1], products=True),
            r"x has shape \(2,\), expected 2 axes",
        ),
        (
            lambda: em.normal_mixture_statistics([1.0], [1.0], [0.0, 1], [1.0, 1]),
            r"w has shape \(1,\), expected \(2,\)",
        ),
    ],
)
def test_wrong_shapes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_masked_arrays_without_masked_entries_are_accepted():
    x = np.ma.masked_invalid([1.0, 2.0])
    np.testing.assert_array_equal(
        em.log_normal(x, [0.0], [1.0]), em.log_normal(x.data, [0.0], [1.0])
    )
