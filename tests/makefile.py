import os
import shutil
import subprocess

import pytest
from run_notebooks import ROOT

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments, folder=ROOT, **variables):
    """Run make in a folder, also where these tests run under another make."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    options = {"cwd": folder, "env": kept | variables, "capture_output": True, "text": True}
    return subprocess.run(["make", *arguments], **options)


def dry_run(*arguments):
    return make("--dry-run", *arguments).stdout
