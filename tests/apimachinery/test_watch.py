from kube.api.types.core_v1 import Pod
from kube.apimachinery import watch
from kube.apimachinery.watch import WatchEvent
from kube.base.cause import Causes


def test_an_event_is_equal_by_its_parts_and_cannot_change():
    pod = Pod()
    cause = Causes().root("create")
    event = WatchEvent(watch.ADDED, pod, cause)
    assert event == WatchEvent(watch.ADDED, pod, cause)
    assert event != WatchEvent(watch.MODIFIED, pod, cause)
    assert event.object is pod
    assert WatchEvent(watch.BOOKMARK, pod).cause is None
