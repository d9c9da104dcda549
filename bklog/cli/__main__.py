"""`python -m bklog.cli`: the command line where its script is not on the path, as in the supervisor's programs."""

from bklog.cli.main import main

main()
