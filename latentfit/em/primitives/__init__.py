"""Steps of EM that derivations are written in: of mixtures, hidden Markov models and classes.

Each has the name of what it computes, in the field's words, and NumPy arrays go in and come out.

A first group follows the derivation line by line: `log_normal`, `log_multivariate_normal` and
`log_categorical` are log densities of every row under every component, `responsibilities` and
`forward_backward` the conditional distribution of the latents with the log-likelihood,
`weighted_moments`, `weighted_scatter` and `weighted_counts` what the M step needs, `weighted_sums`
what it needs of parts of the data. Small tables are left to NumPy, which these modules have the
mathematics in; large ones go to kernels in `_compiled` (`_worth` says what is large).

Those whose result has a row for each of the data take ``out``, where to write it, so that an
iteration need not make a new table of that size: `latentfit.em.run` reads what an E step returned
until it calls the E step again, and no longer.

A second group, the ``..._statistics``, goes from parameters to those sums in one pass over the
data and stores nothing for each row. They are always compiled.

Numba compiles a kernel at its first use, which takes seconds, once: the machine code is kept.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_categorical": ["log_categorical", "weighted_counts"],
        "_check": ["ImpossibleRowError"],
        "_forward_backward": ["ChainStatistics", "forward_backward"],
        "_latent_class": ["ClassStatistics", "latent_class_statistics"],
        "_moments": ["Moments", "weighted_moments", "weighted_scatter"],
        "_normal": ["log_multivariate_normal", "log_normal"],
        "_normal_mixture": [
            "MixtureStatistics",
            "multivariate_normal_mixture_statistics",
            "normal_mixture_statistics",
        ],
        "_responsibilities": ["responsibilities"],
        "_sums": ["Sums", "weighted_sums"],
        "_threads": ["threads"],
    },
)
