"""The contract of the steps, and calls under a time limit."""

import re
import signal
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import latentfit
from latentfit.check._calls import Failure, Timeout, attempt, limited, on_copies
from latentfit.check._contract import examine
from latentfit.check._subject import Subject, Trial
from latentfit.declaration import space as space_of

X = np.array([1.9, 2.1, 2.0, 4.2, 4.4, 4.0, 4.3])
LATENT = (len(X), 2)


@pytest.fixture(scope="module")
def subject() -> Subject:
    """A mixture of two normals with its right steps; statistics from the right E step."""
    model = latentfit.load("gaussian-mixture")
    declaration = model.declare(X)
    space = space_of(declaration)
    values = (
        ("start 1", {"w": [0.5, 0.5], "mu": [2.0, 4.0], "sigma": [1.0, 0.5]}),
        ("start 2", {"w": [0.2, 0.8], "mu": [1.0, 3.0], "sigma": [0.7, 2.0]}),
        ("at the maximum", {"w": [3 / 7, 4 / 7], "mu": [2.0, 4.2], "sigma": [0.1, 0.15]}),
    )
    trials = []
    for where, value in values:
        params = {name: np.array(one) for name, one in value.items()}
        statistics = model.e_step(params, declaration.data)
        trials.append(Trial(where, params, space.locate(params), statistics, statistics))
    return Subject(
        name="mixture",
        declaration=declaration,
        density=SimpleNamespace(space=space),
        complete=SimpleNamespace(exact=True, discrete=True, latents=("z",)),
        e_step=model.e_step,
        m_step=model.maximise,
        log_likelihood=None,
        objective="likelihood",
        expectations={},
        draws=lambda trial: trial.statistics,
        to_model=lambda params: params,
        from_model=None,
        trials=tuple(trials),
        maximum=None,
        data=declaration.data,
        seed=0,
    )


def after(step, change):
    """The step with something done to what it returns."""

    def changed(*arguments):
        return change(dict(step(*arguments)))

    return changed


def only(contract, check, *names):
    """The findings, which are those of one check and these names, and the check has failed."""
    outcome = contract.outcome
    failed = [one.id for one in outcome.checks if one.status == "fail"]
    assert failed == [f"contract.{check}"], outcome
    assert [finding.name for finding in outcome.findings] == list(names)
    assert all(f.step == "contract" and f.severity == "error" for f in outcome.findings)
    return outcome.findings


def test_right_steps_pass_and_their_results_are_handed_on(subject):
    contract = examine(subject, 5)
    assert contract.outcome.findings == ()
    assert [check.status for check in contract.outcome.checks] == ["pass"] * 7
    places = [trial.where for trial in subject.trials]
    assert list(contract.given) == list(contract.fed) == list(contract.returned) == places
    for trial in subject.trials:
        np.testing.assert_array_equal(contract.given[trial.where]["z"], trial.statistics["z"])
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
def test_what_an_e_step_returns(subject, change, check, name, message, hint):
    contract = examine(replace(subject, e_step=after(subject.e_step, change)), 5)
    (finding,) = only(contract, check, name)
    assert re.search(message.replace("(", r"\(").replace(")", r"\)"), finding.message)
    assert "start 1: w = [0.5, 0.5], mu = [2., 4.]" in finding.message
    assert finding.evidence["times"] == len(subject.trials)
    assert hint in finding.hint if hint else finding.hint is None
    # The M step is none the worse for it: it was fed the exact statistics.
    assert contract.given == {}
    assert len(contract.returned) == len(subject.trials)


def test_an_underflow_is_recognised_by_its_rows(subject):
    def naive(params, data):
        with np.errstate(all="ignore"):
            density = np.exp(-(((data["x"][:, None] - params["mu"]) / params["sigma"]) ** 2) / 2)
            joint = params["w"] * density / params["sigma"]
            return {"z": joint / joint.sum(axis=1, keepdims=True)}

    where, params = "far away", subject.trials[0].params | {"mu": np.array([90.0, 4.0])}
    params["sigma"] = np.array([0.01, 0.05])
    far = replace(subject.trials[0], where=where, params=params)
    contract = examine(replace(subject, e_step=naive, trials=(far, *subject.trials)), 5)
    (finding,) = only(contract, "values", "z")
    assert "not finite (far away" in finding.message
    assert "logarithms" in finding.hint
    assert list(contract.given) == [trial.where for trial in subject.trials]


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
def test_what_an_m_step_returns(subject, change, check, names, message):
    contract = examine(replace(subject, m_step=after(subject.m_step, change)), 5)
    (finding,) = only(contract, check, *names)
    assert message in finding.message
    assert len(contract.given) == len(subject.trials)
    # A value outside the support is still a number to compare.
    assert len(contract.returned) == (3 if check == "support" else 0)


def test_the_sum_of_weights_is_told(subject):
    short = after(subject.m_step, lambda p: p | {"w": p["w"] * 0.9})
    (finding,) = examine(replace(subject, m_step=short), 5).outcome.findings
    assert finding.hint == "the sums are 0.9"


def test_several_things_at_once_are_all_found(subject):
    wrong = replace(
        subject,
        e_step=after(subject.e_step, lambda r: {"z": r["z"].T}),
        m_step=after(subject.m_step, lambda p: p | {"mu": p["mu"] * np.inf, "tau": 0}),
    )
    found = {(f.name, f.message.split()[0]) for f in examine(wrong, 5).outcome.findings}
    assert found == {("z", "e_step"), ("mu", "m_step"), ("tau", "m_step")}


def test_an_error_is_placed_in_the_authors_file(subject, tmp_path):
    path = tmp_path / "theirs.py"
    path.write_text("import numpy as np\n\ndef m(e, data, p):\n    return np.linalg.inv(e['z'])\n")
    names: dict = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    contract = examine(replace(subject, m_step=names["m"]), 5)
    (finding,) = only(contract, "returns", "m_step")
    assert finding.message.startswith("m_step raised LinAlgError: ")
    assert "(theirs.py, line 4)" in finding.message
    assert contract.returned == {}
    assert len(contract.given) == 3


def test_an_m_step_that_needs_what_the_e_step_lost_is_not_blamed(subject):
    model = latentfit.load("gaussian-mixture")
    renamed = replace(
        subject,
        e_step=after(subject.e_step, lambda r: {"gamma": r["z"][:, 0]}),
        m_step=lambda e, data, params: model.maximise({"z": e["other"]}, data, params),
    )
    only(examine(renamed, 5), "names", "z")


def test_changed_arguments_are_named(subject):
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
    before = {"z": subject.trials[0].statistics["z"].copy()}
    kept = [trial.params["mu"].copy() for trial in subject.trials]
    contract = examine(replace(subject, e_step=e_step, m_step=m_step), 5)
    first, second = only(contract, "arguments", "e_step", "m_step")
    assert "params['mu'], data['extra'] are not" in first.message
    assert "expectations['z'] is not" in second.message
    for trial, mu in zip(subject.trials, kept, strict=True):
        np.testing.assert_array_equal(trial.params["mu"], mu)
    assert "extra" not in subject.data
    # The expectations that are handed on are those from before they were changed.
    np.testing.assert_array_equal(contract.fed["start 1"]["z"], before["z"])


def test_random_numbers_and_memory_are_found(subject):
    rng = np.random.default_rng(0)
    noisy = after(subject.e_step, lambda r: {"z": r["z"] + rng.normal(0, 1e-9, LATENT)})
    (finding,) = only(examine(replace(subject, e_step=noisy), 5), "state", "e_step")
    assert "returns another z" in finding.message

    memory: list = []

    def remembers(expectations, data, params):
        memory.append(subject.m_step(expectations, data, params))
        return memory[max(len(memory) - 2, 0)]

    only(examine(replace(subject, m_step=remembers), 5), "state", "m_step")


def test_rounding_is_not_memory(subject):
    signs = iter(np.tile([1, -1], 50))
    rounded = after(subject.e_step, lambda r: {"z": r["z"] * (1 + next(signs) * 1e-15)})
    assert examine(replace(subject, e_step=rounded), 5).outcome.findings == ()


def test_a_step_that_hangs_is_called_once(subject):
    calls = []

    def hangs(params, data):
        calls.append(params)
        while True:
            pass

    began = time.monotonic()
    contract = examine(replace(subject, e_step=hangs), 0.2)
    assert time.monotonic() - began < 2
    assert len(calls) == 1
    (finding,) = only(contract, "returns", "e_step")
    assert finding.message.startswith("e_step took longer than 0.2 s (start 1: ")
    assert contract.given == {}


def test_declared_expectations_stand_for_the_latents(subject):
    counts = replace(
        subject,
        expectations={"n": lambda latents, data: np.bincount(latents["z"], minlength=2)},
        e_step=after(subject.e_step, lambda r: {"n": r["z"].sum(axis=0), "log_r": np.log(r["z"])}),
        m_step=lambda e, data, params: params,
    )
    assert examine(counts, 5).outcome.findings == ()
    short = replace(counts, e_step=after(counts.e_step, lambda r: {"n": r["n"][0]}))
    (finding,) = only(examine(short, 5), "shapes", "n")
    assert finding.evidence["expected"] == [2]


def test_what_the_m_step_is_fed_can_be_chosen(subject):
    seen = []

    def m_step(expectations, data, params):
        seen.append(expectations["z"].sum())
        return subject.m_step(expectations, data, params)

    def feed(given):
        assert list(given) == [trial.where for trial in subject.trials]
        return {"start 2": {"z": np.full(LATENT, 0.25)}}

    contract = examine(replace(subject, m_step=m_step), 5, feed)
    assert list(contract.returned) == ["start 2"]
    assert seen == [0.25 * 14] * 2


def forever():
    while True:
        pass


def stubborn():
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def in_thread(call):
    """What the call returns or raises in another thread."""
    found: list = []

    def run():
        try:
            found.append(call())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    return found[0]


class TestLimited:
    @pytest.fixture(autouse=True)
    def _nothing_is_left_behind(self):
        before = signal.getsignal(signal.SIGALRM)
        yield
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        assert signal.getsignal(signal.SIGALRM) is before

    @pytest.mark.parametrize("slow", [forever, stubborn, lambda: time.sleep(30)])
    def test_ends_what_takes_too_long(self, slow):
        began = time.monotonic()
        with pytest.raises(Timeout, match=r"took longer than 0\.1 s"):
            limited(slow, 0.1)()
        assert time.monotonic() - began < 2

    def test_ends_it_in_another_thread(self):
        error = in_thread(limited(lambda: time.sleep(1), 0.1, "nap"))
        assert isinstance(error, Timeout)
        assert str(error) == "nap took longer than 0.1 s"

    @pytest.mark.parametrize("run", [lambda call: call(), in_thread])
    def test_passes_on_arguments_results_and_errors(self, run):
        assert run(lambda: limited(divmod, 1)(7, 2)) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            limited(divmod, 1)(1, 0)
        assert isinstance(in_thread(lambda: limited(divmod, 1)(1, 0)), ZeroDivisionError)

    @pytest.mark.parametrize(("inner", "outer"), [(0.1, 5), (5, 0.1), (0.1, 0.1)])
    def test_nests(self, inner, outer):
        def call():
            return limited(forever, inner, "inner")()

        shorter = "inner" if inner < outer else "outer" if outer < inner else "inner|outer"
        with pytest.raises(Timeout, match=f"^({shorter}) took"):
            limited(call, outer, "outer")()

    def test_the_outer_limit_holds_after_an_inner_call(self):
        def call():
            limited(time.sleep, 5)(0.05)
            forever()

        with pytest.raises(Timeout, match=r"^outer took longer than 0\.2 s"):
            limited(call, 0.2, "outer")()

    def test_a_foreign_timer_rings_in_its_time(self):
        rung = []
        before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
            limited(time.sleep, 5)(0.35)
            inside = len(rung)
            time.sleep(0.25)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert inside >= 2
        assert len(rung) > inside

    def test_infinity_is_no_limit(self):
        assert limited(divmod, float("inf")) is divmod


class TestAttempt:
    def test_an_exit_is_a_failure_and_an_interrupt_is_not(self):
        assert attempt(sys.exit, "m_step", 3) == Failure("m_step raised SystemExit: 3")

        def interrupted():
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            attempt(interrupted, "m_step")

    def test_a_wrong_number_of_arguments_has_no_line(self):
        failure = attempt(lambda one: one, "m_step", 1, 2)
        assert re.fullmatch(r"m_step raised TypeError: .* 2 were given", failure.message)

    def test_copies_keep_the_originals(self):
        x = np.ones(2)
        assert on_copies(lambda x: x.__isub__(1).sum())(x) == 0
        np.testing.assert_array_equal(x, 1)
