"""Figures that the documentation states, measured side by side in one run: `python -m bench [NAME…]`."""
