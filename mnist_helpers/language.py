"""What checks and widgets say, in the language of the lesson: Chinese in a folder ``zh``."""

from functools import cache
from pathlib import Path
import re

WIDE = "\u3001-\u9fff\uff01-\uff60"  # Chinese characters and their punctuation


def translated(text: str) -> str:
    """Return `text` in Chinese where the lesson that runs is a Chinese one: by ``zh.po``, whose
    messages have ``{}`` for each value. What stands there in no form stays English."""
    if Path.cwd().name != "zh":
        return text
    chinese = "\n".join(map(_in_chinese, text.split("\n")))
    return re.sub(f"(?<=[{WIDE}]) (?=[{WIDE}])", "", chinese)  # a value may be Chinese, or not


def _in_chinese(text: str) -> str:
    for pattern, chinese in _catalogue():
        if found := pattern.fullmatch(text):
            *values, rest = found.groups("")
            return chinese.format(*map(_in_chinese, values)) + _in_chinese(rest)
    first, comma, others = text.partition(", ")  # of several values
    return f"{_in_chinese(first)}, {_in_chinese(others)}" if comma else text


@cache
def _catalogue() -> list[tuple[re.Pattern[str], str]]:
    """Return each message as a pattern, the longest first. After a sentence there may come more;
    no value reaches beyond the end of one."""
    from babel.messages.pofile import read_po  # a fifth of a second, for Chinese alone

    with Path(__file__).with_name("zh.po").open("rb") as file:
        messages = {message.id: message.string for message in read_po(file) if message.id}
    catalogue = []
    for english in sorted(messages, key=len, reverse=True):
        values = r"((?:(?![.!?:;]\s).)+?)".join(map(re.escape, english.split("{}")))
        rest = r"(?:\s(.+))?" if english[-1] in ".!?:;" else "()"
        catalogue.append((re.compile(values + rest), messages[english]))
    return catalogue
