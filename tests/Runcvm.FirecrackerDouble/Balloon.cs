using System.Globalization;
using System.Text;
using System.Text.Json;
using Runcvm.Linux.Events;

namespace Runcvm.FirecrackerDouble;

/// <summary>The balloon of the guest, moved by QEMU's monitor in QMP: lines of JSON, of which those are ours that bear our number.</summary>
internal sealed class Balloon : IDisposable
{
    private const int MostBytes = 65536;

    private readonly AsyncFile _monitor;
    private readonly long _memory;
    private readonly StringBuilder _read = new();
    private Task _last;
    private int _number;

    /// <param name="monitor">just opened</param>
    /// <param name="memory">of the guest, in mebibytes</param>
    internal Balloon(AsyncFile monitor, long memory)
    {
        _monitor = monitor;
        _memory = memory;
        _last = AskAsync(Task.CompletedTask, "qmp_capabilities", "");
    }

    /// <param name="mebibytes">what the guest gives back</param>
    internal Task SetAsync(long mebibytes)
        => _last = AskAsync(_last, "balloon", string.Create(CultureInfo.InvariantCulture, $"\"value\":{(_memory - mebibytes) * 1024 * 1024}"));

    public void Dispose() => _monitor.Dispose();

    private async Task AskAsync(Task before, string command, string arguments)
    {
        await before;
        int number = ++_number;
        await _monitor.WriteAsync(Encoding.UTF8.GetBytes($"{{\"execute\":\"{command}\",\"arguments\":{{{arguments}}},\"id\":{number}}}\n"));
        while (true)
        {
            using JsonDocument line = JsonDocument.Parse(await ReadLineAsync());
            if (!line.RootElement.TryGetProperty("id", out JsonElement id) || id.GetInt32() != number) continue;
            if (line.RootElement.TryGetProperty("error", out JsonElement error)) throw new FaultException($"Balloon device error: the test double's QEMU says: {error.GetProperty("desc")}");
            return;
        }
    }

    private async Task<string> ReadLineAsync()
    {
        byte[] buffer = new byte[4096];
        while (true)
        {
            string text = _read.ToString();
            int end = text.IndexOf('\n', StringComparison.Ordinal);
            if (end >= 0)
            {
                _read.Remove(0, end + 1);
                return text[..end];
            }

            int n = await _monitor.ReadAsync(buffer);
            if (n == 0 || _read.Length + n > MostBytes) throw new FaultException("Balloon device error: the test double's QEMU does not answer");
            _read.Append(Encoding.UTF8.GetString(buffer, 0, n));
        }
    }
}
