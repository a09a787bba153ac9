"""Processes that are killed at a known point while they write, and file modes that root obeys."""

from collections.abc import Callable, Iterator
import contextlib
import ctypes
import itertools
import multiprocessing
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

CAPABILITIES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
PR_SET_SECUREBITS, SECBIT_NOROOT = 28, 1


def forked(
    work: Callable, die: Callable = lambda: None, *arguments: object
) -> multiprocessing.Process:
    """Start a process that works, and dies where `die` says. (A new Python would need seconds to
    import torch. In a fork, torch must not reckon: its threads are missing there.)"""

    def run() -> None:
        die(*arguments)
        work()

    process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    process.start()
    return process


def ended(process: multiprocessing.Process) -> int:
    """Return a process's exit status at its end, less than 0 where a signal killed it."""
    process.join(60)
    return process.exitcode


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


@contextlib.contextmanager
def read_only(*folders: Path) -> Iterator[None]:
    """Let nobody write in these folders; skip the test on a system where that cannot be."""
    if os.name == "nt":
        pytest.skip("a mode keeps nobody from writing in a folder")
    with obeying_modes():
        subprocess.run(["chmod", "-R", "a-w", *folders], check=True)
        try:
            for folder in folders:
                with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder):
                    pytest.skip("this system lets this user write everywhere")
            yield
        finally:
            subprocess.run(["chmod", "-R", "u+w", *folders], check=True)
