using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Hypervisors;

/// <summary>Which version of a hypervisor a file is. It is asked once; later the file's size and times stand for its answer.</summary>
internal static class ProgramVersion
{
    /// <param name="path">the program</param>
    /// <param name="memory">the file that holds what is known</param>
    /// <param name="read">takes the version out of what <c>PROGRAM --version</c> printed, or refuses it</param>
    internal static Version Of(string path, string memory, Func<string, Version> read)
    {
        FileStatus status = FileStatus.TryOf(path, followLinks: true) ?? throw new LinuxException(Errno.ENOENT, $"look at {path}");
        string key = string.Create(CultureInfo.InvariantCulture, $"{path}\n{status.Size}\n{status.ModifiedNanoseconds}\n");
        if (File.Exists(memory) && File.ReadAllText(memory) is { } known && known.StartsWith(key, StringComparison.Ordinal)
            && Version.TryParse(known.AsSpan(key.Length), out Version? before))
        {
            return before;
        }

        Version version = read(Ask(path));
        string unfinished = $"{memory}.{Environment.ProcessId}";
        File.WriteAllText(unfinished, key + version);
        File.Move(unfinished, memory, overwrite: true);
        return version;
    }

    private static string Ask(string path)
    {
        (SafeFileHandle output, SafeFileHandle end) = FileDescriptor.Pipe();
        using (output)
        {
            using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
            ChildProcess process;
            using (end) process = ChildProcess.Start(path, [Path.GetFileName(path), "--version"], [], [(0, nothing), (1, end), (2, nothing)]);
            using (process)
            {
                string answer = Encoding.UTF8.GetString(FileDescriptor.ReadToEnd(output));
                process.Wait();
                return answer;
            }
        }
    }
}
