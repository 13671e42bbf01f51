"""The messages and services of etcd's gRPC API, made at import from tables of names and numbers.

Server and client share them. Neither code of protoc's nor a schema of etcd's lives here, and no transport.
"""
