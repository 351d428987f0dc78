"""What pip asks for to install the module (PEP 517): a wheel, which is an
archive of the package and three texts (PEP 427)."""
import base64
import hashlib
import os
import re
import tarfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
WHEEL = """Wheel-Version: 1.0
Generator: heaptop
Root-Is-Purelib: true
Tag: py3-none-any
"""


def _said(key):
    """A text that pyproject.toml gives."""
    with open(os.path.join(HERE, "pyproject.toml"), encoding="utf-8") as file:
        return re.search('^%s = "(.*)"$' % key, file.read(), re.M).group(1)


def _name():
    return "%s-%s" % (_said("name"), _said("version"))


def _package():
    folder = os.path.join(HERE, "heaptop")
    return [os.path.join("heaptop", name)
            for name in sorted(os.listdir(folder)) if name.endswith(".py")]


def _record(path, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return "%s,sha256=%s,%d\n" % (path, digest.rstrip(b"=").decode(),
                                  len(data))


def _contents():
    info = _name() + ".dist-info/"
    metadata = "".join("%s: %s\n" % pair for pair in (
        ("Metadata-Version", "2.1"), ("Name", _said("name")),
        ("Version", _said("version")), ("Summary", _said("description")),
        ("Requires-Python", _said("requires-python"))))
    for path in _package():
        with open(os.path.join(HERE, path), "rb") as file:
            yield path, file.read()
    yield info + "METADATA", metadata.encode()
    yield info + "WHEEL", WHEEL.encode()


def build_wheel(wheel_directory, config_settings=None,
                metadata_directory=None):
    name = _name() + "-py3-none-any.whl"
    record = _name() + ".dist-info/RECORD"
    lines = []
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w",
                         zipfile.ZIP_DEFLATED) as wheel:
        for path, data in _contents():
            wheel.writestr(path, data)
            lines.append(_record(path, data))
        wheel.writestr(record, "".join(lines) + record + ",,\n")
    return name


def build_sdist(sdist_directory, config_settings=None):
    name = _name() + ".tar.gz"
    with tarfile.open(os.path.join(sdist_directory, name), "w:gz") as archive:
        for path in ["pyproject.toml", "backend.py"] + _package():
            archive.add(os.path.join(HERE, path), _name() + "/" + path)
    return name
