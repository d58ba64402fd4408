# The two commands that matter: `sudo make demo` and `sudo make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: demo test check unit-test system-test block-test compatibility double-test jail-test fuzz lab-test arm64-test
.PHONY: parity-test engines-test coverage
.PHONY: deps cross engine build install install-files uninstall kernel kernel-build kernel-config
.PHONY: nightly nightly-tests format columns locked locks clean bench root owned deb dist package-test reproducible

HOST_ARCH := $(if $(filter aarch64,$(shell uname -m)),arm64,x64)
# For arm64 on an x86-64 host: make build ARCH=arm64, after tools/setup.sh cross.
ARCH := $(HOST_ARCH)
BUILD = build$(if $(filter-out $(HOST_ARCH),$(ARCH)),/$(ARCH))
DOTNET := $(or $(shell command -v dotnet),/usr/local/share/dotnet/dotnet)
PUBLISH = $(DOTNET) publish -c Release -r linux-$(ARCH) --nologo -v quiet -o $(BUILD)
SOURCES := $(shell find src kernel -type f) Directory.Build.props Directory.Build.targets Directory.Packages.props

## demo: from a fresh machine to a container in a Docker engine in a microVM
demo: deps build
	tools/setup.sh engine
	$(BUILD)/runcvm install
	$(MAKE) kernel
	examples/dind/demo.sh

## test: everything, on a Docker engine of its own
test: deps cross columns unit-test fuzz system-test parity-test block-test double-test jail-test arm64-test lab-test

# Every test target takes TEST: parts of the names of classes or methods, as in TEST='SplitQueueTests A_failed_mount'.
# One that no test has is an error. In a target that chooses tests itself TEST replaces its choice.
chosen = $(foreach part,$(TEST),--filter-method '*$(patsubst *%,%,$(patsubst %*,%,$(part)))*')

## check: what every change must pass: columns, build, format, unit tests; needs no root and no cross compiler
check: owned columns
	$(DOTNET) build Runcvm.slnx --nologo -v quiet
	$(DOTNET) format --no-restore --verify-no-changes
	$(DOTNET) test --project tests/Runcvm.Tests --no-build $(chosen)

## unit-test: needs no root; tests that do skip without it, and so do those whose tool is missing
## as root and without TEST it also prints what they reach; make coverage fails where that is below a floor
unit-test: owned
	$(DOTNET) build tests/Runcvm.Tests --nologo -v quiet
	rm -rf artifacts/coverage
	DOTNET=$(DOTNET) tests/run.sh Runcvm.Tests $(or $(chosen),$(COVERAGE))
	[ -n '$(TEST)' ] || [ "$$(id -u)" != 0 ] || tests/coverage.sh $(FLOORS) artifacts/coverage/*.info

# Tests that skip, for want of a tool or of something in the kernel, reach nothing: only nightly holds the floors.
FLOORS = --table
## coverage: unit-test, and the floors of tests/coverage.txt
coverage: FLOORS =
coverage: root unit-test

COVERAGE = --coverlet --coverlet-output-format lcov --coverlet-single-hit --coverlet-include '[runcvm*]*' \
	--coverlet-include '[Runcvm*]*' --results-directory $(CURDIR)/artifacts/coverage

## system-test: needs root; boots machines on a Docker engine of its own; those for a night only with TEST or by nightly
BY_DAY = --filter-not-trait Run=nightly
system-test: deps build install-files kernel
	tools/setup.sh engines
	$(DOTNET) build tests/Runcvm.SystemTests --nologo -v quiet
	DOTNET=$(DOTNET) tests/run.sh Runcvm.SystemTests --filter-not-class 'Runcvm.SystemTests.Jail*' \
		$(or $(chosen),$(BY_DAY)) \
		--report-xunit --report-xunit-filename system-tests.xml --results-directory $(CURDIR)/artifacts

## block-test: what of the system tests depends on the root most, with roots on an image and a disk
BLOCK_TESTS = --filter-class '*.RootFileSystemTests'
block-test: deps build install-files kernel
	$(DOTNET) build tests/Runcvm.SystemTests --nologo -v quiet
	RUNCVM_TEST_ROOTFS=block DOTNET=$(DOTNET) tests/run.sh Runcvm.SystemTests $(or $(chosen),$(BLOCK_TESTS))

## compatibility: the system tests, and what became of them written into docs/compatibility.md
compatibility:
	# A test that fails is what the table shows then.
	-$(MAKE) system-test BY_DAY=
	tools/compatibility.sh artifacts/system-tests.xml

## double-test: a part of the system tests on the test double of Firecracker, which needs no KVM;
## all of them with DOUBLE_TESTS=
DOUBLE_TESTS = --filter-method '*.FirecrackerTests.*' --filter-method '*.FirecrackerErrorTests.*' \
	--filter-method '*.ExecTests.*' --filter-method '*On_cgroup_v2_with_iptables_nft*'
double-test: deps build install-files kernel build/double/firecracker
	tests/Runcvm.FirecrackerDouble/setup.sh
	$(DOTNET) build tests/Runcvm.SystemTests --nologo -v quiet
	RUNCVM_TEST_HYPERVISOR=firecracker RUNCVM_TEST_FIRECRACKER_DOUBLE=$(CURDIR)/build/double/firecracker \
		DOTNET=$(DOTNET) tests/run.sh Runcvm.SystemTests $(or $(chosen),$(DOUBLE_TESTS))

## jail-test: attacks on real machines, under QEMU and on the double of Firecracker; see artifacts/jail
JAIL_TESTS = --filter-class 'Runcvm.SystemTests.Jail*'
jail-test: deps build install-files kernel build/double/firecracker
	tests/Runcvm.FirecrackerDouble/setup.sh
	$(DOTNET) build tests/Runcvm.SystemTests --nologo -v quiet
	DOTNET=$(DOTNET) tests/run.sh Runcvm.SystemTests $(or $(chosen),$(JAIL_TESTS))
	RUNCVM_TEST_HYPERVISOR=firecracker RUNCVM_TEST_FIRECRACKER_DOUBLE=$(CURDIR)/build/double/firecracker \
		DOTNET=$(DOTNET) tests/run.sh Runcvm.SystemTests $(or $(chosen),$(JAIL_TESTS))

## parity-test: small things that a user does, with runc and as machines, on this machine's Docker; TEST takes titles
## engines-test: the same on Docker and Podman of this machine, Debian 13 and sid, each in a root of its own
ENGINES_OF_PARITY = -e docker host
parity-test engines-test: deps build install-files kernel
	tools/setup.sh engines
	tests/engines/run.sh $(ENGINES_OF_PARITY) $(if $(TEST),-- '$(TEST)')

engines-test: ENGINES_OF_PARITY = host trixie sid

build/double/firecracker: $(SOURCES) $(wildcard tests/Runcvm.FirecrackerDouble/*.cs)
	$(DOTNET) publish -c Release -r linux-$(ARCH) --nologo -v quiet -o build/double tests/Runcvm.FirecrackerDouble

## fuzz: what reads strangers' bytes, each target for FUZZ_SECONDS, two at a time; bench/fuzz.sh takes half an hour each
FUZZ_SECONDS = 30
fuzz: deps
	DOTNET=$(DOTNET) tests/fuzz/run.sh $(FUZZ_SECONDS) $(TEST)

## arm64-test: an arm64 guest, which QEMU emulates; with more of the system tests: TEST='Arm64Tests ExecTests'
ARM64_TESTS = --filter-class '*Arm64Tests'
ifeq ($(HOST_ARCH),arm64)
arm64-test:
	@echo "arm64-test: system-test is that, on this host"
else
arm64-test: deps cross build install-files
	$(MAKE) build/arm64/runcvm-init build/arm64/runcvm ARCH=arm64
	tests/arm64/setup.sh
	$(DOTNET) build tests/Runcvm.SystemTests --nologo -v quiet
	RUNCVM_TEST_ARCHITECTURE=arm64 DOTNET=$(DOTNET) tests/run.sh Runcvm.SystemTests $(or $(chosen),$(ARM64_TESTS))
endif

## lab-test: two containers on a KVM that QEMU emulates; with TEST those system tests instead
lab-test: deps build install-files kernel
ifeq ($(TEST),)
	tests/kvm-lab/smoke.sh
else
	$(DOTNET) build tests/Runcvm.SystemTests --nologo -v quiet
	tests/kvm-lab/run.sh -n -t 3600 -- tests/kvm-lab/suite.sh $(chosen)
endif

## deps: installs with apt what is missing
deps: root
	tools/setup.sh packages

## cross: installs with apt what is missing for building and trying arm64 on an x86-64 host
cross: root
	tools/setup.sh cross

## build: both programs, each one static file, into build/; those for arm64, made on another host, into build/arm64/
build: $(BUILD)/runcvm $(BUILD)/runcvm-init

$(BUILD)/runcvm: $(SOURCES)
	$(PUBLISH) src/Runcvm

$(BUILD)/runcvm-init: $(SOURCES)
	$(PUBLISH) src/Runcvm.Guest

## install: to /usr/local, and registered with Docker
install: root build
	$(BUILD)/runcvm install

install-files: root build
	$(BUILD)/runcvm install --no-docker

## uninstall: takes everything away again
uninstall: root
	runcvm uninstall

## kernel-build: the tuned kernel, from the distribution's kernel source package; ten minutes, and for that long
## 2.5 GB in /var/tmp
kernel-build: deps build install-files
	tools/setup.sh kernel
	TMPDIR=/var/tmp /usr/local/bin/runcvm kernel build

## kernel-config: notes what the built kernel's configuration came to; the tests check that
RESOLVED = kernel/resolved/$(if $(filter arm64,$(ARCH)),arm64,x86-64).config
kernel-config:
	set -- /usr/local/lib/runcvm/kernels/runcvm/*/config; grep '^CONFIG_' "$${@: -1}" \
		| grep -vE '^CONFIG_(AS_|CC_[^O]|CLANG_|GCC_|LD_|LLD_|PAHOLE_|RUSTC_)' | LC_ALL=C sort >$(RESOLVED)

## kernel: Debian's cloud kernel, unless a kernel is there already
kernel: root
	compgen -G '/usr/local/lib/runcvm/kernels/*/*/vmlinux' >/dev/null || /usr/local/bin/runcvm kernel add debian

## deb: a package for Debian and Ubuntu, into build/; this machine's own program writes its manual page and completions
deb: build
	$(MAKE) build/runcvm ARCH=$(HOST_ARCH)
	tools/package.sh deb $(ARCH)

## dist: an archive with an installer for other distributions, into build/
dist: build
	tools/package.sh dist $(ARCH)

## package-test: both in clean roots of Debian 12 and 13
package-test: root deb dist
	for suite in bookworm trixie; do \
		tests/packaging/deb.sh build/runcvm_*_$$(dpkg --print-architecture).deb $$suite; \
		tests/packaging/dist.sh build/runcvm-*-linux-$$(dpkg --print-architecture).tar.gz $$suite; \
	done

## nightly: what takes too long for test: long system tests, Docker on a block root, packages, the same build twice
nightly:
	$(MAKE) --keep-going nightly-tests coverage engines-test package-test reproducible

nightly-tests: BY_DAY = --filter-trait Run=nightly
nightly-tests: system-test
	DOTNET=$(DOTNET) RUNCVM_TEST_ROOTFS=block tests/run.sh Runcvm.SystemTests \
		--filter-method '*On_cgroup_v1_with_iptables_legacy*'

## reproducible: builds both programs twice, in two folders, and compares them
reproducible:
	tools/reproducible.sh $(ARCH)

## locked: the packages are those of the lock files, byte by byte; CI asks for it
locked:
	$(DOTNET) restore Runcvm.slnx --locked-mode --force

## locks: writes the lock files of all projects anew, after a package has another version or the SDK is another
locks:
	$(DOTNET) restore Runcvm.slnx --force-evaluate

format:
	$(DOTNET) format --verify-no-changes

## columns: no new line is longer than 120 columns; tools/columns.txt counts the old ones
columns:
	tools/columns.sh

bench: root
	bench/run.sh

clean:
	rm -rf build artifacts

# Where somebody has built as root before, an ordinary user can write nothing.
owned:
	@for made in artifacts artifacts/obj artifacts/bin; do \
		[ ! -e $$made ] || [ -w $$made ] || { \
			echo "make: $$made is not yours, because root has built here; try: sudo make clean" >&2; exit 1; }; \
	done

root:
	@[ "$$(id -u)" = 0 ] || { echo "make: this needs root, try: sudo make $(or $(MAKECMDGOALS),demo)" >&2; exit 1; }
