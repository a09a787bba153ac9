"""How much longer trainings take side by side than alone: a class whose laptops or hub run several at once."""

import os
import subprocess
import sys

from ..checks import require_bool, require_whole

# Its first line is what decides: whether the package was imported before torch, as in the lessons, or not at all.
_TRAIN = """
{first}
import sys, time
import torch
from torch import nn
from mnist_helpers.models import CNN

model = CNN()
optimizer = torch.optim.Adam(model.parameters())
images, labels = torch.rand(64, 1, 28, 28), torch.randint(10, (64,))

def train(steps):
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

train(5)
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
train({steps})
print(time.perf_counter() - start, flush=True)
"""


def side_by_side_ratio(processes: int = 2, steps: int = 150, short_spin: bool = True) -> float:
    """Return how many times as long some steps of training take where several processes train at once, the slowest of
    them over one alone.

    Each is a Python of its own, started as JupyterLab starts a kernel that nobody has prepared: without any variable
    that tells OpenMP how to wait.

    Args:
        processes: how many train side by side, at least 2.
        steps: how many steps each trains, on batches of 64, at least 1.
        short_spin: import `mnist_helpers` first, as every lesson does. Otherwise OpenMP waits as it does by itself.

    Raises:
        TypeError: a number is no whole one.
        ValueError: a number is too small.
        RuntimeError: one of them failed.
    """
    require_whole("processes", processes, at_least=2)
    require_whole("steps", steps, at_least=1)
    require_bool("short_spin", short_spin)
    alone = max(_seconds(1, steps, short_spin))
    return max(_seconds(processes, steps, short_spin)) / alone


def _seconds(processes: int, steps: int, short_spin: bool) -> list[float]:
    first = "import mnist_helpers" if short_spin else "import torch"
    code = _TRAIN.format(first=first, steps=steps)
    waiting = ("GOMP_", "OMP_", "KMP_")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(waiting)
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    try:
        # Only when all have loaded what they need, which takes seconds and is not what is measured.
        ready = [one.stdout.readline() for one in started]
        if not all(ready):
            raise RuntimeError("A training failed; what it said stands above.")
        for one in started:
            one.stdin.write("go\n")
            one.stdin.flush()
        printed = [one.communicate()[0] for one in started]
    finally:
        for one in started:
            one.kill()
            one.wait()
    if any(one.returncode for one in started):
        raise RuntimeError("A training failed; what it said stands above.")
    return [float(text) for text in printed]
