namespace Runcvm.Hypervisors.Firecracker;

/// <summary>What Firecracker wrote, as the part of a sentence that says why it ended.</summary>
internal static class FirecrackerLog
{
    // Each of its errors is wrapped into all that were on the way up; only the last part says something.
    private static readonly string[] Wrappers =
    [
        "RunWithApiError error: ", "RunWithoutApiError error: ", "Failed to build MicroVM from Json: ",
        "Configuration for VMM from one single json failed: ", "Could not Start MicroVM from one single json: ", "Failed to build MicroVM: ",
        "System configuration error: ", "Block device error: ", "Unable to create the virtio block device: ", "Virtio backend error: ",
        "VM config error: ", "Kvm error: ", "Could not attach device: ",
    ];

    // The same once more in Rust's notation, and what is no reason.
    private static readonly string[] Noise =
        ["Error: RunWith", "Firecracker exiting ", "Running Firecracker ", "Listening on API socket ", "Successfully started microvm "];

    // What it warns of while a guest runs well. A kernel asks ports at which this machine has nothing.
    private static readonly string[] Harmless =
        ["failed: Failed to find address range", "Received a VcpuEvent::Resume message with immediate_exit enabled"];

    private static readonly (string Part, string Cure)[] Cures =
    [
        ("invalid kernel image", "the kernel must be an uncompressed vmlinux, as runcvm kernel add makes it"),
        ("Error creating KVM object", "/dev/kvm cannot be used here; RUNCVM_HYPERVISOR=qemu also runs without it"),
        ("KVM_EXIT_INTERNAL_ERROR", "this host's KVM cannot run the guest; set RUNCVM_HYPERVISOR=qemu"),
        ("command line", "RUNCVM_KERNEL_ARGS and RUNCVM_KERNEL_APPEND may be too long together"),
        ("Open tap device failed", "the container's network could not be led into the machine"),
        ("No space left on device", "a disk of the host is full"),
        ("Cannot allocate memory", "the host has not enough memory for RUNCVM_MEM_SIZE, or not enough huge pages for RUNCVM_HUGETLB"),
        ("unknown field", "this Firecracker does not know a setting that RunCVM uses; take a newer one"),
        ("bad syscall", "its own filter of system calls stopped it; take the release's unchanged binary"),
    ];

    /// <summary>The reasons in it, one after the other, and a way out where one is known.</summary>
    /// <param name="lines">lines without control characters</param>
    internal static string Explain(string lines)
    {
        // Some of its texts go on in the next line, with a backslash at the end of the first.
        string[] reasons = [.. lines.Replace("\\\n", "", StringComparison.Ordinal).Split('\n').Select(static line => WithoutWrappers(WithoutPrefix(line))).Where(IsReason).Distinct()];
        string said = string.Join("; ", reasons);
        string? cure = Array.Find(Cures, cure => said.Contains(cure.Part, StringComparison.Ordinal)).Cure;
        return cure == null ? said : $"{said} ({cure})";
    }

    private static bool IsReason(string line)
        => line.Length > 0 && !Noise.Any(noise => line.StartsWith(noise, StringComparison.Ordinal))
            && !Harmless.Any(harmless => line.Contains(harmless, StringComparison.Ordinal));

    // "2026-01-31T12:00:00.000000000 [runcvm:main:ERROR] text"
    private static string WithoutPrefix(string line)
    {
        int end = line.IndexOf("] ", StringComparison.Ordinal);
        bool isLog = line.Length > 0 && char.IsAsciiDigit(line[0]) && end > 0 && line.IndexOf(" [", StringComparison.Ordinal) is > 0 and int start && start < end;
        return (isLog ? line[(end + 2)..] : line).Trim();
    }

    private static string WithoutWrappers(string line)
    {
        while (Wrappers.FirstOrDefault(wrapper => line.StartsWith(wrapper, StringComparison.Ordinal)) is { } outer) line = line[outer.Length..];
        return line.TrimEnd('.');
    }
}
