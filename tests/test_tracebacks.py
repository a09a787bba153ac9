from IPython.core.interactiveshell import InteractiveShell
import pytest

OWN_MODULE = """
import torch
from torch import nn
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 4)
    def forward(self, x):
        return self.layer(x)
nn.Sequential(Network())(torch.zeros(1, 2))
"""


@pytest.fixture
def run(capsys):
    shell = InteractiveShell.instance(colors="nocolor")
    shell.run_cell("from mnist_helpers.notebook import start_lesson; start_lesson()")

    def run(cell):
        shell.run_cell(cell)
        return capsys.readouterr().out

    yield run
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def test_own_lines_and_the_last_one_stay_and_tb_shows_all_the_others(run):
    shown = run(OWN_MODULE)
    assert "nn.Sequential(Network())(torch.zeros(1, 2))" in shown
    assert "return self.layer(x)" in shown
    assert shown.count("frames in torch (%tb shows all)") == 2
    assert shown.rstrip().endswith("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)")
    assert "site-packages" not in shown
    assert run("%tb").count("site-packages") >= 4
    assert "RuntimeError" in run("import sys; type(sys.last_value)")


def test_our_own_package_and_pythons_are_libraries_and_a_cell_is_not(run):
    assert "in mnist_helpers" in run("from mnist_helpers.drawing import rasterize; rasterize([1])")
    assert "1 frame in statistics" in run("import statistics; statistics.mean([])")
    assert "…" not in run("def own():\n    return {}['a']\nown()")
