"""Health of venues and of this installation."""
