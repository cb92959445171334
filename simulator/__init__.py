"""Wire-level venues on loopback, for offline use and tests. Imports nothing of the rest of the project."""
