using System.Globalization;

namespace Runcvm.Linux.Processes;

/// <summary>What /proc says of a thread or a process, proc_pid_status(5).</summary>
internal static class ThreadStatus
{
    /// <summary>Sets of signals and of capabilities are numbers of 64 bits, in 16 hexadecimal digits.</summary>
    private const int Digits = 16;

    /// <summary>A set of the calling thread.</summary>
    /// <param name="field">the field's name, as in <c>CapEff</c></param>
    internal static ulong SetHere(string field) => SetIn(File.ReadAllText("/proc/thread-self/status"), field);

    /// <summary>The same set of every thread. One that ends meanwhile is left out.</summary>
    /// <param name="field">the field's name, as in <c>SigBlk</c></param>
    internal static IEnumerable<ulong> SetsOfAll(string field)
    {
        foreach (string thread in Directory.GetDirectories("/proc/self/task"))
        {
            if (TryRead(thread + "/status") is { } status) yield return SetIn(status, field);
        }
    }

    /// <summary>The text of such a file; null when the thread or process has ended.</summary>
    /// <param name="path">a file named <c>status</c></param>
    internal static string? TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            // It has ended meanwhile, and its sets with it.
            return null;
        }
    }

    /// <summary>A set in that text.</summary>
    /// <param name="status">the text</param>
    /// <param name="field">the field's name</param>
    internal static ulong SetIn(string status, string field)
    {
        string label = field + ":\t";
        int start = status.IndexOf(label, StringComparison.Ordinal) + label.Length;
        return ulong.Parse(status.AsSpan(start, Digits), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
