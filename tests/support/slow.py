"""What workers of a cluster are given in place of a visit; importable, so that they find it."""

import os
import time
from typing import Any

from vcspec.engine import visit as module
from vcspec.engine.visit import Seen, Task
from vcspec.statistics.ranksum import SortedControl

SECONDS = 0.6


def visit(task: Task, control: SortedControl | None) -> Seen:
    """The visit, and a pause before it."""
    time.sleep(SECONDS)
    return module.visit(task, control)


def die(*_: Any) -> None:
    """What becomes of a worker that takes more memory than there is."""
    os._exit(1)
