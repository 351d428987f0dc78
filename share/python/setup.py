"""For pip before 19, which does not read pyproject.toml."""
from setuptools import setup

setup()
