"""A table of experiments that grows: in a CSV file, one line for each training, kept from one session to the next."""

from collections.abc import Callable
import csv
from dataclasses import asdict, dataclass, fields
import io
import os
from pathlib import Path
import statistics

from .checks import described, require_function, require_number, require_path, require_whole


@dataclass(frozen=True)
class Setting:
    """What one experiment is trained with: a network as `make_cnn` builds it, an optimizer of ``torch.optim`` by its
    name, and the peak of the learning rate. Each default is the baseline's.

    Raises:
        TypeError: a value is of another type than its default.
        ValueError: a whole number is less than 1, a name empty, or the learning rate not above 0.
    """

    kernel_size: int = 3
    channels: int = 16
    depth: int = 1
    pooling: str = "max"
    activation: str = "ReLU"
    optimizer: str = "Adam"
    learning_rate: float = 0.005

    def __post_init__(self) -> None:
        for name in ("kernel_size", "channels", "depth"):
            require_whole(name, getattr(self, name), at_least=1)
        for name in ("pooling", "activation", "optimizer"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise TypeError(
                    f"{name} is {described(value)}, and has to be a name, such as {getattr(Setting, name)!r}."
                )
            if not value:
                raise ValueError(
                    f"{name} is empty, and has to be a name, such as {getattr(Setting, name)!r}."
                )
        require_number("learning_rate", self.learning_rate, above=0)

    @property
    def name(self) -> str:
        """What differs from the baseline, for example ``kernel_size 5``."""
        changes = [
            f"{field.name} {getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return ", ".join(changes) or "baseline"


class ExperimentTable:
    """The results of experiments. Each training adds one line to a CSV file; no line is ever changed or removed, so no
    result is lost, whatever is run again. To have one measured anew, delete its lines in the file, or use another file.

    It is a class because it has a place where it keeps its lines.
    """

    def __init__(self, path: str | Path) -> None:
        """`path` is the file; it need not exist. A relative one lies in ``$MNIST_EXPERIMENTS_DIR`` where that is
        set, else in the current folder.

        Raises:
            TypeError: `path` is no path.
            ValueError: `path` is empty.
        """
        path = require_path("path", path, "experiments.csv")
        folder = os.environ.get("MNIST_EXPERIMENTS_DIR", "")
        self.path = Path(folder, path)

    def results(self) -> dict[Setting, dict[int, float]]:
        """Return all results, in the order in which the settings were first run: for each setting the accuracy, in per
        cent, of each seed.

        Raises:
            ValueError: the file holds something else.
        """
        if not self.path.exists():
            return {}
        results: dict[Setting, dict[int, float]] = {}
        try:
            # "sig", because spreadsheets put a byte order mark before the first cell.
            text = self.path.read_bytes().decode("utf-8-sig")
            lines = list(csv.reader(io.StringIO(text, newline="")))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(
                f"{self.path.name} is not a table of experiments. Use another file name. ({error})"
            ) from error
        header = lines[0] if lines else []
        if header != _COLUMNS:
            raise ValueError(
                f"{self.path.name} is not a table of experiments: its first line is {','.join(header)!r:.100}, and "
                f"has to be {','.join(_COLUMNS)!r}. Use another file name."
            )
        for number, cells in enumerate(lines[1:], start=2):
            setting, seed, accuracy = self._read(cells, number)
            results.setdefault(setting, {})[seed] = accuracy
        return results

    def run(
        self, setting: Setting, train: Callable[[Setting, int], float], seeds: int = 3
    ) -> list[float]:
        """Train with each seed from 0 to `seeds` - 1 that is not yet in the table, add its result at once, and return
        the accuracies of all of them.

        Args:
            setting: what to train with.
            train: takes the setting and a seed, and returns an accuracy in per cent.
            seeds: how many, at least 1.

        Raises:
            TypeError: `setting` is no `Setting`, `train` no function, `seeds` no whole number, or `train` returns no
                number.
            ValueError: `seeds` is less than 1, the file holds something else, or `train` returns no per cent.
            FileNotFoundError: the file's folder does not exist. Nothing is trained then.
        """
        if not isinstance(setting, Setting):
            raise TypeError(
                f"setting is {described(setting)}, and has to be a Setting, such as Setting(kernel_size=5)."
            )
        require_function("train", train, "takes a setting and a seed and returns an accuracy")
        require_whole("seeds", seeds, at_least=1)
        known = self.results().get(setting, {})
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"The folder {self.path.parent} does not exist: make it first, or use another one."
            )
        for seed in range(seeds):
            if seed not in known:
                # As it will be read again.
                accuracy = require_number(
                    "What train returned", train(setting, seed), at_least=0, at_most=100
                )
                known[seed] = round(accuracy, 2)
                self._add(setting, seed, known[seed])
        return [known[seed] for seed in range(seeds)]

    def accuracies(self) -> dict[str, list[float]]:
        """Return the accuracies, in per cent, of each setting under its name."""
        return {setting.name: list(by_seed.values()) for setting, by_seed in self.results().items()}

    def __str__(self) -> str:
        """Return a line for each setting: mean, spread, seeds, and by how much its mean differs from the baseline's."""
        accuracies = self.accuracies()
        if not accuracies:
            return "no experiment yet"
        baseline = accuracies.get("baseline")
        width = max(len(name) for name in accuracies)
        lines = [f"{'setting':{width}}  accuracy, %     seeds  difference"]
        for name, values in accuracies.items():
            mean = statistics.mean(values)
            spread = f"± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            difference = f"{mean - statistics.mean(baseline):+10.2f}" if baseline else ""
            lines.append(f"{name:{width}}  {mean:6.2f} {spread:7} {len(values):6}  {difference}")
        return "\n".join(line.rstrip() for line in lines)

    def _add(self, setting: Setting, seed: int, accuracy: float) -> None:
        before = self.path.read_bytes() if self.path.exists() else b""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if not before:
                writer.writerow(_COLUMNS)
            elif not before.endswith(b"\n"):  # as some editors leave the last line
                file.write("\n")
            writer.writerow([*asdict(setting).values(), seed, f"{accuracy:.2f}"])

    def _read(self, cells: list[str], line: int) -> tuple[Setting, int, float]:
        try:
            values = {
                field.name: type(field.default)(cell)
                for field, cell in zip(fields(Setting), cells[:-2], strict=True)
            }
            return Setting(**values), int(cells[-2]), float(cells[-1])
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"Line {line} of {self.path.name} is {','.join(cells)!r}, and has to hold the values of "
                f"{', '.join(_COLUMNS)}. Mend it, or delete it."
            ) from error


_COLUMNS = [*(field.name for field in fields(Setting)), "seed", "accuracy"]
