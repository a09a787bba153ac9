import os
from pathlib import Path
import subprocess
import sys

from mnist_helpers import checkup
from mnist_helpers.checkup import FINDERS, Finding, report
from mnist_helpers.data import MNIST_FILES, data_root, faults
from packaging.requirements import Requirement
import psutil
import pytest
from run_notebooks import ROOT

LINES = [
    *("Python", "packages", "kernel", "widgets", "device", "precision", "data", "disk", "memory")
]


def run_as_a_learner(**variables: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mnist_helpers"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_whole_set_up_gets_a_line_each_and_exit_status_0() -> None:
    done = run_as_a_learner()
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == LINES, done
    assert all(line.startswith("OK  ") for line in lines[:-1]), done.stdout
    assert lines[-1] == "All is well."
    assert (done.returncode, done.stderr) == (0, "")
    assert sys.executable in lines[0]


def test_a_broken_torch_costs_its_own_lines_and_no_others(tmp_path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart is not there')\n")
    paths = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    done = run_as_a_learner(PYTHONPATH=paths)
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == LINES, done
    broken = [line for line in lines if line.startswith("!!")]
    assert {line.split()[1] for line in broken} >= {"device", "precision", "data"}
    assert all("libcudart is not there" in line and "make lab" in line for line in broken)
    assert lines[0].startswith("OK")
    assert lines[-1] == f"{len(broken)} of {len(LINES)} to be mended."
    assert done.returncode == 1


def test_the_last_line_and_the_exit_status_count_what_is_wrong(capsys) -> None:
    def fail() -> Finding:
        raise RuntimeError("out of order.")

    finders = {
        "one": lambda: Finding(True, "fine"),
        "two": lambda: Finding(False, "do it"),
        "three": fail,
    }
    assert report(finders) == 1
    first, second, third, last = capsys.readouterr().out.splitlines()
    assert first == "OK  one        fine"
    assert second == "!!  two        do it"
    assert third.startswith("!!  three      RuntimeError: out of order. ")
    assert last == "2 of 3 to be mended."
    assert report({"one": finders["one"]}) == 0


def test_a_missing_package_and_one_that_is_too_old_are_named(monkeypatch) -> None:
    def version(name: str, real=checkup.metadata.version) -> str:
        if name == "tqdm":
            raise checkup.metadata.PackageNotFoundError(name)
        return "3.9.2" if name == "matplotlib" else real(name)

    monkeypatch.setattr(checkup.metadata, "version", version)
    finding = FINDERS["packages"]()
    assert not finding.fine
    assert "tqdm is missing" in finding.text
    assert "matplotlib is 3.9.2, and has to be >=3.10" in finding.text


def locked_versions() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line[:1].isalpha()]
    here = [one for one in pins if one.marker is None or one.marker.evaluate()]
    return {one.name: str(one.specifier).removeprefix("==") for one in here}


def as_in_the_lock(monkeypatch, **others: str) -> None:
    """Have every package seem installed as the lock pins it, but for the others; also where the tests run with newer or
    older ones."""
    versions = locked_versions() | others
    monkeypatch.setattr(checkup.metadata, "version", versions.__getitem__)


def test_a_newer_version_than_the_locks_is_told_and_does_no_harm(monkeypatch) -> None:
    as_in_the_lock(monkeypatch, tqdm="99.1")
    finding = FINDERS["packages"]()
    assert finding.fine
    assert "tqdm is 99.1, there 4." in finding.text
    assert finding.text.count(" is ") == 1, "every other package is as in the lock"


def test_a_builds_name_is_no_other_version(monkeypatch) -> None:
    as_in_the_lock(monkeypatch, torch=locked_versions()["torch"] + "+cpu")
    assert FINDERS["packages"]().text.endswith("as in requirements.lock")


def kernel_on(monkeypatch, python: str) -> Finding:
    """Return what is found where Jupyter starts its kernels on another Python."""
    from jupyter_client.manager import KernelManager

    monkeypatch.setattr(KernelManager, "format_kernel_cmd", lambda self: [python, "-m", "x"])
    return FINDERS["kernel"]()


@pytest.mark.skipif(sys.platform == "win32", reason="the other Python is a shell script")
@pytest.mark.parametrize(("status", "fine"), [(0, True), (1, False)])
def test_another_python_will_do_where_it_finds_the_package(
    monkeypatch, tmp_path, status, fine
) -> None:
    other = tmp_path / "other python"
    other.write_text(f"#!/bin/sh\nexit {status}\n")
    other.chmod(0o755)
    finding = kernel_on(monkeypatch, str(other))
    assert finding.fine is fine
    assert str(other) in finding.text
    assert fine or "jupyter kernelspec remove python3" in finding.text


def test_a_kernel_whose_python_is_gone_is_named(monkeypatch, tmp_path) -> None:
    finding = kernel_on(monkeypatch, str(tmp_path / "gone"))
    assert not finding.fine
    assert "gone" in finding.text


def test_missing_widgets_are_named(monkeypatch) -> None:
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *names: [os.devnull])
    finding = FINDERS["widgets"]()
    assert not finding.fine
    assert "@jupyter-widgets/jupyterlab-manager and ipycanvas" in finding.text


@pytest.fixture
def damaged(tmp_path, monkeypatch) -> Path:
    """A folder of prepared digits with one bit changed so that sizes and times say nothing of it."""
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path))
    data_root()
    file = tmp_path / "MNIST" / "raw" / MNIST_FILES[3].name
    times = file.stat()
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    return tmp_path


def test_a_changed_bit_that_no_size_or_time_betrays_is_found_and_its_advice_mends_it(
    damaged,
) -> None:
    finding = FINDERS["data"]()
    assert not finding.fine
    assert f"{MNIST_FILES[3].name} did not match its checksum" in finding.text
    raw = damaged / "MNIST" / "raw"
    assert f"{raw}. Delete that folder" in finding.text
    for path in raw.iterdir():
        path.unlink()
    raw.rmdir()
    assert FINDERS["data"]() == Finding(True, f"{damaged}: whole")
    assert faults(damaged) == {}


def test_a_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "file"))
    finding = FINDERS["data"]()
    assert not finding.fine
    assert "MNIST_DATA_DIR" in finding.text


def test_a_disk_that_is_nearly_full_is_told(monkeypatch) -> None:
    class Usage:
        free = 1e8

    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda path: Usage)
    finding = FINDERS["disk"]()
    assert not finding.fine
    assert finding.text.startswith("0.1 GB free")


@pytest.mark.parametrize(("free", "fine"), [(1.4e9, False), (1.6e9, True)])
def test_too_little_memory_is_told(monkeypatch, free, fine) -> None:
    class Memory:
        available, total = free, 4e9

    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory)
    finding = FINDERS["memory"]()
    assert finding.fine is fine
    assert finding.text.startswith(f"{free / 1e9:.1f} GB free of 4.0")
