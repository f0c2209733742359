"""The history that owners of CT6 units have in the databases of ct6_db_store and ct6_app, brought here.

Only their table of seconds is trusted: everything else is computed here from what it holds.
"""
