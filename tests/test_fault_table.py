import ast
import re

from run_notebooks import ROOT

FOLDER = ROOT / "tests" / "faults"
TABLE = (FOLDER / "README.md").read_text(encoding="utf-8")
ROWS = [line for line in TABLE.splitlines() if re.match(r"\| (?!---|fault \|)", line)]
NAMED = re.findall(r"`([\w./]+\.py)(?:::(\w+))?`", "\n".join(ROWS))


def read_tests(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    return {one.name: one for one in functions if one.name.startswith("test_")}


def claims_something(test):
    words = r"(assert|raises|refused|fail|expect)\w*\("
    return bool(re.search(rf"\n +assert (?!True\b)|{words}", ast.unparse(test)))


def test_every_test_that_the_table_names_claims_something():
    for file in {file for file, _ in NAMED}:
        tests = read_tests(FOLDER / file)
        assert {name for one, name in NAMED if one == file} - {""} <= set(tests), file
        assert [name for name, test in tests.items() if not claims_something(test)] == [], file


def test_every_test_of_the_folder_stands_in_the_table():
    for path in FOLDER.glob("test_*.py"):
        assert set(read_tests(path)) <= {name for _, name in NAMED}


def test_every_row_of_the_table_says_what_shows_it():
    assert len(ROWS) > 30
    for row in ROWS:
        assert re.fullmatch(r"\| \S[^|]* \| \S[^|]* \| [^|]*`[^|]* \|", row), row
