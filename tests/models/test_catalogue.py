"""Every model of the catalogue has the same properties; a new file is taken up as it is."""

import re
from collections.abc import Mapping
from functools import cache
from itertools import permutations

import numpy as np
import pytest

import latentfit
from latentfit import declaration as declared
from latentfit.declaration.columns import bind_columns
from latentfit.declaration.csv_table import read_table
from latentfit.declaration.data import mask_missing, validate_data
from latentfit.em import Stopping

ENTRIES = {entry.name: entry for entry in declared.catalogue()}
SECTIONS = (
    "Complete-data log-likelihood",
    "E step",
    "M step",
    "Observed log-likelihood",
    "References",
)
VERDICTS = (
    "check",
    "chains",
    "em_vs_mle",
    "em_in_posterior",
    "errors_routes",
    "monotone",
    "optima",
)
SEED = 1
STARTS = 2
# Some figures are published to nine digits; by default EM stops a hundred-millionth short.
STOPPING = Stopping(distance=1e-10)

every_model = pytest.mark.parametrize("name", ENTRIES)


@cache
def load(name):
    return latentfit.load(name)


@cache
def density(name, key):
    """Of the declaration on the example data, or on those of a published figure."""
    from latentfit import bayes

    data, options = case(name, key)
    declaration = load(name).declare(data, **options)
    return declaration, bayes.Density(
        bayes.observed_view(declaration), declared.parameter_space(declaration)
    )


@cache
def fitted(name, key):
    data, options = case(name, key)
    return load(name).fit(data, seed=SEED, starts=STARTS, stopping=STOPPING, **options)


def key_of(figure):
    """What a published figure was computed on, as a key; empty where that is the example."""
    options = tuple(sorted(figure.get("options", {}).items()))
    key = (figure.get("data", ""), figure.get("column", ""), options)
    return key if any(key) else ()


def case(name, key):
    """Data, None for the example, and options."""
    if not key:
        return None, {}
    table, column, options = key
    if not table:
        return None, dict(options)
    model = load(name)
    example = model.example_data()
    matrices = [argument for argument, value in example.items() if np.ndim(value) == 2]
    # Columns of one argument are separated by commas, and so are the arguments.
    chosen = re.split(r",\s*(?=\w+=)", column) if column else []
    path = ENTRIES[name].path.parent / "data" / table
    bound = bind_columns(model.arguments, read_table(path), chosen, matrices)
    return bound, dict(options)


def located(name, key, params):
    to_model = load(name).to_model
    return density(name, key)[1].space.locate(to_model(params) if to_model else params)


def natural(name, key):
    """EM's estimates by every name that a figure may have."""
    values = density(name, key)[1].space.constrain(located(name, key, fitted(name, key).params))
    return {**values, **fitted(name, key).params}


def numberings(name, key):
    """EM's estimates in every numbering of components that the likelihood cannot tell apart."""
    from latentfit.agreement import renumber_one
    from latentfit.agreement.alignment import align

    values = natural(name, key)
    found = [values]
    at = located(name, key, fitted(name, key).params)
    for exchange in align(*density(name, key), at).exchanges:
        orders = list(permutations(range(exchange.size)))
        found = [renumber_one(exchange, value, order) for value in found for order in orders]
    return found


def entry(values, label):
    """The number behind a name such as ``theta`` or ``P[0,1]``."""
    name, _, index = label.rstrip("]").partition("[")
    return np.asarray(values[name])[tuple(map(int, index.split(",")))] if index else values[name]


def misses(figures, values):
    return [
        f"{figure['name']} is {entry(values, figure['name']):.10g}, published "
        f"{figure['value']:.10g} ± {figure['tolerance']:g}"
        for figure in figures
        if not abs(entry(values, figure["name"]) - figure["value"]) <= figure["tolerance"]
    ]


def same(ours: Mapping, theirs: Mapping):
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[n], theirs[n]) for n in ours)


def test_there_are_models():
    assert ENTRIES


@every_model
def test_name_consists_of_small_letters_digits_and_hyphens(name):
    assert re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", name)
    assert ENTRIES[name].path.name == f"{name.replace('-', '_')}.py"


@every_model
def test_derivation_is_written_down(name):
    model = load(name)
    assert ENTRIES[name].title == model.title
    assert model.title[:1].isupper()
    assert not model.title.endswith(".")
    headings = re.findall(r"^## (.+)$", model.derivation, re.MULTILINE)
    places = []
    for section in SECTIONS:
        there = [i for i, heading in enumerate(headings) if heading.startswith(section)]
        assert len(there) == 1, f"sections that begin with {section!r}: {len(there)}"
        places += there
    assert places == sorted(places)
    for heading in (headings[place] for place in places):
        body = model.derivation.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
        assert body.strip(), f"{heading} is empty"
        if heading != "References":
            assert "$" in body, f"{heading} has no formula"


@every_model
def test_example_and_published_have_what_belongs_to_them(name):
    """A model need not have published figures."""
    model = load(name)
    assert model.example_data().keys() == set(model.arguments)
    for figure in model.published:
        assert figure.keys() >= {"name", "value", "tolerance", "source"}
        assert figure["tolerance"] > 0
        assert figure["source"]


@every_model
def test_fit_converges(name):
    fit = fitted(name, ())
    assert fit.converged, fit.message
    assert all(solution.decrease is None for solution in fit.solutions)


@pytest.mark.slow
@every_model
def test_free_parameters_are_those_of_the_declaration(name):
    from latentfit.selection.counts import free_parameters

    assert free_parameters(fitted(name, ()).best.trace.params) == density(name, ())[1].space.size


@every_model
def test_a_seed_settles_the_fit(name):
    model, stopping = load(name), Stopping(max_iterations=20)
    one, other = (model.fit(seed=SEED, starts=3, stopping=stopping) for _ in range(2))
    for ours, theirs in zip(one.solutions, other.solutions, strict=True):
        assert same(ours.trace.params, theirs.trace.params)
        assert ours.stop is theirs.stop
    assert same(one.params, other.params)
    assert one.log_likelihood == other.log_likelihood


@pytest.mark.slow
@every_model
def test_log_likelihood_is_that_of_the_declaration(name):
    model = load(name)
    assert model.log_likelihood
    declaration, observed = density(name, ())
    stopping = Stopping(max_iterations=3)
    early = model.fit(seed=SEED, starts=3, stopping=stopping).solutions
    tried = [{n: v[i] for n, v in s.trace.params.items()} for s in early for i in (0, -1)]
    gaps, scale = [], 1.0
    for params in [*tried, dict(fitted(name, ()).params)]:
        ours = model.log_likelihood(params, declaration.data)
        theirs, _ = observed.log_likelihood(located(name, (), params))
        gaps.append(float(ours - theirs))
        scale = max(scale, abs(theirs))
    np.testing.assert_allclose(gaps, gaps[0], rtol=0, atol=1e-10 * scale)
    if "up to a constant" not in model.derivation:
        np.testing.assert_allclose(gaps, 0, atol=1e-10 * scale)


@every_model
def test_new_data_are_like_the_example(name):
    model = load(name)
    example = validate_data(model.example_data(), model.arguments)
    one, again, other = (
        new
        for seed in (SEED, SEED, SEED + 1)
        for new in model.draw(fitted(name, ()).params, seed=seed)
    )
    assert list(one) == list(example)
    for argument, values in example.items():
        assert one[argument].shape == values.shape
        assert one[argument].dtype == values.dtype
        np.testing.assert_array_equal(*(np.isnan(data[argument]) for data in (one, example)))
        np.testing.assert_array_equal(one[argument], again[argument])
    assert any(not np.array_equal(one[n], other[n], equal_nan=True) for n in one)


@every_model
def test_score_has_mean_zero_where_data_are_drawn(name):
    model, width = load(name), 1e-4
    example = mask_missing(validate_data(model.example_data(), model.arguments))
    # At a start, since the estimate may be on the boundary, where it has not; towards the estimate.
    at = model.initial(example, np.random.default_rng(SEED))
    towards = fitted(name, ()).params
    ahead, behind = (
        {n: at[n] + step * (towards[n] - at[n]) for n in towards} for step in (width, -width)
    )
    scores = [
        (model.log_likelihood(ahead, data) - model.log_likelihood(behind, data)) / (2 * width)
        for data in map(mask_missing, model.draw(at, samples=100, seed=SEED))
    ]
    assert abs(np.mean(scores)) < 4 * np.std(scores) / np.sqrt(len(scores))


FIGURES = [
    pytest.param(name, key, id="-".join([name, *(str(part) for part in key if part)]))
    for name in ENTRIES
    for key in dict.fromkeys(map(key_of, load(name).published))
]


@pytest.mark.parametrize(("name", "key"), FIGURES)
def test_published_figures_are_met(name, key):
    figures = [figure for figure in load(name).published if key_of(figure) == key]
    fit = fitted(name, key)
    assert fit.converged, fit.message
    log_likelihoods = [figure for figure in figures if figure["name"] == "log_likelihood"]
    assert not misses(log_likelihoods, {"log_likelihood": fit.log_likelihood})
    others = [figure for figure in figures if figure["name"] != "log_likelihood"]
    if not others:
        return
    missed = misses(others, natural(name, key))
    if missed:
        # All in one numbering: a figure alone may be near that of another component.
        missed = min((misses(others, values) for values in numberings(name, key)), key=len)
    assert not missed


@cache
def comparison(name):
    # JAX compiles a new model in seconds, Numba in half a minute or more;
    # tests/bayes/sampling/test_backends.py compares the densities that they compile.
    # validation/gallery.py compares with the default tuning, which is twice as long.
    return load(name).compare(seed=0, backend="jax", tune=500)


# Lower maxima are worth knowing of where they are; that EM is at the highest is what counts.
_WELL = {"optima": ("pass", "warn")}


# One test for all verdicts: were they apart, processes that share the tests out among them would
# each sample the same posterior again.
@pytest.mark.slow
@every_model
def test_comparison_agrees(name):
    found = comparison(name)
    verdicts = {verdict.id: verdict for verdict in found.verdicts}
    wrong = [
        f"{key}: {verdicts[key].status}, {verdicts[key].detail}" if key in verdicts else key
        for key in VERDICTS
        if key not in verdicts or verdicts[key].status not in _WELL.get(key, ("pass",))
    ]
    assert not wrong, "\n".join(wrong)
    assert found.agree is True
