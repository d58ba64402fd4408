using Runcvm.Hypervisors.Firecracker;
using Runcvm.Options;

namespace Runcvm.Tests.Hypervisors.Firecracker;

/// <summary>What the user reads when Firecracker cannot be had, side by side.</summary>
public class FirecrackerErrorTests
{
    private static readonly HostFacts RealKvm = Tests.Options.Machine.Host with { KvmIsReal = true };

    [Fact]
    public void Without_kvm() => Assert.Equal(
        "RUNCVM_HYPERVISOR=firecracker needs KVM, and this host has none that is real (no vmx or svm in /proc/cpuinfo); "
        + "set RUNCVM_HYPERVISOR=qemu, which also runs without KVM",
        Tests.Options.Machine.Refusal("RUNCVM_HYPERVISOR=firecracker"));

    [Fact]
    public void Without_the_binary() => Assert.Equal(
        "RUNCVM_HYPERVISOR=firecracker finds no Firecracker on this host (on the PATH, in the installation's lib/runcvm, in /opt/*/bin, nor as "
        + "firecracker in /etc/runcvm/config.toml); put a release of its project there with runcvm install --firecracker FILE|URL, or set "
        + "RUNCVM_HYPERVISOR=qemu",
        Tests.Options.Machine.Refusal(RealKvm, "RUNCVM_HYPERVISOR=firecracker"));

    [Fact]
    public void With_an_accelerator_it_has_not() => Assert.Equal(
        "RUNCVM_ACCEL=tcg is for QEMU, and Firecracker has KVM only; leave it out, or set RUNCVM_HYPERVISOR=qemu",
        Tests.Options.Machine.Refusal(RealKvm, "RUNCVM_HYPERVISOR=firecracker", "RUNCVM_ACCEL=tcg"));

    [Fact]
    public void With_one_that_is_too_old() => Assert.Equal(
        "/usr/bin/firecracker is Firecracker 1.7.0, and RunCVM needs 1.8 or newer (it finds the devices by ACPI); put a newer release there with "
        + "runcvm install --firecracker FILE|URL, or set RUNCVM_HYPERVISOR=qemu",
        Assert.Throws<UsageException>(() => FirecrackerVersion.CheckAnswer("/usr/bin/firecracker", "Firecracker v1.7.0\n\n")).Message);

    [Fact]
    public void With_something_else_of_that_name() => Assert.Equal(
        "/usr/bin/firecracker is no Firecracker: firecracker --version should say 'Firecracker v…', not 'bang'",
        Assert.Throws<UsageException>(() => FirecrackerVersion.CheckAnswer("/usr/bin/firecracker", "bang\n")).Message);

    [Theory]
    [InlineData("Firecracker v1.8.0\n\n")]
    [InlineData("Firecracker v1.16.1\n")]
    [InlineData("Firecracker v1.17.0-dev\n")]
    [InlineData("Firecracker v2.0.0\n")]
    public void New_enough_is_new_enough(string answer) => FirecrackerVersion.CheckAnswer("/usr/bin/firecracker", answer);

    [Fact]
    public void With_a_kernel_of_the_wrong_format() => Assert.Equal(
        "Cannot load kernel due to invalid memory configuration or invalid kernel image: Kernel Loader: failed to load ELF kernel image "
        + "(the kernel must be an uncompressed vmlinux, as runcvm kernel add makes it)",
        FirecrackerLog.Explain(
            """
            2026-01-31T12:00:00.000000000 [runcvm:main:INFO] Running Firecracker v1.16.1
            2026-01-31T12:00:00.100000000 [runcvm:main:ERROR] RunWithApiError error: Failed to build MicroVM from Json: Could not Start MicroVM from one single json: System configuration error: Cannot load kernel due to invalid memory configuration or invalid kernel image: Kernel Loader: failed to load ELF kernel image
            Error: RunWithApi(BuildFromJson(StartMicroVM(ConfigureSystem(KernelLoader(Elf(InvalidElfMagicNumber))))))
            2026-01-31T12:00:00.100000000 [runcvm:main:ERROR] Firecracker exiting with error. exit_code=1
            """));

    [Theory]
    [InlineData(
        "RunWithApiError error: Failed to build MicroVM from Json: VM config error: The memory size is invalid.",
        "The memory size is invalid")]
    [InlineData("Kvm error: Error creating VM object.", "Error creating VM object")]
    [InlineData("Could not attach device: Bus error.", "Bus error")]
    [InlineData("vcpu: IO read @ 0x87:0x1 failed: Failed to find address range.", "")]
    [InlineData("vcpu: IO write @ 0x60:0x1 failed: Failed to find address range.", "")]
    [InlineData("Received a VcpuEvent::Resume message with immediate_exit enabled. immediate_exit was disabled", "")]
    public void Wrappers_are_taken_off_and_a_warning_is_no_reason(string line, string reason)
        => Assert.Equal(
            reason, FirecrackerLog.Explain($"2026-01-31T12:00:00.000000000 [runcvm:fc_vcpu 0:WARN] {line}"));

    [Fact]
    public void With_a_full_disk() => Assert.Equal(
        "Failed to write to the log: No space left on device (os error 28) (a disk of the host is full)",
        FirecrackerLog.Explain("2026-01-31T12:00:00.000000000 [runcvm:main:ERROR] Failed to write to the log: No space left on device (os error 28)"));

    [Fact]
    public void Where_kvm_cannot_be_opened_the_reason_is_one_line() => Assert.Equal(
        "Error creating KVM object: Permission denied (os error 13) Make sure of the ACL "
        + "(/dev/kvm cannot be used here; RUNCVM_HYPERVISOR=qemu also runs without it)",
        FirecrackerLog.Explain(
            "2026-01-31T12:00:00.0 [runcvm:main:ERROR] RunWithApiError error: Failed to build MicroVM from Json: Could not Start MicroVM from one single json: "
            + "Kvm error: Error creating KVM object: Permission denied (os error 13) Make sure \\\nof the ACL."));

    [Fact]
    public void A_warning_before_the_end_is_part_of_the_reason() => Assert.Equal(
        "first; second",
        FirecrackerLog.Explain("2026-01-31T12:00:00.0 [runcvm:main:WARN] first\n2026-01-31T12:00:00.1 [runcvm:fc_vcpu 0:ERROR] second"));

    [Theory]
    [InlineData("HTTP/1.1 204 \r\nServer: Firecracker API\r\n\r\n", null)]
    [InlineData("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n{}", null)]
    [InlineData("HTTP/1.1 400 \r\nContent-Length: 30\r\n\r\n{\"fault_message\":\"No balloon.\"}", "No balloon")]
    [InlineData("HTTP/1.1 500 \r\n\r\n<html>", "it answered 500 without a reason")]
    [InlineData("HTTP/1.1 400 \r\n\r\n{\"fault_message\":7}", "it answered 400 without a reason")]
    [InlineData("", "its answer is no HTTP")]
    public void The_apis_error_body_is_the_reason(string answer, string? fault) => Assert.Equal(fault, FirecrackerApi.Fault(answer));
}
