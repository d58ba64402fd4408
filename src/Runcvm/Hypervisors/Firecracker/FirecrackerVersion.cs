using Runcvm.Sandbox;

namespace Runcvm.Hypervisors.Firecracker;

/// <summary>Which Firecracker a file is.</summary>
internal static class FirecrackerVersion
{
    /// <summary>The first that describes its devices by ACPI, which is where distribution kernels look.</summary>
    private static readonly Version Oldest = new(1, 8);

    private const string Memory = MachineFolder.Root + "/.firecracker-version";

    /// <summary>Refuses a file that is none, or one that is too old. Else its version.</summary>
    internal static Version Check(string path, string memory = Memory)
        => ProgramVersion.Of(path, memory, answer => CheckAnswer(path, answer));

    /// <summary>Refuses huge pages where Firecracker does: with an initramfs, which every machine of ours has, before 1.11, and with a
    /// balloon before 1.14 (src/vmm/src/resources.rs of its releases).</summary>
    internal static void CheckHugePages(Version version, bool hasBalloon)
    {
        const string Refusal = "RUNCVM_HUGETLB cannot be had with Firecracker";
        if (version < new Version(1, 11)) throw new UsageException($"{Refusal} {version}: it needs 1.11 or newer; leave the option out, or set RUNCVM_HYPERVISOR=qemu");
        if (hasBalloon && version < new Version(1, 14))
            throw new UsageException($"{Refusal} {version} and a balloon: it needs 1.14 or newer; set RUNCVM_ENABLE_BALLOON=0, or RUNCVM_HYPERVISOR=qemu");
    }

    /// <summary>What <c>firecracker --version</c> says on its first line: <c>Firecracker v1.8.0</c>.</summary>
    internal static Version CheckAnswer(string path, string answer)
    {
        string line = answer.Split('\n')[0].Trim();
        const string Start = "Firecracker v";
        string number = line.StartsWith(Start, StringComparison.Ordinal) ? line[Start.Length..].Split('-', '+', ' ')[0] : "";
        if (!Version.TryParse(number, out Version? version))
        {
            throw new UsageException(
                $"{path} is no Firecracker: firecracker --version should say 'Firecracker v…', not '{(line.Length > 80 ? line[..80] : line)}'");
        }

        if (version < Oldest)
        {
            throw new UsageException(
                $"{path} is Firecracker {version}, and RunCVM needs {Oldest} or newer (it finds the devices by ACPI); put a newer release there "
                + "with runcvm install --firecracker FILE|URL, or set RUNCVM_HYPERVISOR=qemu");
        }

        return version;
    }
}
