"""What checks and widgets say, in the language of the lesson: Chinese in a folder ``zh``."""

from functools import cache
from pathlib import Path
import re

from babel.messages.pofile import read_po


def translated(text: str) -> str:
    """Return `text` in Chinese where the lesson that runs is a Chinese one: by ``zh.po``, whose
    messages have ``{}`` for each value. What stands there in no form stays English."""
    if Path.cwd().name != "zh":
        return text
    return "\n".join(map(_in_chinese, text.split("\n")))


def _in_chinese(text: str) -> str:
    for pattern, chinese in _catalogue():
        if found := pattern.fullmatch(text):
            *values, rest = found.groups()
            return chinese.format(*map(_in_chinese, values)) + _in_chinese(rest)
    return text


@cache
def _catalogue() -> list[tuple[re.Pattern[str], str]]:
    """Return each message as a pattern, the longest first. After a sentence there may come more."""
    with Path(__file__).with_name("zh.po").open("rb") as file:
        messages = {message.id: message.string for message in read_po(file) if message.id}
    catalogue = []
    for english in sorted(messages, key=len, reverse=True):
        values = "(.+?)".join(map(re.escape, english.split("{}")))
        rest = r"((?:\s.+)?)" if english[-1] in ".!?:" else "()"
        catalogue.append((re.compile(values + rest), messages[english]))
    return catalogue
