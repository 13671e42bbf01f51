"""What the API objects are: types, the resource table, defaults, validation, printing, OpenAPI.

Pure. Nothing here stores, serves or watches an object.
"""
