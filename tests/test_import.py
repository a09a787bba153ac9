import ast
from importlib.util import resolve_name
import json
import os
import subprocess
import sys

import pytest
from run_notebooks import ROOT

# A module imports only what stands on a lower floor; the modules of a folder are one module here.
FLOORS = [
    {"__init__"},
    {"data", "models", "shapes", "batches", "drawing", "experiments", "language", "plots"},
    {"training", "insights", "notebook"},
    {"widgets", "exercises", "benchmark", "checkup"},
    {"__main__"},
]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted(ROOT.glob("mnist_helpers/**/*.py"))
}


def imported(module, source):
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            base = resolve_name(name, module.rpartition(".")[0])
            names += [f"{base}.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("mnist_helpers.")}


def python(code, *arguments, **variables):
    ours = ("GOMP_SPINCOUNT", "OMP_NUM_THREADS", "CPU_LIMIT")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, "-B", "-c", code, *arguments]
    options = {"capture_output": True, "text": True, "check": True, "timeout": 120}
    return subprocess.run(command, cwd=ROOT, env=environment | variables, **options)


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_only_lower_floors(module):
    own = module.split(".")[1]
    [floor] = [number for number, names in enumerate(FLOORS) if own in names]
    assert imported(module, SOURCES[module]) <= {own}.union(*FLOORS[:floor])


OBSERVER = """
import contextlib, importlib, io, json, os, sys

outside, modules = json.loads(sys.argv[1])
exec("\\n".join(outside), {})
import torch

def state():
    return {
        "random numbers": torch.get_rng_state().tolist(),
        "torch": [torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()],
        "variables": dict(os.environ),
        "settings": dict(dict.items(sys.modules["matplotlib"].rcParams)),
        "folder": os.getcwd(),
    }

seen = []
WATCHED = ("open", "socket", "subprocess", "os.system", "os.mkdir", "os.fork", "urllib")
WATCHED += ("_thread.s",)

def listen(event, arguments):
    reads_code = event == "open" and str(arguments[0]).endswith((".py", ".pyc"))
    if event.startswith(WATCHED) and not reads_code:
        seen.append(f"{event} {arguments}")

before, printed = state(), io.StringIO()
torch.Tensor.backward = lambda *arguments, **keywords: seen.append("backward")
sys.addaudithook(listen)
with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
    for module in modules:
        importlib.import_module(module)
seen += [name for name, value in state().items() if value != before[name]]
print(json.dumps([seen, printed.getvalue()]))
"""


def test_importing_does_nothing_else():
    nodes = [node for source in SOURCES.values() for node in ast.walk(ast.parse(source))]
    outside = [
        ast.unparse(node)
        for node in nodes
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and not node.level)
    ]
    modules = [module.removesuffix(".__init__") for module in SOURCES]
    given = {"GOMP_SPINCOUNT": "7", "OMP_NUM_THREADS": "1"}
    done = python(OBSERVER, json.dumps([outside, modules]), **given)
    assert json.loads(done.stdout.splitlines()[-1]) == [[], ""]


def test_the_spinning_of_threads_is_shortened_before_torch():
    print_both = "print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    done = python(f"import mnist_helpers, os, sys; {print_both}")
    assert done.stdout.split() == ["3000", "False"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bring another OpenMP library")
def test_the_threads_of_torch_take_the_short_spin():
    done = python("import mnist_helpers, torch", OMP_DISPLAY_ENV="VERBOSE")
    assert "GOMP_SPINCOUNT = '3000'" in done.stderr


QUOTA = """
import os, pathlib, sys

files = {"/proc/self/cgroup": "0::/class/a\\n", "/sys/fs/cgroup/class/a/cpu.max": sys.argv[1]}
read = pathlib.Path.read_text
pathlib.Path.read_text = lambda path, **how: files.get(str(path)) or read(path, **how)
os.cpu_count = lambda: 8
import mnist_helpers
threads = os.environ.get("OMP_NUM_THREADS")
print(threads, threads != "1" or __import__("torch").get_num_threads() == 1)
"""


@pytest.mark.parametrize(
    ("quota", "given", "threads"),
    [
        ("max 100000", {}, "None"),
        ("900000 100000", {}, "None"),
        ("50000 100000", {"CPU_LIMIT": "9"}, "None"),
        ("50000 100000", {"CPU_LIMIT": "3.5"}, "3"),
        ("350000 100000", {"CPU_LIMIT": ""}, "3"),
        ("50000 100000", {}, "1"),
        ("200000 100000", {"CPU_LIMIT": "0.5"}, "1"),
        ("200000 100000", {"OMP_NUM_THREADS": "5"}, "5"),
    ],
)
def test_torch_starts_as_many_threads_as_a_hub_or_a_quota_gives(quota, given, threads):
    said, alone = python(QUOTA, quota, **given).stdout.split()
    assert said == threads
    assert alone == "True"
