import contextlib
import csv
from dataclasses import fields, replace
import itertools

from mnist_helpers.experiments import ExperimentTable, Setting
import pytest

HEADER = "kernel_size,channels,depth,pooling,activation,optimizer,learning_rate,seed,accuracy"
LINE = "3,16,1,max,ReLU,Adam,0.005,0,98.76"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where the tables lie. Each test has its own."""
    monkeypatch.setenv("MNIST_EXPERIMENTS_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def table():
    return ExperimentTable("experiments.csv")


class Training:
    """Stands for a training: remembers what it was called with; each setting and seed has its own accuracy."""

    def __init__(self, fails_at=None, error=None):
        self.calls = []
        self.fails_at, self.error = fails_at, error

    def __call__(self, setting, seed):
        if seed == self.fails_at:
            raise self.error
        self.calls.append((setting, seed))
        return accuracy(setting, seed)

    @property
    def seeds(self):
        return [seed for _, seed in self.calls]


def accuracy(setting, seed):
    return 90 + setting.depth + seed / 4


def lines(table):
    return table.path.read_text(encoding="utf-8").splitlines()


def write(table, *rows, newline="\r\n", end="\r\n"):
    table.path.write_bytes((newline.join([HEADER, *rows]) + end).encode())


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        (Setting(), "baseline"),
        (Setting(kernel_size=3, pooling="max"), "baseline"),
        (Setting(kernel_size=5), "kernel_size 5"),
        (Setting(learning_rate=0.01), "learning_rate 0.01"),
        (Setting(optimizer="SGD"), "optimizer SGD"),
        (
            Setting(learning_rate=0.1, optimizer="SGD", depth=2),
            "depth 2, optimizer SGD, learning_rate 0.1",
        ),
    ],
)
def test_a_setting_is_named_by_what_differs_from_the_baseline(setting, name) -> None:
    assert setting.name == name


def test_each_change_has_a_name_of_its_own() -> None:
    changed = [
        replace(Setting(), **{field.name: value})
        for field in fields(Setting)
        for value in (("one", "other") if isinstance(field.default, str) else (7, 8))
    ]
    assert len({setting.name for setting in changed}) == len(changed) == 14


def test_a_new_file_gets_a_header_and_a_line_for_each_training(table) -> None:
    assert not table.path.exists()
    training = Training()
    assert table.run(Setting(), training) == [91, 91.25, 91.5]
    assert training.calls == [(Setting(), 0), (Setting(), 1), (Setting(), 2)]
    assert lines(table) == [
        HEADER,
        *(
            f"3,16,1,max,ReLU,Adam,0.005,{seed},{value}"
            for seed, value in enumerate(("91.00", "91.25", "91.50"))
        ),
    ]


def test_looking_at_a_table_makes_no_file(table) -> None:
    assert (table.results(), table.accuracies(), str(table)) == ({}, {}, "no experiment yet")
    assert not table.path.exists()


def test_each_result_is_in_the_file_before_the_next_training_begins(table) -> None:
    seen = []

    def train(setting, seed):
        seen.append(ExperimentTable("experiments.csv").results().get(setting, {}))
        return accuracy(setting, seed)

    table.run(Setting(), train)
    assert seen == [{}, {0: 91}, {0: 91, 1: 91.25}]


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_what_was_measured_before_a_training_fails_is_kept(table, error) -> None:
    with pytest.raises(type(error)):
        table.run(Setting(), Training(fails_at=2, error=error))
    assert table.results() == {Setting(): {0: 91, 1: 91.25}}
    assert len(lines(table)) == 3
    # And the next time only the third is missing.
    training = Training()
    assert table.run(Setting(), training) == [91, 91.25, 91.5]
    assert training.seeds == [2]


@pytest.mark.parametrize("result", [None, "high", [98.0]])
def test_a_training_that_returns_no_number_leaves_no_damaged_line(table, result) -> None:
    with pytest.raises((TypeError, ValueError)):
        table.run(Setting(), lambda *_: result)
    assert table.results() == {}
    assert table.run(Setting(), Training(), seeds=1) == [91]
    assert table.results() == {Setting(): {0: 91}}


def test_nothing_that_was_in_the_file_is_ever_changed(table) -> None:
    states = [b""]

    def watched(setting, seed):
        states.append(table.path.read_bytes() if table.path.exists() else b"")
        return accuracy(setting, seed)

    for setting in (Setting(), Setting(depth=2), Setting(), Setting(kernel_size=5)):
        for seeds in (2, 1, 3):
            table.run(setting, watched, seeds=seeds)
            states.append(table.path.read_bytes())
            table.results(), table.accuracies(), str(table)
            states.append(table.path.read_bytes())
    with pytest.raises(ZeroDivisionError):
        table.run(Setting(depth=3), lambda *_: 1 / 0)
    states.append(table.path.read_bytes())
    for before, after in itertools.pairwise(states):
        assert after.startswith(before)
    assert states[-1].count(b"\n") == 1 + 3 * 3


@pytest.mark.parametrize("again", [False, True], ids=["same table", "restarted kernel"])
def test_what_is_there_already_is_not_trained_again(table, again) -> None:
    expected = table.run(Setting(depth=2), Training())
    before = table.path.read_bytes()
    table = ExperimentTable("experiments.csv") if again else table
    training = Training()
    assert table.run(Setting(depth=2), training) == expected
    assert table.run(Setting(depth=2), training, seeds=2) == expected[:2]
    assert training.calls == []
    assert table.path.read_bytes() == before


def test_more_seeds_later_train_only_the_new_ones(table) -> None:
    table.run(Setting(), Training(), seeds=1)
    training = Training()
    assert table.run(Setting(), training, seeds=4) == [91, 91.25, 91.5, 91.75]
    assert training.seeds == [1, 2, 3]


def test_only_what_was_deleted_is_trained_again(table) -> None:
    table.run(Setting(), Training())
    rows = table.path.read_bytes().splitlines(keepends=True)
    table.path.write_bytes(b"".join(rows[:2] + rows[3:]))
    training = Training()
    assert table.run(Setting(), training) == [91, 91.25, 91.5], "in the order of the seeds"
    assert training.seeds == [1]


def test_settings_that_differ_in_one_thing_are_trained_each(table) -> None:
    settings = [
        Setting(),
        *(
            replace(Setting(), **{field.name: "other" if field.default in ("max",) else 7})
            for field in fields(Setting)
            if not isinstance(field.default, str) or field.default == "max"
        ),
        Setting(activation="GELU"),
        Setting(optimizer="SGD"),
    ]
    training = Training()
    for setting in settings:
        table.run(setting, training, seeds=1)
    assert len(training.calls) == len(set(settings)) == 8
    assert list(table.results()) == settings


def test_results_are_in_the_order_in_which_the_settings_were_first_run(table) -> None:
    order = [Setting(kernel_size=9), Setting(), Setting(depth=2)]
    for setting in order:
        table.run(setting, Training(), seeds=1)
    table.run(order[1], Training(), seeds=3)
    table.run(order[0], Training(), seeds=2)
    assert list(table.results()) == order
    assert table.results()[Setting()] == {0: 91, 1: 91.25, 2: 91.5}
    assert table.accuracies() == {
        "kernel_size 9": [91, 91.25],
        "baseline": [91, 91.25, 91.5],
        "depth 2": [92],
    }


def test_the_folder_is_the_variables_or_else_the_current_one(tmp_path, monkeypatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MNIST_EXPERIMENTS_DIR", str(tmp_path / "elsewhere"))
    ExperimentTable("a.csv").run(Setting(), Training(), seeds=1)
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["a.csv"]
    assert list((tmp_path / "here").iterdir()) == []
    for value in ("", None):
        if value is None:
            monkeypatch.delenv("MNIST_EXPERIMENTS_DIR")
        else:
            monkeypatch.setenv("MNIST_EXPERIMENTS_DIR", value)
        ExperimentTable(f"b{value}.csv").run(Setting(), Training(), seeds=1)
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["b.csv", "bNone.csv"]


def test_a_path_with_its_whole_folder_stays_where_it_is(tmp_path) -> None:
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "c.csv"
    for given in (path, str(path)):
        assert ExperimentTable(given).path == path


def test_a_folder_that_is_missing_costs_no_training(tmp_path) -> None:
    training = Training()
    table = ExperimentTable(tmp_path / "missing" / "c.csv")
    with contextlib.suppress(OSError, ValueError):
        table.run(Setting(), training, seeds=1)
    assert table.path.exists() or training.calls == []


def test_two_files_know_nothing_of_each_other() -> None:
    one, other = ExperimentTable("one.csv"), ExperimentTable("other.csv")
    one.run(Setting(), Training(), seeds=1)
    assert other.results() == {}


def test_an_empty_table_says_so(table) -> None:
    write(table)
    assert str(table) == "no experiment yet"


def test_a_table_is_written_with_means_spreads_and_differences_from_the_baseline(table) -> None:
    rows = [
        *(f"3,16,1,max,ReLU,Adam,0.005,{s},{a}" for s, a in enumerate((98.0, 99.0, 100.0))),
        "5,16,1,max,ReLU,Adam,0.005,0,99.50",
        "5,16,1,max,ReLU,Adam,0.005,1,98.50",
        "3,16,2,average,ReLU,Adam,0.005,0,90.25",
    ]
    write(table, *rows)
    # 99 ± 1 by hand; 99 ± 1/√2; 90.25 - 99.
    assert str(table).split("\n") == [
        "setting                   accuracy, %     seeds  difference",
        "baseline                   99.00 ± 1.00       3       +0.00",
        "kernel_size 5              99.00 ± 0.71       2       +0.00",
        "depth 2, pooling average   90.25              1       -8.75",
    ]


def test_the_differences_need_the_baseline_wherever_it_stands(table) -> None:
    write(table, "3,16,2,max,ReLU,Adam,0.005,0,97.00")
    assert str(table).split("\n") == [
        "setting  accuracy, %     seeds  difference",
        "depth 2   97.00              1",
    ]
    table.run(Setting(), lambda *_: 98.5, seeds=1)
    assert [line.split()[-1] for line in str(table).split("\n")[1:]] == ["-1.50", "+0.00"]


def test_the_columns_of_a_written_table_stand_below_each_other(table) -> None:
    for accuracies in ([100, 0, 50], [9.5, 9.75], [99.99]):
        setting = Setting(kernel_size=2 * len(accuracies) + 1)
        table.run(setting, lambda _, seed: accuracies[seed], seeds=len(accuracies))  # noqa: B023
    header, *rows = str(table).split("\n")
    end = header.index("seeds") + len("seeds")
    assert [row[:end].split()[-1] for row in rows] == ["3", "2", "1"]
    assert all(len(row[:end]) == end for row in rows)
    assert header.endswith("difference")
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize(
    "line",
    [
        "3,16,1,max,ReLU,Adam,0.005,98.76",
        "3,16",
        "3",
        "",
        "   ",
        f"{LINE},more",
        "three,16,1,max,ReLU,Adam,0.005,0,98.76",
        "3,16,1,max,ReLU,Adam,fast,0,98.76",
        "3,16,1,max,ReLU,Adam,0.005,first,98.76",
        "3,16,1,max,ReLU,Adam,0.005,0.5,98.76",
        "3,16,1,max,ReLU,Adam,0.005,0,high",
        "3,16,1,max,ReLU,Adam,0.005,0,",
        "3;16;1;max;ReLU;Adam;0,005;0;98,76",
        '3,"16,1,max,ReLU,Adam,0.005,0,98.76',
        HEADER,
    ],
)
def test_a_damaged_line_is_refused_by_number_and_nothing_is_trained_or_changed(table, line) -> None:
    write(table, LINE, line)
    before, training = table.path.read_bytes(), Training()
    for use in (table.results, table.accuracies, table.__str__):
        with pytest.raises(ValueError, match=r"^Line 3 of experiments\.csv is "):
            use()
    with pytest.raises(ValueError, match=r"Mend it, or delete it\.$"):
        table.run(Setting(), training)
    assert training.calls == []
    assert table.path.read_bytes() == before


def test_a_damaged_line_in_the_middle_is_refused_by_its_number(table) -> None:
    write(table, LINE, "3,16,1", LINE.replace(",0,98", ",1,98"))
    with pytest.raises(ValueError, match=r"^Line 3 of experiments\.csv is '3,16,1'"):
        table.results()


@pytest.mark.parametrize("cells", [1, 4, 7, 8])
def test_a_last_line_that_was_cut_off_is_refused_before_anything_is_added(table, cells) -> None:
    write(table, LINE, ",".join(LINE.split(",")[:cells]), end="")
    before, training = table.path.read_bytes(), Training()
    with pytest.raises(ValueError, match=r"^Line 3 of "):
        table.run(Setting(depth=2), training)
    assert (training.calls, table.path.read_bytes()) == ([], before)


def test_a_line_added_after_one_without_an_end_stands_on_its_own(table) -> None:
    # As an editor leaves it that ends no last line.
    write(table, LINE, end="")
    assert table.results() == {Setting(): {0: 98.76}}
    table.run(Setting(depth=2), Training(), seeds=1)
    assert table.results() == {Setting(): {0: 98.76}, Setting(depth=2): {0: 92}}


FOREIGN = {
    "another header": b"name,age\r\nAda,36\r\n",
    "other columns": HEADER.replace("depth,", "").encode() + b"\r\n",
    "another order": b"seed,accuracy," + HEADER.removesuffix(",seed,accuracy").encode(),
    "no header": LINE.encode() + b"\r\n",
    "a text": "Liebes Tagebuch, ähm …\n".encode(),
    "semicolons": HEADER.replace(",", ";").encode() + b"\r\n",
    "latin-1": "Größe,16\n".encode("latin-1"),
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
    "zeros": bytes(100),
    "one long line": b"a" * 200_000,
    "empty": b"",
    "an empty line": b"\r\n",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
        )
        for name in FOREIGN
    ],
)
def test_another_file_is_refused_and_left_as_it_is(table, name) -> None:
    table.path.write_bytes(FOREIGN[name])
    training = Training()
    with pytest.raises(ValueError, match=r".") as caught:
        table.run(Setting(), training)
    assert training.calls == []
    assert table.path.read_bytes() == FOREIGN[name]
    assert len(str(caught.value)) < 600, "a message, and not the file"


@pytest.mark.parametrize("name", ["a picture", "latin-1"])
def test_a_file_that_is_no_text_is_refused_by_its_name(table, name) -> None:
    table.path.write_bytes(FOREIGN[name])
    with pytest.raises(ValueError, match=r"experiments\.csv"):
        table.results()


@pytest.mark.parametrize("seeds", [0, -1])
def test_less_than_one_seed_is_refused(table, seeds) -> None:
    training = Training()
    with pytest.raises(ValueError, match=rf"^seeds is {seeds}, and has to be at least 1"):
        table.run(Setting(), training, seeds=seeds)
    assert training.calls == []
    assert not table.path.exists()


def test_a_setting_comes_back_from_the_file_as_it_was(table) -> None:
    setting = Setting(
        kernel_size=5,
        channels=24,
        depth=2,
        pooling="average",
        activation="GELU",
        optimizer='one, "two"\r\nthree ä',
        learning_rate=0.1 + 0.2,
    )
    table.run(setting, Training(), seeds=1)
    [(back, by_seed)] = ExperimentTable("experiments.csv").results().items()
    assert back == setting
    for field in fields(Setting):
        assert type(getattr(back, field.name)) is type(field.default), field.name
    [(seed, value)] = by_seed.items()
    assert (type(seed), type(value)) == (int, float)


@pytest.mark.parametrize("rate", [1e-9, 5e-4, 0.1 + 0.2, 1, 100.0, 1 / 3])
def test_a_learning_rate_is_known_again_to_its_last_digit(table, rate) -> None:
    table.run(Setting(learning_rate=rate), Training(), seeds=1)
    training = Training()
    table.run(Setting(learning_rate=rate), training, seeds=1)
    assert training.calls == []


def test_running_again_returns_the_same_numbers(table) -> None:
    first = table.run(Setting(), lambda *_: 98.76543, seeds=1)
    assert table.run(Setting(), Training(), seeds=1) == first == [table.results()[Setting()][0]]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC, csv.QUOTE_ALL])
def test_a_table_that_a_spreadsheet_has_saved_still_reads_and_grows(
    table, newline, quoting
) -> None:
    table.run(Setting(), Training())
    expected = table.results()
    with table.path.open(encoding="utf-8", newline="") as file:
        # A spreadsheet takes numbers for numbers, and 91.00 for 91.
        rows = [[as_number(cell) for cell in row] for row in csv.reader(file)]
    with table.path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=quoting, lineterminator=newline).writerows(rows)
    saved = table.path.read_bytes()
    assert table.results() == expected
    table.run(Setting(depth=2), Training(), seeds=1)
    assert table.path.read_bytes().startswith(saved)
    assert table.results() == {**expected, Setting(depth=2): {0: 92}}


def as_number(cell):
    for kind in (int, float):
        try:
            number = kind(cell)
        except ValueError:
            continue
        return int(number) if number == int(number) else number
    return cell


def test_a_table_that_excel_has_saved_as_utf_8_still_reads(table) -> None:
    # Excel puts a byte order mark before the first cell.
    write(table, LINE)
    table.path.write_bytes(b"\xef\xbb\xbf" + table.path.read_bytes())
    assert table.results() == {Setting(): {0: 98.76}}


def test_two_tables_on_one_file_add_to_it_in_turn() -> None:
    one, other = ExperimentTable("both.csv"), ExperimentTable("both.csv")
    one.run(Setting(), Training(), seeds=1)
    other.run(Setting(depth=2), Training(), seeds=1)
    one.run(Setting(), Training(), seeds=2)
    assert one.results() == other.results()
    assert lines(one).count(HEADER) == 1
    assert len(lines(one)) == 4
