using System.Globalization;

namespace Runcvm.Options;

/// <summary>User ids that nobody else on the host has.</summary>
/// <param name="First">lowest, not 0</param>
/// <param name="Count">how many, from 1 on</param>
internal sealed record UserRange(uint First, uint Count)
{
    /// <summary>The highest id: 32-bit programs and some file systems take those above for negative numbers.</summary>
    private const uint Last = int.MaxValue - 1;

    /// <summary>Out of 1879048192 to 2147483646, which systemd's list of users and groups (UIDS-GIDS) leaves to nobody.</summary>
    internal static UserRange Default { get; } = new(1_900_000_000, 65_536);

    /// <summary>FIRST-LAST, or null.</summary>
    internal static UserRange? TryParse(string text)
    {
        string[] ends = text.Split('-');
        return ends.Length == 2 && TryNumber(ends[0], out uint first) && TryNumber(ends[1], out uint last) && first > 0 && last >= first && last <= Last
            ? new UserRange(first, last - first + 1)
            : null;
    }

    private static bool TryNumber(string text, out uint number) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
