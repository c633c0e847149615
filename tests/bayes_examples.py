"""Declarations with closed forms, and their densities, for the tests of `latentfit.bayes`."""

import numpy as np
import pymc as pm
import xarray as xr
from scipy import stats

from latentfit import bayes
from latentfit.declaration import declare, space

# Parameters of `mixture` with two components.
THETA = {"w": np.array([0.3, 0.7]), "mu": np.array([-1.0, 2.5]), "sigma": np.array([0.5, 1.2])}


def exponential(y):
    """Exponential times of which some are missing; the missing ones are the latent."""
    with pm.Model() as model:
        theta = pm.Gamma("theta", alpha=1, beta=1e-3)
        pm.Exponential("y", theta, observed=np.ma.masked_invalid(y))
    return model


def mixture(x, components=2):
    """A mixture of normal distributions; the component of each observation is the latent."""
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(components))
        mu = pm.Normal("mu", 0, 10, shape=components)
        sigma = pm.LogNormal("sigma", 0, 1, shape=components)
        z = pm.Categorical("z", w, shape=len(x))
        pm.Normal("x", mu[z], sigma[z], observed=x)
    return model


def mixture_log_likelihood(x, params):
    """log p(x_i | θ), shape (n,), and log p(x_i, z_i = k | θ), shape (n, K)."""
    joint = stats.norm.logpdf(x[:, None], params["mu"], params["sigma"]) + np.log(params["w"])
    return np.logaddexp.reduce(joint, axis=1), joint


def density_of(build, latents, arguments):
    """The declaration that a function builds, and the density of its observed view."""
    declaration = declare(build, latents, arguments, {})
    density = bayes.Density(bayes.observed_view(declaration), space(declaration))
    return declaration, density


def as_draws(density, points):
    """Unconstrained points as draws of the parameters on the natural scale."""
    natural = [density.space.constrain(point) for point in points]
    return xr.Dataset(
        {
            name: (
                ("sample", *(f"{name}_{axis}" for axis in range(len(shape)))),
                np.array([values[name] for values in natural]),
            )
            for name, shape in density.space.shapes.items()
        }
    )
