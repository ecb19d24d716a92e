"""Traffic: what reading remote stores has cost, told at the end of a command."""

from collections.abc import Iterable
from dataclasses import dataclass

from vcspec.engine.settings import Settings
from vcspec.rules.subject import Subject
from vcspec.storage.objects import local_path

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Traffic:
    """What was asked of places that are not this machine's disks, and read there."""

    requests: int = 0
    bytes_read: int = 0


def traffic_of(subjects: Iterable[Subject]) -> Traffic:
    """Of these artefacts so far."""
    far = [one.store for one in subjects if local_path(one.store.target) is None]
    return Traffic(sum(store.requests for store in far), sum(store.bytes_read for store in far))


def tell_traffic(settings: Settings, *parts: Traffic) -> None:
    """Say how much that was, where there was any."""
    requests = sum(part.requests for part in parts)
    read = sum(part.bytes_read for part in parts)
    if requests:
        settings.say(f"{requests} requests, {read / MEGABYTE:.1f} MB read")
