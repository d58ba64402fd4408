using System.Globalization;
using Runcvm.Linux;
using Runcvm.Oci;
using Runcvm.Options;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>What this host has.</summary>
internal static class HostProbe
{
    private const string KilohertzFile = MachineFolder.Root + "/.tsc-khz";

    internal static HostFacts Read(HostConfig config)
    {
        bool kvmExists = File.Exists("/dev/kvm");
        return new HostFacts(
            Environment.ProcessorCount, kvmExists && HasVirtualization(),
            config.Firecracker ?? LowLevelRuntime.FindOnPath("firecracker"),
            config.Qemu ?? LowLevelRuntime.FindOnPath("qemu-system-x86_64"), kvmExists);
    }

    /// <summary>Speed of the time-stamp counter, measured once per boot of the host: /run is empty after one.</summary>
    internal static long TimestampKilohertz()
    {
        if (File.Exists(KilohertzFile)) return long.Parse(File.ReadAllText(KilohertzFile), CultureInfo.InvariantCulture);
        long kilohertz = TimestampCounter.MeasureKilohertz();
        string unfinished = $"{KilohertzFile}.{Environment.ProcessId}";
        File.WriteAllText(unfinished, kilohertz.ToString(CultureInfo.InvariantCulture));
        File.Move(unfinished, KilohertzFile, overwrite: true);
        return kilohertz;
    }

    // /dev/kvm alone proves nothing: a KVM in software opens it as well, and guests then crawl.
    private static bool HasVirtualization()
    {
        foreach (string line in File.ReadLines("/proc/cpuinfo"))
        {
            if (!line.StartsWith("flags", StringComparison.Ordinal)) continue;
            string[] flags = line.Split(' ');
            return Array.IndexOf(flags, "vmx") >= 0 || Array.IndexOf(flags, "svm") >= 0;
        }

        return false;
    }
}
