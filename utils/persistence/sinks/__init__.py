"""Where files are kept for good: a folder of this machine, or a bucket."""
