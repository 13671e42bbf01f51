"""How many files a process may have open."""

import contextlib
import os
import subprocess
import sys

import pytest

from kube.base.descriptors import RESERVED, are_scarce

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no such limit")


def test_a_process_takes_what_it_may_have():
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 90));"
        "from kube.base.descriptors import raise_limit; raise_limit();"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(90, 90)"


@pytest.mark.parametrize("room", [40, 2 * RESERVED + 100])
def test_some_are_left_when_they_are_scarce(few_files, room):
    with few_files(room) as limit:
        assert not are_scarce()
        taken = []
        while not are_scarce():
            taken.append(os.open(os.devnull, os.O_RDONLY))
        left = limit - 1 - max(taken)
        for descriptor in taken:
            os.close(descriptor)
        assert left == min(RESERVED, limit // 2)
        assert not are_scarce()


def test_none_at_all_is_scarce(few_files):
    with few_files(20):
        taken = []
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        scarce = are_scarce()
        for descriptor in taken:
            os.close(descriptor)
    assert taken
    assert scarce
