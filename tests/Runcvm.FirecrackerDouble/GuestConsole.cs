using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;

namespace Runcvm.FirecrackerDouble;

/// <summary>What the guest writes on its serial line: passed on to where Firecracker has it, which is standard output.</summary>
internal sealed class GuestConsole : IDisposable
{
    private const int Kept = 4096;

    private readonly AsyncFile _source;
    private readonly StringBuilder _last = new();
    private readonly Task _passedOn;

    /// <param name="loop">reads</param>
    /// <param name="source">ends when nobody can write to it any more</param>
    internal GuestConsole(EventLoop loop, SafeFileHandle source)
    {
        _source = AsyncFile.NonBlocking(loop, source);
        _passedOn = PassOnAsync();
    }

    /// <summary>Whether what came last, until the end, holds these words.</summary>
    internal async Task<bool> EndsWithAsync(string words)
    {
        await _passedOn;
        return _last.ToString().Contains(words, StringComparison.Ordinal);
    }

    public void Dispose() => _source.Dispose();

    private async Task PassOnAsync()
    {
        using var output = new SafeFileHandle(1, false);
        var target = new WaitingFile(output);
        byte[] buffer = new byte[4096];
        bool isHeard = true;
        for (int n; (n = await _source.ReadAsync(buffer)) > 0;)
        {
            _last.Append(Encoding.Latin1.GetString(buffer, 0, n));
            if (_last.Length > Kept) _last.Remove(0, _last.Length - Kept);
            try
            {
                if (isHeard) target.Write(buffer.AsSpan(0, n));
            }
            catch (LinuxException e) when (e.Errno == Errno.EPIPE)
            {
                // A guest goes on when nobody listens to its serial line.
                isHeard = false;
            }
        }
    }
}
