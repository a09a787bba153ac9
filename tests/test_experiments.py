from mnist_helpers.experiments import RECORDED, ExperimentTable, Setting
import pytest
import record_experiments

HEADER = "kernel_size,channels,depth,pooling,activation,optimizer,learning_rate,seed,accuracy"
LINE = "3,16,1,max,ReLU,Adam,0.005,0,98.76"
DEEP = Setting(depth=2)


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_EXPERIMENTS_DIR", str(tmp_path))
    return ExperimentTable("experiments.csv")


class Training:
    def __init__(self, fails_at=None):
        self.seeds, self.fails_at = [], fails_at

    def __call__(self, setting, seed):
        if seed == self.fails_at:
            raise KeyboardInterrupt
        self.seeds.append(seed)
        return 90 + setting.depth + seed / 4


def lines(table):
    return table.path.read_bytes().decode().removesuffix("\n").split("\n")


def write(table, *rows, end="\r\n"):
    table.path.write_bytes(("\r\n".join([HEADER, *rows]) + end).encode())


def test_a_setting_is_named_by_what_differs(table):
    odd = Setting(5, 8, 3, "strided", "Tanh", "SGD", 0.1 + 0.2)
    for setting in (odd, DEEP, Setting()):
        table.run(setting, Training(), seeds=1)
    assert list(table.results()) == [odd, DEEP, Setting()]
    first, *others = table.accuracies().items()
    assert first == ("baseline", [91.0])
    name = "kernel_size 5, channels 8, depth 3, pooling strided, activation Tanh, optimizer SGD"
    assert others == [(f"{name}, learning_rate {0.1 + 0.2}", [93.0]), ("depth 2", [92.0])]


def test_each_training_is_a_line_before_the_next_one_begins(table):
    assert str(table) == "setting  accuracy, %     seeds  difference"
    for number in (0, 2):
        with pytest.raises(KeyboardInterrupt):
            table.run(Setting(), Training(fails_at=number))
    start = LINE.rpartition(",0,")[0]
    assert lines(table) == [HEADER, f"{start},0,91.00", f"{start},1,91.25"]
    training = Training()
    assert table.run(Setting(), training) == [91.0, 91.25, 91.5]
    assert training.seeds == [2]
    assert table.run(DEEP, training, seeds=1) == [92.0]
    assert table.run(Setting(), training, seeds=1) == [91.0]
    assert training.seeds == [2, 0]
    assert len(lines(table)) == 5


def test_a_new_table_begins_with_what_is_recorded_and_an_old_one_is_left_as_it_is(table):
    recorded = RECORDED.read_bytes()
    assert ExperimentTable(table.path, RECORDED).run(DEEP, Training()) != [92.0, 92.25, 92.5]
    assert table.path.read_bytes() == RECORDED.read_bytes() == recorded
    write(table, LINE)
    assert ExperimentTable(table.path, RECORDED).accuracies() == {"baseline": [98.76]}


def test_what_is_recorded_is_what_the_cells_of_the_lesson_give():
    lesson, recorded = record_experiments.names_of_the_lesson(), ExperimentTable(RECORDED).results()
    assert list(recorded) == lesson["grid"][1:-1]
    assert {tuple(by_seed) for by_seed in recorded.values()} == {(0, 1, 2)}
    average = Setting(pooling="average")  # three points behind the baseline
    assert abs(lesson["train_setting"](average, 2) - recorded[average][2]) < 1


def test_a_missing_folder_costs_no_training(tmp_path):
    training = Training()
    with pytest.raises(FileNotFoundError):
        ExperimentTable(tmp_path / "not there" / "my.csv").run(Setting(), training)
    assert training.seeds == []


def test_a_written_table_has_means_spreads_and_differences(table):
    table.run(DEEP, Training())
    table.run(Setting(), Training(), seeds=1)
    assert str(table) == (
        "setting   accuracy, %     seeds  difference\n"
        "baseline   91.00              1       +0.00\n"
        "depth 2    92.25 ± 0.25       3       +1.25"
    )


@pytest.mark.parametrize(
    "line", ["", "3,16", LINE + ",7", LINE.replace("16", "many"), LINE[: -len(",98.76")]]
)
def test_a_damaged_line_is_refused_by_its_number(table, line):
    write(table, LINE, line, LINE)
    before, training = table.path.read_bytes(), Training()
    with pytest.raises(ValueError, match=r"^Line 3 of experiments\.csv does not hold"):
        table.run(DEEP, training)
    assert (table.path.read_bytes(), training.seeds) == (before, [])


@pytest.mark.parametrize("content", [b"name,age\n", b"\xff\xfe\x00", b'"'])
def test_another_file_is_refused_and_left_as_it_is(table, content):
    table.path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^experiments\.csv is not a table of experiments"):
        table.run(Setting(), Training())
    assert table.path.read_bytes() == content


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_table_that_a_spreadsheet_has_saved_still_grows(table, end, mark):
    write(table, LINE, end=end)
    table.path.write_text(mark + table.path.read_text(encoding="utf-8"), encoding="utf-8")
    assert table.run(Setting(), Training(), seeds=2) == [98.76, 91.25]
    assert table.run(DEEP, Training(), seeds=1) == [92.0]
