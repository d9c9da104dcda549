"""LogQL, the language of Loki's clients, pure: text ─ parse ─▶ tree ─ with the plans of its selectors ─▶ Statement.

parser ─▶ tree ─┬ selector, line filters ─▶ a Query, planned as every search is
                └ stages, metric functions ─▶ stages_sql, samples_sql: SQL over the lines and labels of the rows found
"""
