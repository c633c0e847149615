"""Log probabilities and expected counts of categories, and latent class statistics."""

import numpy as np
import pytest
from scipy.special import logsumexp

from latentfit.em import primitives as em

pytestmark = pytest.mark.usefixtures("implementation")

SHAPES = [
    (n, items, categories)
    for n in (1, 128, 129, 5000)
    for items, categories in ((1, 2), (20, 2), (5, 3), (4, 8), (3, 9), (1, 40), (2, 1))
]


def sample(n, items, categories, components=3):
    rng = np.random.default_rng(n + categories)
    x = rng.integers(0, categories, size=(n, items))
    return (
        x,
        rng.dirichlet(np.ones(components)),
        rng.dirichlet(np.ones(categories), (components, items)),
    )


def log_p(x, p):
    with np.errstate(divide="ignore"):
        return np.log(p)[:, np.arange(x.shape[1]), x].sum(axis=-1).T


def counts_by_hand(r, x, categories):
    return np.stack([r.T @ (x == c) for c in range(categories)], axis=-1)


@pytest.mark.parametrize(("n", "items", "categories"), SHAPES)
def test_log_probabilities_and_counts(n, items, categories):
    x, _, p = sample(n, items, categories)
    expected = log_p(x, p)
    np.testing.assert_allclose(em.log_categorical(x, p), expected, rtol=1e-13, atol=1e-14)
    r = np.random.default_rng(1).dirichlet(np.ones(3), size=n)
    found = em.weighted_counts(r, x, categories)
    np.testing.assert_allclose(found, counts_by_hand(r, x, categories), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("components", range(1, 10))
def test_one_item_with_any_number_of_components(components):
    """The kernels process four components at a time, and the remaining ones singly."""
    rng = np.random.default_rng(components)
    x, p = rng.integers(6, size=(301, 1)), rng.dirichlet(np.ones(6), (components, 1))
    np.testing.assert_allclose(em.log_categorical(x, p), log_p(x, p), rtol=1e-13, atol=1e-14)
    r = rng.dirichlet(np.ones(components), size=301)
    found = em.weighted_counts(r, x, 6)
    np.testing.assert_allclose(found, counts_by_hand(r, x, 6), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("n", "items", "categories"), SHAPES)
def test_latent_class_statistics_equal_the_separate_steps(n, items, categories):
    x, w, p = sample(n, items, categories)
    log_joint = np.log(w) + log_p(x, p)
    log_density = logsumexp(log_joint, axis=1)
    r = np.exp(log_joint - log_density[:, None])
    found = em.latent_class_statistics(x, w, p)
    np.testing.assert_allclose(found.counts, r.sum(axis=0), rtol=1e-11)
    np.testing.assert_allclose(
        found.category_counts, counts_by_hand(r, x, categories), rtol=1e-10, atol=1e-13
    )
    assert found.log_likelihood == pytest.approx(log_density.sum(), rel=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("categories", [2, 3, 12])
@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_integers_of_every_width(categories, kind):
    x, w, p = sample(300, 4, categories)
    expected = em.latent_class_statistics(x, w, p)
    found = em.latent_class_statistics(x.astype(kind), w, p)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("order", ["<", ">"])
def test_integers_of_either_byte_order(order):
    x, _, p = sample(50, 4, 3)
    r = np.random.default_rng(1).dirichlet(np.ones(3), size=50)
    other = x.astype(f"{order}i4")
    np.testing.assert_array_equal(em.log_categorical(other, p), em.log_categorical(x, p))
    np.testing.assert_array_equal(em.weighted_counts(r, other, 3), em.weighted_counts(r, x, 3))


def test_a_nan_weight_affects_only_the_count_of_its_category():
    counts = em.weighted_counts([[np.nan], [1.0], [np.inf]], [[0, 1], [1, 0], [2, 2]], 3)
    np.testing.assert_array_equal(counts, [[[np.nan, 1, np.inf], [1, np.nan, np.inf]]])


def test_booleans_are_accepted_as_codes():
    x, _, p = sample(50, 4, 2)
    np.testing.assert_array_equal(em.log_categorical(x == 1, p), em.log_categorical(x, p))


def test_a_single_item_may_be_one_dimensional():
    x, _, p = sample(100, 1, 5)
    found = em.log_categorical(x[:, 0], p[:, 0])
    np.testing.assert_array_equal(found, em.log_categorical(x, p))
    r = np.random.default_rng(1).dirichlet(np.ones(3), size=100)
    counts = em.weighted_counts(r, x[:, 0], 5)
    np.testing.assert_array_equal(counts, em.weighted_counts(r, x, 5)[:, 0])


@pytest.mark.parametrize("categories", [2, 4, 12])
def test_probabilities_of_zero_and_one(categories):
    p = np.zeros((2, 3, categories))
    p[0, :, 0], p[1, :, 1] = 1, 1
    x = np.array([[0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(em.log_categorical(x, p), [[0, -np.inf], [-np.inf, 0]])
    found = em.latent_class_statistics(x, [0.25, 0.75], p)
    assert found.log_likelihood == pytest.approx(np.log(0.25 * 0.75))
    assert found.counts.tolist() == [1, 1]
    assert found.category_counts.sum() == 6
    impossible = em.latent_class_statistics(np.array([[0, 1, 0]]), [0.25, 0.75], p)
    assert impossible.log_likelihood == -np.inf


def test_the_count_of_a_rare_category_keeps_its_digits():
    """The count is not computed as the difference of two large numbers."""
    p = np.array([[[1e-30, 1.0]], [[0.5, 0.5]]])
    found = em.latent_class_statistics(np.array([[0], [1], [1]]), [0.5, 0.5], p)
    assert found.category_counts[0, 0, 0] == pytest.approx(2e-30, rel=1e-12)


@pytest.mark.parametrize("categories", [2, 4, 12])
@pytest.mark.parametrize("bad", [-1, 12, 200])
def test_a_code_out_of_range_is_named(categories, bad):
    x, w, p = sample(4000, 3, categories)
    x[3500, 1], x[3501, 0] = bad, bad
    message = (
        rf"x\[3500, 1\] is {bad}; with {categories} categories codes are 0 to {categories - 1}"
    )
    r = np.ones((4000, 3)) / 3
    calls = (
        lambda: em.log_categorical(x, p),
        lambda: em.weighted_counts(r, x, categories),
        lambda: em.latent_class_statistics(x, w, p),
    )
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, w, p: em.log_categorical(x * 1.0, p), TypeError, "x is float64; expected int"),
        (lambda x, w, p: em.log_categorical(x, p[:, 0]), ValueError, r"p has shape \(3, 2\), exp"),
        (lambda x, w, p: em.log_categorical(x[:, :2], p), ValueError, r"expected \(3, 2, 2\)"),
        (lambda x, w, p: em.log_categorical(x[:0], p), ValueError, "x is empty"),
        (lambda x, w, p: em.weighted_counts(w[None], x, 2), ValueError, r"r has shape \(1, 3\)"),
        (lambda x, w, p: em.weighted_counts(x, x, 0), ValueError, "categories must be at le"),
        (lambda x, w, p: em.latent_class_statistics(x, w[:2], p), ValueError, r"w has shape \(2,"),
        (lambda x, w, p: em.latent_class_statistics(x, w, p.astype("f4")), TypeError, "p is float"),
        (
            lambda x, w, p: em.log_categorical(np.ma.masked_equal(x, 0), p),
            ValueError,
            "x has masked entries",
        ),
    ],
)
def test_mismatched_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(*sample(10, 4, 2))


def test_results_do_not_depend_on_the_number_of_threads():
    x, w, p = sample(50_000, 10, 3)
    found = set()
    for number in (1, 2, 5):
        with em.threads(number):
            statistics = em.latent_class_statistics(x, w, p)
        found.add(b"".join(np.asarray(part).tobytes() for part in statistics))
    assert len(found) == 1
