"""Odd places: the repository under an odd path or read-only, the notebooks elsewhere, an environment that lacks things.

Each test runs a short notebook with `run_notebooks`, as ``make notebooks`` does, in a copy of the repository with an
environment of its own: a Python that finds this one's packages, and the copy of `mnist_helpers`.
"""

import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
import sysconfig

from dying import obey_modes_from_now_on
import nbformat
import pytest
from run_notebooks import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the environment is laid out as on Linux")

# The first lines of a lesson, and then where everything came from. The rest of it knows nothing of its place.
LESSON = [
    """
import matplotlib.pyplot as plt
from mnist_helpers import data, plots
import torch

plt.style.use("mnist_helpers.lessons")
train_set, test_set = data.load_datasets()
""",
    """
import json, os, sys

figure = plots.plot_pixels(test_set[0][0], rows=slice(5, 11), columns=slice(15, 25))
print(json.dumps({
    "labels": test_set.targets[:3].tolist(),
    "package": data.__file__,
    "python": sys.executable,
    "folder": os.getcwd(),
}))
figure
""",
]
# Runs a notebook, without saving it, and prints what its last cell printed.
RUN = """
from pathlib import Path
import sys

sys.path.insert(0, sys.argv[1])
import run_notebooks

path = Path(sys.argv[2])
notebook = run_notebooks.read(path)
run_notebooks.execute(notebook, path.parent)
print([out.text for out in notebook.cells[-1].outputs if out.output_type == "stream"][-1])
"""


def make_repository(folder):
    """Make a copy of what the lessons need, and an environment in which its package is installed for editing."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "tools").mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "tools/run_notebooks.py"):
        shutil.copy(ROOT / name, folder / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "mnist_helpers", folder / "mnist_helpers", ignore=ignored)
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in LESSON]
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells), folder / "notebooks" / "01_a short lesson.ipynb"
    )
    command = [sys.executable, "-m", "venv", "--without-pip", folder / ".venv"]
    subprocess.run(command, check=True)
    [packages] = (folder / ".venv").glob("lib/python3*/site-packages")
    # What is installed in this environment, and then, as an editable installation has it, the copy.
    (packages / "copy.pth").write_text(
        f"{folder}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8"
    )
    shutil.copytree(
        Path(sys.prefix, "share/jupyter/kernels/python3"),
        folder / ".venv/share/jupyter/kernels/python3",
    )
    # The mark of a finished installation, newer than what it follows from.
    (folder / ".venv" / "installed").touch()
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a folder 文件夹") / "手写数字 mnist"
    yield make_repository(folder)
    shutil.rmtree(folder)


@pytest.fixture
def environment(digits, tmp_path):
    """The variables of a learner who has set none but that of the digits, and whose home is empty."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
    return {**kept, "HOME": str(home), "MNIST_DATA_DIR": str(digits)}


def start(command, environment, folder, **options):
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=200,
        **options,
    )


def outcome(repository, environment, folder="/", notebook=None, python=None, **options):
    """Run a notebook, by default the repository's own, from a folder; return what its last cell printed."""
    notebook = notebook or lesson(repository)
    python = python or repository / ".venv/bin/python"
    command = [python, "-c", RUN, repository / "tools", notebook]
    done = start(command, environment, folder, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def lesson(repository):
    return repository / "notebooks" / "01_a short lesson.ipynb"


def assert_it_ran(found, repository, folder=None, python=None):
    assert found["labels"] == [7, 2, 1]
    assert Path(found["package"]) == repository / "mnist_helpers" / "data.py"
    assert Path(found["python"]) == Path(python or repository / ".venv/bin/python")
    assert Path(found["folder"]) == (folder or repository / "notebooks")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_notebooks_under_a_path_with_spaces_and_chinese_characters(
    repository, environment
) -> None:
    path = lesson(repository)
    copy = path.with_name("02_copy.ipynb")
    shutil.copy(path, copy)
    done = start(["make", "notebooks", "ARGS=notebooks/02_copy.ipynb"], environment, repository)
    assert done.returncode == 0, done.stderr
    output = nbformat.read(copy, as_version=4).cells[-1].outputs
    [printed] = [out.text for out in output if out.output_type == "stream"]
    assert_it_ran(json.loads(printed), repository)
    assert sum("image/png" in out.get("data", {}) for out in output) == 1
    copy.unlink()


def test_no_home_no_pythonpath_a_c_locale_and_notebooks_run_elsewhere_from_elsewhere(
    repository, environment, tmp_path
) -> None:
    elsewhere = tmp_path / "笔记本 copied"
    elsewhere.mkdir()
    path = Path(shutil.copy(lesson(repository), elsewhere))
    environment |= {"LC_ALL": "C", "LANG": "C"}
    del environment["HOME"]
    assert "PYTHONPATH" not in environment
    # Else Jupyter and matplotlib would write to the real home.
    environment |= {"JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    environment |= {"IPYTHONDIR": str(tmp_path / "ipython"), "MPLCONFIGDIR": str(tmp_path / "mpl")}
    # This project's own environment: see the test of the locale below for one under a path that is not ASCII.
    python = sys.executable
    found = outcome(ROOT, environment, folder="/", notebook=path, python=python)
    assert_it_ran(found, ROOT, folder=elsewhere, python=python)


@pytest.fixture
def read_only_repository(repository, environment):
    """The repository and the home, in which nobody may write."""
    places = [repository, Path(environment["HOME"])]
    modes = {
        path: path.stat().st_mode
        for place in places
        for path in (place, *place.rglob("*"))
        # The mode of a link is that of what it leads to: the environment's Python, for example.
        if not path.is_symlink()
    }
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    yield repository
    for path, mode in modes.items():
        path.chmod(mode)


TRY_TO_WRITE = "import sys, dying; print([dying.may_write(folder) for folder in sys.argv[1:]])"


def test_a_repository_and_a_home_that_are_read_only(read_only_repository, environment) -> None:
    repository = read_only_repository
    places = [repository, repository / "notebooks", Path(environment["HOME"])]
    tried = start(
        [sys.executable, "-c", TRY_TO_WRITE, *places],
        environment | {"PYTHONPATH": str(Path(__file__).parent)},
        "/",
        preexec_fn=obey_modes_from_now_on,
    )
    if tried.stdout != "[False, False, False]\n":
        pytest.skip("this system lets this user write everywhere")
    before = sorted(repository.rglob("*"))
    found = outcome(repository, environment, preexec_fn=obey_modes_from_now_on)
    assert_it_ran(found, repository)
    assert sorted(repository.rglob("*")) == before
    assert list(places[-1].iterdir()) == []


FOUND = """
import json
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.paths import jupyter_path

print(json.dumps([KernelSpecManager().get_kernel_spec("python3").argv[0], jupyter_path()]))
"""


@pytest.fixture(params=["in the home", "in JUPYTER_PATH"])
def old_kernel(request, environment, tmp_path):
    """A kernel "python3" of an environment that is gone, where Jupyter finds it before the one of this environment."""
    if request.param == "in the home":
        folder = Path(environment["HOME"], ".local/share/jupyter")
        # As Jupyter decides by itself where the environment belongs to somebody else.
        environment |= {"JUPYTER_PREFER_ENV_PATH": "0", "JUPYTER_DATA_DIR": str(folder)}
    else:
        folder = tmp_path / "share/jupyter"
        environment |= {"JUPYTER_PATH": str(folder)}
    kernel = folder / "kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    gone = str(tmp_path / "gone/bin/python")
    command = [gone, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(
        json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}),
        encoding="utf-8",
    )
    found = start([sys.executable, "-c", FOUND], environment, "/")
    assert json.loads(found.stdout)[0] == gone, "else the tests show nothing"
    return folder


@pytest.mark.parametrize("old_kernel", ["in JUPYTER_PATH"], indirect=True)
def test_a_notebook_runs_in_this_environment_beside_an_old_kernel_of_the_same_name(
    repository, environment, old_kernel
) -> None:
    assert_it_ran(outcome(repository, environment), repository)


@pytest.fixture
def jupyterlab_as(repository, environment, tmp_path):
    """A function that runs ``make lab`` with some code in the place of JupyterLab, which takes seconds to start."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")

    def run(code):
        stub = tmp_path / "stub"
        stub.mkdir()
        (stub / "jupyterlab.py").write_text(code, encoding="utf-8")
        variables = environment | {"PYTHONPATH": str(stub)}
        done = start(["make", "--silent", "lab"], variables, repository)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_make_lab_offers_this_environments_kernel_beside_an_old_one_and_keeps_its_folder(
    old_kernel, jupyterlab_as
) -> None:
    kernel, folders = jupyterlab_as(FOUND)
    assert kernel == "python", "the name stands for the Python that runs JupyterLab"
    assert str(old_kernel) in folders


def test_make_lab_starts_in_a_c_locale_under_a_path_that_is_not_ascii(
    environment, jupyterlab_as
) -> None:
    environment |= {"LC_ALL": "C"}
    assert jupyterlab_as("print('[1]')") == [1]
