using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Runcvm.Linux.Events;

namespace Runcvm.Machines.Qemu;

/// <summary>QEMU's monitor, spoken to in QMP: lines of JSON, a greeting first, and one answer to each command.</summary>
internal sealed class QemuMonitor(AsyncFile socket) : IDisposable
{
    // An answer is a name or a sentence; what is longer does not come from a QEMU in its right mind.
    private const int LongestLine = 64 * 1024;

    private readonly List<byte> _read = [];
    private Task _last = Task.CompletedTask;
    private bool _greeted;

    /// <summary>Asks the guest to use no more than that: the rest goes to the host, or comes back from it.</summary>
    internal Task SetMemoryAsync(long mebibytes)
        => _last = SetAfterAsync(_last, mebibytes);

    public void Dispose() => socket.Dispose();

    // One command after the other: their answers bear no name.
    private async Task SetAfterAsync(Task before, long mebibytes)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        if (!_greeted)
        {
            await ReadLineAsync();
            await RunAsync("qmp_capabilities", []);
            _greeted = true;
        }

        await RunAsync("balloon", new JsonObject { ["value"] = mebibytes * 1024 * 1024 });
    }

    private async Task RunAsync(string command, JsonObject arguments)
    {
        string line = new JsonObject { ["execute"] = command, ["arguments"] = arguments }.ToJsonString();
        await socket.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"));
        while (true)
        {
            JsonObject answer = Parse(await ReadLineAsync());
            if (answer["return"] != null) return;
            // What is neither is an event.
            if (answer["error"] is { } error) throw new UsageException($"QEMU refused {command}: {error["desc"]}");
        }
    }

    private async Task<string> ReadLineAsync()
    {
        byte[] buffer = new byte[4096];
        int end;
        while ((end = _read.IndexOf((byte)'\n')) < 0)
        {
            int n = await socket.ReadAsync(buffer);
            if (n == 0) throw new UsageException("QEMU closed its monitor");
            if (_read.Count + n > LongestLine) throw new UsageException("QEMU's monitor does not speak QMP");
            _read.AddRange(buffer.AsSpan(0, n));
        }

        string line = Encoding.UTF8.GetString([.. _read[..end]]);
        _read.RemoveRange(0, end + 1);
        return line;
    }

    private static JsonObject Parse(string line)
    {
        try
        {
            return JsonNode.Parse(line) as JsonObject ?? throw new UsageException("QEMU's monitor does not speak QMP");
        }
        catch (JsonException e)
        {
            throw new UsageException("QEMU's monitor does not speak QMP", e);
        }
    }
}
