using Runcvm.Linux;

namespace Runcvm;

/// <summary>Why something failed, in words for a person. The messages of .NET itself are left out of this program, so its
/// exceptions carry the names of messages instead.</summary>
internal static class Reason
{
    private const string WayOut = "; free some there (df shows where; 'runcvm images prune' empties the cache of root images)";

    internal static string Of(Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => About(e, Errno.ENOENT),
        UnauthorizedAccessException { InnerException: IOException { HResult: > 0 } inner } => About(e, (Errno)inner.HResult),
        UnauthorizedAccessException => About(e, Errno.EACCES),
        IOException { HResult: > 0 and < 4096 } => About(e, (Errno)e.HResult),
        LinuxException { Errno: Errno.ENOSPC } => e.Message + WayOut,
        _ => e.Message,
    };

    // "Name_Of_A_Message, /the/path", or "words : '/the/path'"
    private static string About(Exception e, Errno errno)
    {
        string reason = LinuxException.Describe(errno) + (errno == Errno.ENOSPC ? WayOut : "");
        int start = e.Message.IndexOf('/', StringComparison.Ordinal);
        return start < 0 ? reason : $"{e.Message[start..].TrimEnd('\'', '.')}: {reason}";
    }
}
