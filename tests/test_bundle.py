"""A test may download nothing, so its wheels are packed anew from the environment that runs it, and
those of the largest packages only lead there. All else is real."""

from importlib.metadata import distributions
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from run_notebooks import ROOT

LARGE = "torch|nvidia|cuda|triton|playwright|scipy|numpy|sympy|babel|matplotlib|fonttools|jedi"
# Only a loopback; where the system does not allow that, the guard of all tests refuses by itself.
ALONE = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "-"]


def pack(package, index):
    info = next(file.parts[0] for file in package.files if ".dist-info" in file.parts[0])
    stem, tag = info[:-10], re.findall(r"Tag: (.+)", package.read_text("WHEEL"))[-1]
    leads = re.match(LARGE, stem)
    with zipfile.ZipFile(index / f"{stem}-{tag}.whl", "w") as wheel:
        for file in package.files:
            if not re.search(r"__pycache__|^[./]+bin/" + rf"|^(?!{info})" * bool(leads), str(file)):
                place = re.sub(r"^(\.\./)+", f"{stem}.data/data/", file.as_posix())
                wheel.write(file.locate(), place)
        if leads:
            wheel.writestr(f"{stem}.pth", str(package.locate_file("")))


@pytest.mark.skipif("CLASS_REQUIRED" not in os.environ, reason="minutes long: .ci/run class")
def test_a_bundle_sets_up_and_runs_a_lesson_without_a_network(tmp_path):
    (index := tmp_path / "index").mkdir()
    for package in distributions():
        pack(package, index)
    free = shutil.which("unshare") and subprocess.run([*ALONE, "true"]).returncode == 0
    kept = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "tests" / "offline")}

    def run(*command, python=sys.executable, status=0, **variables):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        command = [*ALONE * free, python, *command]
        done = subprocess.run(command, env=kept | variables, timeout=600, **options)
        assert done.returncode == status, done.stdout
        return done.stdout

    links = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": index.as_uri()}
    made = run(ROOT / "tools/make_bundle.py", tmp_path / "stick", **links)
    assert re.search(r"It downloads about (?s:.)*Ready: .*/stick, 0\.\d GB", made)
    shutil.rmtree(index)
    laptop = (tmp_path / "stick").rename(tmp_path / "a laptop 电脑")
    made_for = laptop / "wheels/made_for.txt"
    this = made_for.read_text()
    made_for.write_text("Python 3.9 on Plan9 mips\n")
    refused = run(laptop / "open_lessons.py", status=1)
    assert f"for Python 3.9 on Plan9 mips.\nThis is {this.strip()}, which" in refused
    made_for.write_text(this)
    run(laptop / "open_lessons.py", "--version", PIP_NO_COMPILE="1")
    [lesson] = (laptop / "my_lessons").glob("01*.ipynb")
    run(laptop / "tools/run_notebooks.py", lesson, python=laptop / ".venv/bin/python")
