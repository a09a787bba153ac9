"""Each test has a copy of the repository, with one short lesson, and a Python of its own, which
finds this one's packages and the copy of `mnist_helpers`."""

import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
import sysconfig
import venv

from dying import read_only
from makefile import needs_make
import matplotlib
import nbformat
from net import figures
import pytest
from run_notebooks import ROOT

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the environment is laid out as on Linux"),
    needs_make,
]

LESSON = """
import json, os, sys
import matplotlib.pyplot as plt
from mnist_helpers import data, plots

plt.style.use("mnist_helpers.lessons")
_, test_set = data.load_datasets()
print(json.dumps([test_set.targets[:3].tolist(), data.__file__, sys.executable, os.getcwd()]))
plots.plot_pixels(test_set[0][0], rows=slice(5, 11), columns=slice(15, 25))
"""


def make_repository(folder):
    (folder / "tools").mkdir(parents=True)
    names = ["Makefile", "open_lessons.py", "pyproject.toml", "requirements.lock"]
    tools = ["tools/run_notebooks.py", "tools/copy_lessons.py", "tools/set_up.py"]
    for name in [*names, "requirements-test.lock", *tools]:
        shutil.copy(ROOT / name, folder / name)
    (folder / "tools/chinese_edition.py").touch()
    ignored = shutil.ignore_patterns("__pycache__", "archives")
    shutil.copytree(ROOT / "mnist_helpers", folder / "mnist_helpers", ignore=ignored)
    venv.create(folder / ".venv", symlinks=True)
    [packages] = folder.glob(".venv/lib/python3*/site-packages")
    paths = f"{folder}\n{sysconfig.get_path('purelib')}\n"
    (packages / "copy.pth").write_text(paths, encoding="utf-8")
    kernel = "share/jupyter/kernels/python3"
    shutil.copytree(Path(sys.prefix, kernel), folder / ".venv" / kernel)
    # The marks of a finished installation, newer than what they follow from.
    (folder / ".venv" / "installed").touch()
    (folder / ".venv" / "tests-installed").touch()
    return folder


def make_lesson(folder):
    folder.mkdir()
    path = folder / "01_a short lesson.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LESSON)]), path)
    return path


def make_old_kernel(folder):
    kernel = folder / "kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    specification = {"argv": ["gone/bin/python"], "display_name": "3", "language": "python"}
    kernel.write_text(json.dumps(specification))
    return str(folder)


@pytest.fixture
def environment(digits, tmp_path):
    (tmp_path / "home").mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
    return kept | {"HOME": str(tmp_path / "home"), "MNIST_DATA_DIR": str(digits)}


def run(command, environment, folder):
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=200
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_it_ran(path, repository):
    [cell] = nbformat.read(path, as_version=4).cells
    [printed] = [output.text for output in cell.outputs if output.get("name") == "stdout"]
    labels, *places = json.loads(printed)
    assert labels == [7, 2, 1]
    expected = [repository / "mnist_helpers" / "data.py", repository / ".venv/bin/python"]
    assert [Path(place) for place in places] == [*expected, path.parent]
    assert len(figures(cell.outputs)) == 1


def test_make_notebooks_works_in_an_odd_place(environment, tmp_path):
    repository = make_repository(tmp_path / "a folder 文件夹" / "手写数字 mnist")
    path = make_lesson(repository / "notebooks")
    del environment["HOME"]
    # Else Jupyter would write to the real home, and matplotlib look for fonts.
    places = {name: str(tmp_path / name) for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    environment |= {"MPLCONFIGDIR": matplotlib.get_cachedir(), **places}
    environment |= {"LC_ALL": "C", "JUPYTER_PATH": make_old_kernel(tmp_path / "old")}
    run(["make", "notebooks", "ARGS=notebooks/01*"], environment, repository)
    assert_it_ran(path, repository)


def test_a_notebook_elsewhere_runs_where_all_is_read_only(environment, tmp_path):
    # Without make, Python before 3.13 starts in this locale under such a path alone.
    repository = make_repository(tmp_path / "plain")
    path = make_lesson(tmp_path / "笔记本 copied")
    before = sorted(repository.rglob("*"))
    command = [repository / ".venv/bin/python", repository / "tools/run_notebooks.py", path]
    with read_only(repository, environment["HOME"]):
        run(command, environment | {"LC_ALL": "C"}, "/")
    assert_it_ran(path, repository)
    assert sorted(repository.rglob("*")) == before
    assert os.listdir(environment["HOME"]) == []


FOUND = """
import json
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.paths import jupyter_path

print(json.dumps([KernelSpecManager().get_kernel_spec("python3").argv[0], jupyter_path()]))
"""


@pytest.mark.parametrize("variable", ["JUPYTER_DATA_DIR", "JUPYTER_PATH"])
def test_make_lab_offers_its_own_kernel_beside_an_old_one(environment, tmp_path, variable):
    repository = make_repository(tmp_path / "a folder")
    old = make_old_kernel(tmp_path / "old")
    # As Jupyter decides by itself where the environment belongs to somebody else.
    environment |= {variable: old, "JUPYTER_PREFER_ENV_PATH": "0"}
    found = run([sys.executable, "-c", FOUND], environment, "/")
    assert json.loads(found)[0] == "gone/bin/python", "else the test shows nothing"
    # In the place of JupyterLab, which takes seconds to start.
    (tmp_path / "jupyterlab.py").write_text(FOUND)
    environment["PYTHONPATH"] = str(tmp_path)
    kernel, folders = json.loads(run(["make", "--silent", "lab"], environment, repository))
    assert kernel == "python"
    assert old in folders
