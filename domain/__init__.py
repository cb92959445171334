"""Types and rules of trading: instruments, books, quotes, money, time, errors. Imports nothing of ours."""
