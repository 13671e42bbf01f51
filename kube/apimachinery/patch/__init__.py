"""The patch formats: JSON patch, JSON merge patch, strategic merge patch.

They work on decoded JSON trees and never change their inputs. Limits on the size of a result are the caller's; what a
patch may cost to apply is bounded here.
"""
