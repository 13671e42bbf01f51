"""bbolt's file format (go.etcd.io/bbolt, the database in which etcd keeps its state): pages, a reader, a writer that loads in bulk.

Pure: bytes in, bytes out. What etcd puts into such a file is in ``kube.store.backup.etcd_schema``. Not here: transactions, changes of a file in place.
"""
