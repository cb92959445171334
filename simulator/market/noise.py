"""Deterministic noise: hashes of integers, and a smooth random curve over time that needs no memory."""

import hashlib
from collections.abc import Sequence

_MASK = (1 << 64) - 1


def key_of(*parts: object) -> int:
    """Derive a 64-bit key from `parts`; the same parts give the same key in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def mix(key: int, number: int) -> int:
    """Hash `number` under `key` to 64 bits (splitmix64)."""
    value = (key + number * 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def unit(key: int, number: int) -> float:
    """Hash `number` under `key` to [0, 1)."""
    return mix(key, number) / 18446744073709551616.0


class Octave:
    """A smooth curve in [-amplitude, amplitude] through one hashed knot every `period_ms`."""

    def __init__(self, key: int, period_ms: int, amplitude: float) -> None:
        self._key = key
        self._period_ms = period_ms
        self._scale = 2.0 * amplitude
        self._at = -1
        self._left = 0.0
        self._right = 0.0

    def value(self, time_ms: int) -> float:
        """Return the curve at `time_ms`; the two knots around it are kept for the next call."""
        at, rest = divmod(time_ms, self._period_ms)
        if at != self._at:
            self._left = self._right if at == self._at + 1 else (unit(self._key, at) - 0.5) * self._scale
            self._right = (unit(self._key, at + 1) - 0.5) * self._scale
            self._at = at
        share = rest / self._period_ms
        return self._left + (self._right - self._left) * share * share * (3.0 - 2.0 * share)


class Noise:
    """A sum of octaves `(period_ms, amplitude)`: alive at every scale, bounded by the sum of the amplitudes."""

    def __init__(self, key: int, octaves: Sequence[tuple[int, float]]) -> None:
        self._octaves = [Octave(mix(key, period), period, amplitude) for period, amplitude in octaves if amplitude]

    def value(self, time_ms: int) -> float:
        """Return the curve at `time_ms`."""
        total = 0.0
        for octave in self._octaves:
            total += octave.value(time_ms)
        return total
