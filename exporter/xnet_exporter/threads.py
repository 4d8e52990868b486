"""Sums are split over threads, so their number is part of a result: always the same one."""

from __future__ import annotations

__all__ = ["THREADS"]

#: Of torch, and of the libraries under numpy where the user has not said another number.
THREADS = 2
