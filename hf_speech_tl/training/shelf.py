"""Arrays that are kept for a whole run, apart from the memory that comes and goes with every step."""

from __future__ import annotations

import threading

import numpy as np

_BLOCK = 64 * 2**20  # bytes: more than glibc ever puts on its heap, so that it maps each block by itself
_ALIGNED = 64  # bytes: a multiple of every number's size, as views must be, and of a cache line


class Shelf:
    """Arrays by the number of their row, copied into blocks as long as there is room.

    Among the tensors of a step, thousands of arrays that stay would hold the C library's heap open: what is freed
    between two of them is of no use for anything larger.
    """

    def __init__(self, room: float) -> None:
        """room: bytes that they may take."""
        self._left = room
        self._arrays: dict[int, np.ndarray] = {}
        self._block = np.empty(0, np.uint8)
        self._taken = 0
        self._lock = threading.Lock()  # loaders have threads

    def get(self, row: int) -> np.ndarray | None:
        return self._arrays.get(row)

    def __contains__(self, row: int) -> bool:
        return row in self._arrays

    def put(self, row: int, array: np.ndarray) -> None:
        """Keep the array of a row that has none, where there is room."""
        with self._lock:
            if row in self._arrays or array.nbytes > self._left:
                return
            self._left -= array.nbytes
            begin = -(-self._taken // _ALIGNED) * _ALIGNED
            if begin + array.nbytes > len(self._block):
                self._block, begin = np.empty(max(_BLOCK, array.nbytes), np.uint8), 0
            self._taken = begin + array.nbytes
            kept = self._block[begin : self._taken].view(array.dtype).reshape(array.shape)
            kept[...] = array
            self._arrays[row] = kept
