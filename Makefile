# `make run` and `make test` work from a fresh clone: the set-up makes .venv first.
.PHONY: run test lint style format pictures setup clean
PYTHON = .venv/bin/python

run: setup  ## napari on the sample images; without a display the journey and its pictures in demo/
	scripts/run.sh

# the many processes of the tests read what one of them has compiled
test: export PYTHONDONTWRITEBYTECODE =
test: style  ## lint, types (by a test) and all tests, the windows under virtual displays
	scripts/with-display.sh $(PYTHON) -m pytest -n auto --dist worksteal $(ARGS)

lint: style
	$(PYTHON) -m mypy

style: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

format: setup
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

pictures: setup  ## the README's screenshots, from the real window
	SCREEN=1600x1100x24 scripts/with-display.sh $(PYTHON) docs/pictures.py

setup:
	@scripts/setup.sh

clean:  ## everything that was made here
	rm -rf .venv build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
