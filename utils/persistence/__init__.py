"""Keeping data: stores of files (`sinks`) and append-only spools."""
