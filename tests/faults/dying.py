"""Processes that are killed at a known point while they write, and file modes that root obeys."""

from collections.abc import Callable, Iterator
import contextlib
import ctypes
import os
from pathlib import Path
import signal
import sys
import tempfile

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
PR_CAPBSET_DROP = 24


def forked(work: Callable[[], object]) -> int:
    """Return the number of a process that does some work and ends; its status is 1 where the work raised an error.

    A fork, because a new Python needs seconds to import torch.
    """
    number = os.fork()
    if number == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return number


def ended_with(number: int) -> int:
    """Wait for a process, and return its exit status, or the signal that killed it as a negative number."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def die_when_a_file_has(size: int) -> None:
    """Have the system kill this process once it has written so many bytes to a file. Nothing can be tidied up then."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def die_at_call(name: str, count: int = 1) -> None:
    """Have this process killed in place of the given call of a function of `os`."""
    function, calls = getattr(os, name), []

    def count_and_die(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)

    setattr(os, name, count_and_die)


@contextlib.contextmanager
def obeying_modes() -> Iterator[None]:
    """Let this thread be refused what a file's mode refuses, also where it is root's, as in a container."""
    if sys.platform != "linux" or os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # the version of the interface; this thread
    # Effective, permitted, inheritable; the same for the capabilities from the 32nd.
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    effective = sets[0]
    sets[0] &= ~(1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    try:
        yield
    finally:
        sets[0] = effective
        libc.capset(header, sets)


def may_write(folder: Path) -> bool:
    """Return whether this thread can make a file in a folder. `os.access` answers for what root could do, too."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def obey_modes_from_now_on() -> None:
    """For `preexec_fn`: as `obeying_modes`, for the program that is started next and for all that it starts."""
    if sys.platform == "linux" and os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
