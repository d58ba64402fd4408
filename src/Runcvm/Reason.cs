using Runcvm.Linux;

namespace Runcvm;

/// <summary>Why something failed, in words for a person. The messages of .NET itself are left out of this program, so its
/// exceptions carry the names of messages instead.</summary>
internal static class Reason
{
    private const string MoreRoom =
        "; free some there (df and df -i show where; 'runcvm images prune' empties the cache of root images)";

    private const string MoreFiles = "; raise the engine's limit of open files (LimitNOFILE= of its service, ulimit -n)";

    internal static string Of(Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => About(e, Errno.ENOENT),
        UnauthorizedAccessException { InnerException: IOException { HResult: > 0 } inner } => About(e, (Errno)inner.HResult),
        UnauthorizedAccessException => About(e, Errno.EACCES),
        IOException { HResult: > 0 and < 4096 } => About(e, (Errno)e.HResult),
        LinuxException { Errno: var errno } => e.Message + WayOutOf(errno),
        _ => e.Message,
    };

    private static string WayOutOf(Errno errno) => errno switch
    {
        Errno.ENOSPC => MoreRoom,
        Errno.EMFILE => MoreFiles,
        _ => "",
    };

    // "Name_Of_A_Message, /the/path", or "words : '/the/path'"
    private static string About(Exception e, Errno errno)
    {
        string reason = LinuxException.Describe(errno) + WayOutOf(errno);
        int start = e.Message.IndexOf('/', StringComparison.Ordinal);
        return start < 0 ? reason : $"{e.Message[start..].TrimEnd('\'', '.')}: {reason}";
    }
}
