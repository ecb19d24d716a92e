"""Chunks that neighbouring parts of an array share, fetched once."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from vcspec.storage.objects import Wanted
from vcspec.storage.parts import Key

Reader = Callable[[list[Wanted]], list[bytes]]
KEPT_BYTES = 67_108_864


class SharedChunks:
    """Bytes of chunks at the borders of ranges, so that both neighbours need one request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Key, Future[bytes]] = OrderedDict()

    def fetched(
        self,
        places: dict[Key, Wanted],
        edges: set[Key],
        read: Reader,
    ) -> dict[Key, bytes]:
        """The bytes of every chunk in `places`; those in `edges` are shared with other threads."""
        with self._lock:
            others = {key: self._known[key] for key in edges if key in self._known}
            own = {key: Future[bytes]() for key in edges if key not in others}
            self._known.update(own)
        mine = [key for key in places if key not in others]
        try:
            data = dict(zip(mine, read([places[key] for key in mine]), strict=True))
        except BaseException as error:
            with self._lock:
                for key, future in own.items():
                    self._known.pop(key, None)
                    future.set_exception(error)
            raise
        for key, future in own.items():
            future.set_result(data[key])
        data.update({key: future.result() for key, future in others.items()})
        self._forget()
        return data

    def _forget(self) -> None:
        """Drop the oldest until what is kept fits; who still waits for one keeps it alive."""
        with self._lock:
            done = {key: future for key, future in self._known.items() if future.done()}
            size = sum(len(future.result()) for future in done.values())
            for key, future in done.items():
                if size <= KEPT_BYTES:
                    break
                size -= len(future.result())
                del self._known[key]
