using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Guest.Devices;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Protocol.Messages;

namespace Runcvm.Guest.Talk;

/// <summary>The kernel's log, as dmesg(1) shows it. Read by the guest's own init, because an image need not have a
/// dmesg, and its workload need not be allowed to look.</summary>
internal static class KernelMessages
{
    private const int LongestRecord = 8192;

    internal static KernelLog Read(uint question)
    {
        var lines = new Queue<string>();
        int length = 0;
        foreach (string record in Records())
        {
            string line = Line(record);
            lines.Enqueue(line);
            length += Encoding.UTF8.GetByteCount(line);
            while (length > KernelLog.MaxBytes) length -= Encoding.UTF8.GetByteCount(lines.Dequeue());
        }

        return new KernelLog(question, string.Concat(lines));
    }

    /// <summary>Whether the kernel had to kill somebody because the machine's memory did not suffice; not that of some cgroup in it.</summary>
    internal static bool ShowMemoryShortage()
        => Records().Any(static record => record.Contains("oom-kill:constraint=CONSTRAINT_NONE", StringComparison.Ordinal));

    // Documentation/ABI/testing/dev-kmsg: each read(2) gives one record; EPIPE says that some were overwritten meanwhile.
    private static IEnumerable<string> Records()
    {
        using SafeFileHandle log = OwnDevices.OpenKernelLog(OpenFlags.ReadOnly | OpenFlags.NonBlocking);
        byte[] buffer = new byte[LongestRecord];
        while (true)
        {
            int n;
            try
            {
                n = FileDescriptor.TryRead(log, buffer);
            }
            catch (LinuxException e) when (e.Errno == Errno.EPIPE)
            {
                continue;
            }

            if (n <= 0) yield break;
            yield return Encoding.UTF8.GetString(buffer, 0, n);
        }
    }

    // "6,339,5140900,-;NET: Registered protocol family 10\n KEY=value\n": level, number, microseconds, flags; text; more.
    internal static string Line(string record)
    {
        int text = record.IndexOf(';', StringComparison.Ordinal);
        string first = record[(text + 1)..].Split('\n')[0];
        string[] prefix = record[..Math.Max(text, 0)].Split(',');
        if (prefix.Length < 3 || !long.TryParse(prefix[2], NumberStyles.None, CultureInfo.InvariantCulture, out long microseconds)) return first + "\n";
        return string.Create(CultureInfo.InvariantCulture, $"[{microseconds / 1e6,12:F6}] {first}\n");
    }
}
