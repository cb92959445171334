"""Fixtures of what trades on paper."""

from tests.paperhome import paper, venues, warm, warmed_cache

__all__ = ["paper", "venues", "warm", "warmed_cache"]
