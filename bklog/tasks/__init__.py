"""Entry points of the workers: one module an area, its tasks thin functions over the features.

schedule ─beat─▶ queues ─▶ worker ─▶ tasks/<area>.py ─▶ feature
"""
