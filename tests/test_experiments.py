import csv
from dataclasses import fields, replace
import itertools

from mnist_helpers.experiments import ExperimentTable, Setting
import pytest

HEADER = "kernel_size,channels,depth,pooling,activation,optimizer,learning_rate,seed,accuracy"
LINE = "3,16,1,max,ReLU,Adam,0.005,0,98.76"
CHANGED = Setting(5, 24, 2, "average", "GELU", 'one, "two"\r\nthree ä', 0.1 + 0.2)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table of which nothing is there yet."""
    monkeypatch.setenv("MNIST_EXPERIMENTS_DIR", str(tmp_path))
    return ExperimentTable("experiments.csv")


class Training:
    """Stands for a training: each setting and seed has its own accuracy; remembers the seeds."""

    def __init__(self):
        self.seeds = []

    def __call__(self, setting, seed):
        self.seeds.append(seed)
        return 90 + setting.depth + seed / 4


def write(table, *rows, end="\r\n"):
    table.path.write_bytes(("\r\n".join([HEADER, *rows]) + end).encode())


def test_a_setting_is_named_by_what_differs_from_the_baseline() -> None:
    assert Setting(kernel_size=3).name == "baseline"
    changed = Setting(learning_rate=0.1, optimizer="SGD", depth=2)
    assert changed.name == "depth 2, optimizer SGD, learning_rate 0.1"


def test_each_result_is_in_the_file_before_the_next_training_begins(table) -> None:
    assert (table.results(), str(table), table.path.exists()) == ({}, "no experiment yet", False)
    seen = []

    def train(setting, seed):
        seen.append(ExperimentTable("experiments.csv").results())
        return 98.76543 + seed

    assert table.run(Setting(), train) == [98.77, 99.77, 100.77], "as they will be read again"
    assert seen == [{}, {Setting(): {0: 98.77}}, {Setting(): {0: 98.77, 1: 99.77}}]
    rows = [LINE.replace("0,98.76", f"{seed},{98.77 + seed:.2f}") for seed in range(3)]
    assert table.path.read_text(encoding="utf-8").splitlines() == [HEADER, *rows]


def test_what_is_there_is_not_trained_again_and_what_is_missing_is(table) -> None:
    def interrupted(setting, seed):
        return 1 / (1 - seed)

    with pytest.raises(ZeroDivisionError):
        table.run(Setting(), interrupted)
    training = Training()
    assert table.run(Setting(), training, seeds=4) == [1, 91.25, 91.5, 91.75]
    assert training.seeds == [1, 2, 3]
    again = ExperimentTable("experiments.csv")  # as after a restart
    assert again.run(Setting(), training, seeds=2) == [1, 91.25]
    assert training.seeds == [1, 2, 3]


def test_nothing_that_was_in_the_file_is_ever_changed(table) -> None:
    states = [b""]
    for setting in (Setting(depth=3), CHANGED, Setting(), Setting(depth=3)):
        for seeds in (2, 1, 3):
            table.run(setting, Training(), seeds=seeds)
            table.accuracies(), str(table)
            states.append(table.path.read_bytes())
    for before, after in itertools.pairwise(states):
        assert after.startswith(before)
    assert list(table.results()) == [Setting(depth=3), CHANGED, Setting()]
    assert table.accuracies()["baseline"] == [91, 91.25, 91.5]


@pytest.mark.parametrize("field", fields(Setting), ids=lambda field: field.name)
def test_a_setting_comes_back_from_the_file_as_it_was(table, field) -> None:
    setting = replace(Setting(), **{field.name: getattr(CHANGED, field.name)})
    table.run(setting, Training(), seeds=1)
    [(back, by_seed)] = table.results().items()
    assert back == setting != Setting()
    assert type(getattr(back, field.name)) is type(field.default)
    assert [(type(seed), type(accuracy)) for seed, accuracy in by_seed.items()] == [(int, float)]


def test_the_folder_is_the_variables_or_else_the_current_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MNIST_EXPERIMENTS_DIR", str(tmp_path))
    assert ExperimentTable("a.csv").path == tmp_path / "a.csv"
    assert str(ExperimentTable("/deep/c.csv").path) == "/deep/c.csv"
    monkeypatch.delenv("MNIST_EXPERIMENTS_DIR")
    assert str(ExperimentTable("b.csv").path) == "b.csv"


def test_a_folder_that_is_missing_costs_no_training(tmp_path) -> None:
    training = Training()
    with pytest.raises(FileNotFoundError):
        ExperimentTable(tmp_path / "missing" / "c.csv").run(Setting(), training)
    assert training.seeds == []


def test_a_table_is_written_with_means_spreads_and_differences_from_the_baseline(table) -> None:
    assert table.run(Setting(depth=2), lambda *_: 97, seeds=1) == [97]
    assert str(table).split("\n")[1:] == ["depth 2   97.00              1"]
    rows = ["16,1,max,ReLU,Adam,0.005,", "16,2,average,ReLU,Adam,0.005,"]
    write(
        table,
        *(f"3,{rows[0]}{seed},{98 + seed}" for seed in range(3)),
        *(f"5,{rows[0]}{seed},{99.5 - seed}" for seed in range(2)),
        f"3,{rows[1]}0,90.25",
    )
    # 99 ± 1 by hand; 99 ± 1/√2; 90.25 - 99.
    assert str(table).split("\n") == [
        "setting                   accuracy, %     seeds  difference",
        "baseline                   99.00 ± 1.00       3       +0.00",
        "kernel_size 5              99.00 ± 0.71       2       +0.00",
        "depth 2, pooling average   90.25              1       -8.75",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "3,16",
        "",
        f"{LINE},more",
        LINE.replace("16", "x"),
        LINE.replace("0,98", "0.5,98"),
        f"{LINE}x",
    ],
)
def test_a_damaged_line_is_refused_by_number_and_nothing_is_trained_or_changed(table, line) -> None:
    write(table, LINE, line, LINE, end="")
    before, training = table.path.read_bytes(), Training()
    with pytest.raises(
        ValueError, match=r"^Line 3 of experiments\.csv is .*Mend it, or delete it\.$"
    ):
        table.run(Setting(), training)
    assert (training.seeds, table.path.read_bytes()) == ([], before)


@pytest.mark.parametrize(
    "content",
    [
        b"name,age\r\nAda,36\r\n",
        HEADER.replace("depth,", "").encode(),
        LINE.encode(),
        "Größe,16\n".encode("latin-1"),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
        b"a" * 100_000,
        b"",
    ],
    ids=["another table", "other columns", "no header", "latin-1", "picture", "long", "empty"],
)
def test_another_file_is_refused_and_left_as_it_is(table, content) -> None:
    table.path.write_bytes(content)
    training = Training()
    with pytest.raises(ValueError, match=r"^experiments\.csv is not a table") as caught:
        table.run(Setting(), training)
    assert (training.seeds, table.path.read_bytes()) == ([], content)
    assert len(str(caught.value)) < 400, "a message, and not the file"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_table_that_a_spreadsheet_has_saved_still_reads_and_grows(
    table, newline, quoting
) -> None:
    table.run(CHANGED, Training())
    expected = table.results()
    with table.path.open(encoding="utf-8", newline="") as file:
        # A byte order mark, 92 for 92.00, and no end of the last line.
        rows = [[cell.removesuffix(".00") for cell in row] for row in csv.reader(file)]
    with table.path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, quoting=quoting, lineterminator=newline).writerows(rows)
    saved = table.path.read_bytes().removesuffix(newline.encode())
    table.path.write_bytes(saved)
    table.run(Setting(), Training(), seeds=1)
    assert table.path.read_bytes().startswith(saved)
    assert table.results() == {**expected, Setting(): {0: 91}}
