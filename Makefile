# make up | down | page | screenshots | test [FAST=1 | DATABASE=sqlite|postgresql|mysql] | databases | bench [ONLY=name…] [ROWS=n] [VICTORIA_LOGS=path] | lint        (PYTHON=… takes another interpreter)

BIN := .venv/bin
BASE := .venv/.base-installed
DEV := .venv/.dev-installed
PURE := $(wildcard tests/records tests/query tests/clean tests/config tests/telemetry)
# Left out on the other databases: tests whose every statement is sent by others too (docs/testing.md).
STATEMENTS := $(patsubst %,--ignore=tests/%,cli elastic loki masking openapi query search store collect/test_replacing.py \
	$(patsubst %,export/test_%.py,beside_the_store forms masked) saved/test_page.py sweep/test_page.py telemetry/test_access.py)
# 5 means that no test has the mark.
NONE_IS_FINE := || [ $$? -eq 5 ]
# Where Python may keep no compiled files, each of a fleet's dozen programs and each command compiles the platform anew.
export PYTHONDONTWRITEBYTECODE :=

up: $(BASE) page
	@$(BIN)/bklog up

down: $(BASE)
	@$(BIN)/bklog down

test: $(DEV) page
ifdef FAST
	$(BIN)/pytest $(PURE)
	$(BIN)/pytest -m smoke $(NONE_IS_FINE)
else ifdef DATABASE
	$(BIN)/pytest --database $(DATABASE) -n 2 -m "not fleet"
	$(BIN)/pytest --database $(DATABASE) -n 2 --no-loadscope-reorder -m "fleet and not alone"
	$(BIN)/pytest --database $(DATABASE) -m alone
else
	$(BIN)/pytest -n 2 -m "not fleet"
	$(BIN)/pytest -n 2 --no-loadscope-reorder -m "fleet and not alone"
	$(BIN)/pytest -m alone
	$(BIN)/pytest --database postgresql -n 2 -m "database and (smoke or not fleet)" $(STATEMENTS)
	$(BIN)/pytest --database mysql -n 2 -m "database and (smoke or not fleet)" $(STATEMENTS)
endif

# What reaches a database, fleets and all, on the two that `make test` runs in part.
databases: $(DEV)
	for database in postgresql mysql; do \
		$(BIN)/pytest --database $$database -n 2 -m "database and not alone" || exit; \
		$(BIN)/pytest --database $$database -m "database and alone" || exit; \
	done

bench: $(DEV)
	$(BIN)/python -m tests.bench $(if $(ROWS),--rows $(ROWS)) $(if $(ONLY),--only $(ONLY)) $(if $(VICTORIA_LOGS),--victoria-logs $(VICTORIA_LOGS))

screenshots: $(DEV) page
	$(BIN)/python -m tests.page.screenshots

lint: $(DEV)
	@support-files/page lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The web page, where Node is there and its sources changed.
page:
	@support-files/page build

$(BASE): requirements/base.txt support-files/install
	@support-files/install base
	@touch $@

$(DEV): requirements/dev.txt support-files/install
	@support-files/install dev
	@touch $@ $(BASE)

.PHONY: up down page screenshots test databases bench lint
