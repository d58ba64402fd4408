#!/bin/bash
# The end-to-end suite in the lab; build it first: dotnet build tests/Runcvm.SystemTests
#
#   run.sh -n -t SECONDS -- suite.sh [--filter-method PATTERN …]     RUNCVM_TEST_HYPERVISOR: qemu or firecracker
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec dotnet exec artifacts/bin/Runcvm.SystemTests/debug/Runcvm.SystemTests.dll --output Detailed --no-progress "$@"
