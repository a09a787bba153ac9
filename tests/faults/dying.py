import contextlib
import ctypes
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from unittest.mock import DEFAULT, Mock

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

CAPABILITIES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
PR_SET_SECUREBITS, SECBIT_NOROOT = 28, 1


def forked(work, name="", count=1):
    """Start a process that works, and is killed in place of the given call of a function of `os`.

    A fork, because a new Python needs seconds to import torch; whose threads are missing in it.
    """

    def run():
        calls = itertools.count(1)

        def count_and_die(*arguments):
            return os.kill(os.getpid(), signal.SIGKILL) if next(calls) == count else DEFAULT

        if name:
            setattr(os, name, Mock(wraps=getattr(os, name), side_effect=count_and_die))
        work()

    process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    process.start()
    return process


def ended(process):
    """Return the exit status of a process: less than 0 where a signal killed it."""
    process.join(60)
    return process.exitcode


@contextlib.contextmanager
def obeying_modes():
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
def read_only(*folders):
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
