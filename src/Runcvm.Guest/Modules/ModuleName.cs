namespace Runcvm.Guest.Modules;

/// <summary>How names of modules are compared: dashes and underscores are the same, and aliases are shell patterns.</summary>
internal static class ModuleName
{
    /// <summary>The name in a path of modules.dep: <c>kernel/crypto/crc32c-intel.ko</c> is crc32c-intel.</summary>
    public static ReadOnlySpan<byte> InPath(ReadOnlySpan<byte> path)
    {
        ReadOnlySpan<byte> file = path[(path.LastIndexOf((byte)'/') + 1)..];
        int dot = file.IndexOf((byte)'.');
        return dot < 0 ? file : file[..dot];
    }

    public static bool Same(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        if (a.Length != b.Length) return false;
        for (int i = 0; i < a.Length; i++)
            if (Fold(a[i]) != Fold(b[i])) return false;
        return true;
    }

    /// <summary>fnmatch(3) as depmod's aliases use it: <c>*</c>, <c>?</c> and <c>[a-z]</c>.</summary>
    public static bool Matches(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> name)
    {
        int p = 0, n = 0, afterStar = -1, starAt = 0;
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                afterStar = ++p;
                starAt = n;
            }
            else if (p < pattern.Length && MatchesOne(pattern, ref p, name[n]))
            {
                n++;
            }
            else if (afterStar >= 0)
            {
                // The last star takes one more character; earlier ones never need to.
                p = afterStar;
                n = ++starAt;
            }
            else
            {
                return false;
            }
        }

        while (p < pattern.Length && pattern[p] == '*') p++;
        return p == pattern.Length;
    }

    private static bool MatchesOne(ReadOnlySpan<byte> pattern, ref int p, byte c)
    {
        int end = pattern[p] == '[' ? pattern[p..].IndexOf((byte)']') : -1;
        if (end < 0)
        {
            if (pattern[p] != '?' && Fold(pattern[p]) != Fold(c)) return false;
            p++;
            return true;
        }

        if (!InSet(pattern.Slice(p + 1, end - 1), c)) return false;
        p += end + 1;
        return true;
    }

    private static bool InSet(ReadOnlySpan<byte> set, byte c)
    {
        for (int i = 0; i < set.Length; i++)
        {
            bool range = i + 2 < set.Length && set[i + 1] == '-';
            if (range ? c >= set[i] && c <= set[i + 2] : c == set[i]) return true;
            if (range) i += 2;
        }

        return false;
    }

    private static byte Fold(byte c) => c == '-' ? (byte)'_' : c;
}
