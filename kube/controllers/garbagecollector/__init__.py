"""Deletes what has lost its owners, and carries out foreground and orphaning deletions.

``graph`` knows who owns whom, ``controller`` acts upon it. The finalizers that ask for it are set by the API server.
"""
