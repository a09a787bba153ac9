"""Records the experiments that lesson 07 comes with: ``python tools/record_experiments.py``.

The lesson's own cells train them. What is in the file already is not trained again: delete its
lines, or the file, to have them measured anew.
"""

import re

from mnist_helpers.experiments import RECORDED, ExperimentTable
from run_notebooks import ROOT, read

LESSON = ROOT / "notebooks" / "07_comparing_networks.ipynb"
# What stands in the cells that an experiment needs.
NEEDED = "import torch|train_set, |def accuracy_of|def make_cnn|few_pixels, |grid = "


def names_of_the_lesson() -> dict:
    """Run the cells that an experiment needs, and return the names that they bind."""
    names = {}
    for cell in read(LESSON).cells:
        if cell.cell_type == "code" and re.search(NEEDED, cell.source):
            exec(cell.source.replace("start_lesson()", ""), names)  # it asks for IPython
    return names


def main() -> None:
    names, table = names_of_the_lesson(), ExperimentTable(RECORDED)
    for setting in names["grid"][1:-1]:  # the lesson itself trains the first and the last
        table.run(setting, names["train_setting"], seeds=3)
    print(table)


if __name__ == "__main__":
    main()
