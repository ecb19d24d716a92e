"""What a call costs inside its process."""

import gc
import json
import threading
import time
from pathlib import Path

MEBI = 2**20


def resident():
    """MiB of memory now."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


class Growth:
    """Peak of resident memory over what it was on entry, looked at every 5 ms."""

    def __enter__(self):
        gc.collect()
        self.before = self.top = resident()
        self.done = threading.Event()
        self.watch = threading.Thread(target=self._watch, daemon=True)
        self.watch.start()
        return self

    def _watch(self):
        while not self.done.wait(0.005):
            self.top = max(self.top, resident())

    def __exit__(self, *_):
        self.done.set()
        self.watch.join()
        self.mebibytes = max(self.top, resident()) - self.before


def timed(call):
    """The call's outcome and its CPU seconds, wall seconds and growth of memory."""
    with Growth() as growth:
        cpu, wall = time.process_time(), time.perf_counter()
        outcome = call()
        cost = {
            "call_cpu": time.process_time() - cpu,
            "call_wall": time.perf_counter() - wall,
        }
    return outcome, {**cost, "call_growth": growth.mebibytes}


def tell(**measured):
    """Print what was measured; last line of the process."""
    print(json.dumps({name: float(value) for name, value in measured.items()}))
