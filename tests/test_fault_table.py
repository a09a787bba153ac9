"""Holds the table of faults to the tests that it names."""

import ast
from pathlib import Path
import re

from run_notebooks import ROOT

FOLDER = ROOT / "tests" / "faults"
TABLE = (FOLDER / "README.md").read_text(encoding="utf-8")
LINES = [line for line in TABLE.splitlines() if line.startswith("| ") and "---" not in line]
NAMED = re.findall(r"`([\w./]+\.py)(?:::(\w+))?`", "\n".join(LINES))


def names_of_tests(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def claims_something(node: ast.FunctionDef) -> bool:
    """Return whether a test can fail by its own words: an assertion, an error that has to come, or a helper's."""
    words = ("raises", "assert", "expect", "check_call", "is_refused", "fail")
    calls = [ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)]
    asserts = any(isinstance(one, ast.Assert) for one in ast.walk(node))
    return asserts or any(word in call for call in calls for word in words)


def test_every_test_that_the_table_names_claims_something() -> None:
    for path in {FOLDER / file for file, _ in NAMED}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert claims_something(node), f"{path.name}::{node.name}"


def test_every_test_that_the_table_names_is_there() -> None:
    for file, name in NAMED:
        path = FOLDER / file
        assert path.is_file(), file
        assert not name or name in names_of_tests(path), f"{file}::{name}"


def test_every_test_of_the_folder_stands_in_the_table() -> None:
    named = {name for _, name in NAMED}
    for path in FOLDER.glob("test_*.py"):
        assert names_of_tests(path) <= named, names_of_tests(path) - named


def test_every_line_of_the_table_says_what_shows_it() -> None:
    faults = [line for line in LINES if not line.startswith("| fault |")]
    assert len(faults) > 30
    for line in faults:
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == 3, line
        assert all(cells), line
        assert "`" in cells[-1], line
