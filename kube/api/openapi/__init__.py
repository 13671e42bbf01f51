"""OpenAPI v3 and v2 documents, derived from the resource table and the field table.

``documents.OpenAPI`` is the entry: it builds lazily and caches. ``schemas`` writes the schema of a
type, ``operations`` the operations of a resource, ``v3`` and ``v2`` put them into documents, ``gnostic``
and ``protobuf`` encode v2 for older kubectl. Serving the documents does not live here.
"""
