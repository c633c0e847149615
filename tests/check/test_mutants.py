"""Wrong derivations fail the check, and right ones pass.

The mutants are in `mutants`: small edits of the catalogue's derivations. That each of them is wrong
in the step and in the quantities that it states is tested here with NumPy alone, without the check.
"""

import math
import os
import textwrap
from collections import Counter, defaultdict
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import cache

import mutants
import numpy as np
import pytest
from mutants import CORRECT, MUTANTS, TRUTHS, Mutant, Truth, Variant
from sample_data import kinds_of

import latentfit
from latentfit.declaration import catalogue
from latentfit.em import run
from latentfit.errors import InputError

quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# How many data sets in a row a derivation may refuse before a kind of data is useless.
_MAX_REFUSED = 20


# That mutants are wrong, and variants right.


def test_there_are_enough():
    counts = Counter(mutant.model for mutant in MUTANTS)
    assert counts["exponential-missing"] >= 25
    assert counts["gaussian-mixture"] >= 60
    assert counts["hidden-markov"] >= 45
    for few in ("coins", "genetic-linkage", "allele-frequencies", "censored-survival"):
        assert counts[few] >= 10
    for few in ("probabilistic-pca", "latent-class", "poisson-mixture"):
        assert counts[few] >= 10
    assert len({str(mutant) + mutant.step for mutant in MUTANTS}) == len(MUTANTS)


def test_every_model_with_mutants_has_a_truth():
    assert {case.model for case in (*MUTANTS, *CORRECT)} == TRUTHS.keys()


@quiet
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutant_is_wrong_where_it_states(mutant):
    truth, right, wrong = _truth(mutant), latentfit.load(mutant.model), _changed(mutant)
    if mutant.step == "fixed_point":
        start = dict(wrong.initial(truth.data, np.random.default_rng(1)))
        assert _limit(right, truth, start)[0] < _maximum(mutant.model)[0] - 0.1
        return
    if wrong.objective == "posterior":
        right = replace(right, m_step=truth.map_step, statistics=None)
    found, raised, spoiled = set(), False, False
    for params in truth.trials:
        expectations = dict(right.e_step(params, truth.data))
        additional = {}
        for name in ("e_step", "maximise", "log_likelihood"):
            given = (params, truth.data)
            if name == "maximise":
                given = (additional | expectations, truth.data, params)
            own = deepcopy(given)
            try:
                result = _call(getattr(wrong, name), *own)
            except (KeyError, IndexError, ValueError):
                raised = True
                continue
            spoiled |= any(map(_differing, own, given))
            expected = _call(getattr(right, name), *given)
            if name == "e_step" and isinstance(result, Mapping):
                # The contract ignores additional entries; the mutant's own M step may use them.
                additional = {entry: result[entry] for entry in result if entry not in expected}
                result = {entry: result[entry] for entry in expected if entry in result}
            if name == "log_likelihood":
                result, expected = {name: result}, {name: expected}
            found |= _differing(result, expected)
    assert raised == (mutant.kind == "raises")
    assert spoiled == (mutant.kind == "argument changed")
    if mutant.step == "contract":
        assert found or raised or spoiled
    else:
        assert found == mutant.names


def test_mutant_of_the_documentation_is_wrong_where_it_states():
    (mutant,) = _mutants_of_the_documentation()
    test_mutant_is_wrong_where_it_states(mutant)


@pytest.mark.slow
@quiet
@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.step == "M"], ids=str)
def test_mutant_is_not_generalised_em(mutant):
    """It decreases Q somewhere, or does not converge to EM's limit point."""
    wrong, truth = _changed(mutant), _truth(mutant)
    maximum = _maximum(mutant.model, wrong.objective)[1]
    for start in (*truth.trials, _beside(maximum)):
        for params, decrease in _iterates(wrong, truth, start, 400):  # noqa: B007
            if not decrease <= 1e-12:
                return
        if _differing(params, maximum, 1e-6):
            return
    pytest.fail("this is a generalised EM")


@pytest.mark.slow
@pytest.mark.parametrize("variant", CORRECT, ids=str)
def test_unusual_derivation_is_right(variant):
    """Q never decreases, and the limit point is EM's."""
    model, truth = _changed(variant), _truth(variant)
    maximum = _maximum(variant.model, model.objective)[1]
    rounding, precision = (1e-6, 1e-4) if variant.label == "float32" else (1e-12, 1e-6)
    for start in truth.trials:
        for _, decrease in _iterates(model, truth, start, 20):
            assert decrease <= rounding
    *_, (limit, decrease) = _iterates(model, truth, _beside(maximum), 400)
    assert decrease <= rounding
    assert not _differing(limit, maximum, precision)


# The check of mutants, of variants, and of the catalogue.


# The models with the most mutants are tested separately, so that processes can share the work.
MANY = ("gaussian-mixture", "hidden-markov")


@pytest.mark.slow
@quiet
@pytest.mark.parametrize(
    "models", [*([name] for name in MANY), [name for name in TRUTHS if name not in MANY]], ids=str
)
def test_mutants_are_found(models):
    rows, unexplained, late = [], [], []
    for mutant in (mutant for mutant in MUTANTS if mutant.model in models):
        errors = _errors(_check(mutant))
        there = [finding for finding in errors if finding.step in mutant.steps]
        named = [finding for finding in there if finding.name.split("[")[0] in mutant.names]
        hints = [finding for finding in named if finding.hint]
        rows.append((mutant, *map(bool, (errors, there, named, hints))))
        if mutant.step == "E" and not _is_about_e_step(errors[0]):
            late.append((str(mutant), errors))
        if mutant.hint and not any(mutant.hint in (finding.hint or "") for finding in named):
            unexplained.append((str(mutant), [finding.hint for finding in named]))
    _print_by_kind(rows)
    _, detected, located, named, hinted = zip(*rows, strict=True)
    assert not [str(mutant) for mutant, found, *_ in rows if not found]
    assert np.mean(detected) == 1
    assert np.mean(located) >= 0.97
    assert np.mean(named) >= 0.90
    assert np.mean(hinted) >= 0.70
    assert not unexplained
    assert not late


@pytest.mark.slow
def test_mutant_of_the_documentation_is_explained_by_the_known_mistake_of_the_documentation(
    monkeypatch,
):
    from latentfit.check import mistakes
    from latentfit.check.mistakes import _registry

    monkeypatch.setattr(_registry, "_REGISTERED", dict(_registry._REGISTERED))
    example = mistakes.__doc__.split("``tenfold.py``::\n")[1].split("\n\nThe function yields")[0]
    exec(textwrap.dedent(example), {"__name__": "tenfold"})
    (mutant,) = _mutants_of_the_documentation()
    (finding,) = _errors(_check(mutant))
    assert finding.name == "mu"
    assert mutant.hint in finding.hint


@pytest.mark.slow
@pytest.mark.parametrize("variant", CORRECT, ids=str)
def test_right_derivations_pass(variant):
    errors = _errors(_check(variant))
    assert not errors, errors


# Number of data sets for each model, all kinds together; by default one data set of one kind.
SAMPLES = int(os.environ.get("FALSE_ALARM_SAMPLES", "0"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (entry.name, kind)
        for entry in catalogue()
        for kind in list(kinds_of(entry.name))[: None if SAMPLES else 1]
    ],
)
def test_no_false_alarms(model, kind):
    kinds = kinds_of(model)
    count = max(1, math.ceil(SAMPLES / len(kinds)))
    sample = kinds[kind]
    right, alarms, refused = latentfit.load(model), {}, 0
    for seed in range(count):
        rng = np.random.default_rng(seed)
        for _ in range(_MAX_REFUSED):
            data = sample.draw(rng)
            try:
                result = right.check(data, seed=1, paths=False, **sample.options)
                break
            except InputError:
                # A derivation may refuse data from which nothing can be estimated.
                refused += 1
        else:
            pytest.fail(f"{_MAX_REFUSED} data sets in a row were refused")
        if errors := _errors(result):
            alarms[seed] = errors
    note = f" ({refused} others refused)" if refused else ""
    print(f"{model}, {kind}: {len(alarms)} false alarms on {count} data sets{note}")
    assert not alarms


def _is_about_e_step(finding):
    return finding.step == "E" or finding.evidence.get("function") == "e_step"


def _mutants_of_the_documentation():
    names = {}
    exec(textwrap.dedent(mutants.__doc__.split("``gaussian_mixture.py``::\n")[1]), names)
    return names["MUTANTS"]


def _truth(case: Mutant | Variant) -> Truth:
    return TRUTHS[case.model]


def _changed(case: Mutant | Variant) -> latentfit.LatentModel:
    # The M steps of mutants take expectations, not statistics.
    own = {"statistics": None} if "m_step" in case.changes else {}
    return replace(latentfit.load(case.model), **own, **case.changes)


def _check(case: Mutant | Variant):
    against, truth = _reference(case.model), _truth(case)
    return _changed(case).check(
        dict(truth.data), seed=1, against=against, paths=False, **truth.options
    )


@cache
def _reference(model):
    truth = TRUTHS[model]
    return latentfit.load(model).reference(dict(truth.data), **truth.options)


def _errors(result):
    return [finding for finding in result.findings if finding.severity == "error"]


def _call(step, *arguments):
    """Call a step, also an M step of two arguments with three."""
    code = step.__code__
    return step(*arguments[: code.co_argcount]) if code.co_argcount else step(*arguments)


def _differing(given, expected, tolerance=1e-7) -> set[str]:
    """Return the names of entries that differ."""
    if not isinstance(given, Mapping):
        return {"not a mapping"}
    return {
        name
        for name in given.keys() | expected.keys()
        if name not in given
        or name not in expected
        or np.shape(given[name]) != np.shape(expected[name])
        or not np.array_equal(np.ma.getmaskarray(given[name]), np.ma.getmaskarray(expected[name]))
        or not np.ma.allclose(given[name], expected[name], rtol=tolerance, atol=0)
    }


def _iterates(model, truth, start, iterations):
    """Yield EM's iterates, each with the relative decrease of what the M step maximises."""
    right = latentfit.load(model.name)

    def objective(expectations, params):
        prior = truth.log_prior(params, truth.data) if model.objective == "posterior" else 0.0
        return truth.q(expectations, truth.data, params) + prior

    params = start
    for _ in range(iterations):
        given = model.e_step(params, truth.data)
        after = _call(model.maximise, given, truth.data, params)
        after = {name: np.asarray(value, float) for name, value in after.items()}
        expectations = right.e_step(params, truth.data)
        before, now = objective(expectations, params), objective(expectations, after)
        # Q is 0 where all responsibilities and probabilities are 0 or 1.
        yield after, (before - now) / (abs(before) or 1.0)
        converged = not _differing(after, params, 1e-13)
        params = after
        if converged:
            return


def _beside(params):
    """Return params close to the given ones, with weights that still sum to one."""
    return {
        name: value[::-1] * 0.01 + value * 0.99 if value.ndim else value * 1.01
        for name, value in params.items()
    }


def _limit(model, truth, start):
    """Return the log-likelihood and the params at EM's limit point."""
    solution = run(
        model.e_step, model.maximise, truth.data, start, log_likelihood=model.log_likelihood
    )
    return solution.log_likelihood, solution.params


@cache
def _maximum(name, objective="likelihood"):
    """Return log-likelihood and params of the maximum, by the catalogue's own derivation."""
    model, truth = latentfit.load(name), TRUTHS[name]
    if objective == "posterior":
        model = replace(model, m_step=truth.map_step, statistics=None, objective=objective)
    *_, (params, _) = _iterates(model, truth, truth.trials[0], 3000)
    return model.log_likelihood(params, truth.data), params


def _print_by_kind(rows):
    counts = defaultdict(list)
    for mutant, *outcomes in rows:
        counts[f"{mutant.step}: {mutant.kind}"].append(outcomes)
    counts["all"] = [outcomes for _, *outcomes in rows]
    head = ("mutants", "detected", "step", "quantity", "hint")
    print(f"\n{', '.join({mutant.model: None for mutant, *_ in rows})}")
    print(f"{'kind':44}" + "".join(f"{word:>10}" for word in head))
    for kind, outcomes in sorted(counts.items(), key=lambda item: (item[0] == "all", item[0])):
        figures = (len(outcomes), *np.sum(outcomes, axis=0))
        print(f"{kind:44}" + "".join(f"{figure:10d}" for figure in figures))
    for mutant, *outcomes in rows:
        if not all(outcomes[:3]):
            missed = (
                "not detected" if not outcomes[0] else "elsewhere" if not outcomes[1] else "other"
            )
            print(f"{missed}: {mutant} ({mutant.step}: {', '.join(sorted(mutant.names))})")
