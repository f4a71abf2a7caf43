# A façade over the CMake presets; `make help` explains. Everything is built below build/<preset>.
PRESET ?= release
MINUTES ?= 5
SECONDS ?= 60
JOBS ?= $(shell nproc)
PYTHON = .venv/bin/python -B

all: build-$(PRESET)                ## build; then everything in bin/ works in place
	@mkdir -p bin && ln -sfn ../build/$(PRESET)/samsa bin/samsa

build-%:
	@tools/setup build
	@mkdir -p build
	@cmake --preset $* >build/$*.log 2>&1 || { cat build/$*.log; exit 1; }
	@cmake --build build/$* -j $(JOBS)

run: all                            ## install what is needed, build, start a node with all roles
	@exec bin/samsa start

test:                               ## install what is needed, build, run the whole test suite
	@tools/setup test
	@$(PYTHON) tools/run_tests.py --jobs $(JOBS) $(SUITES)

bench: all                          ## compare with Apache's servers, side by side, as ratios
	@tools/setup test
	@$(PYTHON) bench/run.py

sim: all                            ## simulate: SEED=n replays one run, else fresh seeds for MINUTES=m
	@code=0; running=; for one in samsa_sim samsa_kafka_sim samsa_ensemble_sim "samsa_ensemble_sim --reconfigs"; do \
	build/$(PRESET)/$$one $(if $(SEED),--seed $(SEED),--minutes $(MINUTES)) & running="$$running $$!"; done; \
	for one in $$running; do wait $$one || code=$$?; done; exit $$code

fuzz: build-fuzz                    ## run every fuzzer for SECONDS=n each
	@$(PYTHON) tools/run_fuzzers.py --seconds $(SECONDS)

fmt:                                ## format the tree
	@tools/setup test
	@$(PYTHON) tools/check_format.py --fix

lint: build-dev                     ## every static check
	@tools/setup test
	@ctest --test-dir build/dev -L check -j $(JOBS) --output-on-failure

clean:                              ## remove what was built (data/ and .venv/ stay)
	@rm -rf build bin/samsa

help:                               ## this text
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: all run test bench sim fuzz fmt lint clean help
