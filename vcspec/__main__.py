"""The `vcspec` command, which is `python -m vcspec` as well.

Nothing is loaded before Ctrl-C is listened for.
"""

import os
import signal
import sys

INTERRUPTED = 130
# log2 of the cycles for which idle threads of OpenBLAS turn before they sleep; 26 unless it is set,
# which takes from the workers a tenth of a short run.
BLAS_PATIENCE = ("OPENBLAS_THREAD_TIMEOUT", "4")


def main() -> None:
    """Run the command line; Ctrl-C ends it with one line, also while it is still being loaded."""
    os.environ.setdefault(*BLAS_PATIENCE)
    try:
        from vcspec.cli import main as run

        run()
    except KeyboardInterrupt:
        # What a server was asked for is waited for; who presses Ctrl-C again does not want to. This
        # comes before the line, as whoever reads it may press at once.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        text = "vcspec: interrupted; nothing half-written was left, run the same command again"
        print(text, file=sys.stderr)  # noqa: T201 - click may not be loaded yet
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
