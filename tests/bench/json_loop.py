"""Parses and prints a JSON document of 5 MB, over and over.

    python3 json_loop.py ROUNDS [ROWS]
"""
import json
import sys


def document(count):
    rows = []
    for number in range(count):
        rows.append({"id": number, "name": f"customer {number}",
                     "balance": number * 1.25, "tags": ["a", "b", str(number)],
                     "address": {"street": f"{number} Long Road",
                                 "zip": 10000 + number, "city": "Springfield"},
                     "active": number % 3 == 0})
    return json.dumps(rows)


def main():
    text = document(int(sys.argv[2]) if len(sys.argv) > 2 else 25000)
    size = 0
    for _ in range(int(sys.argv[1])):
        size += len(json.dumps(json.loads(text)))
    print(size)


if __name__ == "__main__":
    main()
