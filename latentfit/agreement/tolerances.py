"""Differences that count as agreement."""

# Posterior standard deviations. EM and a direct optimiser maximise the same function; only their
# stopping rules and rounding separate them. An n - 1 in place of an n is a larger difference for n
# up to fifty million.
SAME_ESTIMATE_SD = 1e-4

# Log-likelihoods, relative to 1 + |log-likelihood|.
SAME_LOG_LIKELIHOOD = 1e-6
