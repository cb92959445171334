"""One file per venue: only what is particular to that venue."""
