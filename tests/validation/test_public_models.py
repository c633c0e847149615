"""Public models: their EM estimates, reference posteriors, and the report.

`make public-models` compares them with NUTS, which takes minutes.
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import latentfit

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "validation" / "public_models"
sys.path.insert(0, str(ROOT / "validation"))
command = importlib.import_module("compare_public_models")

NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))

# Maximum likelihood estimates with the digits that their sources print: ltm (Rizopoulos 2006), the
# closed form of balanced designs, the catalogue's `hyperparameters`, and Coull & Agresti (1999).
MAXIMA = {
    "lsat": {"beta": (0.755, 5e-4), "alpha": ([-2.730, -0.999, -0.240, -1.306, -2.099], 1e-3)},
    "dyes": {"theta": (1527.5, 1e-6), "tau_within": (1 / 2451.25, 1e-8)},
    "pumps": {"alpha": (0.823, 5e-4), "beta": (1.262, 5e-4)},
    "eight_schools_noncentred": {"mu": (7.69, 5e-3), "tau": (0.0, 1e-9)},
    "capture_recapture_mh": {"omega": (92 / 200, 0.5 / 200)},
    "capture_recapture_m0": {"omega": (75.4 / 200, 0.1 / 200)},
}

# Stan's reference draws in posteriordb: means 4.4 and 3.6, standard deviations 3.3 and 3.2.
EIGHT_SCHOOLS = {"mu": (4.4, 3.3), "tau": (3.6, 3.2)}


def _load(name):
    return latentfit.load(FOLDER / f"{name}.py")


def test_every_model_has_a_reference():
    assert sorted(command.REFERENCES) == NAMES
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", MAXIMA)
def test_em_finds_the_published_maximum(name):
    fit = _load(name).fit(seed=1, starts=1)
    for parameter, (value, tolerance) in MAXIMA[name].items():
        np.testing.assert_allclose(fit.params[parameter], value, rtol=0, atol=tolerance)


def test_reference_of_eight_schools_is_the_published_one():
    reference = command.REFERENCES["eight_schools_centred"](
        _load("eight_schools_centred").example_data()
    )
    for quantity, published in EIGHT_SCHOOLS.items():
        np.testing.assert_allclose(reference[quantity], published, rtol=0, atol=0.05)


def test_metropolis_sampler_agrees_with_a_closed_form():
    y = np.random.default_rng(1).normal(0, 1, 40)

    def log_density(theta):
        return -np.sum((y - theta[0]) ** 2) / 2 / np.exp(theta[1]) - 20 * theta[1]

    samplers = importlib.import_module("public_models._samplers")
    draws = samplers._metropolis(log_density, np.zeros(2), np.full(2, 0.2))
    # Given a flat prior of mean and log variance, 40 S / variance has 39 degrees of freedom.
    assert np.mean(draws[:, 0]) == pytest.approx(np.mean(y), abs=0.01)
    expected = np.sum((y - y.mean()) ** 2) / (39 - 2)
    assert np.mean(np.exp(draws[:, 1])) == pytest.approx(expected, rel=0.03)


def test_report_is_made_from_the_rows():
    rows = json.loads(command.REPORT.with_suffix(".json").read_text(encoding="utf-8"))
    assert command.report(rows) == command.REPORT.read_text(encoding="utf-8")


def test_a_distant_posterior_mean_does_not_pass():
    row = {
        "check": "passes",
        "em_vs_mle": "pass",
        "em_vs_mle_detail": "",
        "log_likelihood": {"em": -1.0, "mle": -1.0},
        "quantities": {"mu": {"posterior": 0.2, "mean": 0.0, "sd": 1.0}},
    }
    assert not command._passes(row)
    row["quantities"]["mu"]["posterior"] = 0.1
    assert command._passes(row)
    assert not command._passes(row | {"em_vs_mle": "warn"})
    assert "| rats | mu | 0.1 | 0 | 1 | 0.10 |  |" in command.report({"rats": row})
