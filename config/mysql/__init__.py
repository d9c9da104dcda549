"""The Django backend of MySQL and MariaDB: Django's own over the driver PyMySQL, with text that compares as elsewhere."""

import pymysql

# Django's backend imports its driver under the name MySQLdb.
pymysql.install_as_MySQLdb()
