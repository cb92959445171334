"""Turning a command's answer into a table, JSON or CSV, and errors into one sentence."""

from utils.rendering.report import Report, Table, emit
from utils.rendering.failure import emit_error

__all__ = ["Report", "Table", "emit", "emit_error"]
