"""Pages that are written from results, and checked to be what these say."""

import sys


def kept(page, text, *, check, remedy):
    """Write the page; with `check` write nothing, and end with an error where it is another."""
    if not check:
        page.write_text(text, encoding="utf-8")
    elif not page.exists() or page.read_text(encoding="utf-8") != text:
        sys.exit(f"{page} is not what its results say; run python benchmarks/{remedy}")
