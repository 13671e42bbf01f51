"""etcd's gRPC API (v3) over any ``administration.AdministeredStore``: services, calls, and in ``http2`` what they travel by.

No state of the store lives here.
"""
