#!/bin/sh
# All tests, inside `python -m tests.servers`: on SQLite, then those that hold on every engine on MariaDB.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python
failed=0
$python -m pytest -q -n "${TEST_PROCESSES:-3}" --dist worksteal || failed=1
DATABASE_URL="$CT6_TEST_MARIADB_URL" $python -m pytest -q -n "${TEST_PROCESSES:-3}" --dist worksteal -m engines || failed=1
exit $failed
