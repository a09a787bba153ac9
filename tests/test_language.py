"""What checks and widgets say in a Chinese lesson: nothing stays English, no message is idle."""

import ast
from importlib import import_module
from pathlib import Path
import re

from babel.messages.pofile import read_po
from exercises.test_engine import EXERCISES, Values, judge, mistakes
from mnist_helpers import exercises, shapes
from mnist_helpers.language import WIDE, translated
import torch

HOME = Path(exercises.__file__).parents[1]
CATALOGUE = {one.id: one.string for one in read_po((HOME / "zh.po").open("rb")) if one.id}
NODES = [n for path in HOME.glob("[ew]*s/*.py") for n in ast.walk(ast.parse(path.read_bytes()))]
TEXTS = [node.values for node in NODES if isinstance(node, ast.JoinedStr)]
HELD = {node.value for node in NODES if isinstance(node, ast.Expr)}.union(*TEXTS)
PLAIN = [str(n.value) for n in NODES if isinstance(n, ast.Constant) and n not in HELD]
# Sentences, and texts with values: for each stands 5.
SAID = [one.replace("{}", "5") for one in PLAIN if re.search(r"\w.*[.?!]$", one)]
SAID += ["".join(p.value if isinstance(p, ast.Constant) else "5" for p in text) for text in TEXTS]
CONTROLS = [n for n in NODES if getattr(getattr(n, "func", 0), "id", 0) in ("slider", "dropdown")]
NAMES = [str(getattr(n, "value", "")) for call in CONTROLS for n in ast.walk(call)]
NAMES += [n for one in EXERCISES.values() if isinstance(one, Values) for n in one.right]
NAMES = [name for name in [*NAMES, *shapes.kernels()] if re.fullmatch("[a-z', ]+", name)]


def is_english(text):
    # But for code, calls, shapes, what an error says, names, HTML.
    rest = r"`[^`]*`|[\w.]+\(.*?\)|\[[^]]*\]|Error\uff1a.*|\w+[._]\w+|<.*"
    return re.search("[A-Za-z]{2,} [A-Za-z]{2,}", re.sub(rest, "", translated(text)))


def test_nothing_stays_english(tmp_path, monkeypatch, capsys):
    tables = [f"exercises.test_{one}" for one in ("answers", "lesson_01", "lesson_02", "lesson_03")]
    answers = [case[:2] for table in tables for case in import_module(table).ANSWERS]
    said = [*SAID, *(judge(*one).message for one in [*answers, *(m[::2] for m in mistakes())])]
    monkeypatch.chdir(tmp_path)
    assert [*map(translated, said)] == said
    (tmp_path / "zh").mkdir()
    monkeypatch.chdir("zh")
    ways = {one: (one.strip(), f"5{one}", one.lstrip("5 ;,")) for one in said}
    assert not [one for one, forms in ways.items() if all(map(is_english, forms))]
    assert not [name for name in NAMES if translated(name) == name]
    exercises._say("\n".join(SAID))
    for line in capsys.readouterr().out.splitlines():
        wide = len(re.findall(f"[{WIDE}]", line))
        assert not wide or (len(line) + wide <= 88 and line[0] not in "\uff0c\u3002"), line


def test_no_message_is_idle_and_each_keeps_its_values():
    drawn = ast.walk(ast.parse((HOME / "plots/layers.py").read_bytes()))
    answers = [("3.2", []), ("3.2", ()), ("3.2", {}), ("2.4", [torch.zeros(3, 3)] * 2)]
    said = [*SAID, *PLAIN, *NAMES, *(judge(*one).message for one in answers)]
    said = "\n".join([*said, *(str(getattr(node, "value", "")) for node in drawn)])
    idle = [one for one in CATALOGUE if not all(p.strip(" .,;:") in said for p in one.split("{}"))]
    assert not idle
    for one, text in CATALOGUE.items():
        values = [f"<{place}>" for place in range(one.count("{}"))]
        assert sorted(re.findall("<.>", text.format(*values))) == values, one
