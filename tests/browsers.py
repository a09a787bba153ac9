import shutil


def find_browser() -> str | None:
    """Return where Chromium or Chrome is, if it is on the PATH."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)
