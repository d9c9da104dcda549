"""What Loki's clients ask: their requests, answered from the index sets in Loki's shapes.

request ─▶ times, query ─▶ sources (index sets, labels) ─▶ Statement ─▶ store ─▶ streams, matrix, vector
"""
