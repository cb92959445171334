"""Recordings of real venues, read into books and instruments."""
