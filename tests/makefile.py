"""What the Makefile's targets run."""

import os
import subprocess

from run_notebooks import ROOT


def dry_run(*arguments: str) -> str:
    """Return what make would run, also where these tests run under another make."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--dry-run", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout
