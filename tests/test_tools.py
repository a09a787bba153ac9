import json

from copy_lessons import copy_lessons
import load
import pen_digits
import torch

FILE = """// ASCII char: A
WORD A trn_UJI_W01-01
  NUMSTROKES 1
  POINTS 2 # 1 2 3 4
WORD 7 trn_UJI_W01-01
  NUMSTROKES 2
  POINTS 3 # 0 0 10 0 5 20
  POINTS 2 # 2 10 8 10
// Non-ASCII char: ntilde
WORD \xf1 tst_UPV_W18-02
  NUMSTROKES 1
  POINTS 1 # 5 6
WORD 0 tst_UPV_W18-02
  NUMSTROKES 1
  POINTS 4 # 5 0 0 5 5 10 10 5
"""


def test_the_digits_of_the_file_are_read_and_the_letters_left_out(tmp_path, capsys, monkeypatch):
    (tmp_path / "pens.txt").write_text(FILE, encoding="latin-1")
    seven, zero = pen_digits.load_pen_digits(tmp_path / "pens.txt")
    assert seven == (7, "trn_UJI_W01", [[(0, 0), (10, 0), (5, 20)], [(2, 10), (8, 10)]])
    assert zero == (0, "tst_UPV_W18", [[(5, 0), (0, 5), (5, 10), (10, 5)]])

    monkeypatch.setattr(pen_digits, "trained_cnn", lambda: None)
    monkeypatch.setattr(pen_digits, "predict", lambda model, strokes: torch.eye(10)[7])
    pen_digits.main(tmp_path / "pens.txt")
    assert capsys.readouterr().out == "2 digits of 2 writers: 50.00% read\n0 taken for 7: 1\n"


def test_ratios_are_of_times_side_by_side_to_times_alone(capsys, monkeypatch):
    together = iter([6, 8, 10, 6, 8, 10, 60])
    monkeypatch.setattr(load, "seconds_of_training", lambda n, *_: 2 if n == 1 else next(together))
    load.compare_trainings()
    two, _, slow = capsys.readouterr().out.splitlines()
    assert two.startswith("2 trainings, mnist_helpers imported first: 4.0 times as long as one")
    assert two.endswith(" (from 3.0 to 5.0)")
    assert slow.startswith("2 trainings, torch imported first: 30.0 times")


def test_a_learners_copy_is_renewed_only_while_nobody_has_changed_it(tmp_path, capsys):
    lessons, copies = tmp_path / "notebooks", tmp_path / "mine"
    (lessons / "images").mkdir(parents=True)
    copied = ["01.ipynb", "02.py", "GLOSSARY.md", "images/01.png"]

    def lesson(text, **output):
        cell = {"cell_type": "code", "source": text, "outputs": [], "execution_count": None}
        return json.dumps({"cells": [cell | output]}, indent=1) + "\n"

    def write(text):
        for name in [*copied, "cnn.pt", ".hidden.ipynb"]:
            (lessons / name).write_text(text)
        (lessons / "01.ipynb").write_text(lesson(text, outputs=["an answer"], execution_count=7))
        copy_lessons(lessons, copies)

    def read():
        files = [path for path in copies.rglob("*.*") if path.is_file()]
        texts = {path.relative_to(copies).as_posix(): path.read_text() for path in files}
        return {name: text for name, text in texts.items() if name != ".copied.json"}

    write("old")
    assert read() == dict.fromkeys(copied, "old") | {"01.ipynb": lesson("old")}
    (copies / ".copied.json").write_text('{"01.ip')
    copy_lessons(lessons, copies)
    assert len(read()) == 4
    (copies / "01.ipynb").write_text("my work")
    copy_lessons(lessons, copies)
    assert read()["01.ipynb"] == "my work"
    for version, beside in (("new", "01 (new).ipynb"), ("newer", "01 (new) (new).ipynb")):
        write(version)
        assert read()["01.ipynb"] == "my work"
        assert read()[beside] == lesson(version)
        assert read()["02.py"] == read()["images/01.png"] == version
        (copies / "01 (new).ipynb").write_text("more work")
    assert read()["01 (new).ipynb"] == "more work"
    assert "your copy stays, the new one is 01 (new).ipynb" in capsys.readouterr().out
    (copies / "02.py").unlink()
    copy_lessons(lessons, copies)
    assert read()["02.py"] == "newer"
