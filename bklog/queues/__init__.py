"""The queues: which task goes where, how it is sent, who works, and who holds what.

feature → send(name, ids) ─after the transaction's commit─▶ broker ─▶ worker program ─▶ bklog.tasks
                                                             lease(name): one of several workers at a time
"""
