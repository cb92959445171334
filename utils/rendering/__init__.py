"""Turning a command's answer into a table, JSON or CSV, and errors into one sentence."""

from utils.rendering.failure import emit_error
from utils.rendering.report import Report, Table, emit

__all__ = ["Report", "Table", "emit", "emit_error"]
