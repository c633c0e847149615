"""Whether the two steps keep the contract: names, shapes, numbers, support, no side effects.

All other checks rest on the contract. Both steps are called at every trial point, each call is
validated, and then every call is repeated. A step that breaks the contract in one respect is still
examined in all others, and the checks that follow are given whatever it returned that can be used.

There is one module for each thing that can be wrong with a call; each yields `Breach` objects.
"""

from latentfit.check.contract._examine import Contract, examine, m_step_breaches

__all__ = ["Contract", "examine", "m_step_breaches"]
