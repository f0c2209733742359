"""What keeps a database from being moved. One sentence each, for the person at the terminal; no password in it."""


class NotMoved(Exception):
    """Nothing (more) is moved. The database that is moved from is as it was."""
