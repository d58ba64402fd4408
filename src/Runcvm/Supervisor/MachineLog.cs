using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Supervisor;

/// <summary>What RunCVM itself writes to the container's log: standard error, a line each, and nothing at the usual level
/// unless something failed.</summary>
/// <param name="level">0 off, 1 errors, 2 info, 3 debug</param>
internal sealed class MachineLog(int level)
{
    private const int InfoLevel = 2;
    private const int DebugLevel = 3;

    /// <summary>What a user may want to know of a machine that works.</summary>
    internal void Info(string message)
    {
        if (level >= InfoLevel) Write(message);
    }

    internal bool ShowsDebug => level >= DebugLevel;

    /// <summary>What whoever looks for the reason of something wants to know.</summary>
    internal void Debug(string message)
    {
        if (ShowsDebug) Write(message);
    }

    /// <summary>The end of the run itself is told at every level: nobody else knows why it failed.</summary>
    internal static void Error(string message) => Write(message);

    /// <summary>Passes bytes on as they are.</summary>
    internal static void Copy(ReadOnlyMemory<byte> bytes)
    {
        using var error = new SafeFileHandle(2, ownsHandle: false);
        try
        {
            FileDescriptor.WriteAll(error, bytes.Span);
        }
        catch (LinuxException e) when (e.Errno is Errno.EPIPE or Errno.EIO)
        {
            // Nobody reads the log any more. That must not end the machine, and our own lines do not either.
        }
    }

    private static void Write(string message) => Console.Error.WriteLine($"runcvm: {message}");
}
