"""The contract of the steps."""

import re
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import latentfit
from latentfit.check.contract import examine
from latentfit.check.examination import Examination, TrialPoint
from latentfit.declaration import parameter_space as space_of

X = np.array([1.9, 2.1, 2.0, 4.2, 4.4, 4.0, 4.3])
LATENT = (len(X), 2)


@pytest.fixture(scope="module")
def examination() -> Examination:
    """Return a mixture of two normals with right steps, and statistics from its E step."""
    model = latentfit.load("gaussian-mixture")
    declaration = model.declare(X)
    space = space_of(declaration)
    values = (
        ("start 1", {"w": [0.5, 0.5], "mu": [2.0, 4.0], "sigma": [1.0, 0.5]}),
        ("start 2", {"w": [0.2, 0.8], "mu": [1.0, 3.0], "sigma": [0.7, 2.0]}),
        ("at the maximum", {"w": [3 / 7, 4 / 7], "mu": [2.0, 4.2], "sigma": [0.1, 0.15]}),
    )
    trial_points = []
    for label, value in values:
        params = {name: np.array(one) for name, one in value.items()}
        statistics = model.e_step(params, declaration.data)
        trial_points.append(TrialPoint(label, params, space.locate(params), statistics, statistics))
    return Examination(
        name="mixture",
        declaration=declaration,
        density=SimpleNamespace(space=space),
        complete=SimpleNamespace(
            exact=True, discrete=True, categories={"z": np.arange(2)}, latents=("z",)
        ),
        e_step=model.e_step,
        m_step=model.maximise,
        log_likelihood=None,
        objective="likelihood",
        expectations={},
        draws=lambda trial: trial.statistics,
        to_model=lambda params: params,
        from_model=None,
        trial_points=tuple(trial_points),
        maximum=None,
        data=declaration.data,
        seed=0,
    )


def after(step, change):
    """Return the step with a change of what it returns."""

    def changed(*arguments):
        return change(dict(step(*arguments)))

    return changed


def only(contract, check, *names):
    """Assert that one check failed, with findings of these names, and return the findings."""
    outcome = contract.outcome
    failed = [one.id for one in outcome.checks if one.status == "fail"]
    assert failed == [f"contract.{check}"], outcome
    assert [finding.name for finding in outcome.findings] == list(names)
    assert all(f.step == "contract" and f.severity == "error" for f in outcome.findings)
    return outcome.findings


def test_right_steps_pass_and_their_results_are_returned(examination):
    contract = examine(examination, 5)
    assert contract.outcome.findings == ()
    assert [check.status for check in contract.outcome.checks] == ["pass"] * 7
    labels = [trial.label for trial in examination.trial_points]
    assert list(contract.given) == list(contract.fed) == list(contract.returned) == labels
    for trial in examination.trial_points:
        np.testing.assert_array_equal(contract.given[trial.label]["z"], trial.statistics["z"])
    one = contract.returned["start 1"]
    assert one["w"] == pytest.approx(contract.given["start 1"]["z"].mean(axis=0), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "check", "name", "message", "hint"),
    [
        (lambda r: None, "returns", "e_step", "e_step returns nothing", "return statement"),
        (lambda r: [r["z"]], "returns", "e_step", "of type list", None),
        (lambda r: {"r": r["z"]}, "names", "z", "no expectation 'z': it returns r", "is 'r' meant"),
        (lambda r: {"z": r["z"].T}, "shapes", "z", "shape (2, 7); expected (7, 2)", "transposed"),
        (lambda r: {"z": r["z"][:, 1]}, "shapes", "z", "shape (7,)", "all categories"),
        (lambda r: {"z": r["z"][None]}, "shapes", "z", "shape (1, 7, 2)", "length 1"),
        (lambda r: {"z": [[0.5, 0.5], [1]]}, "shapes", "z", "different lengths", None),
        (lambda r: {"z": r["z"] + 0j}, "values", "z", "of complex numbers", None),
        (lambda r: {"z": r["z"].astype(str)}, "values", "z", "of type <U", None),
        (lambda r: {"z": np.ma.masked_less(r["z"], 2)}, "values", "z", "14 of 14 .* masked", None),
    ],
)
def test_problems_with_the_result_of_an_e_step(examination, change, check, name, message, hint):
    contract = examine(replace(examination, e_step=after(examination.e_step, change)), 5)
    (finding,) = only(contract, check, name)
    assert re.search(message.replace("(", r"\(").replace(")", r"\)"), finding.message)
    assert "start 1: w = [0.5, 0.5], mu = [2., 4.]" in finding.message
    assert finding.evidence["times"] == len(examination.trial_points)
    assert hint in finding.hint if hint else finding.hint is None
    # The M step is still examined: it is fed the exact statistics.
    assert contract.given == {}
    assert len(contract.returned) == len(examination.trial_points)


def test_a_wrong_shape_of_the_expectation_itself_is_no_evidence(examination):
    """The check has the expectation of z in a shape that z cannot have."""
    trials = tuple(
        replace(trial, statistics={"z": trial.statistics["z"][..., None]}, expected={})
        for trial in examination.trial_points
    )
    assert examine(replace(examination, trial_points=trials), 5).outcome.findings == ()


def test_an_underflow_is_recognised_by_its_rows(examination):
    def naive(params, data):
        with np.errstate(all="ignore"):
            density = np.exp(-(((data["x"][:, None] - params["mu"]) / params["sigma"]) ** 2) / 2)
            joint = params["w"] * density / params["sigma"]
            return {"z": joint / joint.sum(axis=1, keepdims=True)}

    label, params = "far away", examination.trial_points[0].params | {"mu": np.array([90.0, 4.0])}
    params["sigma"] = np.array([0.01, 0.05])
    far = replace(examination.trial_points[0], label=label, params=params)
    contract = examine(
        replace(examination, e_step=naive, trial_points=(far, *examination.trial_points)), 5
    )
    (finding,) = only(contract, "values", "z")
    assert "not finite (far away" in finding.message
    assert "logarithms" in finding.hint
    assert list(contract.given) == [trial.label for trial in examination.trial_points]


@pytest.mark.parametrize(
    ("change", "check", "names", "message"),
    [
        (lambda p: tuple(p.values()), "returns", ["m_step"], "of type tuple"),
        (lambda p: {k: p[k] for k in ("w", "mu")}, "names", ["sigma"], "returns no 'sigma'"),
        (lambda p: p | {"tau": 1.0}, "names", ["tau"], "'tau', which is not a parameter"),
        (lambda p: p | {"mu": p["mu"][0]}, "shapes", ["mu"], "with shape (); expected (2,)"),
        (lambda p: p | {"sigma": p["sigma"] * np.nan}, "values", ["sigma"], "2 of 2 numbers"),
        (lambda p: p | {"w": p["w"] * 0.9}, "support", ["w"], "outside its support"),
        (lambda p: p | {"sigma": -p["sigma"]}, "support", ["sigma"], "it should be positive"),
    ],
)
def test_problems_with_the_result_of_an_m_step(examination, change, check, names, message):
    contract = examine(replace(examination, m_step=after(examination.m_step, change)), 5)
    (finding,) = only(contract, check, *names)
    assert message in finding.message
    assert len(contract.given) == len(examination.trial_points)
    # A value outside the support is still a number that can be compared.
    assert len(contract.returned) == (3 if check == "support" else 0)


def test_the_hint_gives_the_sum_of_the_weights(examination):
    short = after(examination.m_step, lambda p: p | {"w": p["w"] * 0.9})
    (finding,) = examine(replace(examination, m_step=short), 5).outcome.findings
    assert finding.hint == "the sums along the last axis are 0.9"


def test_several_problems_at_once_are_all_found(examination):
    wrong = replace(
        examination,
        e_step=after(examination.e_step, lambda r: {"z": r["z"].T}),
        m_step=after(examination.m_step, lambda p: p | {"mu": p["mu"] * np.inf, "tau": 0}),
    )
    found = {(f.name, f.message.split()[0]) for f in examine(wrong, 5).outcome.findings}
    assert found == {("z", "e_step"), ("mu", "m_step"), ("tau", "m_step")}


def test_an_error_is_located_in_the_authors_file(examination, tmp_path):
    path = tmp_path / "theirs.py"
    path.write_text("import numpy as np\n\ndef m(e, data, p):\n    return np.linalg.inv(e['z'])\n")
    names: dict = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    contract = examine(replace(examination, m_step=names["m"]), 5)
    (finding,) = only(contract, "returns", "m_step")
    assert finding.message.startswith("m_step raised LinAlgError: ")
    assert "(theirs.py, line 4)" in finding.message
    assert contract.returned == {}
    assert len(contract.given) == 3


def test_an_m_step_that_needs_an_entry_missing_from_the_e_step_is_not_blamed(examination):
    model = latentfit.load("gaussian-mixture")
    renamed = replace(
        examination,
        e_step=after(examination.e_step, lambda r: {"gamma": r["z"][:, 0]}),
        m_step=lambda e, data, params: model.maximise({"z": e["other"]}, data, params),
    )
    only(examine(renamed, 5), "names", "z")


def test_changed_arguments_are_named(examination):
    def e_step(params, data):
        result = model.e_step(params, data)
        params["mu"] -= 1
        data["extra"] = 1
        return result

    def m_step(expectations, data, params):
        z = expectations["z"]
        z /= z.sum(axis=0)
        return model.maximise(before, data, params)

    model = latentfit.load("gaussian-mixture")
    before = {"z": examination.trial_points[0].statistics["z"].copy()}
    kept = [trial.params["mu"].copy() for trial in examination.trial_points]
    contract = examine(replace(examination, e_step=e_step, m_step=m_step), 5)
    first, second = only(contract, "arguments", "e_step", "m_step")
    assert "params['mu'], data['extra'] are not" in first.message
    assert "expectations['z'] is not" in second.message
    for trial, mu in zip(examination.trial_points, kept, strict=True):
        np.testing.assert_array_equal(trial.params["mu"], mu)
    assert "extra" not in examination.data
    # The expectations in `fed` are those from before they were changed.
    np.testing.assert_array_equal(contract.fed["start 1"]["z"], before["z"])


def test_random_numbers_and_state_are_found(examination):
    rng = np.random.default_rng(0)
    noisy = after(examination.e_step, lambda r: {"z": r["z"] + rng.normal(0, 1e-9, LATENT)})
    (finding,) = only(examine(replace(examination, e_step=noisy), 5), "state", "e_step")
    assert "returns a different z" in finding.message

    kept_results: list = []

    def remembers(expectations, data, params):
        kept_results.append(examination.m_step(expectations, data, params))
        return kept_results[max(len(kept_results) - 2, 0)]

    only(examine(replace(examination, m_step=remembers), 5), "state", "m_step")


def test_rounding_is_not_state(examination):
    signs = iter(np.tile([1, -1], 50))
    rounded = after(examination.e_step, lambda r: {"z": r["z"] * (1 + next(signs) * 1e-15)})
    assert examine(replace(examination, e_step=rounded), 5).outcome.findings == ()


def test_a_step_that_hangs_is_called_once(examination):
    calls = []

    def hangs(params, data):
        calls.append(params)
        while True:
            pass

    started = time.monotonic()
    contract = examine(replace(examination, e_step=hangs), 0.2)
    assert time.monotonic() - started < 2
    assert len(calls) == 1
    (finding,) = only(contract, "returns", "e_step")
    assert finding.message.startswith("e_step took longer than 0.2 s (start 1: ")
    assert contract.given == {}


def test_declared_expectations_replace_the_latents(examination):
    counts = replace(
        examination,
        expectations={"n": lambda latents, data: np.bincount(latents["z"], minlength=2)},
        e_step=after(
            examination.e_step, lambda r: {"n": r["z"].sum(axis=0), "log_r": np.log(r["z"])}
        ),
        m_step=lambda e, data, params: params,
    )
    assert examine(counts, 5).outcome.findings == ()
    short = replace(counts, e_step=after(counts.e_step, lambda r: {"n": r["n"][0]}))
    (finding,) = only(examine(short, 5), "shapes", "n")
    assert finding.evidence["expected"] == [2]


def test_the_expectations_for_the_m_step_can_be_chosen(examination):
    seen = []

    def m_step(expectations, data, params):
        seen.append(expectations["z"].sum())
        return examination.m_step(expectations, data, params)

    def feed(given):
        assert list(given) == [trial.label for trial in examination.trial_points]
        return {"start 2": {"z": np.full(LATENT, 0.25)}}

    contract = examine(replace(examination, m_step=m_step), 5, feed)
    assert list(contract.returned) == ["start 2"]
    assert seen == [0.25 * 14] * 2
