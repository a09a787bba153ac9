"""Reading a file of pen strokes, and how many digits of it a network reads."""

from mnist_helpers.benchmark.__main__ import read_strokes
from mnist_helpers.benchmark.strokes import load_pen_digits, read_share
import pytest
import torch
from torch import nn

FILE = """//
// ASCII char: A
WORD A trn_UJI_W01-01
  NUMSTROKES 1
  POINTS 2 # 1 2 3 4
// ASCII char: 7
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


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pens.txt"
    path.write_text(FILE, encoding="latin-1")
    return path


class SaysSeven(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return 5.0 * nn.functional.one_hot(torch.full((len(images),), 7), 10)


def test_the_digits_are_read_with_their_writers_and_strokes_and_the_letters_left_out(file) -> None:
    seven, zero = load_pen_digits(file)
    assert seven == (7, "trn_UJI_W01", [[(0, 0), (10, 0), (5, 20)], [(2, 10), (8, 10)]])
    assert (zero.digit, zero.writer, len(zero.strokes[0])) == (0, "tst_UPV_W18", 4)


def test_each_digit_counts_once_and_a_mistake_under_its_pair(file) -> None:
    share, mistakes = read_share(SaysSeven(), load_pen_digits(file))
    assert share == 0.5
    assert mistakes == {(0, 7): 1}


@pytest.mark.parametrize("line", ["POINTS 3 # 1 2", "POINTS x # 1 2", "POINTS 1", "POINTS 1 # 1 b"])
def test_a_damaged_line_is_named(file, line) -> None:
    file.write_text(f"WORD 3 trn_UJI_W01-01\n{line}\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"^Line 2 is 'POINTS.*has to be POINTS n # and n times"):
        load_pen_digits(file)


def test_another_file_is_refused_and_the_program_says_so(tmp_path, capsys) -> None:
    other = tmp_path / "other.txt"
    other.write_text("nothing of the kind", encoding="utf-8")
    assert read_strokes(other) == 1
    assert "holds no digit" in capsys.readouterr().out
    assert read_strokes(tmp_path / "missing") == 1
    assert "missing" in capsys.readouterr().out
