using System.Globalization;
using Runcvm.Linux;

namespace Runcvm.Sandbox;

/// <summary>The host's clocks.</summary>
internal static class HostClock
{
    private const string KilohertzFile = MachineFolder.Root + "/.tsc-khz";

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
}
