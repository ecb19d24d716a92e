"""Traffic: what reading remote stores has cost, told at the end of a command."""

from collections.abc import Iterable

from vcspec.engine.settings import Settings
from vcspec.rules.subject import Subject
from vcspec.storage.objects import local_path

MEGABYTE = 1_000_000


def tell_traffic(settings: Settings, subjects: Iterable[Subject]) -> None:
    """Say how much was asked for, and read, of those that are not on this machine's disks."""
    far = [one.store for one in subjects if local_path(one.store.target) is None]
    if far:
        requests = sum(store.requests for store in far)
        read = sum(store.bytes_read for store in far)
        settings.say(f"{requests} requests, {read / MEGABYTE:.1f} MB read")
