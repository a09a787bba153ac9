"""How a class shares a computer: ``python tools/load.py`` says how many times as long trainings
take side by side than alone, ``python tools/load.py 8`` runs so many lessons at once.

The lessons each run in a kernel of their own; a line says how each ends, how long it took, and how
much memory its kernel took at its peak. With eight on two cores that takes a quarter of an hour.
"""

import concurrent.futures
import os
import statistics
import subprocess
import sys
import tempfile
import time

from nbclient.exceptions import CellExecutionError
import nbformat
from run_notebooks import execute, lessons, read

# Whether the package comes before torch, as in the lessons, decides how torch's threads wait.
TRAINING = """
import {first}
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
# In kB, on Linux. Not getrusage(2): there a process inherits the peak of the one that started it.
PEAK = """
import pathlib, re
print(re.search(r"VmHWM:\\s*(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
"""


def seconds_of_training(processes: int, steps: int, first: str) -> float:
    """Return the seconds of the slowest of some trainings at once, each in a Python of its own that
    nobody told how to wait."""
    waiting = ("GOMP_", "OMP_", "KMP_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(waiting)}
    command = [sys.executable, "-c", TRAINING.format(first=first, steps=steps)]
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, env=environment, **options) for _ in range(processes)]
    for one in started:  # all have loaded what they need before the first begins
        one.stdout.readline()
    for one in started:
        one.stdin.write("go\n")
        one.stdin.flush()
    return max(float(one.communicate()[0]) for one in started)


def compare_trainings() -> None:
    # Where torch's threads wait as they do by themselves, a few steps may take a minute.
    for first, processes, steps, times in (
        ("mnist_helpers", 2, 150, 3),
        ("mnist_helpers", 4, 150, 3),
        ("torch", 2, 15, 1),
    ):
        ratios = [
            seconds_of_training(processes, steps, first) / seconds_of_training(1, steps, first)
            for _ in range(times)
        ]
        print(f"{processes} trainings, {first} imported first:", end=" ")
        print(f"{statistics.median(ratios):.1f} times as long as one alone", end=" ")
        print(f"(from {min(ratios):.1f} to {max(ratios):.1f})", flush=True)


def run(number: int) -> str:
    """Run a lesson, and return a line that says how it ended."""
    path = lessons()[number % len(lessons())]
    notebook = read(path)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK))
    start = time.perf_counter()
    try:
        execute(notebook, path.parent)
    except CellExecutionError as error:
        return f"{path.name[:2]}  FAILED: {error.ename}: {error.evalue}"
    minutes = (time.perf_counter() - start) / 60
    gigabytes = int(notebook.cells[-1].outputs[0].text) / 1e6
    return f"{path.name[:2]}  finished in {minutes:4.1f} minutes, {gigabytes:.2f} GB"


def run_lessons(count: int) -> int:
    """Run so many lessons at once, in order and from the first again; return the exit status."""
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MNIST_EXPERIMENTS_DIR"] = folder
        with concurrent.futures.ProcessPoolExecutor(count) as pool:
            started = [pool.submit(run, one) for one in range(count)]
            for line in concurrent.futures.as_completed(started):
                print(line.result(), flush=True)
                status |= "FAILED" in line.result()
    return status


if __name__ == "__main__":
    sys.exit(run_lessons(int(sys.argv[1])) if len(sys.argv) > 1 else compare_trainings())
