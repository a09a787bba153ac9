"""What `make bundle` makes sets up, and runs a lesson, without a network.

A test may download nothing, so the wheels are packed again from the environment that runs it: whole
ones, but for torch, torchvision and what they bring for CUDA (5 GB, unpacked), whose wheels lead to
what is installed here. All else is real: pip, both scripts, the environment and the lesson."""

from importlib.metadata import distributions
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from run_notebooks import ROOT, lessons

# No interface but the loopback; where the system forbids it, the guard of every test refuses alone.
ALONE = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "-"]


def pack(package, index, elsewhere):
    info = next(file.parts[0] for file in package.files if ".dist-info" in file.parts[0])
    files = [one for one in package.files if not re.search(r"__pycache__|^[./]+bin/", str(one))]
    if leads := re.match("torch|nvidia|cuda|triton", info):
        for top in {file.parts[0] for file in files} - {p.name for p in elsewhere.iterdir()}:
            (elsewhere / top).symlink_to(package.locate_file(top))
        files = [file for file in files if file.parts[0] == info]
    tag, stem = re.findall(r"Tag: (.+)", package.read_text("WHEEL"))[-1], info[: -len(".dist-info")]
    with zipfile.ZipFile(index / f"{stem}-{tag}.whl", "w") as wheel:
        for file in files:
            wheel.write(file.locate(), re.sub(r"^(\.\./)+", f"{stem}.data/data/", file.as_posix()))
        if leads:
            wheel.writestr(f"{stem}.pth", str(elsewhere))


@pytest.mark.skipif(os.name == "nt", reason="the environment is laid out as on Linux")
def test_a_bundle_sets_up_and_runs_a_lesson_without_a_network(tmp_path):
    index, elsewhere, laptop = (tmp_path / name for name in ("index", "torch", "a laptop 电脑"))
    index.mkdir(), elsewhere.mkdir()
    for package in distributions():
        if package.name != "mnist-helpers":
            pack(package, index, elsewhere)
    alone = ALONE if shutil.which("ip") and not subprocess.run([*ALONE, "true"]).returncode else []
    kept = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
    guard = {"MNIST_CONNECTIONS": os.environ["MNIST_CONNECTIONS"]}
    kept |= guard | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "tests" / "offline")}

    def run(*command, **variables):
        options = {"env": kept | variables, "capture_output": True, "text": True, "timeout": 300}
        return subprocess.run([*alone, *command], **options)

    places = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": index.as_uri()}
    made = run(sys.executable, ROOT / "tools/make_bundle.py", tmp_path / "a stick", **places)
    assert "It downloads about" in made.stdout, made.stderr
    assert re.search(r"Ready: .*/a stick, 0\.\d GB", made.stdout), made.stdout + made.stderr
    shutil.rmtree(index)
    shutil.move(tmp_path / "a stick", laptop)
    made_for = laptop / "wheels" / "made_for.txt"
    this = made_for.read_text()
    made_for.write_text("Python 3.9 on Plan9 mips\n")
    refused = run(sys.executable, laptop / "open_lessons.py")
    assert refused.returncode == 1
    assert f"are for Python 3.9 on Plan9 mips.\nThis is {this.strip()}, which" in refused.stderr
    made_for.write_text(this)
    opened = run(sys.executable, laptop / "open_lessons.py", "--version")
    assert opened.returncode == 0, opened.stdout + opened.stderr
    lesson = laptop / "my_lessons" / lessons()[0].name
    done = run(laptop / ".venv/bin/python", laptop / "tools/run_notebooks.py", lesson)
    assert done.returncode == 0, done.stderr
