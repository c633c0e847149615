"""Wrong derivations are found, right ones are not accused.

The mutants are in `mutants`: small edits of the catalogue's derivations. That each is a mistake,
where and of what it says, is established here with NumPy alone, before any check is asked.
"""

import math
import os
from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from mutants import (
    Mutant,
    Truth,
    Variant,
    counting,
    exponential_missing,
    gaussian_mixture,
    hidden_markov,
)
from mutants.samples import kinds_of

import latentfit
from latentfit.declaration import catalogue
from latentfit.em import run
from latentfit.errors import InputError

MODULES = {
    module.MODEL: module
    for module in (
        exponential_missing,
        gaussian_mixture,
        hidden_markov,
        counting.COINS,
        counting.LINKAGE,
        counting.ALLELES,
    )
}
MUTANTS = [mutant for module in MODULES.values() for mutant in module.MUTANTS]
CORRECT = [variant for module in MODULES.values() for variant in module.CORRECT]

quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# How many data sets may be refused, one after the other, before a kind of data is no use.
_DRAWS = 20


# Each mutant is one.


def test_there_are_enough():
    assert len(exponential_missing.MUTANTS) >= 25
    assert len(gaussian_mixture.MUTANTS) >= 60
    assert len(hidden_markov.MUTANTS) >= 45
    for few in (counting.COINS, counting.LINKAGE, counting.ALLELES):
        assert len(few.MUTANTS) >= 10
    assert len({str(mutant) + mutant.step for mutant in MUTANTS}) == len(MUTANTS)


@quiet
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutant_is_wrong_where_it_says(mutant):
    truth, right, wrong = _truth(mutant), latentfit.load(mutant.model), _changed(mutant)
    if mutant.step == "fixed_point":
        start = dict(wrong.initial(truth.data, np.random.default_rng(1)))
        assert _end(right, truth, start)[0] < _maximum(mutant.model)[0] - 0.1
        return
    if wrong.objective == "posterior":
        right = replace(right, m_step=truth.map_step, statistics=None)
    found, raised, spoiled = set(), False, False
    for params in truth.trials:
        expectations = dict(right.e_step(params, truth.data))
        further = {}
        for name in ("e_step", "maximise", "log_likelihood"):
            given = (params, truth.data)
            if name == "maximise":
                given = (further | expectations, truth.data, params)
            own = deepcopy(given)
            try:
                result = _call(getattr(wrong, name), *own)
            except (KeyError, IndexError, ValueError):
                raised = True
                continue
            spoiled |= any(map(_differing, own, given))
            expected = _call(getattr(right, name), *given)
            if name == "e_step" and isinstance(result, Mapping):
                # Of what more it returns the contract knows nothing; its own M step may.
                further = {entry: result[entry] for entry in result if entry not in expected}
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


@pytest.mark.slow
@quiet
@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.step == "M"], ids=str)
def test_mutant_is_no_generalised_em(mutant):
    """It lowers Q somewhere, or does not end where EM does."""
    wrong, truth = _changed(mutant), _truth(mutant)
    maximum = _maximum(mutant.model, wrong.objective)[1]
    for start in (*truth.trials, _beside(maximum)):
        for end, fall in _course(wrong, truth, start, 400):  # noqa: B007
            if not fall <= 1e-12:
                return
        if _differing(end, maximum, 1e-6):
            return
    pytest.fail("this is a generalised EM")


@pytest.mark.slow
@pytest.mark.parametrize("variant", CORRECT, ids=str)
def test_unusual_derivation_is_right(variant):
    """Q never falls, and the end is that of EM."""
    model, truth = _changed(variant), _truth(variant)
    maximum = _maximum(variant.model, model.objective)[1]
    rounding, precision = (1e-6, 1e-4) if variant.label == "float32" else (1e-12, 1e-6)
    for start in truth.trials:
        for _, fall in _course(model, truth, start, 20):
            assert fall <= rounding
    *_, (end, fall) = _course(model, truth, _beside(maximum), 400)
    assert fall <= rounding
    assert not _differing(end, maximum, precision)


# The check, on all of them.


# The models with most of them apart, so that processes can share the work.
MANY = ("gaussian-mixture", "hidden-markov")


@pytest.mark.slow
@quiet
@pytest.mark.parametrize(
    "models", [*([name] for name in MANY), [name for name in MODULES if name not in MANY]], ids=str
)
def test_mutants_are_found(models):
    rows, unexplained = [], []
    for mutant in (mutant for name in models for mutant in MODULES[name].MUTANTS):
        errors = _errors(_check(mutant))
        there = [finding for finding in errors if finding.step in mutant.steps]
        named = [finding for finding in there if finding.name.split("[")[0] in mutant.names]
        hints = [finding for finding in named if finding.hint]
        rows.append((mutant, *map(bool, (errors, there, named, hints))))
        if mutant.hint and not any(mutant.hint in (finding.hint or "") for finding in named):
            unexplained.append((str(mutant), [finding.hint for finding in named]))
    _print_by_kind(rows)
    _, detected, located, named, _ = zip(*rows, strict=True)
    assert not [str(mutant) for mutant, found, *_ in rows if not found]
    assert np.mean(detected) == 1
    assert np.mean(located) >= 0.95
    assert np.mean(named) >= 0.90
    assert not unexplained


@pytest.mark.slow
@pytest.mark.parametrize("variant", CORRECT, ids=str)
def test_right_derivations_pass(variant):
    errors = _errors(_check(variant))
    assert not errors, errors


# Data sets for each model, its kinds together. Without it, one of one kind.
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
        for _ in range(_DRAWS):
            data = sample.draw(rng)
            try:
                result = right.check(data, seed=1, paths=False, **sample.options)
                break
            except InputError:
                # Of data in which nothing can be estimated a derivation says so.
                refused += 1
        else:
            pytest.fail(f"{_DRAWS} data sets in a row were refused")
        if errors := _errors(result):
            alarms[seed] = errors
    note = f" ({refused} others refused)" if refused else ""
    print(f"{model}, {kind}: {len(alarms)} false alarms on {count} data sets{note}")
    assert not alarms


def _truth(case: Mutant | Variant) -> Truth:
    return MODULES[case.model].TRUTH


def _changed(case: Mutant | Variant) -> latentfit.LatentModel:
    # Their M steps take expectations.
    own = {"statistics": None} if "m_step" in case.changes else {}
    return replace(latentfit.load(case.model), **own, **case.changes)


def _check(case: Mutant | Variant):
    against, truth = _reference(case.model), _truth(case)
    return _changed(case).check(
        dict(truth.data), seed=1, against=against, paths=False, **truth.options
    )


@cache
def _reference(model):
    truth = MODULES[model].TRUTH
    return latentfit.load(model).reference(dict(truth.data), **truth.options)


def _errors(result):
    return [finding for finding in result.findings if finding.severity == "error"]


def _call(step, *arguments):
    """A step, M steps of two arguments or three alike."""
    code = step.__code__
    return step(*arguments[: code.co_argcount]) if code.co_argcount else step(*arguments)


def _differing(given, expected, tolerance=1e-7) -> set[str]:
    """Names of entries that are not the same."""
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


def _course(model, truth, start, iterations):
    """Params on the way from a start, each with how far what the M step maximises has fallen."""
    right = latentfit.load(model.name)

    def height(expectations, params):
        prior = truth.log_prior(params, truth.data) if model.objective == "posterior" else 0.0
        return truth.q(expectations, truth.data, params) + prior

    params = start
    for _ in range(iterations):
        given = model.e_step(params, truth.data)
        after = _call(model.maximise, given, truth.data, params)
        after = {name: np.asarray(value, float) for name, value in after.items()}
        expectations = right.e_step(params, truth.data)
        before, now = height(expectations, params), height(expectations, after)
        yield after, (before - now) / abs(before)
        settled = not _differing(after, params, 1e-13)
        params = after
        if settled:
            return


def _beside(params):
    """A little off, where weights still sum to one."""
    return {
        name: value[::-1] * 0.01 + value * 0.99 if value.ndim else value * 1.01
        for name, value in params.items()
    }


def _end(model, truth, start):
    """Height and params at the end of EM."""
    solution = run(
        model.e_step, model.maximise, truth.data, start, log_likelihood=model.log_likelihood
    )
    return solution.log_likelihood, solution.params


@cache
def _maximum(name, objective="likelihood"):
    """Log-likelihood and params of the maximum, by the catalogue's own derivation."""
    model, truth = latentfit.load(name), MODULES[name].TRUTH
    if objective == "posterior":
        model = replace(model, m_step=truth.map_step, statistics=None, objective=objective)
    *_, (params, _) = _course(model, truth, truth.trials[0], 3000)
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
