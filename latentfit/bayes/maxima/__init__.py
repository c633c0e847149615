"""Maxima of log densities: the MLE, the MAP estimate, the joint mode, and what they identify.

`maximise` and `polish` maximise any smooth objective over unconstrained coordinates and say whether
they reached a maximum. `maximum_likelihood` and `maximum_a_posteriori` apply them to the densities
of a declaration. `joint_mode` maximises over the latents too and thereby estimates something else,
and `identification` finds the parameters that the likelihood leaves undetermined at its maximum.
"""

from latentfit.bayes.maxima._estimates import maximum_a_posteriori, maximum_likelihood
from latentfit.bayes.maxima._identification import Identification, identification
from latentfit.bayes.maxima._joint_mode import JointMode, joint_mode
from latentfit.bayes.maxima._maximise import Maximum, maximise, move_towards_boundary, polish

__all__ = [
    "Identification",
    "JointMode",
    "Maximum",
    "identification",
    "joint_mode",
    "maximise",
    "maximum_a_posteriori",
    "maximum_likelihood",
    "move_towards_boundary",
    "polish",
]
