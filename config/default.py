"""Every setting: its name, which is also that of its variable, its type, its meaning, and the value that most have.

`dev.py`, `stag.py` and `prod.py` change some of them; see `environ.py` for the order.
"""

from pathlib import Path
from typing import Annotated, Literal

from config.meaning import Meaning

# The fleet
BKLOG_HOME: Annotated[Path, Meaning("folder that holds all state of a fleet")] = Path("var")
BKLOG_PORT: Annotated[int, Meaning("the one entry port: page, API and ingest", low=1, high=65535)] = 8000
BKLOG_BIND_HOST: Annotated[str, Meaning("address on which the entry port listens")] = "127.0.0.1"
BKLOG_PROFILE: Annotated[
    Literal["full", "small"], Meaning("how many processes the workers are spread over: small folds them into one")
] = "full"

# Database: the URL, or its parts
BKLOG_DATABASE_URL: Annotated[str, Meaning("database as a URL, which wins over its parts", secrecy="password in URL")] = ""
BKLOG_DATABASE_ENGINE: Annotated[
    Literal["sqlite", "postgresql", "mysql"], Meaning("kind of database; mysql is MariaDB too")
] = "postgresql"
BKLOG_DATABASE_HOST: Annotated[str, Meaning("host of the database")] = ""
BKLOG_DATABASE_PORT: Annotated[int, Meaning("port of the database; 0 is the engine's own", low=0, high=65535)] = 0
BKLOG_DATABASE_NAME: Annotated[
    str, Meaning("name of the database; for SQLite its file, empty means $BKLOG_HOME/db/bklog.sqlite3")
] = ""
BKLOG_DATABASE_USER: Annotated[str, Meaning("user of the database")] = ""
BKLOG_DATABASE_PASSWORD: Annotated[str, Meaning("password of the database's user", secrecy="secret")] = ""
BKLOG_DATABASE_MAX_AGE_SECONDS: Annotated[
    int, Meaning("how long a connection to the database is kept; 0 closes it after each request", low=0)
] = 60

# Message queue: the URL, or its parts
BKLOG_MQ_URL: Annotated[
    str,
    Meaning("message queue as a URL, several nodes separated by `;`, wins over its parts", secrecy="password in URL"),
] = ""
BKLOG_MQ_ENGINE: Annotated[
    Literal["redis", "sentinel", "amqp"], Meaning("kind of message queue; redis is Valkey too, amqp is RabbitMQ")
] = "redis"
BKLOG_MQ_HOST: Annotated[str, Meaning("host of the message queue, several separated by `;`")] = ""
BKLOG_MQ_PORT: Annotated[int, Meaning("port of the message queue; 0 is the engine's own", low=0, high=65535)] = 0
BKLOG_MQ_USER: Annotated[str, Meaning("user of the message queue")] = ""
BKLOG_MQ_PASSWORD: Annotated[str, Meaning("password of the message queue's user", secrecy="secret")] = ""
BKLOG_MQ_NAME: Annotated[str, Meaning("database number of Redis, virtual host of RabbitMQ")] = ""
BKLOG_MQ_SENTINEL_MASTER: Annotated[str, Meaning("name under which the sentinels know the master")] = "mymaster"

# Workers
BKLOG_HIGH_PRIORITY_QUEUE: Annotated[
    str, Meaning("queue of the tasks that should not wait; another name than `celery` gives them a queue of their own")
] = "celery"

# Logging
BKLOG_LOG_LEVEL: Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], Meaning("least level of the platform's own log lines")
] = "INFO"
BKLOG_LOG_PATH: Annotated[
    str, Meaning("folder in which the supervisor keeps the programs' logs; empty means $BKLOG_HOME/log")
] = ""
BKLOG_LOG_FORMAT: Annotated[Literal["json", "text"], Meaning("form of the platform's own log lines")] = "json"

# Security
BKLOG_SECRET_KEY: Annotated[
    str, Meaning("key that signs sessions and tokens; dev makes one in $BKLOG_HOME/secrets", secrecy="secret")
] = ""
BKLOG_HTTPS: Annotated[
    bool, Meaning("the platform is reached over HTTPS, which ends at the gateway in front (X-Forwarded-Proto)")
] = False
BKLOG_AUTH_METHODS: Annotated[tuple[Literal["token", "password"], ...], Meaning("ways to prove who one is")] = (
    "token",
    "password",
)
BKLOG_SESSION_HOURS: Annotated[
    int, Meaning("hours after which who signed in with a password has to again", low=1, high=24 * 90)
] = 12
BKLOG_AUDIT_DAYS: Annotated[int, Meaning("days that the audit keeps who did what", low=1, high=3650)] = 365
BKLOG_TRUSTED_PROXIES: Annotated[
    int,
    Meaning("proxies of your own in front of the platform: the last so many of X-Forwarded-For are true", low=0, high=10),
] = 0
BKLOG_ALLOWED_HOSTS: Annotated[
    tuple[str, ...], Meaning("host names under which the platform answers, besides the loopback ones")
] = ()

# Metrics
BKLOG_METRICS_TOKEN: Annotated[
    str, Meaning("token that /metrics asks for; empty means that any API token opens it", secrecy="secret")
] = ""
BKLOG_METRICS_OPEN: Annotated[bool, Meaning("whoever reaches the entry port may read /metrics, without a token")] = False

# Store
BKLOG_STORE_URL: Annotated[
    str,
    Meaning(
        "log store: chdb:// (embedded, in $BKLOG_HOME/store), chdb:///folder or clickhouse://user:password@host:8123/db",
        secrecy="password in URL",
    ),
] = "chdb://"
BKLOG_STORES: Annotated[
    tuple[str, ...],
    Meaning(
        "further log stores, to move collectors to: archive=clickhouse://user:password@host:8123/db, a comma between two",
        secrecy="password in URL",
    ),
] = ()
BKLOG_STORE_HOST: Annotated[str, Meaning("address on which the embedded store listens")] = "127.0.0.1"
BKLOG_STORE_PORT: Annotated[int, Meaning("port of the embedded store; 0 lets `bklog up` choose", low=0, high=65535)] = 0
BKLOG_STORE_PASSWORD: Annotated[
    str, Meaning("password of the embedded store, needed where it listens beyond loopback", secrecy="secret")
] = ""
BKLOG_STORE_CONNECTIONS: Annotated[int, Meaning("statements that the embedded store runs at once", low=1)] = 8
BKLOG_STORE_MEMORY_BYTES: Annotated[
    int, Meaning("memory that the embedded store may use; 0 is half of the machine's", low=0)
] = 0
BKLOG_STORE_QUERY_SECONDS: Annotated[float, Meaning("longest time of one statement in the store", low=0.001)] = 300.0
BKLOG_STORE_STOP_SECONDS: Annotated[int, Meaning("time that a stopping store gives to running statements", low=1)] = 30

# Ingest
BKLOG_INGEST_HOST: Annotated[str, Meaning("address on which ingest itself listens")] = "127.0.0.1"
BKLOG_INGEST_PORT: Annotated[int, Meaning("port of ingest itself; 0 lets `bklog up` choose", low=0, high=65535)] = 0
BKLOG_INGEST_MAX_BODY_BYTES: Annotated[int, Meaning("largest request after decompression", low=1)] = 64 * 2**20
BKLOG_INGEST_MAX_LINE_BYTES: Annotated[int, Meaning("longest line; longer ones are rejected", low=1)] = 2**20
BKLOG_INGEST_MAX_PENDING_BYTES: Annotated[
    int, Meaning("bytes that may wait for the store before ingest answers 429", low=1)
] = 256 * 2**20
BKLOG_INGEST_COMMIT_MILLISECONDS: Annotated[
    int, Meaning("longest time that a small request waits for others to be stored with it", low=0)
] = 200

# Search
BKLOG_SEARCH_SECONDS: Annotated[float, Meaning("longest time of one search", low=0.001)] = 30.0
BKLOG_SEARCH_MEMORY_BYTES: Annotated[int, Meaning("memory that one search may use", low=2**20)] = 2 * 2**30
BKLOG_SEARCH_MAX_ROWS: Annotated[int, Meaning("most rows that one search returns", low=1)] = 10_000
BKLOG_SEARCH_LONG_AT_ONCE: Annotated[
    int,
    Meaning(
        "statements of long searches at work at a time, for all web processes of all hosts; over RabbitMQ for each process",
        low=1,
        high=64,
    ),
] = 2
BKLOG_SEARCH_LONG_WAITING: Annotated[
    int,
    Meaning("long searches that wait for that in one web process; one more is refused with 429", low=0, high=1000),
] = 4
BKLOG_SEARCH_AT_ONCE_PER_SPACE: Annotated[
    int,
    Meaning("searches of one space that one web process begins at a time; one more waits", low=1, high=1000),
] = 7
BKLOG_SEARCH_WAITING_PER_SPACE: Annotated[
    int,
    Meaning("searches of one space that wait for that in one web process; one more is refused with 429", low=0, high=1000),
] = 4
BKLOG_SEARCH_WAITING: Annotated[
    int,
    Meaning("searches of all spaces that wait for that in one web process, each in one of its threads", low=0, high=1000),
] = 6
BKLOG_SEARCH_WAIT_SECONDS: Annotated[float, Meaning("longest time that they wait; then 429", low=0, high=60)] = 10.0
BKLOG_HISTORY_ENTRIES: Annotated[int, Meaning("queries kept in each person's history, 0 for none", high=10_000)] = 200
BKLOG_LINK_DAYS: Annotated[int, Meaning("days that a short link opens which asks for no other time", low=1, high=3650)] = 30
BKLOG_TAIL_MAX_VIEWERS: Annotated[int, Meaning("viewers of live tails that one ingest program serves", low=1)] = 200
BKLOG_TAIL_MAX_QUERIES: Annotated[int, Meaning("different queries that these viewers may follow", low=1)] = 20
BKLOG_TAIL_ROWS_PER_SECOND: Annotated[int, Meaning("rows that a live tail shows in a second; more are counted", low=1)] = 1_000
BKLOG_TAIL_SECONDS: Annotated[int, Meaning("after this a viewer of a live tail has to connect again", low=1)] = 3_600
BKLOG_RETENTION_DAYS: Annotated[int, Meaning("days that logs are kept where a collector does not say", low=1)] = 30

# Housekeeping
BKLOG_REPLACED_KEEP_SECONDS: Annotated[
    float,
    Meaning(
        "how long the old table of a collector is kept when another took its place: searches and exports end on it",
        low=0,
    ),
] = 900.0
BKLOG_LEDGER_FINE_DAYS: Annotated[
    int, Meaning("days for which the ledger keeps each request; older ones are kept by the hour", low=2)
] = 7

# Object storage
BKLOG_S3_ENDPOINT: Annotated[str, Meaning("address of the S3-compatible storage; empty means that there is none")] = ""
BKLOG_S3_PUBLIC_ENDPOINT: Annotated[
    str, Meaning("address under which users reach it, for signed links; empty means BKLOG_S3_ENDPOINT")
] = ""
BKLOG_S3_BUCKET: Annotated[str, Meaning("bucket that the platform writes to, which exists already")] = ""
BKLOG_S3_REGION: Annotated[str, Meaning("region that requests are signed for")] = "us-east-1"
BKLOG_S3_KEY_ID: Annotated[str, Meaning("id of the access key; empty means that requests are not signed")] = ""
BKLOG_S3_SECRET: Annotated[str, Meaning("secret of the access key", secrecy="secret")] = ""
BKLOG_S3_PATH_STYLE: Annotated[bool, Meaning("the bucket stands in the path; no: it is part of the host name")] = True
BKLOG_S3_ANSWER_SECONDS: Annotated[
    float, Meaning("longest time without an answer, or without a further byte of it", low=0.1)
] = 30.0
BKLOG_S3_RETRY_SECONDS: Annotated[float, Meaning("how long one request is repeated that the storage failed", low=0)] = 30.0

# Client logs
BKLOG_CLIENTLOG_BUCKET: Annotated[str, Meaning("bucket that clients upload to; empty means BKLOG_S3_BUCKET")] = ""
BKLOG_CLIENTLOG_ALLOWED_HOSTS: Annotated[
    tuple[str, ...], Meaning("hosts, or host:port, that files are fetched from although their address is not a public one")
] = ()
BKLOG_CLIENTLOG_FETCH_BYTES: Annotated[int, Meaning("largest file that is fetched", low=1)] = 2**30
BKLOG_CLIENTLOG_FETCH_SECONDS: Annotated[float, Meaning("longest time of fetching one over HTTP", low=0.1)] = 600.0
BKLOG_CLIENTLOG_UNPACK_BYTES: Annotated[
    int, Meaning("most bytes that an archive may unpack to, at all its levels together", low=1)
] = 4 * 2**30
BKLOG_CLIENTLOG_UNPACK_RATIO: Annotated[
    int, Meaning("how many times its size an archive may unpack to, beyond the first 64 MiB", low=1)
] = 200
BKLOG_CLIENTLOG_UNPACK_FILES: Annotated[int, Meaning("most files in an archive, at all its levels together", low=1)] = 10_000
BKLOG_CLIENTLOG_ATTEMPTS: Annotated[int, Meaning("how often a client log is tried before it has failed", low=1)] = 5
BKLOG_CLIENTLOG_KEEP_DAYS: Annotated[int, Meaning("days that the report on a client log is kept", low=1)] = 3
BKLOG_CLIENTLOG_PULL_URL: Annotated[str, Meaning("service that is asked for client logs each minute; empty: none")] = ""
BKLOG_CLIENTLOG_REPORT_URL: Annotated[str, Meaning("where that service is told what became of them; empty: nowhere")] = ""
BKLOG_CLIENTLOG_PULL_TOKEN: Annotated[str, Meaning("token that is sent to that service", secrecy="secret")] = ""

# Exports
BKLOG_EXPORT_TARGET: Annotated[
    Literal["local", "s3"], Meaning("where the files of exports go: a folder of the platform, or the object storage")
] = "local"
BKLOG_EXPORT_FOLDER: Annotated[
    str, Meaning("folder of the files, and of those on their way to the storage; empty means $BKLOG_HOME/export")
] = ""
BKLOG_EXPORT_BUCKET: Annotated[str, Meaning("bucket of the files; empty means BKLOG_S3_BUCKET")] = ""
BKLOG_EXPORT_MAX_ROWS: Annotated[int, Meaning("most rows of an export", low=1)] = 2_000_000
BKLOG_EXPORT_LARGE_MAX_ROWS: Annotated[
    int, Meaning("most rows of an export whose token has the permission large_export", low=1)
] = 100_000_000
BKLOG_EXPORT_DOWNLOAD_ROWS: Annotated[int, Meaning("most rows that are downloaded at once, without an export", low=1)] = 10_000
BKLOG_EXPORT_SLICE_ROWS: Annotated[
    int, Meaning("rows that are written in one go, and lost by a killed worker at the most", low=1)
] = 500_000
BKLOG_EXPORT_SLICE_SECONDS: Annotated[float, Meaning("longest time that the store may take for these", low=1)] = 600.0
BKLOG_EXPORT_RUNNING_PER_USER: Annotated[
    int, Meaning("exports of one user at a time; others wait in line", low=1, high=100)
] = 3
BKLOG_EXPORT_ATTEMPTS: Annotated[int, Meaning("how often a slice is tried before its export has failed", low=1)] = 5
BKLOG_EXPORT_LINK_SECONDS: Annotated[int, Meaning("how long a link to a file is valid", low=1, high=7 * 86_400)] = 86_400
BKLOG_EXPORT_KEEP_DAYS: Annotated[int, Meaning("days that a file is kept", low=1)] = 2
BKLOG_EXPORT_HISTORY_DAYS: Annotated[int, Meaning("days that an export is listed after it ended", low=1)] = 30

# Mail
BKLOG_PUBLIC_URL: Annotated[
    str, Meaning("address under which users reach the platform, for links in mails; empty: mails name a command instead")
] = ""
BKLOG_SMTP_HOST: Annotated[str, Meaning("mail server; empty means that no mail is sent")] = ""
BKLOG_SMTP_PORT: Annotated[int, Meaning("its port: 25, 587 for starttls, 465 for tls", low=1, high=65535)] = 25
BKLOG_SMTP_SECURITY: Annotated[
    Literal["none", "starttls", "tls"], Meaning("encryption of the connection; the server's certificate is checked")
] = "none"
BKLOG_SMTP_CA_FILE: Annotated[str, Meaning("authorities that sign its certificate; empty means those of the system")] = ""
BKLOG_SMTP_USER: Annotated[str, Meaning("user of the mail server; empty means none is named")] = ""
BKLOG_SMTP_PASSWORD: Annotated[str, Meaning("password of that user", secrecy="secret")] = ""
BKLOG_SMTP_FROM: Annotated[str, Meaning("sender of the mails")] = "bklog@localhost"

# Pipelines
BKLOG_PIPELINE_KEEP_DAYS: Annotated[int, Meaning("days that a pipeline's run is kept after its end", low=1)] = 30
BKLOG_AGENT_FOLDERS: Annotated[
    tuple[str, ...], Meaning("folders below which an onboarding may have the fleet's agent follow files")
] = ("/var/log",)

# Command line
BKLOG_API_URL: Annotated[str, Meaning("platform that the commands talk to; empty means the fleet of BKLOG_HOME")] = ""
BKLOG_API_TOKEN: Annotated[
    str, Meaning("token of the commands; empty means $BKLOG_HOME/secrets/api-token", secrecy="secret")
] = ""
