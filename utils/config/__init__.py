"""Configuration: where it lives, what it may hold, and which source decided each value."""
