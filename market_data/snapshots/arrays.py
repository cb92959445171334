"""Arrow columns as numpy arrays over their own memory.

Arrow's `to_numpy` and `cast` load pandas and `pyarrow.compute` first, which takes longer than a day's best prices do.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from market_data.snapshots.measures import Floats, Whole


def floats(column: Any) -> "Floats":
    """Return a column of doubles; what is null is NaN."""
    import numpy as np

    parts = [_known(chunk, np.float64) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])


def equal(column: Any, text: str) -> Any:
    """Tell of each row of a column of texts whether it is this one (in ASCII, not empty); none is null."""
    import numpy as np

    parts = []
    for chunk in column.chunks:
        _, offsets, letters = chunk.buffers()
        ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        found = np.diff(ends) == len(text)
        begins = ends[:-1][found]
        for place, letter in enumerate(text.encode()):
            found[found] = np.frombuffer(letters, np.uint8)[begins + place] == letter
            begins = ends[:-1][found]
        parts.append(found)
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, bool), *parts])


def times_us(table: Any) -> "Whole":
    """Return the rows' seconds as they are stored, in microseconds since the epoch."""
    import numpy as np

    parts = [_plain(chunk, np.int64) for chunk in table.column("time").chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int64), *parts])


def lists(column: Any) -> "tuple[Whole, Floats]":
    """Return a column of lists of doubles: row `i` has `numbers[ends[i]:ends[i + 1]]`."""
    import numpy as np

    found = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    ends = _plain(found.offsets, np.int32).astype(np.int64)
    numbers = _plain(found.values, np.float64)[ends[0] : ends[-1]] if len(ends) else np.zeros(0)
    return ends - ends[0] if len(ends) else np.zeros(1, np.int64), numbers


def _known(array: Any, kind: Any) -> Any:
    import numpy as np

    numbers = _plain(array, kind)
    if not array.null_count:
        return numbers
    bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
    return np.where(bits[array.offset : array.offset + len(array)], numbers, np.nan)


def _plain(array: Any, kind: Any) -> Any:
    import numpy as np

    memory = array.buffers()[1]
    if memory is None or not len(array):
        return np.zeros(0, kind)
    return np.frombuffer(memory, kind)[array.offset : array.offset + len(array)]
