"""Orders: lifecycle, journal, policy."""
