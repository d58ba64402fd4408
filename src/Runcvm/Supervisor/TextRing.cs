using System.Text;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Protocol.Frames;

namespace Runcvm.Supervisor;

/// <summary>The last part of what somebody wrote, for error messages and for those who watch.</summary>
internal sealed class TextRing(int capacity)
{
    private readonly byte[] _bytes = new byte[capacity];
    private readonly Pulse _changed = new();
    private long _written;

    /// <summary>Nothing more will come.</summary>
    internal bool HasEnded { get; private set; }

    /// <summary>Ends when there is more, or the end.</summary>
    internal Task WaitAsync() => _changed.WaitAsync();

    /// <summary>Reads a file to its end, keeping the last part, and shows each part to <paramref name="copy"/>.</summary>
    internal async Task FillAsync(AsyncFile file, Action<ReadOnlyMemory<byte>>? copy = null)
    {
        byte[] buffer = new byte[4096];
        try
        {
            for (int n; (n = await file.ReadAsync(buffer)) > 0;)
            {
                for (int i = 0; i < n; i++) _bytes[_written++ % capacity] = buffer[i];
                copy?.Invoke(buffer.AsMemory(0, n));
                _changed.Set();
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or LinuxException { Errno: Errno.ECONNRESET })
        {
            // The machine is gone; what was read so far stays.
        }
        finally
        {
            HasEnded = true;
            _changed.Set();
        }
    }

    /// <summary>Copies what came after <paramref name="at"/>, or after what is forgotten already; returns how much.</summary>
    internal int Read(ref long at, Span<byte> into)
    {
        at = Math.Max(at, _written - capacity);
        int count = (int)Math.Min(into.Length, _written - at);
        for (int i = 0; i < count; i++) into[i] = _bytes[(at + i) % capacity];
        at += count;
        return count;
    }

    /// <summary>The last lines, without control characters: they may come from a hostile guest.</summary>
    internal string LastLines(int count) => string.Join('\n', Lines().TakeLast(count));

    /// <summary>The rest of the last line that holds <paramref name="words"/>, or null.</summary>
    internal string? LastAfter(string words)
    {
        string? line = Lines().LastOrDefault(line => line.Contains(words, StringComparison.Ordinal));
        return line?[(line.IndexOf(words, StringComparison.Ordinal) + words.Length)..].Trim();
    }

    private string[] Lines()
    {
        int length = (int)Math.Min(_written, capacity);
        byte[] ordered = new byte[length];
        for (int i = 0; i < length; i++) ordered[i] = _bytes[(_written - length + i) % capacity];
        string text = Printable(Encoding.UTF8.GetString(ordered));
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    /// <summary>Text that cannot do anything to the terminal on which it is shown.</summary>
    internal static string Printable(string text)
    {
        var safe = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            if (c == '\n' || !char.IsControl(c)) safe.Append(c);
        }

        return safe.ToString();
    }
}
