"""The command ``kube``: one module per command, each imported when it is called.

Commands parse, print and set exit codes; what they do is in the packages below.
"""
