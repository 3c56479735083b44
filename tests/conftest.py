"""Tests keep nothing in the user's own folders."""

import os
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache_folder():
    """A cache folder of the run's own, for child processes too."""
    with TemporaryDirectory() as folder:
        os.environ["EVENTSTUDY_CACHE"] = folder
        yield folder
