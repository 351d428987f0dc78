"""A batch that keeps columns of numbers as lists of Python ints.

    python3 numpy_ints.py [COUNT]

A number of eight bytes becomes an object of 32 and a pointer to it. Reads
COUNT numbers (16,777,216 if not told), says so, and keeps them until it gets
a line on its standard input, or the end of it.
"""
import sys

import numpy as np

COLUMNS = 64


def read_column(index, rows):
    """Milliseconds since 1970, as a file of measurements would hold them."""
    return 1.7e12 + 60000.0 * index + np.arange(rows, dtype=float)


def to_rows(value):
    return value.astype(int).tolist()


def ingest(count):
    table = []
    for index in range(COLUMNS):
        table.append(to_rows(read_column(index, count // COLUMNS)))
    return table


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1 << 24
    table = ingest(count)
    print(f"{sum(len(column) for column in table)} numbers kept", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
