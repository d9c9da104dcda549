"""What stands after `|` in a query: steps that make a table of the rows.

text ─ reader ─▶ Piped(query, steps) ─ planning (fields, range) ─▶ Table, an output of a Plan ─ sql ─▶ one statement
"""
