import ast
from pathlib import Path
import re

from babel.messages.pofile import read_po
from exercises.test_answers import ANSWERS
from exercises.test_engine import EXERCISES, Values, judge, mistakes
from mnist_helpers import exercises, shapes
from mnist_helpers.language import WIDE, translated
import torch

HOME = Path(exercises.__file__).parents[1]
CHINESE = {one.id: one.string for one in read_po((HOME / "zh.po").open("rb")) if one.id}
CODE = "".join(path.read_text("utf-8") for path in HOME.glob("[ew]*s/*.py"))
NODES = [*ast.walk(ast.parse(CODE))]
TEXTS = [node.values for node in NODES if isinstance(node, ast.JoinedStr)]
HELD = {node.value for node in NODES if isinstance(node, ast.Expr)}.union(*TEXTS)
PLAIN = [str(n.value) for n in NODES if isinstance(n, ast.Constant) and n not in HELD]
# 5 stands for each value.
SAID = [one.replace("{}", "5") for one in PLAIN if re.search(r"\w.*[.?!]$", one)]
SAID += ["".join(p.value if isinstance(p, ast.Constant) else "5" for p in text) for text in TEXTS]
NAMES = ["all", "none", "your own", *shapes.kernels()]
NAMES += re.findall(r'(?:slider|dropdown)\("(.+?)"', CODE)
NAMES += [n for one in EXERCISES.values() if isinstance(one, Values) for n in one.right]


def is_english(text):
    code = r"`[^`]*`|[\w.]+\(.*?\)|\[[^]]*\]|Error\uff1a.*|\w+[._]\w+|<.*"
    return re.search("[A-Za-z]{2,} [A-Za-z]{2,}", re.sub(code, "", translated(text)))


def test_nothing_stays_english(tmp_path, monkeypatch, capsys):
    said = SAID + [judge(n, a).message for n, _, a in mistakes()]
    said += [judge(exercise, answer).message for exercise, answer, _ in ANSWERS]
    monkeypatch.chdir(tmp_path)
    assert [*map(translated, said)] == said
    (tmp_path / "zh").mkdir()
    monkeypatch.chdir("zh")
    ways = {one: (one.strip(), f"5{one}", one.lstrip("5 ;,")) for one in said}
    assert not [one for one, forms in ways.items() if all(map(is_english, forms))]
    assert not [one for one in NAMES if translated(one) == one and not re.search(r"[_\d]", one)]
    exercises._say("\n".join(SAID))
    for line in capsys.readouterr().out.splitlines():
        if wide := len(re.findall(f"[{WIDE}]", line)):
            assert len(line) + wide <= 88, line
            assert line[0] not in ",)\uff0c\u3002", line


def test_no_message_is_idle():
    answers = [("5.2", lambda *_: []), ("3.2", ()), ("3.2", {}), ("2.4", [torch.zeros(3, 3)] * 2)]
    said = SAID + PLAIN + NAMES + [judge(*one).message for one in answers]
    said = "\n".join([*said, (HOME / "plots/layers.py").read_text("utf-8")])
    parts = {one: re.split(r"[ .,;:]*{}[ .,;:]*", one.rstrip(".;:")) for one in CHINESE}
    assert not [one for one in parts if not all(part in said for part in parts[one])]
    for one, text in CHINESE.items():
        values = [f"<{n}>" for n in range(one.count("{}"))]
        assert sorted(re.findall("<.>", text.format(*values))) == values, one
