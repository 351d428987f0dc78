"""What Python programs do with memory.

    python3 python_loads.py objects|recursion|figures|requests ROUNDS
"""
import sys


class Tree:
    __slots__ = ("left", "right")

    def __init__(self, depth):
        self.left = self.right = None
        if depth > 0:
            self.left = Tree(depth - 1)
            self.right = Tree(depth - 1)

    def count(self):
        if self.left is None:
            return 1
        return 1 + self.left.count() + self.right.count()


class Item:
    def __init__(self, number):
        self.number = number
        self.parts = [number, str(number)]
        self.notes = {"even": number % 2 == 0}


def objects(rounds):
    kept = Tree(14)
    items = []
    for number in range(rounds):
        Tree(12).count()
        items += [Item(number + i) for i in range(4000)]
        del items[::3]
    return kept.count() + len(items)


def recursion(rounds):
    sys.setrecursionlimit(2000)

    def descend(depth):
        if depth == 0:
            return [str(i) for i in range(300)]
        own = [depth, depth + 1]
        return descend(depth - 1) + own[:1]

    return sum(len(descend(400)) for _ in range(rounds))


def figures(rounds):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    pyplot.rcParams["figure.max_open_warning"] = 0
    for number in range(rounds):
        figure, axes = pyplot.subplots(2, 2)
        for axis in axes.flat:
            axis.plot(range(50), [i * number % 17 for i in range(50)])
            axis.set_title(f"figure {number}")
        figure.canvas.draw()
    return len(pyplot.get_fignums())


def requests(rounds):
    import flask
    application = flask.Flask("bench")

    @application.route("/items/<int:number>")
    def items(number):
        rows = [{"id": i, "name": f"item {i}"} for i in range(number % 40)]
        return flask.jsonify(rows=rows, query=dict(flask.request.args))

    client = application.test_client()
    return sum(len(client.get(f"/items/{i}?page={i % 7}&sort=name").data)
               for i in range(rounds))


if __name__ == "__main__":
    print(globals()[sys.argv[1]](int(sys.argv[2])))
