"""How members in different processes talk: frames, handshake, connections over TCP and TLS.

What they say is raft's messages (``kube.store.raft.messages``) and the requests of ``peer.messages``; what becomes of it is
``kube.store.standalone``'s.
"""
