# make demo   face.mp4 from the sample speech     make test   checks and tests     make clean   remove .venv
# All set-up is done here, in .venv; README.md tells how to choose Python (PYTHON=) and torch (TORCH_INDEX=).
export PYTHON TORCH_INDEX
BIN := .venv/bin

.PHONY: demo test dev clean

demo:
	@tools/setup
	$(BIN)/talk animate assets/sample.flac --out face.mp4 --force

test: dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

dev:
	@tools/setup dev

clean:
	rm -rf .venv
