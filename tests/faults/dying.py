"""Processes that are killed at a known point while they write, and file modes that root obeys."""

from collections.abc import Callable, Iterator
import contextlib
import ctypes
import itertools
import os
from pathlib import Path
import signal
import sys
import tempfile

CAPABILITIES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
PR_SET_SECUREBITS, SECBIT_NOROOT = 28, 1


def forked(work: Callable[[], object]) -> int:
    """Return the number of a process that does some work and ends; with status 1 after an error.

    A fork, because a new Python needs seconds to import torch.
    """
    number = os.fork()
    if number == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return number


def ended_with(number: int) -> int:
    """Wait for a process; return its exit status, or less than 0 where a signal killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def die_when_a_file_has(size: int) -> None:
    """Have the system kill this process at so many bytes of a file: nothing can be tidied up."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def die_at_call(name: str, count: int = 1) -> None:
    """Have this process killed in place of the given call of a function of `os`."""
    function, calls = getattr(os, name), itertools.count(1)

    def count_and_die(*arguments: object) -> object:
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)

    setattr(os, name, count_and_die)


@contextlib.contextmanager
def obeying_modes() -> Iterator[None]:
    """Refuse this thread, and what it starts, what a file's mode refuses, even to root."""
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # the version of the interface; this thread
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then those from the 32nd
    libc.capget(header, before)
    without = type(before)(before[0] & ~CAPABILITIES, *before[1:])
    libc.prctl(PR_SET_SECUREBITS, SECBIT_NOROOT)  # else a program that root starts has them again
    libc.capset(header, without)
    try:
        yield
    finally:
        libc.capset(header, before)
        libc.prctl(PR_SET_SECUREBITS, 0)


def may_write(folder: Path) -> bool:
    """Whether this thread can make a file there; `os.access` answers for what root could do."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
