import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return where Chromium or Chrome is, if it is on the PATH."""
    return next(filter(None, map(shutil.which, NAMES)), None)
