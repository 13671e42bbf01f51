"""``kv.py``'s protocols over a real etcd, or whatever else speaks its gRPC API: the client's side, with grpcio from the ``etcd`` extra.

The messages are in ``kube.store.etcdpb``, the server's side is in ``kube.store.etcd_server``. Nothing here keeps data.
"""
