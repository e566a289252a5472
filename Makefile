PYTHON ?= python3

.PHONY: demo test lint
demo:  ## run the reference case and print where its report is
	@$(PYTHON) dev.py demo
test:  ## run the test suite
	@$(PYTHON) dev.py test
lint:  ## check style, types and import layers
	@$(PYTHON) dev.py lint
