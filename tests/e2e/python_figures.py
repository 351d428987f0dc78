#!/usr/bin/python3
"""A Flask service that never closes its figures: found, live, from outside."""
import re
import subprocess
import sys

from drive import (ALL, EXAMPLES, PYTHON, Program, Tap, describe, diff,
                   frames_in, must, workplace)

REQUESTS = 30
BUFFER = 600 * 400 * 4  # the pixels of one figure, which Agg mallocs
SERVICE = EXAMPLES / "flask_figures.py"
LIBRARY = "/matplotlib/"


def request(url):
    """One request by a real client; returns what came as bytes."""
    return subprocess.run(["curl", "-fsS", url], capture_output=True,
                          check=True, timeout=60).stdout


def record(scratch):
    """Snapshots before and after the requests, and whether all were served."""
    before, after = scratch / "before.json", scratch / "after.json"
    with Program(PYTHON, SERVICE, "0") as service:
        match = service.line(r"^pid (\d+) serves (\S+)$")
        pid, url = match.group(1), match.group(2)
        request(url)
        must("snapshot", pid, "-o", before)
        served = sum(request(url).startswith(b"\x89PNG")
                     for _ in range(REQUESTS))
        must("snapshot", pid, "-o", after)
    return before, after, served


def lines_of_view():
    """The lines of chart(), from its source."""
    text = SERVICE.read_text().splitlines()
    first = next(i for i, line in enumerate(text, 1) if "def chart" in line)
    last = next(i for i, line in enumerate(text, 1)
                if i > first and line.startswith("    return"))
    return range(first, last + 1)


def check_growth(tap, before, after):
    found = diff(before, after)
    entries = found["entries"]
    tap.ok(found["total"]["size_diff"] > REQUESTS * BUFFER * 1.3,
           "the growth holds the pixels and the objects of each figure",
           found["total"])
    sizes = [abs(entry["size_diff"]) for entry in entries]
    tap.equal(sizes, sorted(sizes, reverse=True),
              "entries come by the size of their difference")
    tap.ok(LIBRARY in entries[0]["file"], "the top line is matplotlib's",
           describe(entries))
    top = [entry for entry in entries[:10] if LIBRARY in entry["file"]]
    tap.ok(len(top) >= 7, "and most of the ten below it", describe(entries))


def check_view_on_top(tap, before, after):
    view = lines_of_view()
    for options in (["--inclusive", "--mine"], ["--mine"]):
        entry = diff(before, after, *options)["entries"][0]
        tap.ok(entry["file"].endswith("flask_figures.py")
               and entry["line"] in view and entry["function"] == "chart",
               f"{' '.join(options)}: a line of chart() is on top",
               describe([entry]))
        tap.ok(entry["size_diff"] > REQUESTS * BUFFER,
               f"{' '.join(options)}: the pixels are in its total",
               describe([entry]))


def check_share_of_growth(tap, before, after):
    text = must("diff", before, after, "--inclusive", "--mine", "--group-by",
                "function", "--columns", "percent_diff,site", "--top", "1")
    share, site = text.splitlines()[1].split(None, 1)
    tap.ok(site.startswith("chart (") and 90 < float(share) < 110,
           "by function chart() is first, with nearly all of the growth", text)


def check_native_share(tap, before, after):
    entries = diff(before, after, "--group-by", "traceback", "--top",
                   ALL)["entries"]
    pixels = [entry for entry in entries if frames_in(entry, "_backend_agg")]
    tap.ok(sum(entry["size_diff"] for entry in pixels)
           >= REQUESTS * BUFFER, "the pixels come from the Agg backend",
           describe(pixels))
    tap.ok(pixels and all(entry["domain"] == "malloc" for entry in pixels[:1]),
           "by malloc, not by Python's own allocators", describe(pixels))
    if not pixels:
        return
    kinds = [frame["kind"] for frame in pixels[0]["traceback"]]
    switch = kinds.index("python") if "python" in kinds else 0
    tap.ok(switch > 0 and set(kinds[:switch]) == {"native"}
           and set(kinds[switch:]) == {"python"},
           "native frames down to the interpreter, then Python's",
           describe(pixels, 1))


def check_traceback(tap, before, after):
    entries = diff(before, after, "--group-by", "traceback", "--top",
                   "1")["entries"]
    frames = [frame for frame in entries[0]["traceback"]
              if frame["kind"] == "python"]
    functions = [frame["function"] for frame in frames]
    where = next((i for i, frame in enumerate(frames)
                  if frame["file"].endswith("flask_figures.py")
                  and "chart" in frame["function"]), None)
    tap.ok(where is not None and where > 0
           and LIBRARY in frames[0]["file"],
           "the traceback leads from matplotlib to the view function",
           describe(entries, 1))
    tap.ok(where is not None and any(
        "full_dispatch_request" in function for function in functions[where:]),
           "and from there to Flask", describe(entries, 1))


def check_text(tap, before, after):
    size = r"-?[0-9.]+ (?:B|[KMGT]iB)"
    line = re.compile(
        rf"^(/.*/flask_figures\.py):(\d+): size={size} \(\+{size}\), "
        rf"count=\d+ \(\+\d+\), average={size}$")
    text = must("diff", before, after, "--mine", "--top", "1")
    tap.ok(any(line.match(row) for row in text.splitlines()),
           "the text reads as Python users know it", text)
    text = must("diff", before, after, "--group-by", "traceback", "--top", "1")
    source = next(line.strip() for line in SERVICE.read_text().splitlines()
                  if "savefig" in line)
    subplots = "plt.subplots"
    tap.ok(source in text or subplots in text,
           "the text of a traceback has the lines of the source", text)


def main():
    tap = Tap()
    with workplace() as scratch:
        recorded = tap.part("the service under heaptop", record, scratch)
        if recorded:
            before, after, served = recorded
            tap.equal(served, REQUESTS, "every request got its chart")
            for check in (check_growth, check_view_on_top,
                          check_share_of_growth, check_native_share,
                          check_traceback, check_text):
                tap.part(check.__name__, check, tap, before, after)
    tap.done()


if __name__ == "__main__":
    sys.exit(main())
