from pathlib import Path
import runpy

import torch

TOOL = Path(__file__).resolve().parent.parent / "tools" / "pen_digits.py"
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


def test_the_digits_of_the_file_are_read_and_the_letters_left_out(tmp_path, capsys):
    (tmp_path / "pens.txt").write_text(FILE, encoding="latin-1")
    tool = runpy.run_path(str(TOOL))
    seven, zero = tool["load_pen_digits"](tmp_path / "pens.txt")
    assert seven == (7, "trn_UJI_W01", [[(0, 0), (10, 0), (5, 20)], [(2, 10), (8, 10)]])
    assert zero == (0, "tst_UPV_W18", [[(5, 0), (0, 5), (5, 10), (10, 5)]])

    names = tool["main"].__globals__
    names |= {"trained_cnn": lambda: None, "predict": lambda model, strokes: torch.eye(10)[7]}
    tool["main"](tmp_path / "pens.txt")
    told = "2 digits of 2 writers: 50.00% read\n0 taken for 7: 1\n"
    assert capsys.readouterr().out == told
