using System.Diagnostics;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;

namespace Runcvm.Building;

/// <summary>The end of what programs write into a pipe.</summary>
internal sealed class LastWords(SafeFileHandle pipe)
{
    // Of what is shown one line is.
    private const int Most = 16 * 1024;

    private readonly byte[] _some = new byte[Most];
    private byte[] _last = [];
    private bool _isOver;

    public override string ToString() => Encoding.UTF8.GetString(_last);

    /// <summary>Reads until that file can be read, or the time is up.</summary>
    /// <returns>whether it was in time</returns>
    internal bool TryReadUntil(SafeFileHandle end, TimeSpan most)
    {
        var clock = Stopwatch.StartNew();
        while (most > clock.Elapsed)
        {
            (bool isEnd, bool isReadable) = Readiness.Await(end, _isOver ? null : pipe, most - clock.Elapsed);
            if (isReadable) Read();
            if (isEnd) return true;
        }

        return false;
    }

    /// <summary>Reads until nobody can write any more, or the time is up.</summary>
    /// <returns>whether it was in time</returns>
    internal bool TryReadToEnd(TimeSpan most)
    {
        var clock = Stopwatch.StartNew();
        while (!_isOver && most > clock.Elapsed)
        {
            if (Readiness.Await(pipe, null, most - clock.Elapsed).First) Read();
        }

        return _isOver;
    }

    private void Read()
    {
        int got = FileDescriptor.TryRead(pipe, _some);
        _isOver = got == 0;
        if (got > 0) _last = [.. _last.Concat(_some.Take(got)).TakeLast(Most)];
    }
}
