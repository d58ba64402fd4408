using System.Globalization;

namespace Runcvm.Operating;

/// <summary>What went over a machine's network: the container's interfaces as its network namespace counts them.</summary>
internal sealed record NetworkUse(long ReceivedBytes, long SentBytes)
{
    internal static NetworkUse Of(int supervisor, string proc = "/proc")
    {
        string file = $"{proc}/{supervisor}/net/dev";
        try
        {
            return Parse(File.ReadLines(file));
        }
        catch (IOException)
        {
            return new NetworkUse(0, 0);
        }
    }

    // Two lines of headings, then "  eth0: bytes packets errs drop fifo frame compressed multicast bytes ...". A tap's bytes
    // are those of its interface a second time.
    internal static NetworkUse Parse(IEnumerable<string> lines)
    {
        long received = 0, sent = 0;
        foreach (string line in lines.Skip(2))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string name = colon < 0 ? "lo" : line[..colon].Trim();
            string[] numbers = line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (name == "lo" || name.StartsWith("tap", StringComparison.Ordinal) || numbers.Length < 9) continue;
            received += long.Parse(numbers[0], CultureInfo.InvariantCulture);
            sent += long.Parse(numbers[8], CultureInfo.InvariantCulture);
        }

        return new NetworkUse(received, sent);
    }
}
