"""Everything that runs: one actor per file, thin shells over the pure cores below.

An actor takes a message, calls its core and carries out the instructions that come back. Logic does not live here.
"""
