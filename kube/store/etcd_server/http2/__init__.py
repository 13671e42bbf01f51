"""HTTP/2 as a gRPC server needs it: header compression, frames, and one connection as a pure state machine.

Sockets, TLS and what a call means live above.
"""
