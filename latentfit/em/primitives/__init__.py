"""Building blocks of E steps and M steps: mixtures, hidden Markov models and latent classes.

Every function takes and returns NumPy arrays of double precision and is named after the quantity
that it computes.

The functions of the first group evaluate one formula of a derivation each. `log_normal`,
`log_multivariate_normal` and `log_categorical` give the log density of every row under every
component. `responsibilities` and `forward_backward` give the conditional distribution of the
latent variables and the log-likelihood. `weighted_moments`, `weighted_scatter` and
`weighted_counts` give the expected statistics that an M step needs; `weighted_sums` gives
statistics that can be added over parts of the data. Small tables are processed by NumPy, large
tables by Numba kernels in the folder `_compiled`; the module `_dispatch` defines "large".

Functions whose result has one row for each row of the data accept ``out``, an array in which to
write the result, so that an iteration need not allocate a new table. Reusing the same array in
every iteration is safe: `latentfit.em.run` reads the result of an E step only until it calls the
E step again.

The functions of the second group, ``..._statistics``, compute the expected statistics from the
parameters in a single pass over the data and store nothing for each row. They always use the
compiled kernels.

Numba compiles a kernel when it is first used, which takes seconds, and keeps the machine code on
disk for later processes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_categorical": ["log_categorical", "weighted_counts"],
        "_compiled.thread_limit": ["threads"],
        "_forward_backward": ["ChainStatistics", "ImpossibleRowError", "forward_backward"],
        "_latent_class": ["ClassStatistics", "latent_class_statistics"],
        "_moments": ["Moments", "weighted_moments", "weighted_scatter"],
        "_normal": ["log_multivariate_normal", "log_normal"],
        "_normal_mixture": [
            "MixtureStatistics",
            "multivariate_normal_mixture_statistics",
            "normal_mixture_statistics",
        ],
        "_responsibilities": ["responsibilities"],
        "_sums": ["WeightedSums", "weighted_sums"],
    },
)
