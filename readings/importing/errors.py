"""What keeps a database from being imported. One sentence each, for the person at the terminal; no password in it."""


class NotImported(Exception):
    """Nothing (more) of a database is imported; what was stored of it until then stays."""


class NotTheirs(NotImported):
    """It is no database of ct6_db_store or ct6_app."""
