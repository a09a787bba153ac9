"""What an import of the package does, and which module may import which."""

import ast
import json
import os
from pathlib import Path
import subprocess
import sys

import mnist_helpers
import pytest

PACKAGE = Path(mnist_helpers.__file__).parent
# A module imports only what stands on a lower floor; the modules of a folder are one module here.
FLOORS = [
    {"data", "models", "shapes", "batches", "drawing", "experiments", "plots"},
    {"training", "insights"},
    {"widgets", "exercises", "benchmark", "checkup"},
    {"__main__"},
]
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
MODULES = [
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in FILES
]


def imported(path: Path, source: str) -> set[str]:
    """Return the modules of the package that a file imports, inside functions too; and ``outside`` for all others."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            full = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = path.relative_to(PACKAGE.parent).parts
            base = ".".join([*parents[: -node.level], *filter(None, [node.module])])
            base = base if node.level else node.module
            full = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in full:
            inside = name.startswith("mnist_helpers.")
            found.add(name.split(".")[1] if inside else "outside")
    return found - {"outside"}


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run another Python that finds the package."""
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-B", *arguments],
        env={**environment, "PYTHONPATH": os.pathsep.join(paths), **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


@pytest.mark.parametrize("path", FILES, ids=MODULES)
def test_a_module_imports_only_lower_floors(path: Path) -> None:
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    [floor] = [number for number, names in enumerate(FLOORS) if own in names]
    lower = set().union(*FLOORS[:floor])
    assert imported(path, path.read_text(encoding="utf-8")) - {own} <= lower


def test_every_form_of_import_is_seen() -> None:
    forms = [
        "from .data import data_root",
        "from . import models",
        "import mnist_helpers.shapes as s",
        "from mnist_helpers.training import fit",
        "def f():\n    from mnist_helpers import plots",
        "import torch.utils.data, json",
    ]
    seen = imported(PACKAGE / "sample.py", "\n".join(forms))
    assert seen == {"data", "models", "shapes", "training", "plots"}


# Imports what the modules import from outside, and then each of them under observation.
OBSERVER = """
import contextlib, importlib, io, json, os, sys, threading

statements, modules = json.loads(sys.argv[1])
exec("\\n".join(statements), {})
import torch

def state():
    return {
        "threads": threading.active_count(),
        "random numbers": torch.get_rng_state().tolist(),
        "torch": [torch.get_num_threads(), str(torch.get_default_dtype()), torch.is_grad_enabled()],
        "variables": {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"},
        "settings": {name: str(value) for name, value in dict.items(sys.modules["matplotlib"].rcParams)},
        "folder": os.getcwd(),
    }

events = []

def listen(event, arguments):
    if event == "open" and not str(arguments[0]).endswith((".py", ".pyc")):
        events.append(f"{event} {arguments[0]}")
    if event.startswith(("socket.", "subprocess.", "os.system", "os.mkdir", "os.fork", "urllib.")):
        events.append(f"{event} {arguments}")
    if event in ("_thread.start_new_thread", "_thread.start_joinable_thread"):
        events.append(event)

sys.addaudithook(listen)
torch.Tensor.backward = lambda *arguments, **keywords: events.append("backward")
report = {}
for module in modules:
    before = state()
    events.clear()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        importlib.import_module(module)
    seen, after = list(events), state()
    changed = [name for name in before if before[name] != after[name]]
    if seen or printed.getvalue() or changed:
        report[module] = [seen, printed.getvalue(), changed]
print(json.dumps(report))
"""


def test_importing_opens_starts_trains_changes_and_prints_nothing() -> None:
    outside = [
        ast.unparse(node)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
    ]
    done = python("-c", OBSERVER, json.dumps([outside, ["mnist_helpers", *MODULES]]))
    assert json.loads(done.stdout.splitlines()[-1]) == {}


@pytest.mark.parametrize(("given", "expected"), [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_the_spinning_of_threads_is_shortened_unless_somebody_chose_already(
    given, expected
) -> None:
    # Before torch is loaded, or it would have no effect.
    code = (
        "import mnist_helpers, os, sys; print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    )
    assert python("-c", code, **given).stdout.split() == [expected, "False"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bring another OpenMP library")
def test_the_threads_of_torch_take_the_short_spin() -> None:
    done = python("-c", "import mnist_helpers, torch", OMP_DISPLAY_ENV="VERBOSE")
    assert "GOMP_SPINCOUNT = '3000'" in done.stderr
