"""Proof by killing: real processes, real sockets, SIGKILL at random times, and a count at the end."""
