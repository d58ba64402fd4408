using System.Globalization;

namespace Runcvm.SystemTests.Jail;

/// <summary>Names of errno(3), as tables of attempts read best.</summary>
internal static class Errno
{
    private const string Known =
        "1 EPERM 2 ENOENT 3 ESRCH 5 EIO 6 ENXIO 8 ENOEXEC 9 EBADF 11 EAGAIN 12 ENOMEM 13 EACCES " +
        "14 EFAULT 16 EBUSY 17 EEXIST 19 ENODEV 20 ENOTDIR 21 EISDIR 22 EINVAL 25 ENOTTY 26 ETXTBSY " +
        "28 ENOSPC 30 EROFS 38 ENOSYS 40 ELOOP 92 ENOPROTOOPT 93 EPROTONOSUPPORT 94 ESOCKTNOSUPPORT " +
        "95 EOPNOTSUPP 97 EAFNOSUPPORT 99 EADDRNOTAVAIL 101 ENETUNREACH 111 ECONNREFUSED " +
        "113 EHOSTUNREACH 115 EINPROGRESS";

    private static readonly Dictionary<string, string> Names =
        Known.Split(' ').Chunk(2).ToDictionary(static pair => pair[0], static pair => pair[1]);

    internal static string Name(int number)
    {
        string text = number.ToString(CultureInfo.InvariantCulture);
        return Names.GetValueOrDefault(text) ?? $"errno {text}";
    }
}
