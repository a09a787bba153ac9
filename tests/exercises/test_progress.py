from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

from mnist_helpers import data
from mnist_helpers.exercises import _EXERCISES, check, progress
from mnist_helpers.exercises import _solved as solved
import pytest

NONE = [f"{lesson:02}  □□□□□  0 of 5" for lesson in range(1, 11)]
NOT_KEPT = "Solved exercises cannot be kept (MNIST_PROGRESS=off keeps none): "


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where it is remembered: in the folder of the digits, which are not looked at here."""
    monkeypatch.setattr(data, "_is_recorded", lambda raw: True)
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("MNIST_PROGRESS")
    return tmp_path / "solved"


def test_what_is_right_is_remembered_and_shown(folder, capsys, monkeypatch):
    for number, answer in [("2.3", (14, 3)), ("1.1", (235, 96)), ("1.5", ...), ("3.1", 0)]:
        progress()
        check(number, answer)
    assert capsys.readouterr().out.splitlines()[: len(NONE)] == NONE
    progress()
    shown = ["01  ■□□□□  1 of 5", "02  □□■□□  1 of 5", *NONE[2:]]
    assert capsys.readouterr().out.splitlines() == shown
    monkeypatch.setenv("MNIST_PROGRESS", "off")
    solved("3.1")
    progress()
    assert capsys.readouterr().out.splitlines() == NONE
    assert {file.name for file in folder.iterdir()} == {"1.1", "2.3"}


@pytest.mark.parametrize("place", ["expanduser", "mkdir", "touch"])
def test_what_cannot_be_remembered_is_said_once(folder, capsys, monkeypatch, place):
    solved("2.3")
    monkeypatch.setattr(f"pathlib.Path.{place}", Mock(side_effect=PermissionError("not permitted")))
    check("1.1", (235, 96))
    printed = capsys.readouterr().out
    assert (printed.count("Right."), printed.count(NOT_KEPT)) == (1, 1)
    progress()
    assert (NOT_KEPT in (shown := capsys.readouterr().out)) != ("1 of 5" in shown)
    assert [file.name for file in folder.iterdir()] == ["2.3"]


def test_notebooks_that_remember_at_once_forget_nothing(folder):
    with ThreadPoolExecutor(8) as notebooks:
        done = notebooks.map(lambda number: number in solved(number), [*_EXERCISES] * 5)
        assert all(done)
    assert solved() == set(_EXERCISES)
