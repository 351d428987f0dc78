"""A web service that draws the last day of a sensor as a PNG.

    python3 flask_figures.py [PORT]

Each request of / draws a figure of its own. pyplot keeps every figure until
it is closed, and nobody closes these: the service grows by the request.
"""
import io
import os
import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from flask import Flask, Response
from werkzeug.serving import make_server

app = Flask(__name__)


def last_day(sensor):
    minutes = np.arange(0, 24 * 60, 5)
    return minutes / 60, 20 + sensor + 4 * np.sin(minutes / 230)


@app.route("/")
def chart():
    hours, celsius = last_day(sensor=1)
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(hours, celsius)
    axes.set_xlabel("hour")
    axes.set_ylabel("degrees Celsius")
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return Response(png.getvalue(), mimetype="image/png")


@app.route("/health")
def health():
    return "well\n"


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    server = make_server("127.0.0.1", port, app, threaded=True)
    print(f"pid {os.getpid()} serves http://127.0.0.1:{server.server_port}/",
          flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
