import io
import json
import logging
import subprocess
import sys

import pytest

from kube.base.cause import Causes, because
from kube.base.logging import configure, get_logger, unconfigure


@pytest.fixture
def stream():
    stream = io.StringIO()
    yield stream
    unconfigure()


def test_a_library_writes_nothing_and_configures_nobody():
    code = (
        "import logging, sys\n"
        "before = (list(logging.getLogger().handlers), logging.getLogger().level)\n"
        "from kube.base.logging import get_logger\n"
        "get_logger('kube.test').info('hidden')\n"
        "assert 'structlog' not in sys.modules\n"
        "get_logger('kube.test').error('hidden too')\n"
        "import structlog\n"
        "assert not structlog.is_configured()\n"
        "assert (list(logging.getLogger().handlers), logging.getLogger().level) == before\n"
        "assert [type(h).__name__ for h in logging.getLogger('kube').handlers] == ['NullHandler']\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_line_is_an_ordinary_record_that_a_host_can_handle(caplog):
    log = get_logger("kube.store").bind(member=1)
    with caplog.at_level(logging.INFO, logger="kube"):
        log.info("elected", term=3, text='a "b"')
        log.debug("hidden")
    (record,) = caplog.records
    assert record.getMessage() == 'elected member=1 term=3 text="a \\"b\\""'
    assert (record.event, record.fields) == ("elected", {"member": 1, "term": 3, "text": 'a "b"'})
    assert (record.name, record.levelname) == ("kube.store", "INFO")
    assert record.funcName == "test_a_line_is_an_ordinary_record_that_a_host_can_handle"


def test_a_percent_sign_is_text(caplog):
    with caplog.at_level(logging.INFO, logger="kube"):
        get_logger("x").warning("100%s sure", share="50%d")
    assert caplog.records[0].getMessage() == "100%s sure share=50%d"


@pytest.mark.parametrize(
    ("name", "full"),
    [("kube.api", "kube.api"), ("kube", "kube"), ("store", "kube.store"), ("kubernetes", "kube.kubernetes")],
)
def test_all_loggers_are_below_kube(caplog, name, full):
    with caplog.at_level(logging.INFO, logger="kube"):
        get_logger(name).info("hello")
    assert caplog.records[0].name == full


def test_the_cause_is_bound_into_every_line(caplog):
    causes = Causes()
    with caplog.at_level(logging.INFO, logger="kube"):
        with because(causes.root("apply")), because(causes.new("PodBound")):
            get_logger("kubelet").info("starts")
        get_logger("kubelet").info("idles")
    assert [record.fields.get("cause") for record in caplog.records] == ["PodBound[c2] < apply[c1]", None]


def test_configured_for_people(stream):
    configure(stream, level=logging.INFO)
    get_logger("kube.store").info("elected", term=3)
    get_logger("kube.store").debug("hidden")
    line = stream.getvalue()
    assert line.endswith(" I kube.store: elected term=3\n")
    assert line.count("\n") == 1


def test_configured_for_machines(stream):
    configure(stream, level="DEBUG", json=True)
    log = get_logger("kube.store")
    log.debug("elected", term=3)
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed", path="/")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert {**first, "ts": 0} == {
        "ts": 0,
        "level": "debug",
        "logger": "kube.store",
        "msg": "elected",
        "term": 3,
    }
    assert second["level"] == "error"
    assert second["exception"].endswith("ValueError: broken")


def test_configuring_again_replaces_and_unconfiguring_undoes(stream):
    root = logging.getLogger("kube")
    before = (list(root.handlers), root.level, root.propagate)
    configure(io.StringIO())
    configure(stream)
    get_logger("kube").info("once")
    assert stream.getvalue().count("once") == 1
    unconfigure()
    assert (list(root.handlers), root.level, root.propagate) == before
