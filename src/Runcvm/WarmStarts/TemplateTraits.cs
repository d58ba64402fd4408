using System.Globalization;
using Runcvm.HostFiles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Syntax;

namespace Runcvm.WarmStarts;

/// <summary>What a machine must have in common with another one to go on from that one's memory: all that a guest was
/// told when it booted and that nobody can tell it anew, and all that its hypervisor consists of. Of what is long, a
/// hash. From what `create` wrote down of a machine both sides come to the same.</summary>
internal static class TemplateTraits
{
    private const string Clock = "clock";

    // The host measures it once after each boot, and never comes to quite the same.
    private const double ClockTolerance = 0.01;

    // Arguments that say how fast the processor's clock is, see Machines/KernelCommandLine.cs.
    private const string ClockArgument = "tsc_early_khz=";
    private const string DelayArgument = "lpj=";

    /// <param name="machine">what `create` decided</param>
    /// <param name="setup">what the guest is told</param>
    /// <param name="process">its workload</param>
    /// <param name="image">names the root image</param>
    /// <param name="record">names kernel and programs</param>
    internal static IReadOnlyList<KeyValuePair<string, string>> Of(
        MachineDescription machine, Setup setup, ProcessSpec process, string image, MachineRecord record)
    {
        string[] arguments = machine.KernelCommandLine.Split(' ');
        return
        [
            new("RunCVM's version", OwnVersion.Number),
            new("image", image),
            new("vCPUs", Text(machine.Hardware.Cpus)),
            new("memory in MiB", Text(machine.Hardware.MemoryMebibytes)),
            new("kernel", record.Kernel),
            new("kernel arguments", string.Join(' ', arguments.Where(static word => !IsOfClock(word)))),
            new(Clock, arguments.FirstOrDefault(IsOfClock) is { } clock ? clock.Split('=')[1] : ""),
            new("hypervisor, kernel or initramfs", Hash(string.Join('\n', record.Programs.Select(Identity)))),
            new("balloon", $"{machine.Hardware.Balloon}"),
            new("disks", string.Join(' ', machine.Disks.Select(static disk => disk.Serial))),
            new("command", string.Join(' ', process.Arguments.Prepend(process.WorkingDirectory))),
            new("user", string.Join(' ', process.Groups.Prepend(process.Group).Prepend(process.User))),
            new("terminal", $"{process.Terminal}"),
            new("capabilities", Hash(process.Capabilities)),
            new("limits of processes", Hash(Bytes(process.Limits, static limit => limit) + Text(setup.ProcessLimit))),
            new("mounts", Hash(Bytes(setup.Mounts, static mount => mount))),
            new("files of the engine", Hash(Bytes(setup.Files, static file => file with { Content = [] }))),
            new("sysctls", string.Join(' ', setup.Sysctls)),
            new("least sysctls", string.Join(' ', setup.LeastSysctls)),
            new("cgroups", $"{setup.Cgroups}"),
            new("systemd", $"{setup.Systemd}"),
            new("init", $"{setup.Init}"),
            new("read-only root", $"{setup.ReadOnlyRoot}"),
            new("masked paths", Hash(string.Join('\n', setup.MaskedPaths))),
            new("read-only paths", Hash(string.Join('\n', setup.ReadOnlyPaths))),
            new("modules", $"{setup.ModulesDisk} {setup.MountAllModules}"),
            // All the rest of it: no_new_privs, umask, its score for want of memory, and what is added to it.
            new("process", Hash(process with { Environment = [], Rows = 0, Columns = 0, HasInput = false })),
        ];
    }

    /// <summary>What a machine has that differs from a template's, as a clause; null where nothing does.</summary>
    internal static string? Difference(
        IReadOnlyList<KeyValuePair<string, string>> template, IReadOnlyList<KeyValuePair<string, string>> machine)
    {
        Dictionary<string, string> others = new(template);
        foreach ((string name, string value) in machine)
        {
            string? other = others.GetValueOrDefault(name);
            if (other == null) return $"it was made by another version of RunCVM, which knew nothing of {name}";
            if (value == other || (name == Clock && IsNear(value, other))) continue;
            bool isShort = value.Length <= LongestShown && other.Length <= LongestShown;
            return isShort ? $"{name}: it has '{Shown(other)}', and this machine would have '{Shown(value)}'"
                : $"this machine would have another {name}";
        }

        return null;
    }

    // Hashes are longer.
    private const int LongestShown = 48;

    private static bool IsOfClock(string word)
        => word.StartsWith(ClockArgument, StringComparison.Ordinal)
        || word.StartsWith(DelayArgument, StringComparison.Ordinal);

    private static bool IsNear(string one, string other)
        => double.TryParse(one, NumberStyles.None, CultureInfo.InvariantCulture, out double first)
        && double.TryParse(other, NumberStyles.None, CultureInfo.InvariantCulture, out double second)
        && Math.Abs(first - second) <= ClockTolerance * second;

    private static string Identity(string file)
    {
        FileStatus status = FileStatus.TryOf(file, followLinks: true)
            ?? throw new LinuxException(Errno.ENOENT, $"look at {file}");
        return string.Create(CultureInfo.InvariantCulture, $"{file} {status.Size} {status.ModifiedNanoseconds}");
    }

    // A container's words, on root's terminal.
    private static string Shown(string value) => new OptionText("", value).Shown;

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Bytes<T>(IEnumerable<T> items, Func<T, T> blank)
        where T : IWireValue<T>
        => string.Join('\n', items.Select(item => Convert.ToHexString(WireBytes.Of(blank(item)))));

    private static string Hash<T>(T value)
        where T : IWireValue<T>
        => Hash(Convert.ToHexString(WireBytes.Of(value)));

    private static string Hash(string text) => Sha256.Hex(text);
}
