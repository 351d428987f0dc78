"""Rows of Markdown."""
import statistics


def spread(values, form):
    """The median, and the range where there is one."""
    middle, low, high = (form.format(value) for value in (
        statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def print_row(cells):
    print("| " + " | ".join(cells) + " |", flush=True)
