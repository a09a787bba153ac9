import os
import subprocess
import sys
from types import SimpleNamespace

from mnist_helpers import checkup
from mnist_helpers.data import MNIST_FILES, data_root
import pytest

LINES = ["Python", "packages", "kernel", "widgets", "device", "data", "memory"]


def run_as_a_learner(**variables):
    command = [sys.executable, "-m", "mnist_helpers"]
    environment = os.environ | variables
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    *lines, last = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == LINES, done
    return lines, last + done.stderr, done.returncode


@pytest.fixture
def told(monkeypatch, capsys):
    finders = checkup._FINDERS

    def told(name):
        monkeypatch.setattr(checkup, "_FINDERS", {name: finders[name]})
        wrong = checkup.report()
        line, last = capsys.readouterr().out.splitlines()
        assert last == ("1 of 1 to be mended." if wrong else "All is well.")
        assert line.startswith("!!  " if wrong else "OK  ")
        return line[:4] + line[15:]

    return told


def test_a_whole_set_up_gets_a_line_each_and_exit_status_0():
    lines, last, status = run_as_a_learner()
    assert all(line.startswith("OK  ") for line in lines), lines
    assert (last, status) == ("All is well.", 0)
    assert sys.executable in lines[0]
    assert lines[5].startswith(f"OK  data       {data_root()}: whole, ")


def test_a_broken_torch_costs_its_own_lines_and_no_others(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart is not there')\n")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    lines, last, status = run_as_a_learner(PYTHONPATH=path)
    broken = [line for line in lines if line.startswith("!!")]
    assert {line.split()[1] for line in broken} == {"device", "data"}
    mend = "libcudart is not there In the repository's folder: rm -rf .venv, then make lab."
    assert all(line.endswith(f"  ImportError: {mend}") for line in broken)
    assert (last, status) == ("2 of 7 to be mended.", 1)


def test_missing_packages_and_old_ones_are_named_and_no_others(monkeypatch, told):
    installed = {"matplotlib": "3.9.2", "torch": "2.14.1+cpu", "ipykernel": "99.1"}

    def version(name, real=checkup.metadata.version):
        if name in ("tqdm", "nbval"):  # the latter only tests need
            raise checkup.metadata.PackageNotFoundError(name)
        return installed.get(name) or real(name)

    monkeypatch.setattr(checkup.metadata, "version", version)
    assert told("packages") == (
        "!!  matplotlib is 3.9.2, and has to be >=3.10; tqdm is missing, and has to be >=4.67. "
        "In the repository's folder: rm -rf .venv, then make lab."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="the other Python is a shell script")
@pytest.mark.parametrize("status", [0, 1, None])
def test_another_python_will_do_where_it_finds_the_package(monkeypatch, tmp_path, told, status):
    other = tmp_path / "other python"
    if status is not None:
        other.write_text(f"#!/bin/sh\nexit {status}\n")
        other.chmod(0o755)
    manager = "jupyter_client.manager.KernelManager.format_kernel_cmd"
    monkeypatch.setattr(manager, lambda self: [str(other), "-m", "ipykernel_launcher"])
    found = told("kernel")
    if status == 0:
        assert found == f"OK  notebooks run on {other}, which finds mnist_helpers too"
    else:
        assert found.startswith(f"!!  notebooks run on {other}, which has no mnist_helpers: an old")
        assert "jupyter kernelspec remove python3" in found


def test_missing_widgets_disk_and_memory_are_told(monkeypatch, told):
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *names: [os.devnull])
    lacks = "!!  JupyterLab lacks @jupyter-widgets/jupyterlab-manager and anywidget. In the"
    assert told("widgets").startswith(lacks)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1e8))
    assert told("data").endswith(
        f"{data_root()}: whole, 0.1 GB free: make room, 0.2 GB are needed."
    )
    for free, sign in ((1.4e9, "!!"), (1.6e9, "OK")):
        memory = SimpleNamespace(available=free, total=4e9)
        monkeypatch.setattr("psutil.virtual_memory", lambda memory=memory: memory)
        assert told("memory").startswith(f"{sign}  {free / 1e9:.1f} GB free of 4.0")
        assert ("up to 1.5 GB. Close" in told("memory")) == (sign == "!!")


def test_a_changed_bit_is_found_and_mended(tmp_path, monkeypatch, told, caplog):
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path))
    file = data_root() / "MNIST" / "raw" / list(MNIST_FILES)[3]
    times = file.stat()
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert told("data").startswith(f"OK  {tmp_path}: whole, ")
    assert "is damaged, and is made again" in caplog.messages[0]
    content[5000] ^= 1
    assert file.read_bytes() == content
    monkeypatch.setenv("MNIST_DATA_DIR", str(file))
    assert "MNIST_DATA_DIR" in told("data")
