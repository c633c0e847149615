"""Public models: model files, and their posteriors by computations that use NumPy alone.

Each module without a leading underscore is a model file. `REFERENCES` has a function for each
model, from its data to the posterior mean and standard deviation of each quantity: `_grids` sums
over dense grids, `_samplers` draws with samplers of its own.
"""

from collections.abc import Callable
from typing import Any

from public_models import _grids, _samplers

Moments = dict[str, tuple[float, float]]

REFERENCES: dict[str, Callable[[Any], Moments]] = {
    "eight_schools_centred": _grids.eight_schools,
    "eight_schools_noncentred": _grids.eight_schools,
    "rats": _samplers.rats,
    "seeds": _samplers.seeds,
    "surgical": _grids.surgical,
    "pumps": _grids.pumps,
    "dyes": _grids.dyes,
    "lsat": _samplers.lsat,
    "coal_mining": _grids.coal_mining,
    "capture_recapture_m0": _grids.capture_recapture_m0,
    "capture_recapture_mh": _grids.capture_recapture_mh,
    "n_mixture": _grids.n_mixture,
    "occupancy": _grids.occupancy,
}

# Posterior means in BUGS' manual of 1996, rounded results of short runs, as they are quoted
# in the folder `bugs_examples/vol1` of Stan's example-models.
PUBLISHED: dict[str, dict[str, float]] = {
    "rats": {"beta_c": 6.183},
    "seeds": {
        "alpha[0]": -0.542,
        "alpha[1]": 0.028,
        "alpha[2]": 1.37,
        "alpha[3]": -0.79,
        "sigma": 0.29,
    },
    "pumps": {"alpha": 0.73, "beta": 0.98},
}
