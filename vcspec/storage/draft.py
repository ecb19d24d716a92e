"""A store in the making: a folder that one process alone writes."""

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.core.buffer.core import default_buffer_prototype
from zarr.storage import LocalStore


class DraftStore(LocalStore):
    """As zarr's own, without a thread and another name for each file.

    A store holds many small files: to start the threads took longer than to write them. Names that
    tell whole files from others are not needed, as nobody sees a draft before it is whole.
    """

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """The object, or that part of it; None where there is none."""
        path = self.root / key
        if not path.is_file():
            return None
        if byte_range is not None:
            return await super().get(key, prototype, byte_range)
        return (prototype or default_buffer_prototype()).buffer.from_bytes(path.read_bytes())

    async def set(self, key: str, value: Buffer) -> None:
        """Write the object, in place of another."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value.as_numpy_array().data)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write the object where there is none."""
        if not await self.exists(key):
            await self.set(key, value)

    async def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return (self.root / key).is_file()
