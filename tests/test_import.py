import ast
import json
import os
from pathlib import Path
import subprocess
import sys

import mnist_helpers
import pytest

PACKAGE = Path(mnist_helpers.__file__).parent
FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE or path.stem != "__init__"
}
MODULES = list(FILES)
# A module may use what stands before it, and nothing else of the package.
ORDER = [
    *("checks", "data", "batches", "models", "shapes", "drawing", "training", "experiments"),
    *("explore", "insights", "plots", "exercises", "widgets", "benchmark", "checkup", "__main__"),
]


def tree(module):
    path = FILES.get(module, PACKAGE / f"{module}.py")
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(module):
    """Every import statement of a module, those inside functions too."""
    return [
        node for node in ast.walk(tree(module)) if isinstance(node, (ast.Import, ast.ImportFrom))
    ]


def full_names(statement, module=""):
    """What an import statement of a module may load, as absolute dotted names."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    is_package = FILES.get(module, PACKAGE).name == "__init__.py"
    parents = ["mnist_helpers", *module.split("."), *([""] if is_package else [])]
    inside = ".".join(parents[: -statement.level]) if statement.level else None
    base = ".".join(filter(None, [inside, statement.module]))
    return [base, *(f"{base}.{alias.name}" for alias in statement.names)]


def uses_of_the_package(module):
    names = {name for statement in imports(module) for name in full_names(statement, module)}
    inside = {name.split(".")[1] for name in names if name.startswith("mnist_helpers.")}
    return inside & {*ORDER, *MODULES}


def place(module):
    """Where a module stands in the order; a package's modules stand where the package does."""
    return ORDER.index(module.split(".")[0])


def python(*arguments, **variables):
    """Run another Python that finds the package, and return what it printed."""
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


# Imports what the modules of the package import from outside, and then each of the modules under observation.
OBSERVER = """
import contextlib, importlib, io, json, os, sys, threading

statements, modules = json.loads(sys.argv[1])
exec("\\n".join(statements), {})
import torch

def threads():
    tasks = "/proc/self/task"
    return [threading.active_count(), len(os.listdir(tasks)) if os.path.isdir(tasks) else None]

def state():
    return {
        "threads": threads(),
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
    seen = list(events)
    after = state()
    report[module] = {
        "events": seen,
        "printed": printed.getvalue(),
        "changed": [name for name in before if before[name] != after[name]],
    }
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def observed():
    outside = [
        ast.unparse(statement)
        for module in MODULES
        for statement in imports(module)
        if not any(name.split(".")[0] == "mnist_helpers" for name in full_names(statement, module))
    ]
    names = ["mnist_helpers", *(f"mnist_helpers.{module}" for module in MODULES)]
    done = python("-c", OBSERVER, json.dumps([outside, names]))
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "name", ["mnist_helpers", *(f"mnist_helpers.{module}" for module in MODULES)]
)
def test_importing_opens_nothing_starts_nothing_trains_nothing_and_prints_nothing(
    observed, name
) -> None:
    assert observed[name] == {"events": [], "printed": "", "changed": []}


@pytest.mark.parametrize(("given", "expected"), [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_the_spinning_of_threads_is_shortened_unless_somebody_chose_already(
    given, expected
) -> None:
    code = "import mnist_helpers, os; print(os.environ['GOMP_SPINCOUNT'])"
    done = python("-c", code, **given)
    assert (done.stdout.strip(), done.stderr) == (expected, "")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bring another OpenMP library")
def test_the_threads_of_torch_take_the_short_spin() -> None:
    done = python("-c", "import mnist_helpers, torch", OMP_DISPLAY_ENV="VERBOSE")
    assert "GOMP_SPINCOUNT = '3000'" in done.stderr


def test_the_package_itself_imports_no_torch_and_none_of_its_modules() -> None:
    # The variable above has to be set before torch is loaded.
    code = (
        "import mnist_helpers, sys; "
        "print([name for name in sys.modules if name.split('.')[0] == 'torch' or '_helpers.' in name])"
    )
    assert python("-c", code).stdout.strip() == "[]"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_uses_only_what_comes_before_it(module) -> None:
    own = {module.split(".")[0]}
    assert own <= set(ORDER)
    assert uses_of_the_package(module) - own <= set(ORDER[: place(module)])


def test_the_uses_of_the_package_are_found_in_every_form_of_import(tmp_path, monkeypatch) -> None:
    # Or the test above would pass by seeing nothing.
    forms = [
        "from .data import data_root",
        "from . import models",
        "import mnist_helpers.shapes as s",
        "from mnist_helpers.training import fit",
        "def f():\n    from mnist_helpers import plots",
        "import torch.utils.data, json",
    ]
    (tmp_path / "sample.py").write_text("\n".join(forms), encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    assert uses_of_the_package("sample") == {"data", "models", "shapes", "training", "plots"}
    assert len(imports("sample")) == len(forms)
