using System.Globalization;
using Runcvm.Linux.Processes;

namespace Runcvm.Operating;

/// <summary>What a machine's processes, supervisor and hypervisor, have used: /proc, so that it is the same under every
/// version of cgroups.</summary>
/// <param name="CpuSeconds">of all of them</param>
/// <param name="MemoryBytes">resident</param>
/// <param name="ReadBytes">from disks</param>
/// <param name="WrittenBytes">to disks</param>
/// <param name="Uptime">of the supervisor</param>
internal sealed record ProcessUse(double CpuSeconds, long MemoryBytes, long ReadBytes, long WrittenBytes, TimeSpan Uptime)
{
    // USER_HZ, which is 100 on every architecture that Linux shows to user space.
    private const double Hertz = 100;

    /// <summary>Null when the machine has ended.</summary>
    internal static ProcessUse? TryOf(int supervisor, string proc = "/proc")
    {
        try
        {
            string[] status = OtherProcess.Status(supervisor, proc);
            double started = double.Parse(status[19], CultureInfo.InvariantCulture) / Hertz;
            double now = double.Parse(File.ReadAllText($"{proc}/uptime").Split(' ')[0], CultureInfo.InvariantCulture);
            var sum = new ProcessUse(0, 0, 0, 0, TimeSpan.FromSeconds(Math.Max(0, now - started)));
            foreach (int process in Family(proc, supervisor)) sum = sum.With(proc, process);
            return sum;
        }
        catch (Exception e) when (e is IOException or IndexOutOfRangeException or FormatException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private ProcessUse With(string proc, int process)
    {
        string[] status = OtherProcess.Status(process, proc);
        string[] io = File.ReadAllLines($"{proc}/{process}/io");
        long pages = long.Parse(File.ReadAllText($"{proc}/{process}/statm").Split(' ')[1], CultureInfo.InvariantCulture);
        return this with
        {
            CpuSeconds = CpuSeconds + ((Number(status[11]) + Number(status[12])) / Hertz),
            MemoryBytes = MemoryBytes + (pages * Environment.SystemPageSize),
            ReadBytes = ReadBytes + Field(io, "read_bytes:"),
            WrittenBytes = WrittenBytes + Field(io, "write_bytes:"),
        };
    }

    // A hypervisor that runs as another user was started by a thread of its own, which alone has it for a child.
    private static IEnumerable<int> Family(string proc, int process)
        => Directory.GetDirectories($"{proc}/{process}/task").SelectMany(Children).SelectMany(child => Family(proc, child)).Prepend(process);

    private static IEnumerable<int> Children(string thread)
    {
        try
        {
            return [.. File.ReadAllText($"{thread}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static text => int.Parse(text, CultureInfo.InvariantCulture))];
        }
        catch (IOException)
        {
            // Threads come and go.
            return [];
        }
    }

    private static long Field(string[] lines, string name)
        => Number(lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Trim() ?? "0");

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
