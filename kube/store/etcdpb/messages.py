"""The messages by name: ``messages.RangeRequest(key=b"k")``. What they have is written out in ``messages.pyi``."""

from kube.store.etcdpb.descriptors import message_classes

globals().update(message_classes())
