"""One file per simulated venue: its paths, shapes, errors and headers."""
