"""Opening a store's files where they are: from a folder as files, from a bucket in the parts that are needed."""

import io
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from utils.persistence.sinks.base import Sink, StoreError
from utils.persistence.sinks.local import LocalSink

BLOCK = 1 << 20
"""What is asked of a bucket at once: about the file of an hour, or a column of a day's best prices."""
_KEPT_BLOCKS = 16


class PartsOfObject(io.RawIOBase):
    """An object of a store as a file to read from anywhere in it: blocks are asked for when needed, and some kept."""

    def __init__(self, sink: Sink, key: str, size: int) -> None:
        super().__init__()
        self.name = key
        self._sink, self._size, self._at = sink, size, 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Return where reading goes on."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go on reading elsewhere."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of the buffer or of the object.

        Raises:
            StoreError: the store does not give it.
        """
        with self._lock:
            view = memoryview(buffer).cast("B")
            done = 0
            while done < len(view) and self._at < self._size:
                block = self._block(self._at // BLOCK)
                part = block[self._at % BLOCK : self._at % BLOCK + len(view) - done]
                if not part:
                    break  # the object is shorter than its manifest says: who reads it notices
                view[done : done + len(part)] = part
                done += len(part)
                self._at += len(part)
            return done

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            found = self._sink.read(self.name, number * BLOCK, min(self._size, (number + 1) * BLOCK))
            self._blocks[number] = found
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]


def source_of(sink: Sink, key: str, size: int) -> Path | PartsOfObject:
    """Return what `read_file` and `read_columns` can open."""
    return sink.root / key if isinstance(sink, LocalSink) else PartsOfObject(sink, key, size)


def filesystem_of(sink: Sink, sizes: dict[str, int]) -> tuple[Any, list[StoreError]]:
    """Return an Arrow file system that reads the objects in `sizes` (key -> bytes), and nothing else, by their keys.

    What the store refuses is put into the list, because libraries on the way make a text of it.
    """
    from pyarrow import PythonFile, fs

    failures: list[StoreError] = []
    if isinstance(sink, LocalSink):
        return fs.SubTreeFileSystem(str(sink.root), fs.LocalFileSystem()), failures

    class ReadOnly(fs.FileSystemHandler):  # type: ignore[misc]
        """Reads objects; whatever else a file system does is refused."""

        def get_type_name(self) -> str:
            return "crossbook"

        def normalize_path(self, path: str) -> str:
            return path

        def get_file_info(self, paths: list[str]) -> list[Any]:
            return [fs.FileInfo(path, fs.FileType.File, size=sizes[path]) for path in paths]

        def open_input_file(self, path: str) -> Any:
            return PythonFile(_Noting(sink, path, sizes[path], failures), mode="r")

        open_input_stream = open_input_file

        def _refuse(self, *_: Any, **__: Any) -> Any:
            raise OSError("the store is only read")

        get_file_info_selector = create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
        delete_file = move = copy_file = open_output_stream = open_append_stream = _refuse

    return fs.PyFileSystem(ReadOnly()), failures


class _Noting(PartsOfObject):
    """Notes what the store refuses."""

    def __init__(self, sink: Sink, key: str, size: int, failures: list[StoreError]) -> None:
        super().__init__(sink, key, size)
        self._failures = failures

    def readinto(self, buffer: Any) -> int:
        """Read, and note a failure."""
        try:
            return super().readinto(buffer)
        except StoreError as error:
            self._failures.append(error)
            raise
