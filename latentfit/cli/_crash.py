"""Report that the child process of a command did not finish."""

import signal

from latentfit.cli._interrupt import BAD_INPUT_STATUS
from latentfit.cli._streams import print_error, print_text
from latentfit.cli._unmade_check import ended_process, write_noted
from latentfit.errors import LatentfitError
from latentfit.supervision import Ending

_STEPS = ("e_step", "m_step", "log_likelihood")
_FINDING_STATUS = 1


def report_crash(ending: Ending) -> int:
    """Report a child process that crashed, did not end, or ended in the middle of its job.

    If a check was calling a step, that is a finding about the step. Otherwise one line on stderr
    says what happened.

    Returns
    -------
    int
        The exit status.
    """
    try:
        is_check = "target" in ending.notes
        if is_check and _is_finding(ending):
            return _report_finding(ending)
        message = f"{ending.call or 'the command'} {ending.reason}"
        print_error(f"latentfit: {message}")
        if is_check:
            write_noted(ending.notes, message)
    except LatentfitError as error:
        print_error(f"latentfit: {error}")
    return BAD_INPUT_STATUS


def _is_finding(ending: Ending) -> bool:
    """Whether the ending is a property of a step.

    That memory was exhausted is not: the step may be right, and the machine too small. While EM
    runs, a line of the author's has to be known.
    """
    if ending.kind == "crash" and ending.signal == signal.SIGKILL:
        return False
    if ending.call == "EM":
        return ending.kind != "too long" and bool(ending.place)
    return ending.call in _STEPS


def _report_finding(ending: Ending) -> int:
    step = ending.call if ending.call in _STEPS else "the steps"
    result = ended_process(ending.notes["target"], step, f"{step} {ending.reason}")
    (finding,) = result["findings"]
    path = ending.notes.get("json")
    if path:
        from latentfit.cli._output import write_json

        write_json(path, result)
    if not ending.notes.get("quiet") and path != "-":
        print_text(
            f"{result['target']} fails: the contract is wrong.\n\n"
            f"error  contract, {step}\n  {finding['message']}"
        )
    return _FINDING_STATUS
