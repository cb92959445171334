"""Deterministic noise: hashes of integers, and a smooth random curve over time that needs no memory."""

import hashlib
from collections.abc import Sequence

_MASK = (1 << 64) - 1


def key_of(*parts: object) -> int:
    """Derive a 60-bit key from `parts`; the same parts give the same key in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 4


def mix(key: int, number: int) -> int:
    """Hash `number` under `key` to 64 bits.

    CPython hashes a tuple of integers with xxHash, the same in every process and ten times faster than arithmetic here.
    """
    return hash((key, number, 0x5BD1E995)) & _MASK


def unit(key: int, number: int) -> float:
    """Hash `number` under `key` to [0, 1)."""
    return mix(key, number) / 18446744073709551616.0


class _Octave:
    """A smooth curve through one hashed knot every `period_ms`; the two knots around the last moment are kept."""

    __slots__ = ("at", "key", "left", "period_ms", "right", "scale")

    def __init__(self, key: int, period_ms: int, amplitude: float) -> None:
        self.key = key
        self.period_ms = period_ms
        self.scale = 2.0 * amplitude
        self.at = -1
        self.left = 0.0
        self.right = 0.0

    def move(self, at: int) -> None:
        """Take the knots `at` and `at + 1`."""
        self.left = self.right if at == self.at + 1 > 0 else (unit(self.key, at) - 0.5) * self.scale
        self.right = (unit(self.key, at + 1) - 0.5) * self.scale
        self.at = at


class Noise:
    """A sum of octaves `(period_ms, amplitude)`: alive at every scale, bounded by the sum of the amplitudes."""

    def __init__(self, key: int, octaves: Sequence[tuple[int, float]]) -> None:
        self._octaves = [_Octave(key_of(key, period), period, amplitude) for period, amplitude in octaves if amplitude]

    def value(self, time_ms: int) -> float:
        """Return the curve at `time_ms`."""
        total = 0.0
        for octave in self._octaves:
            period = octave.period_ms
            at = time_ms // period
            if at != octave.at:
                octave.move(at)
            share = (time_ms - at * period) / period
            left = octave.left
            total += left + (octave.right - left) * share * share * (3.0 - 2.0 * share)
        return total
