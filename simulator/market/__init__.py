"""The markets that the simulated venues show: synthetic, or recorded."""
