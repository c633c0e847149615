"""New data from a model: from its declaration, or from the file's own ``simulate``."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pymc as pm
import pytest

import latentfit
from latentfit.errors import DeclarationError, InputError, StepError

ROOT = Path(__file__).resolve().parents[2]
Y = np.array([1.0, np.nan, 3.0, 2.0])
SCALE = np.array([1.0, 2.0, 4.0, 8.0])


def waiting(y, scale, shape=1):
    with pm.Model() as model:
        theta = pm.Gamma("theta", 1, 1)
        pm.Deterministic("mean", 1 / theta)
        pm.Gamma("y", shape, theta / scale, observed=np.ma.masked_invalid(y))
    return model


def normals(x):
    with pm.Model() as model:
        mu, sigma = pm.Normal("mu", 0, 10), pm.HalfNormal("sigma", 2)
        z = pm.Bernoulli("z", 0.5, shape=len(x))
        pm.Normal("x", pm.math.switch(z, mu, -mu), sigma, observed=x)
    return model


def tosses(heads, sides):
    """Heads of every coin, written out in single tosses."""
    with pm.Model() as model:
        theta = pm.Beta("theta", 1, 1)
        z = pm.Bernoulli("z", theta, shape=int(np.sum(heads)))
        pm.Bernoulli("toss", 0.1 + 0.8 * z, observed=np.ones(int(np.sum(heads))))
    return model


def declared(model, latents=("z",), **entries):
    """A model whose E step and M step are not called."""
    return latentfit.LatentModel(model=model, latents=latents, e_step=dict, m_step=dict, **entries)


WAITING = declared(waiting, ("y_unobserved",))
NORMALS = declared(normals)
AT = {"theta": 2.0}


def test_what_is_observed_is_drawn_and_the_rest_stays():
    data = {"y": Y, "scale": SCALE}
    one, other = WAITING.draw(AT, data, samples=2, seed=1)
    for new in (one, other):
        assert list(new) == ["y", "scale"]
        assert new["y"].dtype == float
        np.testing.assert_array_equal(np.isnan(new["y"]), np.isnan(Y))
        np.testing.assert_array_equal(new["scale"], SCALE)
    seen = ~np.isnan(Y)
    assert not np.any(one["y"][seen] == Y[seen])
    assert not np.any(one["y"][seen] == other["y"][seen])
    np.testing.assert_array_equal(data["y"], Y)


def test_masked_stays_masked():
    y = np.ma.masked_invalid(Y)
    (new,) = WAITING.draw(AT, {"y": y, "scale": SCALE}, seed=1)
    np.testing.assert_array_equal(new["y"].mask, y.mask)
    assert np.isfinite(new["y"].data).all()


def test_moments_are_those_of_the_model():
    drawn = WAITING.draw(AT, {"y": Y, "scale": SCALE}, samples=4000, seed=1, shape=3)
    y = np.array([new["y"] for new in drawn])[:, ~np.isnan(Y)] / SCALE[~np.isnan(Y)]
    np.testing.assert_allclose(y.mean(axis=0), 3 / 2, atol=4 * np.sqrt(3 / 4 / len(y)))
    np.testing.assert_allclose(np.corrcoef(y.T), np.eye(3), atol=0.08)


def test_latents_are_drawn_anew_with_every_data_set():
    drawn = NORMALS.draw({"mu": 5.0, "sigma": 0.1}, np.zeros(40), samples=50, seed=1)
    signs = np.array([new["x"] for new in drawn]) > 0
    assert abs(signs.mean() - 0.5) < 4 * 0.5 / np.sqrt(signs.size)
    assert len(np.unique(signs, axis=0)) == len(signs)


@pytest.mark.parametrize(
    "model",
    [WAITING, replace(WAITING, simulate=lambda params, data, rng: {"y": data["y"] * rng.random()})],
    ids=["declaration", "simulate"],
)
def test_a_seed_settles_the_data(model):
    def draw(seed, samples=3):
        drawn = model.draw(AT, {"y": Y, "scale": SCALE}, samples=samples, seed=seed)
        return [np.ma.compressed(np.ma.masked_invalid(new["y"])).tolist() for new in drawn]

    assert draw(1) == draw(1) == draw(np.random.default_rng(1))
    assert draw(1, samples=2) == draw(1)[:2]
    assert draw(1) != draw(2)
    rng = np.random.default_rng(1)
    assert draw(rng) != draw(rng)


def test_integers_stay_integers_unless_fractions_would_be_lost():
    at = {"mu": 5.0, "sigma": 0.1}
    for dtype in (np.float32, np.int64):
        (new,) = NORMALS.draw(at, np.arange(4, dtype=dtype), seed=1)
        assert new["x"].dtype == np.float64
        assert np.any(new["x"] % 1)
    coins = latentfit.load("coins")
    for dtype in (int, float):
        data = {"heads": np.arange(1, 6, dtype=dtype), "tosses": np.full(5, 9)}
        (new,) = coins.draw({"theta": [0.3, 0.6]}, data, seed=1)
        assert new["heads"].dtype == dtype


@pytest.mark.parametrize(
    ("to_model", "params"),
    [
        (None, {"mean": 0.5}),
        (lambda params: {"theta": np.exp(params["log_theta"])}, {"log_theta": np.log(2.0)}),
    ],
    ids=["deterministic", "to_model"],
)
def test_params_are_those_of_em(to_model, params):
    data = {"y": Y, "scale": SCALE}
    (ours,) = replace(WAITING, to_model=to_model).draw(params, data, seed=1)
    (theirs,) = WAITING.draw(AT, data, seed=1)
    np.testing.assert_allclose(ours["y"], theirs["y"], rtol=1e-6)


def test_without_simulate_the_observed_variables_have_to_be_arguments():
    with pytest.raises(
        DeclarationError, match=r"toss is observed and is no argument.*heads, sides.*simulate\("
    ):
        declared(tosses).draw({"theta": 0.5}, {"heads": [2, 3], "sides": [2, 2]})


def test_a_built_model_has_no_other_data():
    with pytest.raises(InputError, match="give model as a function"):
        declared(normals(np.arange(3.0))).draw({"mu": 0, "sigma": 1})


def test_params_outside_the_support_are_named():
    with pytest.raises(DeclarationError, match=r"theta = -1\. is outside its support"):
        WAITING.draw({"theta": -1.0}, {"y": Y, "scale": SCALE})


def test_one_data_set_at_least():
    with pytest.raises(InputError, match="samples must be at least 1, not 0"):
        WAITING.draw(AT, {"y": Y, "scale": SCALE}, samples=0)


def test_the_files_own_function_comes_first():
    given = []

    def simulate(params, data, rng, sides=2):
        given.append((params, data, sides))
        return {"heads": rng.binomial(10, params["theta"], size=2)}

    def build(heads, coin, sides=2):
        raise AssertionError("nobody needs the declaration")

    model = declared(build, simulate=simulate)
    data = {"heads": np.array([3.0, 4.0]), "coin": np.array([7, np.nan])}
    with pytest.raises(InputError, match="coin has 1 missing value"):
        model.draw({"theta": 0.5}, data)
    model = replace(model, latents=("coin_unobserved",))
    (new,) = model.draw({"theta": [0.5, 1.0]}, data, seed=1, sides=6)
    ((params, seen, sides),) = given
    assert isinstance(params["theta"], np.ndarray)
    assert seen["coin"].mask.tolist() == [False, True]
    assert sides == 6
    assert new["heads"].dtype == float
    assert new["heads"][1] == 10
    np.testing.assert_array_equal(new["coin"], data["coin"])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "simulate returned NoneType, expected a mapping"),
        ({"toss": [1.0]}, "what simulate returned cannot be used: .* no data named 'toss'"),
        ({"y": ["a", "b", "c", "d"]}, "what simulate returned cannot be used: y holds"),
        ({"y": [1.0, 2.0, 3.0, 4.0]}, "cannot be used: y has no missing values"),
    ],
)
def test_what_simulate_returns_is_looked_at(returned, message):
    model = replace(WAITING, simulate=lambda params, data, rng: returned)
    with pytest.raises(StepError, match=message) as caught:
        model.draw(AT, {"y": Y, "scale": SCALE})
    assert caught.value.step == "simulate"


def test_an_error_in_simulate_says_where():
    def simulate(params, data, rng):
        return {"y": params["lam"]}

    with pytest.raises(
        StepError, match=r"simulate raised KeyError: 'lam' \(test_sampling.py, line"
    ):
        replace(WAITING, simulate=simulate).draw(AT, {"y": Y, "scale": SCALE})


@pytest.mark.parametrize(("more", "same"), [("", True), ("to_model = dict\n", False)])
def test_another_derivation_draws_as_the_model_does_unless_its_params_are_others(
    tmp_path, more, same
):
    path = tmp_path / "by_hand.py"
    path.write_text("def e_step(params, data): ...\ndef m_step(expectations, data): ...\n" + more)
    derivation = latentfit.load_derivation(path, "genetic-linkage")
    assert (derivation.simulate is not None) is same


def test_simulate_needs_no_pymc():
    code = (
        "import sys, latentfit\n"
        "latentfit.load('genetic-linkage').draw({'theta': 0.5}, seed=1)\n"
        "assert not any(name.startswith(('pymc', 'pytensor')) for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode == 0, done.stderr
