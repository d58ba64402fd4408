using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Events;
using Runcvm.Linux.Sockets;
using Runcvm.Machines;

namespace Runcvm.Hypervisors.Qemu;

/// <summary>QEMU's monitor, spoken to in QMP: lines of JSON, a greeting first, one answer to each command in their order, and events in between.</summary>
internal sealed class QemuMonitor : IDisposable
{
    // An answer is a name or a sentence; what is longer does not come from a QEMU in its right mind.
    private const int LongestLine = 64 * 1024;

    private readonly AsyncFile _socket;
    private readonly List<byte> _read = [];
    private readonly Queue<(string Command, TaskCompletionSource Answer)> _asked = new();
    private readonly Task _ready;
    private Task _lastWrite = Task.CompletedTask;
    private TaskCompletionSource _reset = new();
    private TaskCompletionSource<DiskError> _diskError = new();
    private TaskCompletionSource _moved = new();
    private Exception? _failure;
    private bool _ended;

    internal QemuMonitor(AsyncFile socket)
    {
        _socket = socket;
        _ready = RunAsync("qmp_capabilities", []);
        // Whatever it fails with is what the waiting and all later commands fail with.
        ListenAsync().OnFailure(Fail);
    }

    /// <summary>Ends when the guest is reset the next time.</summary>
    internal Task WasReset => _reset.Task;

    /// <summary>Ends with the next error of a disk.</summary>
    internal Task<DiskError> DiskError => _diskError.Task;

    /// <summary>Has the guest go on, and what a disk could not do tried again.</summary>
    internal Task ContinueAsync() => UnlessItEndsAsync("cont", []);

    /// <summary>Takes the guest back to its first instruction. Where QEMU ends first, that is for whoever waits for its end.</summary>
    internal Task ResetAsync() => UnlessItEndsAsync("system_reset", []);

    /// <summary>Asks the guest to use no more than that: the rest goes to the host, or comes back from it.</summary>
    internal Task SetMemoryAsync(long mebibytes) => CommandAsync("balloon", new JsonObject { ["value"] = mebibytes * 1024 * 1024 });

    /// <summary>From now on a reset is the end of QEMU.</summary>
    internal Task EndAtResetAsync() => UnlessItEndsAsync("set-action", new JsonObject { ["reboot"] = "shutdown" });

    /// <summary>Has the guest stand still.</summary>
    internal Task StopAsync() => CommandAsync("stop", []);

    /// <summary>Reads a machine from a file that QEMU has under that number. It stands still then.</summary>
    internal async Task LoadAsync(int file)
    {
        await ExpectMoveAsync();
        // It would tell its network where the other machine's address is to be found.
        await CommandAsync("migrate-set-parameters", new JsonObject { ["announce-rounds"] = 0 });
        await CommandAsync("migrate-incoming", new JsonObject { ["uri"] = $"fd:{file}" });
        await _moved.Task;
    }

    /// <summary>Writes the machine, its memory and its devices, to a file. It runs no more then.</summary>
    /// <param name="file">a pipe's end, say; it is closed once QEMU has it, or has failed</param>
    internal async Task SaveAsync(SafeFileHandle file)
    {
        const string Name = "saved";
        using (file)
        {
            await ExpectMoveAsync();
            const long Unlimited = 1L << 40;
            await CommandAsync("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = Unlimited });
            await RunAsync("getfd", new JsonObject { ["fdname"] = Name }, file);
        }

        await CommandAsync("migrate", new JsonObject { ["uri"] = $"fd:{Name}" });
        await _moved.Task;
    }

    private Task ExpectMoveAsync()
    {
        _moved = new TaskCompletionSource();
        var events = new JsonObject { ["capability"] = "events", ["state"] = true };
        var capabilities = new JsonObject { ["capabilities"] = new JsonArray((JsonNode)events) };
        return CommandAsync("migrate-set-capabilities", capabilities);
    }

    public void Dispose() => _socket.Dispose();

    private async Task UnlessItEndsAsync(string command, JsonObject arguments)
    {
        try
        {
            await CommandAsync(command, arguments);
        }
        catch (Exception) when (_ended)
        {
            // So has the guest.
        }
    }

    private async Task CommandAsync(string command, JsonObject arguments)
    {
        await _ready;
        await RunAsync(command, arguments);
    }

    private Task RunAsync(string command, JsonObject arguments, SafeFileHandle? file = null)
    {
        if (_failure != null) return Task.FromException(_failure);
        var answer = new TaskCompletionSource();
        _asked.Enqueue((command, answer));
        string line = new JsonObject { ["execute"] = command, ["arguments"] = arguments }.ToJsonString();
        _lastWrite = WriteAfterAsync(_lastWrite, Encoding.UTF8.GetBytes(line + "\n"), file);
        return answer.Task;
    }

    private async Task WriteAfterAsync(Task before, byte[] line, SafeFileHandle? file)
    {
        await before;
        try
        {
            if (file == null) await _socket.WriteAsync(line);
            else UnixSocket.SendWithFiles(_socket.Handle, line, [file]);
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            End(e);
        }
    }

    private async Task ListenAsync()
    {
        try
        {
            if (await ReadLineAsync() is { } greeting) _ = Parse(greeting);
            while (await ReadLineAsync() is { } line) Take(Parse(line));
            End(new UsageException("QEMU closed its monitor"));
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            End(e);
        }
    }

    private void Take(JsonObject message)
    {
        if (message["event"] is { } name)
        {
            if (name.ToString() == "RESET") Report(ref _reset).SetResult();
            if (name.ToString() == "MIGRATION") TakeMove($"{message["data"]?["status"]}");
            if (name.ToString() == "BLOCK_IO_ERROR") Report(ref _diskError).SetResult(DiskErrorOf(message["data"] as JsonObject));
            return;
        }

        if (!_asked.TryDequeue(out (string Command, TaskCompletionSource Answer) asked)) throw new UsageException("QEMU's monitor answers what nobody asked");
        if (message["error"] is { } error) asked.Answer.SetException(new UsageException($"QEMU refused {asked.Command}: {error["desc"]}"));
        else asked.Answer.SetResult();
    }

    private void TakeMove(string status)
    {
        if (status == "completed") _moved.TrySetResult();
        if (status is "failed" or "cancelled")
            _moved.TrySetException(new UsageException("QEMU could not save or load the machine"));
    }

    // Whoever is told of one event may ask for the next at once.
    private static T Report<T>(ref T next)
        where T : new()
    {
        T reported = next;
        next = new T();
        return reported;
    }

    private static DiskError DiskErrorOf(JsonObject? data)
        => new($"{data?["device"]}", $"{data?["operation"]}", $"{data?["reason"]}", $"{data?["action"]}" == "stop");

    private void End(Exception reason)
    {
        _ended = true;
        Fail(reason);
    }

    private void Fail(Exception reason)
    {
        _failure = reason;
        // Nobody waits for it in a machine that is not saved.
        _moved.TrySetException(reason);
        _ = _moved.Task.Exception;
        while (_asked.TryDequeue(out (string Command, TaskCompletionSource Answer) asked)) asked.Answer.SetException(reason);
    }

    // Null at the end.
    private async Task<string?> ReadLineAsync()
    {
        byte[] buffer = new byte[4096];
        int end;
        while ((end = _read.IndexOf((byte)'\n')) < 0)
        {
            int n = await _socket.ReadAsync(buffer);
            if (n == 0) return null;
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
